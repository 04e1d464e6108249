/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

struct sc_filter_core;

/* The parts whose failure keeps messages from being forwarded, signed or verified. */
enum sc_health_part {
    SC_HEALTH_PEER,
    SC_HEALTH_CPS,
    SC_HEALTH_SPOOL,
    SC_HEALTH_CERTIFICATES,
    SC_HEALTH_PARTS,
};

/* What certificates are used for. */
enum sc_certificate {
    SC_CERTIFICATE_LISTEN,
    SC_CERTIFICATE_PEER,
    SC_CERTIFICATE_CPS,    /* [cps] auth_certificate */
    SC_CERTIFICATE_TENANT, /* the tenant certificate that expires first */
    SC_CERTIFICATES,
};

/* Why each part is unhealthy; "": it is healthy. */
struct sc_health {
    char reasons[SC_HEALTH_PARTS][256];
    int64_t ends[SC_CERTIFICATES]; /* when each certificate expires, seconds since the epoch; 0: no certificate */
};

/* Fills in why messages would not be signed or verified as configured. Never blocks. */
void sc_filter_health(struct sc_filter_core *core, struct sc_health *out);
