/* SPDX-License-Identifier: MIT */
#include "client/lib/api/smpp_api.h"

#include "client/lib/context/handle.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
    uint32_t default_value, min, max;
} numbers[] = {
#define NUMBER(field, default_value, min, max)                                                                         \
    {                                                                                                                  \
#field, offsetof(struct cps_smpp_options, field), default_value, min, max                                      \
    }
    NUMBER(max_pdu_octets, SMPP_PDU_MAX, SMPP_HEADER_LEN, 16777216),
    NUMBER(join_messages, 20000, 1, 10000000),
    NUMBER(join_segments, 60000, 1, 100000000),
    NUMBER(join_octets, 67108864, 1024, UINT32_MAX),
    NUMBER(join_timeout_ms, 10000, 1, 86400000),
#undef NUMBER
};

static enum cps_code smpp_api_take_numbers(struct cps_smpp_options *options, struct cps_error *err)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint32_t *value = (uint32_t *)(void *)((char *)options + numbers[i].offset);
        *value = *value ? *value : numbers[i].default_value;
        if (*value < numbers[i].min || *value > numbers[i].max) {
            return cps_fail(err, CPS_E_CONFIG, "%s is %u, outside %u..%u", numbers[i].name, *value, numbers[i].min,
                            numbers[i].max);
        }
    }
    return CPS_OK;
}

static enum cps_code smpp_api_take_alphabet(enum smpp_alphabet *out, enum cps_smpp_alphabet given,
                                            enum smpp_alphabet usual, const char *option, struct cps_error *err)
{
    static const enum smpp_alphabet alphabets[] = {[CPS_SMPP_GSM7] = SMPP_GSM7,
                                                   [CPS_SMPP_LATIN1] = SMPP_LATIN1,
                                                   [CPS_SMPP_ASCII] = SMPP_ASCII,
                                                   [CPS_SMPP_UTF8] = SMPP_UTF8};
    if ((size_t)given >= sizeof(alphabets) / sizeof(alphabets[0])) {
        return cps_fail(err, CPS_E_CONFIG, "%s: unknown alphabet %d", option, (int)given);
    }
    *out = given == CPS_SMPP_USUAL ? usual : alphabets[given];
    return CPS_OK;
}

static enum cps_code smpp_api_take_text(struct smpp_text_settings *out, const struct cps_smpp_options *options,
                                        struct cps_error *err)
{
    out->packed = options->packed;
    enum cps_code code = smpp_api_take_alphabet(&out->data_coding_0, options->alphabet, SMPP_GSM7, "alphabet", err);
    return code == CPS_OK
               ? smpp_api_take_alphabet(&out->data_coding_1, options->alphabet_1, SMPP_ASCII, "alphabet_1", err)
               : code;
}

/* Checks the domain now, with a sender of one letter: otherwise a domain that makes no valid URI would be noticed with
 * the first message only. */
static enum cps_code smpp_api_take_domain(struct smpp_addressing *orig, const char *domain, struct cps_error *err)
{
    const struct smpp_address probe = {.ton = 5, .addr = stir_view_str("x")};
    struct stir_error cause = {0};
    struct stir_identity id;
    if (!domain || !domain[0]) {
        return CPS_OK;
    }
    orig->alphanumeric_domain = strdup(domain);
    if (!orig->alphanumeric_domain) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    enum stir_code code = smpp_address_identity(&id, &probe, orig, &cause);
    if (code == STIR_OK) {
        return CPS_OK;
    }
    return cps_fail(err, code == STIR_E_NOMEM ? CPS_E_NOMEM : CPS_E_CONFIG, "alphanumeric_domain: %s", cause.text);
}

static enum cps_code smpp_api_make_join(struct cps_smpp *peer, const struct cps_smpp_options *options,
                                        struct cps_error *err)
{
    struct smpp_join_bounds bounds = {options->join_messages, options->join_segments, options->join_octets};
    struct smpp_join_limits limits = {.all = bounds, .peer = bounds, .timeout_ms = options->join_timeout_ms};
    if (smpp_join_new(&peer->join, &limits) != STIR_OK) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    return CPS_OK;
}

static enum cps_code smpp_api_set_up(struct cps_smpp *peer, const struct cps *cps, const struct cps_smpp_options *given,
                                     struct cps_error *err)
{
    struct cps_smpp_options options = *given;
    if (options.from != CPS_SMPP_FROM_ESME && options.from != CPS_SMPP_FROM_SMSC) {
        return cps_fail(err, CPS_E_CONFIG, "from is %d: set it to CPS_SMPP_FROM_ESME or CPS_SMPP_FROM_SMSC",
                        (int)options.from);
    }
    enum cps_code code = smpp_api_take_numbers(&options, err);
    if (code != CPS_OK) {
        return code;
    }
    peer->from = options.from == CPS_SMPP_FROM_SMSC ? SMPP_FROM_SMSC : SMPP_FROM_ESME;
    peer->max_pdu = options.max_pdu_octets;
    peer->orig = (struct smpp_addressing){.numbering = cps->numbering};
    peer->dest = peer->orig;
    code = smpp_api_take_text(&peer->text, &options, err);
    if (code == CPS_OK) {
        code = smpp_api_take_domain(&peer->orig, options.alphanumeric_domain, err);
    }
    return code == CPS_OK ? smpp_api_make_join(peer, &options, err) : code;
}

enum cps_code cps_smpp_new(struct cps_smpp **out, const struct cps *cps, const struct cps_smpp_options *options,
                           struct cps_error *err)
{
    if (!out || !cps || !options || options->size != sizeof(*options)) {
        return cps_fail(err, CPS_E_INVAL,
                        "out, cps or options is NULL, or options.size is not sizeof(struct cps_smpp_options)");
    }
    struct cps_smpp *peer = calloc(1, sizeof(*peer));
    if (!peer) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    enum cps_code code = smpp_api_set_up(peer, cps, options, err);
    if (code != CPS_OK) {
        cps_smpp_free(peer);
        return code;
    }
    *out = peer;
    return CPS_OK;
}

void cps_smpp_free(struct cps_smpp *peer)
{
    if (!peer) {
        return;
    }
    smpp_join_free(peer->join);
    stir_buf_cleanse(&peer->unpacked);
    free((char *)(uintptr_t)peer->orig.alphanumeric_domain);
    free(peer);
}

uint64_t cps_smpp_next_ms(const struct cps_smpp *peer, uint64_t now_ms)
{
    return peer ? smpp_join_next_ms(peer->join, now_ms) : UINT64_MAX;
}
