/* SPDX-License-Identifier: MIT */
/* cpsctl keys put and keys get. */
#include "client/ctl/commands.h"
#include "client/ctl/date.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/input.h"
#include "client/ctl/render.h"
#include "common/passport/keyrecord.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- put ---- */

static enum ctl_exit keys_put_for(struct ctl *ctl, struct cps *cps, const char *subject,
                                  const struct stir_keyrecord *record, json_t *list)
{
    struct cps_error err = {0};
    if (cps_put_keys(cps, subject, record->token, record->token_len, &err) != CPS_OK) {
        return ctl_fail_cps(ctl, &err);
    }
    stir_buf_puts(&ctl->text, "put  ");
    ctl_put_safe(&ctl->text, subject);
    stir_buf_puts(&ctl->text, "\n");
    return json_array_append_new(list, json_string(subject)) == 0 ? CTL_GOOD : ctl_no_memory(ctl);
}

/* Puts the record under each code and number that it names; a range cannot be a name in the directory. */
static enum ctl_exit keys_put_for_all(struct ctl *ctl, struct cps *cps, const struct stir_keyrecord *record,
                                      json_t *list)
{
    enum ctl_exit status = CTL_GOOD;
    char subject[STIR_TN_MAX + 8];
    for (size_t i = 0; status == CTL_GOOD && i < record->claims.count; i++) {
        const struct stir_tnauth_entry *entry = &record->claims.entries[i];
        if (entry->kind != STIR_TNAUTH_RANGE) {
            (void)snprintf(subject, sizeof(subject), "%s%s", entry->kind == STIR_TNAUTH_SPC ? "spc:" : "",
                           entry->value);
            status = keys_put_for(ctl, cps, subject, record, list);
        }
    }
    if (status == CTL_GOOD && json_array_size(list) == 0) {
        status = ctl_usage(ctl, "--for WHO: missing: the record names only ranges; give the number to put it under");
    }
    return status;
}

static enum ctl_exit keys_read_record(struct ctl *ctl, struct stir_keyrecord **out)
{
    struct stir_buf file = {0};
    struct stir_error err = {0};
    enum ctl_exit status = ctl_file_read(ctl, &file, ctl->args.operand, STIR_KEYRECORD_MAX);
    while (file.len && (file.ptr[file.len - 1] == '\n' || file.ptr[file.len - 1] == ' ')) {
        file.len--;
    }
    if (status == CTL_GOOD && stir_keyrecord_parse(out, file.ptr ? file.ptr : "", file.len, &err) != STIR_OK) {
        (void)stir_fail_prefix(&err, err.code, "%s", ctl_file_name(ctl->args.operand));
        status = ctl_fail(ctl, &err);
    }
    stir_buf_free(&file);
    return status;
}

static enum ctl_exit keys_put_run(struct ctl *ctl)
{
    struct stir_keyrecord *record = NULL;
    struct cps *cps = NULL;
    json_t *list = json_array();
    enum ctl_exit status = keys_read_record(ctl, &record);
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    if (status == CTL_GOOD) {
        status = ctl->args.box ? keys_put_for(ctl, cps, ctl->args.box, record, list)
                               : keys_put_for_all(ctl, cps, record, list);
    }
    /* Report the records that were put before a failure. */
    ctl->keep = json_array_size(list) > 0;
    if (status == CTL_GOOD || ctl->keep) {
        enum ctl_exit answered = ctl_answer(ctl, json_pack("{s:O}", "put", list));
        status = status == CTL_GOOD ? answered : status;
    }
    json_decref(list);
    cps_free(cps);
    stir_keyrecord_free(record);
    return status;
}

/* ---- get ---- */

/* Returns the thumbprints of the keys of one record, or of all keys if the keys are pinned. */
static json_t *keys_thumbprints(const struct cps_found_keys *found, size_t record)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < found->key_count; i++) {
        if (found->pinned || found->record_of[i] == record) {
            (void)json_array_append_new(list, json_string(found->thumbprints[i]));
        }
    }
    return list;
}

static json_t *keys_record_json(struct ctl *ctl, const struct cps_found_keys *found, size_t at)
{
    char issued[CTL_DATE_MAX], expires[CTL_DATE_MAX];
    const struct cps_found_record *record = &found->records[at];
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s*, s:s*}", "kind", "key record", "signer", record->signer, "issued",
                     ctl_date_text(issued, record->issued), "until", ctl_date_text(expires, record->expires), "keys",
                     keys_thumbprints(found, at), "cps", record->cps_url, "record",
                     ctl->args.json ? record->record : NULL);
}

static enum ctl_exit keys_get_answer(struct ctl *ctl, const struct cps_found_keys *found)
{
    if (found->pinned) {
        return ctl_answer_rendered(ctl, json_pack("{s:s, s:b, s:o}", "kind", "keys", "pinned", true, "keys",
                                                  keys_thumbprints(found, 0)));
    }
    json_t *list = json_array();
    for (size_t i = 0; list && i < found->record_count; i++) {
        (void)json_array_append_new(list, keys_record_json(ctl, found, i));
    }
    return ctl_answer_rendered(ctl, json_pack("{s:s, s:o}", "kind", "key records", "records", list));
}

static enum ctl_exit keys_get_run(struct ctl *ctl)
{
    struct cps_found_keys found = {0};
    struct cps *cps = NULL;
    struct cps_error err = {0};
    enum ctl_exit status = ctl_check_identity(ctl, "dest", ctl->args.box);
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    if (status == CTL_GOOD && cps_find_keys(cps, ctl->args.box, &found, &err) != CPS_OK) {
        status = ctl_fail_cps(ctl, &err);
    }
    if (status == CTL_GOOD) {
        status = keys_get_answer(ctl, &found);
    }
    cps_found_keys_clear(&found);
    cps_free(cps);
    return status;
}

static const struct ctl_option put_own[] = {
    {"for", CTL_TEXT, "WHO", CTL_AT(box),
     .text = "the code (spc:CODE) or number to put it under; default: each one that the record names"},
};
static const struct ctl_group put_group = CTL_GROUP("Putting", put_own);

const struct ctl_command ctl_cmd_keys_put = {
    .syntax =
        {
            .name = "keys put",
            .text = "put a key record into the directory of a CPS",
            .operand = "FILE",
            .groups = {&put_group, &ctl_group_cps},
            .required = {"cps"},
        },
    .run = keys_put_run,
};

static const struct ctl_option get_own[] = {
    {"dest", CTL_TEXT, "WHO", CTL_AT(box), .text = "the number whose keys to find"},
};
static const struct ctl_group get_group = CTL_GROUP("Getting", get_own);

const struct ctl_command ctl_cmd_keys_get = {
    .syntax =
        {
            .name = "keys get",
            .text = "find and verify the encryption keys of a destination",
            .details = "Finds the keys as send does. Prints each record that covers the destination, the most specific "
                       "first:\n"
                       "its signer, its expiry, and the thumbprints (RFC 7638) of the keys that are used.",
            .groups = {&get_group, &ctl_group_cps, &ctl_group_table, &ctl_group_finding, &ctl_group_roots,
                       &ctl_group_numbers},
            .required = {"cps", "dest"},
        },
    .run = keys_get_run,
};
