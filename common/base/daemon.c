/* SPDX-License-Identifier: MIT */
#include "common/base/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'}, {"set", required_argument, NULL, 'o'}, {"check", no_argument, NULL, 't'},
    {"print", no_argument, NULL, 'p'},        {"version", no_argument, NULL, 'V'},   {"help", no_argument, NULL, 'h'},
    {"user", required_argument, NULL, 'u'},   {"online", no_argument, NULL, 'n'},    {NULL, 0, NULL, 0},
};

static int daemon_print_usage(const struct stir_daemon *daemon)
{
    (void)printf("usage: %s [-c FILE] [-o SECTION.KEY=VALUE]... [-t | -p]\n"
                 "%s\n"
                 "\n"
                 "  -c, --config FILE            configuration file; every key has a default\n"
                 "  -o, --set SECTION.KEY=VALUE  set one key; takes precedence over the file\n"
                 "  -t, --check                  check the configuration and the files it names, then exit\n"
                 "      --user NAME              with -t: check as this account, which the service runs as (needs "
                 "root)\n",
                 daemon->name, daemon->usage);
    if (daemon->online) {
        (void)printf("      --online                 %s\n", daemon->online);
    }
    int n = printf(
        "  -p, --print                  print a configuration file with every key, its default and what it does\n"
        "  -V, --version                print the version\n"
        "  -h, --help                   print this help\n"
        "\n"
        "%s\n"
        "\n"
        "Exit status: 0 stopped, or the configuration is good; 1 could not start or continue; 2 the command "
        "or\n"
        "the configuration, or a file that it names, is wrong.\n",
        daemon->signals);
    return n < 0 || fflush(stdout) != 0;
}

/* Points to --help, after the caller has printed the mistake. Returns the exit status for main(). */
static int daemon_point_to_help(const struct stir_daemon *daemon)
{
    (void)fprintf(stderr, "Try \"%s --help\" for the options.\n", daemon->name);
    return 2;
}

static int daemon_print_sample(const struct stir_daemon *daemon)
{
    struct stir_buf text = {0};
    stir_conf_sample(&text, daemon->table, daemon->count);
    bool ok = stir_buf_state(&text) == STIR_OK && fwrite(text.ptr, 1, text.len, stdout) == text.len;
    stir_buf_free(&text);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}

static bool daemon_add_override(const struct stir_daemon *daemon, struct stir_conf_overrides *overrides,
                                const char *text)
{
    size_t max = daemon->overrides_max < STIR_CONF_OVERRIDES_MAX ? daemon->overrides_max : STIR_CONF_OVERRIDES_MAX;
    if (overrides->count >= max) {
        (void)fprintf(stderr, "%s: -o is given more than %zu times\n", daemon->name, max);
        return false;
    }
    overrides->text[overrides->count++] = text;
    return true;
}

/* Takes one option. False: main() returns *status. */
static bool daemon_take_option(struct stir_daemon_options *options, int *status, const struct stir_daemon *daemon,
                               int option)
{
    switch (option) {
    case 'c':
        options->path = optarg;
        return true;
    case 'o':
        if (daemon_add_override(daemon, &options->overrides, optarg)) {
            return true;
        }
        *status = daemon_point_to_help(daemon);
        return false;
    case 't':
        options->check = true;
        return true;
    case 'u':
        options->user = optarg;
        return true;
    case 'n':
        if (!daemon->online) {
            (void)fprintf(stderr, "%s: there is no --online here\n", daemon->name);
            *status = daemon_point_to_help(daemon);
            return false;
        }
        options->online = true;
        return true;
    case 'p':
        *status = daemon_print_sample(daemon);
        return false;
    case 'V':
        *status = printf("%s %s\n", daemon->name, CPS_VERSION) < 0;
        return false;
    case 'h':
        *status = daemon_print_usage(daemon);
        return false;
    default: /* getopt_long has said what is wrong */
        *status = daemon_point_to_help(daemon);
        return false;
    }
}

/* Changes from root to an account and its groups. */
static bool daemon_set_account(const struct stir_daemon *daemon, const char *name)
{
    const struct passwd *account = getpwnam(name);
    if (!account) {
        (void)fprintf(stderr, "%s: --user: there is no account \"%s\"\n", daemon->name, name);
        return false;
    }
    if (initgroups(name, account->pw_gid) != 0 || setgid(account->pw_gid) != 0 || setuid(account->pw_uid) != 0) {
        (void)fprintf(stderr, "%s: --user: cannot become %s: %s\n", daemon->name, name, strerror(errno));
        return false;
    }
    return true;
}

bool stir_daemon_options(struct stir_daemon_options *out, int *status, const struct stir_daemon *daemon, int argc,
                         char **argv)
{
    struct stir_daemon_options options = {0};
    for (int option; (option = getopt_long(argc, argv, "c:o:tpVh", long_options, NULL)) != -1;) {
        if (!daemon_take_option(&options, status, daemon, option)) {
            return false;
        }
    }
    /* An argument that no option takes is a mistake, not a file name. */
    if (optind != argc) {
        (void)fprintf(stderr, "%s: unexpected argument \"%s\"\n", daemon->name, argv[optind]);
        *status = daemon_point_to_help(daemon);
        return false;
    }
    if ((options.user || options.online) && !options.check) {
        (void)fprintf(stderr, "%s: --%s is for the check, -t\n", daemon->name, options.user ? "user" : "online");
        *status = daemon_point_to_help(daemon);
        return false;
    }
    /* From here on the check runs with the rights of the service's account. */
    if (options.user && !daemon_set_account(daemon, options.user)) {
        *status = 2;
        return false;
    }
    *out = options;
    return true;
}

int stir_daemon_fail(const struct stir_daemon *daemon, const struct stir_error *err)
{
    (void)fprintf(stderr, "%s: %s: %s\n", daemon->name, stir_strerror(err->code), err->text);
    return err->code == STIR_E_CONFIG ? 2 : 1;
}

int stir_daemon_verdict(const struct stir_daemon *daemon, struct stir_faults *faults)
{
    const char *line = faults->lines.ptr ? faults->lines.ptr : "";
    int status = faults->first.code == STIR_E_NOMEM ? 1 : 2;
    if (!faults->count) {
        status = printf("%s: the configuration is good\n", daemon->name) < 0;
    }
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        (void)fprintf(stderr, "%s: %s: %.*s\n", daemon->name, stir_strerror(status == 1 ? STIR_E_NOMEM : STIR_E_CONFIG),
                      (int)(end - line), line);
    }
    stir_faults_clear(faults);
    return status;
}
