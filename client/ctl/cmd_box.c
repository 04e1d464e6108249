/* SPDX-License-Identifier: MIT */
#include "client/ctl/admin.h"
#include "client/ctl/commands.h"
#include "client/ctl/date.h"
#include "client/ctl/groups.h"

#include <string.h>

/* Shows the operator the envelopes of a box, read from the admin listener: without dummies and without contents. */
static const struct ctl_option options[] = {
    {"admin", CTL_TEXT, "ADDRESS", CTL_AT(admin),
     .text = "the admin listener of cpsd ([admin] listen), ADDRESS:PORT or unix:/PATH; default: 127.0.0.1:8081",
     .env = "CPS_ADMIN"},
    {"timeout", CTL_NUMBER, "SECONDS", CTL_AT(timeout_s), .text = "the time limit for one request", .initial = 5,
     .min = 1, .max = 3600},
};
static const struct ctl_group group = CTL_GROUP("The server", options);

static enum ctl_exit box_path(struct ctl *ctl, struct stir_buf *path)
{
    stir_buf_puts(path, "/boxes/");
    return ctl_admin_segment(path, ctl->args.operand) ? CTL_GOOD : ctl_no_memory(ctl);
}

static void box_put_time(struct stir_buf *out, const json_t *envelope, const char *member)
{
    char when[CTL_DATE_MAX];
    int64_t us = json_integer_value(json_object_get(envelope, member));
    stir_buf_printf(out, "  %s", ctl_date_text(when, us / 1000000));
}

static void box_put_table(struct stir_buf *out, const json_t *box)
{
    size_t i;
    json_t *envelope;
    const json_t *envelopes = json_object_get(box, "envelopes");
    if (json_array_size(envelopes)) {
        stir_buf_printf(out, "%-22s  %-20s  %-20s  %6s\n", "id", "arrived", "expires", "octets");
    }
    json_array_foreach(envelopes, i, envelope)
    {
        const char *id = json_string_value(json_object_get(envelope, "id"));
        stir_buf_printf(out, "%-22.22s", id ? id : "");
        box_put_time(out, envelope, "arrived_us");
        box_put_time(out, envelope, "expires_us");
        stir_buf_printf(out, "  %6lld\n", (long long)json_integer_value(json_object_get(envelope, "octets")));
    }
    stir_buf_printf(out, "%zu envelopes, %lld octets%s\n", json_array_size(envelopes),
                    (long long)json_integer_value(json_object_get(box, "octets")),
                    json_is_true(json_object_get(box, "more")) ? "; the list is incomplete, because the box holds more"
                                                               : "");
}

static enum ctl_exit box_run(struct ctl *ctl)
{
    struct stir_buf path = {.limit = 4096}, text = {.limit = 64u << 20};
    json_t *box = NULL;
    /* The operand is "-" (standard input) if none was given; a box has no such name. */
    ctl->args.admin = ctl->args.admin ? ctl->args.admin : "127.0.0.1:8081";
    enum ctl_exit status = strcmp(ctl->args.operand, "-") == 0
                               ? ctl_usage(ctl, "box: DEST is missing; name the destination of the box")
                               : box_path(ctl, &path);
    if (status == CTL_GOOD) {
        status = ctl_admin_get(ctl, path.ptr, &text);
    }
    if (status == CTL_GOOD) {
        /* A list of envelopes is the sign that the listener belongs to cpsd. */
        box = json_loadb(text.ptr ? text.ptr : "", text.len, 0, NULL);
        if (!json_is_array(json_object_get(box, "envelopes"))) {
            status = ctl_fail_text(ctl, CTL_REFUSED, "CPS_E_PROTOCOL",
                                   "%s: the answer is not a list of envelopes; is this cpsd?", ctl->args.admin);
        }
    }
    stir_buf_free(&path);
    stir_buf_free(&text);
    if (status != CTL_GOOD) {
        json_decref(box);
        return status;
    }
    box_put_table(&ctl->text, box);
    return ctl_answer(ctl, box);
}

const struct ctl_command ctl_cmd_box = {
    .syntax =
        {
            .name = "box",
            .text = "list the envelopes of a destination's box, for the operator of cpsd",
            .details = "Prints the id, times and size of each stored envelope. Dummies are not listed; the contents "
                       "are encrypted.",
            .operand = "DEST",
            .groups = {&group},
        },
    .run = box_run,
};
