#pragma once

#include "client/gateway/filter_metrics.h"

/*
 * The record of judged messages: one line of JSON each, without their text. Lines are gathered and written when the
 * loop has nothing else to do; where nobody reads them, they are counted and dropped rather than waited for.
 */
struct gw_judge {
    int fd;       /* -1: nowhere */
    bool own;     /* to be closed */
    bool pipe;    /* or terminal, socket: a write might wait */
    char key[32]; /* of the hash that stands for a number; lives as long as the process */
    struct stir_buf lines;
    size_t held; /* lines in there */
};

struct gw_judged {
    enum gw_leg from;
    const char *system_id;
    const char *orig; /* NULL: not readable */
    const char *dest; /* the first */
    size_t dest_count;
    bool numbers; /* in clear */
    enum stir_verdict verdict;
    const char *reason; /* "" if it passed */
    const char *signer; /* "spc:1234", "tn:12155551212", or "" */
    enum gw_treatment treatment;
    uint64_t waited_ms;
    unsigned segments;
};

/* STIR_E_CRYPTO: no random octets. */
enum stir_code gw_judge_init(struct gw_judge *judge, struct stir_error *err) STIR_MUST_CHECK;

/* Where lines go from now on: a file, "-" or "" (also again, when a file was moved away). On failure they go where they
 * went. STIR_E_IO names the file. */
enum stir_code gw_judge_open(struct gw_judge *judge, const char *path, struct stir_error *err) STIR_MUST_CHECK;

/* Adds a line. What cannot be kept is counted in *lost. */
void gw_judge_add(struct gw_judge *judge, const struct gw_judged *judged, uint64_t *lost);

/* Writes what was added. */
void gw_judge_flush(struct gw_judge *judge, uint64_t *lost);
void gw_judge_close(struct gw_judge *judge);
