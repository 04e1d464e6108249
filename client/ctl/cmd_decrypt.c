/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/input.h"
#include "common/base/file.h"
#include "common/cert/pem.h"
#include "common/jose/b64.h"

/* The results for all envelopes. */
struct tally {
    json_t *opened;
    size_t closed; /* encrypted to other keys, or dummies */
    struct stir_buf chain;
};

static json_t *decrypt_chain_json(const struct cps_opened *opened)
{
    json_t *x5c = json_array();
    for (size_t i = 0; i < opened->x5c_count; i++) {
        struct stir_buf text = {0};
        size_t len = stir_b64_len(opened->x5c[i].len);
        char *at = stir_buf_extend(&text, len);
        if (at) {
            (void)stir_b64_encode(at, opened->x5c[i].ptr, opened->x5c[i].len);
            (void)json_array_append_new(x5c, json_stringn(at, len));
        }
        stir_buf_free(&text);
    }
    return x5c;
}

static enum ctl_exit decrypt_note_opened(struct ctl *ctl, struct tally *tally, struct stir_view envelope,
                                         const struct ctl_keys *keys, const struct cps_opened *opened)
{
    char id[CPS_ID_LEN + 1];
    struct cps_error err = {0};
    if (cps_envelope_id(id, envelope.ptr, envelope.len, &err) != CPS_OK) {
        return ctl_fail_cps(ctl, &err);
    }
    stir_buf_puts(&ctl->text, opened->passport);
    stir_buf_puts(&ctl->text, "\n");
    tally->chain.len = 0;
    for (size_t i = 0; i < opened->x5c_count; i++) {
        stir_pem_put(&tally->chain, "CERTIFICATE", opened->x5c[i].ptr, opened->x5c[i].len);
    }
    json_t *item = json_pack("{s:s, s:s, s:s, s:o}", "envelope", id, "passport", opened->passport, "key",
                             ctl->args.key.items[keys->file_of[opened->key_index]], "x5c", decrypt_chain_json(opened));
    return item && json_array_append_new(tally->opened, item) == 0 ? CTL_GOOD : ctl_no_memory(ctl);
}

static enum ctl_exit decrypt_one(struct ctl *ctl, struct cps *cps, const struct ctl_keys *keys,
                                 const struct ctl_tokens *tokens, size_t i, struct tally *tally)
{
    struct cps_opened opened = {0};
    struct cps_error err = {0};
    const struct cps_key *const *items = (const struct cps_key *const *)keys->items;
    enum cps_code code = cps_open(cps, tokens->items[i].ptr, tokens->items[i].len, items, keys->count, &opened, &err);
    if (code == CPS_E_DECRYPT) {
        tally->closed++;
        return CTL_GOOD;
    }
    if (code != CPS_OK) {
        struct ctl_place place = ctl_token_place(tokens, i, ctl->args.operand);
        return ctl_fail_text(ctl, CTL_WRONG, cps_error_name(code), "%s: %s", place.text, err.text);
    }
    enum ctl_exit status = decrypt_note_opened(ctl, tally, tokens->items[i], keys, &opened);
    cps_opened_clear(&opened);
    return status;
}

static enum ctl_exit decrypt_write_chain(struct ctl *ctl, const struct tally *tally)
{
    struct stir_error err = {0};
    const char *path = ctl->args.cert_out;
    if (json_array_size(tally->opened) != 1) {
        return ctl_usage(ctl, "--cert-out: can be used with one envelope only");
    }
    if (tally->chain.len == 0) {
        return ctl_fail_text(ctl, CTL_WRONG, "CPS_E_NOT_FOUND",
                             "%s: the envelope contains no certificates; --cert-out cannot be written",
                             ctl_file_name(ctl->args.operand));
    }
    enum stir_code code = stir_buf_state(&tally->chain);
    if (code == STIR_OK) {
        code = stir_write_file(path, tally->chain.ptr, tally->chain.len, 0644, &err);
    }
    return code == STIR_OK ? CTL_GOOD : ctl_fail(ctl, &err);
}

static enum ctl_exit decrypt_answer(struct ctl *ctl, const struct tally *tally)
{
    enum ctl_exit status = CTL_GOOD;
    if (json_array_size(tally->opened) == 0) {
        status = ctl_fail_text(ctl, CTL_NO, "CPS_E_DECRYPT", "%s: %s be opened with these keys",
                               ctl_file_name(ctl->args.operand),
                               tally->closed > 1 ? "no envelope can" : "the envelope cannot");
    } else if (ctl->args.cert_out) {
        status = decrypt_write_chain(ctl, tally);
    }
    if (status != CTL_GOOD) {
        return status;
    }
    return ctl_answer(ctl, json_pack("{s:O, s:I}", "opened", tally->opened, "unopened", (json_int_t)tally->closed));
}

static enum ctl_exit decrypt_run(struct ctl *ctl)
{
    struct ctl_tokens tokens = {0};
    struct ctl_keys keys = {0};
    struct cps *cps = NULL;
    struct tally tally = {.opened = json_array()};
    enum ctl_exit status = ctl_keys_load(ctl, &keys, &ctl->args.key, true);
    if (status == CTL_GOOD) {
        status = ctl_tokens_read(ctl, &tokens, ctl->args.operand);
    }
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    /* An envelope for another key is counted, not an error; a malformed one ends the command. */
    for (size_t i = 0; status == CTL_GOOD && i < tokens.count; i++) {
        status = decrypt_one(ctl, cps, &keys, &tokens, i, &tally);
    }
    if (status == CTL_GOOD) {
        status = decrypt_answer(ctl, &tally);
    }
    cps_free(cps);
    json_decref(tally.opened);
    stir_buf_free(&tally.chain);
    ctl_keys_clear(&keys);
    ctl_tokens_clear(&tokens);
    return status;
}

static const struct ctl_option own[] = {
    {"key", CTL_LIST, "FILE", CTL_AT(key), .text = "the recipient's private keys: JWK, JWK Set or PEM"},
    {"cert-out", CTL_TEXT, "FILE", CTL_AT(cert_out),
     .text = "write the certificate chain in the envelope to this file, for verify --cert"},
};
static const struct ctl_group own_group = CTL_GROUP("Decrypting", own);

const struct ctl_command ctl_cmd_decrypt = {
    .syntax =
        {
            .name = "decrypt",
            .text = "decrypt envelopes with the recipient's key",
            .details =
                "Reads envelopes from FILE or standard input, one per line, and prints their PASSporTs, one per line.\n"
                "Envelopes that cannot be opened are skipped, because a box contains dummies.",
            .operand = "FILE",
            .groups = {&own_group},
            .required = {"key"},
        },
    .run = decrypt_run,
};
