#pragma once

#include "client/sidecar/filter/decider.h"
#include "client/sidecar/filter/message.h"
#include "client/sidecar/filter/repeat_note.h"

/* What happens to an item or a segment of a direction whose messages are signed. */
extern const struct sc_decider sc_sign_decider;

/* Takes a message that the relay holds. */
void sc_sign_offer(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message);

/* Forwards a message again that was forwarded with its PASSporT before; passed is what is remembered of that. */
void sc_sign_again(struct sc_filter_core *core, struct sc_held *held, const struct sc_message *message,
                   const struct sc_passed *passed);
