/* SPDX-License-Identifier: MIT */
#include "cps/api/dummy.h"

#include "common/jose/envelope.h"
#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define SECOND 1000000
#define START (1700000000ll * SECOND)

static struct cpsd_config config;
static const uint8_t secret[CPSD_DUMMY_SECRET] = {1, 2, 3};

static struct cpsd_dummies *make(int mode, int64_t life_s, const uint8_t key[CPSD_DUMMY_SECRET])
{
    struct cpsd_dummies *dummies = NULL;
    config.dummies_mode = mode;
    config.ttl_default_s = life_s;
    config.dummies_sizes = (char *)(uintptr_t) "512, 1024";
    UNIT_OK(cpsd_dummies_new(&dummies, key, &config, NULL));
    return dummies;
}

static struct stir_identity box(const char *text)
{
    struct stir_identity id;
    UNIT_OK(stir_identity_parse_canonical(&id, text, strlen(text), 0, NULL));
    return id;
}

static bool same(const struct cpsd_entry *a, const struct cpsd_entry *b)
{
    return memcmp(a->id, b->id, CPSD_ID_OCTETS) == 0;
}

static void check_entry(const struct cpsd_entry *entry, int64_t now, int64_t life)
{
    struct stir_jwe_info info;
    uint8_t digest[32];
    UNIT_OK(stir_jwe_check(&info, entry->envelope.ptr, entry->envelope.len, NULL));
    UNIT_OK(stir_envelope_check_form(&info, NULL));
    CU_ASSERT_EQUAL(info.curve, STIR_CURVE_X25519);
    CU_ASSERT_FALSE(info.a128gcm);
    CU_ASSERT(info.ciphertext_len == 512 || info.ciphertext_len == 1024);
    SHA256((const unsigned char *)entry->envelope.ptr, entry->envelope.len, digest);
    CU_ASSERT_EQUAL(memcmp(digest, entry->id, CPSD_ID_OCTETS), 0);
    CU_ASSERT(entry->arrival_us <= now && now < entry->expires_us);
    CU_ASSERT_EQUAL(entry->expires_us - entry->arrival_us, life);
}

static void check_always(int mode)
{
    struct cpsd_dummies *dummies = make(mode, 60, secret);
    struct stir_identity id = box("12155551212");
    struct cpsd_entry now[CPSD_DUMMIES_MAX];
    unsigned most = 0;
    for (int64_t t = START; t < START + 3600ll * SECOND; t += 7 * SECOND) {
        size_t count = cpsd_dummies_alive(dummies, &id, t, now);
        CU_ASSERT(count >= 1 && count <= CPSD_DUMMIES_MAX);
        most = count > most ? (unsigned)count : most;
        for (size_t i = 0; i < count; i++) {
            check_entry(&now[i], t, 60 * SECOND);
            CU_ASSERT(i == 0 || now[i - 1].arrival_us <= now[i].arrival_us);
        }
    }
    CU_ASSERT(mode == CPSD_DUMMIES_STEADY ? most > 2 : most == 1);
    cpsd_dummies_free(dummies);
}

static void test_always_one(void)
{
    check_always(CPSD_DUMMIES_STEADY);
    check_always(CPSD_DUMMIES_EMPTY);
}

/* Once gone, an id never comes again; while alive, it stays. */
static void test_never_again(void)
{
    struct cpsd_dummies *dummies = make(CPSD_DUMMIES_STEADY, 10, secret);
    struct stir_identity id = box("12155551212");
    struct cpsd_entry now[CPSD_DUMMIES_MAX];
    static struct cpsd_entry seen[4096];
    size_t seen_count = 0;
    for (int64_t t = START; t < START + 600ll * SECOND; t += SECOND / 2) {
        size_t count = cpsd_dummies_alive(dummies, &id, t, now);
        for (size_t i = 0; i < count; i++) {
            size_t j = 0;
            while (j < seen_count && !same(&seen[j], &now[i])) {
                j++;
            }
            if (j == seen_count) {
                CU_ASSERT_FATAL(seen_count < 4096);
                CU_ASSERT(now[i].arrival_us > t - SECOND / 2 || t == START); /* it arrived when it was first seen */
                seen[seen_count++] = now[i];
            }
            CU_ASSERT_EQUAL(seen[j].arrival_us, now[i].arrival_us);
        }
    }
    CU_ASSERT(seen_count > 120); /* more than one for each half life */
    cpsd_dummies_free(dummies);
}

static void test_next(void)
{
    struct cpsd_dummies *dummies = make(CPSD_DUMMIES_STEADY, 60, secret);
    struct stir_identity id = box("12155551212");
    struct cpsd_entry now[CPSD_DUMMIES_MAX];
    int64_t t = START;
    for (int i = 0; i < 100; i++) {
        int64_t next = cpsd_dummies_next(dummies, &id, t);
        CU_ASSERT(next > t && next - t < 60ll * SECOND);
        size_t count = cpsd_dummies_alive(dummies, &id, next, now);
        CU_ASSERT(count && now[count - 1].arrival_us == next);
        t = next;
    }
    cpsd_dummies_free(dummies);
    dummies = make(CPSD_DUMMIES_EMPTY, 60, secret);
    CU_ASSERT_EQUAL(cpsd_dummies_next(dummies, &id, START), INT64_MAX);
    cpsd_dummies_free(dummies);
}

/* Two servers with the secret agree; another secret or another box gives others. */
static void test_shared_secret(void)
{
    static const uint8_t other_secret[CPSD_DUMMY_SECRET] = {9};
    struct cpsd_dummies *a = make(CPSD_DUMMIES_STEADY, 60, secret), *b = make(CPSD_DUMMIES_STEADY, 60, secret);
    struct cpsd_dummies *c = make(CPSD_DUMMIES_STEADY, 60, other_secret);
    struct stir_identity id = box("12155551212"), other = box("12155551213");
    struct cpsd_entry of_a[CPSD_DUMMIES_MAX], of_b[CPSD_DUMMIES_MAX], of_c[CPSD_DUMMIES_MAX],
        of_other[CPSD_DUMMIES_MAX];
    size_t count = cpsd_dummies_alive(a, &id, START, of_a);
    CU_ASSERT_EQUAL(cpsd_dummies_alive(b, &id, START, of_b), count);
    size_t count_c = cpsd_dummies_alive(c, &id, START, of_c);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT(same(&of_a[i], &of_b[i]) && of_a[i].arrival_us == of_b[i].arrival_us);
        CU_ASSERT(i >= count_c || !same(&of_a[i], &of_c[i]));
    }
    size_t count_other = cpsd_dummies_alive(b, &other, START, of_other);
    for (size_t i = 0; i < count && i < count_other; i++) {
        CU_ASSERT_FALSE(same(&of_a[i], &of_other[i]));
    }
    cpsd_dummies_free(a);
    cpsd_dummies_free(b);
    cpsd_dummies_free(c);
}

/* More boxes than the cache holds, and boxes that share a place in it. */
static void test_many_boxes(void)
{
    struct cpsd_dummies *dummies = make(CPSD_DUMMIES_STEADY, 60, secret);
    struct cpsd_entry now[CPSD_DUMMIES_MAX], again[CPSD_DUMMIES_MAX];
    for (int i = 0; i < 1500; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "1215%07d", i);
        struct stir_identity id = box(text);
        size_t count = cpsd_dummies_alive(dummies, &id, START, now);
        CU_ASSERT(count >= 1);
        for (size_t j = 0; j < count; j++) {
            check_entry(&now[j], START, 60 * SECOND); /* nothing of the list was overwritten while it was made */
        }
        CU_ASSERT_EQUAL(cpsd_dummies_alive(dummies, &id, START, again), count);
    }
    cpsd_dummies_free(dummies);
}

static void test_settings(void)
{
    static const char *const bad[] = {
        "", "0", "100", "256", "511", "768", "512 9000", "16384", "-512", "x", "512x", "1,024", "18446744073709551615"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cpsd_dummies *dummies = NULL;
        config.dummies_sizes = (char *)(uintptr_t)bad[i];
        UNIT_CODE(cpsd_dummies_new(&dummies, secret, &config, NULL), STIR_E_CONFIG, bad[i]);
        CU_ASSERT_PTR_NULL(dummies);
    }
    uint8_t out[CPSD_DUMMY_SECRET], other[CPSD_DUMMY_SECRET];
    char path[] = "/tmp/test_dummyXXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    config.dummies_secret_file = path;
    UNIT_CODE(cpsd_dummy_secret(out, &config, NULL), STIR_E_CONFIG, "empty file");
    (void)fputs("0123456789abcdef0123456789abcdef", f);
    (void)fclose(f);
    UNIT_OK(cpsd_dummy_secret(out, &config, NULL));
    UNIT_OK(cpsd_dummy_secret(other, &config, NULL));
    CU_ASSERT_EQUAL(memcmp(out, other, sizeof(out)), 0);
    (void)remove(path);
    UNIT_CODE(cpsd_dummy_secret(out, &config, NULL), STIR_E_IO, "no file");
    config.dummies_secret_file = (char *)(uintptr_t) "";
    UNIT_OK(cpsd_dummy_secret(out, &config, NULL));
    UNIT_OK(cpsd_dummy_secret(other, &config, NULL));
    CU_ASSERT_NOT_EQUAL(memcmp(out, other, sizeof(out)), 0);
    cpsd_dummies_free(NULL);
}

UNIT_MAIN("dummy", {"always at least one, well-formed, in order", test_always_one},
          {"never seen again after its life", test_never_again}, {"the next arrival", test_next},
          {"a function of secret and box", test_shared_secret}, {"more boxes than the cache", test_many_boxes},
          {"settings and secret", test_settings})
