#pragma once

#include "client/sidecar/server/link.h"

/* What the files of the link share. */

/* It has something to send or to report when the turn of the loop ends. */
void sc_link_mark(struct sc_link *link);

/* It is over, and not by our doing: closes it and says lost(), unless it was told to end. */
void sc_link_lose(struct sc_link *link, const char *why);
void sc_link_lose_uv(struct sc_link *link, int status);

/* Nothing of it is left but its memory: says closed(). */
void sc_link_finish(struct sc_link *link);

void sc_link_start_reading(struct sc_link *link);
