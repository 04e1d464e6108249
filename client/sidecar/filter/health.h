#pragma once

#include <stdint.h>

/* What may make this sidecar useless. */
enum gw_health_part {
    GW_HEALTH_PEER,
    GW_HEALTH_CPS,
    GW_HEALTH_SPOOL,
    GW_HEALTH_CERTIFICATES,
    GW_HEALTH_PARTS,
};

/* What certificates are used for. */
enum gw_certificate {
    GW_CERTIFICATE_LISTEN,
    GW_CERTIFICATE_PEER,
    GW_CERTIFICATE_CPS,    /* [cps] auth_certificate */
    GW_CERTIFICATE_TENANT, /* the first of the tenants' to end */
    GW_CERTIFICATES,
};

/* The reasons, one for each part that has one; "": none. */
struct gw_health {
    char reasons[GW_HEALTH_PARTS][256];
    int64_t ends[GW_CERTIFICATES]; /* when they end, seconds since the epoch; 0: no certificate */
};
