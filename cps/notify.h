#pragma once

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What systemd is to know of this process (sd_notify(3): datagrams to $NOTIFY_SOCKET), and what it gives to it
 * (sd_listen_fds(3), sd_watchdog_enabled(3)). Without systemd these do nothing. Main thread only.
 */

/* "READY=1", "RELOADING=1" (with the monotonic time that Type=notify-reload asks for), "STOPPING=1",
 * "STATUS=...", "WATCHDOG=1". False if it was to be sent and could not be. */
bool cpsd_notify(const char *state);
bool cpsd_notify_reloading(void);

/* How often systemd wants to hear WATCHDOG=1: half of its limit, in milliseconds; 0: it does not. */
uint64_t cpsd_notify_watchdog_ms(void);

/* Sockets that systemd passed, by the unit's FileDescriptorName=: takes the next one of that name that nobody took yet,
 * -1 if there is none. The descriptor is the caller's, close-on-exec and non-blocking. */
#define CPSD_PASSED_MAX 64
struct cpsd_passed {
    int fd[CPSD_PASSED_MAX]; /* -1: taken */
    char name[CPSD_PASSED_MAX][32];
    size_t count;
};

/* Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and takes them out of the environment. STIR_E_CONFIG for a
 * descriptor that is no listening stream socket, with its name. */
enum stir_code cpsd_passed_read(struct cpsd_passed *out, struct stir_error *err) STIR_MUST_CHECK;
int cpsd_passed_take(struct cpsd_passed *passed, const char *name);
bool cpsd_passed_has(const struct cpsd_passed *passed, const char *name);

/* The name of a passed socket that nobody took (a name that is not understood), or NULL. */
const char *cpsd_passed_left(const struct cpsd_passed *passed);
