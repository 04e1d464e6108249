#include "common/daemon.h"

#include <getopt.h>
#include <stdio.h>

static int usage(const struct stir_daemon *daemon, FILE *out, int status)
{
    (void)fprintf(out,
                  "usage: %s [-c FILE] [-o SECTION.KEY=VALUE]... [-t | -p]\n"
                  "%s\n"
                  "\n"
                  "  -c FILE               configuration; every key has a default\n"
                  "  -o SECTION.KEY=VALUE  set one key, over the file\n"
                  "  -t                    check the configuration and what it names, then exit\n"
                  "  -p                    print the configuration file with every key, its default and its meaning\n"
                  "  -V                    print the version\n"
                  "  -h                    print this\n"
                  "\n"
                  "%s\n",
                  daemon->name, daemon->usage, daemon->signals);
    return status;
}

static int print_sample(const struct stir_daemon *daemon)
{
    struct stir_buf text = {0};
    stir_conf_sample(&text, daemon->table, daemon->count);
    bool ok = stir_buf_state(&text) == STIR_OK && fwrite(text.ptr, 1, text.len, stdout) == text.len;
    stir_buf_free(&text);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}

static bool add_override(const struct stir_daemon *daemon, struct stir_conf_overrides *overrides, const char *text)
{
    if (overrides->count >= daemon->overrides_max || overrides->count >= STIR_CONF_OVERRIDES_MAX) {
        return false;
    }
    overrides->text[overrides->count++] = text;
    return true;
}

bool stir_daemon_options(struct stir_daemon_options *out, int *status, const struct stir_daemon *daemon, int argc,
                         char **argv)
{
    struct stir_daemon_options options = {0};
    for (int option; (option = getopt(argc, argv, "c:o:tpVh")) != -1;) {
        switch (option) {
        case 'c':
            options.path = optarg;
            break;
        case 'o':
            if (!add_override(daemon, &options.overrides, optarg)) {
                *status = usage(daemon, stderr, 2);
                return false;
            }
            break;
        case 't':
            options.check = true;
            break;
        case 'p':
            *status = print_sample(daemon);
            return false;
        case 'V':
            *status = printf("%s %s\n", daemon->name, CPS_VERSION) < 0;
            return false;
        case 'h':
            *status = usage(daemon, stdout, 0);
            return false;
        default:
            *status = usage(daemon, stderr, 2);
            return false;
        }
    }
    if (optind != argc) {
        *status = usage(daemon, stderr, 2);
        return false;
    }
    *out = options;
    return true;
}

int stir_daemon_good(const struct stir_daemon *daemon)
{
    return printf("%s: the configuration is good\n", daemon->name) < 0;
}

int stir_daemon_fail(const struct stir_daemon *daemon, const struct stir_error *err)
{
    (void)fprintf(stderr, "%s: %s: %s\n", daemon->name, stir_strerror(err->code), err->text);
    return err->code == STIR_E_CONFIG ? 2 : 1;
}
