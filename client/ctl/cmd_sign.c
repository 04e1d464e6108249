/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/input.h"

static enum ctl_exit sign_answer(struct ctl *ctl, const char *passport)
{
    stir_buf_printf(&ctl->text, "%s\n", passport);
    return ctl_answer(ctl, json_pack("{s:s}", "passport", passport));
}

static enum ctl_exit sign_run(struct ctl *ctl)
{
    struct ctl_message message = {0};
    struct cps *cps = NULL;
    struct cps_signer *signer = NULL;
    char *passport = NULL;
    struct cps_error err = {0};
    enum ctl_exit status = ctl_message_read(ctl, &message);
    if (status == CTL_GOOD) {
        status = ctl_signer_open(ctl, &signer);
    }
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    if (status == CTL_GOOD) {
        status = cps_sign(cps, signer, &message.message, &passport, NULL, &err) == CPS_OK ? sign_answer(ctl, passport)
                                                                                          : ctl_fail_cps(ctl, &err);
    }
    cps_text_free(passport);
    cps_signer_free(signer);
    cps_free(cps);
    ctl_message_clear(&message);
    return status;
}

const struct ctl_command ctl_cmd_sign = {
    .syntax =
        {
            .name = "sign",
            .text = "sign a PASSporT for a message",
            .details = "Prints the PASSporT. Without --text and --body, it contains no digest of the message (msgi). "
                       "An orig that the\n"
                       "certificate does not cover is not signed. For a provider's certificate, --numbers tells which "
                       "numbers belong\n"
                       "to the provider. Give the signer with --key, --cert and --x5u, or with --tenants and --tenant.",
            .groups = {&ctl_group_message, &ctl_group_signer, &ctl_group_tenant, &ctl_group_authority,
                       &ctl_group_numbers},
            .required = {"orig", "dest"},
        },
    .run = sign_run,
};
