#include "client/gateway/filter.h"
#include "client/gateway/gateway.h"

#include <getopt.h>
#include <stdio.h>

static int usage(FILE *out, int status)
{
    (void)fprintf(out,
                  "usage: cps-smpp [-c FILE] [-o SECTION.KEY=VALUE]... [-t | -p]\n"
                  "Stands between an SMPP gateway and its peer: publishes and verifies PASSporTs of their messages.\n"
                  "\n"
                  "  -c FILE               configuration; every key has a default\n"
                  "  -o SECTION.KEY=VALUE  set one key, over the file\n"
                  "  -t                    check the configuration and what it names, then exit\n"
                  "  -p                    print the configuration file with every key, its default and its meaning\n"
                  "  -V                    print the version\n"
                  "  -h                    print this\n"
                  "\n"
                  "SIGHUP reads configuration and certificates again, no bind is dropped; SIGTERM ends what is under "
                  "way, unbinds and stops.\n");
    return status;
}

static int print_sample(void)
{
    struct stir_buf text = {0};
    stir_conf_sample(&text, gw_config_table, gw_config_count);
    bool ok = stir_buf_state(&text) == STIR_OK && fwrite(text.ptr, 1, text.len, stdout) == text.len;
    stir_buf_free(&text);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}

static int fail(const struct stir_error *err)
{
    (void)fprintf(stderr, "cps-smpp: %s: %s\n", stir_strerror(err->code), err->text);
    return err->code == STIR_E_CONFIG ? 2 : 1;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool check = false;
    struct gw_overrides overrides = {0};
    struct stir_error err = {0};
    for (int option; (option = getopt(argc, argv, "c:o:tpVh")) != -1;) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'o':
            if (overrides.count == GW_OVERRIDES_MAX) {
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
            return puts("cps-smpp " CPS_VERSION) < 0;
        case 'h':
            return usage(stdout, 0);
        default:
            return usage(stderr, 2);
        }
    }
    if (optind != argc) {
        return usage(stderr, 2);
    }
    struct gw_config config = {0};
    if (gw_config_load(&config, path, &overrides, &err) != STIR_OK) {
        return fail(&err);
    }
    if (check) {
        enum stir_code code = gw_filter_check(&config, &err);
        if (code != STIR_OK) {
            gw_config_clear(&config);
            return fail(&err);
        }
        code = gw_gateway_check(&config, &err);
        return code == STIR_OK ? printf("cps-smpp: the configuration is good\n") < 0 : fail(&err);
    }
    return gw_gateway_run(&config, path, &overrides, gw_filter_make, &err) == STIR_OK ? 0 : fail(&err);
}
