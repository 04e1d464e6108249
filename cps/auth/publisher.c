/* SPDX-License-Identifier: MIT */
#include "cps/auth/publisher.h"

#include <assert.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES 64 /* of a TNAuthList that count: bounds the work of a request; lists do not overlap */

/* Appends what a certificate has authority over, as octets. SPCs that differ only in case are equal. */
static void publisher_put_authority(struct stir_buf *out, const struct stir_chain *chain)
{
    struct stir_tnauth head = chain->tnauth;
    int at = X509_get_ext_by_NID(chain->certs[0], NID_subject_alt_name, -1);
    head.count = head.count < ENTRIES ? head.count : ENTRIES;
    stir_buf_printf(out, "%zu:", chain->tnauth.count);
    stir_tnauth_to_text(out, &head);
    if (stir_buf_state(out) == STIR_OK) {
        stir_spc_normalize(out->ptr);
    }
    if (!head.count && at >= 0) {
        const ASN1_OCTET_STRING *names = X509_EXTENSION_get_data(X509_get_ext(chain->certs[0], at));
        stir_buf_put(out, ASN1_STRING_get0_data(names), (size_t)ASN1_STRING_length(names));
    }
}

enum stir_code cpsd_publisher_of(struct stir_view *out, uint8_t room[CPSD_PUBLISHER_MAX],
                                 const struct cpsd_caller *caller)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct stir_buf authority = {.limit = ENTRIES * (STIR_TN_MAX + 64) + 65536};
    *out = stir_view("", 0);
    if (!cpsd_caller_authenticated(caller) || !caller->chain) {
        return STIR_OK;
    }
    publisher_put_authority(&authority, caller->chain);
    enum stir_code code = stir_buf_state(&authority);
    if (code == STIR_OK) {
        size_t spc = strlen(caller->spc);
        SHA256((const unsigned char *)authority.ptr, authority.len, digest);
        memcpy(room, digest, CPSD_PUBLISHER_ID);
        memcpy(room + CPSD_PUBLISHER_ID, caller->spc, spc);
        *out = stir_view((const char *)room, CPSD_PUBLISHER_ID + spc);
    }
    stir_buf_free(&authority);
    return code;
}

void cpsd_publisher_name(char out[CPSD_PUBLISHER_NAME], struct stir_view publisher)
{
    out[0] = '\0';
    if (publisher.len > CPSD_PUBLISHER_ID) {
        (void)snprintf(out, CPSD_PUBLISHER_NAME, "spc:%.*s", (int)(publisher.len - CPSD_PUBLISHER_ID),
                       publisher.ptr + CPSD_PUBLISHER_ID);
    } else if (publisher.len == CPSD_PUBLISHER_ID) {
        static_assert(sizeof("cert:") + 2 * CPSD_PUBLISHER_ID <= CPSD_PUBLISHER_NAME,
                      "a name has room for either form");
        memcpy(out, "cert:", sizeof("cert:"));
        for (size_t i = 0; i < CPSD_PUBLISHER_ID; i++) {
            (void)snprintf(out + strlen("cert:") + 2 * i, 3, "%02x", (unsigned char)publisher.ptr[i]);
        }
    }
}
