/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * The box of a provider's feed, and what its entries hold. An entry is the destination in canonical form, a line feed,
 * and the envelope.
 */

/* Writes the name of the box of the provider's feed. */
void cpsd_feed_box(struct stir_identity *out, const char *spc);

/* Divides an entry into destination and envelope, which are views of it. Returns false if it has no line feed. */
bool cpsd_feed_entry(const struct cpsd_entry *entry, struct stir_view *dest, struct stir_view *envelope);

/* Appends the JSON object of an entry: {"dest":"...","id":"...","ppt":"..."}. */
void cpsd_feed_render(struct stir_buf *out, const struct cpsd_entry *entry, struct stir_view dest,
                      struct stir_view envelope);
