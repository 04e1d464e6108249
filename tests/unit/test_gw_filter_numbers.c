#include "client/gateway/recipients.h"
#include "client/gateway/tenants_numbers.h"
#include "tests/unit/filter_rig.h"

/* Sets of numbers, and keys by destination. */

static void check_sets(const char *const *items, const char *const *in, const char *const *out)
{
    struct gw_numbers numbers = {0};
    for (; *items; items++) {
        UNIT_CODE(gw_numbers_add(&numbers, *items, NULL), STIR_OK, *items);
    }
    gw_numbers_seal(&numbers);
    for (; *in; in++) {
        UNIT_CHECK(gw_numbers_has(&numbers, *in), "%s is not in the set", *in);
    }
    for (; *out; out++) {
        UNIT_CHECK(!gw_numbers_has(&numbers, *out), "%s is in the set", *out);
    }
    gw_numbers_clear(&numbers);
}
#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_numbers(void)
{
    check_sets(SET("12155551212", "72345"), SET("12155551212", "72345"),
               SET("12155551211", "12155551213", "1215555121", "121555512120", "7234", "723456", "", "+12155551212"));
    check_sets(SET("12155551000-12155551999"), SET("12155551000", "12155551500", "12155551999"),
               SET("12155550999", "12155552000", "1215555150", "121555515000", "1215555100#", "12155551*00"));
    check_sets(SET("1215*"), SET("1215", "12150", "12159999999999999999999999999999"),
               SET("121", "1214", "1216", "12a", "1215#", "*1215"));
    check_sets(SET("*"), SET("1", "12155551212"), SET("", "*", "#31#", "a"));
    check_sets(SET("*31#", "#1"), SET("*31#", "#1"), SET("*31", "31", "#", "*3#"));
}

/* Ranges in any order, one within another, touching, of other lengths. */
static void test_merging(void)
{
    check_sets(SET("500-599", "100-199", "150-160", "155-250", "5000-5999", "300", "7*", "71"),
               SET("100", "160", "161", "199", "200", "250", "300", "500", "599", "5000", "71", "7", "79"),
               SET("99", "251", "299", "301", "499", "600", "4999", "6000", "1000", "10"));
    struct gw_numbers numbers = {0};
    char item[16];
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(item, sizeof(item), "%u", 100000 + i * 7919 % 50000 * 2);
        UNIT_OK(gw_numbers_add(&numbers, item, NULL));
    }
    gw_numbers_seal(&numbers);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(item, sizeof(item), "%u", 100000 + i * 7919 % 50000 * 2);
        wrong += !gw_numbers_has(&numbers, item);
        item[5] = (char)(item[5] + 1); /* an odd one */
        wrong += gw_numbers_has(&numbers, item);
    }
    UNIT_CHECK(wrong == 0, "%u of 10000 are misjudged", wrong);
    gw_numbers_clear(&numbers);
    gw_numbers_seal(&numbers);
    UNIT_CHECK(!gw_numbers_has(&numbers, "1"), "an empty set has nothing");
}

static void test_wrong_items(void)
{
    static const char *const items[] = {
        "",
        "+12155551212",
        "1215555121a",
        "1-2-3",
        "10-9",
        "10-100",
        "-10",
        "10-",
        "-",
        "1215**",
        "1*5*",
        "12*-13*",
        "#1-#5",
        "1215-1216*",
        "1 2",
        "a*",
        "123456789012345678901234567890123",
        "1-123456789012345678901234567890123",
    };
    struct gw_numbers numbers = {0};
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct stir_error err = {0};
        UNIT_CODE(gw_numbers_add(&numbers, items[i], &err), STIR_E_CONFIG, items[i]);
    }
    UNIT_CHECK(numbers.range_count + numbers.prefix_count + numbers.service_count == 0, "nothing was added");
    gw_numbers_clear(&numbers);
}

/* ---- keys ---- */

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

static size_t keys_of(const struct gw_recipients *recipients, const char *dest, const struct cps_key *const **keys)
{
    struct stir_identity id = {.kind = strchr(dest, ':') ? STIR_IDENTITY_URI : STIR_IDENTITY_TN,
                               .len = (unsigned)strlen(dest)};
    (void)snprintf(id.text, sizeof(id.text), "%s", dest);
    return gw_recipients_find(recipients, &id, keys);
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
    struct gw_recipients *recipients = NULL;
    struct stir_error err = {0};
    const struct cps_key *const *first = NULL, *const *keys = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        add_key(names[i]);
    }
    filter_mkdir(&rig, "keys/directory");
    UNIT_CODE(gw_recipients_load(&recipients, keys_dir, true, &err), STIR_OK, err.text);
    UNIT_NEED(recipients);
    UNIT_CHECK(gw_recipients_size(recipients) == 8, "%zu keys", gw_recipients_size(recipients));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t count = keys_of(recipients, rows[i].dest, &keys);
        UNIT_CHECK(count == rows[i].count, "%s has %zu keys, not %zu", rows[i].dest, count, rows[i].count);
    }
    UNIT_CHECK(keys_of(recipients, "12155551212", &first) && keys_of(recipients, "12155551213", &keys) &&
                   first[0] != keys[0] && first[0] != first[1],
               "they are different ones");
    UNIT_CHECK(keys_of(NULL, "1", &keys) == 0, "no keys");
    gw_recipients_free(recipients);
    gw_recipients_free(NULL);
}

static void test_default(void)
{
    struct gw_recipients *recipients = NULL;
    const struct cps_key *const *keys = NULL;
    add_key("*.pem");
    add_key("default.pem");
    UNIT_OK(gw_recipients_load(&recipients, keys_dir, false, NULL));
    UNIT_NEED(recipients);
    UNIT_CHECK(keys_of(recipients, "4915112345678", &keys) == 2, "* and default are the same");
    UNIT_CHECK(keys_of(recipients, "sip:a@b.example", &keys) == 2, "of names too");
    UNIT_CHECK(keys_of(recipients, "12155551213", &keys) == 1, "a longer one counts alone");
    gw_recipients_free(recipients);
}

static void test_wrong_keys(void)
{
    static const char *const names[] = {"alice.pem", "+1215.pem", "12-15.pem", "123456789012345678901234567890123.pem"};
    char path[256];
    struct gw_recipients *recipients = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct stir_error err = {0};
        add_key(names[i]);
        UNIT_CODE(gw_recipients_load(&recipients, keys_dir, false, &err), STIR_E_CONFIG, names[i]);
        UNIT_CHECK(strstr(err.text, names[i]) != NULL, "%s: %s", names[i], err.text);
        (void)snprintf(path, sizeof(path), "%s/%s", keys_dir, names[i]);
        (void)remove(path);
    }
    struct stir_error err = {0};
    filter_write(&rig, "keys/1.pem", "no key\n");
    UNIT_CODE(gw_recipients_load(&recipients, keys_dir, false, &err), STIR_E_CONFIG, err.text);
    UNIT_CHECK(strstr(err.text, "1.pem") != NULL, "%s", err.text);
    (void)snprintf(path, sizeof(path), "%s/1.pem", keys_dir);
    (void)remove(path);
    for (unsigned i = 0; i < 17; i++) {
        (void)snprintf(path, sizeof(path), "55.%u", i);
        add_key(path);
    }
    UNIT_CODE(gw_recipients_load(&recipients, keys_dir, false, &err), STIR_E_CONFIG, "more than 16");
    UNIT_CODE(gw_recipients_load(&recipients, "/nonexistent", false, &err), STIR_E_IO, "no directory");
    UNIT_CHECK(strstr(err.text, "/nonexistent") && !recipients, "%s", err.text);
}

UNIT_MAIN("gw_filter_numbers", {"numbers, ranges, prefixes", test_numbers}, {"merging", test_merging},
          {"wrong items", test_wrong_items}, {"(begin)", begin}, {"keys by destination", test_recipients},
          {"keys for all", test_default}, {"wrong keys", test_wrong_keys}, {"(end)", end})
