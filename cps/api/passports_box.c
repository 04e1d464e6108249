#include "cps/api/passports_box.h"

#include "common/jose/b64.h"

#include <openssl/sha.h>
#include <stdio.h>

#define SEGMENT_MAX (3 * STIR_IDENTITY_MAX + 1)
#define PATH_OCTETS (sizeof("/passports///") + 3 * (size_t)SEGMENT_MAX)

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

enum stir_code cpsd_passports_spc(char *out, struct stir_view segment, struct stir_error *err)
{
    char spc[STIR_SPC_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < segment.len; i++) {
        int c = (unsigned char)segment.ptr[i];
        if (c == '%') {
            int high = segment.len - i > 2 ? hex_value(segment.ptr[i + 1]) : -1;
            int low = segment.len - i > 2 ? hex_value(segment.ptr[i + 2]) : -1;
            c = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (c < 0x21 || c > 0x7e || c == ',' || n == STIR_SPC_MAX) {
            return stir_fail(err, STIR_E_URI, "a service provider code has 1 to %d visible characters", STIR_SPC_MAX);
        }
        spc[n++] = (char)c;
    }
    if (n == 0) {
        return stir_fail(err, STIR_E_URI, "the service provider code is empty");
    }
    memcpy(out, spc, n);
    out[n] = '\0';
    stir_spc_normalize(out);
    return STIR_OK;
}

void cpsd_passports_spc_segment(char *out, const char *spc)
{
    struct stir_identity as_text = {.kind = STIR_IDENTITY_URI, .len = (unsigned)strnlen(spc, STIR_SPC_MAX)};
    memcpy(as_text.text, spc, as_text.len);
    (void)stir_identity_to_path(out, &as_text); /* writes no more than three characters for each of the text */
}

void cpsd_passports_box(struct stir_identity *out, const char *spc, const struct stir_identity *dest,
                        const struct stir_identity *orig)
{
    char path[PATH_OCTETS], provider[3 * STIR_SPC_MAX + 1], to[SEGMENT_MAX], from[SEGMENT_MAX];
    cpsd_passports_spc_segment(provider, spc);
    (void)stir_identity_to_path(to, dest);
    (void)stir_identity_to_path(from, orig);
    int len = snprintf(path, sizeof(path), "/passports/%s%s%s/%s", provider, provider[0] ? "/" : "", to, from);
    *out = (struct stir_identity){.kind = STIR_IDENTITY_URI};
    if (len <= STIR_IDENTITY_MAX) {
        memcpy(out->text, path, (size_t)len + 1);
        out->len = (unsigned)len;
        return;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)path, (size_t)len, digest);
    memcpy(out->text, "/passports#", 11);
    out->len = 11 + (unsigned)stir_b64url_encode(out->text + 11, digest, sizeof(digest));
    out->text[out->len] = '\0';
}

void cpsd_passports_id_set_own(uint8_t id[CPSD_ID_OCTETS], bool own)
{
    id[CPSD_ID_OCTETS - 1] = (uint8_t)((id[CPSD_ID_OCTETS - 1] & 0xfe) | (own ? 1 : 0));
}

bool cpsd_passports_id_is_own(const uint8_t id[CPSD_ID_OCTETS])
{
    return (id[CPSD_ID_OCTETS - 1] & 1) != 0;
}

int64_t cpsd_passports_ttl_ms(const struct cpsd_passports_life *life)
{
    if (!life->until_exp || life->exp == 0) {
        return life->retention * 1000;
    }
    if (life->exp <= life->now) {
        return 0;
    }
    return (life->exp - life->now > life->retain_max ? life->retain_max : life->exp - life->now) * 1000;
}
