/* SPDX-License-Identifier: MIT */
/*
 * The text of short messages and its joining: any data_coding, any user data header, any order of segments. The first
 * octets choose settings, the rest is segments, each with its length in front.
 */
#include "client/smpp/address.h"
#include "client/smpp/join.h"
#include "client/smpp/segment.h"
#include "client/smpp/text/reading.h"
#include "client/smpp/text/text_utf8.h"
#include "tests/fuzz/must.h"

#include <stdint.h>
#include <string.h>

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t octet(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

static struct stir_view octets(struct input *in, size_t n)
{
    n = n < in->left ? n : in->left;
    struct stir_view view = stir_view((const char *)in->at, n);
    in->at += n;
    in->left -= n;
    return view;
}

static struct stir_buf body_of(const struct smpp_part *parts, size_t count, enum smpp_body *kind)
{
    struct stir_buf body = {0};
    bool octets_only = false;
    for (size_t i = 0; i < count; i++) {
        octets_only |= parts[i].alphabet == SMPP_OCTETS;
    }
    MUST(smpp_body_make(&body, kind, parts, count, NULL) == STIR_OK);
    MUST(*kind != SMPP_BODY_TEXT || smpp_utf8_valid(body.ptr, body.len));
    MUST((*kind == SMPP_BODY_OCTETS) == octets_only);
    return body;
}

/* Every other reading is text that differs from the body and from the readings before it. */
static void check_readings(const struct stir_buf *body, enum smpp_body kind, const struct smpp_part *parts,
                           size_t count)
{
    struct smpp_readings readings;
    MUST(smpp_readings_make(&readings, stir_view(body->ptr ? body->ptr : "", body->len), kind, parts, count, NULL) ==
         STIR_OK);
    MUST(readings.count < SMPP_READINGS);
    for (size_t i = 0; i < readings.count; i++) {
        const struct stir_buf *text = &readings.items[i].body;
        MUST(smpp_reading_name(readings.items[i].reading)[0] && smpp_utf8_valid(text->ptr, text->len));
        MUST(text->len != body->len || memcmp(text->ptr, body->ptr, text->len) != 0);
        for (size_t k = 0; k < i; k++) {
            const struct stir_buf *other = &readings.items[k].body;
            MUST(other->len != text->len || memcmp(other->ptr, text->ptr, text->len) != 0);
        }
    }
    smpp_readings_clear(&readings);
}

/* One part, and the same cut in two, make the same body. */
static void check_cut(const struct smpp_segment *segment, size_t cut)
{
    struct smpp_part halves[2] = {segment->part, segment->part};
    size_t len = segment->part.octets.len;
    cut = len ? cut % (len + 1) : 0;
    if (cut < smpp_mark_len(segment->part.alphabet, segment->part.octets) || segment->part.filled) {
        cut = len; /* a mark, and the septet that fills up, are in one part */
    }
    halves[0].octets.len = cut;
    halves[0].filled = segment->part.filled;
    halves[1].filled = false;
    halves[1].octets = stir_view(segment->part.octets.ptr + cut, len - cut);
    enum smpp_body kind;
    enum smpp_body kind_of_halves;
    struct stir_buf whole = body_of(&segment->part, 1, &kind);
    struct stir_buf joined = body_of(halves, 2, &kind_of_halves);
    MUST(kind == kind_of_halves && whole.len == joined.len);
    MUST(whole.len == 0 || memcmp(whole.ptr, joined.ptr, whole.len) == 0);
    check_readings(&whole, kind, &segment->part, 1);
    stir_buf_free(&whole);
    stir_buf_free(&joined);
}

/* A message that left the joiner has the segments that it says, and a body. */
static void check_message(struct smpp_joined *message, const void *token)
{
    struct smpp_part parts[UINT8_MAX];
    enum smpp_body kind;
    unsigned here = 0;
    size_t len = 0;
    for (unsigned number = 0; number <= smpp_joined_total(message) + 1; number++) {
        struct smpp_part part;
        void *its = NULL;
        if (smpp_joined_segment(message, number, &part, &its)) {
            MUST(its == token);
            here++;
            len += part.octets.len - part.filled;
        }
    }
    MUST(here > 0 && smpp_joined_is_complete(message) == (here == smpp_joined_total(message)));
    size_t count = smpp_joined_parts(message, parts);
    struct stir_buf body = body_of(parts, count, &kind);
    MUST(count == here && (kind == SMPP_BODY_TEXT || body.len == len));
    check_readings(&body, kind, parts, count);
    stir_buf_free(&body);
    smpp_joined_free(message);
}

static void check_address(struct stir_view addr, uint8_t ton, uint8_t npi)
{
    static const struct smpp_addressing how = {
        .numbering = {.max_digits = 15, .country_code = "44", .national_prefix = "0", .international_prefix = "00"},
        .alphanumeric_domain = "example.com"};
    struct smpp_address address = {ton, npi, addr};
    struct stir_identity id = {0};
    struct stir_error err = {0};
    if (smpp_address_identity(&id, &address, &how, &err) != STIR_OK) {
        MUST(err.text[0] && id.len == 0);
        return;
    }
    bool uri = id.kind == STIR_IDENTITY_URI;
    MUST(uri == smpp_address_is_alphanumeric(&address));
    MUST(uri ? strncmp(id.text, "sip:", 4) == 0 && strchr(id.text, '@') == strrchr(id.text, '@')
             : stir_tn_is_canonical(id.text, id.len, 15));
}

static void run(struct input *in, struct smpp_join *join, struct smpp_join_peer *peer)
{
    uint8_t choice = octet(in);
    uint8_t data_codings[] = {octet(in), 0};
    static const enum smpp_alphabet zero[] = {SMPP_GSM7, SMPP_ASCII, SMPP_LATIN1, SMPP_UTF8};
    struct smpp_text_settings settings = {.data_coding_0 = zero[choice & 3],
                                          .data_coding_1 = zero[choice >> 3 & 3],
                                          .packed = choice & 4};
    struct stir_buf unpacked = {0};
    uint64_t now = 0;
    while (in->left > 0) {
        uint8_t esm_class = octet(in);
        uint8_t data_coding = data_codings[esm_class >> 1 & 1];
        struct smpp_sar sar = {.present = esm_class & 1};
        if (sar.present) {
            sar.ref = octet(in);
            sar.total = octet(in);
            sar.segment = octet(in);
        }
        struct stir_view text = octets(in, octet(in));
        struct smpp_segment segment;
        check_address(text, esm_class, choice);
        if (smpp_segment_read(&segment, esm_class, data_coding, text, &sar, &settings, &unpacked, NULL) != STIR_OK) {
            continue;
        }
        MUST(segment.place.number >= 1 && segment.place.number <= segment.place.total);
        MUST((segment.place.kind == SMPP_REF_NONE) == (segment.place.total == 1));
        check_cut(&segment, esm_class);
        struct smpp_join_key key = {.peer = peer,
                                    .orig = stir_view_str("1"),
                                    .dest = stir_view_str("2"),
                                    .place = segment.place};
        struct smpp_join_outcome done = smpp_join_add(join, &key, &segment.part, peer, now++);
        MUST(done.result != SMPP_JOIN_COMPLETE || smpp_joined_is_complete(done.message));
        MUST((done.result == SMPP_JOIN_DUPLICATE) == (done.held != NULL));
        if (done.message) {
            check_message(done.message, peer);
        }
        for (struct smpp_joined *late; (late = smpp_join_expire(join, now));) {
            MUST(!smpp_joined_is_complete(late));
            check_message(late, peer);
        }
    }
    stir_buf_free(&unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct smpp_join_limits limits = {.all = {8, 20, 40000}, .peer = {7, 16, 30000}, .timeout_ms = 40};
    struct input in = {data, size};
    struct smpp_join_peer peer = {0};
    struct smpp_join *join = NULL;
    MUST(smpp_join_new(&join, &limits) == STIR_OK);
    run(&in, join, &peer);
    struct smpp_join_bounds held = smpp_join_held(join);
    MUST(memcmp(&held, &peer.held, sizeof(held)) == 0);
    MUST(held.messages <= 7 && held.segments <= 16 && held.octets <= 30000);
    while (held.messages-- > 0) {
        smpp_joined_free(smpp_join_take(join, &peer));
    }
    MUST(smpp_join_take(join, NULL) == NULL && peer.held.octets == 0 && peer.held.segments == 0);
    smpp_join_free(join);
    return 0;
}
