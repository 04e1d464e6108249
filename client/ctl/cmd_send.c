/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/input.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The keys of each destination: --to FILE is for all destinations, --to WHO=FILE for --dest WHO. */
struct recipients {
    struct ctl_keys keys; /* in the order of the --to options */
    struct ctl_list files;
    size_t *dest_of; /* for each file, the index of its destination, or the number of destinations for all */
    const struct cps_key **lists;
    struct cps_recipient *items;
};

static void recipients_clear(struct recipients *r)
{
    ctl_keys_clear(&r->keys);
    free(r->files.items);
    free(r->dest_of);
    free(r->lists);
    free(r->items);
    *r = (struct recipients){0};
}

/* Returns the file of "WHO=FILE" or "FILE". Sets *dest to the index of the --dest that is WHO, or to their number. */
static const char *recipients_split_to(const struct ctl_list *dests, const char *to, size_t *dest)
{
    for (size_t i = 0; i < dests->count; i++) {
        size_t len = strlen(dests->items[i]);
        if (strncmp(to, dests->items[i], len) == 0 && to[len] == '=') {
            *dest = i;
            return to + len + 1;
        }
    }
    *dest = dests->count;
    return to;
}

/* Tells whether keys can be looked up: in the pinned keys, or in key records, which need trusted roots. */
static bool send_finds_keys(const struct ctl_args *args)
{
    return args->trust || args->pinned;
}

static enum ctl_exit recipients_assign_keys(struct ctl *ctl, struct recipients *r)
{
    const struct ctl_list *dests = &ctl->args.dest;
    size_t keys = r->keys.count;
    for (size_t d = 0; d < dests->count; d++) {
        struct cps_recipient *item = &r->items[d];
        const struct cps_key **list = r->lists + d * keys;
        item->dest = dests->items[d];
        item->keys = list;
        for (size_t k = 0; k < keys; k++) {
            size_t dest = r->dest_of[r->keys.file_of[k]];
            if (dest == d || dest == dests->count) {
                list[item->key_count++] = r->keys.items[k];
            }
        }
        if (item->key_count == 0 && !send_finds_keys(&ctl->args)) {
            return ctl_usage(ctl, "--to: no key for %s; give one, or --pinned or --trust to look it up", item->dest);
        }
    }
    return CTL_GOOD;
}

static enum ctl_exit recipients_read(struct ctl *ctl, struct recipients *r)
{
    const struct ctl_args *args = &ctl->args;
    r->files.items = calloc(args->to.count + 1, sizeof(*r->files.items));
    r->dest_of = calloc(args->to.count + 1, sizeof(*r->dest_of));
    r->items = calloc(args->dest.count, sizeof(*r->items));
    if (!r->files.items || !r->dest_of || !r->items) {
        return ctl_no_memory(ctl);
    }
    for (size_t i = 0; i < args->to.count; i++) {
        r->files.items[r->files.count++] = recipients_split_to(&args->dest, args->to.items[i], &r->dest_of[i]);
    }
    enum ctl_exit status = r->files.count ? ctl_keys_load(ctl, &r->keys, &r->files, false) : CTL_GOOD;
    if (status != CTL_GOOD) {
        return status;
    }
    r->lists = calloc(r->keys.count * args->dest.count + 1, sizeof(const struct cps_key *));
    return r->lists ? recipients_assign_keys(ctl, r) : ctl_no_memory(ctl);
}

static enum ctl_exit send_answer(struct ctl *ctl, const struct cps_sent *sent)
{
    stir_buf_printf(&ctl->text, "sent  %zu of %zu envelopes stored, %zu octets\n", sent->published, sent->envelopes,
                    sent->octets);
    json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:s*}", "envelopes", (json_int_t)sent->envelopes, "published",
                             (json_int_t)sent->published, "octets", (json_int_t)sent->octets, "passports",
                             (json_int_t)sent->passports, "passport", sent->passport);
    return ctl_answer(ctl, json);
}

static enum ctl_exit send_message(struct ctl *ctl, struct cps *cps, const struct cps_signer *signer,
                                  const struct cps_message *message, const struct recipients *r)
{
    struct cps_sent sent = {0};
    struct cps_error err = {0};
    enum cps_code code =
        cps_send(cps, signer, message, r->items, ctl->args.dest.count, (uint32_t)ctl->args.ttl_s, &sent, &err);
    enum ctl_exit status = CTL_GOOD;
    if (code == CPS_OK || sent.published > 0) {
        /* Report the envelopes that were stored, also if others failed. */
        status = send_answer(ctl, &sent);
        ctl->keep = true;
    }
    if (code != CPS_OK) {
        status = ctl_fail_cps(ctl, &err);
    }
    cps_sent_clear(&sent);
    return status;
}

static enum ctl_exit send_run(struct ctl *ctl)
{
    struct ctl_message message = {0};
    struct recipients recipients = {0};
    struct cps *cps = NULL;
    struct cps_signer *signer = NULL;
    /* Read all input before anything is signed or published. */
    enum ctl_exit status = ctl_message_read(ctl, &message);
    if (status == CTL_GOOD) {
        status = ctl_signer_open(ctl, &signer);
    }
    if (status == CTL_GOOD) {
        status = recipients_read(ctl, &recipients);
    }
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    if (status == CTL_GOOD) {
        status = send_message(ctl, cps, signer, &message.message, &recipients);
    }
    cps_free(cps);
    cps_signer_free(signer);
    recipients_clear(&recipients);
    ctl_message_clear(&message);
    return status;
}

static const struct ctl_option own[] = {
    {"to", CTL_LIST, "[WHO=]FILE", CTL_AT(to),
     .text = "a recipient's public keys: JWK, JWK Set or PEM; WHO is its --dest; default: look the keys up"},
    {"with-chain", CTL_FLAG, NULL, CTL_AT(with_chain), .text = "put the certificate chain into the envelope"},
    {"shared-passport", CTL_FLAG, NULL, CTL_AT(shared_passport),
     .text = "make one PASSporT for all destinations, which discloses them to each other; default: one for each"},
    {"ttl", CTL_NUMBER, "SECONDS", CTL_AT(ttl_s), .text = "how long the CPS keeps it; 0: as long as the CPS decides",
     .min = 0, .max = 31536000},
};
static const struct ctl_group own_group = CTL_GROUP("Sending", own);

const struct ctl_command ctl_cmd_send = {
    .syntax =
        {
            .name = "send",
            .text = "sign, encrypt and publish a message's PASSporT",
            .details =
                "When the command succeeds, the CPS has stored the PASSporT, and the message can be sent. If --to "
                "gives no\n"
                "key, the keys come from --pinned, or from the destination's key record, which --trust verifies.",
            .groups = {&ctl_group_message, &ctl_group_signer, &ctl_group_tenant, &own_group, &ctl_group_cps,
                       &ctl_group_authority, &ctl_group_finding, &ctl_group_roots, &ctl_group_numbers},
            .required = {"cps", "orig", "dest"},
        },
    .run = send_run,
};
