/* SPDX-License-Identifier: MIT */
#include "cps/net/fetch_queue.h"

#include "common/base/url.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct cpsd_fetch_host {
    struct cpsd_fetch_host *next;
    struct cpsd_fetch *first, **end; /* waiting, oldest first */
    unsigned active, waiting;
    char name[]; /* lower case */
};

/* The transfers of each queue as a percentage of at_once, and the number of hosts that share them. The operator chose
 * the hosts of lists and peers, so each of those gets more. */
static const struct {
    unsigned percent, hosts;
} shares[CPSD_FETCH_QUEUES] = {
    [CPSD_FETCH_CERTS] = {100, 8},
    [CPSD_FETCH_KNOWN_CERTS] = {100, 8},
    [CPSD_FETCH_LISTS] = {25, 4},
    [CPSD_FETCH_PEERS] = {200, 4},
};
#define WAITING_TIMES 16 /* requests that may wait, as a multiple of the transfers */
#define WAITING_HOSTS 4  /* number of hosts that share the places to wait */

static unsigned queue_part(unsigned whole, unsigned parts)
{
    return whole / parts ? whole / parts : 1;
}

void cpsd_fetch_queues_init(struct cpsd_fetch_queues *queues, unsigned at_once)
{
    for (int i = 0; i < CPSD_FETCH_QUEUES; i++) {
        struct cpsd_fetch_line *line = &queues->line[i];
        unsigned transfers = queue_part(at_once * shares[i].percent, 100);
        *line = (struct cpsd_fetch_line){.at_once = transfers,
                                         .at_once_by_host = queue_part(transfers, shares[i].hosts),
                                         .most = transfers * WAITING_TIMES,
                                         .most_by_host = queue_part(transfers * WAITING_TIMES, WAITING_HOSTS)};
        line->hosts_end = &line->hosts;
    }
}

/* ---- hosts ---- */

/* Finds a host by its name in any form ("A.example." is "a.example"), or makes it, at the end of the line. Returns NULL
 * if memory is used up. */
static struct cpsd_fetch_host *queue_host(struct cpsd_fetch_line *line, struct stir_view name)
{
    size_t n = name.len && name.ptr[name.len - 1] == '.' ? name.len - 1 : name.len;
    struct cpsd_fetch_host *made = calloc(1, sizeof(*made) + n + 1);
    if (!made) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        made->name[i] = (char)tolower((unsigned char)name.ptr[i]);
    }
    for (struct cpsd_fetch_host *host = line->hosts; host; host = host->next) {
        if (strcmp(host->name, made->name) == 0) {
            free(made);
            return host;
        }
    }
    made->end = &made->first;
    *line->hosts_end = made;
    line->hosts_end = &made->next;
    return made;
}

static void queue_unlink_host(struct cpsd_fetch_line *line, struct cpsd_fetch_host *host)
{
    struct cpsd_fetch_host **link = &line->hosts;
    while (*link != host) {
        link = &(*link)->next;
    }
    *link = host->next;
    line->hosts_end = host->next ? line->hosts_end : link;
    host->next = NULL;
}

/* Frees a host that has neither waiting nor active requests. */
static void queue_settle_host(struct cpsd_fetch_line *line, struct cpsd_fetch_host *host)
{
    if (!host->active && !host->first) {
        queue_unlink_host(line, host);
        free(host);
    }
}

static void queue_end_turn(struct cpsd_fetch_line *line, struct cpsd_fetch_host *host)
{
    queue_unlink_host(line, host);
    *line->hosts_end = host;
    line->hosts_end = &host->next;
}

/* ---- requests ---- */

static struct stir_view queue_host_name(const struct cpsd_fetch *fetch)
{
    struct stir_url url;
    bool good = stir_url_parse(&url, fetch->url, strlen(fetch->url), STIR_E_URI, NULL) == STIR_OK;
    return good ? url.host : stir_view_str(fetch->url);
}

enum stir_code cpsd_fetch_queues_add(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch, struct stir_error *err)
{
    struct cpsd_fetch_line *line = &queues->line[fetch->queue];
    if (line->waiting >= line->most) {
        return stir_fail(err, STIR_E_UNAVAILABLE, "too many HTTPS requests are waiting already");
    }
    struct cpsd_fetch_host *host = queue_host(line, queue_host_name(fetch));
    if (!host) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for an HTTPS request");
    }
    if (host->waiting >= line->most_by_host) {
        return stir_fail(err, STIR_E_UNAVAILABLE, "too many HTTPS requests to this host are waiting already");
    }
    fetch->host = host;
    fetch->next = NULL;
    fetch->link = host->end;
    *host->end = fetch;
    host->end = &fetch->next;
    host->waiting++;
    line->waiting++;
    return STIR_OK;
}

static void queue_take_out(struct cpsd_fetch_line *line, struct cpsd_fetch *fetch)
{
    struct cpsd_fetch_host *host = fetch->host;
    assert(host->waiting > 0 && line->waiting > 0);
    *fetch->link = fetch->next;
    if (fetch->next) {
        fetch->next->link = fetch->link;
    } else {
        host->end = fetch->link;
    }
    fetch->next = NULL;
    host->waiting--;
    line->waiting--;
}

void cpsd_fetch_queues_remove(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch)
{
    struct cpsd_fetch_line *line = &queues->line[fetch->queue];
    queue_take_out(line, fetch);
    queue_settle_host(line, fetch->host);
    fetch->host = NULL;
}

static struct cpsd_fetch *queue_take_from(struct cpsd_fetch_line *line, uint64_t now_ns, enum cpsd_fetch_turn *turn)
{
    for (struct cpsd_fetch_host *host = line->hosts; host; host = host->next) {
        struct cpsd_fetch *fetch = host->first;
        /* a request that is too late is taken out even if nothing can be started */
        if (fetch && fetch->late_ns <= now_ns) {
            *turn = CPSD_FETCH_LATE;
            queue_take_out(line, fetch);
            queue_settle_host(line, host);
            fetch->host = NULL;
            return fetch;
        }
        /* the host goes to the end of the line, so that hosts take turns */
        if (fetch && line->active < line->at_once && host->active < line->at_once_by_host) {
            *turn = CPSD_FETCH_START;
            queue_take_out(line, fetch);
            host->active++;
            line->active++;
            queue_end_turn(line, host);
            return fetch;
        }
    }
    return NULL;
}

struct cpsd_fetch *cpsd_fetch_queues_take(struct cpsd_fetch_queues *queues, uint64_t now_ns, enum cpsd_fetch_turn *turn)
{
    struct cpsd_fetch *fetch = NULL;
    for (int i = 0; !fetch && i < CPSD_FETCH_QUEUES; i++) {
        fetch = queue_take_from(&queues->line[i], now_ns, turn);
    }
    return fetch;
}

void cpsd_fetch_queues_done(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch)
{
    struct cpsd_fetch_line *line = &queues->line[fetch->queue];
    assert(line->active > 0 && fetch->host->active > 0);
    line->active--;
    fetch->host->active--;
    queue_settle_host(line, fetch->host);
    fetch->host = NULL;
}

uint64_t cpsd_fetch_queues_next_ns(const struct cpsd_fetch_queues *queues)
{
    uint64_t next = UINT64_MAX;
    for (int i = 0; i < CPSD_FETCH_QUEUES; i++) {
        for (const struct cpsd_fetch_host *host = queues->line[i].hosts; host; host = host->next) {
            next = host->first && host->first->late_ns < next ? host->first->late_ns : next;
        }
    }
    return next;
}
