/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter.h"
#include "client/sidecar/server/sidecar.h"
#include "common/base/daemon.h"

#include <stdio.h>
#include <stdlib.h>

static void print_warning(void *arg, const char *text)
{
    const struct stir_daemon *daemon = arg;
    (void)fprintf(stderr, "%s: warning: %s\n", daemon->name, text);
}

/* Prints what decides whether a provider's certificate covers a number. */
static void print_authority(const struct sc_config *config)
{
    if (config->numbers_table[0]) {
        (void)printf("cps-smpp: [numbers] table decides which numbers the certificate of a provider covers%s\n",
                     config->trust_allow_spc ? "; [trust] allow_spc has no effect" : "");
    } else if (config->trust_allow_spc) {
        (void)fprintf(stderr, "cps-smpp: warning: [trust] allow_spc without [numbers] table: a certificate of any "
                              "provider can sign for every number\n");
    }
}

int main(int argc, char **argv)
{
    struct stir_daemon cps_smpp = {
        .name = "cps-smpp",
        .usage = "Stands between an SMPP gateway and its peer: publishes and verifies PASSporTs of their messages.",
        .signals = "SIGHUP reads configuration and certificates again without dropping binds; SIGUSR1 opens "
                   "log files again;\nSIGTERM finishes the messages in progress, unbinds and stops.",
        .table = sc_config_table,
        .count = sc_config_count,
        .overrides_max = STIR_CONF_OVERRIDES_MAX,
        .online = "with -t: fetch certificates from their x5u, and publish at the CPS",
    };
    struct stir_daemon_options options;
    struct stir_faults faults = {0};
    struct stir_error err = {0};
    int status = EXIT_FAILURE;
    if (!stir_daemon_options(&options, &status, &cps_smpp, argc, argv)) {
        return status;
    }
    options.overrides.faults = &faults;
    struct sc_config config = {0};
    if (sc_config_load(&config, options.path, &options.overrides, &err) != STIR_OK) {
        return stir_daemon_verdict(&cps_smpp, &faults);
    }
    if (options.check) {
        sc_filter_check(&config, options.online, &faults);
        if (!faults.count) {
            sc_config_warn(&config, print_warning, &cps_smpp);
            print_authority(&config);
        }
        sc_sidecar_check(&config, &faults);
        return stir_daemon_verdict(&cps_smpp, &faults);
    }
    enum stir_code code = sc_sidecar_run(&config, options.path, &options.overrides, sc_filter_make, &err);
    stir_faults_clear(&faults); /* faults of a failed reload */
    return code == STIR_OK ? 0 : stir_daemon_fail(&cps_smpp, &err);
}
