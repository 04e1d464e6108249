/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/health.h"

#include "client/lib/sign/tenants_check.h"
#include "client/sidecar/filter/filter_core.h"

#include <stdio.h>
#include <time.h>

/* The health of CPS, spool and certificates. Never waits: the CPS is asked in the background. */

enum {
    ASK_AGAIN_S = 5, /* an answer of the CPS is valid for this time at least */
    PATIENCE_S = 3,  /* a CPS that has not answered after this time is unhealthy */
};

static int64_t health_clock_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec;
}

/* Runs on a thread of libcps. */
static void health_on_cps_answer(void *arg, const struct cps_health_status *status)
{
    struct sc_service *service = arg;
    atomic_store(&service->health_code, (int)status->error.code);
    atomic_store(&service->health_asking, false);
}

static void health_check_cps(struct sc_service *service, char out[256])
{
    struct cps_away_status away;
    cps_away(service->cps, &away);
    if (away.away) { /* libcps asks it until it answers; see cps_away */
        (void)snprintf(out, 256, "the CPS has not answered for %lld s: %.160s", (long long)(away.away_ms / 1000),
                       away.cause.text);
        return;
    }
    int64_t now = health_clock_s(), age = now - atomic_load(&service->health_asked_s);
    if (atomic_load(&service->health_asking)) {
        if (age >= PATIENCE_S) {
            (void)snprintf(out, 256, "the CPS has not answered for %lld s", (long long)age);
            return;
        }
    } else if (age >= ASK_AGAIN_S || !atomic_load(&service->health_asked_s)) {
        atomic_store(&service->health_asked_s, now);
        atomic_store(&service->health_asking, true);
        if (cps_health_async(service->cps, health_on_cps_answer, service, NULL) != CPS_OK) {
            atomic_store(&service->health_asking, false);
        }
    }
    enum cps_code code = (enum cps_code)atomic_load(&service->health_code);
    if (code != CPS_OK) {
        (void)snprintf(out, 256, "the CPS is unhealthy: %s", cps_strerror(code));
    }
}

static void health_check_spool(const struct sc_policy *policy, char out[256])
{
    struct cps_spool_stats stats;
    if (!policy->service->has_spool || cps_spool_stats(policy->service->cps, &stats, NULL) != CPS_OK) {
        return;
    }
    if (stats.disk != CPS_SPOOL_DISK_GOOD) {
        (void)snprintf(out, 256, "the spool cannot be written: %s",
                       stats.disk == CPS_SPOOL_DISK_FULL ? "its disk is full" : "see the log");
    } else if (stats.queued >= policy->spool_max) {
        (void)snprintf(out, 256, "the spool is full: %llu PASSporTs wait in it", (unsigned long long)stats.queued);
    }
}

static void health_check_certificates(const struct sc_policy *policy, struct sc_health *health)
{
    char name[CPS_TENANT_NAME_MAX + 1], *out = health->reasons[SC_HEALTH_CERTIFICATES];
    int64_t now = (int64_t)time(NULL), *ends = health->ends;
    size_t expired = policy->tenants ? cps_tenants_expired(policy->tenants, now, name) : 0;
    ends[SC_CERTIFICATE_TENANT] = policy->tenants ? cps_tenants_end(policy->tenants) : 0;
    ends[SC_CERTIFICATE_CPS] = policy->service->credential_end;
    if (out[0]) {
        return;
    }
    if (expired) {
        (void)snprintf(out, 256, "the certificate of tenant %s has expired%s", name, expired > 1 ? ", and others" : "");
    } else if (ends[SC_CERTIFICATE_CPS] && ends[SC_CERTIFICATE_CPS] <= now) {
        (void)snprintf(out, 256, "[cps] auth_certificate has expired");
    }
}

void sc_filter_health(struct sc_filter_core *core, struct sc_health *out)
{
    const struct sc_policy *policy = core->policy;
    if (policy->service && policy->service->cps) {
        health_check_cps(policy->service, out->reasons[SC_HEALTH_CPS]);
        health_check_spool(policy, out->reasons[SC_HEALTH_SPOOL]);
        health_check_certificates(policy, out);
    }
}
