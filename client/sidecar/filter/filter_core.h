/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/cps_operation.h"
#include "client/sidecar/filter/decider.h"
#include "client/sidecar/filter/expectation.h"
#include "client/sidecar/filter/filter_metrics.h"
#include "client/sidecar/filter/item.h"
#include "client/sidecar/filter/message_log.h"
#include "client/sidecar/filter/message_log_line.h"
#include "client/sidecar/filter/repeat.h"
#include "client/sidecar/filter/sign_outcomes.h"
#include "common/base/map.h"

#include <uv.h>

/*
 * What the files of the filter share: one struct, which belongs to the loop's thread. Calls go down only:
 *
 *     filter.c                              what the relay and the server call; timers, start and end
 *     sign.c, verify.c, exempt.c            decide each message
 *     segments.c                            segments that wait for the rest of their message
 *     repeat.c, item.c                      what may be sent again; messages with operations of libcps in progress
 *     message_log_line.c, part.c            lines of the records; held messages and segments
 *     repeat_sent.c, repeat_note.c          forwarded messages that wait for their answer, and their notes in a file
 *     filter_core.c                         warnings
 *
 * What the lower files tell sign.c and verify.c goes through struct sc_decider.
 */

enum {
    SC_STOP_MS = 1500,      /* after SIGTERM, undecided messages are decided within this time */
    SC_CLOSE_MS = 2000,     /* after close(), publishing may still finish within this time */
    SC_HOLD_QUIET_MS = 200, /* [join] hold = window: segments are forwarded when their connection was quiet for this
                             * time, */
    SC_HOLD_MAX_MS = 600,   /* or when they were held for this time */
    SC_REPEAT_MS = 300000,  /* how long a message that lost its connection is remembered */
    SC_REPEATS_MAX = 10000, /* lost items that are remembered */
    SC_ANSWERED_MS = 10000, /* an answer older than this was read when its connection ends */
    SC_SENT_MAX =
        50000, /* records of messages without an answer; the same for answered ones, and for repeatable ones */
};

struct sc_filter_core {
    const struct sc_decider *deciders[2]; /* by `verify`: sign, verify */
    uv_loop_t *loop;
    const struct stir_log *log;
    struct sc_policy *policy;
    struct sc_service *services; /* list of the services in use */
    struct sc_filter_counters counters;
    struct sc_message_log judged, signed_;
    struct sc_number_key number_key; /* for the hashes of telephone numbers in the records */
    struct sc_lines lines;
    struct sc_outcomes *outcomes;
    struct sc_ops ops;
    struct smpp_join *join;
    struct stir_map join_peers;
    struct sc_expect *expect; /* NULL: [verify] adaptive was never on */
    bool saving;              /* its file is being written */
    uint64_t save_ms;         /* when its file may be written again */
    struct stir_map holds;
    struct sc_hold *quietest, *latest;            /* ordered by the last traffic of their connections */
    struct sc_item_list signing, verifying, lost; /* by deadline */
    struct stir_map lost_by_print, lost_by_last;
    struct stir_map sent_binds, sent_by_sequence, sent_by_print;
    size_t unanswered, answered;
    struct sc_sent_list repeatable;
    size_t judged_again;            /* repeatable ones that are to be judged again */
    struct sc_repeat_file *repeats; /* NULL: repeatable messages are forgotten when the process ends */
    uv_timer_t timer;
    uint64_t timer_ms; /* when it fires, 0: it is not set */
    uv_prepare_t prepare;
    bool stopping;
    uint64_t closing_ms;   /* when everything ends after close(); 0: close() was not called */
    unsigned open_handles; /* handles on the loop that are being closed */
    void (*handle_closed)(struct sc_filter_core *core); /* called after one is closed; frees the core after the last */
    uint64_t said_ms;                                   /* when sc_filter_say last wrote a line */
    uint64_t unsaid;                                    /* lines left out since then */
};

/* Returns the loop's time in ms. */
static inline uint64_t sc_now(const struct sc_filter_core *core)
{
    return uv_now(core->loop);
}

/* Returns true if a PASSporT is too old for a message that is sent again: older than a quarter of its life. It must
 * still be accepted where the message arrives, and the message may be refused and sent again on the way. */
static inline bool sc_is_old(const struct sc_filter_core *core, uint64_t signed_ms, uint32_t life_s)
{
    return sc_now(core) - signed_ms > (uint64_t)life_s * 1000 / 4;
}

/* Logs a warning that any message may cause: at most one line per second, with the number of lines left out. */
void sc_filter_say(struct sc_filter_core *core, const char *what, const char *reason);
