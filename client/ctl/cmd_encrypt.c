/* SPDX-License-Identifier: MIT */
#include "client/ctl/chain.h"
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/input.h"
#include "common/jose/envelope.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "common/jose/key_load.h"
#include "common/passport/passport.h"

/* Encrypts one PASSporT to one key and adds the envelope to the answer. */
static enum ctl_exit encrypt_to_key(struct ctl *ctl, struct stir_view passport, const struct ctl_chain *chain,
                                    EVP_PKEY *key, json_t *envelopes)
{
    struct stir_buf envelope = {0};
    struct stir_error err = {0};
    struct cps_error id_err = {0};
    char id[CPS_ID_LEN + 1];
    enum ctl_exit status = CTL_GOOD;
    if (stir_envelope_seal(&envelope, passport.ptr, passport.len, chain->certs, chain->count, key, &err) != STIR_OK) {
        status = ctl_fail(ctl, &err);
        goto out;
    }
    /* The id is the digest by which the CPS stores the envelope. */
    if (cps_envelope_id(id, envelope.ptr, envelope.len, &id_err) != CPS_OK) {
        status = ctl_fail_cps(ctl, &id_err);
        goto out;
    }
    stir_buf_printf(&ctl->text, "%s\n", envelope.ptr);
    json_t *item = json_pack("{s:s, s:s, s:I}", "id", id, "envelope", envelope.ptr, "octets", (json_int_t)envelope.len);
    if (json_array_append_new(envelopes, item) != 0) {
        status = ctl_no_memory(ctl);
    }
out:
    stir_buf_free(&envelope);
    return status;
}

/* Encrypts one PASSporT to each key of a file. */
static enum ctl_exit encrypt_to_file(struct ctl *ctl, struct stir_view passport, const struct ctl_chain *chain,
                                     const char *to, json_t *envelopes)
{
    EVP_PKEY *keys[CPS_KEYS_MAX];
    size_t count = 0;
    struct stir_error err = {0};
    enum ctl_exit status = CTL_GOOD;
    if (stir_keys_load(keys, CPS_KEYS_MAX, &count, to, false, STIR_KEY_ENCRYPT, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    for (size_t i = 0; i < count; i++) {
        status = status == CTL_GOOD ? encrypt_to_key(ctl, passport, chain, keys[i], envelopes) : status;
        EVP_PKEY_free(keys[i]);
    }
    return status;
}

/* Checks that each token is a PASSporT: the recipient would notice an error only after the message was delivered. */
static enum ctl_exit encrypt_check_passports(struct ctl *ctl, const struct ctl_tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        struct stir_passport *passport = NULL;
        struct stir_error err = {0};
        if (stir_passport_parse(&passport, tokens->items[i].ptr, tokens->items[i].len, STIR_TN_MAX, &err) != STIR_OK) {
            struct ctl_place place = ctl_token_place(tokens, i, ctl->args.operand);
            (void)stir_fail_prefix(&err, err.code, "%s", place.text);
            return ctl_fail(ctl, &err);
        }
        stir_passport_free(passport);
    }
    return CTL_GOOD;
}

static enum ctl_exit encrypt_run(struct ctl *ctl)
{
    struct ctl_tokens tokens = {0};
    struct ctl_chain chain = {0};
    json_t *envelopes = json_array();
    enum ctl_exit status = ctl_tokens_read(ctl, &tokens, ctl->args.operand);
    if (status == CTL_GOOD) {
        /* Check all input before any envelope is printed. */
        status = encrypt_check_passports(ctl, &tokens);
    }
    if (status == CTL_GOOD) {
        status = ctl_chain_read(ctl, &chain, ctl->args.cert);
    }
    /* Each PASSporT is encrypted to each key of each file. */
    for (size_t i = 0; status == CTL_GOOD && i < tokens.count; i++) {
        for (size_t k = 0; status == CTL_GOOD && k < ctl->args.to.count; k++) {
            status = encrypt_to_file(ctl, tokens.items[i], &chain, ctl->args.to.items[k], envelopes);
        }
    }
    if (status == CTL_GOOD) {
        status = ctl_answer(ctl, json_pack("{s:O}", "envelopes", envelopes));
    }
    json_decref(envelopes);
    ctl_chain_clear(&chain);
    ctl_tokens_clear(&tokens);
    return status;
}

static const struct ctl_option own[] = {
    {"to", CTL_LIST, "FILE", CTL_AT(to),
     .text = "the recipient's public keys: JWK, JWK Set or PEM; makes one envelope per key"},
    {"cert", CTL_TEXT, "FILE", CTL_AT(cert), .text = "PEM, the signer's certificate chain, to put into the envelope"},
};
static const struct ctl_group own_group = CTL_GROUP("Encrypting", own);

const struct ctl_command ctl_cmd_encrypt = {
    .syntax =
        {
            .name = "encrypt",
            .text = "encrypt a PASSporT to its recipient",
            .details = "Reads PASSporTs from FILE or standard input, one per line, and prints envelopes, one per line.",
            .operand = "FILE",
            .groups = {&own_group},
            .required = {"to"},
        },
    .run = encrypt_run,
};
