/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"

/* Answers with what verification came to, and returns its exit status: CTL_GOOD for passed, CTL_NO for a verdict about
 * the PASSporT, otherwise (the CPS could not be asked, or the verifier could not work) as the cause says. */
enum ctl_exit ctl_verdict(struct ctl *ctl, const struct cps_result *result);
