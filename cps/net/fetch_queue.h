/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/net/fetch_internal.h"

/*
 * The waiting requests, by queue and by host. Each queue (enum cpsd_fetch_queue) has transfers of its own, of which one
 * host gets a share, and hosts take turns: a slow or busy host delays the requests to it and no others. Used under the
 * fetcher's lock.
 */
struct cpsd_fetch_host;

struct cpsd_fetch_line {
    unsigned at_once, at_once_by_host; /* limits of active transfers */
    unsigned most, most_by_host;       /* limits of waiting requests */
    unsigned active, waiting;
    struct cpsd_fetch_host *hosts, **hosts_end; /* hosts with requests; the next to have its turn comes first */
};

struct cpsd_fetch_queues {
    struct cpsd_fetch_line line[CPSD_FETCH_QUEUES];
};

enum cpsd_fetch_turn {
    CPSD_FETCH_START, /* start the transfer, and call cpsd_fetch_queues_done when it has ended */
    CPSD_FETCH_LATE,  /* it has waited too long */
};

/* Initializes the queues. at_once is the number of transfers of CPSD_FETCH_CERTS; the other limits are computed from
 * it. */
void cpsd_fetch_queues_init(struct cpsd_fetch_queues *queues, unsigned at_once);

/* Queues a request for the host of its URL. STIR_E_UNAVAILABLE (too many are waiting, in all or for this host),
 * STIR_E_NOMEM. */
enum stir_code cpsd_fetch_queues_add(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch,
                                     struct stir_error *err) STIR_MUST_CHECK;

/* Takes out the next request that can be started, or that has waited too long at now_ns (uv_hrtime; UINT64_MAX takes
 * out all). Returns NULL if there is none. */
struct cpsd_fetch *cpsd_fetch_queues_take(struct cpsd_fetch_queues *queues, uint64_t now_ns,
                                          enum cpsd_fetch_turn *turn);

/* Takes a waiting request out. */
void cpsd_fetch_queues_remove(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch);

/* Notes that the transfer of a started request has ended. */
void cpsd_fetch_queues_done(struct cpsd_fetch_queues *queues, struct cpsd_fetch *fetch);

/* Returns when the next waiting request has waited too long, as uv_hrtime; UINT64_MAX if none is waiting. */
uint64_t cpsd_fetch_queues_next_ns(const struct cpsd_fetch_queues *queues);
