#pragma once

#include "client/cps.h"
#include "client/sidecar/policy/config.h"

#include <stdatomic.h>

/*
 * The handle of libcps, shared by the policies that follow each other: a reload that changes nothing of it, neither a
 * key nor the content of a file, goes on with the same. A new one goes on with the old one's replay memory, as it must
 * not forget what was used.
 */
struct sc_service {
    unsigned refs;
    struct sc_service **link, *next; /* of all */
    struct cps *cps;
    uint8_t digest[32]; /* of the options and the files that they name */
    enum sc_replay replay;
    bool has_spool;
    int64_t credential_end;    /* of [cps] auth_certificate, seconds since the epoch; 0: none */
    atomic_bool health_asking; /* the CPS was asked how it is, and has not answered */
    atomic_llong health_asked_s;
    atomic_int health_code;  /* enum cps_code of its last answer */
    atomic_llong log_second; /* of its last lines; */
    atomic_uint log_lines;   /* so many were there in it */
    struct stir_log log;     /* where libcps writes, ... */
    atomic_int log_level;    /* ... and how much */
};

/* before: the service in use, or NULL; all: the list that it is put into while it lives. STIR_E_CONFIG, STIR_E_IO,
 * STIR_E_NOMEM, STIR_E_CRYPTO. */
enum stir_code sc_service_open(struct sc_service **out, const struct sc_config *config, struct sc_service *before,
                               struct sc_service **all, const struct stir_log *log,
                               struct stir_error *err) STIR_MUST_CHECK;
/* Waits until revocation lists were fetched once, or could not be (30 s at most for each): at start, so that the first
 * messages are not judged without them. Not on a loop that serves. */
void sc_service_await_lists(struct sc_service *service);

struct sc_service *sc_service_ref(struct sc_service *service);
void sc_service_unref(struct sc_service *service);

/* Ends the handle at once, however many still refer to the service: operations under way end with CPS_E_CLOSED, their
 * callbacks are called before this returns. */
void sc_service_end(struct sc_service *service);
