/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"

/*
 * The admin listener of a cpsd or cps-smpp: plain HTTP, on a local address or a unix socket.
 */

/* GET `path` of the listener at --admin ("127.0.0.1:8081", "[::1]:8081", "unix:/run/cpsd/admin.sock"); appends the body
 * of a 200. Other statuses are CTL_REFUSED with the problem's own words, no answer is CTL_UNREACHABLE. */
enum ctl_exit ctl_admin_get(struct ctl *ctl, const char *path, struct stir_buf *out);

/* Appends text percent-encoded as one segment of a path. False: out of memory. */
bool ctl_admin_segment(struct stir_buf *out, const char *text);
