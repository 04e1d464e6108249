#pragma once

#include "client/sidecar/server/link.h"

/* What the files of the link share. */

/* It has something to send or to report when the turn of the loop ends. */
void gw_link_mark(struct gw_link *link);

/* It is over, and not by our doing: closes it and says lost(), unless it was told to end. */
void gw_link_lose(struct gw_link *link, const char *why);
void gw_link_lose_uv(struct gw_link *link, int status);

/* Nothing of it is left but its memory: says closed(). */
void gw_link_finish(struct gw_link *link);

void gw_link_start_reading(struct gw_link *link);
