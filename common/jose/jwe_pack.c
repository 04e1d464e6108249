/* SPDX-License-Identifier: MIT */
#include "common/jose/jwe_pack.h"

#include "common/jose/b64.h"
#include "common/jose/jwe.h"
#include "common/jose/jwe_header.h"

#include <string.h>

#define FIXED (1 + STIR_GCM_IV + STIR_GCM_TAG) /* octets beside epk and ciphertext */
#define IV_B64 16
#define TAG_B64 22
#define DOTS 4

enum { X25519 = 1, P256 = 2 };

/* The five parts, of which the first four end with a dot. */
static bool jwe_pack_split(struct stir_view part[DOTS + 1], const char *jwe, size_t n)
{
    const char *end = jwe + n;
    for (int i = 0; i < DOTS; i++) {
        const char *dot = memchr(jwe, '.', (size_t)(end - jwe));
        if (!dot) {
            return false;
        }
        part[i] = stir_view(jwe, (size_t)(dot - jwe));
        jwe = dot + 1;
    }
    part[DOTS] = stir_view(jwe, (size_t)(end - jwe));
    return true;
}

static bool jwe_pack_put_decoded(uint8_t **to, size_t room, struct stir_view text)
{
    size_t len;
    bool good = stir_b64url_decode(*to, room, &len, text.ptr, text.len) == STIR_OK;
    *to += len;
    return good;
}

size_t stir_jwe_pack(uint8_t *out, const char *jwe, size_t n)
{
    struct stir_view part[DOTS + 1];
    struct stir_point epk;
    uint8_t *to = out;
    if (!jwe_pack_split(part, jwe, n) || part[1].len || part[2].len != IV_B64 || !part[3].len ||
        part[4].len != TAG_B64 || !stir_jwe_header_is_ours(&epk, part[0])) {
        return 0;
    }
    *to++ = epk.curve == STIR_CURVE_P256 ? P256 : X25519;
    memcpy(to, epk.octets, stir_point_len(epk.curve));
    to += stir_point_len(epk.curve);
    bool good = jwe_pack_put_decoded(&to, STIR_GCM_IV, part[2]) && jwe_pack_put_decoded(&to, STIR_GCM_TAG, part[4]) &&
                jwe_pack_put_decoded(&to, part[3].len, part[3]);
    return good ? (size_t)(to - out) : 0;
}

static enum stir_curve jwe_pack_curve_of(struct stir_view packed)
{
    return packed.ptr[0] == P256 ? STIR_CURVE_P256 : STIR_CURVE_X25519;
}

size_t stir_jwe_unpacked_len(struct stir_view packed)
{
    if (!packed.len || (packed.ptr[0] != X25519 && packed.ptr[0] != P256)) {
        return 0;
    }
    size_t bare = FIXED + stir_point_len(jwe_pack_curve_of(packed));
    return packed.len <= bare ? 0
                              : stir_jwe_header_len(jwe_pack_curve_of(packed)) + DOTS + IV_B64 + TAG_B64 +
                                    stir_b64url_len(packed.len - bare);
}

void stir_jwe_unpack(char *out, struct stir_view packed)
{
    struct stir_point epk = {.curve = jwe_pack_curve_of(packed)};
    const char *from = packed.ptr + 1, *end = packed.ptr + packed.len;
    memcpy(epk.octets, from, stir_point_len(epk.curve));
    from += stir_point_len(epk.curve);
    out += stir_jwe_header_write(out, &epk);
    *out++ = '.';
    *out++ = '.';
    out += stir_b64url_encode(out, from, STIR_GCM_IV);
    from += STIR_GCM_IV;
    *out++ = '.';
    out += stir_b64url_encode(out, from + STIR_GCM_TAG, (size_t)(end - from) - STIR_GCM_TAG);
    *out++ = '.';
    (void)stir_b64url_encode(out, from, STIR_GCM_TAG);
}
