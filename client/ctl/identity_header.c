/* SPDX-License-Identifier: MIT */
#include "client/ctl/identity_header.h"

#include "common/jose/jws.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool identity_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct stir_view identity_trim(struct stir_view text)
{
    while (text.len && identity_is_space(text.ptr[0])) {
        text = stir_view(text.ptr + 1, text.len - 1);
    }
    while (text.len && identity_is_space(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* Takes the field's name away, "Identity:" or its compact form "y:" (RFC 8224 section 13.1). */
static struct stir_view identity_without_name(struct stir_view text)
{
    static const char *const names[] = {"Identity", "y"};
    text = identity_trim(text);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i]);
        if (text.len <= n || strncasecmp(text.ptr, names[i], n) != 0) {
            continue;
        }
        struct stir_view rest = identity_trim(stir_view(text.ptr + n, text.len - n));
        if (rest.len && rest.ptr[0] == ':') {
            return identity_trim(stir_view(rest.ptr + 1, rest.len - 1));
        }
    }
    return text;
}

static bool identity_is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
           c == '.' || c == '=';
}

bool ctl_identity_is_header(struct stir_view text)
{
    struct stir_view value = identity_without_name(text);
    size_t i = 0;
    while (i < value.len && (identity_is_token_char(value.ptr[i]) || identity_is_space(value.ptr[i]))) {
        i++;
    }
    bool named = value.ptr != identity_trim(text).ptr;
    return named || (i > 0 && i < value.len && value.ptr[i] == ';');
}

/* The end of a parameter: the next ';' outside quotes and angle brackets. */
static size_t identity_param_end(struct stir_view text)
{
    char open = '\0';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (open) {
            open = c == open ? '\0' : open;
        } else if (c == '"') {
            open = '"';
        } else if (c == '<') {
            open = '>';
        } else if (c == ';') {
            return i;
        }
    }
    return text.len;
}

static struct stir_view identity_unwrap(struct stir_view value)
{
    bool wrapped = value.len >= 2 && ((value.ptr[0] == '<' && value.ptr[value.len - 1] == '>') ||
                                      (value.ptr[0] == '"' && value.ptr[value.len - 1] == '"'));
    return wrapped ? identity_trim(stir_view(value.ptr + 1, value.len - 2)) : value;
}

static enum stir_code identity_copy_param(char *out, size_t cap, const char *name, struct stir_view value,
                                          struct stir_error *err)
{
    value = identity_unwrap(value);
    if (out[0]) {
        return stir_fail(err, STIR_E_PASSPORT, "the Identity header has %s twice", name);
    }
    if (value.len == 0 || value.len >= cap || memchr(value.ptr, '\0', value.len)) {
        return stir_fail(err, STIR_E_PASSPORT, "the Identity header's %s is empty or too long", name);
    }
    memcpy(out, value.ptr, value.len);
    out[value.len] = '\0';
    return STIR_OK;
}

/* Unknown parameters are ignored (RFC 8224 section 4, ident-info-extension). */
static enum stir_code identity_read_param(struct ctl_identity_header *out, struct stir_view param,
                                          struct stir_error *err)
{
    const struct {
        const char *name;
        char *at;
        size_t cap;
    } known[] = {{"info", out->info, sizeof(out->info)},
                 {"alg", out->alg, sizeof(out->alg)},
                 {"ppt", out->ppt, sizeof(out->ppt)}};
    const char *equals = param.len ? memchr(param.ptr, '=', param.len) : NULL;
    if (!equals) {
        return param.len ? stir_fail(err, STIR_E_PASSPORT, "the Identity header has a parameter without \"=\"")
                         : STIR_OK;
    }
    struct stir_view name = identity_trim(stir_view(param.ptr, (size_t)(equals - param.ptr)));
    struct stir_view value = identity_trim(stir_view(equals + 1, param.len - (size_t)(equals + 1 - param.ptr)));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (name.len == strlen(known[i].name) && strncasecmp(name.ptr, known[i].name, name.len) == 0) {
            return identity_copy_param(known[i].at, known[i].cap, known[i].name, value, err);
        }
    }
    return STIR_OK;
}

enum stir_code ctl_identity_read(struct ctl_identity_header *out, struct stir_view text, struct stir_error *err)
{
    struct stir_view rest = identity_without_name(text);
    *out = (struct ctl_identity_header){.compact = false};
    size_t end = identity_param_end(rest);
    for (size_t i = 0; i < end; i++) {
        if (!identity_is_space(rest.ptr[i])) { /* a folded line */
            stir_buf_put(&out->token, rest.ptr + i, 1);
        }
    }
    enum stir_code code = stir_buf_state(&out->token);
    if (code == STIR_OK && out->token.len == 0) {
        code = stir_fail(err, STIR_E_PASSPORT, "the Identity header is empty");
    }
    out->compact = out->token.len > 2 && out->token.ptr[0] == '.' && out->token.ptr[1] == '.';
    while (code == STIR_OK && end < rest.len) {
        rest = stir_view(rest.ptr + end + 1, rest.len - end - 1);
        end = identity_param_end(rest);
        code = identity_read_param(out, identity_trim(stir_view(rest.ptr, end)), err);
    }
    return code;
}

void ctl_identity_clear(struct ctl_identity_header *header)
{
    stir_buf_free(&header->token);
}

static void identity_compare_param(json_t *faults, const char *param, const char *said, const char *member,
                                   const json_t *value)
{
    const char *has = json_string_value(value);
    char text[3 * CTL_IDENTITY_PARAM];
    if (said[0] && (!has || strcmp(said, has) != 0)) {
        (void)snprintf(text, sizeof(text), "the header's %s is %s, but the PASSporT's %s is %s", param, said, member,
                       has ? has : "absent");
        json_t *fault = json_string(text);
        if (!fault) {
            (void)snprintf(text, sizeof(text), "the header's %s is not UTF-8, and not the PASSporT's %s", param,
                           member);
            fault = json_string(text);
        }
        (void)json_array_append_new(faults, fault);
    }
}

void ctl_identity_compare(json_t *faults, const struct ctl_identity_header *header)
{
    struct stir_jws jws;
    if (!header->info[0]) {
        (void)json_array_append_new(faults, json_string("the header has no info parameter (RFC 8224 section 4)"));
    }
    if (header->compact || stir_jws_parse(&jws, header->token.ptr, header->token.len, NULL) != STIR_OK) {
        return;
    }
    identity_compare_param(faults, "info", header->info, "x5u", json_object_get(jws.header, "x5u"));
    identity_compare_param(faults, "alg", header->alg, "alg", json_object_get(jws.header, "alg"));
    identity_compare_param(faults, "ppt", header->ppt, "ppt", json_object_get(jws.header, "ppt"));
    if (!header->ppt[0] && json_object_get(jws.header, "ppt")) {
        (void)json_array_append_new(faults, json_string("the PASSporT has a ppt, but the header has no ppt parameter"));
    }
    stir_jws_clear(&jws);
}
