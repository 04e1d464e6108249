/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/server/link.h"

/* Shared by link.c and link_open.c. */

/* Notes that the link has something to send or to report at the end of this iteration of the loop. */
void sc_link_mark(struct sc_link *link);

/* Closes a link that has failed or was ended by the other side, and calls lost() unless it was told to end. status: an
 * error of libuv. */
void sc_link_lose(struct sc_link *link, const char *why);
void sc_link_lose_uv(struct sc_link *link, int status);

/* Calls closed(): the link has no handle and no request any more. */
void sc_link_finish(struct sc_link *link);

void sc_link_start_reading(struct sc_link *link);
