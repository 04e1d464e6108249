/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/input.h"

#include <string.h>

static enum ctl_exit retrieve_answer(struct ctl *ctl, const struct cps_envelopes *box)
{
    const char *id = ctl->args.id;
    json_t *list = json_array();
    for (size_t i = 0; i < box->count; i++) {
        const struct cps_envelope *envelope = &box->items[i];
        /* --id selects one envelope. */
        if (id && strcmp(envelope->id, id) != 0) {
            continue;
        }
        stir_buf_printf(&ctl->text, "%s\n", envelope->text);
        json_t *item = json_pack("{s:s, s:s, s:I}", "id", envelope->id, "envelope", envelope->text, "octets",
                                 (json_int_t)envelope->len);
        /* A holder also sees the envelopes that were claimed. */
        if (envelope->taken) {
            (void)json_object_set_new(item, "taken", json_true());
        }
        (void)json_array_append_new(list, item);
    }
    enum ctl_exit status = CTL_GOOD;
    if (id && json_array_size(list) == 0) {
        status = ctl_fail_text(ctl, CTL_NO, "CPS_E_NOT_FOUND", "--id: the box does not contain this envelope");
    } else {
        status = ctl_answer(ctl, json_pack("{s:O, s:s*}", "envelopes", list, "cursor", box->cursor));
    }
    json_decref(list);
    return status;
}

static enum ctl_exit retrieve_box(struct ctl *ctl, struct cps *cps)
{
    const struct ctl_args *args = &ctl->args;
    struct cps_envelopes box = {0};
    struct cps_error err = {0};
    enum cps_code code = cps_retrieve(cps, args->box, args->after, (uint32_t)args->wait_s * 1000, &box, &err);
    enum ctl_exit status = code == CPS_OK ? retrieve_answer(ctl, &box) : ctl_fail_cps(ctl, &err);
    cps_envelopes_clear(&box);
    return status;
}

static enum ctl_exit retrieve_empty_box(struct ctl *ctl, struct cps *cps)
{
    struct cps_error err = {0};
    if (cps_empty(cps, ctl->args.box, &err) != CPS_OK) {
        return ctl_fail_cps(ctl, &err);
    }
    stir_buf_puts(&ctl->text, "the box is empty\n");
    return ctl_answer(ctl, json_pack("{s:b}", "emptied", 1));
}

static enum ctl_exit retrieve_run(struct ctl *ctl)
{
    struct cps *cps = NULL;
    enum ctl_exit status = ctl_check_identity(ctl, "dest", ctl->args.box);
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    if (status == CTL_GOOD) {
        status = ctl->args.empty ? retrieve_empty_box(ctl, cps) : retrieve_box(ctl, cps);
    }
    cps_free(cps);
    return status;
}

static const struct ctl_option own[] = {
    {"dest", CTL_TEXT, "WHO", CTL_AT(box), .text = "the destination of the box: a number or a URI"},
    {"after", CTL_TEXT, "CURSOR", CTL_AT(after),
     .text = "only envelopes that arrived after this cursor, which --json shows"},
    {"wait", CTL_NUMBER, "SECONDS", CTL_AT(wait_s), .text = "how long the CPS may wait for the next envelope", .min = 0,
     .max = 3600},
    {"id", CTL_TEXT, "ID", CTL_AT(id), .text = "only this envelope"},
    {"empty", CTL_FLAG, NULL, CTL_AT(empty),
     .text = "delete all envelopes from the box without reading them, as its holder"},
};
static const struct ctl_group own_group = CTL_GROUP("Retrieving", own);

const struct ctl_command ctl_cmd_retrieve = {
    .syntax =
        {
            .name = "retrieve",
            .text = "read the box of a destination from the CPS",
            .details = "Prints envelopes, one per line, in order of arrival. Some may be dummies, which only the "
                       "recipient's key\n"
                       "can tell. With --holder, envelopes that were already claimed are included; --json marks them "
                       "\"taken\".",
            .groups = {&own_group, &ctl_group_cps, &ctl_group_table, &ctl_group_finding, &ctl_group_roots,
                       &ctl_group_numbers},
            .required = {"cps", "dest"},
        },
    .run = retrieve_run,
};
