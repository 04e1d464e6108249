/* SPDX-License-Identifier: MIT */
/* Shows faulty input: the parts that can be decoded, and a list of faults. */
#include "client/ctl/inspect/inspect.h"
#include "common/base/buf.h"
#include "common/jose/b64.h"
#include "common/jose/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PART_MAX 65536 /* octets of one decoded part */

void ctl_inspect_fault(json_t *object, const char *fmt, ...)
{
    char text[512];
    struct stir_buf clean = {0};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_t *faults = json_object_get(object, "faults");
    if (!faults) {
        faults = json_array();
        (void)json_object_set_new(object, "faults", faults);
    }
    stir_json_quote(&clean, text, strlen(text)); /* the text may quote octets that are not UTF-8 */
    json_t *fault = clean.ptr ? json_loads(clean.ptr, JSON_DECODE_ANY, NULL) : NULL;
    (void)json_array_append_new(faults, fault ? fault : json_string("a fault"));
    stir_buf_free(&clean);
}

size_t ctl_inspect_faults(const json_t *shown, const char **first)
{
    size_t count = 0;
    const char *name;
    json_t *value;
    json_t *faults = json_object_get(shown, "faults");
    for (size_t i = 0; i < json_array_size(faults); i++) {
        *first = count++ == 0 ? json_string_value(json_array_get(faults, i)) : *first;
    }
    json_object_foreach((json_t *)(uintptr_t)shown, name, value)
    {
        /* Look into the members that cpsctl added; members of tokens may have the same names. */
        bool ours = strcmp(name, "items") == 0 || strcmp(name, "certificates") == 0 || strcmp(name, "PASSporT") == 0;
        if (ours && json_is_object(value)) {
            const char *other = NULL;
            size_t more = ctl_inspect_faults(value, &other);
            *first = count == 0 && more ? other : *first;
            count += more;
        }
        for (size_t i = 0; ours && i < json_array_size(value); i++) {
            const char *other = NULL;
            size_t more = ctl_inspect_faults(json_array_get(value, i), &other);
            *first = count == 0 && more ? other : *first;
            count += more;
        }
    }
    return count;
}

/* Decodes base64 or base64url. Anything but strict base64url is reported as a fault, and decoded if possible. */
static bool part_decode(json_t *object, const char *name, struct stir_buf *out, struct stir_view text)
{
    struct stir_buf tidy = {0};
    size_t len = 0, cap = stir_b64_decoded_max(text.len) + 1;
    char *octets = text.len <= PART_MAX ? stir_buf_extend(out, cap) : NULL;
    if (!octets) {
        ctl_inspect_fault(object, "%s: has %zu characters, too many to show", name, text.len);
        return false;
    }
    bool good = stir_b64url_decode((uint8_t *)octets, cap, &len, text.ptr, text.len) == STIR_OK;
    if (!good) {
        for (size_t i = 0; i < text.len; i++) {
            char c = text.ptr[i] == '+' ? '-' : text.ptr[i] == '/' ? '_' : text.ptr[i];
            stir_buf_put(&tidy, &c, c != '=' && c != ' ' && c != '\r' && c != '\n' && c != '\t');
        }
        ctl_inspect_fault(object, "%s: not base64url without padding (RFC 7515 section 2)", name);
        good = tidy.ptr && stir_b64url_decode((uint8_t *)octets, cap, &len, tidy.ptr, tidy.len) == STIR_OK;
    }
    stir_buf_free(&tidy);
    out->len = good ? len : 0;
    octets[out->len] = '\0';
    return good;
}

json_t *ctl_inspect_part(json_t *object, const char *name, struct stir_view text)
{
    struct stir_buf octets = {0};
    struct stir_error err = {0};
    json_t *json = NULL;
    if (part_decode(object, name, &octets, text) &&
        stir_json_parse_object(&json, octets.ptr, octets.len, name, &err) != STIR_OK) {
        ctl_inspect_fault(object, "%s", err.text);
        json = json_loadb(octets.ptr, octets.len, JSON_DECODE_ANY, NULL);
    }
    if (!json && octets.len) {
        struct stir_buf quoted = {0};
        stir_json_quote(&quoted, octets.ptr, octets.len < 1024 ? octets.len : 1024);
        json = quoted.ptr ? json_loads(quoted.ptr, JSON_DECODE_ANY, NULL) : NULL;
        stir_buf_free(&quoted);
    }
    if (json) {
        (void)json_object_set_new(object, name, json);
    }
    stir_buf_free(&octets);
    return json;
}

void ctl_inspect_octets(json_t *object, const char *name, struct stir_view text, size_t wanted)
{
    struct stir_buf octets = {0};
    if (part_decode(object, name, &octets, text) && wanted != SIZE_MAX && octets.len != wanted) {
        ctl_inspect_fault(object, "%s: has %zu octets instead of %zu", name, octets.len, wanted);
    }
    stir_buf_free(&octets);
}

size_t ctl_inspect_split(struct stir_view *parts, size_t max, struct stir_view token)
{
    size_t count = 0, from = 0;
    for (size_t i = 0; i <= token.len; i++) {
        if (i == token.len || token.ptr[i] == '.') {
            if (count < max) {
                parts[count] = stir_view(token.ptr + from, i - from);
            }
            count++;
            from = i + 1;
        }
    }
    return count;
}
