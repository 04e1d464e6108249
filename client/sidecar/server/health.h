#pragma once

#include "client/sidecar/filter/health.h"
#include "common/base/buf.h"

#include <stdint.h>

struct sc_sidecar;

/* How the way to the peer is, as far as connections of ESMEs have found out. */
struct sc_peer_health {
    bool failed;    /* the last attempt to connect */
    uint64_t at_ms; /* when that was, in the loop's time */
    char reason[160];
};

void sc_health_peer_opened(struct sc_sidecar *sidecar);
void sc_health_peer_failed(struct sc_sidecar *sidecar, const char *why);

/* Finds why messages would not get through, or not signed and verified as configured. Never blocks. */
void sc_health_look(struct sc_sidecar *sidecar, struct sc_health *out);

/* Appends the metrics. */
void sc_health_render(struct sc_sidecar *sidecar, struct stir_buf *out);
