/* SPDX-License-Identifier: MIT */
#include "client/cps_smpp.h"
#include "tests/unit/cps_smpp_peer.h"

#include <openssl/sha.h>

static struct cps *cps;
static struct cps_smpp *peer;
static int tokens[256];

static void begin(struct cps_smpp_options options)
{
    cps = peer_cps((struct cps_options){0});
    peer = peer_new(cps, options);
}

static void end(void)
{
    cps_smpp_free(peer);
    cps_free(cps);
}

#define ADDRESSES "00 0101 '4915112345678' 00 0101 '4912345678' 00 "
#define UDH_FLAGS "40 00 00 00 00 01 00 00 00 "

/* A segment with an 8-bit reference, whose token is that number's. */
static struct cps_smpp_result take_at(struct cps_smpp *of, unsigned ref, unsigned total, unsigned number,
                                      const char *text, uint64_t now_ms)
{
    char body[512];
    uint8_t octets[MAKE_MAX];
    (void)snprintf(body, sizeof(body), ADDRESSES UDH_FLAGS "%02zx 050003%02x%02x%02x '%s'", strlen(text) + 6, ref,
                   total, number, text);
    return peer_take(of, octets, make_pdu(octets, SMPP_SUBMIT_SM, 0, body), &tokens[number], now_ms);
}

static struct cps_smpp_result take(unsigned ref, unsigned total, unsigned number, const char *text)
{
    return take_at(peer, ref, total, number, text, 0);
}

static void expect(struct cps_smpp_result result, enum cps_smpp_kind kind, enum cps_smpp_reason reason, size_t given_up,
                   const char *label)
{
    peer_coherent(&result, label);
    peer_result_is(&result, kind, reason, label);
    UNIT_CHECK(result.given_up_count == given_up, "%s: %zu given up", label, result.given_up_count);
    cps_smpp_result_clear(&result);
}

static void expect_text(struct cps_smpp_result result, const char *text)
{
    peer_coherent(&result, text);
    peer_result_is(&result, CPS_SMPP_MESSAGE, CPS_SMPP_FIT, text);
    peer_body_is(&result, text, strlen(text), text);
    for (size_t i = 0; i < result.segment_count; i++) {
        UNIT_CHECK(result.segments[i].number == i + 1 && result.segments[i].token == &tokens[i + 1], "%s: %zu", text,
                   i);
    }
    cps_smpp_result_clear(&result);
}

static void test_orders(void)
{
    static const unsigned orders[][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
    static const char *const parts[] = {"", "one ", "two ", "three"};
    begin((struct cps_smpp_options){0});
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 2; k++) {
            unsigned number = orders[i][k];
            struct cps_smpp_result result = take(7, 3, number, parts[number]);
            CU_ASSERT(result.ref_kind == CPS_SMPP_REF_UDH8 && result.ref == 7 && result.total == 3 &&
                      result.number == number);
            expect(result, CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "order");
        }
        expect_text(take(7, 3, orders[i][2], parts[orders[i][2]]), "one two three");
    }
    end();
}

/* The same reference, addresses and numbers: each peer's message is its own. */
static void test_two_peers(void)
{
    begin((struct cps_smpp_options){0});
    struct cps_smpp *other = peer_new(cps, (struct cps_smpp_options){0});
    expect(take_at(peer, 1, 2, 1, "ours ", 0), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "ours");
    expect(take_at(other, 1, 2, 2, "world", 0), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "theirs");
    expect_text(take_at(peer, 1, 2, 2, "alone", 0), "ours alone");
    expect_text(take_at(other, 1, 2, 1, "their ", 0), "their world");
    cps_smpp_free(other);
    end();
}

static void test_kinds_of_references(void)
{
#define SAR(number) "020c 0002 0007 020e 0001 02 020f 0001 " number
    static const struct {
        const char *first, *second;
        enum cps_smpp_ref kind;
    } rows[] = {
        {UDH_FLAGS "08 0500030702 01 'ab'", UDH_FLAGS "08 0500030702 02 'cd'", CPS_SMPP_REF_UDH8},
        {UDH_FLAGS "09 060804000702 01 'ab'", UDH_FLAGS "09 060804000702 02 'cd'", CPS_SMPP_REF_UDH16},
        {MAKE_FLAGS "02 'ab'" SAR("01"), MAKE_FLAGS "02 'cd'" SAR("02"), CPS_SMPP_REF_SAR},
        {UDH_FLAGS "00 0424 0008 0500030702 01 'ab'", UDH_FLAGS "00 0424 0008 0500030702 02 'cd'", CPS_SMPP_REF_UDH8},
    };
    char body[512];
    begin((struct cps_smpp_options){0});
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(body, sizeof(body), "%s%s", ADDRESSES, rows[i].second);
        struct cps_smpp_result result = peer_take_made(peer, SMPP_DELIVER_SM, body);
        CU_ASSERT(result.ref_kind == rows[i].kind && result.ref == 7 && result.total == 2 && result.number == 2);
        expect(result, CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "second");
        (void)snprintf(body, sizeof(body), "%s%s", ADDRESSES, rows[i].first);
        result = peer_take_made(peer, SMPP_DELIVER_SM, body);
        peer_body_is(&result, "abcd", 4, "joined");
        expect(result, CPS_SMPP_MESSAGE, CPS_SMPP_FIT, 0, "first");
    }
    end();
}

static void check_given_up(struct cps_smpp_result result, enum cps_smpp_kind kind, enum cps_smpp_reason reason,
                           const unsigned *numbers, size_t count)
{
    UNIT_CHECK(result.given_up_count == count, "%zu given up", result.given_up_count);
    for (size_t i = 0; i < count && i < result.given_up_count; i++) {
        UNIT_CHECK(result.given_up[i].number == numbers[i] && result.given_up[i].token == &tokens[numbers[i]],
                   "given up %zu: %u", i, result.given_up[i].number);
    }
    expect(result, kind, reason, count, "given up");
}

static void test_duplicates(void)
{
    static int again;
    uint8_t octets[MAKE_MAX];
    begin((struct cps_smpp_options){0});
    expect(take(7, 2, 1, "one "), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "first");
    size_t n = make_pdu(octets, SMPP_SUBMIT_SM, 0, ADDRESSES UDH_FLAGS "0a 050003070201 'one '");
    check_given_up(peer_take(peer, octets, n, &again, 0), CPS_SMPP_DUPLICATE, CPS_SMPP_UNFINISHED, (unsigned[]){1}, 1);
    struct cps_smpp_result result = take(7, 2, 2, "two");
    CU_ASSERT_EQUAL_FATAL(result.segment_count, 2);
    CU_ASSERT(result.segments[0].token == &again && result.segments[1].token == &tokens[2]);
    expect(result, CPS_SMPP_MESSAGE, CPS_SMPP_FIT, 0, "complete");
    end();
}

/* Another text under the same reference: the older message's segments come back at once. */
/* Two messages are open under one reference. */
static void test_contested(void)
{
    struct cps_smpp_result result = {0};
    begin((struct cps_smpp_options){.join_timeout_ms = 100});
    expect(take_at(peer, 7, 3, 2, "two ", 0), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "second");
    expect(take_at(peer, 7, 3, 1, "one ", 0), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "first");
    check_given_up(take_at(peer, 7, 3, 1, "another ", 0), CPS_SMPP_LOOSE, CPS_SMPP_CONTESTED, (unsigned[]){1, 2}, 2);
    expect(take_at(peer, 7, 3, 3, "end", 0), CPS_SMPP_LOOSE, CPS_SMPP_CONTESTED, 0, "third");
    expect(take_at(peer, 7, 3, 2, "text ", 0), CPS_SMPP_LOOSE, CPS_SMPP_CONTESTED, 0, "second");
    CU_ASSERT_EQUAL(cps_smpp_expire(peer, 100, &result, NULL), CPS_E_NOT_FOUND);
    expect(take_at(peer, 7, 3, 1, "one ", 100), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "when the time is over");
    end();
}

static void test_over(void)
{
    begin((struct cps_smpp_options){.join_messages = 1, .join_segments = 2});
    expect(take(7, 4, 1, "one "), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "first");
    expect(take(8, 2, 1, "other"), CPS_SMPP_LOOSE, CPS_SMPP_OVER, 0, "one message too many");
    expect(take(7, 4, 3, "three "), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "third");
    check_given_up(take(7, 4, 2, "two "), CPS_SMPP_LOOSE, CPS_SMPP_OVER, (unsigned[]){1, 3}, 2);
    CU_ASSERT_EQUAL(cps_smpp_next_ms(peer, 0), UINT64_MAX);
    expect(take(8, 2, 1, "other "), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "room again");
    expect_text(take(8, 2, 2, "text"), "other text");
    end();
}

static void test_expire(void)
{
    struct cps_smpp_result result = {0};
    begin((struct cps_smpp_options){.join_timeout_ms = 100});
    expect(take_at(peer, 7, 3, 3, "three", 990), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "first");
    expect(take_at(peer, 7, 3, 1, "one", 1000), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "second");
    expect(take_at(peer, 8, 2, 2, "two", 1050), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "other");
    CU_ASSERT_EQUAL(cps_smpp_next_ms(peer, 1099), 1);
    CU_ASSERT_EQUAL(cps_smpp_expire(peer, 1099, &result, NULL), CPS_E_NOT_FOUND);
    CU_ASSERT_EQUAL(cps_smpp_next_ms(peer, 1100), 0);
    CU_ASSERT_EQUAL(cps_smpp_expire(peer, 1100, &result, NULL), CPS_OK);
    CU_ASSERT_EQUAL(result.total, 3);
    check_given_up(result, CPS_SMPP_INCOMPLETE, CPS_SMPP_UNFINISHED, (unsigned[]){1, 3}, 2);
    CU_ASSERT_EQUAL(cps_smpp_expire(peer, 1100, &result, NULL), CPS_E_NOT_FOUND);
    CU_ASSERT_EQUAL(cps_smpp_next_ms(peer, 1100), 50);
    CU_ASSERT_EQUAL(cps_smpp_expire(peer, UINT64_MAX, &result, NULL), CPS_OK);
    check_given_up(result, CPS_SMPP_INCOMPLETE, CPS_SMPP_UNFINISHED, (unsigned[]){2}, 1);
    CU_ASSERT_EQUAL(cps_smpp_next_ms(peer, 1100), UINT64_MAX);
    expect(take_at(peer, 7, 2, 1, "one", 1200), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, "left when freed");
    end();
}

/* Segments to several destinations, more of them than fit a key, are one message; other destinations make another. */
static void test_many_dests(void)
{
    static const char *const last[] = {"8", "9", "8"};
    begin((struct cps_smpp_options){0});
    for (unsigned i = 0; i < 3; i++) {
        char body[2048] = "00 0101 '4915112345678' 00 14 ";
        for (unsigned k = 0; k < 20; k++) {
            size_t n = strlen(body);
            (void)snprintf(body + n, sizeof(body) - n, "01 0101 '491234567890%s' 00 ", k < 19 ? "1" : last[i]);
        }
        size_t n = strlen(body);
        (void)snprintf(body + n, sizeof(body) - n, UDH_FLAGS "08 05000307020%u 'hi'", i > 0 ? 2 : 1);
        struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_MULTI, body);
        CU_ASSERT_EQUAL(result.message.dest_count, i == 2 ? 20 : 0);
        expect(result, i == 2 ? CPS_SMPP_MESSAGE : CPS_SMPP_WAITS, i == 2 ? CPS_SMPP_FIT : CPS_SMPP_UNFINISHED, 0,
               "many");
    }
    end();
}

/* TON, NPI and address are three things: no two senders have one key. */
static void test_keys(void)
{
    static const char *const senders[] = {
        "0101 '491512345678'", "0201 '491512345678'", "0102 '491512345678'",
        "0101 '49151234567'",  "0500 'Bank'",         "0500 'bank'",
    };
    char body[512];
    begin((struct cps_smpp_options){0});
    for (unsigned number = 1; number <= 2; number++) {
        for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
            (void)snprintf(body, sizeof(body), "00 %s 00 0101 '4912345678' 00 " UDH_FLAGS "07 05000307020%u '%zu'",
                           senders[i], number, i);
            struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_SM, body);
            char text[] = {(char)('0' + i), (char)('0' + i), '\0'};
            if (number == 1) {
                expect(result, CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, senders[i]);
                continue;
            }
            peer_body_is(&result, text, 2, senders[i]);
            expect(result, CPS_SMPP_MESSAGE, i < 4 ? CPS_SMPP_FIT : CPS_SMPP_ALPHANUMERIC, 0, senders[i]);
        }
    }
    end();
}

/* An address too long for a key goes in as its digest, which an attacker can have for an address too. */
static void test_digests(void)
{
    char longer[400] = "";
    char hex[2 * SHA256_DIGEST_LENGTH + 1];
    uint8_t digest[SHA256_DIGEST_LENGTH] = {0};
    begin((struct cps_smpp_options){0});
    for (size_t n = 300; memchr(digest, 0, sizeof(digest)); n++) {
        memset(longer, 'x', n);
        UNIT_NEED(SHA256((const uint8_t *)longer, n, digest));
    }
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    for (unsigned number = 1; number <= 2; number++) {
        for (int is_long = 0; is_long < 2; is_long++) {
            char body[1024];
            (void)snprintf(body, sizeof(body),
                           "00 0101 %s%s%s 00 0101 '4912345678' 00 " UDH_FLAGS "07 05000307020%u '%d'",
                           is_long ? "'" : "", is_long ? longer : hex, is_long ? "'" : "", number, is_long);
            struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_SM, body);
            if (number == 2) {
                peer_body_is(&result, is_long ? "11" : "00", 2, "by itself");
            }
            expect(result, number == 2 ? CPS_SMPP_MESSAGE : CPS_SMPP_WAITS,
                   number == 2 ? CPS_SMPP_ALPHANUMERIC : CPS_SMPP_UNFINISHED, 0, "digest");
        }
    }
    end();
}

/* F20: parts of one message may have different data_codings. */
static void test_codings(void)
{
    static const struct {
        const char *first, *second; /* data_coding, length and text */
        uint8_t data_coding;
        const char *body;
    } rows[] = {
        {"f0 00 07 050003070201 'a'", "00 00 07 050003070202 'b'", 0x00, "ab"},
        {"00 00 08 050003070201 1b65", "08 00 08 050003070202 041f", 0x08, "€П"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256];
        begin((struct cps_smpp_options){0});
        (void)snprintf(body, sizeof(body), ADDRESSES "40 00 00 00 00 01 00 %s", rows[i].first);
        expect(peer_take_made(peer, SMPP_SUBMIT_SM, body), CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, 0, rows[i].first);
        (void)snprintf(body, sizeof(body), ADDRESSES "40 00 00 00 00 01 00 %s", rows[i].second);
        struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_SM, body);
        CU_ASSERT_EQUAL(result.data_coding, rows[i].data_coding);
        peer_body_is(&result, rows[i].body, strlen(rows[i].body), rows[i].second);
        expect(result, CPS_SMPP_MESSAGE, CPS_SMPP_FIT, 0, rows[i].second);
        end();
    }
}

static void test_doubtful(void)
{
    static const struct {
        const char *label;
        const char *body;
        enum cps_smpp_kind kind;
        enum cps_smpp_reason reason;
    } rows[] = {
        {"two texts", ADDRESSES MAKE_FLAGS "02 'hi' 0424 0002 'ho'", CPS_SMPP_MESSAGE, CPS_SMPP_AMBIGUOUS},
        {"the same twice", ADDRESSES MAKE_FLAGS "02 'hi' 0424 0002 'hi'", CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"two texts, of a segment", ADDRESSES UDH_FLAGS "07 050003070201 'x' 0424 0007 050003070201 'y'",
         CPS_SMPP_LOOSE, CPS_SMPP_AMBIGUOUS},
        {"two references", ADDRESSES UDH_FLAGS "07 050003070201 'x' 020c 0002 0008 020e 0001 02 020f 0001 01",
         CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED},
        {"two references, the last", ADDRESSES UDH_FLAGS "07 050003070202 'y' 020c 0002 0009 020e 0001 02 020f 0001 02",
         CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"two places", ADDRESSES UDH_FLAGS "07 050003070201 'x' 020c 0002 0008 020e 0001 02 020f 0001 02",
         CPS_SMPP_LOOSE, CPS_SMPP_AMBIGUOUS},
        {"an empty payload beside a text", ADDRESSES MAKE_FLAGS "02 'hi' 0424 0000", CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"a reference alone", ADDRESSES MAKE_FLAGS "02 'hi' 020c 0002 0001", CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"a reference of three octets, 1 of 1",
         ADDRESSES MAKE_FLAGS "02 'hi' 020c 0003 000001 020e 0001 01 020f 0001 01", CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"a header's place beside a TLV alone", ADDRESSES UDH_FLAGS "07 050003070101 'x' 020e 0001 02",
         CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"segment 4 of 3", ADDRESSES UDH_FLAGS "07 050003070304 'x'", CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"segment 0", ADDRESSES UDH_FLAGS "07 050003070300 'x'", CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"1 of 1", ADDRESSES UDH_FLAGS "07 050003070101 'x'", CPS_SMPP_MESSAGE, CPS_SMPP_FIT},
        {"a canned text", ADDRESSES "00 00 00 00 00 01 00 00 05 00", CPS_SMPP_MESSAGE, CPS_SMPP_CANNED},
        {"a segment of one", ADDRESSES "40 00 00 00 00 01 00 00 05 07 050003070201 'x'", CPS_SMPP_LOOSE,
         CPS_SMPP_CANNED},
    };
    begin((struct cps_smpp_options){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_SM, rows[i].body);
        UNIT_CHECK((result.message.body != NULL) == (rows[i].reason == CPS_SMPP_FIT), "%s: body", rows[i].label);
        expect(result, rows[i].kind, rows[i].reason, 0, rows[i].label);
    }
    CU_ASSERT_EQUAL(cps_smpp_next_ms(peer, 0), UINT64_MAX);
    expect(peer_take_made(peer, SMPP_DATA_SM, ADDRESSES "00 00 00"), CPS_SMPP_MESSAGE, CPS_SMPP_FIT, 0,
           "no text at all");
    expect(peer_take_made(peer, SMPP_DELIVER_SM, ADDRESSES "00 00 00 00 00 01 00 00 05 00"), CPS_SMPP_MESSAGE,
           CPS_SMPP_FIT, 0, "deliver_sm does not use sm_default_msg_id");
    end();
}

UNIT_MAIN("cps_smpp_join", {"all orders", test_orders}, {"two peers", test_two_peers},
          {"kinds of references", test_kinds_of_references}, {"duplicates", test_duplicates},
          {"two messages under one reference", test_contested}, {"over the limits", test_over}, {"expiry", test_expire},
          {"many destinations", test_many_dests}, {"keys", test_keys}, {"digests", test_digests},
          {"F20: segments with two data_codings", test_codings}, {"doubtful texts and places", test_doubtful})
