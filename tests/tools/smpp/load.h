#pragma once

#include "tests/tools/smpp/wire.h"

/* A stream of messages over one connection: as fast as a window of unanswered ones allows, or at a rate. */
struct load {
    uint32_t command;
    unsigned window; /* unanswered at a time */
    unsigned octets; /* of the text */
    unsigned pairs;  /* different destinations, in turn */
    double rate;     /* a second; 0: as fast as it goes */
    uint64_t count;  /* so many in all; 0: until over */
    uint64_t sent, answered, refused;
    uint64_t begin_ns, end_ns;
    uint64_t *sent_ns; /* by sequence number modulo ring */
    uint32_t ring;
    uint32_t *latency_ns;
    size_t latency_count, latency_room;
    char pdu[1024];
    size_t pdu_len, digits_at;
    bool over; /* nothing more is to be sent */
};

/* Takes command, window, octets, pairs, rate, count from `load`. */
void load_begin(struct load *load);

/* Puts what may go out now. */
void load_put(struct load *load, struct wire *wire);

/* An answer came; true if it was one of ours. */
bool load_take(struct load *load, const struct smpp_header *header);

/* All that was to be sent is answered. */
bool load_done(const struct load *load);

/* In how many nanoseconds the next one is due; UINT64_MAX: when an answer has come. */
uint64_t load_due_ns(const struct load *load);

/* One line of JSON about all of them together; pid: whose processor time since cpu_s is told; 0: nobody's. */
void load_print(struct load *loads, size_t count, int pid, double cpu_s);
void load_clear(struct load *load);

/* Processor time of a process until now, in seconds. */
double load_cpu_s(int pid);
