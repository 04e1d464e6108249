/* SPDX-License-Identifier: MIT */
#include "common/jose/json.h"
#include "common/jose/jwe.h"
#include "cps/api/passports_rules.h"
#include "cps/api/spc_path.h"
#include "tests/fuzz/must.h"

#include <openssl/err.h>

/* The first octet says what the rest is: the body of a publish, or the path "spc/dest/orig" behind /passports/. */

static void same_views(const struct cpsd_passports_body *a, const struct cpsd_passports_body *b)
{
    MUST(a->count == b->count && a->token.len == b->token.len);
    for (size_t i = 0; i < a->count; i++) {
        MUST(a->passports[i].len == b->passports[i].len);
        MUST(memcmp(a->passports[i].ptr, b->passports[i].ptr, a->passports[i].len) == 0);
    }
}

/* What is written into a list without escapes has to be free of what would need one. */
static void plain_text(struct stir_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        MUST(text.ptr[i] > 0x20 && text.ptr[i] < 0x7f && text.ptr[i] != '"' && text.ptr[i] != '\\');
    }
}

static void body(const char *text, size_t n)
{
    const struct cpsd_passports_rule encrypted = {.count = 3}, any = {.count = 3, .take_any = true};
    struct cpsd_passports_body one = {0}, other = {0};
    struct stir_error err = {0};
    enum stir_code strict = cpsd_passports_body_parse(&one, stir_view(text, n), &encrypted, &err);
    enum stir_code lax = cpsd_passports_body_parse(&other, stir_view(text, n), &any, NULL);
    MUST((strict == STIR_OK) == (err.code == STIR_OK));
    MUST(strict == lax || strict == STIR_E_JWE);
    if (lax == STIR_OK) {
        MUST(other.count >= 1 && other.count <= any.count && json_array_size(other.array) == other.count);
        for (size_t i = 0; i < other.count; i++) {
            plain_text(other.passports[i]);
            if (strict == STIR_OK) {
                MUST(stir_jwe_check(NULL, other.passports[i].ptr, other.passports[i].len, NULL) == STIR_OK);
            }
        }
    }
    if (strict == STIR_OK) {
        same_views(&one, &other);
    } else {
        MUST(one.root == NULL);
    }
    cpsd_passports_body_clear(&one);
    cpsd_passports_body_clear(&other);
}

static void path(const char *text, size_t n)
{
    char spc[STIR_SPC_MAX + 1] = "";
    struct stir_identity dest, orig, box, again;
    const char *end = text + n, *slash = memchr(text, '/', n);
    const char *second = slash ? memchr(slash + 1, '/', (size_t)(end - slash - 1)) : NULL;
    if (!second) {
        return;
    }
    bool has_spc = cpsd_spc_from_path(spc, stir_view(text, (size_t)(slash - text)), NULL) == STIR_OK;
    MUST(has_spc == (spc[0] != '\0') && strlen(spc) <= STIR_SPC_MAX);
    if (stir_identity_from_path(&dest, slash + 1, (size_t)(second - slash) - 1, 0, NULL) != STIR_OK ||
        stir_identity_from_path(&orig, second + 1, (size_t)(end - second) - 1, 0, NULL) != STIR_OK) {
        return;
    }
    cpsd_passports_box(&box, spc, &dest, &orig);
    MUST(box.len == strlen(box.text) && box.len <= STIR_IDENTITY_MAX && strncmp(box.text, "/passports", 10) == 0);
    MUST(!strpbrk(box.text, "{} \"\\"));
    MUST(stir_identity_from_path(&again, box.text, box.len, 0, NULL) != STIR_OK || !stir_identity_equal(&again, &box));
    cpsd_passports_box(&again, has_spc ? "" : "1", &dest, &orig);
    MUST(!stir_identity_equal(&again, &box));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] == 'p') {
        path((const char *)data + 1, size - 1);
    } else {
        body((const char *)data + 1, size - 1);
    }
    MUST(ERR_peek_error() == 0);
    return 0;
}
