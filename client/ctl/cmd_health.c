/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/groups.h"
#include "client/ctl/handle.h"
#include "client/ctl/render.h"

static enum ctl_exit health_run(struct ctl *ctl)
{
    struct cps *cps = NULL;
    struct cps_health_status health = {0};
    struct cps_error err = {0};
    enum ctl_exit status = ctl_cps_open(ctl, &cps);
    if (status == CTL_GOOD && cps_health(cps, &health, &err) != CPS_OK) {
        status = ctl_fail_cps(ctl, &err);
    }
    cps_free(cps);
    if (status != CTL_GOOD) {
        return status;
    }
    stir_buf_puts(&ctl->text, "ok  ");
    ctl_put_safe(&ctl->text, health.text);
    stir_buf_puts(&ctl->text, "\n");
    return ctl_answer(ctl, json_pack("{s:s, s:s}", "health", "ok", "text", health.text));
}

const struct ctl_command ctl_cmd_health = {
    .syntax =
        {
            .name = "health",
            .text = "check whether the CPS works",
            .groups = {&ctl_group_cps},
            .required = {"cps"},
        },
    .run = health_run,
};
