#pragma once

#include "common/buf.h"

#include <stdint.h>

struct gw_gateway;

/* How the way to the peer is, as far as connections of ESMEs have found out. */
struct gw_peer_health {
    bool failed;    /* the last attempt to connect */
    uint64_t at_ms; /* when that was, in the loop's time */
    char reason[160];
};

void gw_health_peer_opened(struct gw_gateway *gateway);
void gw_health_peer_failed(struct gw_gateway *gateway, const char *why);

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

/* Finds why messages would not get through, or not signed and verified as configured. Never blocks. */
void gw_health_look(struct gw_gateway *gateway, struct gw_health *out);

/* Appends the metrics. */
void gw_health_render(struct gw_gateway *gateway, struct stir_buf *out);
