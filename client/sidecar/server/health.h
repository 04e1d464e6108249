#pragma once

#include "client/sidecar/filter/health.h"
#include "common/base/buf.h"

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

/* Finds why messages would not get through, or not signed and verified as configured. Never blocks. */
void gw_health_look(struct gw_gateway *gateway, struct gw_health *out);

/* Appends the metrics. */
void gw_health_render(struct gw_gateway *gateway, struct stir_buf *out);
