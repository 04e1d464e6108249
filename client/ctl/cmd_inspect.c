#include "client/ctl/commands.h"
#include "client/ctl/input.h"
#include "client/ctl/inspect.h"

#include <string.h>

/* Text before a block is allowed, as openssl writes it. */
static bool is_pem(struct stir_view file)
{
    static const char begin[] = "-----BEGIN ";
    const char *at = memmem(file.ptr, file.len, begin, strlen(begin));
    return at && (at == file.ptr || at[-1] == '\n');
}

/* A SEQUENCE; no token begins with '0'. */
static bool is_der(struct stir_view file)
{
    return file.len > 4 && file.ptr[0] == 0x30;
}

static enum ctl_exit failed(struct ctl *ctl, struct stir_error *err, const char *place)
{
    (void)stir_fail_prefix(err, err->code, "%s", place);
    return ctl_fail(ctl, err);
}

static enum ctl_exit inspect_tokens(struct ctl *ctl, struct ctl_tokens *tokens, const char *path)
{
    struct stir_error err = {0};
    json_t *items = json_array();
    enum ctl_exit status = items ? ctl_tokens_split(ctl, tokens, path) : ctl_no_memory(ctl);
    for (size_t i = 0; status == CTL_GOOD && i < tokens->count; i++) {
        json_t *item = NULL;
        if (ctl_inspect_token(&item, tokens->items[i], &err) != STIR_OK) {
            status = failed(ctl, &err, ctl_token_place(tokens, i, path).text);
        } else if (json_array_append_new(items, item) != 0) {
            status = ctl_no_memory(ctl);
        }
    }
    if (status == CTL_GOOD && tokens->count == 1) {
        status = ctl_answer_rendered(ctl, json_incref(json_array_get(items, 0)));
    } else if (status == CTL_GOOD) {
        status = ctl_answer_rendered(ctl, json_pack("{s:s, s:O}", "kind", "several tokens", "items", items));
    }
    json_decref(items);
    return status;
}

static enum ctl_exit run(struct ctl *ctl)
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
    if (is_pem(whole)) {
        code = ctl_inspect_pem(&item, whole, &err);
    } else if (is_der(whole)) {
        code = ctl_inspect_der(&item, whole, &err);
    } else if (whole.len > space && whole.ptr[space] == '{') {
        code = ctl_inspect_json(&item, whole, &err);
    } else {
        status = inspect_tokens(ctl, &input, path);
        goto out;
    }
    status = code == STIR_OK ? ctl_answer_rendered(ctl, item) : failed(ctl, &err, ctl_file_name(path));
out:
    ctl_tokens_clear(&input);
    return status;
}

const struct ctl_command ctl_cmd_inspect = {
    .syntax =
        {
            .name = "inspect",
            .text = "show what a file holds: PASSporT, envelope, key, key record, certificate",
            .details =
                "Reads FILE or standard input: tokens (one a line), a JWK, PEM or DER. Nothing is verified, and\n"
                "no private key is shown.",
            .operand = "FILE",
            .groups = {NULL},
        },
    .run = run,
};
