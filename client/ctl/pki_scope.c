/* SPDX-License-Identifier: MIT */
#include "client/ctl/pki_scope.h"

#include "common/number/identity.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void scope_put_items(struct stir_buf *text, const char *kind, const struct ctl_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        stir_buf_printf(text, "%s%s:%s", text->len ? "," : "", kind, list->items[i]);
    }
}

enum ctl_exit ctl_scope_tnauth(struct ctl *ctl, struct stir_tnauth *out)
{
    const struct ctl_args *args = &ctl->args;
    struct stir_buf text = {0};
    struct stir_error err = {0};
    if (!args->spc && !args->tn.count && !args->range.count) {
        return CTL_GOOD;
    }
    if (args->spc) {
        stir_buf_printf(&text, "spc:%s", args->spc);
    }
    scope_put_items(&text, "tn", &args->tn);
    scope_put_items(&text, "range", &args->range);
    enum ctl_exit status = CTL_GOOD;
    if (stir_buf_state(&text) != STIR_OK) {
        status = ctl_no_memory(ctl);
    } else if (stir_tnauth_from_text(out, text.ptr, &err) != STIR_OK) {
        (void)stir_fail_prefix(&err, err.code, "--spc, --tn, --range");
        status = ctl_fail(ctl, &err);
    }
    stir_buf_free(&text);
    return status;
}

/* Tells whether a URI can name a sender, or is "sip:" and a domain (RFC 5922 section 7.1). */
static bool scope_is_sender_uri(const char *uri)
{
    struct stir_identity id;
    char text[STIR_IDENTITY_MAX + 1];
    bool domain = strncmp(uri, "sip:", 4) == 0 && !strchr(uri, '@');
    int n = snprintf(text, sizeof(text), "%s%s", domain ? "sip:x@" : "", domain ? uri + 4 : uri);
    return n > 0 && (size_t)n < sizeof(text) &&
           stir_identity_parse_canonical(&id, text, (size_t)n, 0, NULL) == STIR_OK && id.kind == STIR_IDENTITY_URI;
}

enum ctl_exit ctl_scope_uris(struct ctl *ctl, const char ***out)
{
    const struct ctl_list *list = &ctl->args.uri;
    for (size_t i = 0; i < list->count; i++) {
        if (!scope_is_sender_uri(list->items[i])) {
            return ctl_usage(ctl, "--uri: %s cannot be the URI of a sender; write sip:NAME@DOMAIN or sip:DOMAIN",
                             list->items[i]);
        }
    }
    const char **uris = list->count ? calloc(list->count + 1, sizeof(*uris)) : NULL;
    if (list->count && !uris) {
        return ctl_no_memory(ctl);
    }
    for (size_t i = 0; i < list->count; i++) {
        uris[i] = list->items[i];
    }
    *out = uris;
    return CTL_GOOD;
}

/* Adds a copy of value[0..len) to a list of texts. */
static bool scope_add_text(char ***list, size_t *count, const char *value, size_t len)
{
    char **more = realloc(*list, (*count + 1) * sizeof(*more));
    if (!more) {
        return false;
    }
    *list = more;
    more[*count] = strndup(value, len);
    if (!more[*count]) {
        return false;
    }
    (*count)++;
    return true;
}

static bool scope_add_all(char ***list, size_t *count, const struct ctl_list *values)
{
    for (size_t i = 0; i < values->count; i++) {
        if (!scope_add_text(list, count, values->items[i], strlen(values->items[i]))) {
            return false;
        }
    }
    return true;
}

/* The row of a claim, made if it is the first value of it. */
static struct stir_claims_permitted *permitted_row(struct stir_claims *claims, const char *claim, size_t len)
{
    for (size_t i = 0; i < claims->permitted_count; i++) {
        struct stir_claims_permitted *row = &claims->permitted[i];
        if (strlen(row->claim) == len && memcmp(row->claim, claim, len) == 0) {
            return row;
        }
    }
    struct stir_claims_permitted *more = realloc(claims->permitted, (claims->permitted_count + 1) * sizeof(*more));
    if (!more) {
        return NULL;
    }
    claims->permitted = more;
    struct stir_claims_permitted *row = &more[claims->permitted_count];
    *row = (struct stir_claims_permitted){.claim = strndup(claim, len)};
    if (!row->claim) {
        return NULL;
    }
    claims->permitted_count++;
    return row;
}

static enum ctl_exit add_permitted(struct ctl *ctl, struct stir_claims *claims, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        return ctl_usage(ctl, "--permit: must be CLAIM=VALUE");
    }
    struct stir_claims_permitted *row = permitted_row(claims, text, (size_t)(equals - text));
    if (!row || !scope_add_text(&row->values, &row->value_count, equals + 1, strlen(equals + 1))) {
        return ctl_no_memory(ctl);
    }
    return CTL_GOOD;
}

enum ctl_exit ctl_scope_claims(struct ctl *ctl, struct stir_claims *out)
{
    const struct ctl_args *args = &ctl->args;
    if (!scope_add_all(&out->must_include, &out->must_include_count, &args->must_include) ||
        !scope_add_all(&out->must_exclude, &out->must_exclude_count, &args->must_exclude)) {
        return ctl_no_memory(ctl);
    }
    enum ctl_exit status = CTL_GOOD;
    for (size_t i = 0; status == CTL_GOOD && i < args->permit.count; i++) {
        status = add_permitted(ctl, out, args->permit.items[i]);
    }
    return status;
}

bool ctl_scope_has_claims(const struct stir_claims *claims)
{
    return claims->must_include_count || claims->must_exclude_count || claims->permitted_count;
}

/* A name that cannot end one entry of the subjectAltName's text form and begin another. */
static bool is_host_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' ||
              c == '*')) {
            return false;
        }
    }
    return len > 0 && name[0] != '-';
}

enum ctl_exit ctl_scope_server(struct ctl *ctl, struct stir_buf *out)
{
    const char *at = ctl->args.server_name;
    for (;;) {
        size_t len = strcspn(at, ",");
        char name[256];
        unsigned char address[sizeof(struct in6_addr)];
        if (len >= sizeof(name)) {
            return ctl_usage(ctl, "--server-name: a name is too long");
        }
        memcpy(name, at, len);
        name[len] = '\0';
        bool is_address = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
        if (!is_address && !is_host_name(name, len)) {
            return ctl_usage(ctl, "--server-name: must be host names and addresses separated by commas");
        }
        stir_buf_printf(out, "%s%s:%s", out->len ? "," : "", is_address ? "IP" : "DNS", name);
        if (!at[len]) {
            break;
        }
        at += len + 1;
    }
    return stir_buf_state(out) == STIR_OK ? CTL_GOOD : ctl_no_memory(ctl);
}
