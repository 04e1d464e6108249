/* SPDX-License-Identifier: MIT */
#include "client/lib/context/handle.h"

#include "client/lib/box/box.h"
#include "client/lib/find/directory.h"
#include "client/lib/find/pinned_keys.h"
#include "client/lib/find/route.h"
#include "client/lib/net/transport.h"
#include "client/lib/sign/credential.h"
#include "client/lib/spool/spool.h"
#include "client/lib/verify/certcache.h"
#include "client/lib/verify/replay.h"
#include "client/lib/verify/trust.h"
#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/number/numtable.h"

#include <stdlib.h>

const char *cps_version(void)
{
    return CPS_VERSION;
}

/* Checks at start that a file can be read: libcurl would report a missing one when it first connects. path may be NULL.
 */
static enum cps_code handle_check_readable(const char *path, const char *option, struct cps_error *err)
{
    struct stir_buf content = {.limit = 4194304};
    struct stir_error cause = {0};
    if (!path) {
        return CPS_OK;
    }
    enum stir_code code = stir_read_file(&content, path, content.limit, &cause);
    stir_buf_cleanse(&content);
    return code == STIR_OK ? CPS_OK : cps_fail_prefix(err, cps_fail_stir(err, code, &cause), "%s", option);
}

/* Reads the number table, before the roots are read: it limits what a CA can delegate. */
static enum cps_code handle_read_numbers(struct cps *cps, struct cps_error *err)
{
    const struct cps_options *options = &cps->options;
    struct stir_error cause = {0};
    if (!options->numbers_file) {
        if (options->allow_spc) {
            cps_log(cps, CPS_LOG_WARNING,
                    "allow_spc without a number table: a certificate of any provider can sign for every number; set "
                    "numbers_file");
        }
        return CPS_OK;
    }
    if (options->allow_spc) {
        cps_log(cps, CPS_LOG_WARNING, "allow_spc has no effect: the number table decides which numbers a provider has");
    }
    enum stir_code code = stir_numtable_load(&cps->numbers, options->numbers_file, &cause);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

static enum cps_code handle_open_replay(struct cps *cps, struct cps_error *err)
{
    switch (cps->options.replay) {
    case CPS_REPLAY_MEMORY:
        if (cps->options.replay_from) {
            cps->replay = cps_replay_share(cps->options.replay_from->replay);
            cps->options.replay_from = NULL;
            return CPS_OK;
        }
        return cps_replay_new_memory(&cps->replay, cps->options.replay_max, err);
    case CPS_REPLAY_SQLITE:
        return cps_replay_new_sqlite(&cps->replay, cps->options.replay_file, cps->options.replay_max, err);
    case CPS_REPLAY_NONE:
        break;
    }
    return CPS_OK;
}

static enum cps_code handle_open_transport(struct cps *cps, struct cps_error *err)
{
    const struct cps_options *options = &cps->options;
    struct cps_transport_config config = {
        .tls_ca_file = options->tls_ca_file,
        .tls_cert_file = options->tls_cert_file,
        .tls_key_file = options->tls_key_file,
        .x5u_ca_file = options->x5u_ca_file,
        .crl_ca_file = options->crl_ca_file,
        .x5u_allow_private = options->x5u_allow_private,
        .connect_timeout_ms = options->connect_timeout_ms,
        .max_connections = options->max_connections,
    };
    const char *const files[][2] = {
        {options->tls_ca_file, "tls_ca_file"},   {options->tls_cert_file, "tls_cert_file"},
        {options->tls_key_file, "tls_key_file"}, {options->x5u_ca_file, "x5u_ca_file"},
        {options->crl_ca_file, "crl_ca_file"},
    };
    /* libcurl opens these files when it connects: a missing one is reported now instead. */
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        enum cps_code code = handle_check_readable(files[i][0], files[i][1], err);
        if (code != CPS_OK) {
            return code;
        }
    }
    return cps_transport_new(&cps->transport, &config, err);
}

/* Sets up what finds the CPS and the keys of a destination. */
static enum cps_code handle_open_routes(struct cps *cps, struct cps_error *err)
{
    const struct cps_options *options = &cps->options;
    enum cps_code code = cps_routes_new(&cps->routes, cps, err);
    if (code == CPS_OK && options->cps_url) {
        code = cps_route_get(&cps->route, cps->routes, options->cps_url, false, CPS_E_CONFIG, err);
        code = code == CPS_OK ? code : cps_fail_prefix(err, code, "cps_url");
    }
    if (code == CPS_OK && options->pinned_file) {
        code = cps_pinned_load(&cps->pinned, options->pinned_file, err);
    }
    return code == CPS_OK ? cps_directory_new(&cps->directory, cps, err) : code;
}

/* Reads the options into the handle. */
static enum cps_code handle_take_options(struct cps *cps, const struct cps_options *options, struct cps_error *err)
{
    enum cps_code code = cps_options_copy(&cps->options, options, err);
    if (code != CPS_OK) {
        return code;
    }
    code = cps_options_numbering(&cps->numbering, &cps->options, err);
    if (code != CPS_OK) {
        return code;
    }
    return cps_options_types(&cps->accepted_types, &cps->options, err);
}

/* Makes the parts of a handle in the order in which they use each other. On failure the caller frees the handle. */
static enum cps_code handle_set_up(struct cps *cps, struct cps_error *err)
{
    enum cps_code code = handle_read_numbers(cps, err);
    if (code != CPS_OK) {
        return code;
    }
    /* What PASSporTs are judged by: the roots, which the number table limits, and the replay memory. */
    code = cps_trust_open(&cps->trust, cps, err);
    if (code == CPS_OK) {
        code = handle_open_replay(cps, err);
    }
    /* The network, and our credential for the CPS. */
    if (code == CPS_OK) {
        code = handle_open_transport(cps, err);
    }
    if (code == CPS_OK) {
        code = cps_credential_open(&cps->credential, &cps->options, err);
    }
    /* What is fetched over the network and remembered. */
    if (code == CPS_OK) {
        code = handle_open_routes(cps, err);
    }
    if (code == CPS_OK) {
        code = cps_certcache_new(&cps->certs, cps, err);
    }
    if (code == CPS_OK) {
        code = cps_boxes_new(&cps->boxes, cps, err);
    }
    /* The threads come last: they use everything else. */
    if (code == CPS_OK && cps->options.spool_file) {
        code = cps_spool_new(&cps->spool, cps, err);
    }
    return code == CPS_OK ? cps_trust_start(cps->trust, err) : code;
}

enum cps_code cps_new(struct cps **out, const struct cps_options *options, struct cps_error *err)
{
    if (!out || !options) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    struct cps *cps = calloc(1, sizeof(*cps));
    if (!cps) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    enum cps_code code = handle_take_options(cps, options, err);
    if (code == CPS_OK) {
        code = handle_set_up(cps, err);
    }
    cps->options.crls_from = NULL; /* another handle, which is read here only */
    if (code != CPS_OK) {
        cps_free(cps);
        return code;
    }
    *out = cps;
    return CPS_OK;
}

void cps_free(struct cps *cps)
{
    if (!cps) {
        return;
    }
    if (cps->transport && cps_transport_is_here(cps->transport)) {
        cps_log(cps, CPS_LOG_ERROR,
                "cps_free was called from a callback, so nothing was freed; call it from another thread");
        return;
    }
    /* Background tasks end first: nothing new is begun, and the transport ends what is under way. */
    atomic_store(&cps->closing, true);
    cps_spool_stop(cps->spool);
    cps_trust_stop(cps->trust);
    cps_transport_free(cps->transport);
    /* No callback comes any more. */
    cps_spool_free(cps->spool);
    cps_boxes_free(cps->boxes);
    cps_directory_free(cps->directory);
    cps_certcache_free(cps->certs);
    cps_pinned_free(cps->pinned);
    cps_route_unref(cps->route);
    cps_routes_free(cps->routes);
    cps_replay_free(cps->replay);
    cps_trust_free(cps->trust);
    stir_numtable_unref(cps->numbers); /* after the thread that gives it to each new trust */
    cps_credential_free(cps->credential);
    cps_options_clear(&cps->options);
    free(cps);
}
