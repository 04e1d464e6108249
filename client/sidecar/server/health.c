#include "client/sidecar/server/health.h"

#include "client/sidecar/server/sidecar_internal.h"
#include "common/base/process_metrics.h"
#include "common/cert/x509.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A failed attempt says something for so long: without ESMEs nobody tries again. */
#define PEER_FAILED_MS 60000

void gw_health_peer_opened(struct gw_gateway *gateway)
{
    gateway->peer_health.failed = false;
}

void gw_health_peer_failed(struct gw_gateway *gateway, const char *why)
{
    gateway->peer_health.failed = true;
    gateway->peer_health.at_ms = uv_now(&gateway->loop);
    (void)snprintf(gateway->peer_health.reason, sizeof(gateway->peer_health.reason), "%s", why);
}

static void look_at_peer(struct gw_gateway *gateway, char out[256])
{
    const struct gw_peer_health *peer = &gateway->peer_health;
    uint64_t age_ms = uv_now(&gateway->loop) - peer->at_ms;
    if (peer->failed && age_ms < PEER_FAILED_MS) {
        (void)snprintf(out, 256, "the peer %.100s cannot be reached: %.120s", gateway->setup->config.peer_address,
                       peer->reason);
    }
}

static int64_t end_of(SSL_CTX *ctx)
{
    const X509 *certificate = ctx ? SSL_CTX_get0_certificate(ctx) : NULL;
    int64_t end = 0;
    return certificate && stir_x509_time(&end, X509_get0_notAfter(certificate), NULL) == STIR_OK ? end : 0;
}

static void look_at_certificates(const struct gw_gateway *gateway, struct gw_health *out)
{
    static const char *const names[] = {
        [GW_CERTIFICATE_LISTEN] = "[listen] certificate", [GW_CERTIFICATE_PEER] = "[peer] certificate"};
    out->ends[GW_CERTIFICATE_LISTEN] = end_of(gateway->setup->server_tls);
    out->ends[GW_CERTIFICATE_PEER] = end_of(gateway->setup->client_tls);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (out->ends[i] && out->ends[i] < (int64_t)time(NULL)) {
            (void)snprintf(out->reasons[GW_HEALTH_CERTIFICATES], sizeof(out->reasons[0]), "%s has expired", names[i]);
            return;
        }
    }
}

void gw_health_look(struct gw_gateway *gateway, struct gw_health *out)
{
    *out = (struct gw_health){0};
    look_at_peer(gateway, out->reasons[GW_HEALTH_PEER]);
    look_at_certificates(gateway, out);
    if (gateway->filter.health) {
        gateway->filter.health(gateway->filter.arg, out);
    }
}

void gw_health_render(struct gw_gateway *gateway, struct stir_buf *out)
{
    static const char *const names[] = {[GW_HEALTH_PEER] = "peer",
                                        [GW_HEALTH_CPS] = "cps",
                                        [GW_HEALTH_SPOOL] = "spool",
                                        [GW_HEALTH_CERTIFICATES] = "certificates"};
    struct gw_health health;
    gw_health_look(gateway, &health);
    stir_buf_puts(out, "# HELP cps_smpp_healthy 0 for a part that /health and /ready complain of, else 1\n"
                       "# TYPE cps_smpp_healthy gauge\n");
    for (int part = 0; part < GW_HEALTH_PARTS; part++) {
        stir_buf_printf(out, "cps_smpp_healthy{part=\"%s\"} %d\n", names[part], !health.reasons[part][0]);
    }
    const struct stir_certificate_end ends[] = {{"listen", health.ends[GW_CERTIFICATE_LISTEN]},
                                                {"peer", health.ends[GW_CERTIFICATE_PEER]},
                                                {"cps", health.ends[GW_CERTIFICATE_CPS]},
                                                {"tenant", health.ends[GW_CERTIFICATE_TENANT]}};
    stir_certificate_metrics(out, "cps_smpp", ends, sizeof(ends) / sizeof(ends[0]));
}
