/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/conf.h"

/*
 * The command line of a daemon that is configured by a table: -c, -o, -t, -p, -V, -h and their long forms. Writes to
 * standard output and standard error. For main() alone, since getopt_long keeps its position in globals.
 */
struct stir_daemon {
    const char *name;                  /* "cpsd" */
    const char *usage;                 /* what the program is: lines after the usage line */
    const char *signals;               /* what it does: the last lines of its usage */
    const struct stir_conf_key *table; /* what -p prints */
    size_t count;
    const char *online;   /* what --online does; NULL: there is no such option */
    size_t overrides_max; /* how often -o may be given, STIR_CONF_OVERRIDES_MAX at most */
};

struct stir_daemon_options {
    const char *path; /* of -c; NULL without it */
    bool check;       /* -t */
    bool online;      /* --online */
    const char *user; /* of --user, which the process has become; NULL without it */
    struct stir_conf_overrides overrides;
};

/* Reads the command line. Returns true if the program is to continue. Returns false after help, version or sample were
 * printed (*status is 0 or, if they could not be written, 1) and after a mistake was reported on standard error
 * (*status is 2): main() returns *status. *out points into argv. */
bool stir_daemon_options(struct stir_daemon_options *out, int *status, const struct stir_daemon *daemon, int argc,
                         char **argv) STIR_MUST_CHECK;

/* Prints what failed. Returns the exit status for main(): 2 for STIR_E_CONFIG, 1 for anything else. */
int stir_daemon_fail(const struct stir_daemon *daemon, const struct stir_error *err);

/* Prints every fault of a configuration, or that it is good, and clears them. Returns the exit status for main(): 0 if
 * it is good, 2 for any fault, 1 if memory ran out. */
int stir_daemon_verdict(const struct stir_daemon *daemon, struct stir_faults *faults);
