#pragma once

#include "client/sidecar/filter/health.h"

struct sc_filter_core;

/* Fills in why messages would not be signed or verified as configured. Never blocks. */
void sc_filter_health(struct sc_filter_core *core, struct sc_health *out);
