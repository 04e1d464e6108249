/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/peers/wire.h"

/* A stream of messages over one connection: as fast as a window of unanswered messages allows, or at a rate. */
struct load {
    uint32_t command; /* SMPP_SUBMIT_SM or SMPP_DELIVER_SM */
    const char *from;
    const char *to;  /* of the first message; its last digits count up */
    unsigned window; /* largest number of unanswered messages; 0: no load */
    unsigned octets; /* of each text, up to 254 */
    unsigned pairs;  /* number of destinations, used in turn; at least 1 */
    double rate;     /* messages per second; 0: as fast as the window allows */
    uint64_t count;  /* messages in all; 0: until `over` */
    bool over;       /* set by the caller: nothing more is sent */

    /* the course of it */
    uint64_t sent, answered, refused;
    uint64_t begin_ns, put_ns, end_ns; /* when it began, when a message was last sent, when one was last answered */
    uint64_t *sent_ns;                 /* when each was sent, by its sequence number modulo `ring` */
    uint32_t ring;
    uint32_t *latency_ns; /* of each answer */
    size_t latency_count, latency_room;
    char pdu[1024];
    size_t pdu_len, digits_at, digits;
};

/* Begins a load from the first part of the struct, the rest of which is zero. load_clear frees what it holds. Ends the
 * program with PEER_USAGE if the destination has too few digits for `pairs`. */
void load_begin(struct load *load);
void load_clear(struct load *load);

/* Puts the messages that may be sent now. */
void load_put(struct load *load, struct wire *wire);

/* Takes a response. Returns false if it answers no message of the load. */
bool load_take(struct load *load, const struct smpp_header *header);

/* Tells whether everything was sent and answered. */
bool load_done(const struct load *load);

/* Tells whether messages are unanswered and nothing was sent or answered for ns nanoseconds. */
bool load_stalled(const struct load *load, uint64_t ns);

/* Returns the nanoseconds until the next message is due, UINT64_MAX if an answer has to come first. */
uint64_t load_due_ns(const struct load *load);

/* Prints one line of JSON about `count` loads together. `pid` is a process whose processor time since cpu_s is part of
 * it; 0: none. */
void load_print(const struct load *loads, size_t count, int pid, double cpu_s);

/* Returns the processor time of a process in seconds; 0 for pid 0. */
double load_cpu_s(int pid);
