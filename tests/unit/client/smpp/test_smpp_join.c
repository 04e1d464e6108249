/* SPDX-License-Identifier: MIT */
#include "client/smpp/join.h"
#include "tests/unit/smpp_kannel.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static const struct smpp_join_limits roomy = SMPP_JOIN_LIMITS_DEFAULT;

/* The joiner that a test works on, and one peer's key. */
static struct smpp_join *join;
static struct smpp_join_peer peer;
static struct smpp_join_key key;

static bool begin(const struct smpp_join_limits *limits)
{
    join = NULL;
    peer = (struct smpp_join_peer){0};
    key = (struct smpp_join_key){.peer = &peer,
                                 .orig = stir_view_str("12155551212"),
                                 .dest = stir_view_str("12155551213"),
                                 .place = {SMPP_REF_8, 0x2a, 3, 1}};
    return UNIT_OK(smpp_join_new(&join, limits));
}

static void end(void)
{
    smpp_join_free(join);
}

static struct smpp_join_outcome add_at(unsigned number, const char *text, void *token, uint64_t now)
{
    struct smpp_part part = {.alphabet = SMPP_ASCII, .octets = stir_view_str(text)};
    key.place.number = (uint8_t)number;
    return smpp_join_add(join, &key, &part, token, now);
}

static enum smpp_join_result add(unsigned number, const char *text)
{
    struct smpp_join_outcome done = add_at(number, text, NULL, 0);
    smpp_joined_free(done.message);
    return done.result;
}

static enum stir_code body_of(const struct smpp_joined *message, struct stir_buf *out, enum smpp_body *kind)
{
    struct smpp_part parts[UINT8_MAX];
    return smpp_body_make(out, kind, parts, smpp_joined_parts(message, parts), NULL);
}

static void check_body(struct smpp_joined *message, const char *expected, const char *label)
{
    struct stir_buf body = {0};
    enum smpp_body kind = SMPP_BODY_MALFORMED;
    UNIT_NEED(message);
    UNIT_OK(body_of(message, &body, &kind));
    UNIT_STR(body.ptr ? body.ptr : "", expected, label);
    stir_buf_free(&body);
    smpp_joined_free(message);
}

static void check_held(size_t messages, size_t segments, const char *label)
{
    struct smpp_join_bounds held = smpp_join_held(join);
    UNIT_CHECK(held.messages == messages && held.segments == segments && (held.octets > 0) == (messages > 0) &&
                   memcmp(&held, &peer.held, sizeof(held)) == 0,
               "%s: %zu messages, %zu segments, %zu octets held; of the peer %zu, %zu, %zu", label, held.messages,
               held.segments, held.octets, peer.held.messages, peer.held.segments, peer.held.octets);
}

/* Four segments in all their orders, each of another length; tokens come back in the message's order. */
static void test_orders(void)
{
    static const char *const text[] = {"", "one,", "", "three, which is longer than the block has room for,", "four"};
    for (unsigned order = 0; order < 256; order++) {
        unsigned way[] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
        unsigned seen = 1U << way[0] | 1U << way[1] | 1U << way[2] | 1U << way[3];
        if (seen != 15 || !begin(&roomy)) {
            continue;
        }
        int tokens[5];
        key.place.total = 4;
        for (unsigned i = 0; i < 4; i++) {
            unsigned number = way[i] + 1;
            struct smpp_join_outcome done = add_at(number, text[number], &tokens[number], i);
            CU_ASSERT_EQUAL(done.result, i < 3 ? SMPP_JOIN_HELD : SMPP_JOIN_COMPLETE);
            check_held(i < 3 ? 1 : 0, i < 3 ? i + 1 : 0, "as they come");
            if (i < 3) {
                CU_ASSERT_PTR_NULL(done.message);
                continue;
            }
            UNIT_NEED(done.message);
            CU_ASSERT(smpp_joined_is_complete(done.message) && smpp_joined_total(done.message) == 4);
            for (unsigned k = 0; k <= 5; k++) {
                struct smpp_part part;
                void *token = NULL;
                bool there = smpp_joined_segment(done.message, k, &part, &token);
                UNIT_CHECK(there == (k >= 1 && k <= 4), "segment %u", k);
                UNIT_CHECK(!there || (token == &tokens[k] && stir_view_is(part.octets, text[k])), "segment %u", k);
            }
            check_body(done.message, "one,three, which is longer than the block has room for,four", "the body");
        }
        end();
    }
}

static void test_whole(void)
{
    if (!begin(&roomy)) {
        return;
    }
    int token;
    key.place = (struct smpp_place){SMPP_REF_NONE, 0, 1, 1};
    for (unsigned i = 0; i < 3; i++) { /* nothing stays behind */
        struct smpp_join_outcome done = add_at(1, "whole", &token, 0);
        CU_ASSERT_EQUAL(done.result, SMPP_JOIN_COMPLETE);
        check_body(done.message, "whole", "a whole message");
        check_held(0, 0, "a whole message");
    }
    end();
}

/* Each segment is read in the languages that its own header names; an escape goes over to the next. */
static void test_languages(void)
{
    static const struct smpp_part parts[] = {{.octets = {"\x60\x1b", 2}, .locking = 1, .single = 1},
                                             {.octets = {"se\x1b", 3}, .single = 1},
                                             {.octets = {"\x65\x60", 2}, .locking = 6, .single = 6}};
    struct smpp_join_outcome done = {0};
    struct stir_buf body = {0};
    enum smpp_body kind = SMPP_BODY_MALFORMED;
    if (!begin(&roomy)) {
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        key.place.number = (uint8_t)(3 - i);
        done = smpp_join_add(join, &key, &parts[2 - i], NULL, 0);
        if (i < 2) {
            CU_ASSERT_EQUAL(smpp_join_add(join, &key, &parts[2 - i], NULL, 0).result, SMPP_JOIN_DUPLICATE);
        }
    }
    UNIT_NEED(done.message);
    UNIT_OK(body_of(done.message, &body, &kind));
    UNIT_STR(body.ptr, "çşe€\u0950", "three languages");
    stir_buf_free(&body);
    smpp_joined_free(done.message);
    end();
}

/* What is another message: another of any part of the key. */
static void test_keys(void)
{
    struct smpp_join_peer other_peer = {0};
    if (!begin(&roomy)) {
        return;
    }
    struct smpp_join_key keys[9];
    for (size_t i = 0; i < 9; i++) {
        keys[i] = key;
    }
    keys[1].peer = &other_peer;
    keys[2].orig = stir_view_str("12155551214");
    keys[3].dest = stir_view_str("12155551214");
    keys[4].place.ref = 0x2b;
    keys[5].place.ref = 0x12a; /* an octet of it the same */
    keys[6].place.kind = SMPP_REF_16;
    keys[7].place.total = 4;
    keys[8].orig = stir_view_str("1215555121"); /* what is left over is no part of the next field */
    keys[8].dest = stir_view_str("212155551213");
    for (unsigned number = 1; number <= 3; number++) {
        for (size_t i = 0; i < 9; i++) {
            struct smpp_join_outcome done;
            char text[16];
            (void)snprintf(text, sizeof(text), "%zu.%u ", i, number);
            key = keys[i];
            done = add_at(number, text, NULL, 0);
            bool last = number == 3 && i != 7;
            UNIT_CHECK(done.result == (last ? SMPP_JOIN_COMPLETE : SMPP_JOIN_HELD), "key %zu, segment %u: %d", i,
                       number, done.result);
            if (done.message) {
                char body[64];
                (void)snprintf(body, sizeof(body), "%zu.1 %zu.2 %zu.3 ", i, i, i);
                check_body(done.message, body, "keys apart");
            }
        }
    }
    check_held(1, 3, "segment 4 of 4 is missing");
    CU_ASSERT_EQUAL(other_peer.held.messages, 0);
    CU_ASSERT_EQUAL(other_peer.held.octets, 0);
    end();
}

static void test_same_address_texts(void)
{
    if (!begin(&roomy)) {
        return;
    }
    key.orig = stir_view("", 0);
    key.dest = stir_view(NULL, 0);
    CU_ASSERT_EQUAL(add(1, "a"), SMPP_JOIN_HELD);
    CU_ASSERT_EQUAL(add(2, "b"), SMPP_JOIN_HELD);
    CU_ASSERT_EQUAL(add(3, "c"), SMPP_JOIN_COMPLETE);
    char longest[SMPP_JOIN_ADDRESS_MAX + 1];
    memset(longest, '7', sizeof(longest));
    key.orig = stir_view(longest, SMPP_JOIN_ADDRESS_MAX);
    key.dest = key.orig;
    CU_ASSERT_EQUAL(add(1, "a"), SMPP_JOIN_HELD);
    key.dest = stir_view(longest, SMPP_JOIN_ADDRESS_MAX + 1);
    CU_ASSERT_EQUAL(add(1, "a"), SMPP_JOIN_OVER);
    key.dest = stir_view_str("1");
    key.orig = stir_view(longest, SMPP_JOIN_ADDRESS_MAX + 1);
    CU_ASSERT_EQUAL(add(1, "a"), SMPP_JOIN_OVER);
    check_held(1, 1, "addresses over their limit");
    end();
}

static void test_impossible(void)
{
    static const struct smpp_place places[] = {{SMPP_REF_8, 1, 3, 0},
                                               {SMPP_REF_8, 1, 3, 4},
                                               {SMPP_REF_8, 1, 0, 0},
                                               {SMPP_REF_8, 1, 0, 1},
                                               {SMPP_REF_SAR, 1, 254, 255}};
    if (!begin(&roomy)) {
        return;
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        key.place = places[i];
        UNIT_CHECK(add(places[i].number, "x") == SMPP_JOIN_OVER, "place %zu", i);
    }
    check_held(0, 0, "places that cannot be");
    end();
}

static void test_duplicates(void)
{
    int first;
    int again;
    if (!begin(&roomy)) {
        return;
    }
    CU_ASSERT_EQUAL(add_at(2, "two", &first, 0).result, SMPP_JOIN_HELD);
    struct smpp_join_outcome done = add_at(2, "two", &again, 1);
    CU_ASSERT_EQUAL(done.result, SMPP_JOIN_DUPLICATE);
    CU_ASSERT_PTR_NULL(done.message);
    UNIT_NEED(done.held);
    CU_ASSERT_PTR_EQUAL(*done.held, &first);
    *done.held = &again; /* the first one's connection died */
    check_held(1, 1, "a duplicate");
    CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_HELD);
    CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_DUPLICATE);
    done = add_at(3, "", NULL, 2);
    CU_ASSERT_EQUAL(done.result, SMPP_JOIN_COMPLETE);
    void *token = NULL;
    CU_ASSERT(done.message && smpp_joined_segment(done.message, 2, NULL, &token) && token == &again);
    check_body(done.message, "onetwo", "after duplicates");
    end();
}

/* Another text in the place of one: two messages are open under one reference. Neither is joined, in whatever order
 * their segments come, until the time is over. */
static void test_contested(void)
{
    int tokens[6];
    if (!begin(&roomy)) {
        return;
    }
    CU_ASSERT_EQUAL(add_at(1, "old one", &tokens[0], 0).result, SMPP_JOIN_HELD);
    CU_ASSERT_EQUAL(add_at(3, "old three", &tokens[1], 1).result, SMPP_JOIN_HELD);
    struct smpp_join_outcome done = add_at(1, "new one", &tokens[2], 5);
    CU_ASSERT_EQUAL(done.result, SMPP_JOIN_CONTESTED);
    UNIT_NEED(done.message);
    void *token = NULL;
    struct smpp_part part;
    CU_ASSERT(!smpp_joined_is_complete(done.message));
    CU_ASSERT(smpp_joined_segment(done.message, 1, &part, &token) && token == &tokens[0]);
    CU_ASSERT(stir_view_is(part.octets, "old one"));
    CU_ASSERT(!smpp_joined_segment(done.message, 2, &part, &token));
    CU_ASSERT(smpp_joined_segment(done.message, 3, &part, &token) && token == &tokens[1]);
    check_body(done.message, "old oneold three", "what was given up");
    check_held(1, 0, "a mark is left");
    static const char *const more[] = {"old two", "new two", "new three", "new one"};
    for (unsigned i = 0; i < 4; i++) {
        done = add_at(i == 2 ? 3 : i == 3 ? 1 : 2, more[i], NULL, 6);
        UNIT_CHECK(done.result == SMPP_JOIN_CONTESTED && !done.message, "%s", more[i]);
    }
    CU_ASSERT_EQUAL(smpp_join_next_ms(join, 5), roomy.timeout_ms);
    CU_ASSERT_PTR_NULL(smpp_join_expire(join, 5 + roomy.timeout_ms));
    check_held(0, 0, "the mark is gone");
    /* another reference was never concerned, and this one may be used again */
    CU_ASSERT_EQUAL(add_at(1, "one", NULL, 5 + roomy.timeout_ms).result, SMPP_JOIN_HELD);
    CU_ASSERT_EQUAL(add_at(2, "two", NULL, 5 + roomy.timeout_ms).result, SMPP_JOIN_HELD);
    done = add_at(3, "three", NULL, 5 + roomy.timeout_ms);
    CU_ASSERT_EQUAL(done.result, SMPP_JOIN_COMPLETE);
    check_body(done.message, "onetwothree", "later");
    end();
}

/* The same octets in another language are another text; and so is less of it. */
static void test_contesting_texts(void)
{
    static const struct {
        const char *text;
        uint8_t locking, single;
        enum smpp_join_result result;
    } rows[] = {{"abc", 0, 0, SMPP_JOIN_DUPLICATE}, {"abc", 1, 0, SMPP_JOIN_CONTESTED},
                {"abc", 0, 1, SMPP_JOIN_CONTESTED}, {"ab", 0, 0, SMPP_JOIN_CONTESTED},
                {"abx", 0, 0, SMPP_JOIN_CONTESTED}, {"", 0, 0, SMPP_JOIN_CONTESTED}};
    if (!begin(&roomy)) {
        return;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        key.place.ref = (uint16_t)i;
        CU_ASSERT_EQUAL(add(1, "abc"), SMPP_JOIN_HELD);
        struct smpp_part part = {.alphabet = SMPP_ASCII,
                                 .octets = stir_view_str(rows[i].text),
                                 .locking = rows[i].locking,
                                 .single = rows[i].single};
        key.place.number = 1;
        struct smpp_join_outcome done = smpp_join_add(join, &key, &part, NULL, 0);
        UNIT_CHECK(done.result == rows[i].result, "row %u: %d", (unsigned)i, done.result);
        smpp_joined_free(done.message);
    }
    unsigned left = 0;
    for (struct smpp_joined *message; (message = smpp_join_take(join, &peer)); left++) {
        smpp_joined_free(message);
    }
    UNIT_CHECK(left == 1, "%u messages, and no marks", left);
    check_held(0, 0, "nothing is left");
    end();
}

static void test_timeouts(void)
{
    struct smpp_join_limits limits = roomy;
    limits.timeout_ms = 100;
    if (!begin(&limits)) {
        return;
    }
    CU_ASSERT_EQUAL(smpp_join_next_ms(join, 0), UINT64_MAX);
    CU_ASSERT_PTR_NULL(smpp_join_expire(join, UINT64_MAX));
    int token;
    for (unsigned ref = 0; ref < 3; ref++) {
        key.place.ref = (uint16_t)ref;
        CU_ASSERT_EQUAL(add_at(1, "one", &token, 1000 + ref * 10).result, SMPP_JOIN_HELD);
    }
    key.place.ref = 0;
    CU_ASSERT_EQUAL(add_at(2, "two", NULL, 1050).result, SMPP_JOIN_HELD); /* its time begins again */
    CU_ASSERT_EQUAL(add_at(2, "two", NULL, 1060).result, SMPP_JOIN_DUPLICATE);
    CU_ASSERT_EQUAL(smpp_join_next_ms(join, 1050), 60);
    CU_ASSERT_EQUAL(smpp_join_next_ms(join, 999), 100);
    CU_ASSERT_EQUAL(smpp_join_next_ms(join, 1109), 1);
    CU_ASSERT_EQUAL(smpp_join_next_ms(join, 1110), 0);
    CU_ASSERT_PTR_NULL(smpp_join_expire(join, 999));
    CU_ASSERT_PTR_NULL(smpp_join_expire(join, 1109));
    struct smpp_joined *message = smpp_join_expire(join, 1149);
    UNIT_NEED(message);
    smpp_joined_free(message);
    message = smpp_join_expire(join, 1149);
    UNIT_NEED(message);
    check_body(message, "one", "the one that got its segment last");
    CU_ASSERT_PTR_NULL(smpp_join_expire(join, 1149));
    check_held(1, 2, "the one that got a second segment has more time");
    message = smpp_join_expire(join, 1150);
    UNIT_NEED(message);
    void *found = NULL;
    CU_ASSERT(smpp_joined_segment(message, 1, NULL, &found) && found == &token);
    check_body(message, "onetwo", "the last");
    /* one from the middle completes; the order of the others stays */
    for (unsigned ref = 0; ref < 3; ref++) {
        key.place.ref = (uint16_t)ref;
        CU_ASSERT_EQUAL(add_at(1, "one", &token, 2000 + ref * 10).result, SMPP_JOIN_HELD);
    }
    key.place.ref = 1;
    CU_ASSERT_EQUAL(add(2, ""), SMPP_JOIN_HELD);
    CU_ASSERT_EQUAL(add(3, ""), SMPP_JOIN_COMPLETE);
    CU_ASSERT_EQUAL(smpp_join_next_ms(join, 2080), 20);
    for (unsigned left = 2; left > 0; left--) {
        message = smpp_join_expire(join, 5000);
        UNIT_NEED(message);
        smpp_joined_free(message);
    }
    CU_ASSERT_PTR_NULL(smpp_join_expire(join, 5000));
    check_held(0, 0, "all are gone");
    /* what comes late begins anew */
    key.place.ref = 0;
    CU_ASSERT_EQUAL(add(3, "three"), SMPP_JOIN_HELD);
    end();
}

static void test_bounds_of_messages(void)
{
    struct smpp_join_limits limits = roomy;
    limits.all.messages = 3;
    limits.peer.messages = 2;
    if (!begin(&limits)) {
        return;
    }
    struct smpp_join_peer other = {0};
    static const enum smpp_join_result expected[] = {SMPP_JOIN_HELD, SMPP_JOIN_HELD, SMPP_JOIN_OVER};
    for (unsigned ref = 0; ref < 3; ref++) {
        key.place.ref = (uint16_t)ref;
        UNIT_CHECK(add(1, "one") == expected[ref], "message %u of the peer", ref);
    }
    key.peer = &other; /* is not to suffer, until all is full */
    CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_HELD);
    key.place.ref = 9;
    CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_OVER);
    CU_ASSERT_EQUAL(smpp_join_held(join).messages, 3);
    key.peer = &peer; /* what is held may become whole, and makes room */
    key.place.ref = 0;
    CU_ASSERT_EQUAL(add(2, "two"), SMPP_JOIN_HELD);
    CU_ASSERT_EQUAL(add(3, "three"), SMPP_JOIN_COMPLETE);
    key.place.ref = 7;
    CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_HELD);
    key.place.ref = 1; /* and a mark takes the place of what is given up */
    CU_ASSERT_EQUAL(add(1, "another"), SMPP_JOIN_CONTESTED);
    end();
}

static void test_bounds_of_segments(void)
{
    struct smpp_join_limits limits = roomy;
    limits.peer.segments = 2;
    if (!begin(&limits)) {
        return;
    }
    int tokens[3];
    CU_ASSERT_EQUAL(add_at(1, "one", &tokens[0], 0).result, SMPP_JOIN_HELD);
    CU_ASSERT_EQUAL(add_at(2, "two", &tokens[1], 0).result, SMPP_JOIN_HELD);
    struct smpp_join_outcome done = add_at(3, "three", &tokens[2], 0);
    CU_ASSERT_EQUAL(done.result, SMPP_JOIN_OVER); /* it goes on, after those that waited for it */
    void *token = NULL;
    CU_ASSERT(done.message && smpp_joined_segment(done.message, 1, NULL, &token) && token == &tokens[0]);
    CU_ASSERT(done.message && !smpp_joined_segment(done.message, 3, NULL, &token));
    check_body(done.message, "onetwo", "over the bound");
    check_held(0, 0, "over the bound");
    CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_HELD);
    limits.peer.segments = 0; /* a reload may leave no room at all */
    smpp_join_set_limits(join, &limits);
    CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_DUPLICATE);
    CU_ASSERT_EQUAL(add(1, "another"), SMPP_JOIN_CONTESTED);
    key.place.ref = 99;
    CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_OVER);
    check_held(1, 0, "no room but for a mark");
    end();
}

static void test_bounds_of_octets(void)
{
    struct smpp_join_limits limits = roomy;
    static char text[4096];
    memset(text, 'x', sizeof(text) - 1);
    limits.all.octets = 2500;
    if (!begin(&limits)) {
        return;
    }
    CU_ASSERT_EQUAL(add(1, text), SMPP_JOIN_OVER);
    check_held(0, 0, "too long");
    CU_ASSERT_EQUAL(add(1, text + 4095 - 200), SMPP_JOIN_HELD);
    CU_ASSERT(peer.held.octets >= 600 && peer.held.octets <= 1100);
    CU_ASSERT_EQUAL(add(2, text + 4095 - 1000), SMPP_JOIN_HELD); /* the block grows */
    CU_ASSERT(peer.held.octets >= 1200 && peer.held.octets <= 2500);
    check_held(1, 2, "grown");
    struct smpp_join_outcome done = add_at(3, text + 4095 - 2000, NULL, 0);
    CU_ASSERT_EQUAL(done.result, SMPP_JOIN_OVER);
    check_body(done.message, text + 4095 - 1200, "what was held");
    check_held(0, 0, "over");
    end();
}

/* A block that grows moves; its neighbours in age and in the table must not notice. */
static void test_moving(void)
{
    static char text[70000];
    memset(text, 'x', sizeof(text) - 1);
    if (!begin(&roomy)) {
        return;
    }
    key.place.total = 255;
    for (unsigned number = 1; number <= 255; number++) {
        for (unsigned ref = 0; ref < 20; ref++) {
            key.place.ref = (uint16_t)ref;
            size_t len = number == 255 && ref == 7 ? sizeof(text) - 1 : (number * ref) % 160;
            struct smpp_join_outcome done = add_at(number, text + sizeof(text) - 1 - len, NULL, ref);
            UNIT_CHECK(done.result == (number < 255 ? SMPP_JOIN_HELD : SMPP_JOIN_COMPLETE), "ref %u, segment %u: %d",
                       ref, number, done.result);
            if (number == 255) {
                size_t total = ref == 7 ? sizeof(text) - 1 : number * ref % 160;
                for (unsigned k = 1; k < 255; k++) {
                    total += k * ref % 160;
                }
                struct stir_buf body = {0};
                enum smpp_body kind;
                UNIT_NEED(done.message);
                UNIT_OK(body_of(done.message, &body, &kind));
                UNIT_CHECK(body.len == total, "ref %u: %zu octets, expected %zu", ref, body.len, total);
                stir_buf_free(&body);
                smpp_joined_free(done.message);
            }
        }
    }
    check_held(0, 0, "all are whole");
    end();
}

static void test_take(void)
{
    struct smpp_join_peer other = {0};
    if (!begin(&roomy)) {
        return;
    }
    for (unsigned ref = 0; ref < 6; ref++) {
        key.place.ref = (uint16_t)ref;
        key.peer = ref % 2 ? &other : &peer;
        CU_ASSERT_EQUAL(add(1, "one"), SMPP_JOIN_HELD);
    }
    for (unsigned i = 0; i < 4; i++) {
        struct smpp_joined *message = smpp_join_take(join, &other);
        UNIT_CHECK((message != NULL) == (i < 3), "message %u of the peer", i);
        smpp_joined_free(message);
    }
    CU_ASSERT_EQUAL(other.held.messages, 0);
    check_held(3, 3, "the other peer's stay");
    smpp_joined_free(smpp_join_take(join, NULL));
    check_held(2, 2, "one of any");
    end(); /* frees what is left */
    smpp_join_free(NULL);
    smpp_joined_free(NULL);
}

/* Kannel's and its SMSC's segments, as they came: each message whole, and reads as what was asked for. */
static void test_kannel(void)
{
    static const struct smpp_text_settings settings = {.data_coding_0 = SMPP_GSM7};
    struct kannel pdu;
    struct stir_buf unpacked = {0};
    unsigned whole = 0;
    UNIT_NEED(begin(&roomy) && kannel_open(&pdu) ? pdu.f : NULL);
    while (kannel_next(&pdu)) {
        struct smpp_segment segment;
        if (smpp_segment_read(&segment, pdu.esm_class, pdu.data_coding, pdu.text, &pdu.sar, &settings, &unpacked,
                              NULL) != STIR_OK ||
            segment.place.kind == SMPP_REF_NONE) {
            continue;
        }
        struct smpp_join_key its = {&peer, stir_view_str(pdu.orig), stir_view_str(pdu.dest), segment.place};
        struct smpp_join_outcome done = smpp_join_add(join, &its, &segment.part, NULL, 0);
        if (done.result != SMPP_JOIN_COMPLETE) {
            UNIT_CHECK(done.result == SMPP_JOIN_HELD && !segment.ambiguous, "%s: %d", pdu.name, done.result);
            continue;
        }
        struct stir_buf body = {0};
        enum smpp_body kind = SMPP_BODY_MALFORMED;
        UNIT_OK(body_of(done.message, &body, &kind));
        if (pdu.asked_text) {
            UNIT_STR(body.ptr, pdu.asked_text, pdu.name);
        } else {
            UNIT_CHECK(strcmp(pdu.name, "mt19_binary_300") == 0 && body.len == 300 && kind == SMPP_BODY_OCTETS &&
                           (uint8_t)body.ptr[299] == 43,
                       "%s: %zu octets", pdu.name, body.len);
        }
        stir_buf_free(&body);
        smpp_joined_free(done.message);
        whole++;
    }
    UNIT_CHECK(whole == 12, "%u messages were whole", whole);
    CU_ASSERT_EQUAL(smpp_join_held(join).messages, 1); /* the ambiguous one */
    stir_buf_free(&unpacked);
    kannel_close(&pdu);
    end();
}

UNIT_MAIN("smpp_join", {"all orders", test_orders}, {"whole messages", test_whole}, {"each part of the key", test_keys},
          {"lengths of addresses", test_same_address_texts}, {"places that cannot be", test_impossible},
          {"duplicates", test_duplicates}, {"languages", test_languages},
          {"two messages under one reference", test_contested}, {"what makes them two", test_contesting_texts},
          {"timeouts", test_timeouts}, {"bounds: messages", test_bounds_of_messages},
          {"bounds: segments", test_bounds_of_segments}, {"bounds: octets", test_bounds_of_octets},
          {"blocks that grow", test_moving}, {"taking messages out", test_take}, {"Kannel's segments", test_kannel})
