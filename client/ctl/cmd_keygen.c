/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/files.h"
#include "client/ctl/groups.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* The values of --curve: the name of each curve, then its name in a JWK (RFC 7518 section 6.2.1.1, RFC 8037). */
static const char *const curves[] = {"x25519", "p256", "X25519", "P-256", NULL};
static const enum stir_curve curve_values[] = {STIR_CURVE_X25519, STIR_CURVE_P256};
#define CURVES (sizeof(curve_values) / sizeof(curve_values[0]))

/* Appends the text of a JWK, and overwrites all copies of a private key. */
static enum ctl_exit keygen_put_jwk(struct ctl *ctl, struct stir_buf *out, EVP_PKEY *key, bool with_private)
{
    json_t *jwk = NULL;
    struct stir_error err = {0};
    if (stir_jwk_make(&jwk, key, with_private, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    char *text = json_dumps(jwk, JSON_COMPACT);
    json_t *d = json_object_get(jwk, "d");
    if (d) {
        OPENSSL_cleanse((void *)json_string_value(d), json_string_length(d));
    }
    json_decref(jwk);
    if (!text) {
        return ctl_no_memory(ctl);
    }
    stir_buf_printf(out, "%s\n", text);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return CTL_GOOD;
}

static enum ctl_exit keygen_answer(struct ctl *ctl, EVP_PKEY *key)
{
    const struct ctl_args *args = &ctl->args;
    struct stir_error err = {0};
    char thumbprint[44];
    json_t *jwk = NULL;
    if (stir_jwk_thumbprint(thumbprint, key, &err) != STIR_OK || stir_jwk_make(&jwk, key, false, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    enum ctl_exit status = CTL_GOOD;
    if (args->public_out) {
        stir_buf_printf(&ctl->text, "%s key %s\n", curves[(size_t)args->curve % CURVES], thumbprint);
    } else {
        status = keygen_put_jwk(ctl, &ctl->text, key, false);
    }
    json_t *result = json_pack("{s:s, s:s*, s:s, s:s, s:o}", "private", args->out, "public", args->public_out, "curve",
                               curves[(size_t)args->curve % CURVES], "thumbprint", thumbprint, "jwk", jwk);
    return status == CTL_GOOD ? ctl_answer(ctl, result) : status;
}

static enum ctl_exit keygen_make_files(struct ctl *ctl, struct ctl_files *files, EVP_PKEY *key)
{
    const struct ctl_args *args = &ctl->args;
    struct stir_buf *content = ctl_files_add(ctl, files, NULL, args->out, 0600);
    enum ctl_exit status = content ? keygen_put_jwk(ctl, content, key, true) : CTL_WRONG;
    if (status == CTL_GOOD && args->public_out) {
        content = ctl_files_add(ctl, files, NULL, args->public_out, 0644);
        status = content ? keygen_put_jwk(ctl, content, key, false) : CTL_WRONG;
    }
    return status == CTL_GOOD ? ctl_files_write(ctl, files) : status;
}

static enum ctl_exit keygen_run(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    struct ctl_files files = {0};
    struct stir_error err = {0};
    EVP_PKEY *key = NULL;
    /* A private key must not go to a terminal, and one file cannot hold both keys. */
    if (strcmp(args->out, "-") == 0 || (args->public_out && strcmp(args->public_out, "-") == 0)) {
        return ctl_usage(ctl, "%s: must be the name of a file, not \"-\"",
                         strcmp(args->out, "-") == 0 ? "--out" : "--public");
    }
    if (args->public_out && strcmp(args->out, args->public_out) == 0) {
        return ctl_usage(ctl, "--public: must not be the file of --out");
    }
    enum ctl_exit status = CTL_GOOD;
    if (stir_key_generate(&key, curve_values[(size_t)args->curve % CURVES], &err) != STIR_OK) {
        status = ctl_fail(ctl, &err);
    }
    if (status == CTL_GOOD) {
        /* The files are written before the answer, which reports what exists. */
        status = keygen_make_files(ctl, &files, key);
    }
    if (status == CTL_GOOD) {
        status = keygen_answer(ctl, key);
    }
    EVP_PKEY_free(key);
    ctl_files_clear(&files);
    return status;
}

static const struct ctl_option own[] = {
    {"out", CTL_TEXT, "FILE", CTL_AT(out), .text = "where to write the private key, a JWK with mode 0600"},
    {"public", CTL_TEXT, "FILE", CTL_AT(public_out),
     .text = "where to write the public key, a JWK; default: standard output"},
    {"curve", CTL_CHOICE, "CURVE", CTL_AT(curve), .text = "x25519 (default) or p256; X25519 and P-256 are accepted too",
     .choices = curves},
    {"force", CTL_FLAG, NULL, CTL_AT(force), .text = "overwrite existing files"},
};
static const struct ctl_group own_group = CTL_GROUP("The key", own);

const struct ctl_command ctl_cmd_keygen = {
    .syntax =
        {
            .name = "keygen",
            .text = "make an encryption key for a recipient",
            .details = "Give the public key to the senders, for --to of encrypt and send.",
            .groups = {&own_group},
            .required = {"out"},
        },
    .run = keygen_run,
};
