#include "common/daemon.h"
#include "cps/server.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    const struct stir_daemon cpsd = {
        .name = "cpsd",
        .usage = "A Call Placement Service for text messages (RFC 8816).",
        .signals = "SIGHUP reads configuration and certificates again; SIGTERM answers what is under way and stops.",
        .table = cpsd_config_table,
        .count = cpsd_config_count,
        .overrides_max = 64,
    };
    struct stir_daemon_options options;
    struct stir_error err = {0};
    int status = EXIT_FAILURE;
    if (!stir_daemon_options(&options, &status, &cpsd, argc, argv)) {
        return status;
    }
    struct cpsd_config config = {0};
    if (cpsd_config_load(&config, options.path, &options.overrides, &err) != STIR_OK) {
        return stir_daemon_fail(&cpsd, &err);
    }
    if (options.check) {
        enum stir_code code = cpsd_server_check(&config, &err);
        cpsd_config_clear(&config);
        return code == STIR_OK ? stir_daemon_good(&cpsd) : stir_daemon_fail(&cpsd, &err);
    }
    enum stir_code code = cpsd_server_run(&config, options.path, &options.overrides, &err);
    return code == STIR_OK ? 0 : stir_daemon_fail(&cpsd, &err);
}
