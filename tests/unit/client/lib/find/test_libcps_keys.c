/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/jose/envelope.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "tests/unit/jose.h"
#include "tests/unit/keys_world.h"

/* Finding a destination's keys: what is believed, for how long, and what a CPS cannot take back. */
static struct world world;
static struct keys_cps directory;
static struct keys_holder bob;
static EVP_PKEY *first, *second;
static char numbers[96];

static struct stir_keyrecord_key key_of(EVP_PKEY *pkey)
{
    return (struct stir_keyrecord_key){.pkey = pkey, .not_before = INT64_MIN, .not_after = INT64_MAX};
}

static void sign_at(int64_t iat, int64_t life_s, EVP_PKEY *pkey)
{
    struct stir_keyrecord_key key = key_of(pkey);
    keys_sign(&directory, &world, &bob, "spc:5678",
              (struct stir_keyrecord_spec){.keys = &key, .key_count = 1, .iat = iat, .exp = iat + life_s});
}

static void begin_with(struct cps_options options)
{
    world_begin(&world, NULL);
    keys_cps_start(&directory, &world, "tls-root.pem");
    bob = keys_holder(&world, "spc:5678");
    first = certs_own_key(jose_new_key(STIR_CURVE_X25519));
    second = certs_own_key(jose_new_key(STIR_CURVE_P256));
    world_path(numbers, &world, "numbers.csv");
    world_write(numbers, "1215,5678\n", 10);
    options.size = sizeof(options);
    options.cps_url = directory.peer.url;
    options.tls_ca_file = directory.ca_file;
    options.trust_file = world.trust;
    options.x5u_dir = world.x5u_dir;
    options.numbers_file = numbers;
    options.now = world_now;
    cps_free(world.cps);
    world.cps = NULL;
    world.cps = world_handle(&options);
}

static void begin(void)
{
    begin_with((struct cps_options){0});
}

static void end(void)
{
    keys_cps_stop(&directory);
    world_end(&world);
}

/* Finds, and expects this key alone (NULL: a failure with this code). */
static void finds(EVP_PKEY *pkey, enum cps_code code, unsigned line)
{
    struct cps_found_keys found = {0};
    struct cps_error err = {0};
    char thumbprint[44] = "";
    enum cps_code is = cps_find_keys(world.cps, WORLD_DEST, &found, &err);
    unit_check(is == code, line, __FILE__, "line %u: %s (%s), expected %s", line, cps_error_name(is), err.text,
               cps_error_name(code));
    if (is == CPS_OK && pkey) {
        UNIT_OK(stir_jwk_thumbprint(thumbprint, pkey, NULL));
        unit_check(found.key_count == 1 && strcmp(found.thumbprints[0], thumbprint) == 0, line, __FILE__,
                   "line %u: another key", line);
    }
    cps_found_keys_clear(&found);
}
#define FINDS(pkey) finds((pkey), CPS_OK, __LINE__)
#define FAILS(code) finds(NULL, (code), __LINE__)

static void later(int64_t seconds)
{
    atomic_fetch_add(&world_clock, seconds);
}

/* One envelope for each key that is current, readable by that key alone. */
static void test_send(void)
{
    struct stir_keyrecord_key keys[] = {key_of(NULL), key_of(NULL), key_of(NULL)};
    struct cps_message message = world_message("Hello");
    struct cps_recipient recipient = {.dest = WORLD_DEST};
    struct cps_sent sent = {0};
    struct cps_error err = {0};
    begin();
    keys[0].pkey = first;
    keys[1].pkey = second;
    keys[0].not_after = CERTS_NOW + 60;
    keys[1].not_before = CERTS_NOW - 60;
    keys[2].pkey = certs_own_key(jose_new_key(STIR_CURVE_X25519));
    keys[2].not_before = CERTS_NOW + 60;
    keys_sign(
        &directory, &world, &bob, "spc:5678",
        (struct stir_keyrecord_spec){.keys = keys, .key_count = 3, .iat = CERTS_NOW - 100, .exp = CERTS_NOW + 1000});
    CODE_IS(cps_send(world.cps, world.signer, &message, &recipient, 1, 0, &sent, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(sent.envelopes, 2);
    CU_ASSERT_EQUAL(sent.published, 2);
    CU_ASSERT_EQUAL(directory.count, 2);
    /* each key opens one of the two, which came in any order */
    size_t opens[2][2] = {{0}};
    for (size_t i = 0; i < 4; i++) {
        struct stir_opened opened = {0};
        const char *envelope = directory.envelopes[i / 2];
        if (stir_envelope_open(&opened, envelope, strlen(envelope), i % 2 ? second : first, NULL) == STIR_OK) {
            opens[i / 2][i % 2] = 1;
            stir_opened_clear(&opened);
        }
    }
    CU_ASSERT_TRUE(opens[0][0] + opens[0][1] == 1 && opens[1][0] == opens[0][1] && opens[1][1] == opens[0][0]);
    cps_sent_clear(&sent);
    /* the time of the third has come, that of the first is over */
    later(61);
    CODE_IS(cps_send(world.cps, world.signer, &message, &recipient, 1, 0, &sent, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(sent.published, 2);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 1);
    cps_sent_clear(&sent);
    end();
}

/* A recipient whose keys are not found gets nothing; the others do. */
static void test_send_partly(void)
{
    static const char *const dests[] = {WORLD_DEST, "447700900000"};
    struct cps_message message = world_message("Hello");
    struct cps_recipient recipients[] = {{.dest = WORLD_DEST}, {.dest = "447700900000"}};
    struct cps_sent sent = {0};
    struct cps_error err = {0};
    begin();
    sign_at(CERTS_NOW - 5, 1000, first);
    message.dest = dests;
    message.dest_count = 2;
    CODE_IS(cps_send(world.cps, world.signer, &message, recipients, 2, 0, &sent, &err), CPS_E_KEY, err);
    CU_ASSERT_EQUAL(sent.envelopes, 1);
    CU_ASSERT_EQUAL(sent.published, 1);
    cps_sent_clear(&sent);
    end();
}

static void test_cache(void)
{
    begin();
    sign_at(CERTS_NOW - 5, 100000, first);
    FINDS(first);
    later(300);
    FINDS(first);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 1); /* nothing said: five minutes */
    later(1);
    (void)snprintf(directory.cache_control, sizeof(directory.cache_control), "public, max-age=20");
    FINDS(first);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 2);
    later(20);
    FINDS(first);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 2);
    later(1);
    (void)snprintf(directory.cache_control, sizeof(directory.cache_control), "max-age=999999999");
    FINDS(first);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 3);
    later(3601); /* key_max_age_s */
    FINDS(first);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 4);
    end();
}

static void test_negative(void)
{
    begin();
    directory.status = 404;
    FAILS(CPS_E_NOT_FOUND);
    FAILS(CPS_E_NOT_FOUND);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 1);
    keys_set(&directory, &directory.status, 0);
    sign_at(CERTS_NOW - 5, 1000, first);
    later(31);
    FINDS(first);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 2);
    end();
}

/* Once a record was seen, nobody can put an older one, or none, in its place as long as it is good. */
static void test_rollback(void)
{
    begin();
    sign_at(CERTS_NOW - 10, 5000, second);
    FINDS(second);
    sign_at(CERTS_NOW - 1000, 50000, first); /* good by itself */
    later(301);
    FINDS(second);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 2);
    keys_set(&directory, &directory.status, 404);
    later(31);
    FINDS(second);
    keys_set(&directory, &directory.status, 503);
    later(31);
    FINDS(second);
    keys_set(&directory, &directory.status, 0);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 4);
    /* when the newer one has ended, the older one is still older */
    later(5000);
    FAILS(CPS_E_STALE);
    sign_at(CERTS_NOW + 5300, 1000, first);
    later(31);
    FINDS(first);
    end();
}

/* Another holder's record is no older or newer one: the number's own may follow its provider's. */
static void test_other_holder(void)
{
    begin();
    sign_at(CERTS_NOW - 10, 5000, second);
    FINDS(second);
    struct keys_holder own = keys_holder(&world, "tn:" WORLD_DEST);
    struct stir_keyrecord_key key = key_of(first);
    keys_sign(
        &directory, &world, &own, "tn:" WORLD_DEST,
        (struct stir_keyrecord_spec){.keys = &key, .key_count = 1, .iat = CERTS_NOW - 100, .exp = CERTS_NOW + 5000});
    later(301);
    FINDS(first);
    end();
}

/* ---- several records ---- */

#define RECORD_TEXT 8192

/* Signs a record of one key and copies its text. */
static void sign_text(char out[RECORD_TEXT], const struct keys_holder *holder, const char *claims, int64_t iat,
                      EVP_PKEY *pkey)
{
    struct stir_keyrecord_key key = key_of(pkey);
    keys_sign(&directory, &world, holder, claims,
              (struct stir_keyrecord_spec){.keys = &key, .key_count = 1, .iat = iat, .exp = iat + 50000});
    size_t n = strlen(directory.record);
    UNIT_CHECK(n < RECORD_TEXT, "a record of %zu octets", n);
    memcpy(out, directory.record, n < RECORD_TEXT ? n + 1 : 0);
}

/* What the directory answers from now on. */
static void hand_out(const char *a, const char *b)
{
    pthread_mutex_lock(&directory.lock);
    (void)snprintf(directory.record, sizeof(directory.record), "{\"records\":[\"%s\"%s%s%s]}", a, b ? ",\"" : "",
                   b ? b : "", b ? "\"" : "");
    pthread_mutex_unlock(&directory.lock);
}

/* Finds, and expects these keys in this order; b NULL: a alone. */
static void finds_both(EVP_PKEY *a, EVP_PKEY *b, unsigned line)
{
    EVP_PKEY *keys[2] = {a, b};
    struct cps_found_keys found = {0};
    struct cps_error err = {0};
    char thumbprint[44];
    size_t count = b ? 2 : 1;
    enum cps_code is = cps_find_keys(world.cps, WORLD_DEST, &found, &err);
    unit_check(is == CPS_OK && found.key_count == count && found.record_count == count, line, __FILE__,
               "line %u: %s, %zu keys of %zu records", line, err.text, found.key_count, found.record_count);
    for (size_t i = 0; i < count && i < found.key_count; i++) {
        UNIT_OK(stir_jwk_thumbprint(thumbprint, keys[i], NULL));
        unit_check(strcmp(found.thumbprints[i], thumbprint) == 0 && found.record_of[i] == i, line, __FILE__,
                   "line %u: key %zu is another", line, i);
    }
    cps_found_keys_clear(&found);
}
#define FINDS_BOTH(a, b) finds_both((a), (b), __LINE__)

/* The records that are known, and what their issuers had before, survive what a CPS hands out later. */
static void test_several(void)
{
    static char own_old[RECORD_TEXT], own_new[RECORD_TEXT], provider[RECORD_TEXT], forged[RECORD_TEXT];
    begin();
    struct keys_holder owner = keys_holder(&world, "tn:" WORLD_DEST);
    sign_text(own_old, &owner, "tn:" WORLD_DEST, CERTS_NOW - 1000, second);
    sign_text(own_new, &owner, "tn:" WORLD_DEST, CERTS_NOW - 10, first);
    sign_text(provider, &bob, "spc:5678", CERTS_NOW - 10, second);
    (void)snprintf(forged, sizeof(forged), "%s", own_new);
    char *signature = strrchr(forged, '.') + 1;
    signature[0] = signature[0] == 'A' ? 'B' : 'A';
    hand_out(provider, own_new);
    FINDS_BOTH(first, second);  /* the most specific first */
    hand_out(provider, forged); /* a record that is not good does not take the known one away */
    later(301);
    FINDS_BOTH(first, second);
    hand_out(forged, own_old);
    later(31); /* what was not good is asked for again soon */
    FINDS_BOTH(first, NULL);
    hand_out(provider, own_old);
    later(31);
    FINDS_BOTH(first, second);
    hand_out(provider, NULL); /* the holder has no record any more */
    later(31);
    FINDS_BOTH(second, NULL);
    hand_out(provider, own_old); /* and an older one does not come back */
    later(301);
    FINDS_BOTH(second, NULL);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 6);
    end();
}

/* What was spooled goes to the CPS of the record that its key is of, as what is published at once. */
static void test_several_spooled(void)
{
    static char own[RECORD_TEXT], provider[RECORD_TEXT];
    static struct keys_cps theirs;
    struct stir_keyrecord_key key;
    struct cps_message message = world_message("Hello");
    struct cps_recipient recipient = {.dest = WORLD_DEST};
    struct cps_sent sent = {0};
    struct cps_error err = {0};
    struct stir_opened opened = {0};
    char roots[96], spool[96];
    begin();
    keys_cps_start(&theirs, &world, "their-root.pem");
    keys_join(roots, &world, directory.ca_file, theirs.ca_file);
    world_path(spool, &world, "spool");
    cps_free(world.cps);
    struct cps_options options = {.size = sizeof(options),
                                  .cps_url = directory.peer.url,
                                  .tls_ca_file = roots,
                                  .trust_file = world.trust,
                                  .x5u_dir = world.x5u_dir,
                                  .numbers_file = numbers,
                                  .now = world_now,
                                  .spool_file = spool,
                                  .record_allow_private = true};
    world.cps = world_handle(&options);
    struct keys_holder owner = keys_holder(&world, "tn:" WORLD_DEST);
    key = key_of(first);
    keys_sign(&directory, &world, &owner, "tn:" WORLD_DEST,
              (struct stir_keyrecord_spec){.keys = &key,
                                           .key_count = 1,
                                           .cps = theirs.peer.url,
                                           .iat = CERTS_NOW - 10,
                                           .exp = CERTS_NOW + 5000});
    (void)snprintf(own, sizeof(own), "%.*s", RECORD_TEXT - 1, directory.record);
    sign_text(provider, &bob, "spc:5678", CERTS_NOW - 10, second);
    hand_out(own, provider);
    message.iat = CERTS_NOW;
    CODE_IS(cps_send_with_spool(world.cps, world.signer, &message, &recipient, 1, 0, CPS_SPOOL_FIRST, &sent, &err),
            CPS_OK, err);
    CU_ASSERT_EQUAL(sent.spooled, 2);
    cps_sent_clear(&sent);
    for (unsigned i = 0; i < 3000 && (atomic_load(&theirs.posts) < 1 || atomic_load(&directory.posts) < 1); i++) {
        keys_sleep_ms(10);
    }
    cps_free(world.cps);
    world.cps = NULL;
    CU_ASSERT_EQUAL(theirs.count, 1);
    CU_ASSERT_EQUAL(directory.count, 1);
    UNIT_OK(stir_envelope_open(&opened, theirs.envelopes[0], strlen(theirs.envelopes[0]), first, NULL));
    stir_opened_clear(&opened);
    UNIT_OK(stir_envelope_open(&opened, directory.envelopes[0], strlen(directory.envelopes[0]), second, NULL));
    stir_opened_clear(&opened);
    keys_cps_stop(&theirs);
    end();
}

/* A record that is about another destination counts for nothing, beside a good one and alone. */
static void test_others(void)
{
    static char provider[RECORD_TEXT], other[RECORD_TEXT];
    begin();
    struct keys_holder eve = keys_holder(&world, "spc:6666");
    sign_text(other, &eve, "spc:6666", CERTS_NOW - 10, first);
    sign_text(provider, &bob, "spc:5678", CERTS_NOW - 10, second);
    hand_out(other, provider);
    FINDS_BOTH(second, NULL);
    hand_out(other, other);
    later(31);
    FINDS_BOTH(second, NULL); /* known, and good */
    end();
    begin();
    hand_out(other, other);
    FAILS(CPS_E_CERT_SCOPE);
    end();
}

static void test_end_of_record(void)
{
    begin();
    sign_at(CERTS_NOW - 10, 60, first);
    (void)snprintf(directory.cache_control, sizeof(directory.cache_control), "max-age=3600");
    FINDS(first);
    later(49);
    FINDS(first);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 1);
    later(1);
    FAILS(CPS_E_STALE);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 2);
    end();
}

/* ---- many at once ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned calls, good;
    enum cps_code code;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void note(void *arg, const struct cps_found_keys *result)
{
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    seen.calls++;
    seen.good += result->error.code == CPS_OK && result->key_count == 1;
    seen.code = result->error.code;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_for(unsigned calls)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&seen.lock);
    while (seen.calls < calls && pthread_cond_timedwait(&seen.changed, &seen.lock, &until) == 0) {
    }
    pthread_mutex_unlock(&seen.lock);
}

static void test_one_fetch(void)
{
    struct cps_error err = {0};
    begin();
    sign_at(CERTS_NOW - 5, 1000, first);
    atomic_store(&directory.delay_ms, 100);
    seen.calls = seen.good = 0;
    for (unsigned i = 0; i < 100; i++) {
        CODE_IS(cps_find_keys_async(world.cps, WORLD_DEST, note, NULL, &err), CPS_OK, err);
    }
    FINDS(first);
    wait_for(100);
    CU_ASSERT_EQUAL(seen.good, 100);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 1);
    end();
}

static void test_free_meanwhile(void)
{
    struct cps_error err = {0};
    begin();
    sign_at(CERTS_NOW - 5, 1000, first);
    atomic_store(&directory.delay_ms, 60000);
    seen.calls = 0;
    CODE_IS(cps_find_keys_async(world.cps, WORLD_DEST, note, NULL, &err), CPS_OK, err);
    keys_sleep_ms(50);
    cps_free(world.cps);
    world.cps = NULL;
    CU_ASSERT_EQUAL(seen.calls, 1);
    CU_ASSERT_EQUAL(seen.code, CPS_E_CLOSED);
    end();
}

/* ---- what else there is ---- */

static void test_arguments(void)
{
    struct cps_found_keys found;
    struct cps_error err = {0};
    begin();
    CODE_IS(cps_find_keys(world.cps, "sip:alice@example.com", &found, &err), CPS_E_NOT_FOUND, err);
    CODE_IS(cps_find_keys(world.cps, "x", &found, &err), CPS_E_TN, err);
    CODE_IS(cps_find_keys(world.cps, WORLD_DEST, NULL, &err), CPS_E_INVAL, err);
    CODE_IS(cps_find_keys(NULL, WORLD_DEST, &found, &err), CPS_E_INVAL, err);
    CODE_IS(cps_find_keys_async(world.cps, WORLD_DEST, NULL, NULL, &err), CPS_E_INVAL, err);
    CODE_IS(cps_put_keys(world.cps, "spc:5678", "x", 1, &err), CPS_E_JWS, err);
    CODE_IS(cps_put_keys(world.cps, NULL, "x", 1, &err), CPS_E_INVAL, err);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 0);
    /* without roots nothing is believed, and so nothing asked for */
    struct cps_options options = {.size = sizeof(options), .cps_url = directory.peer.url};
    struct cps *cps = world_handle(&options);
    CODE_IS(cps_find_keys(cps, WORLD_DEST, &found, &err), CPS_E_CONFIG, err);
    cps_free(cps);
    end();
}

static void test_pinned(void)
{
    static const char *const names[] = {"*", "1215555*", WORLD_DEST};
    char path[96];
    struct stir_buf text = {0};
    EVP_PKEY *keys[3];
    begin();
    stir_buf_puts(&text, "{");
    for (size_t i = 0; i < 3; i++) {
        json_t *jwk = NULL;
        keys[i] = certs_own_key(jose_new_key(STIR_CURVE_X25519));
        UNIT_OK(stir_jwk_make(&jwk, keys[i], false, NULL));
        char *dump = json_dumps(jwk, JSON_COMPACT);
        stir_buf_printf(&text, "%s\"%s\":[%s]", i ? "," : "", names[i], dump);
        free(dump);
        json_decref(jwk);
    }
    stir_buf_puts(&text, "}");
    world_path(path, &world, "pinned.json");
    world_write(path, text.ptr, text.len);
    stir_buf_free(&text);
    struct cps_options options = {.size = sizeof(options), .pinned_file = path};
    struct cps *cps = world_handle(&options);
    static const struct {
        const char *dest;
        size_t key;
    } rows[] = {{WORLD_DEST, 2}, {"12155551314", 1},  {"1215555", 1},
                {"1215554", 0},  {"447700900000", 0}, {"121555513131", 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_found_keys found = {0};
        struct cps_error err = {0};
        char thumbprint[44];
        CODE_IS(cps_find_keys(cps, rows[i].dest, &found, &err), CPS_OK, err);
        UNIT_OK(stir_jwk_thumbprint(thumbprint, keys[rows[i].key], NULL));
        UNIT_STR(found.thumbprints[0], thumbprint, rows[i].dest);
        CU_ASSERT_TRUE(found.pinned && found.record_count == 0 && found.key_count == 1);
        cps_found_keys_clear(&found);
    }
    cps_free(cps);
    end();
}

/* A record of the provider that names its certificate by x5u, signed with this holder's key. */
static void sign_by_x5u(const struct keys_holder *holder, int64_t iat, EVP_PKEY *pkey)
{
    struct stir_tnauth list = {0};
    struct stir_error err = {0};
    struct stir_keyrecord_key key = key_of(pkey);
    char *text = NULL;
    size_t n = 0;
    UNIT_OK(stir_tnauth_from_text(&list, "spc:5678", NULL));
    const struct stir_keyrecord_spec spec = {.claims = &list,
                                             .keys = &key,
                                             .key_count = 1,
                                             .x5u = "https://certs.example.com/bob.pem",
                                             .iat = iat,
                                             .exp = iat + 100000};
    UNIT_CODE(stir_keyrecord_make(&text, &n, &spec, holder->key, &err), STIR_OK, err.text);
    pthread_mutex_lock(&directory.lock);
    (void)snprintf(directory.record, sizeof(directory.record), "%s", text ? text : "");
    (void)snprintf(directory.cache_control, sizeof(directory.cache_control), "max-age=15");
    pthread_mutex_unlock(&directory.lock);
    free(text);
    stir_tnauth_clear(&list);
}

/* The certificate at a record's x5u is replaced while the earlier one is cached, and the record is signed anew. */
static void test_certificate_rollover(void)
{
    begin();
    struct keys_holder successor = keys_holder(&world, "spc:5678");
    WORLD_HOST(&world, "bob.pem", bob.cert, world.ca);
    sign_by_x5u(&bob, CERTS_NOW - 10, first);
    FINDS(first);
    WORLD_HOST(&world, "bob.pem", successor.cert, world.ca);
    sign_by_x5u(&successor, CERTS_NOW - 5, second);
    later(16); /* the record is asked for again; the certificate is cached for a minute */
    FINDS(second);
    CU_ASSERT_EQUAL(atomic_load(&directory.gets), 2);
    end();
    /* a forged record is refused as before */
    begin();
    WORLD_HOST(&world, "bob.pem", bob.cert, world.ca);
    struct keys_holder forger = {.key = certs_key()};
    sign_by_x5u(&forger, CERTS_NOW - 10, first);
    FAILS(CPS_E_SIGNATURE);
    end();
}

UNIT_MAIN("libcps: keys", {"F11: the certificate of a record is replaced at its x5u", test_certificate_rollover},
          {"send to what was found", test_send}, {"send to some", test_send_partly}, {"cache", test_cache},
          {"failures are remembered", test_negative}, {"no way back", test_rollback},
          {"another holder", test_other_holder}, {"end of a record", test_end_of_record},
          {"one fetch for many", test_one_fetch}, {"free meanwhile", test_free_meanwhile},
          {"F15: several records", test_several}, {"F15: records of others", test_others},
          {"F15: spooled", test_several_spooled}, {"arguments", test_arguments}, {"pinned", test_pinned})
