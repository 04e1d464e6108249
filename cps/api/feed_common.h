#pragma once

#include "cps/http/request.h"

/* Shared by cps/feed*.c. An entry of a feed's box is the destination, a line feed, and the envelope. */

/* The box of a provider's feed. */
void cpsd_feed_box(struct stir_identity *out, const char *spc);

/* Takes an entry apart; false for what is not one. */
bool cpsd_feed_entry(const struct cpsd_entry *entry, struct stir_view *dest, struct stir_view *envelope);

/* Appends {"dest","id","ppt"}. */
void cpsd_feed_render(struct stir_buf *out, const struct cpsd_entry *entry, struct stir_view dest,
                      struct stir_view envelope);

/* Where to go on: from `event`, else from ?after=, else 0. False: answered 400. */
bool cpsd_feed_after(struct cpsd_request *request, struct stir_view event, int64_t *after_us);
