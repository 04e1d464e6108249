/* SPDX-License-Identifier: MIT */
#include "cps/api/key_names.h"

#include "common/jose/b64.h"
#include "common/passport/keyrecord.h"
#include "cps/api/spc_path.h"
#include "cps/http/problem.h"

#include <openssl/sha.h>
#include <stdio.h>

#define BLOCK_SCHEME "block:"

void cpsd_keys_name_block(struct stir_identity *out, const struct stir_identity *tn)
{
    *out = (struct stir_identity){.kind = STIR_IDENTITY_URI};
    out->len = (unsigned)snprintf(out->text, sizeof(out->text), BLOCK_SCHEME "%.*s", STIR_TN_MAX, tn->text);
}

void cpsd_keys_etag(char out[CPSD_KEYS_ETAG], struct stir_view text)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)text.ptr, text.len, digest);
    out[0] = '"';
    size_t n = 1 + stir_b64url_encode(out + 1, digest, 16);
    out[n] = '"';
    out[n + 1] = '\0';
}

/* Returns what follows "spc:" or "spc%3A" in a segment; an empty view without it. */
static struct stir_view key_names_without_scheme(struct stir_view segment)
{
    static const char *const schemes[] = {"spc:", "spc%3A", "spc%3a"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i]);
        if (segment.len > n && memcmp(segment.ptr, schemes[i], n) == 0) {
            return stir_view(segment.ptr + n, segment.len - n);
        }
    }
    return stir_view(NULL, 0);
}

/* Returns true if a PUT has a record about this code in its body. */
static bool key_names_record_is_for_spc(const struct cpsd_request *request, const char *spc)
{
    struct stir_keyrecord *record = NULL;
    bool is = request->method == CPSD_PUT &&
              stir_keyrecord_parse(&record, request->body.ptr, request->body.len, NULL) == STIR_OK &&
              stir_tnauth_has_spc(&record->claims, spc);
    stir_keyrecord_free(record);
    return is;
}

bool cpsd_keys_path(struct cpsd_request *request)
{
    const struct cpsd_config *config = request->service->config;
    struct stir_view segment = request->segment[0], code = key_names_without_scheme(segment);
    struct stir_error err = {0};
    char spc[STIR_SPC_MAX + 1];
    bool is_spc = cpsd_spc_from_path(spc, code.len ? code : segment, &err) == STIR_OK && !strchr(spc, ':');
    bool is_tn = !code.len &&
                 stir_identity_from_path(&request->dest, segment.ptr, segment.len, (unsigned)config->numbers_max_digits,
                                         &err) == STIR_OK &&
                 request->dest.kind == STIR_IDENTITY_TN;
    /* a few digits can be a short code or an SPC: the record that is put decides */
    if (is_tn && is_spc && request->dest.len <= config->numbers_short_code_digits &&
        key_names_record_is_for_spc(request, spc)) {
        is_tn = false;
    }
    if (!is_tn && !is_spc) {
        cpsd_problem(request, 400, "the path does not name a number or a provider",
                     "a key record is about a number, or about a service provider code (spc:CODE)", 0, NULL);
        return false;
    }
    if (!is_tn) {
        cpsd_spc_identity(&request->dest, spc);
    }
    request->has_dest = true;
    return true;
}
