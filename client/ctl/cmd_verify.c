#include "client/ctl/chain.h"
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/input.h"
#include "client/ctl/verdict.h"

#include <string.h>

static enum ctl_exit check_args(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    if (args->body && strcmp(args->body, "-") == 0 && strcmp(args->operand, "-") == 0) {
        return ctl_usage(ctl, "--body: the PASSporT and the message cannot both come from standard input");
    }
    if (!args->orig != !args->dest.count) {
        return ctl_usage(ctl, "--%s: missing: a message has both, orig and dest", args->orig ? "dest" : "orig");
    }
    if ((args->text || args->body) && !args->orig) {
        return ctl_usage(ctl, "--%s: needs --orig and --dest too", args->text ? "text" : "body");
    }
    return CTL_GOOD;
}

static enum ctl_exit verify(struct ctl *ctl, struct cps *cps, struct stir_view passport, const struct ctl_chain *chain,
                            const struct cps_message *message)
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

static enum ctl_exit run(struct ctl *ctl)
{
    struct ctl_tokens tokens = {0};
    struct ctl_message message = {0};
    struct ctl_chain chain = {0};
    struct cps *cps = NULL;
    enum ctl_exit status = check_args(ctl);
    if (status == CTL_GOOD) {
        status = ctl_message_read(ctl, &message);
    }
    if (status == CTL_GOOD) {
        status = ctl_tokens_read(ctl, &tokens, ctl->args.operand);
    }
    if (status == CTL_GOOD && tokens.count > 1) {
        status = ctl_usage(ctl, "%s: one PASSporT is expected, not several lines", ctl_file_name(ctl->args.operand));
    }
    if (status == CTL_GOOD) {
        status = ctl_chain_read(ctl, &chain, ctl->args.cert);
    }
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    if (status == CTL_GOOD) {
        status = verify(ctl, cps, tokens.items[0], &chain, ctl->args.orig ? &message.message : NULL);
    }
    cps_free(cps);
    ctl_chain_clear(&chain);
    ctl_tokens_clear(&tokens);
    ctl_message_clear(&message);
    return status;
}

static const struct ctl_option own[] = {
    {"cert", CTL_TEXT, "FILE", CTL_AT(cert),
     .text = "PEM, the certificate chain that travelled along; else that of x5u is taken"},
};
static const struct ctl_group own_group = CTL_GROUP("Verifying", own);

const struct ctl_command ctl_cmd_verify = {
    .syntax =
        {
            .name = "verify",
            .text = "verify a PASSporT against the message that arrived",
            .details =
                "Reads one PASSporT from FILE or standard input and prints the verdict. Without --orig and --dest\n"
                "only what concerns the PASSporT alone is verified, without --text and --body not its digest.",
            .operand = "FILE",
            .groups = {&ctl_group_message, &own_group, &ctl_group_trust, &ctl_group_numbers},
            .required = {"trust"},
        },
    .run = run,
};
