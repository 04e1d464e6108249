#pragma once

#include "client/cps.h"
#include "common/base/error.h"
#include "common/number/identity.h"

/*
 * Encryption keys by destination, from the files of a directory: public ones that PASSporTs are encrypted to, or our
 * private ones. A file's name up to its first dot says whose key it holds (PEM, DER, JWK or JWK Set, as cps_keys_load):
 * a number in canonical form, what numbers begin with and * (1215555*), or * or "default" for every destination. Files
 * that differ after the dot are several keys of the same (12155551212.jwk, 12155551212.old.jwk), and so are the keys of
 * a JWK Set. The longest that fits a destination counts, alone.
 */
struct sc_recipients;

/* STIR_E_CONFIG and STIR_E_IO name the file. *out is untouched on failure. */
enum stir_code sc_recipients_load(struct sc_recipients **out, const char *dir, bool want_private,
                                  struct stir_error *err) STIR_MUST_CHECK;
void sc_recipients_free(struct sc_recipients *recipients);
size_t sc_recipients_size(const struct sc_recipients *recipients); /* keys */

/* How many keys there are for a destination, 0: none; *keys is valid as long as the recipients are. */
size_t sc_recipients_find(const struct sc_recipients *recipients, const struct stir_identity *dest,
                          const struct cps_key *const **keys);
