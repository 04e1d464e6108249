#include "common/base/daemon.h"
#include "cps/server/server.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const struct stir_daemon cpsd = {
        .name = "cpsd",
        .usage = "A Call Placement Service for text messages (RFC 8816).",
        .signals = "SIGHUP reads configuration and certificates again; SIGUSR1 opens log files again; SIGTERM answers\n"
                   "the requests that are under way and stops.",
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
    stir_faults_clear(&faults); /* of a reload that failed */
    return code == STIR_OK ? 0 : stir_daemon_fail(&cpsd, &err);
}
