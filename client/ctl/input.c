/* SPDX-License-Identifier: MIT */
#include "client/ctl/input.h"
#include "common/base/file.h"

#include "common/number/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ctl_file_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

enum ctl_exit ctl_file_read(struct ctl *ctl, struct stir_buf *out, const char *path, size_t limit)
{
    struct stir_error err = {0};
    enum stir_code code = stir_read_file(out, path, limit, &err);
    return code == STIR_OK ? CTL_GOOD : ctl_fail(ctl, &err);
}

static bool input_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct stir_view input_trim(struct stir_view text)
{
    while (text.len > 0 && input_is_space(text.ptr[0])) {
        text = stir_view(text.ptr + 1, text.len - 1);
    }
    while (text.len > 0 && input_is_space(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

static size_t tokens_count_lines(const struct stir_buf *file)
{
    size_t lines = 1;
    for (size_t i = 0; i < file->len; i++) {
        lines += file->ptr[i] == '\n';
    }
    return lines;
}

enum ctl_exit ctl_tokens_split(struct ctl *ctl, struct ctl_tokens *out, const char *path)
{
    const char *at = out->file.ptr;
    size_t left = out->file.len;
    out->items = calloc(tokens_count_lines(&out->file), sizeof(*out->items));
    if (!out->items) {
        return ctl_no_memory(ctl);
    }
    while (left > 0) {
        const char *newline = memchr(at, '\n', left);
        size_t len = newline ? (size_t)(newline - at) + 1 : left;
        struct stir_view token = input_trim(stir_view(at, len));
        if (token.len > 0) {
            out->items[out->count++] = token;
        }
        at += len;
        left -= len;
    }
    return out->count > 0 ? CTL_GOOD
                          : ctl_fail_text(ctl, CTL_WRONG, "CPS_E_NOT_FOUND", "%s: is empty", ctl_file_name(path));
}

enum ctl_exit ctl_tokens_read(struct ctl *ctl, struct ctl_tokens *out, const char *path)
{
    enum ctl_exit status = ctl_file_read(ctl, &out->file, path, CTL_FILE_MAX);
    return status == CTL_GOOD ? ctl_tokens_split(ctl, out, path) : status;
}

void ctl_tokens_clear(struct ctl_tokens *tokens)
{
    free(tokens->items);
    stir_buf_cleanse(&tokens->file);
    *tokens = (struct ctl_tokens){0};
}

struct ctl_place ctl_token_place(const struct ctl_tokens *tokens, size_t i, const char *path)
{
    struct ctl_place place;
    if (tokens->count == 1) {
        (void)snprintf(place.text, sizeof(place.text), "%s", ctl_file_name(path));
        return place;
    }
    size_t line = 1;
    for (const char *at = tokens->file.ptr; at < tokens->items[i].ptr; at++) {
        line += *at == '\n';
    }
    (void)snprintf(place.text, sizeof(place.text), "%s, line %zu", ctl_file_name(path), line);
    return place;
}

static enum ctl_exit numbering_copy_digits(struct ctl *ctl, char out[8], const char *option, const char *value)
{
    size_t len = value ? strlen(value) : 0;
    if (len > 7 || (value && strspn(value, "0123456789") != len)) {
        return ctl_usage(ctl, "--%s: must have up to 7 digits and nothing else", option);
    }
    if (value) {
        memcpy(out, value, len + 1);
    }
    return CTL_GOOD;
}

enum ctl_exit ctl_numbering(struct ctl *ctl, struct stir_numbering *out)
{
    const struct ctl_args *args = &ctl->args;
    *out = (struct stir_numbering)STIR_NUMBERING_DEFAULT;
    out->max_digits = (unsigned)args->max_digits;
    out->national_digits = (unsigned)args->national_digits;
    enum ctl_exit status = numbering_copy_digits(ctl, out->country_code, "country-code", args->country_code);
    if (status == CTL_GOOD) {
        status = numbering_copy_digits(ctl, out->national_prefix, "national-prefix", args->national_prefix);
    }
    if (status == CTL_GOOD) {
        status =
            numbering_copy_digits(ctl, out->international_prefix, "international-prefix", args->international_prefix);
    }
    return status;
}

enum ctl_exit ctl_check_identity(struct ctl *ctl, const char *option, const char *text)
{
    struct stir_numbering numbering;
    struct stir_identity identity;
    struct stir_error err = {0};
    enum ctl_exit status = ctl_numbering(ctl, &numbering);
    if (status != CTL_GOOD) {
        return status;
    }
    if (stir_identity_parse_user(&identity, text, strlen(text), &numbering, &err) != STIR_OK) {
        (void)stir_fail_prefix(&err, err.code, "--%s", option);
        return ctl_fail(ctl, &err);
    }
    return CTL_GOOD;
}

static enum ctl_exit message_read_body(struct ctl *ctl, struct ctl_message *out)
{
    const struct ctl_args *args = &ctl->args;
    if (args->text && args->body) {
        return ctl_usage(ctl, "--text: cannot be combined with --body");
    }
    if (args->text) {
        out->message.body = args->text;
        out->message.body_len = strlen(args->text);
    } else if (args->body) {
        enum ctl_exit status = ctl_file_read(ctl, &out->body, args->body, CTL_BODY_MAX);
        if (status != CTL_GOOD) {
            return status;
        }
        out->message.body = out->body.len ? out->body.ptr : "";
        out->message.body_len = out->body.len;
    }
    return CTL_GOOD;
}

enum ctl_exit ctl_message_read(struct ctl *ctl, struct ctl_message *out)
{
    const struct ctl_args *args = &ctl->args;
    out->message.orig = args->orig;
    out->message.dest = args->dest.items;
    out->message.dest_count = args->dest.count;
    out->message.iat = args->iat;
    enum ctl_exit status = args->orig ? ctl_check_identity(ctl, "orig", args->orig) : CTL_GOOD;
    for (size_t i = 0; status == CTL_GOOD && i < args->dest.count; i++) {
        status = ctl_check_identity(ctl, "dest", args->dest.items[i]);
    }
    return status == CTL_GOOD ? message_read_body(ctl, out) : status;
}

void ctl_message_clear(struct ctl_message *message)
{
    stir_buf_cleanse(&message->body);
    message->message = (struct cps_message){0};
}

enum ctl_exit ctl_keys_load(struct ctl *ctl, struct ctl_keys *out, const struct ctl_list *files, bool want_private)
{
    struct cps_error err = {0};
    out->items = calloc(files->count * CPS_KEYS_MAX + 1, sizeof(struct cps_key *));
    out->file_of = calloc(files->count * CPS_KEYS_MAX + 1, sizeof(*out->file_of));
    if (!out->items || !out->file_of) {
        return ctl_no_memory(ctl);
    }
    for (size_t i = 0; i < files->count; i++) {
        size_t count = 0;
        if (cps_keys_load(out->items + out->count, CPS_KEYS_MAX, &count, files->items[i], want_private, &err) !=
            CPS_OK) {
            return ctl_fail_cps(ctl, &err);
        }
        for (; count; count--) {
            out->file_of[out->count++] = i;
        }
    }
    return CTL_GOOD;
}

void ctl_keys_clear(struct ctl_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        cps_key_free(keys->items[i]);
    }
    free(keys->items);
    free(keys->file_of);
    *keys = (struct ctl_keys){0};
}
