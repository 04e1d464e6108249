/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/trust_list.h"

/*
 * The state of a list of roots across restarts: the highest sequence that was in use, and the last good list with the
 * certificates of its signer. One file per list, in a directory that only this program writes. The file's name is
 * derived from the list's name and from list_signer_roots, so that other signers begin anew. Thread-safe.
 */
struct stir_trust_list_state {
    const char *dir;               /* the directory */
    const char *name;              /* the list's path or URL */
    struct stir_view signer_roots; /* as in stir_trust_list_spec */
};

/* Writes the file in one step: a reader sees the earlier or the later one. text: the JWS; x5u_certs: what its x5u
 * served, or empty; sequence: that of the list; now: seconds since the epoch, when the list was verified. Blocks.
 * STIR_E_IO, STIR_E_NOMEM, STIR_E_CRYPTO. */
enum stir_code stir_trust_list_state_save(const struct stir_trust_list_state *state, struct stir_view text,
                                          struct stir_view x5u_certs, int64_t sequence, int64_t now,
                                          struct stir_error *err) STIR_MUST_CHECK;

/*
 * Reads the file and verifies the list in it again, its signer as of the time when it was verified first. The list is
 * cleared with stir_trust_list_clear. *sequence is the one that was saved, also if the list itself is no longer good; 0
 * without one. Blocks.
 *
 * STIR_E_NOT_FOUND: nothing was saved. STIR_E_STALE: the list's exp and grace_s (in seconds) have passed. Otherwise as
 * stir_trust_list_read, STIR_E_IO and STIR_E_JSON (the file is damaged).
 */
enum stir_code stir_trust_list_state_load(struct stir_trust_list *out, int64_t *sequence,
                                          const struct stir_trust_list_state *state, int64_t now, int64_t grace_s,
                                          struct stir_error *err) STIR_MUST_CHECK;

/* Checks a list in a file as far as that is possible without fetching its signer's certificate: its form, and its
 * signature if list_signer_roots has that certificate. state->name is the path, state->dir is not used. Returns what
 * stir_trust_list_read returns, naming the file. */
enum stir_code stir_trust_list_check_file(const struct stir_trust_list_state *state, int64_t now, int64_t grace_s,
                                          struct stir_error *err) STIR_MUST_CHECK;
