#pragma once

#include <stdint.h>

/* What may make this sidecar useless. */
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
    SC_CERTIFICATE_TENANT, /* the first of the tenants' to end */
    SC_CERTIFICATES,
};

/* The reasons, one for each part that has one; "": none. */
struct sc_health {
    char reasons[SC_HEALTH_PARTS][256];
    int64_t ends[SC_CERTIFICATES]; /* when they end, seconds since the epoch; 0: no certificate */
};
