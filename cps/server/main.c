/* SPDX-License-Identifier: MIT */
#include "common/base/daemon.h"
#include "cps/server/server.h"

#include <stdio.h>
#include <stdlib.h>

/* cpsd: reads the command line and the configuration, then checks it (-t) or serves until a signal ends it
 * (cps/server/server.c). */
int main(int argc, char **argv)
{
    const struct stir_daemon cpsd = {
        .name = "cpsd",
        .usage = "A Call Placement Service for text messages (RFC 8816).",
        .signals =
            "SIGHUP reloads the configuration and certificates; SIGUSR1 reopens the log file; SIGTERM and SIGINT\n"
            "finish the open requests and stop.",
        .table = cpsd_config_table,
        .count = cpsd_config_count,
        .overrides_max = 64,
    };
    struct stir_daemon_options options;
    struct stir_faults faults = {0};
    struct stir_error err = {0};
    int status = EXIT_FAILURE;
    if (!stir_daemon_options(&options, &status, &cpsd, argc, argv)) {
        return status;
    }
    options.overrides.faults = &faults;
    struct cpsd_config config = {0};
    if (cpsd_config_load(&config, options.path, &options.overrides, &err) != STIR_OK) {
        return stir_daemon_verdict(&cpsd, &faults);
    }
    if (options.check) {
        cpsd_server_check(&config, &faults);
        if (!faults.count && config.numbers_table[0]) {
            (void)printf("cpsd: [numbers] table decides which numbers a provider holds and can delegate\n");
        }
        cpsd_config_clear(&config);
        return stir_daemon_verdict(&cpsd, &faults);
    }
    enum stir_code code = cpsd_server_run(&config, options.path, &options.overrides, &err);
    stir_faults_clear(&faults); /* a reload may have recorded some */
    return code == STIR_OK ? 0 : stir_daemon_fail(&cpsd, &err);
}
