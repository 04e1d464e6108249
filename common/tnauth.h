#pragma once

#include "common/buf.h"
#include "common/identity.h"

#include <openssl/x509.h>
#include <stdint.h>

/*
 * TNAuthList (RFC 8226 section 9): what a STIR certificate may speak for. OID 1.3.6.1.5.5.7.1.26, a SEQUENCE OF CHOICE
 * { [0] spc IA5String, [1] range {start IA5String, count INTEGER}, [2] one IA5String }, explicitly tagged. Thread-safe.
 */
#define STIR_SPC_MAX 15           /* characters of a service provider code, as accepted here */
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
};

/* Reads the DER value of the extension: strict DER, no trailing octets, non-empty list, numbers of 1..15 characters of
 * 0-9*#, a range that stays within its number of digits. STIR_E_CERT. Cleared with stir_tnauth_clear. */
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

void stir_tnauth_clear(struct stir_tnauth *list);

/* True if a number is among the TNs and ranges (SPCs say nothing of numbers here). */
bool stir_tnauth_has_tn(const struct stir_tnauth *list, const char *tn);
bool stir_tnauth_has_spc(const struct stir_tnauth *list, const char *spc);

/* True if the list names at least one SPC: such a certificate speaks for the provider's numbers, which only a number
 * table can tell. */
bool stir_tnauth_any_spc(const struct stir_tnauth *list);

/* True if parent covers all of child: each SPC is among its SPCs, each number and range within its numbers and ranges,
 * or the parent has SPCs and the child's entry is a number (a provider delegating one of its numbers, RFC 9060 section
 * 4). */
bool stir_tnauth_covers(const struct stir_tnauth *parent, const struct stir_tnauth *child);
