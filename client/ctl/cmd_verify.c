/* SPDX-License-Identifier: MIT */
#include "client/ctl/chain.h"
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/identity_header.h"
#include "client/ctl/input.h"
#include "client/ctl/verdict.h"

#include <string.h>

static enum ctl_exit verify_check_args(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    if (args->body && strcmp(args->body, "-") == 0 && strcmp(args->operand, "-") == 0) {
        return ctl_usage(
            ctl, "--body: the PASSporT and the message cannot both come from standard input; name a file for one");
    }
    if (!args->orig != !args->dest.count) {
        return ctl_usage(ctl, "--%s: missing: --orig and --dest must be given together", args->orig ? "dest" : "orig");
    }
    if ((args->text || args->body) && !args->orig) {
        return ctl_usage(ctl, "--%s: needs --orig and --dest as well", args->text ? "text" : "body");
    }
    return CTL_GOOD;
}

static enum ctl_exit verify_passport(struct ctl *ctl, struct cps *cps, struct stir_view passport,
                                     const struct ctl_chain *chain, const struct cps_message *message)
{
    struct cps_result result = {0};
    struct cps_der x5c[CPS_CHAIN_MAX];
    for (size_t i = 0; i < chain->count; i++) {
        x5c[i] = (struct cps_der){.ptr = (const uint8_t *)chain->certs[i].ptr, .len = chain->certs[i].len};
    }
    (void)!cps_verify_passport(cps, passport.ptr, passport.len, chain->count ? x5c : NULL, chain->count, message,
                               &result);
    enum ctl_exit status = ctl_verdict(ctl, &result);
    cps_result_clear(&result);
    return status;
}

/* Reads the PASSporT of an Identity header and checks that the parameters agree with it (RFC 8224 section 4.1). */
static enum ctl_exit verify_read_header(struct ctl *ctl, struct ctl_identity_header *header, struct stir_view text)
{
    const char *name = ctl_file_name(ctl->args.operand);
    struct stir_error err = {0};
    if (ctl_identity_read(header, text, &err) != STIR_OK) {
        (void)stir_fail_prefix(&err, err.code, "%s", name);
        return ctl_fail(ctl, &err);
    }
    if (header->compact) {
        return ctl_fail_text(
            ctl, CTL_WRONG, "CPS_E_PASSPORT",
            "%s: the Identity header has the compact form, which contains only the signature; give the full "
            "form, because a text's PASSporT (ppt \"msg\") cannot be rebuilt from a request",
            name);
    }
    json_t *faults = json_array();
    ctl_identity_compare(faults, header);
    const char *first = json_string_value(json_array_get(faults, 0));
    enum ctl_exit status =
        first ? ctl_fail_text(ctl, CTL_NO, "CPS_E_PASSPORT", "%s: Identity header: %s", name, first) : CTL_GOOD;
    json_decref(faults);
    return status;
}

/* Reads the one PASSporT of the file: bare, or in an Identity header. *out is a view into tokens or header. */
static enum ctl_exit verify_read_passport(struct ctl *ctl, struct stir_view *out, struct ctl_tokens *tokens,
                                          struct ctl_identity_header *header)
{
    const char *path = ctl->args.operand;
    enum ctl_exit status = ctl_file_read(ctl, &tokens->file, path, CTL_FILE_MAX);
    if (status != CTL_GOOD) {
        return status;
    }
    struct stir_view whole = stir_view(tokens->file.ptr ? tokens->file.ptr : "", tokens->file.len);
    if (ctl_identity_is_header(whole)) {
        status = verify_read_header(ctl, header, whole);
        *out = stir_view(header->token.ptr, header->token.len);
        return status;
    }
    status = ctl_tokens_split(ctl, tokens, path);
    if (status == CTL_GOOD && tokens->count > 1) {
        status = ctl_usage(ctl, "%s: contains several lines; expected one PASSporT", ctl_file_name(path));
    }
    if (status == CTL_GOOD) {
        *out = tokens->items[0];
    }
    return status;
}

static enum ctl_exit verify_run(struct ctl *ctl)
{
    struct stir_view passport = {0};
    struct ctl_identity_header header = {.compact = false};
    struct ctl_tokens tokens = {0};
    struct ctl_message message = {0};
    struct ctl_chain chain = {0};
    struct cps *cps = NULL;
    /* Read all input before a certificate is fetched. */
    enum ctl_exit status = verify_check_args(ctl);
    if (status == CTL_GOOD) {
        status = ctl_message_read(ctl, &message);
    }
    if (status == CTL_GOOD) {
        status = verify_read_passport(ctl, &passport, &tokens, &header);
    }
    if (status == CTL_GOOD) {
        status = ctl_chain_read(ctl, &chain, ctl->args.cert);
    }
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    if (status == CTL_GOOD) {
        /* Without a message, only the PASSporT itself is verified. */
        status = verify_passport(ctl, cps, passport, &chain, ctl->args.orig ? &message.message : NULL);
    }
    cps_free(cps);
    ctl_chain_clear(&chain);
    ctl_tokens_clear(&tokens);
    ctl_identity_clear(&header);
    ctl_message_clear(&message);
    return status;
}

static const struct ctl_option own[] = {
    {"cert", CTL_TEXT, "FILE", CTL_AT(cert),
     .text = "PEM, the certificate chain of the signer; default: fetch it from x5u"},
};
static const struct ctl_group own_group = CTL_GROUP("Verifying", own);

const struct ctl_command ctl_cmd_verify = {
    .syntax =
        {
            .name = "verify",
            .text = "verify a PASSporT against a received message",
            .details = "Reads one PASSporT, or the value of a SIP Identity header, from FILE or standard input and "
                       "prints the verdict.\n"
                       "Without --orig and --dest, only the PASSporT itself is verified. Without --text and --body, "
                       "the digest of the\n"
                       "message (msgi) is not compared.",
            .operand = "FILE",
            .groups = {&ctl_group_message, &own_group, &ctl_group_trust, &ctl_group_authority, &ctl_group_numbers},
            .required = {"trust|list-files|list-urls"},
        },
    .run = verify_run,
};
