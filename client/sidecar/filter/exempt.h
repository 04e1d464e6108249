#pragma once

#include "client/sidecar/relay/held_message.h"

struct sc_filter_core;

/* Decides about a PDU that is not held (sc_filter.exempt): removes planted verdicts where messages are verified,
 * refuses replace_sm and broadcast_sm unless they may pass, and counts and records what passes without a verdict. */
void sc_exempt_take(struct sc_filter_core *core, const struct sc_held *held, enum sc_exempt kind,
                    struct sc_passage *out);
