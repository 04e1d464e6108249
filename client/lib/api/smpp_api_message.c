/* SPDX-License-Identifier: MIT */
#include "client/lib/api/smpp_api.h"

#include "client/smpp/pdu_list.h"
#include "common/passport/passport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cps_smpp_owned *cps_smpp_owned_new(size_t segments, size_t dests)
{
    struct cps_smpp_owned *owned = NULL;
    size_t head = sizeof(*owned) + segments * sizeof(owned->segments[0]);
    owned = calloc(1, head + dests * (sizeof(owned->dests[0]) + sizeof(owned->texts[0])));
    if (owned) {
        owned->dests = (const char **)(void *)((char *)owned + head);
        owned->texts = (void *)(owned->dests + dests);
        owned->dest_room = dests;
    }
    return owned;
}

void cps_smpp_owned_free(struct cps_smpp_owned *owned)
{
    if (owned) {
        stir_buf_cleanse(&owned->body);
        smpp_readings_clear(&owned->readings);
        free(owned);
    }
}

void cps_smpp_result_clear(struct cps_smpp_result *result)
{
    if (result) {
        cps_smpp_owned_free(result->owned);
        *result = (struct cps_smpp_result){0};
    }
}

void cps_smpp_bar(struct cps_smpp_result *result, enum cps_smpp_reason reason, const char *text)
{
    if (result->reason == CPS_SMPP_NO_MESSAGE) {
        result->reason = reason;
        (void)snprintf(result->text, sizeof(result->text), "%s", text ? text : cps_smpp_reason_text(reason));
    }
}

size_t cps_smpp_list_segments(struct cps_smpp_owned *owned, const struct smpp_joined *joined)
{
    size_t count = 0;
    for (unsigned number = 1; number <= smpp_joined_total(joined); number++) {
        void *token;
        if (smpp_joined_segment(joined, number, NULL, &token)) {
            owned->segments[count++] = (struct cps_smpp_segment){.number = number, .token = token};
        }
    }
    return count;
}

/* Writes an identity so that this handle's numbering reads it back unchanged. A canonical number may look like a
 * national one, so a '+' is put before it where needed. Returns false if neither form reads back. */
static bool smpp_message_write_identity(char out[CPS_SMPP_IDENTITY], const struct stir_identity *id,
                                        const struct stir_numbering *numbering)
{
    struct stir_identity back;
    (void)snprintf(out, CPS_SMPP_IDENTITY, "%s", id->text);
    if (stir_identity_parse_user(&back, out, strlen(out), numbering, NULL) == STIR_OK &&
        stir_identity_equal(&back, id)) {
        return true;
    }
    (void)snprintf(out, CPS_SMPP_IDENTITY, "+%s", id->text);
    return stir_identity_parse_user(&back, out, strlen(out), numbering, NULL) == STIR_OK &&
           stir_identity_equal(&back, id);
}

static bool smpp_message_take_address(char out[CPS_SMPP_IDENTITY], const struct smpp_address *address,
                                      const struct smpp_addressing *how, struct stir_error *err)
{
    struct stir_identity id;
    return smpp_address_identity(&id, address, how, err) == STIR_OK &&
           smpp_message_write_identity(out, &id, &how->numbering);
}

static void smpp_message_bar_address(struct cps_smpp_result *result, enum cps_smpp_reason reason, const char *field,
                                     const struct stir_error *cause)
{
    char text[sizeof(result->text)];
    (void)snprintf(text, sizeof(text), "%s: %.80s", field, cause->text);
    cps_smpp_bar(result, reason, cause->text[0] ? text : NULL);
}

/* Reads the next destination: the one address of most commands, or the next one of submit_multi. */
static bool smpp_message_next_dest(const struct smpp_pdu *pdu, size_t index, struct stir_view *rest,
                                   struct smpp_dest *out)
{
    if (pdu->header.command == SMPP_SUBMIT_MULTI) {
        return smpp_dest_next(rest, out);
    }
    *out = (struct smpp_dest){.address = pdu->dest};
    return index == 0;
}

static void smpp_message_take_dests(struct cps_smpp_result *result, struct cps_smpp_owned *owned,
                                    const struct cps_smpp *peer, const struct smpp_pdu *pdu)
{
    struct stir_view rest = pdu->dests;
    struct smpp_dest dest;
    size_t count = 0;
    while (smpp_message_next_dest(pdu, count, &rest, &dest)) {
        struct stir_error cause = {0};
        if (dest.list || count == owned->dest_room) {
            cps_smpp_bar(result, dest.list ? CPS_SMPP_DISTRIBUTION_LIST : CPS_SMPP_MANY_DESTS, NULL);
            return;
        }
        if (!smpp_message_take_address(owned->texts[count], &dest.address, &peer->dest, &cause)) {
            smpp_message_bar_address(result, CPS_SMPP_BAD_DEST, "destination_addr", &cause);
            return;
        }
        owned->dests[count] = owned->texts[count];
        count++;
    }
    result->message.dest = owned->dests;
    result->message.dest_count = count;
}

static bool smpp_message_take_orig(struct cps_smpp_result *result, struct cps_smpp_owned *owned,
                                   const struct cps_smpp *peer, const struct smpp_pdu *pdu)
{
    struct stir_error cause = {0};
    if (smpp_message_take_address(owned->orig, &pdu->source, &peer->orig, &cause)) {
        return true;
    }
    bool nameless = smpp_address_is_alphanumeric(&pdu->source) && !peer->orig.alphanumeric_domain;
    smpp_message_bar_address(result, nameless ? CPS_SMPP_ALPHANUMERIC : CPS_SMPP_BAD_ORIG, "source_addr", &cause);
    return false;
}

/* Fills in the other texts that the body can be read as. */
static void smpp_message_list_readings(struct cps_message *message, struct cps_smpp_owned *owned)
{
    _Static_assert(SMPP_READINGS - 1 <= CPS_READINGS_MAX, "a message takes all of them");
    for (size_t i = 0; i < owned->readings.count; i++) {
        const struct stir_buf *body = &owned->readings.items[i].body;
        owned->reading_list[i] = (struct cps_reading){.name = smpp_reading_name(owned->readings.items[i].reading),
                                                      .body = body->len ? body->ptr : "",
                                                      .body_len = body->len};
    }
    message->readings = owned->readings.count ? owned->reading_list : NULL;
    message->reading_count = owned->readings.count;
}

static void smpp_message_take_body(struct cps_smpp_result *result, struct cps_smpp_owned *owned,
                                   const struct smpp_segment *segment, const struct smpp_joined *joined)
{
    struct smpp_part parts[UINT8_MAX];
    const struct smpp_part *first = joined ? parts : &segment->part;
    size_t count = joined ? smpp_joined_parts(joined, parts) : 1;
    static const enum cps_smpp_content contents[] = {[SMPP_BODY_TEXT] = CPS_SMPP_TEXT,
                                                     [SMPP_BODY_OCTETS] = CPS_SMPP_OCTETS,
                                                     [SMPP_BODY_MALFORMED] = CPS_SMPP_BROKEN_TEXT};
    enum smpp_body kind;
    enum stir_code code = smpp_body_make(&owned->body, &kind, first, count, NULL);
    if (code == STIR_OK) {
        struct stir_view body = stir_view(owned->body.len ? owned->body.ptr : "", owned->body.len);
        code = smpp_readings_make(&owned->readings, body, kind, first, count, NULL);
    }
    if (code != STIR_OK) {
        cps_smpp_bar(result, code == STIR_E_CONFIG ? CPS_SMPP_CODING : CPS_SMPP_NO_MEMORY, NULL);
        return;
    }
    result->message.body = owned->body.len ? owned->body.ptr : "";
    result->message.body_len = owned->body.len;
    result->content = contents[kind];
    smpp_message_list_readings(&result->message, owned);
}

void cps_smpp_fill_message(struct cps_smpp_result *result, struct cps_smpp_owned *owned, const struct cps_smpp *peer,
                           const struct smpp_pdu *pdu, const struct smpp_segment *segment,
                           const struct smpp_joined *joined)
{
    if (result->reason == CPS_SMPP_NO_MESSAGE) {
        smpp_message_take_body(result, owned, segment, joined);
    }
    bool from = smpp_message_take_orig(result, owned, peer, pdu);
    smpp_message_take_dests(result, owned, peer, pdu);
    if (from && result->reason == CPS_SMPP_NO_MESSAGE) {
        result->message.orig = owned->orig;
        result->reason = CPS_SMPP_FIT;
    }
}
