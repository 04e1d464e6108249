/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"
#include "common/base/view.h"

/* The certificates of a chain in DER, leaf first, as they travel in an envelope. */
struct ctl_chain {
    struct stir_view certs[CPS_CHAIN_MAX];
    size_t count;
};

/* Reads --cert's file; a path of NULL gives no certificates. Failures are recorded in ctl. */
enum ctl_exit ctl_chain_read(struct ctl *ctl, struct ctl_chain *out, const char *path);
void ctl_chain_clear(struct ctl_chain *chain);
