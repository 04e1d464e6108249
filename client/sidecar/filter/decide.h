/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/decider.h"
#include "client/sidecar/filter/message.h"
#include "client/sidecar/filter/repeat.h"
#include "client/sidecar/relay/held_message.h"

struct sc_filter_core;

/* What happens to an item or a segment of a direction whose messages are signed. */
extern const struct sc_decider sc_sign_decider;

/* Takes a message that the relay holds. */
void sc_sign_offer(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message);

/* Forwards a message again that was forwarded with its PASSporT before; passed is what is remembered of that. */
void sc_sign_again(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                   const struct sc_passed *passed);

/* What happens to an item or a segment of a direction whose messages are verified. */
extern const struct sc_decider sc_verify_decider;

/* Takes a message that the relay holds. */
void sc_verify_offer(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message);

/* Forwards a message again that was forwarded with its PASSporT before; passed is what is remembered of that. */
void sc_verify_again(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                     const struct sc_passed *passed);

/* Decides about a PDU that is not held (sc_filter.exempt): removes planted verdicts where messages are verified,
 * refuses replace_sm and broadcast_sm unless they may pass, and counts and records what passes without a verdict. */
void sc_exempt_take(struct sc_filter_core *core, const struct sc_held *held, enum sc_exempt kind,
                    struct sc_passage *out);
