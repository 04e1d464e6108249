/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* Returns how many octets the other end of a TCP connection has acknowledged so far; 0 if the kernel does not say. */
uint64_t cpsd_octets_acked(int fd);

/* Returns how much memory, in octets, a socket holds of what was written to it and not read by the other end (a unix
 * socket) or not acknowledged (TCP): SIOCOUTQ. 0 if the kernel does not say. */
uint64_t cpsd_octets_queued(int fd);
