#include "cps/server.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static int usage(FILE *out, int status)
{
    (void)fprintf(out,
                  "usage: cpsd [-c FILE] [-o SECTION.KEY=VALUE]... [-t | -p]\n"
                  "A Call Placement Service for text messages (RFC 8816).\n"
                  "\n"
                  "  -c FILE               configuration; every key has a default\n"
                  "  -o SECTION.KEY=VALUE  set one key, over the file\n"
                  "  -t                    check the configuration and what it names, then exit\n"
                  "  -p                    print the configuration file with every key, its default and its meaning\n"
                  "  -V                    print the version\n"
                  "  -h                    print this\n"
                  "\n"
                  "SIGHUP reads configuration and certificates again; SIGTERM answers what is under way and stops.\n");
    return status;
}

static int print_sample(void)
{
    struct stir_buf text = {0};
    stir_conf_sample(&text, cpsd_config_table, cpsd_config_count);
    bool ok = stir_buf_state(&text) == STIR_OK && fwrite(text.ptr, 1, text.len, stdout) == text.len;
    stir_buf_free(&text);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}

static int fail(const struct stir_error *err)
{
    (void)fprintf(stderr, "cpsd: %s: %s\n", stir_strerror(err->code), err->text);
    return err->code == STIR_E_CONFIG ? 2 : 1;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool check = false;
    struct cpsd_overrides overrides = {0};
    struct stir_error err = {0};
    for (int option; (option = getopt(argc, argv, "c:o:tpVh")) != -1;) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'o':
            if (overrides.count == CPSD_OVERRIDES_MAX) {
                return usage(stderr, 2);
            }
            overrides.text[overrides.count++] = optarg;
            break;
        case 't':
            check = true;
            break;
        case 'p':
            return print_sample();
        case 'V':
            return puts("cpsd " CPS_VERSION) < 0;
        case 'h':
            return usage(stdout, 0);
        default:
            return usage(stderr, 2);
        }
    }
    if (optind != argc) {
        return usage(stderr, 2);
    }
    struct cpsd_config config = {0};
    if (cpsd_config_load(&config, path, &overrides, &err) != STIR_OK) {
        return fail(&err);
    }
    if (check) {
        enum stir_code code = cpsd_server_check(&config, &err);
        cpsd_config_clear(&config);
        return code == STIR_OK ? printf("cpsd: the configuration is good\n") < 0 : fail(&err);
    }
    return cpsd_server_run(&config, path, &overrides, &err) == STIR_OK ? 0 : fail(&err);
}
