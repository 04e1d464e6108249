#pragma once

#include "common/conf.h"

/*
 * The command line of a daemon that is configured by a table: -c, -o, -t, -p, -V, -h. Writes to standard output and
 * standard error, for main() alone: getopt keeps where it is.
 */
struct stir_daemon {
    const char *name;                  /* "cpsd" */
    const char *usage;                 /* what it is, lines behind the one with its options */
    const char *signals;               /* what they do, the last lines of its usage */
    const struct stir_conf_key *table; /* what -p prints */
    size_t count;
    size_t overrides_max; /* how often -o may be given, STIR_CONF_OVERRIDES_MAX at most */
};

struct stir_daemon_options {
    const char *path; /* of -c; NULL without it */
    bool check;       /* -t */
    struct stir_conf_overrides overrides;
};

/* Reads the command line. True: go on. False: that was all, or it is wrong and the usage is printed: main() returns
 * *status. *out points into argv. */
bool stir_daemon_options(struct stir_daemon_options *out, int *status, const struct stir_daemon *daemon, int argc,
                         char **argv) STIR_MUST_CHECK;

/* Each of these says it, and returns what main() does: that -t found nothing wrong, or what failed (2 for the
 * configuration, 1 for anything else). */
int stir_daemon_good(const struct stir_daemon *daemon);
int stir_daemon_fail(const struct stir_daemon *daemon, const struct stir_error *err);
