/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"
#include "client/smpp/pdu_write.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { MAKE_MAX = 4096, MAKE_SEQUENCE = 0x01020304 };

/* A PDU from command, status and a body in hexadecimal, in which 'quoted' parts are text; returns its length. Not
 * inlined: gcc takes bounds wrong when it knows the text. */
static __attribute__((noinline, unused)) size_t make_pdu(uint8_t out[MAKE_MAX], uint32_t command, uint32_t status,
                                                         const char *body)
{
    size_t n = SMPP_HEADER_LEN;
    while (*body) {
        size_t hex = strcspn(body, "'");
        char part[2 * MAKE_MAX] = "";
        memcpy(part, body, hex);
        n += unit_unhex(out + n, MAKE_MAX - n, part);
        body += hex;
        if (*body == '\'') {
            size_t text = strcspn(++body, "'");
            memcpy(out + n, body, text);
            n += text;
            body += text;
            body += *body == '\'';
        }
    }
    struct smpp_header header = {(uint32_t)n, command, status, MAKE_SEQUENCE};
    smpp_header_write(out, &header);
    return n;
}

/* A PDU in memory of its own, so that whoever reads on is caught. */
struct made {
    uint8_t *octets;
    size_t len;
    struct smpp_pdu pdu;
    struct smpp_flaw flaw;
    enum smpp_fault fault;
};

static inline struct made made_of(const void *octets, size_t n)
{
    struct made made = {.octets = malloc(n ? n : 1), .len = n};
    if (!made.octets) {
        abort();
    }
    memcpy(made.octets, octets, n);
    /* the caller frees octets, which the analyzer loses by value */
    made.fault = smpp_pdu_read(&made.pdu, made.octets, n, &made.flaw); /* NOLINT(clang-analyzer-unix.Malloc) */
    return made;
}

static inline struct made made_pdu(uint32_t command, uint32_t status, const char *body)
{
    uint8_t octets[MAKE_MAX];
    return made_of(octets, make_pdu(octets, command, status, body));
}

static inline void made_free(struct made *made)
{
    free(made->octets);
    *made = (struct made){0};
}

static inline bool view_is(struct stir_view view, const char *text)
{
    return stir_view_is(view, text) != 0;
}

/* Written again from its fields it is what it was. */
static inline void check_rewrite(const struct made *made, const char *label)
{
    uint8_t out[MAKE_MAX];
    size_t len = 0;
    enum stir_code code = smpp_pdu_write(out, sizeof(out), &len, &made->pdu);
    UNIT_CODE(code, STIR_OK, label);
    UNIT_CHECK(len == made->len && memcmp(out, made->octets, len) == 0, "%s: not the same octets", label);
}

#define CHECK_FAULT(made, expected, label)                                                                             \
    UNIT_CHECK((made).fault == (expected), "%s: %s at %s %zu, expected %s", label, smpp_fault_name((made).fault),      \
               smpp_field_name((made).flaw.field), (made).flaw.offset, smpp_fault_name(expected))

/* service_type, source 5/0 "Bank", destination 1/1 "4912345", and what stands between them and sm_length. */
#define MAKE_ADDRESSES "00 0500 'Bank' 00 0101 '4912345' 00"
#define MAKE_FLAGS "00 00 00 00 00 01 00 00 00"
#define MAKE_SM MAKE_ADDRESSES MAKE_FLAGS
