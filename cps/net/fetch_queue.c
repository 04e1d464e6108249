#include "cps/net/fetch_queue.h"

#include "common/base/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct cpsd_fetch_host {
    struct cpsd_fetch_host *next;
    struct cpsd_fetch *first, **end; /* waiting, oldest first */
    unsigned active, waiting;
    char name[]; /* lower case */
};

/* Each queue's transfers, of at_once, and a host's share of them. An operator chose the hosts of lists and peers. */
static const struct {
    unsigned percent, hosts;
} shares[CPSD_FETCH_QUEUES] = {
    [CPSD_FETCH_CERTS] = {100, 8},
    [CPSD_FETCH_KNOWN_CERTS] = {100, 8},
    [CPSD_FETCH_LISTS] = {25, 4},
    [CPSD_FETCH_PEERS] = {200, 4},
};
#define WAITING_TIMES 16 /* this many times the number of transfers may wait */
#define WAITING_HOSTS 4  /* and one host gets this part of them */

static unsigned part(unsigned whole, unsigned parts)
{
    return whole / parts ? whole / parts : 1;
}

void cpsd_fetch_queues_init(struct cpsd_fetch_queues *queues, unsigned at_once)
{
    for (int i = 0; i < CPSD_FETCH_QUEUES; i++) {
        struct cpsd_fetch_line *line = &queues->line[i];
        unsigned transfers = part(at_once * shares[i].percent, 100);
        *line = (struct cpsd_fetch_line){.at_once = transfers,
                                         .at_once_by_host = part(transfers, shares[i].hosts),
                                         .most = transfers * WAITING_TIMES,
                                         .most_by_host = part(transfers * WAITING_TIMES, WAITING_HOSTS)};
        line->hosts_end = &line->hosts;
    }
}

/* ---- hosts ---- */

/* Finds a host by its name, whichever way it is written ("A.example." is "a.example"), or makes it, as the last to
 * have its turn. NULL: out of memory. */
static struct cpsd_fetch_host *host_of(struct cpsd_fetch_line *line, struct stir_view name)
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

static void unlink_host(struct cpsd_fetch_line *line, struct cpsd_fetch_host *host)
{
    struct cpsd_fetch_host **link = &line->hosts;
    while (*link != host) {
        link = &(*link)->next;
    }
    *link = host->next;
    line->hosts_end = host->next ? line->hosts_end : link;
    host->next = NULL;
}

/* Frees a host with nothing to do. */
static void settle_host(struct cpsd_fetch_line *line, struct cpsd_fetch_host *host)
{
    if (!host->active && !host->first) {
        unlink_host(line, host);
        free(host);
    }
}

static void end_turn(struct cpsd_fetch_line *line, struct cpsd_fetch_host *host)
{
    unlink_host(line, host);
    *line->hosts_end = host;
    line->hosts_end = &host->next;
}

/* ---- requests ---- */

static struct stir_view name_in(const struct cpsd_fetch *fetch)
{
    struct stir_url url;
    bool good = stir_url_parse(&url, fetch->url, strlen(fetch->url), STIR_E_URI, NULL) == STIR_OK;
    return good ? url.host : stir_view_str(fetch->url);
}

enum stir_code cpsd_fetch_queues_add(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch, struct stir_error *err)
{
    struct cpsd_fetch_line *line = &queues->line[fetch->queue];
    if (line->waiting >= line->most) {
        return stir_fail(err, STIR_E_UNAVAILABLE, "too much is being fetched already");
    }
    struct cpsd_fetch_host *host = host_of(line, name_in(fetch));
    if (!host) {
        return stir_fail(err, STIR_E_NOMEM, "a fetch");
    }
    if (host->waiting >= line->most_by_host) {
        return stir_fail(err, STIR_E_UNAVAILABLE, "too much is being fetched from this host already");
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

static void take_out(struct cpsd_fetch_line *line, struct cpsd_fetch *fetch)
{
    struct cpsd_fetch_host *host = fetch->host;
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
    take_out(line, fetch);
    settle_host(line, fetch->host);
    fetch->host = NULL;
}

static struct cpsd_fetch *take_from(struct cpsd_fetch_line *line, uint64_t now_ns, enum cpsd_fetch_turn *turn)
{
    for (struct cpsd_fetch_host *host = line->hosts; host; host = host->next) {
        struct cpsd_fetch *fetch = host->first;
        if (fetch && fetch->late_ns <= now_ns) {
            *turn = CPSD_FETCH_LATE;
            take_out(line, fetch);
            settle_host(line, host);
            fetch->host = NULL;
            return fetch;
        }
        if (fetch && line->active < line->at_once && host->active < line->at_once_by_host) {
            *turn = CPSD_FETCH_START;
            take_out(line, fetch);
            host->active++;
            line->active++;
            end_turn(line, host);
            return fetch;
        }
    }
    return NULL;
}

struct cpsd_fetch *cpsd_fetch_queues_take(struct cpsd_fetch_queues *queues, uint64_t now_ns, enum cpsd_fetch_turn *turn)
{
    struct cpsd_fetch *fetch = NULL;
    for (int i = 0; !fetch && i < CPSD_FETCH_QUEUES; i++) {
        fetch = take_from(&queues->line[i], now_ns, turn);
    }
    return fetch;
}

void cpsd_fetch_queues_done(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch)
{
    struct cpsd_fetch_line *line = &queues->line[fetch->queue];
    line->active--;
    fetch->host->active--;
    settle_host(line, fetch->host);
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
