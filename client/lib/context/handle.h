/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/clock.h"
#include "client/lib/context/errors.h"
#include "client/lib/context/log.h"
#include "common/cert/chain.h"
#include "common/cert/trust.h"
#include "common/number/tn.h"

#include <stdatomic.h>

struct cps_transport;
struct cps_trust;
struct cps_replay_memory;
struct cps_certcache;
struct cps_boxes;
struct cps_routes;
struct cps_route;
struct cps_directory;
struct cps_pinned;
struct cps_spool;
struct cps_credential;

/* The handle. Everything but the counters is set by cps_new and constant afterwards. The parts have locks of their own.
 */
struct cps {
    struct cps_options options; /* our copies, with the defaults filled in */
    struct stir_numbering numbering;
    unsigned accepted_types;          /* bit 1 << enum stir_ppt: PASSporTs of this type verify a message */
    struct cps_trust *trust;          /* NULL: no roots were given */
    struct cps_replay_memory *replay; /* NULL: CPS_REPLAY_NONE */
    struct cps_transport *transport;
    struct cps_certcache *certs;
    struct cps_boxes *boxes;
    struct cps_credential *credential; /* NULL: none */
    struct cps_spool *spool;           /* NULL: none */
    struct stir_numtable *numbers;     /* NULL: none */
    struct cps_pinned *pinned;         /* NULL: none */
    struct cps_routes *routes;
    struct cps_route *route; /* that of options.cps_url; NULL: none is configured */
    struct cps_directory *directory;
    atomic_uint in_flight; /* operations under way that count against max_in_flight */
    atomic_bool closing;   /* cps_free has begun: background tasks must end */
};

/* Copies the caller's options, fills in the defaults and checks them. On failure there is nothing to clear.
 * CPS_E_INVAL, CPS_E_CONFIG, CPS_E_NOMEM. */
enum cps_code cps_options_copy(struct cps_options *out, const struct cps_options *given,
                               struct cps_error *err) STIR_MUST_CHECK;

/* Frees what cps_options_copy has made. */
void cps_options_clear(struct cps_options *options);

/* Takes the numbering of numbers without '+' from the options. CPS_E_CONFIG. */
enum cps_code cps_options_numbering(struct stir_numbering *out, const struct cps_options *options,
                                    struct cps_error *err) STIR_MUST_CHECK;

/* Parses accept_types into bits 1 << enum stir_ppt. CPS_E_CONFIG names the unknown type. */
enum cps_code cps_options_types(unsigned *out, const struct cps_options *options,
                                struct cps_error *err) STIR_MUST_CHECK;

/* Returns what decides whether an SPC covers a number: the handle's number table, or allow_spc. */
static inline struct stir_authority cps_authority(const struct cps *cps)
{
    return (struct stir_authority){.numbers = cps->numbers, .allow_spc = cps->options.allow_spc};
}
