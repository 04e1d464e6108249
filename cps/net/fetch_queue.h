#pragma once

#include "cps/net/fetch_internal.h"

/*
 * The requests that wait for their turn, by queue and by host. Each queue (enum cpsd_fetch_queue) has transfers of its
 * own, of which one host gets a share, and hosts take turns: a host that is slow or asked too often delays those who
 * ask it and nobody else. Knows nothing of libcurl. Used under the fetcher's lock.
 */
struct cpsd_fetch_host;

struct cpsd_fetch_line {
    unsigned at_once, at_once_by_host; /* transfers */
    unsigned most, most_by_host;       /* waiting requests */
    unsigned active, waiting;
    struct cpsd_fetch_host *hosts, **hosts_end; /* those with something to do; whose turn it is comes first */
};

struct cpsd_fetch_queues {
    struct cpsd_fetch_line line[CPSD_FETCH_QUEUES];
};

enum cpsd_fetch_turn {
    CPSD_FETCH_START, /* to be transferred; cpsd_fetch_queues_done follows */
    CPSD_FETCH_LATE,  /* its time in the queue is over */
};

/* at_once: transfers of the queue of certificates; the others follow from it. */
void cpsd_fetch_queues_init(struct cpsd_fetch_queues *queues, unsigned at_once);

/* Queues a request for its URL's host. STIR_E_UNAVAILABLE: too much waits, for this host or in all; STIR_E_NOMEM. */
enum stir_code cpsd_fetch_queues_add(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* Takes out the next request that can be started, or whose time in the queue is over at now_ns (uv_hrtime; UINT64_MAX:
 * that of all is). NULL: there is none. */
struct cpsd_fetch *cpsd_fetch_queues_take(struct cpsd_fetch_queues *queues, uint64_t now_ns,
                                          enum cpsd_fetch_turn *turn);

/* Takes a waiting request out. */
void cpsd_fetch_queues_remove(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch);

/* The transfer of a request that was started is over. */
void cpsd_fetch_queues_done(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch);

/* The time at which the next waiting request is late; UINT64_MAX: nothing waits. */
uint64_t cpsd_fetch_queues_next_ns(const struct cpsd_fetch_queues *queues);
