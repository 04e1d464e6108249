/* SPDX-License-Identifier: MIT */
#include "cps/net/peers.h"
#include "common/base/file.h"

#include "common/cert/chain.h"
#include "common/cert/x5u.h"
#include "common/jose/jwk.h"
#include "common/jose/key_load.h"
#include "common/passport/passport.h"

#include <openssl/x509.h>
#include <stdlib.h>

struct cpsd_peers *cpsd_peers_ref(struct cpsd_peers *peers)
{
    if (peers) {
        atomic_fetch_add_explicit(&peers->refs, 1, memory_order_relaxed);
    }
    return peers;
}

void cpsd_peers_unref(struct cpsd_peers *peers)
{
    if (!peers || atomic_fetch_sub_explicit(&peers->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < peers->x5c_count; i++) {
        stir_buf_free(&peers->der[i]);
    }
    EVP_PKEY_free(peers->key);
    free(peers->der);
    free(peers->x5c);
    free(peers->ca_file);
    free(peers);
}

static enum stir_code peers_add(struct cpsd_peers *peers, const char *url, struct stir_error *err)
{
    struct stir_url parts;
    struct cpsd_peer *peer = &peers->peer[peers->count];
    size_t len = strlen(url);
    if (peers->count == CPSD_PEERS_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "[atis] peers: the list has more than %d peers", CPSD_PEERS_MAX);
    }
    while (len && url[len - 1] == '/') {
        len--;
    }
    enum stir_code code = stir_url_parse(&parts, url, len, STIR_E_CONFIG, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "[atis] peers: %s", url);
    }
    if (parts.host.len >= sizeof(peer->host)) {
        return stir_fail(err, STIR_E_CONFIG, "[atis] peers: %s: the host name is too long", url);
    }
    memcpy(peer->url, url, len);
    memcpy(peer->host, parts.host.ptr, parts.host.len);
    peers->count++;
    return STIR_OK;
}

static enum stir_code peers_read_urls(struct cpsd_peers *peers, const char *list, struct stir_error *err)
{
    char url[STIR_URL_MAX + 2]; /* a longer one is cut to a length that is refused */
    enum stir_code code = STIR_OK;
    for (size_t pos = 0; code == STIR_OK && stir_conf_next(list, &pos, url, sizeof(url));) {
        code = peers_add(peers, url, err);
    }
    return code;
}

static enum stir_code peers_keep_der(struct cpsd_peers *peers, const struct stir_chain *chain, struct stir_error *err)
{
    peers->der = calloc(chain->count, sizeof(*peers->der));
    peers->x5c = calloc(chain->count, sizeof(*peers->x5c));
    if (!peers->der || !peers->x5c) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for [atis] certificate");
    }
    for (size_t i = 0; i < chain->count; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(chain->certs[i], &der);
        if (len > 0) {
            stir_buf_put(&peers->der[i], der, (size_t)len);
        }
        OPENSSL_free(der);
        peers->x5c_count++;
        if (len <= 0 || stir_buf_state(&peers->der[i]) != STIR_OK) {
            return stir_fail(err, STIR_E_NOMEM, "out of memory for [atis] certificate");
        }
        peers->x5c[i] = stir_view(peers->der[i].ptr, peers->der[i].len);
    }
    return STIR_OK;
}

static enum stir_code peers_take_chain(struct cpsd_peers *peers, const struct stir_chain *chain, struct stir_error *err)
{
    if (!stir_key_same_public(chain->key, peers->key)) {
        return stir_fail(err, STIR_E_CONFIG, "[atis] private_key does not belong to [atis] certificate");
    }
    for (size_t i = 0; i < chain->tnauth.count; i++) {
        const struct stir_tnauth_entry *entry = &chain->tnauth.entries[i];
        if (entry->kind == STIR_TNAUTH_SPC && !peers->spc[0]) {
            memcpy(peers->spc, entry->value, strnlen(entry->value, STIR_SPC_MAX));
        }
    }
    if (!peers->spc[0]) {
        return stir_fail(err, STIR_E_CONFIG, "[atis] certificate has no service provider code (SPC) in its TNAuthList");
    }
    return peers_keep_der(peers, chain, err);
}

static enum stir_code peers_read_credential(struct cpsd_peers *peers, const struct cpsd_config *config,
                                            struct stir_error *err)
{
    struct stir_buf pem = {0};
    struct stir_chain *chain = NULL;
    if (!config->atis_certificate[0] || !config->atis_private_key[0]) {
        return stir_fail(err, STIR_E_CONFIG, "[atis] peers needs [atis] certificate and private_key; set both");
    }
    if (config->atis_x5u[0] && !stir_x5u_is_https(config->atis_x5u)) {
        return stir_fail(err, STIR_E_CONFIG, "[atis] x5u is not an https URL");
    }
    enum stir_code code = stir_key_load(&peers->key, config->atis_private_key, true, STIR_KEY_SIGN, err);
    if (code == STIR_OK) {
        code = stir_read_file(&pem, config->atis_certificate, STIR_CHAIN_FILE_OCTETS, err);
    }
    if (code == STIR_OK) {
        code = stir_chain_parse(&chain, pem.ptr, pem.len, err);
        code = code == STIR_OK ? stir_chain_check_own(chain, err) : code;
        if (code != STIR_OK) {
            (void)stir_fail_prefix(err, code, "%s", config->atis_certificate);
        }
    }
    if (code == STIR_OK) {
        code = peers_take_chain(peers, chain, err);
    }
    stir_chain_unref(chain);
    stir_buf_free(&pem);
    return code;
}

static enum stir_code peers_take_settings(struct cpsd_peers *peers, const struct cpsd_config *config,
                                          struct stir_error *err)
{
    if (strlen(config->atis_x5u) > STIR_URL_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "[atis] x5u is too long");
    }
    memcpy(peers->x5u, config->atis_x5u, strlen(config->atis_x5u));
    peers->timeout_ms = (unsigned)config->atis_peer_timeout_ms;
    peers->queue_max = (size_t)config->atis_queue_max;
    peers->ca_file = strdup(config->atis_ca_file);
    return peers->ca_file ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory for [atis] ca_file");
}

enum stir_code cpsd_peers_load(struct cpsd_peers **out, const struct cpsd_config *config, struct stir_error *err)
{
    if (!config->atis_peers[0]) {
        *out = NULL;
        return STIR_OK;
    }
    struct cpsd_peers *peers = calloc(1, sizeof(*peers));
    if (!peers) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for [atis] peers");
    }
    atomic_init(&peers->refs, 1);
    enum stir_code code = peers_read_urls(peers, config->atis_peers, err);
    if (code == STIR_OK) {
        code = peers_read_credential(peers, config, err);
    }
    if (code == STIR_OK) {
        code = peers_take_settings(peers, config, err);
    }
    if (code != STIR_OK) {
        cpsd_peers_unref(peers);
        return code;
    }
    *out = peers;
    return STIR_OK;
}
