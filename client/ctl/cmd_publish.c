/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/input.h"
#include "client/ctl/render.h"
#include "common/jose/jwe.h"

/* Checks all envelopes before the first one is stored. */
static enum ctl_exit publish_check_envelopes(struct ctl *ctl, const struct ctl_tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        struct stir_error err = {0};
        if (stir_jwe_check(NULL, tokens->items[i].ptr, tokens->items[i].len, &err) != STIR_OK) {
            struct ctl_place place = ctl_token_place(tokens, i, ctl->args.operand);
            (void)stir_fail_prefix(&err, err.code, "%s", place.text);
            return ctl_fail(ctl, &err);
        }
    }
    return CTL_GOOD;
}

static enum ctl_exit publish_one(struct ctl *ctl, struct cps *cps, struct stir_view envelope, json_t *list)
{
    struct cps_published out = {0};
    struct cps_error err = {0};
    char id[CPS_ID_LEN + 1];
    if (cps_envelope_id(id, envelope.ptr, envelope.len, &err) != CPS_OK ||
        cps_publish(cps, ctl->args.box, envelope.ptr, envelope.len, (uint32_t)ctl->args.ttl_s, &out, &err) != CPS_OK) {
        return ctl_fail_cps(ctl, &err);
    }
    stir_buf_puts(&ctl->text, out.existed ? "existed  " : "stored  ");
    ctl_put_safe(&ctl->text, out.location);
    stir_buf_puts(&ctl->text, "\n");
    json_t *item = json_pack("{s:s, s:s, s:b}", "id", id, "location", out.location, "existed", out.existed);
    return item && json_array_append_new(list, item) == 0 ? CTL_GOOD : ctl_no_memory(ctl);
}

static enum ctl_exit publish_run(struct ctl *ctl)
{
    struct ctl_tokens tokens = {0};
    struct cps *cps = NULL;
    json_t *list = json_array();
    enum ctl_exit status = ctl_check_identity(ctl, "dest", ctl->args.box);
    if (status == CTL_GOOD) {
        status = ctl_tokens_read(ctl, &tokens, ctl->args.operand);
    }
    if (status == CTL_GOOD) {
        status = publish_check_envelopes(ctl, &tokens);
    }
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    for (size_t i = 0; status == CTL_GOOD && i < tokens.count; i++) {
        status = publish_one(ctl, cps, tokens.items[i], list);
    }
    /* Report the envelopes that were stored before a failure. */
    ctl->keep = json_array_size(list) > 0;
    if (status == CTL_GOOD || ctl->keep) {
        enum ctl_exit answered = ctl_answer(ctl, json_pack("{s:O}", "published", list));
        status = status == CTL_GOOD ? answered : status;
    }
    cps_free(cps);
    json_decref(list);
    ctl_tokens_clear(&tokens);
    return status;
}

static const struct ctl_option own[] = {
    {"dest", CTL_TEXT, "WHO", CTL_AT(box), .text = "the destination of the box: a number or a URI"},
    {"ttl", CTL_NUMBER, "SECONDS", CTL_AT(ttl_s), .text = "how long the CPS keeps it; 0: as long as the CPS decides",
     .min = 0, .max = 31536000},
};
static const struct ctl_group own_group = CTL_GROUP("Publishing", own);

const struct ctl_command ctl_cmd_publish = {
    .syntax =
        {
            .name = "publish",
            .text = "store envelopes at the CPS",
            .details = "Reads envelopes from FILE or standard input, one per line.",
            .operand = "FILE",
            .groups = {&own_group, &ctl_group_cps, &ctl_group_table, &ctl_group_finding, &ctl_group_roots,
                       &ctl_group_numbers},
            .required = {"cps", "dest"},
        },
    .run = publish_run,
};
