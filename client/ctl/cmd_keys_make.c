/* SPDX-License-Identifier: MIT */
/* cpsctl keys make: signs a key record. */
#include "client/ctl/chain.h"
#include "client/ctl/commands.h"
#include "client/ctl/date.h"
#include "client/ctl/files.h"
#include "client/ctl/groups.h"
#include "client/ctl/pki_scope.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "common/jose/key_load.h"
#include "common/passport/keyrecord.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct making {
    struct stir_tnauth claims;
    struct stir_keyrecord_key keys[STIR_KEYRECORD_KEYS];
    size_t key_count;
    struct ctl_chain chain;
    EVP_PKEY *signer;
};

static void making_clear(struct making *m)
{
    stir_tnauth_clear(&m->claims);
    for (size_t i = 0; i < m->key_count; i++) {
        EVP_PKEY_free(m->keys[i].pkey);
    }
    ctl_chain_clear(&m->chain);
    EVP_PKEY_free(m->signer);
}

/* Reads one end of "@FROM..UNTIL". An empty text leaves *out as it is, which is no limit. */
static bool read_time_limit(int64_t *out, const char *text, size_t len)
{
    char copy[CTL_DATE_MAX];
    if (len == 0) {
        return true;
    }
    if (len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    return ctl_date_parse(out, copy);
}

/* Adds the keys of a file, all with the same validity. */
static enum ctl_exit making_take_keys(struct ctl *ctl, struct making *m, const char *file, int64_t from, int64_t until)
{
    EVP_PKEY *keys[STIR_KEYRECORD_KEYS];
    struct stir_error err = {0};
    size_t count = 0;
    size_t room = STIR_KEYRECORD_KEYS - m->key_count;
    if (stir_keys_load(keys, STIR_KEYRECORD_KEYS, &count, file, false, STIR_KEY_ENCRYPT, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    for (size_t i = 0; i < count; i++) {
        if (count > room) {
            EVP_PKEY_free(keys[i]);
        } else {
            m->keys[m->key_count++] =
                (struct stir_keyrecord_key){.pkey = keys[i], .not_before = from, .not_after = until};
        }
    }
    return count > room ? ctl_usage(ctl, "--to: a record can hold at most %d keys", STIR_KEYRECORD_KEYS) : CTL_GOOD;
}

/* "FILE" or "FILE@FROM..UNTIL". */
static enum ctl_exit making_read_key(struct ctl *ctl, struct making *m, const char *text)
{
    int64_t from = INT64_MIN, until = INT64_MAX;
    const char *at = strrchr(text, '@');
    const char *dots = at ? strstr(at, "..") : NULL;
    char *file = strndup(text, dots ? (size_t)(at - text) : strlen(text));
    if (!file) {
        return ctl_no_memory(ctl);
    }
    enum ctl_exit status = CTL_GOOD;
    if (dots && (!read_time_limit(&from, at + 1, (size_t)(dots - at - 1)) ||
                 !read_time_limit(&until, dots + 2, strlen(dots + 2)))) {
        status = ctl_usage(ctl, "--to: %.80s: expected FROM..UNTIL after \"@\"; either time may be empty", text);
    } else {
        status = making_take_keys(ctl, m, file, from, until);
    }
    free(file);
    return status;
}

static enum ctl_exit making_read_keys(struct ctl *ctl, struct making *m)
{
    const struct ctl_list *list = &ctl->args.to;
    enum ctl_exit status = CTL_GOOD;
    for (size_t i = 0; status == CTL_GOOD && i < list->count; i++) {
        status = making_read_key(ctl, m, list->items[i]);
    }
    return status;
}

static enum ctl_exit making_read_signer(struct ctl *ctl, struct making *m)
{
    struct stir_error err = {0};
    enum ctl_exit status = ctl_chain_read(ctl, &m->chain, ctl->args.cert);
    if (status == CTL_GOOD && stir_key_load(&m->signer, ctl->args.signer_key, true, STIR_KEY_SIGN, &err) != STIR_OK) {
        status = ctl_fail(ctl, &err);
    }
    return status;
}

/* Checks the new record as a CPS would, with the current time. */
static enum ctl_exit making_check(struct ctl *ctl, const struct making *m, const char *text, size_t len)
{
    struct stir_keyrecord *record = NULL;
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    enum stir_code code = stir_chain_from_der(&chain, m->chain.certs, m->chain.count, &err);
    if (code == STIR_OK) {
        code = stir_keyrecord_parse(&record, text, len, &err);
    }
    if (code == STIR_OK) {
        code = stir_keyrecord_check(record, chain, record->iat, 0, &err);
    }
    stir_keyrecord_free(record);
    stir_chain_unref(chain);
    return code == STIR_OK ? CTL_GOOD : ctl_fail(ctl, &err);
}

static enum ctl_exit write_key_record(struct ctl *ctl, const char *text, int64_t expires)
{
    struct ctl_files files = {0};
    char date[CTL_DATE_MAX];
    enum ctl_exit status = CTL_GOOD;
    if (ctl->args.out) {
        struct stir_buf *content = ctl_files_add(ctl, &files, NULL, ctl->args.out, 0644);
        if (content) {
            stir_buf_printf(content, "%s\n", text);
        }
        status = content ? ctl_files_write(ctl, &files) : CTL_WRONG;
        stir_buf_printf(&ctl->text, "key record %s, until %s\n", ctl->args.out, ctl_date_text(date, expires));
    } else {
        stir_buf_printf(&ctl->text, "%s\n", text);
    }
    ctl_files_clear(&files);
    return status == CTL_GOOD ? ctl_answer(ctl, json_pack("{s:s, s:s*, s:I}", "record", text, "file", ctl->args.out,
                                                          "expires", (json_int_t)expires))
                              : status;
}

static enum ctl_exit making_sign(struct ctl *ctl, const struct making *m)
{
    const struct ctl_args *args = &ctl->args;
    struct stir_error err = {0};
    char *text = NULL;
    size_t len = 0;
    int64_t iat = args->iat ? args->iat : (int64_t)time(NULL);
    struct stir_keyrecord_spec spec = {
        .iss = args->name,
        .claims = &m->claims,
        .keys = m->keys,
        .key_count = m->key_count,
        .cps = args->record_cps,
        .iat = iat,
        .exp = iat + args->days * 86400,
        /* The record has either the URL of the chain or the chain itself. */
        .x5u = args->x5u,
        .x5c = args->x5u ? NULL : m->chain.certs,
        .x5c_count = args->x5u ? 0 : m->chain.count,
    };
    if (stir_keyrecord_make(&text, &len, &spec, m->signer, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    /* --force is for tests with records that a CPS must reject. */
    enum ctl_exit status = args->force ? CTL_GOOD : making_check(ctl, m, text, len);
    if (status == CTL_GOOD) {
        status = write_key_record(ctl, text, spec.exp);
    }
    free(text);
    return status;
}

static enum ctl_exit keys_make_run(struct ctl *ctl)
{
    struct making m = {0};
    enum ctl_exit status = ctl_scope_tnauth(ctl, &m.claims);
    if (status == CTL_GOOD) {
        status = making_read_keys(ctl, &m);
    }
    if (status == CTL_GOOD) {
        status = making_read_signer(ctl, &m);
    }
    if (status == CTL_GOOD) {
        status = making_sign(ctl, &m);
    }
    making_clear(&m);
    return status;
}

static const struct ctl_option own[] = {
    {"spc", CTL_TEXT, "CODE", CTL_AT(spc), .text = "the service provider code (SPC) that the record is for"},
    {"tn", CTL_LIST, "NUMBER", CTL_AT(tn), .text = "a number that the record is for"},
    {"range", CTL_LIST, "START+COUNT", CTL_AT(range), .text = "a range of numbers that the record is for"},
    {"to", CTL_LIST, "FILE[@FROM..UNTIL]", CTL_AT(to),
     .text = "a public key to encrypt to, or a JWK Set, and when it is valid; overlap the times to rotate keys"},
    {"cps-url", CTL_TEXT, "URL", CTL_AT(record_cps),
     .text = "the CPS of the destination; separate several with commas"},
    {"iss", CTL_TEXT, "CODE", CTL_AT(name),
     .text = "the issuer of the record; default: the first of --spc, --tn and --range"},
    {"days", CTL_NUMBER, "N", CTL_AT(days), .text = "how many days the record is valid", .initial = 30, .min = 1,
     .max = 366},
    {"key", CTL_TEXT, "FILE", CTL_AT(signer_key), .text = "the signer's private key, P-256: PEM, JWK or a pkcs11: URI"},
    {"cert", CTL_TEXT, "FILE", CTL_AT(cert), .text = "the signer's certificate chain, PEM, leaf first"},
    {"x5u", CTL_TEXT, "URL", CTL_AT(x5u),
     .text = "the https URL of that chain; default: the record contains the chain"},
    {"iat", CTL_TIME, "TIME", CTL_AT(iat), .text = "the time of issue (iat); default: now"},
    {"out", CTL_TEXT, "FILE", CTL_AT(out), .text = "where to write the record; default: standard output"},
    {"force", CTL_FLAG, NULL, CTL_AT(force),
     .text = "overwrite an existing file; make a record even if the certificate does not cover it"},
};
static const struct ctl_group own_group = CTL_GROUP("The key record", own);

const struct ctl_command ctl_cmd_keys_make = {
    .syntax =
        {
            .name = "keys make",
            .text = "sign a key record, which publishes encryption keys and their validity",
            .groups = {&own_group},
            .required = {"to", "key", "cert"},
        },
    .run = keys_make_run,
};
