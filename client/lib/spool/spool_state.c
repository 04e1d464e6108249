/* SPDX-License-Identifier: MIT */
/* The state that the spool's files share: counters, whether the disk can be written, random bits. */
#include "client/lib/spool/spool_internal.h"

#include <string.h>
#include <sys/random.h>

/* Without random bits from the kernel, early after boot, the clock is good enough. */
uint64_t cps_spool_chance(void)
{
    uint64_t bits;
    return getrandom(&bits, sizeof(bits), GRND_NONBLOCK) == (ssize_t)sizeof(bits) ? bits : (uint64_t)cps_wall_ms();
}

bool cps_spool_is_of_disk(enum cps_code code)
{
    return code == CPS_E_SPOOL_FULL || code == CPS_E_SPOOL_STORE;
}

void cps_spool_note_write(struct cps_spool *spool, enum cps_code code, const struct cps_error *err)
{
    if (code != CPS_OK && !cps_spool_is_of_disk(code)) {
        return; /* out of memory, which says nothing about the disk */
    }
    enum cps_spool_disk disk = code == CPS_OK             ? CPS_SPOOL_DISK_GOOD
                               : code == CPS_E_SPOOL_FULL ? CPS_SPOOL_DISK_FULL
                                                          : CPS_SPOOL_DISK_FAILING;
    if (disk != CPS_SPOOL_DISK_GOOD && disk != spool->disk) {
        cps_log(spool->cps, CPS_LOG_ERROR,
                "%s; the envelopes in it are still published, but no more are kept; trying again", err->text);
    } else if (disk == CPS_SPOOL_DISK_GOOD && spool->disk != CPS_SPOOL_DISK_GOOD) {
        cps_log(spool->cps, CPS_LOG_NOTICE, "the spool can be written again");
    }
    spool->disk = disk;
    spool->write_again_ms = disk == CPS_SPOOL_DISK_GOOD ? 0 : cps_monotonic_ms() + CPS_SPOOL_WRITE_EVERY_MS;
    pthread_mutex_lock(&spool->lock);
    spool->stats.disk = disk;
    pthread_mutex_unlock(&spool->lock);
}

/* ---- counters ---- */

void cps_spool_show(struct cps_spool *spool, const struct cps_spool_view *view)
{
    pthread_mutex_lock(&spool->lock);
    spool->stats.queued = view->queued > spool->book.published ? view->queued - spool->book.published : 0;
    spool->stats.octets = view->octets > spool->book.octets ? view->octets - spool->book.octets : 0;
    spool->stats.published = view->published + spool->book.published;
    memcpy(spool->stats.dropped, view->dropped, sizeof(view->dropped));
    spool->stats.dropped[CPS_SPOOL_NO_DISK] += spool->unrecorded;
    spool->stats.away = spool->retry.away;
    spool->oldest_put = view->oldest_put;
    pthread_mutex_unlock(&spool->lock);
}

void cps_spool_count(struct cps_spool *spool, struct cps_spool_stats *out)
{
    int64_t now = cps_now(spool->cps);
    pthread_mutex_lock(&spool->lock);
    *out = spool->stats;
    out->under_way = spool->under_way;
    out->oldest_s = spool->oldest_put < now ? now - spool->oldest_put : 0;
    pthread_mutex_unlock(&spool->lock);
}

bool cps_spool_look(struct cps_spool *spool, struct cps_spool_view *view)
{
    struct cps_error err = {0};
    enum cps_code code = cps_spool_db_look(spool->db, view, &err);
    if (code != CPS_OK) {
        cps_spool_note_write(
            spool, code,
            &err); /* only failures count here: that the file can be read does not show that it can be written */
        return false;
    }
    cps_spool_show(spool, view);
    return true;
}

enum cps_code cps_spool_fresh(int64_t *fresh_until, const struct cps *cps, int64_t from, uint32_t ttl_s,
                              struct cps_error *err)
{
    int64_t now = cps_now(cps);
    if (*fresh_until == 0) {
        *fresh_until = from + (ttl_s ? (int64_t)ttl_s : cps->options.max_age_s);
    }
    if (*fresh_until < now) {
        return cps_fail(err, CPS_E_STALE, "the envelope is no longer fresh");
    }
    if (*fresh_until > now + CPS_MAX_AGE_LIMIT_S) {
        *fresh_until = now + CPS_MAX_AGE_LIMIT_S;
    }
    return CPS_OK;
}

enum cps_code cps_spool_here(const struct cps *cps, struct cps_error *err)
{
    return cps->spool ? CPS_OK : cps_fail(err, CPS_E_CONFIG, "no spool is configured (spool_file)");
}
