/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"

/* libcps as the options want it. Failures are recorded in ctl; the exit status is returned. */

/* A handle with what --cps, --trust and their like say; freed with cps_free. */
enum ctl_exit ctl_cps_open(struct ctl *ctl, struct cps **out);

/* The signer of --key, --cert and --x5u, or of --tenant; freed with cps_signer_free. */
enum ctl_exit ctl_signer_open(struct ctl *ctl, struct cps_signer **out);
