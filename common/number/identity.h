/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/number/tn.h"

/*
 * Identities of originators and destinations: a TN, or a URI (RFC 8225 section 5.2.1). Each has one canonical text, so
 * that comparing them is strcmp. The text of a destination also addresses its box at a CPS. Thread-safe.
 */
#define STIR_IDENTITY_MAX 255

enum stir_identity_kind {
    STIR_IDENTITY_TN,
    STIR_IDENTITY_URI,
};

struct stir_identity {
    enum stir_identity_kind kind;
    unsigned len;
    char text[STIR_IDENTITY_MAX + 1]; /* canonical, NUL-terminated */
};

/*
 * Both read a TN in any visual form, tel:, sip:, sips: or another absolute URI (im:, pres:, urn:), in angle brackets
 * after a display name or bare. They differ in how they read the TN (common/number/tn.h):
 * stir_identity_parse_canonical reads what stands in claims, tokens, paths and records; max_digits 0 means 15.
 * stir_identity_parse_user reads what a person or a device wrote, with their numbering, which is not NULL.
 * - tel: gives the TN; so does sip: or sips: with user=phone or with a user part that starts with '+', unless that user
 *   is no number after all (RFC 8224 sections 8.1 and 8.3). A number that is local to a phone-context is one only for
 *   _user, where the context is the country code of the numbering.
 * - Other sip: URIs are normalized (RFC 8224 section 8.5): user@host, all lower case, no password, port, parameters or
 *   headers; escapes of unreserved characters decoded (RFC 3986 section 6.2.2).
 * - Other URIs: scheme, host and a URN's namespace lower case, the same escapes decoded, no fragment.
 * STIR_E_TN, STIR_E_URI, STIR_E_TOO_BIG. err does not show the text.
 */
enum stir_code stir_identity_parse_canonical(struct stir_identity *out, const char *text, size_t n, unsigned max_digits,
                                             struct stir_error *err) STIR_MUST_CHECK;
enum stir_code stir_identity_parse_user(struct stir_identity *out, const char *text, size_t n,
                                        const struct stir_numbering *numbering, struct stir_error *err) STIR_MUST_CHECK;

/* As stir_identity_parse_canonical, from one segment of an HTTP path: percent-decodes first (RFC 3986 section 2.1). Bad
 * escapes, %00 and other controls are STIR_E_URI. */
enum stir_code stir_identity_from_path(struct stir_identity *out, const char *segment, size_t n, unsigned max_digits,
                                       struct stir_error *err) STIR_MUST_CHECK;

/* Writes the canonical text percent-encoded as one path segment (unreserved characters stay) and returns its length;
 * out holds 3 * STIR_IDENTITY_MAX + 1 and is NUL-terminated. */
size_t stir_identity_to_path(char *out, const struct stir_identity *id);

bool stir_identity_equal(const struct stir_identity *a, const struct stir_identity *b);
