/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/jose/envelope.h"
#include "common/jose/jwk.h"
#include "common/jose/key_load.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/fake_cps.h"

#include <stdlib.h>

/* What the PASSporTs in a box say about a message: nothing that belongs to another one counts. */
static struct world world;
static struct fake_cps fake;

static void begin(struct cps_options options)
{
    fake_begin(&fake, &world, options);
}

static void end(void)
{
    fake_end(&fake, &world);
}

static void receives_at(struct cps *cps, const char *dest, const char *body, enum cps_verdict expected,
                        const char *what)
{
    const struct cps_key *keys[] = {world.box_private};
    struct cps_message message = world_message(body);
    struct cps_result result;
    message.dest = &dest;
    enum cps_code code = cps_receive(cps, &message, keys, 1, 0, &result);
    VERDICT_IS(&result, expected, what);
    UNIT_CHECK((code == CPS_OK) == (expected == CPS_PASSED), "%s: %s", what, cps_error_name(code));
    cps_result_clear(&result);
}

static void receives(const char *body, enum cps_verdict expected, const char *what)
{
    receives_at(world.cps, WORLD_DEST, body, expected, what);
}

/* ---- evidence ---- */

static void test_matched(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "one", 0);
    receives("one", CPS_PASSED, "its own");
    receives("two", CPS_NO_PASSPORT, "the other one's was used");
    receives("one", CPS_REPLAYED, "a copy");
    end();
}

/* The same with the option claim, and in a process that knows nothing yet. */
static void test_matched_elsewhere(void)
{
    char file[96];
    begin((struct cps_options){0});
    world_path(file, &world, "used.db");
    struct cps_options options = world.options;
    options.size = sizeof(options);
    options.cps_url = fake.peer.url;
    options.replay = CPS_REPLAY_SQLITE;
    options.replay_file = file;
    struct cps *one = world_handle(&options), *other = world_handle(&options);
    fake_publish(&fake, &world, "one", 0);
    receives_at(one, WORLD_DEST, "one", CPS_PASSED, "its own");
    receives_at(other, WORLD_DEST, "two", CPS_NO_PASSPORT, "another process used it");
    receives_at(other, WORLD_DEST, "one", CPS_REPLAYED, "a copy");
    cps_free(one);
    cps_free(other);
    end();
}

static void test_claimed(void)
{
    begin((struct cps_options){0});
    struct cps_options options = world.options;
    options.cps_url = fake.peer.url;
    options.claim = true;
    options.tls_cert_file = world.chain;
    options.tls_key_file = world.signer_key;
    struct cps *one = world_handle(&options), *other = world_handle(&options);
    fake.older_ms = 1000;
    fake_publish(&fake, &world, "one", 0);
    receives_at(one, WORLD_DEST, "one", CPS_PASSED, "its own");
    receives_at(one, WORLD_DEST, "two", CPS_NO_PASSPORT, "another message at the same host");
    receives_at(other, WORLD_DEST, "two", CPS_NO_PASSPORT, "and at another host");
    receives_at(other, WORLD_DEST, "one", CPS_REPLAYED, "a copy");
    cps_free(one);
    cps_free(other);
    end();
}

/* One PASSporT accuses one message at most, as often as that is sent. */
static void test_one_message(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "one", 0);
    receives("One", CPS_MSGI_MISMATCH, "a text that was changed");
    receives("two", CPS_NO_PASSPORT, "another message");
    receives("One", CPS_MSGI_MISMATCH, "the first one, sent again");
    receives("one", CPS_PASSED, "the text as it was signed");
    receives("One", CPS_NO_PASSPORT, "now it is accounted for");
    end();
}

/* A message whose PASSporT is no good accounts for it all the same. */
static void test_accounted_for(void)
{
    begin((struct cps_options){0});
    char *token =
        world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"https://x.example/none\"}",
                    "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"msgi\":\"sha256-"
                    "dpLDrTZOm5ks7RqsJK+5mVZyZpbEnBvRAWk7nzHIlN8=\",\"orig\":{\"tn\":\"12155551212\"}}",
                    world.leaf_key);
    fake_put(&fake, &world, token, NULL, world.box_public);
    free(token);
    receives("anything", CPS_NO_PASSPORT, "what cannot be verified says nothing about another text");
    fake_publish(&fake, &world, "stale", CERTS_NOW - 3600);
    receives("anything", CPS_NO_PASSPORT, "nor does one that is too old");
    receives("stale", CPS_STALE, "of its own text it does");
    end();
}

static void *receive_two(void *arg)
{
    receives("two", CPS_NO_PASSPORT, arg);
    return NULL;
}

static void on_result(void *arg, const struct cps_result *result)
{
    atomic_store((atomic_int *)arg, 1 + (int)result->verdict);
}

/* While its own message is being received, a PASSporT is no evidence about another one. */
static void test_at_once(void)
{
    const struct cps_key *keys[] = {NULL};
    atomic_int verdict = 0;
    struct cps_error err = {0};
    begin((struct cps_options){0});
    keys[0] = world.box_private;
    struct cps_message message = world_message("one");
    message.body = "one (not arrived)";
    message.body_len = strlen(message.body);
    fake_publish(&fake, &world, "one (not arrived)", CERTS_NOW - 61);
    /* it waits, because it is too old to pass */
    CODE_IS(cps_receive_async(world.cps, &message, keys, 1, 60000, on_result, &verdict, &err), CPS_OK, err);
    while (!atomic_load(&fake.waiting)) {
        fake_sleep(1);
    }
    atomic_store(&world_clock, CERTS_NOW - 30);
    (void)receive_two("another message meanwhile");
    atomic_store(&world_clock, CERTS_NOW);
    end();
    CU_ASSERT_TRUE(atomic_load(&verdict) > 0);
}

/* RFC 8816 section 8.1: the PASSporT is at the CPS before its message is sent. One that came later is a later one's. */
static void test_came_later(void)
{
    begin((struct cps_options){0});
    receives("nothing", CPS_NO_PASSPORT, "an empty box");
    fake_publish(&fake, &world, "later", CERTS_NOW + 30);
    receives("one", CPS_NO_PASSPORT, "signed after the message arrived");
    atomic_store(&world_clock, CERTS_NOW + 31);
    receives("one", CPS_MSGI_MISMATCH, "a message that arrived after it");
    end();
}

/* ---- messages that arrived without their PASSporT ---- */

/* The signer's spool publishes what the CPS could not take. By then the message has arrived, and was judged without. */
static void test_published_late(void)
{
    static const struct {
        int status;
        enum cps_verdict verdict;
    } before[] = {{503, CPS_CPS_UNAVAILABLE}, {0, CPS_NO_PASSPORT}};
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        begin((struct cps_options){0});
        fake.status = before[i].status;
        receives("one", before[i].verdict, "its PASSporT is not there yet");
        fake.status = 0;
        fake_publish(&fake, &world, "one", 0);
        receives("two", CPS_NO_PASSPORT, "the first one's PASSporT was published late");
        receives("three", CPS_NO_PASSPORT, "and once more");
        fake_publish(&fake, &world, "four", 0);
        receives("one", CPS_PASSED, "the first one, sent again");
        end();
    }
}

/* The same with a text that was changed: that the PASSporT is another message's cannot be ruled out. */
static void test_as_many(void)
{
    begin((struct cps_options){0});
    receives("forged", CPS_NO_PASSPORT, "a forged message");
    fake_publish(&fake, &world, "one", 0);
    receives("One", CPS_NO_PASSPORT, "one PASSporT, and two messages that it may belong to");
    receives("One", CPS_NO_PASSPORT, "sent again");
    fake_publish(&fake, &world, "two", 0);
    receives("Two", CPS_NO_PASSPORT, "two of three");
    fake_publish(&fake, &world, "three", 0);
    fake_publish(&fake, &world, "four", 0);
    receives("Four", CPS_MSGI_MISMATCH, "four PASSporTs, three other messages");
    receives("one", CPS_PASSED, "as it was signed");
    receives("forged", CPS_NO_PASSPORT, "forged all the same");
    end();
}

/* Messages that arrived before a PASSporT was issued do not explain it. */
static void test_issued_later(void)
{
    begin((struct cps_options){0});
    for (int i = 0; i < 40; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "unsigned %d", i);
        receives(text, CPS_NO_PASSPORT, text);
    }
    atomic_store(&world_clock, CERTS_NOW + 10);
    fake_publish(&fake, &world, "one", 0);
    receives("One", CPS_MSGI_MISMATCH, "changed");
    end();
}

static enum cps_verdict verdict_of_announced(const char *body)
{
    const struct cps_key *keys[] = {world.box_private};
    struct cps_message message = world_message(body);
    struct cps_result result;
    message.announced = true;
    enum cps_code code = cps_receive(world.cps, &message, keys, 1, 0, &result);
    CU_ASSERT_EQUAL(code, result.error.code);
    enum cps_verdict verdict = result.verdict;
    cps_result_clear(&result);
    return verdict;
}

static void test_announced(void)
{
    struct cps_error err = {0};
    begin((struct cps_options){0});
    CODE_IS(cps_announce(world.cps, WORLD_ORIG, WORLD_DEST, &err), CPS_OK, err);
    CODE_IS(cps_announce(world.cps, WORLD_ORIG, "12155559999", &err), CPS_OK, err);
    CODE_IS(cps_announce(world.cps, "12025550100", WORLD_DEST, &err), CPS_OK, err);
    CODE_IS(cps_announce(world.cps, "no number", WORLD_DEST, &err), CPS_E_TN, err);
    fake_publish(&fake, &world, "long", 0);
    receives("two", CPS_NO_PASSPORT, "a message is known to be under way");
    CU_ASSERT_EQUAL(verdict_of_announced("long"), CPS_PASSED);
    CODE_IS(cps_announce(world.cps, WORLD_ORIG, WORLD_DEST, &err), CPS_OK, err);
    atomic_store(&world_clock, CERTS_NOW + 10);
    fake_publish(&fake, &world, "longer", 0);
    CODE_IS(cps_announce(world.cps, WORLD_ORIG, WORLD_DEST, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(verdict_of_announced("Longer"), CPS_MSGI_MISMATCH); /* it does not explain itself */
    end();
}

/* A message that was sent again may have been signed again: two PASSporTs, of which it needs one. */
static void test_signed_again(void)
{
    char file[96];
    begin((struct cps_options){0});
    world_path(file, &world, "used.db");
    struct cps_options options = world.options;
    options.replay = CPS_REPLAY_SQLITE;
    options.replay_file = file;
    struct cps *one = world_handle(&options), *other = world_handle(&options);
    fake_publish(&fake, &world, "one", CERTS_NOW - 20);
    receives_at(one, WORLD_DEST, "one", CPS_PASSED, "its first PASSporT");
    fake_publish(&fake, &world, "one", CERTS_NOW);
    receives_at(one, WORLD_DEST, "two", CPS_NO_PASSPORT, "the second one is the first message's");
    receives_at(other, WORLD_DEST, "two", CPS_NO_PASSPORT, "another process sees that, too");
    cps_free(one);
    cps_free(other);
    end();
}

/* A process that follows another one does not know which messages that one saw. */
static void test_evidence_since(void)
{
    begin((struct cps_options){0});
    cps_set_evidence_since(world.cps, CERTS_NOW);
    fake_publish(&fake, &world, "one", CERTS_NOW);
    receives("One", CPS_NO_PASSPORT, "issued when another process may have received its message");
    end();
    begin((struct cps_options){0});
    cps_set_evidence_since(world.cps, CERTS_NOW - 1);
    fake_publish(&fake, &world, "one", CERTS_NOW);
    receives("One", CPS_MSGI_MISMATCH, "issued later");
    end();
}

/* More than can be remembered: nothing is accused until it would have been forgotten anyway. */
static void test_unexplained_bound(void)
{
    struct cps_error err = {0};
    begin((struct cps_options){.box_entry_max = 4});
    for (int i = 0; i < 8; i++) {
        char dest[16];
        (void)snprintf(dest, sizeof(dest), "1215555%04d", 2000 + i);
        CODE_IS(cps_announce(world.cps, WORLD_ORIG, dest, &err), CPS_OK, err);
    }
    fake_publish(&fake, &world, "one", CERTS_NOW);
    receives("One", CPS_NO_PASSPORT, "messages had to be forgotten");
    atomic_store(&world_clock, CERTS_NOW + 200);
    fake_publish(&fake, &world, "two", CERTS_NOW + 200);
    receives("Two", CPS_MSGI_MISMATCH, "none of them matters any more");
    end();
}

/* ---- attackers ---- */

/* A flood of PASSporTs that fit nothing changes no verdict, and costs a bounded number of verifications. */
static void test_flood(void)
{
    begin((struct cps_options){0});
    for (int i = 0; i < 200; i++) {
        char claims[256];
        (void)snprintf(claims, sizeof(claims),
                       "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"msgi\":\"sha256-%043d=\",\"orig\":"
                       "{\"tn\":\"12155551212\"}}",
                       i);
        char *token = world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}",
                                  claims, certs_key());
        fake_put(&fake, &world, token, NULL, world.box_public);
        free(token);
    }
    receives("one", CPS_NO_PASSPORT, "forged ones with other texts");
    fake_publish(&fake, &world, "one", 0);
    receives("one", CPS_PASSED, "the genuine one among them");
    receives("two", CPS_NO_PASSPORT, "and still nothing about another");
    end();
}

/* A recipient who copies a PASSporT into another one's box, with its text. */
static void test_copied(void)
{
    static const char *const elsewhere[] = {"12155559999"};
    struct cps_error err = {0};
    char *passport = NULL;
    begin((struct cps_options){0});
    struct cps_message message = world_message("one");
    message.dest = elsewhere;
    CODE_IS(cps_sign(world.cps, world.signer, &message, &passport, NULL, &err), CPS_OK, err);
    fake_put(&fake, &world, passport, NULL, world.box_public);
    receives("one", CPS_DEST_MISMATCH, "the same text at another destination");
    receives("two", CPS_NO_PASSPORT, "another text");
    cps_text_free(passport);
    end();
}

/* ---- one message, one use ---- */

static void test_each_destination(void)
{
    static const char *const both[] = {WORLD_DEST, "12155559999"};
    struct cps_error err = {0};
    char *passport = NULL;
    begin((struct cps_options){0});
    struct cps_message message = world_message("one");
    message.dest = both;
    message.dest_count = 2;
    CODE_IS(cps_sign(world.cps, world.signer, &message, &passport, NULL, &err), CPS_OK, err);
    fake_put(&fake, &world, passport, NULL, world.box_public);
    for (size_t i = 0; i < 2; i++) {
        receives_at(world.cps, both[i], "one", CPS_PASSED, both[i]);
        receives_at(world.cps, both[i], "one", CPS_REPLAYED, both[i]);
    }
    cps_text_free(passport);
    end();
}

/* Another holder of the same number signs, too, under another name. */
static struct cps_signer *another_signer(void)
{
    struct cps_signer *signer = NULL;
    struct cps_error err = {0};
    char key_file[96], chain_file[96];
    EVP_PKEY *key = NULL;
    X509 *leaf = certs_make_for(
        "tn:12155551212",
        (struct stir_cert_spec){.common_name = "Transit", .issuer = world.ca, .issuer_key = world.ca_key}, &key);
    world_path(key_file, &world, "transit.key");
    world_path(chain_file, &world, "transit.pem");
    world_write_key(key_file, key);
    WORLD_CERTS(chain_file, leaf, world.ca);
    WORLD_HOST(&world, "transit.pem", leaf, world.ca);
    struct cps_signer_options options = {.size = sizeof(options),
                                         .key = key_file,
                                         .chain_file = chain_file,
                                         .x5u = "https://certs.example.org/transit.pem"};
    CODE_IS(cps_signer_open(&signer, &options, &err), CPS_OK, err);
    return signer;
}

static void publish_by(const struct cps_signer *signer, const char *body, int64_t iat)
{
    struct cps_message message = world_message(body);
    struct cps_error err = {0};
    char *passport = NULL;
    message.iat = iat;
    CODE_IS(cps_sign(world.cps, signer, &message, &passport, NULL, &err), CPS_OK, err);
    fake_put(&fake, &world, passport, NULL, world.box_public);
    cps_text_free(passport);
}

static void test_two_signers(void)
{
    char file[96];
    for (int shared = 0; shared < 2; shared++) {
        begin((struct cps_options){0});
        struct cps_signer *transit = another_signer();
        world_path(file, &world, "used.db");
        struct cps_options options = world.options;
        options.replay = shared ? CPS_REPLAY_SQLITE : CPS_REPLAY_MEMORY;
        options.replay_file = shared ? file : NULL;
        struct cps *cps = world_handle(&options);
        publish_by(world.signer, "one", CERTS_NOW - 3);
        publish_by(transit, "one", CERTS_NOW - 1);
        receives_at(cps, WORLD_DEST, "one", CPS_PASSED, "two signers of one message");
        struct cps *other = shared ? world_handle(&options) : NULL;
        receives_at(other ? other : cps, WORLD_DEST, "one", CPS_REPLAYED, "a copy");
        receives_at(cps, WORLD_DEST, "one", CPS_REPLAYED, "another copy");
        /* the second signer's comes late, but was signed before the message passed */
        publish_by(world.signer, "late", CERTS_NOW);
        receives_at(cps, WORLD_DEST, "late", CPS_PASSED, "by the first alone");
        publish_by(transit, "late", CERTS_NOW - 1);
        receives_at(cps, WORLD_DEST, "late", CPS_REPLAYED, "a copy, when the other one has come");
        /* one that was signed after it had passed is of another message */
        atomic_store(&world_clock, CERTS_NOW + 20);
        publish_by(transit, "late", CERTS_NOW + 20);
        receives_at(cps, WORLD_DEST, "late", CPS_PASSED, "the text sent again, signed by the other alone");
        receives_at(cps, WORLD_DEST, "late", CPS_REPLAYED, "once");
        cps_free(cps);
        cps_free(other);
        cps_signer_free(transit);
        end();
    }
}

static void test_equal_texts(void)
{
    begin((struct cps_options){0});
    struct cps_signer *transit = another_signer();
    for (int i = 0; i < 5; i++) {
        publish_by(world.signer, "ping", CERTS_NOW - 10 * i);
    }
    for (int i = 0; i < 5; i++) {
        receives("ping", CPS_PASSED, "signed five times");
    }
    receives("ping", CPS_REPLAYED, "the sixth");
    for (int i = 0; i < 3; i++) {
        publish_by(world.signer, "pong", CERTS_NOW - 10 * i);
        publish_by(transit, "pong", CERTS_NOW - 10 * i);
    }
    for (int i = 0; i < 3; i++) {
        receives("pong", CPS_PASSED, "signed three times by two");
    }
    receives("pong", CPS_REPLAYED, "the fourth");
    cps_signer_free(transit);
    end();
}

/* Two messages, each signed by two. What is known first is one PASSporT of each, and they are taken for one message's.
 * The second message passes all the same when the other two have come. */
static void test_two_signers_late(void)
{
    char file[96];
    begin((struct cps_options){0});
    struct cps_signer *transit = another_signer();
    world_path(file, &world, "used.db");
    struct cps_options options = world.options;
    options.replay = CPS_REPLAY_SQLITE; /* all that is in the box is opened at once */
    options.replay_file = file;
    struct cps *cps = world_handle(&options);
    publish_by(world.signer, "ping", CERTS_NOW - 5);
    publish_by(transit, "ping", CERTS_NOW);
    receives_at(cps, WORLD_DEST, "ping", CPS_PASSED, "with one PASSporT of each message");
    publish_by(transit, "ping", CERTS_NOW - 5);
    publish_by(world.signer, "ping", CERTS_NOW);
    receives_at(cps, WORLD_DEST, "ping", CPS_PASSED, "with the other two");
    receives_at(cps, WORLD_DEST, "ping", CPS_REPLAYED, "a copy");
    cps_free(cps);
    cps_signer_free(transit);
    end();
}

enum { THREADS = 8 };

static void *receive_ping(void *arg)
{
    struct cps_message message = world_message("ping");
    const struct cps_key *keys[] = {world.box_private};
    struct cps_result result;
    if (cps_receive(world.cps, &message, keys, 1, 0, &result) == CPS_OK) {
        atomic_fetch_add((atomic_uint *)arg, 1);
    } else {
        VERDICT_IS(&result, CPS_REPLAYED, "a copy");
    }
    cps_result_clear(&result);
    return NULL;
}

/* Copies that arrive at once: two signers of two messages let two pass. */
static void test_copies_at_once(void)
{
    pthread_t threads[THREADS];
    for (int round = 0; round < 10; round++) {
        atomic_uint passed = 0;
        begin((struct cps_options){0});
        struct cps_signer *transit = another_signer();
        for (int i = 0; i < 2; i++) {
            publish_by(i ? transit : world.signer, "ping", CERTS_NOW - 5);
            publish_by(i ? transit : world.signer, "ping", CERTS_NOW);
        }
        for (size_t i = 0; i < THREADS; i++) {
            CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, receive_ping, &passed), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            (void)pthread_join(threads[i], NULL);
        }
        UNIT_CHECK(atomic_load(&passed) == 2, "%u passed", atomic_load(&passed));
        cps_signer_free(transit);
        end();
    }
}

/* ---- what is no PASSporT ---- */

/* Seals what no signer of ours would make. */
static void put_broken(const char *claims)
{
    struct stir_buf sealed = {0};
    EVP_PKEY *key = NULL;
    char path[96];
    char *token = world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}",
                              claims, world.leaf_key);
    world_path(path, &world, "box.key");
    UNIT_OK(stir_key_load(&key, path, false, STIR_KEY_ENCRYPT, NULL));
    UNIT_OK(stir_envelope_seal(&sealed, token, strlen(token), NULL, 0, key, NULL));
    fake_put_text(&fake, sealed.ptr);
    stir_buf_free(&sealed);
    EVP_PKEY_free(key);
    free(token);
}

static void test_malformed(void)
{
    begin((struct cps_options){0});
    put_broken("{\"dest\":{\"tn\":[\"12155551313\"]},\"orig\":{\"tn\":\"12155551212\"}}");
    receives("one", CPS_MALFORMED, "without iat");
    receives("two", CPS_NO_PASSPORT, "it is of one message at most");
    receives("one", CPS_MALFORMED, "of the same one again");
    put_broken("{\"dest\":{\"tn\":[\"12155551313\"]},\"orig\":{\"tn\":\"12155550000\"}}");
    receives("three", CPS_NO_PASSPORT, "another sender's");
    put_broken("{\"dest\":{\"tn\":[\"12155551313\"]},\"msgi\":\"sha256-x\",\"orig\":{\"tn\":\"12155551212\"}}");
    receives("three", CPS_NO_PASSPORT, "another text's");
    fake_publish(&fake, &world, "four", 0);
    receives("four", CPS_PASSED, "beside one that is good");
    end();
}

UNIT_MAIN("libcps evidence", {"F6: a PASSporT that was used", test_matched},
          {"F6: used by another process", test_matched_elsewhere}, {"F6: with claims", test_claimed},
          {"F6: one PASSporT, one message", test_one_message},
          {"F6: what is not good has no other text's evidence", test_accounted_for},
          {"F6: two messages at once", test_at_once}, {"F6: one that came later", test_came_later},
          {"F6: a PASSporT that was published late", test_published_late},
          {"F6: as many messages as PASSporTs", test_as_many}, {"F6: a PASSporT issued later", test_issued_later},
          {"F6: messages that are announced", test_announced}, {"F6: signed again", test_signed_again},
          {"F6: seen by the process before", test_evidence_since},
          {"F6: more messages than are remembered", test_unexplained_bound}, {"a flood that fits nothing", test_flood},
          {"a copy in another box", test_copied}, {"F8: once at each destination", test_each_destination},
          {"F9: two signers", test_two_signers}, {"F9: equal texts", test_equal_texts},
          {"F9: two signers, in an order that misleads", test_two_signers_late},
          {"F9: copies at once", test_copies_at_once}, {"F27: malformed", test_malformed})
