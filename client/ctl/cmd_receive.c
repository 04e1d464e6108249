/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/input.h"
#include "client/ctl/verdict.h"

static enum ctl_exit receive_message(struct ctl *ctl, struct cps *cps, const struct cps_message *message,
                                     const struct ctl_keys *keys)
{
    struct cps_result result = {0};
    const struct cps_key *const *items = (const struct cps_key *const *)keys->items;
    (void)!cps_receive(cps, message, items, keys->count, (uint32_t)ctl->args.wait_s * 1000, &result);
    enum ctl_exit status = ctl_verdict(ctl, &result);
    cps_result_clear(&result);
    return status;
}

static enum ctl_exit receive_run(struct ctl *ctl)
{
    struct ctl_message message = {0};
    struct ctl_keys keys = {0};
    struct cps *cps = NULL;
    /* Check the input before the CPS is contacted. */
    enum ctl_exit status = CTL_GOOD;
    if (ctl->args.dest.count > 1) {
        status = ctl_usage(ctl, "--dest: must be given once, because a message arrives at one destination");
    }
    if (status == CTL_GOOD) {
        status = ctl_message_read(ctl, &message);
    }
    if (status == CTL_GOOD) {
        status = ctl_keys_load(ctl, &keys, &ctl->args.key, true);
    }
    if (status == CTL_GOOD) {
        status = ctl_cps_open(ctl, &cps);
    }
    if (status == CTL_GOOD) {
        status = receive_message(ctl, cps, &message.message, &keys);
    }
    cps_free(cps);
    ctl_keys_clear(&keys);
    ctl_message_clear(&message);
    return status;
}

static const struct ctl_option own[] = {
    {"key", CTL_LIST, "FILE", CTL_AT(key), .text = "the recipient's private keys: JWK, JWK Set or PEM"},
    {"wait", CTL_NUMBER, "SECONDS", CTL_AT(wait_s), .text = "how long to wait for the PASSporT to arrive", .min = 0,
     .max = 3600},
    {"claim", CTL_FLAG, NULL, CTL_AT(claim),
     .text = "remove the PASSporT from the box if the message passes; of several hosts, only one succeeds"},
};
static const struct ctl_group own_group = CTL_GROUP("Receiving", own);

const struct ctl_command ctl_cmd_receive = {
    .syntax =
        {
            .name = "receive",
            .text = "retrieve, decrypt and verify the PASSporT of a message that arrived",
            .groups = {&ctl_group_message, &own_group, &ctl_group_cps, &ctl_group_authority, &ctl_group_finding,
                       &ctl_group_trust, &ctl_group_numbers},
            .required = {"cps", "trust|list-files|list-urls", "key", "orig", "dest"},
        },
    .run = receive_run,
};
