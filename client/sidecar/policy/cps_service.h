/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "client/sidecar/policy/config.h"

#include <stdatomic.h>

/*
 * The handle of libcps, shared by successive policies. A reload keeps the handle if neither a setting nor the content
 * of a file has changed for it. A new handle takes over the replay memory of the old one, because it must not forget
 * which PASSporTs were used.
 */
struct sc_service {
    unsigned refs;
    struct sc_service **link, *next; /* in the list of all services */
    struct cps *cps;
    uint8_t digest[32]; /* of the options and the files that they name */
    enum sc_replay replay;
    bool has_spool;
    int64_t credential_end;    /* of [cps] auth_certificate, seconds since the epoch; 0: none */
    atomic_bool health_asking; /* a health request to the CPS is in progress */
    atomic_llong health_asked_s;
    atomic_int health_code;  /* enum cps_code of its last answer */
    atomic_llong log_second; /* the second of the last log lines, */
    atomic_uint log_lines;   /* and the number of lines in it */
    struct stir_log log;     /* where libcps writes, */
    atomic_int log_level;    /* and the level */
};

/* Opens a service, or takes a reference to the one before if it would be the same. before: the service in use, or NULL;
 * all: the list that contains it as long as it lives. STIR_E_CONFIG, STIR_E_IO, STIR_E_NOMEM, STIR_E_CRYPTO. */
enum stir_code sc_service_open(struct sc_service **out, const struct sc_config *config, struct sc_service *before,
                               struct sc_service **all, const struct stir_log *log,
                               struct stir_error *err) STIR_MUST_CHECK;

/* Waits until each revocation list was fetched or has failed, 30 s at most per list. Called at start, so that the first
 * messages are not verified without them; blocks the loop. */
void sc_service_await_lists(struct sc_service *service);

struct sc_service *sc_service_ref(struct sc_service *service);
void sc_service_unref(struct sc_service *service);

/* Ends the handle at once, even if there are references to the service. Operations in progress end with CPS_E_CLOSED;
 * their callbacks are called before this returns. */
void sc_service_end(struct sc_service *service);
