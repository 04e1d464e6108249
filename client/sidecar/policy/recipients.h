/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "common/base/error.h"
#include "common/number/identity.h"

/*
 * Encryption keys by destination, from the files of a directory: the public keys to which PASSporTs are encrypted, or
 * our private keys. A file holds PEM, DER, JWK or a JWK Set, as cps_keys_load reads it. Its name up to the first dot
 * says for which destination: a number in canonical form, a prefix of numbers and * (1215555*), or * or "default" for
 * every destination. Files whose names differ after the dot hold several keys of one destination (12155551212.jwk,
 * 12155551212.old.jwk), and so does a JWK Set. Only the longest match counts for a destination.
 */
struct sc_recipients;

/* Loads a directory. STIR_E_CONFIG and STIR_E_IO name the file; STIR_E_NOMEM. *out is unchanged on failure. */
enum stir_code sc_recipients_load(struct sc_recipients **out, const char *dir, bool want_private,
                                  struct stir_error *err) STIR_MUST_CHECK;
void sc_recipients_free(struct sc_recipients *recipients);

/* Returns the number of keys. */
size_t sc_recipients_size(const struct sc_recipients *recipients);

/* Returns the number of keys for a destination. *keys points to them and is valid as long as the recipients are. */
size_t sc_recipients_find(const struct sc_recipients *recipients, const struct stir_identity *dest,
                          const struct cps_key *const **keys);
