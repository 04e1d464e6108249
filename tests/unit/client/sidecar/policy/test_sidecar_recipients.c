/* SPDX-License-Identifier: MIT */
#include "client/sidecar/policy/recipients.h"
#include "common/jose/jwk.h"
#include "tests/unit/filter_rig.h"

/* Keys by destination. */

static struct filter_rig rig;
static char keys_dir[128];

static void begin(void)
{
    memset(&rig, 0, sizeof(rig));
    (void)snprintf(rig.dir, sizeof(rig.dir), "/tmp/test-filter-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig.dir));
    filter_mkdir(&rig, "keys");
    (void)snprintf(keys_dir, sizeof(keys_dir), "%s/keys", rig.dir);
}

static void end(void)
{
    CU_ASSERT_EQUAL(nftw(rig.dir, filter_unlink, 8, FTW_DEPTH | FTW_PHYS), 0);
    certs_end();
}

static void add_key(const char *name)
{
    EVP_PKEY *key = NULL;
    char path[160];
    UNIT_OK(stir_key_generate(&key, STIR_CURVE_X25519, NULL));
    certs_own_key(key);
    (void)snprintf(path, sizeof(path), "keys/%s", name);
    filter_write_key(&rig, path, key, true);
}

static size_t keys_of(const struct sc_recipients *recipients, const char *dest, const struct cps_key *const **keys)
{
    struct stir_identity id = {.kind = strchr(dest, ':') ? STIR_IDENTITY_URI : STIR_IDENTITY_TN,
                               .len = (unsigned)strlen(dest)};
    (void)snprintf(id.text, sizeof(id.text), "%s", dest);
    return sc_recipients_find(recipients, &id, keys);
}

static void test_recipients(void)
{
    static const char *const names[] = {"12155551212.pem", "12155551212.old.pem", "1215555*.pem", "1215*.a.pem",
                                        "1215*.b.pem",     "1215*.c.pem",         "72345",        "#31#.pem",
                                        ".hidden"};
    static const struct {
        const char *dest;
        size_t count;
    } rows[] = {
        {"12155551212", 2}, {"12155551213", 1}, {"12155561213", 3}, {"1215555", 1}, {"1215", 3}, {"121", 0},
        {"72345", 1},       {"723456", 0},      {"7234", 0},        {"#31#", 1},    {"#31", 0},  {"sip:a@b.example", 0},
    };
    struct sc_recipients *recipients = NULL;
    struct stir_error err = {0};
    const struct cps_key *const *first = NULL, *const *keys = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        add_key(names[i]);
    }
    filter_mkdir(&rig, "keys/directory");
    UNIT_CODE(sc_recipients_load(&recipients, keys_dir, true, &err), STIR_OK, err.text);
    UNIT_NEED(recipients);
    UNIT_CHECK(sc_recipients_size(recipients) == 8, "%zu keys", sc_recipients_size(recipients));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t count = keys_of(recipients, rows[i].dest, &keys);
        UNIT_CHECK(count == rows[i].count, "%s has %zu keys, not %zu", rows[i].dest, count, rows[i].count);
    }
    UNIT_CHECK(keys_of(recipients, "12155551212", &first) && keys_of(recipients, "12155551213", &keys) &&
                   first[0] != keys[0] && first[0] != first[1],
               "they are different ones");
    UNIT_CHECK(keys_of(NULL, "1", &keys) == 0, "no keys");
    sc_recipients_free(recipients);
    sc_recipients_free(NULL);
}

/* A file with a JWK Set holds as many keys of its destination as the set has for encrypting. */
static void test_set(void)
{
    static const char *const uses[] = {"sig", "enc", NULL, "enc"};
    struct sc_recipients *recipients = NULL;
    struct stir_error err = {0};
    const struct cps_key *const *keys = NULL;
    char path[192];
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        EVP_PKEY *key = NULL;
        json_t *jwk = NULL;
        UNIT_OK(stir_key_generate(&key, i % 2 ? STIR_CURVE_X25519 : STIR_CURVE_P256, NULL));
        certs_own_key(key);
        UNIT_OK(stir_jwk_make(&jwk, key, false, NULL));
        if (uses[i]) {
            (void)json_object_set_new(jwk, "use", json_string(uses[i]));
        }
        (void)json_array_append_new(list, jwk);
    }
    json_t *set = json_pack("{s:o}", "keys", list);
    (void)snprintf(path, sizeof(path), "%s/442071234567.jwks", keys_dir);
    CU_ASSERT_EQUAL(json_dump_file(set, path, 0), 0);
    json_decref(set);
    add_key("442071234567.old.pem");
    UNIT_CODE(sc_recipients_load(&recipients, keys_dir, false, &err), STIR_OK, err.text);
    UNIT_NEED(recipients);
    CU_ASSERT_EQUAL(keys_of(recipients, "442071234567", &keys), 4);
    sc_recipients_free(recipients);
}

static void test_default(void)
{
    struct sc_recipients *recipients = NULL;
    const struct cps_key *const *keys = NULL;
    add_key("*.pem");
    add_key("default.pem");
    UNIT_OK(sc_recipients_load(&recipients, keys_dir, false, NULL));
    UNIT_NEED(recipients);
    UNIT_CHECK(keys_of(recipients, "4915112345678", &keys) == 2, "* and default are the same");
    UNIT_CHECK(keys_of(recipients, "sip:a@b.example", &keys) == 2, "of names too");
    UNIT_CHECK(keys_of(recipients, "12155551213", &keys) == 1, "a longer one counts alone");
    sc_recipients_free(recipients);
}

static void test_wrong_keys(void)
{
    static const char *const names[] = {"alice.pem", "+1215.pem", "12-15.pem", "123456789012345678901234567890123.pem"};
    char path[256];
    struct sc_recipients *recipients = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct stir_error err = {0};
        add_key(names[i]);
        UNIT_CODE(sc_recipients_load(&recipients, keys_dir, false, &err), STIR_E_CONFIG, names[i]);
        UNIT_CHECK(strstr(err.text, names[i]) != NULL, "%s: %s", names[i], err.text);
        (void)snprintf(path, sizeof(path), "%s/%s", keys_dir, names[i]);
        (void)remove(path);
    }
    struct stir_error err = {0};
    filter_write(&rig, "keys/1.pem", "no key\n");
    UNIT_CODE(sc_recipients_load(&recipients, keys_dir, false, &err), STIR_E_CONFIG, err.text);
    UNIT_CHECK(strstr(err.text, "1.pem") != NULL, "%s", err.text);
    (void)snprintf(path, sizeof(path), "%s/1.pem", keys_dir);
    (void)remove(path);
    for (unsigned i = 0; i < 17; i++) {
        (void)snprintf(path, sizeof(path), "55.%u", i);
        add_key(path);
    }
    UNIT_CODE(sc_recipients_load(&recipients, keys_dir, false, &err), STIR_E_CONFIG, "more than 16");
    UNIT_CODE(sc_recipients_load(&recipients, "/nonexistent", false, &err), STIR_E_IO, "no directory");
    UNIT_CHECK(strstr(err.text, "/nonexistent") && !recipients, "%s", err.text);
}

UNIT_MAIN("sc_recipients", {"(begin)", begin}, {"keys by destination", test_recipients}, {"F16: a JWK Set", test_set},
          {"keys for all", test_default}, {"wrong keys", test_wrong_keys}, {"(end)", end})
