/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/health.h"

#include "client/sidecar/server/sidecar_internal.h"
#include "common/base/process_metrics.h"
#include "common/cert/x509.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* For how long a failed attempt counts: without ESMEs no other attempt follows. */
#define PEER_FAILED_MS 60000

void sc_health_peer_opened(struct sc_sidecar *sidecar)
{
    sidecar->peer_health.failed = false;
}

void sc_health_peer_failed(struct sc_sidecar *sidecar, const char *why)
{
    sidecar->peer_health.failed = true;
    sidecar->peer_health.at_ms = uv_now(&sidecar->loop);
    (void)snprintf(sidecar->peer_health.reason, sizeof(sidecar->peer_health.reason), "%s", why);
}

static void health_check_peer(struct sc_sidecar *sidecar, char out[256])
{
    const struct sc_peer_health *peer = &sidecar->peer_health;
    uint64_t age_ms = uv_now(&sidecar->loop) - peer->at_ms;
    if (peer->failed && age_ms < PEER_FAILED_MS) {
        (void)snprintf(out, 256, "the peer %.100s cannot be reached: %.120s", sidecar->setup->config.peer_address,
                       peer->reason);
    }
}

static int64_t health_certificate_end(SSL_CTX *ctx)
{
    const X509 *certificate = ctx ? SSL_CTX_get0_certificate(ctx) : NULL;
    int64_t end = 0;
    return certificate && stir_x509_time(&end, X509_get0_notAfter(certificate), NULL) == STIR_OK ? end : 0;
}

static void health_check_tls_certificates(const struct sc_sidecar *sidecar, struct sc_health *out)
{
    static const char *const names[] = {
        [SC_CERTIFICATE_LISTEN] = "[listen] certificate", [SC_CERTIFICATE_PEER] = "[peer] certificate"};
    out->ends[SC_CERTIFICATE_LISTEN] = health_certificate_end(sidecar->setup->server_tls);
    out->ends[SC_CERTIFICATE_PEER] = health_certificate_end(sidecar->setup->client_tls);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (out->ends[i] && out->ends[i] < (int64_t)time(NULL)) {
            (void)snprintf(out->reasons[SC_HEALTH_CERTIFICATES], sizeof(out->reasons[0]), "%s has expired", names[i]);
            return;
        }
    }
}

void sc_health_look(struct sc_sidecar *sidecar, struct sc_health *out)
{
    *out = (struct sc_health){0};
    health_check_peer(sidecar, out->reasons[SC_HEALTH_PEER]);
    health_check_tls_certificates(sidecar, out);
    if (sidecar->filter.health) {
        sidecar->filter.health(sidecar->filter.arg, out);
    }
}

void sc_health_render(struct sc_sidecar *sidecar, struct stir_buf *out)
{
    static const char *const names[] = {[SC_HEALTH_PEER] = "peer",
                                        [SC_HEALTH_CPS] = "cps",
                                        [SC_HEALTH_SPOOL] = "spool",
                                        [SC_HEALTH_CERTIFICATES] = "certificates"};
    struct sc_health health;
    sc_health_look(sidecar, &health);
    stir_buf_puts(out, "# HELP cps_smpp_healthy 0 for a part that /health and /ready report as unhealthy, else "
                       "1\n# TYPE cps_smpp_healthy gauge\n");
    for (int part = 0; part < SC_HEALTH_PARTS; part++) {
        stir_buf_printf(out, "cps_smpp_healthy{part=\"%s\"} %d\n", names[part], !health.reasons[part][0]);
    }
    const struct stir_certificate_end ends[] = {{"listen", health.ends[SC_CERTIFICATE_LISTEN]},
                                                {"peer", health.ends[SC_CERTIFICATE_PEER]},
                                                {"cps", health.ends[SC_CERTIFICATE_CPS]},
                                                {"tenant", health.ends[SC_CERTIFICATE_TENANT]}};
    stir_certificate_metrics(out, "cps_smpp", ends, sizeof(ends) / sizeof(ends[0]));
}
