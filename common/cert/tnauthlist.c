/* SPDX-License-Identifier: MIT */
#include "common/cert/tnauthlist.h"

#include "common/cert/der.h"
#include "common/cert/x509.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 15 /* digits of a TelephoneNumber (RFC 8226 section 9) */
#define COUNT_MAX 16  /* digits of the largest count of such numbers */

enum { TAG_SPC = STIR_DER_EXPLICIT | 0, TAG_RANGE = STIR_DER_EXPLICIT | 1, TAG_ONE = STIR_DER_EXPLICIT | 2 };

/* ---- what an entry may be ---- */

/* Visible characters but the comma that the text form separates items by. */
static bool tnauth_is_spc(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0x21 || text[i] > 0x7e || text[i] == ',') {
            return false;
        }
    }
    return n >= 1 && n <= STIR_SPC_MAX;
}

static bool tnauth_is_made_of(const char *text, size_t n, const char *alphabet)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\0' || !strchr(alphabet, text[i])) {
            return false;
        }
    }
    return n >= 1 && n <= NUMBER_MAX;
}

static bool tnauth_is_number(const char *text, size_t n)
{
    return tnauth_is_made_of(text, n, "0123456789*#");
}

static bool tnauth_is_digits(const char *text, size_t n)
{
    return tnauth_is_made_of(text, n, "0123456789");
}

static uint64_t tnauth_power_of_ten(size_t n)
{
    uint64_t power = 1;
    while (n-- > 0) {
        power *= 10;
    }
    return power;
}

/* Counting on from the first number must not make it longer: 10 with a count of 90 ends at 99, 91 is refused. */
static bool tnauth_is_range(const char *start, size_t n, uint64_t count)
{
    if (!tnauth_is_digits(start, n) || count < 2) {
        return false;
    }
    return count <= tnauth_power_of_ten(n) - strtoull(start, NULL, 10);
}

static bool tnauth_entry_is_valid(const struct stir_tnauth_entry *entry)
{
    size_t n = strnlen(entry->value, sizeof(entry->value));
    switch (entry->kind) {
    case STIR_TNAUTH_SPC:
        return tnauth_is_spc(entry->value, n) && entry->count == 1;
    case STIR_TNAUTH_RANGE:
        return n <= NUMBER_MAX && tnauth_is_range(entry->value, n, entry->count);
    case STIR_TNAUTH_ONE:
        return tnauth_is_number(entry->value, n) && entry->count == 1;
    }
    return false;
}

/* ---- building a list ---- */

static enum stir_code tnauth_add(struct stir_tnauth *list, size_t *cap, enum stir_tnauth_kind kind,
                                 struct stir_view value, uint64_t count)
{
    if (list->count == *cap) {
        size_t more = *cap ? *cap * 2 : 4;
        struct stir_tnauth_entry *entries = realloc(list->entries, more * sizeof(*entries));
        if (!entries) {
            return STIR_E_NOMEM;
        }
        list->entries = entries;
        *cap = more;
    }
    struct stir_tnauth_entry *entry = &list->entries[list->count];
    *entry = (struct stir_tnauth_entry){.kind = kind, .count = count};
    if (list->count >= STIR_TNAUTH_ENTRIES || value.len >= sizeof(entry->value)) {
        return STIR_E_TOO_BIG;
    }
    memcpy(entry->value, value.ptr, value.len);
    if (!tnauth_entry_is_valid(entry)) {
        return STIR_E_INVAL;
    }
    list->count++;
    return STIR_OK;
}

enum stir_code stir_tnauth_copy(struct stir_tnauth *out, const struct stir_tnauth *list, struct stir_error *err)
{
    out->count = 0;
    out->skipped = list->skipped;
    out->entries = list->count ? calloc(list->count, sizeof(*out->entries)) : NULL;
    if (list->count && !out->entries) {
        return stir_fail(err, STIR_E_NOMEM, "the TNAuthList");
    }
    if (list->count) {
        memcpy(out->entries, list->entries, list->count * sizeof(*out->entries));
    }
    out->count = list->count;
    return STIR_OK;
}

void stir_tnauth_clear(struct stir_tnauth *list)
{
    free(list->entries);
    *list = (struct stir_tnauth){0};
}

/* ---- DER ---- */

static enum stir_code tnauth_parse_entry(struct stir_tnauth *list, size_t *cap, struct stir_der *in)
{
    int tag = stir_der_peek(in);
    if (tag != TAG_SPC && tag != TAG_RANGE && tag != TAG_ONE) {
        return STIR_E_CERT;
    }
    struct stir_der choice = stir_der_enter(in, (uint8_t)tag);
    struct stir_view value;
    uint64_t count = 1;
    if (tag == TAG_RANGE) {
        struct stir_der range = stir_der_enter(&choice, STIR_DER_SEQUENCE);
        value = stir_der_string(&range, STIR_DER_IA5);
        count = stir_der_uint(&range);
        while (stir_der_more(&range)) { /* extensions of a later version */
            (void)stir_der_enter(&range, (uint8_t)stir_der_peek(&range));
        }
        stir_der_leave(&choice, &range);
    } else {
        value = stir_der_string(&choice, STIR_DER_IA5);
    }
    stir_der_leave(in, &choice);
    if (in->failed) {
        return STIR_E_CERT;
    }
    if (tag == TAG_SPC && !tnauth_is_spc(value.ptr, value.len)) {
        list->skipped++;
        return STIR_OK;
    }
    enum stir_tnauth_kind kind = tag == TAG_SPC     ? STIR_TNAUTH_SPC
                                 : tag == TAG_RANGE ? STIR_TNAUTH_RANGE
                                                    : STIR_TNAUTH_ONE;
    return tnauth_add(list, cap, kind, value, count);
}

enum stir_code stir_tnauth_parse(struct stir_tnauth *out, const uint8_t *der, size_t n, struct stir_error *err)
{
    struct stir_der in = stir_der(der, n);
    struct stir_der entries = stir_der_enter(&in, STIR_DER_SEQUENCE);
    struct stir_tnauth list = {0};
    size_t cap = 0;
    enum stir_code code = stir_der_done(&in) && stir_der_more(&entries) ? STIR_OK : STIR_E_CERT;
    while (code == STIR_OK && stir_der_more(&entries)) {
        code = tnauth_parse_entry(&list, &cap, &entries);
    }
    if (code != STIR_OK) {
        size_t at = list.count + list.skipped + 1;
        stir_tnauth_clear(&list);
        if (code == STIR_E_NOMEM) {
            return stir_fail(err, code, "the TNAuthList");
        }
        return stir_fail(err, STIR_E_CERT, "the TNAuthList is malformed at entry %zu", at);
    }
    *out = list;
    return STIR_OK;
}

enum stir_code stir_tnauth_of(struct stir_tnauth *out, const X509 *cert, struct stir_error *err)
{
    struct stir_view der;
    enum stir_code code = stir_x509_ext(&der, cert, STIR_OID_TNAUTH, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "TNAuthList");
    }
    return stir_tnauth_parse(out, (const uint8_t *)der.ptr, der.len, err);
}

static void tnauth_encode_entry(struct stir_buf *out, const struct stir_tnauth_entry *entry)
{
    static const uint8_t tags[] = {
        [STIR_TNAUTH_SPC] = TAG_SPC, [STIR_TNAUTH_RANGE] = TAG_RANGE, [STIR_TNAUTH_ONE] = TAG_ONE};
    size_t start = out->len;
    stir_der_put(out, STIR_DER_IA5, entry->value, strlen(entry->value));
    if (entry->kind == STIR_TNAUTH_RANGE) {
        stir_der_put_uint(out, entry->count);
        stir_der_wrap(out, start, STIR_DER_SEQUENCE);
    }
    stir_der_wrap(out, start, tags[entry->kind]);
}

enum stir_code stir_tnauth_encode(struct stir_buf *out, const struct stir_tnauth *list, struct stir_error *err)
{
    if (list->count == 0 || list->count > STIR_TNAUTH_ENTRIES) {
        return stir_fail(err, STIR_E_INVAL, "a TNAuthList cannot have %zu entries", list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!tnauth_entry_is_valid(&list->entries[i])) {
            return stir_fail(err, STIR_E_INVAL, "entry %zu of the TNAuthList is not a valid SPC, number or range",
                             i + 1);
        }
    }
    size_t start = out->len;
    for (size_t i = 0; i < list->count; i++) {
        tnauth_encode_entry(out, &list->entries[i]);
    }
    stir_der_wrap(out, start, STIR_DER_SEQUENCE);
    enum stir_code code = stir_buf_state(out);
    return code == STIR_OK ? STIR_OK : stir_fail(err, code, "the TNAuthList");
}

/* ---- text ---- */

static struct stir_view tnauth_trim(const char *ptr, size_t n)
{
    while (n > 0 && *ptr == ' ') {
        ptr++;
        n--;
    }
    while (n > 0 && ptr[n - 1] == ' ') {
        n--;
    }
    return stir_view(ptr, n);
}

static bool tnauth_take_prefix(struct stir_view *item, const char *prefix)
{
    size_t n = strlen(prefix);
    if (item->len < n || memcmp(item->ptr, prefix, n) != 0) {
        return false;
    }
    *item = stir_view(item->ptr + n, item->len - n);
    return true;
}

/* "12155551000+100": leaves the number in item. */
static bool tnauth_take_count(struct stir_view *item, uint64_t *count)
{
    const char *plus = memchr(item->ptr, '+', item->len);
    size_t n = plus ? item->len - (size_t)(plus - item->ptr) - 1 : 0;
    char digits[COUNT_MAX + 1] = {0};
    if (n < 1 || n > COUNT_MAX || strspn(plus + 1, "0123456789") < n) {
        return false;
    }
    memcpy(digits, plus + 1, n);
    *count = strtoull(digits, NULL, 10);
    item->len = (size_t)(plus - item->ptr);
    return true;
}

static enum stir_code tnauth_add_item(struct stir_tnauth *list, size_t *cap, struct stir_view item)
{
    uint64_t count = 1;
    if (tnauth_take_prefix(&item, "spc:")) {
        return tnauth_add(list, cap, STIR_TNAUTH_SPC, item, count);
    }
    if (tnauth_take_prefix(&item, "tn:")) {
        return tnauth_add(list, cap, STIR_TNAUTH_ONE, item, count);
    }
    if (tnauth_take_prefix(&item, "range:") && tnauth_take_count(&item, &count)) {
        return tnauth_add(list, cap, STIR_TNAUTH_RANGE, item, count);
    }
    return STIR_E_INVAL;
}

enum stir_code stir_tnauth_from_text(struct stir_tnauth *out, const char *text, struct stir_error *err)
{
    struct stir_tnauth list = {0};
    size_t cap = 0;
    for (const char *at = text;;) {
        size_t n = strcspn(at, ",");
        struct stir_view item = tnauth_trim(at, n);
        enum stir_code code = tnauth_add_item(&list, &cap, item);
        if (code != STIR_OK) {
            stir_tnauth_clear(&list);
            code = code == STIR_E_NOMEM ? code : STIR_E_INVAL;
            return stir_fail(err, code, "\"%.*s\" is not spc:CODE, tn:NUMBER or range:FIRST+COUNT",
                             (int)(item.len < 64 ? item.len : 64), item.ptr);
        }
        if (at[n] == '\0') {
            break;
        }
        at += n + 1;
    }
    *out = list;
    return STIR_OK;
}

void stir_tnauth_to_text(struct stir_buf *out, const struct stir_tnauth *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct stir_tnauth_entry *entry = &list->entries[i];
        const char *comma = i ? "," : "";
        switch (entry->kind) {
        case STIR_TNAUTH_SPC:
            stir_buf_printf(out, "%sspc:%s", comma, entry->value);
            break;
        case STIR_TNAUTH_ONE:
            stir_buf_printf(out, "%stn:%s", comma, entry->value);
            break;
        case STIR_TNAUTH_RANGE:
            stir_buf_printf(out, "%srange:%s+%" PRIu64, comma, entry->value, entry->count);
            break;
        }
    }
}
