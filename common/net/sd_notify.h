/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The service manager: what a daemon tells systemd about itself (sd_notify(3), datagrams to $NOTIFY_SOCKET), and what
 * it gets from systemd (sd_listen_fds(3), sd_watchdog_enabled(3)). Without systemd these functions do nothing. For the
 * main thread only, because they read the environment.
 */

/* Sends a state: "READY=1", "STOPPING=1", "STATUS=...", "WATCHDOG=1", or several with newlines between them. Returns
 * false if it was to be sent and could not be. */
bool stir_notify(const char *state);

/* Sends RELOADING=1 with the monotonic time, which Type=notify-reload needs. READY=1 must follow. Returns as
 * stir_notify() does. */
bool stir_notify_reloading(void);

/* Returns how often to send WATCHDOG=1, in milliseconds: half of the unit's WatchdogSec=. 0: systemd does not ask for
 * it. */
uint64_t stir_notify_watchdog_ms(void);

/* Listening sockets that systemd passed, with the FileDescriptorName= of their units. */
#define STIR_PASSED_MAX 64
struct stir_passed {
    int fd[STIR_PASSED_MAX]; /* -1: taken */
    char name[STIR_PASSED_MAX][32];
    size_t count;
};

/* Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and removes them from the environment. The descriptors become
 * close-on-exec and non-blocking. Returns STIR_E_CONFIG, with the name, for a descriptor that is not a listening stream
 * socket. */
enum stir_code stir_passed_read(struct stir_passed *out, struct stir_error *err) STIR_MUST_CHECK;

/* Takes the next socket of that name. Returns its descriptor, which the caller owns, or -1 if none is left. */
int stir_passed_take(struct stir_passed *passed, const char *name);

/* Returns whether a socket of that name is left. */
bool stir_passed_has(const struct stir_passed *passed, const char *name);

/* Returns the name of a passed socket that nobody took, or NULL. */
const char *stir_passed_left(const struct stir_passed *passed);
