/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/sidecar_internal.h"

#include <stdlib.h>

/* Makes everything that a configuration needs, completely or not at all. */

static enum stir_code setup_check_listen(const struct sc_config *config, struct stir_error *err)
{
    struct stir_listen_addresses found;
    enum stir_code code = STIR_OK;
    char item[300];
    for (size_t pos = 0; code == STIR_OK && stir_conf_next(config->listen_address, &pos, item, sizeof(item));) {
        code = sc_listen_find(&found, "[listen] address", item, err);
    }
    if (code == STIR_OK && config->admin_listen[0]) {
        code = sc_listen_find(&found, "[admin] listen", config->admin_listen, err);
    }
    return code;
}

static enum stir_code setup_fill(struct sc_setup *setup, struct stir_error *err)
{
    const struct sc_config *config = &setup->config;
    enum stir_code code = setup_check_listen(config, err);
    if (code == STIR_OK) {
        code = sc_allow_read(&setup->allow, config->listen_allow, err);
    }
    if (code == STIR_OK) {
        code = sc_endpoint_read(&setup->peer, "[peer] address", config->peer_address, err);
    }
    if (code == STIR_OK) {
        code = sc_tls_server(&setup->server_tls, config, err);
    }
    return code == STIR_OK ? sc_tls_client(&setup->client_tls, config, err) : code;
}

enum stir_code sc_setup_new(struct sc_setup **out, struct sc_config *config, struct stir_error *err)
{
    struct sc_setup *setup = calloc(1, sizeof(*setup));
    if (!setup) {
        sc_config_clear(config);
        return stir_fail(err, STIR_E_NOMEM, "configuration");
    }
    setup->config = *config;
    *config = (struct sc_config){0};
    enum stir_code code = setup_fill(setup, err);
    if (code != STIR_OK) {
        sc_setup_free(setup);
        return stir_conf_fault(err, code);
    }
    *out = setup;
    return STIR_OK;
}

void sc_setup_free(struct sc_setup *setup)
{
    if (setup) {
        sc_config_clear(&setup->config);
        sc_allow_clear(&setup->allow);
        SSL_CTX_free(setup->server_tls);
        SSL_CTX_free(setup->client_tls);
        free(setup);
    }
}
