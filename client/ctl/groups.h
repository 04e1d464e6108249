/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/options.h"

/* Options that several subcommands take. */
extern const struct ctl_group ctl_group_message;   /* orig, dest, text, body */
extern const struct ctl_group ctl_group_signer;    /* key, cert, x5u, iat */
extern const struct ctl_group ctl_group_tenant;    /* tenants, tenant, ... */
extern const struct ctl_group ctl_group_cps;       /* cps, ca, tls-cert, tls-key, timeout */
extern const struct ctl_group ctl_group_trust;     /* trust, crl, x5u-*, max-age, ... */
extern const struct ctl_group ctl_group_roots;     /* of ctl_group_trust what is needed for key records */
extern const struct ctl_group ctl_group_authority; /* numbers, allow-spc */
extern const struct ctl_group ctl_group_table;     /* numbers alone */
extern const struct ctl_group ctl_group_finding;   /* keys and CPSs of destinations */
extern const struct ctl_group ctl_group_numbers;   /* country-code, ... */

#define CTL_TIMEOUT_S 5 /* for one request, unless --timeout says otherwise */
#define CTL_AT(field) .offset = offsetof(struct ctl_args, field)
#define CTL_GROUP(heading, table)                                                                                      \
    {                                                                                                                  \
        .title = (heading), .options = (table), .count = sizeof(table) / sizeof((table)[0])                            \
    }
