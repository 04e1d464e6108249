#pragma once

#include "common/base/error.h"
#include "common/base/view.h"
#include "common/cert/tnauthlist.h"
#include "common/number/identity.h"
#include "cps/store/store.h"

#include <stdint.h>

/*
 * Where PASSporTs that came through /passports lie, and for how long. Pure functions, thread-safe.
 */

/* Reads a service provider code from a path's segment, percent-decoded: 1 to STIR_SPC_MAX visible characters but the
 * comma, which no certificate's has. Writes it in upper case, because "554a" and "554A" are one provider. out holds
 * STIR_SPC_MAX + 1. STIR_E_URI. */
enum stir_code cpsd_passports_spc(char *out, struct stir_view segment, struct stir_error *err) STIR_MUST_CHECK;

/* Writes it percent-encoded, as one segment of a path; out holds 3 * STIR_SPC_MAX + 1. */
void cpsd_passports_spc_segment(char *out, const char *spc);

/* The box of a path: its canonical form, "/passports/{dest}/{orig}" or, with an spc, "/passports/{spc}/{dest}/{orig}",
 * and "/passports#" with a hash of it where that is longer than an identity may be. No destination in canonical form
 * starts with a slash, so nobody reaches such a box through /cps/{dest}. spc "" is the path without one. */
void cpsd_passports_box(struct stir_identity *out, const char *spc, const struct stir_identity *dest,
                        const struct stir_identity *orig);

/*
 * The id of a PASSporT below a provider's code: the first octets of SHA-256 over its text, the last bit of which says
 * whether that provider published it itself. What it published itself is for its partners too, what another provider
 * published below its code is not.
 */
void cpsd_passports_id_set_own(uint8_t id[CPSD_ID_OCTETS], bool own);
bool cpsd_passports_id_is_own(const uint8_t id[CPSD_ID_OCTETS]);

/* What decides how long PASSporTs are kept, in seconds. */
struct cpsd_passports_life {
    int64_t now;        /* since the epoch */
    int64_t exp;        /* the token's, since the epoch; 0: it has none */
    bool until_exp;     /* the path with an spc: kept until exp (ATIS-1000105) */
    int64_t retention;  /* the local policy (ATIS-1000096), and what counts without a token */
    int64_t retain_max; /* no longer than this, whatever exp says */
};

/* Milliseconds from now on; at least 1 and 0 only where exp is over. */
int64_t cpsd_passports_ttl_ms(const struct cpsd_passports_life *life);
