#pragma once

#include <stdint.h>

/* How many octets the other end of a TCP connection has acknowledged so far; 0 where that cannot be told (a unix
 * socket). */
uint64_t cpsd_octets_acked(int fd);
