/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/number/identity.h"
#include "common/number/numtable.h"

#include <openssl/x509.h>
#include <stdint.h>

/*
 * TNAuthList (RFC 8226 section 9): what a STIR certificate may speak for. OID 1.3.6.1.5.5.7.1.26, a SEQUENCE OF CHOICE
 * { [0] spc IA5String, [1] range {start IA5String, count INTEGER}, [2] one IA5String }, explicitly tagged. Thread-safe.
 */
#define STIR_TNAUTH_ENTRIES 10000 /* entries in one list */

enum stir_tnauth_kind {
    STIR_TNAUTH_SPC,
    STIR_TNAUTH_RANGE,
    STIR_TNAUTH_ONE,
};

struct stir_tnauth_entry {
    enum stir_tnauth_kind kind;
    char value[STIR_TN_MAX + 1]; /* SPC, the number, or the first number of the range */
    uint64_t count;              /* numbers in the range, 2 or more as RFC 8226 demands; 1 otherwise */
};

struct stir_tnauth {
    struct stir_tnauth_entry *entries;
    size_t count;
    size_t
        skipped; /* entries that say nothing here: SPCs that are longer, or of other characters, than can be acted on */
};

/* Reads the DER value of the extension (RFC 8226 section 9): strict DER, no trailing octets, non-empty list, numbers of
 * 1..15 characters of 0-9*#, a range that stays within its number of digits. What follows the count in a range is
 * passed over, as the type is extensible. An SPC is any IA5String: one that cannot be acted on is left out and counted,
 * so that it grants nothing and breaks nothing. STIR_E_CERT. Cleared with stir_tnauth_clear. */
enum stir_code stir_tnauth_parse(struct stir_tnauth *out, const uint8_t *der, size_t n,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* The list of a certificate. STIR_E_NOT_FOUND if it has none, STIR_E_CERT if it is malformed or occurs twice. */
enum stir_code stir_tnauth_of(struct stir_tnauth *out, const X509 *cert, struct stir_error *err) STIR_MUST_CHECK;

/* Appends the DER value. STIR_E_INVAL. */
enum stir_code stir_tnauth_encode(struct stir_buf *out, const struct stir_tnauth *list,
                                  struct stir_error *err) STIR_MUST_CHECK;

/* Reads the text form that cpsctl and configurations use: "spc:1234,tn:12155551212,range:12155551000+100".
 * STIR_E_INVAL names the item. */
enum stir_code stir_tnauth_from_text(struct stir_tnauth *out, const char *text, struct stir_error *err) STIR_MUST_CHECK;
void stir_tnauth_to_text(struct stir_buf *out, const struct stir_tnauth *list);

/* Makes *out, which is empty, a copy. STIR_E_NOMEM. */
enum stir_code stir_tnauth_copy(struct stir_tnauth *out, const struct stir_tnauth *list,
                                struct stir_error *err) STIR_MUST_CHECK;
void stir_tnauth_clear(struct stir_tnauth *list);

/* Returns true if two service provider codes (SPCs, OCNs) are the same. Upper and lower case of ASCII letters are
 * equal: OCNs such as "554A" are written in both. Every comparison of codes uses this function. */
bool stir_spc_equal(const char *a, const char *b);

/* Writes the one form of a code under which it can be a key of a map or part of a name: letters in upper case. text is
 * NUL-terminated and changed in place. */
void stir_spc_normalize(char *text);

/* Returns true if a number is among the TNs and ranges (SPCs say nothing of numbers here). */
bool stir_tnauth_has_tn(const struct stir_tnauth *list, const char *tn);

/* Returns true if the list names the SPC, as stir_spc_equal compares. */
bool stir_tnauth_has_spc(const struct stir_tnauth *list, const char *spc);

/* True if the list names at least one SPC: such a certificate speaks for the provider's numbers, which only a number
 * table can tell. */
bool stir_tnauth_any_spc(const struct stir_tnauth *list);

/* Returns true if the list names an SPC that holds the number according to the number table. */
bool stir_tnauth_holds_tn(const struct stir_tnauth *list, const struct stir_numtable *numbers, const char *tn);

/* Returns true if parent covers all of child: each SPC is among its SPCs, each number and range within its numbers and
 * ranges, or within those that the number table gives to one of its SPCs (a provider that delegates its numbers, RFC
 * 9060 section 4). numbers NULL: there is no table, and a parent with an SPC covers every number. */
bool stir_tnauth_covers(const struct stir_tnauth *parent, const struct stir_tnauth *child,
                        const struct stir_numtable *numbers);
