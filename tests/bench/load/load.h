/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The load that bench_load makes: a number of kept-alive TLS connections, each with one request under way. Every
 * publish is another envelope, spread over many destinations; every retrieval is of a box taken at random.
 */
#define LOAD_PIDS 8

enum load_kind {
    LOAD_PUBLISH,
    LOAD_RETRIEVE,
};

struct load_options {
    enum load_kind kind;
    uint16_t port;   /* on 127.0.0.1 */
    const char *ca;  /* PEM: what the server's certificate is verified with */
    unsigned octets; /* of an envelope */
    unsigned ttl_s;  /* 0: as the server has it */
    uint64_t base;   /* the first destination's number */
    uint64_t boxes;  /* how many destinations there are */
    uint64_t first;  /* number of the first request: two runs with the same numbers publish the same */
    uint64_t count;  /* stop after this number of answers; 0: after seconds */
    uint64_t rate;   /* requests per second, whether answered or not; 0: the next one after each answer */
    double seconds;
    unsigned connections;
    unsigned answer;       /* octets that the floor server is to answer; 0: it is no floor server */
    const char *token_key; /* each publish has a bearer token of its own, signed with it; NULL: none */
    const char *token_x5u, *token_iss, *token_aud;
    bool webdis;               /* Redis' commands as paths, over HTTP without TLS */
    int pids[LOAD_PIDS];       /* whose processor time is to be told */
    unsigned group[LOAD_PIDS]; /* which of them are told as one */
    unsigned pid_count, groups;
};

/* ---- requests.c: what is sent ---- */

struct load_requests {
    const struct load_options *options;
    char *envelopes; /* pool of envelopes, each `octets` long */
    char *chance;    /* random characters */
    size_t count, stamp;
    size_t free; /* characters from stamp on that may be any of base64url */
    uint64_t next;
    char **tokens; /* of the requests first to first + count; NULL: none */
};

/* Seals the pool of envelopes. STIR_E_INVAL if no envelope has that length; errors of stir_jwe_encrypt. */
enum stir_code load_requests_init(struct load_requests *requests, const struct load_options *options,
                                  struct stir_error *err) STIR_MUST_CHECK;
void load_requests_clear(struct load_requests *requests);

/* Puts the next request into out, which is emptied before. */
void load_requests_put(struct load_requests *requests, struct stir_buf *out);

/* Appends the envelope of request n. */
void load_requests_put_envelope(const struct load_requests *requests, uint64_t n, struct stir_buf *out);

/* ---- tokens.c: by what right ---- */

/* Makes the tokens of all requests, which are good for a minute. What stir_token_make returns. */
enum stir_code load_tokens_make(struct load_requests *requests, struct stir_error *err) STIR_MUST_CHECK;
void load_tokens_clear(struct load_requests *requests);

/* ---- pace.c: when it is sent, if not as soon as possible ---- */

struct load_pace {
    uint64_t rate, seed;
    uint64_t due_ns; /* the next request's time */
};

void load_pace_start(struct load_pace *pace, uint64_t rate, uint64_t now_ns);
void load_pace_next(struct load_pace *pace);

/* ---- answer.c: what is read ---- */

/* Octets of the answer at the start of text, 0 if it is not complete, -1 if it is not valid. Sets *status. */
long load_answer_parse(const char *text, size_t n, int *status);

/* Envelopes in the JSON of an answer to a retrieval. */
unsigned load_answer_envelopes(const char *text, size_t n);

/* ---- tally.c: what is counted ---- */

struct load_tally {
    uint32_t *latency_us;
    size_t answers, room;
    uint64_t status[600];
    uint64_t octets;                /* of all answers */
    uint64_t sampled, envelopes;    /* answers that were looked into, and what was in them */
    double cpu_s[LOAD_PIDS], own_s; /* processor time spent meanwhile; the first by group */
    double seconds;
};

/* Processor time (user and system) since the start of a process, to the nanosecond; negative if it is not there. */
double load_cpu_s(int pid);

bool load_tally_add(struct load_tally *tally, int status, size_t octets, uint64_t latency_ns);

/* One line of JSON on standard output. Sorts the latencies. */
void load_tally_print(struct load_tally *tally, const struct load_options *options);
