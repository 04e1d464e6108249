/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/identity_header.h"
#include "client/ctl/input.h"
#include "client/ctl/inspect/inspect.h"

#include <stdio.h>
#include <string.h>

/* Text before the first block is allowed: openssl writes it. */
static bool inspect_is_pem(struct stir_view file)
{
    static const char begin[] = "-----BEGIN ";
    const char *at = memmem(file.ptr, file.len, begin, strlen(begin));
    return at && (at == file.ptr || at[-1] == '\n');
}

/* DER begins with a SEQUENCE (0x30, the character '0'), which no token does. */
static bool inspect_is_der(struct stir_view file)
{
    return file.len > 4 && file.ptr[0] == 0x30;
}

static enum ctl_exit inspect_fail_at(struct ctl *ctl, struct stir_error *err, const char *place)
{
    (void)stir_fail_prefix(err, err->code, "%s", place);
    return ctl_fail(ctl, err);
}

/* Prints what was read, and fails if it has faults; the output is kept in both cases. */
static enum ctl_exit inspect_show(struct ctl *ctl, json_t *shown, const char *path)
{
    const char *first = NULL;
    size_t count = shown ? ctl_inspect_faults(shown, &first) : 0;
    char text[256] = "";
    (void)snprintf(text, sizeof(text), "%s", first ? first : "");
    enum ctl_exit status = ctl_answer_rendered(ctl, shown);
    if (status != CTL_GOOD || count == 0) {
        return status;
    }
    ctl->keep = true;
    return ctl_fail_text(ctl, CTL_WRONG, "CPS_E_INVAL", "%s: %zu fault%s: %s%s", ctl_file_name(path), count,
                         count > 1 ? "s" : "", text, count > 1 ? " ..." : "");
}

static enum ctl_exit inspect_tokens(struct ctl *ctl, struct ctl_tokens *tokens, const char *path)
{
    struct stir_error err = {0};
    json_t *items = json_array();
    enum ctl_exit status = items ? ctl_tokens_split(ctl, tokens, path) : ctl_no_memory(ctl);
    for (size_t i = 0; status == CTL_GOOD && i < tokens->count; i++) {
        json_t *item = NULL;
        if (ctl_inspect_token(&item, tokens->items[i], &err) != STIR_OK) {
            status = inspect_fail_at(ctl, &err, ctl_token_place(tokens, i, path).text);
        } else if (json_array_append_new(items, item) != 0) {
            status = ctl_no_memory(ctl);
        }
    }
    if (status == CTL_GOOD && tokens->count == 1) {
        status = inspect_show(ctl, json_incref(json_array_get(items, 0)), path);
    } else if (status == CTL_GOOD) {
        status = inspect_show(ctl, json_pack("{s:s, s:O}", "kind", "several tokens", "items", items), path);
    }
    json_decref(items);
    return status;
}

/* Shows an Identity header: its parameters, its PASSporT if in full form, and the faults of both. */
static enum stir_code inspect_header(json_t **out, struct stir_view text, struct stir_error *err)
{
    struct ctl_identity_header header;
    struct stir_error fault = {0};
    json_t *passport = NULL;
    json_t *json = NULL;
    json_t *faults = json_array();
    enum stir_code code = ctl_identity_read(&header, text, err);
    if (code == STIR_OK) {
        json = json_pack("{s:s, s:s}", "kind", "Identity header", "form", header.compact ? "compact" : "full");
        /* Show only the parameters that are present. */
        const char *const params[][2] = {{"info", header.info}, {"alg", header.alg}, {"ppt", header.ppt}};
        for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
            if (params[i][1][0]) {
                (void)json_object_set_new(json, params[i][0], json_string(params[i][1]));
            }
        }
        ctl_identity_compare(faults, &header);
        /* The compact form has only a signature, which cannot be shown as a PASSporT. */
        if (!header.compact &&
            ctl_inspect_token(&passport, stir_view(header.token.ptr, header.token.len), &fault) != STIR_OK) {
            (void)json_array_append_new(faults, json_string(fault.text));
        }
        (void)json_object_set(json, "faults", json_array_size(faults) ? faults : NULL);
        (void)json_object_set_new(json, "PASSporT", passport);
        code = json ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    json_decref(faults);
    ctl_identity_clear(&header);
    *out = json;
    return code;
}

static enum ctl_exit inspect_run(struct ctl *ctl)
{
    const char *path = ctl->args.operand;
    struct ctl_tokens input = {0};
    struct stir_error err = {0};
    json_t *item = NULL;
    enum ctl_exit status = ctl_file_read(ctl, &input.file, path, CTL_FILE_MAX);
    if (status != CTL_GOOD) {
        goto out;
    }
    struct stir_view whole = stir_view(input.file.ptr ? input.file.ptr : "", input.file.len);
    enum stir_code code;
    size_t space = input.file.ptr ? strspn(input.file.ptr, " \t\r\n") : 0;
    /* The formats are told apart by how they begin; tokens are the rest. */
    if (inspect_is_pem(whole)) {
        code = ctl_inspect_pem(&item, whole, &err);
    } else if (inspect_is_der(whole)) {
        code = ctl_inspect_der(&item, whole, &err);
    } else if (whole.len > space && whole.ptr[space] == '{') {
        code = ctl_inspect_json(&item, whole, &err);
    } else if (ctl_identity_is_header(whole)) {
        code = inspect_header(&item, whole, &err);
    } else {
        status = inspect_tokens(ctl, &input, path);
        goto out;
    }
    status = code == STIR_OK ? inspect_show(ctl, item, path) : inspect_fail_at(ctl, &err, ctl_file_name(path));
out:
    ctl_tokens_clear(&input);
    return status;
}

const struct ctl_command ctl_cmd_inspect = {
    .syntax =
        {
            .name = "inspect",
            .text =
                "show the contents of a PASSporT, Identity header, envelope, key, key record, certificate or request",
            .details = "Reads FILE or standard input: tokens (one per line), the value of a SIP Identity header, a "
                       "JWK, PEM or DER.\n"
                       "Signatures are not verified, and private keys are not shown. Faulty input is shown as far as "
                       "it can be\n"
                       "read, with a list of its faults; the exit status is then 2.",
            .operand = "FILE",
            .groups = {NULL},
        },
    .run = inspect_run,
};
