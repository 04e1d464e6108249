/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/health.h"
#include "common/base/buf.h"

#include <stdint.h>

struct sc_sidecar;

/* The state of the connection to the peer, as the last attempt to connect has shown. */
struct sc_peer_health {
    bool failed;    /* the last attempt failed */
    uint64_t at_ms; /* the time of that attempt, in the loop's time */
    char reason[160];
};

void sc_health_peer_opened(struct sc_sidecar *sidecar);
void sc_health_peer_failed(struct sc_sidecar *sidecar, const char *why);

/* Finds out why messages would not be forwarded, or not be signed or verified as configured. Never blocks. */
void sc_health_look(struct sc_sidecar *sidecar, struct sc_health *out);

/* Appends the health metrics. */
void sc_health_render(struct sc_sidecar *sidecar, struct stir_buf *out);
