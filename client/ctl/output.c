/* SPDX-License-Identifier: MIT */
/* Prints the answer of a subcommand, or its failure. */
#include "client/ctl/ctl.h"
#include "client/ctl/render.h"
#include "common/jose/json.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum ctl_exit ctl_fail_text(struct ctl *ctl, enum ctl_exit status, const char *code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(ctl->error_text, sizeof(ctl->error_text), fmt, args);
    va_end(args);
    (void)snprintf(ctl->error_code, sizeof(ctl->error_code), "%s", code);
    return status;
}

enum ctl_exit ctl_fail(struct ctl *ctl, const struct stir_error *err)
{
    /* Print the public name of the code: STIR_E_JSON is CPS_E_JSON. */
    char code[40];
    (void)snprintf(code, sizeof(code), "CPS%s", stir_error_name(err->code) + strlen("STIR"));
    return ctl_fail_text(ctl, CTL_WRONG, code, "%s", err->text);
}

/* Returns what to do if the CPS demands a credential and none was given. */
static const char *output_credential_hint(const struct ctl *ctl, const struct cps_error *err)
{
    bool has_one = ctl->args.auth_cert || ctl->args.tls_cert;
    return err->http_status == 401 && !has_one ? "; give an STI certificate and its key with --auth-cert and --auth-key"
                                               : "";
}

enum ctl_exit ctl_fail_cps(struct ctl *ctl, const struct cps_error *err)
{
    enum ctl_exit status = ctl_exit_of(err);
    const char *text = err->text[0] ? err->text : cps_strerror(err->code);
    const char *url = status == CTL_WRONG ? NULL : ctl->args.cps;
    char retry[40] = "";
    if (err->retry_after_s) {
        (void)snprintf(retry, sizeof(retry), "; try again in %u s", err->retry_after_s);
    }
    return ctl_fail_text(ctl, status, cps_error_name(err->code), "%s%s%s%s%s", url ? url : "", url ? ": " : "", text,
                         retry, output_credential_hint(ctl, err));
}

enum ctl_exit ctl_usage(struct ctl *ctl, const char *fmt, ...)
{
    char text[sizeof(ctl->error_text)];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return ctl_fail_text(ctl, CTL_WRONG, "CPS_E_USAGE", "%s", text);
}

enum ctl_exit ctl_no_memory(struct ctl *ctl)
{
    return ctl_fail_text(ctl, CTL_WRONG, "CPS_E_NOMEM", "out of memory");
}

enum ctl_exit ctl_exit_of(const struct cps_error *err)
{
    switch (err->code) {
    case CPS_OK:
        return CTL_GOOD;
    case CPS_E_CONNECT:
    case CPS_E_TLS:
    case CPS_E_TIMEOUT:
    case CPS_E_PROTOCOL:
    case CPS_E_AWAY:
        return CTL_UNREACHABLE;
    case CPS_E_REFUSED:
    case CPS_E_UNAUTHORIZED:
    case CPS_E_FORBIDDEN:
    case CPS_E_BOX_FULL:
    case CPS_E_UNAVAILABLE:
        return CTL_REFUSED;
    default:
        return err->http_status >= 400 ? CTL_REFUSED : CTL_WRONG;
    }
}

enum ctl_exit ctl_answer(struct ctl *ctl, json_t *result)
{
    json_decref(ctl->result);
    ctl->result = result;
    return result ? CTL_GOOD : ctl_no_memory(ctl);
}

enum ctl_exit ctl_answer_rendered(struct ctl *ctl, json_t *result)
{
    if (result) {
        ctl_render(&ctl->text, result);
    }
    return ctl_answer(ctl, result);
}

/* Returns the answer and the error, or the error alone, as JSON. The caller frees it. NULL if out of memory. */
static char *output_json(struct ctl *ctl)
{
    if (ctl->error_text[0] && !ctl->keep) {
        json_decref(ctl->result);
        ctl->result = NULL;
    }
    if (!ctl->result) {
        ctl->result = json_object();
    }
    if (ctl->error_text[0]) {
        struct stir_buf clean = {0};
        stir_json_quote(&clean, ctl->error_text, strlen(ctl->error_text));
        json_t *text = clean.ptr ? json_loads(clean.ptr, JSON_DECODE_ANY, NULL) : NULL;
        (void)json_object_set_new(ctl->result, "error",
                                  json_pack("{s:s, s:o*}", "code", ctl->error_code, "text", text));
        stir_buf_free(&clean);
    }
    return json_dumps(ctl->result, JSON_INDENT(2));
}

static bool output_write(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(STDOUT_FILENO, text, len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return false;
        }
        text += put;
        len -= (size_t)put;
    }
    return true;
}

/* Prints one line to standard error; control characters in the text are escaped. */
static void output_print_error(const char *text)
{
    struct stir_buf line = {0};
    stir_buf_puts(&line, "cpsctl: ");
    ctl_put_safe(&line, text);
    (void)fprintf(stderr, "%s\n", line.ptr ? line.ptr : "cpsctl: out of memory");
    stir_buf_free(&line);
}

static bool output_print_answer(struct ctl *ctl)
{
    if (ctl->args.json) {
        char *text = output_json(ctl);
        bool good = text && output_write(text, strlen(text)) && output_write("\n", 1);
        if (text) {
            OPENSSL_cleanse(text, strlen(text));
        }
        free(text);
        return good;
    }
    if (ctl->error_text[0] && !ctl->keep) {
        return true;
    }
    if (stir_buf_state(&ctl->text) != STIR_OK) {
        errno = ENOMEM;
        return false;
    }
    return output_write(ctl->text.ptr, ctl->text.len);
}

enum ctl_exit ctl_finish(struct ctl *ctl, enum ctl_exit status)
{
    if (ctl->error_text[0]) {
        output_print_error(ctl->error_text);
    }
    if (!output_print_answer(ctl)) {
        char text[160];
        char reason[96];
        (void)snprintf(text, sizeof(text), "standard output: %s", strerror_r(errno, reason, sizeof(reason)));
        output_print_error(text);
        status = status == CTL_GOOD ? CTL_WRONG : status;
    }
    stir_buf_cleanse(&ctl->text);
    json_decref(ctl->result);
    ctl->result = NULL;
    return status;
}
