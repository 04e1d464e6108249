#pragma once

#include "client/sidecar/filter/filter_metrics.h"
#include "client/sidecar/filter/number_key.h"

/*
 * The lines of the records of messages, as JSON without their end: filter_line.c adds what the answer to the message
 * brings. Numbers are in them as keyed hashes, unless the operator wants them in clear.
 */

/* Whom a line is about. */
struct sc_line_subject {
    enum sc_leg from;
    const char *system_id;
    const char *orig; /* NULL: not readable */
    const char *dest; /* the first; NULL: not readable */
    size_t dest_count;
    bool numbers; /* in clear */
};

/* What a verifying direction found. */
struct sc_judged {
    struct sc_line_subject subject;
    enum stir_verdict verdict;
    const char *reason;  /* "" if it passed */
    const char *signer;  /* "spc:1234", "tn:12155551212", or "" */
    const char *ppt;     /* the PASSporT's type: "msg"; NULL or "": there is no PASSporT */
    const char *attest;  /* "A", "B", "C": the attestation level of a "shaken" one; NULL or "": it has none */
    const char *reading; /* of the text, by which it passed: "nfc"; NULL or "": the text as decoded */
    enum sc_treatment treatment;
    uint64_t waited_ms;
    unsigned segments;
};

/* What a signing direction did. */
struct sc_signed {
    struct sc_line_subject subject;
    const char *tenant; /* NULL: none */
    enum sc_outcome outcome;
    unsigned why;       /* enum sc_unsigned, if it is unsigned or refused */
    const char *detail; /* more about that, or about a message that is signed; NULL or "": none */
    uint64_t waited_ms;
    unsigned segments;
};

/* A PDU that passed without a verdict or a PASSporT, or was refused because neither is possible. */
struct sc_exempted {
    struct sc_line_subject subject;
    const char *kind;   /* "receipt", "replace_sm", ... */
    const char *action; /* "pass" or "reject" */
};

/* Begin a line. What the buffer's state says afterwards counts for the whole line. */
void sc_line_write_judged(struct stir_buf *out, const struct sc_number_key *key, const struct sc_judged *judged);
void sc_line_write_signed(struct stir_buf *out, const struct sc_number_key *key, const struct sc_signed *line);
void sc_line_write_exempted(struct stir_buf *out, const struct sc_number_key *key, const struct sc_exempted *exempted);

/* Adds a member with a text. */
void sc_line_put_text(struct stir_buf *out, const char *name, const char *text);
