#include "client/gateway/filter.h"
#include "client/gateway/gateway.h"
#include "common/daemon.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    const struct stir_daemon cps_smpp = {
        .name = "cps-smpp",
        .usage = "Stands between an SMPP gateway and its peer: publishes and verifies PASSporTs of their messages.",
        .signals = "SIGHUP reads configuration and certificates again, no bind is dropped; SIGTERM ends what is under "
                   "way, unbinds and stops.",
        .table = gw_config_table,
        .count = gw_config_count,
        .overrides_max = STIR_CONF_OVERRIDES_MAX,
    };
    struct stir_daemon_options options;
    struct stir_error err = {0};
    int status = EXIT_FAILURE;
    if (!stir_daemon_options(&options, &status, &cps_smpp, argc, argv)) {
        return status;
    }
    struct gw_config config = {0};
    if (gw_config_load(&config, options.path, &options.overrides, &err) != STIR_OK) {
        return stir_daemon_fail(&cps_smpp, &err);
    }
    if (options.check) {
        enum stir_code code = gw_filter_check(&config, &err);
        if (code != STIR_OK) {
            gw_config_clear(&config);
            return stir_daemon_fail(&cps_smpp, &err);
        }
        code = gw_gateway_check(&config, &err);
        return code == STIR_OK ? stir_daemon_good(&cps_smpp) : stir_daemon_fail(&cps_smpp, &err);
    }
    enum stir_code code = gw_gateway_run(&config, options.path, &options.overrides, gw_filter_make, &err);
    return code == STIR_OK ? 0 : stir_daemon_fail(&cps_smpp, &err);
}
