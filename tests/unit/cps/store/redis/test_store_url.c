/* SPDX-License-Identifier: MIT */
#include "common/base/siphash.h"
#include "cps/store/redis/wire/command.h"
#include "cps/store/redis/wire/redis_url.h"
#include "tests/unit/store_harness.h"

/* URLs of stores, commands in the Redis protocol, and the keyed hash of the tables. */

static void good(void)
{
    static const struct {
        const char *url, *name;
        unsigned db;
        const char *user, *password;
    } rows[] = {
        {"redis://localhost", "localhost:6379", 0, NULL, NULL},
        {"redis://localhost/", "localhost:6379", 0, NULL, NULL},
        {"redis://127.0.0.1:7000/15", "127.0.0.1:7000", 15, NULL, NULL},
        {"redis://[::1]", "[::1]:6379", 0, NULL, NULL},
        {"redis://[::1]:65535/0", "[::1]:65535", 0, NULL, NULL},
        {"redis://:secret@a-b.example.com:1", "a-b.example.com:1", 0, NULL, "secret"},
        {"redis://cps:secret@h/65535", "h:6379", 65535, "cps", "secret"},
        {"redis://c%3Aps:s%40%2F%25:x@h", "h:6379", 0, "c:ps", "s@/%:x"},
        {"redis+unix:///run/redis.sock", "/run/redis.sock", 0, NULL, NULL},
        {"redis+unix:///run/redis.sock?db=7", "/run/redis.sock", 7, NULL, NULL},
        {"redis+unix://:pw@/run/a%20b%3F", "/run/a b?", 0, NULL, "pw"},
        {"redis+unix://u:pw@/run/s?db=0", "/run/s", 0, "u", "pw"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_redis_address address = {0};
        struct stir_error err = {0};
        char name[300];
        UNIT_CODE(cpsd_redis_address_parse(&address, rows[i].url, &err), STIR_OK, rows[i].url);
        cpsd_redis_address_name(&address, name, sizeof(name));
        UNIT_STR(name, rows[i].name, rows[i].url);
        UNIT_CHECK(address.db == rows[i].db, "%s: database %u", rows[i].url, address.db);
        UNIT_STR(address.user, rows[i].user, rows[i].url);
        UNIT_STR(address.password, rows[i].password, rows[i].url);
        cpsd_redis_address_clear(&address);
    }
}

static void bad(void)
{
    static const struct {
        const char *url, *part;
    } rows[] = {
        {"", "unknown scheme"},
        {"memory", "unknown scheme"},
        {"memory:x", "memory:"},
        {"memory://", "memory:"},
        {"sqlite:/x", "unknown scheme"},
        {"http://localhost", "unknown scheme"},
        {"redis", "unknown scheme"},
        {"redis:", "two slashes"},
        {"redis:localhost", "two slashes"},
        {"redis:/localhost", "two slashes"},
        {"redis://", "host"},
        {"redis:///1", "host"},
        {"redis://:1", "host"},
        {"redis://h:", "port"},
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:99999999999999999999", "port"},
        {"redis://h:-1", "port"},
        {"redis://h:6379x", "port"},
        {"redis://h:1:2", "port"},
        {"redis://h /0", "host"},
        {"redis://h%41", "host"},
        {"redis://[::1", "host"},
        {"redis://[::1]x", "host"},
        {"redis://[]", "host"},
        {"redis://h/x", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/65536", "database"},
        {"redis://h/4294967296", "database"},
        {"redis://h/0/1", "database"},
        {"redis://h?db=1", "?"},
        {"redis://h#1", "#"},
        {"redis://hush@h", "user:password"},
        {"redis://hush:@h", "user:password"},
        {"redis://:@h", "user:password"},
        {"redis://:hush%2@h", "password"},
        {"redis://:hush%zz@h", "password"},
        {"redis://:hush%00@h", "password"},
        {"redis://%g0:hush@h", "user"},
        {"redis+unix:", "two slashes"},
        {"redis+unix://", "path"},
        {"redis+unix:///", "path"},
        {"redis+unix://run/s", "path"},
        {"redis+unix:///run/%0", "path"},
        {"redis+unix:///run/%00", "path"},
        {"redis+unix:///s?", "?db=NUMBER"},
        {"redis+unix:///s?db=", "?db=NUMBER"},
        {"redis+unix:///s?db=x", "?db=NUMBER"},
        {"redis+unix:///s?db=1&x=2", "?db=NUMBER"},
        {"redis+unix:///s?DB=1", "?db=NUMBER"},
        {"redis+unix://hush@/s", "user:password"},
        {"rediss://h", "TLS"},
        {"redis+cluster:h", "two slashes"},
        {"redis+cluster://", "host"},
        {"redis+cluster://a,", "host"},
        {"redis+cluster://,a", "host"},
        {"redis+cluster://a,b:0", "port"},
        {"redis+cluster://a b", "host"},
        {"redis+cluster://a,b/1", "databases"},
        {"redis+cluster://hush@a,b", "user:password"},
        {"redis+cluster://u:hush@a,[::1", "host"},
        {"redis+sentinel:/h/name", "two slashes"},
        {"redis+sentinel://h", "name"},
        {"redis+sentinel://h/", "name"},
        {"redis+sentinel:///name", "host"},
        {"redis+sentinel://h/na me", "name"},
        {"redis+sentinel://h/name/", "database"},
        {"redis+sentinel://h/name/-1", "database"},
        {"redis+sentinel://h/name/65536", "database"},
        {"redis+sentinel://h/name/1/2", "database"},
        {"redis+sentinel://u:hush@h:x/name", "port"},
        {"redis+clusters://h", "unknown scheme"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_backend *backend = NULL;
        struct stir_error err = {0};
        struct cpsd_store_config config = harness_defaults;
        config.url = rows[i].url;
        UNIT_CODE(cpsd_backend_new(&backend, &config, &err), STIR_E_CONFIG, rows[i].url);
        UNIT_CHECK(strstr(err.text, rows[i].part) != NULL, "%s: %s", rows[i].url, err.text);
        UNIT_CHECK(strstr(err.text, "hush") == NULL, "%s: the text quotes a secret: %s", rows[i].url, err.text);
        CU_ASSERT_PTR_NULL(backend);
    }
}

static void long_ones(void)
{
    static const struct {
        const char *before;
        size_t most;
        const char *after;
    } rows[] = {
        {"redis://", 255, ":1/2"},
        {"redis://:", 1024, "@h"},
        {"redis://", 1024, ":p@h"},
        {"redis+unix:///", 106, "?db=1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t over = 0; over < 2; over++) {
            char url[2048], label[64];
            size_t n = rows[i].most + over;
            (void)snprintf(url, sizeof(url), "%s%0*d%s", rows[i].before, (int)n, 0, rows[i].after);
            (void)snprintf(label, sizeof(label), "row %zu, %zu octets", i, n);
            struct cpsd_redis_address address = {0};
            UNIT_CODE(cpsd_redis_address_parse(&address, url, NULL), over ? STIR_E_CONFIG : STIR_OK, label);
            cpsd_redis_address_clear(&address);
        }
    }
}

static void config_bounds(void)
{
    struct cpsd_store_config rows[] = {harness_defaults, harness_defaults, harness_defaults, harness_defaults};
    rows[0].url = NULL;
    rows[1].box_limit = 0;
    rows[2].timeout_ms = 0;
    rows[3].max_ttl_ms = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_backend *backend = NULL;
        UNIT_CODE(cpsd_backend_new(&backend, &rows[i], NULL), STIR_E_CONFIG, "a config without it");
    }
    cpsd_backend_free(NULL);
}

static void description(void)
{
    static const struct {
        const char *url, *part;
    } rows[] = {
        {"memory:", "lost on exit"},
        {"redis://u:hush@localhost:1/3", "Redis at localhost:1, database 3"},
        {"redis+unix:///no/where", "Redis at /no/where, database 0"},
        {"redis+cluster://u:hush@a:7000,b", "the Redis cluster around a:7000"},
        {"redis+sentinel://:hush@a,b/cps/2", "the Redis primary cps of the Sentinel at a:26379, database 2"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_backend *backend = NULL;
        struct cpsd_store_config config = harness_defaults;
        config.url = rows[i].url;
        UNIT_CODE(cpsd_backend_new(&backend, &config, NULL), STIR_OK, rows[i].url);
        const char *text = cpsd_backend_description(backend);
        UNIT_CHECK(strstr(text, rows[i].part) && !strstr(text, "hush"), "%s: %s", rows[i].url, text);
        cpsd_backend_free(backend);
    }
}

static void command(void)
{
    char out[256], digits[CPSD_REDIS_DIGITS];
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("SET"),
                                    {"\r\n\0", 3},
                                    {NULL, 0},
                                    cpsd_redis_arg_number(digits, INT64_MIN)};
    static const char expected[] = "*4\r\n$3\r\nSET\r\n$3\r\n\r\n\0\r\n$0\r\n\r\n$20\r\n-9223372036854775808\r\n";
    CU_ASSERT_FATAL(cpsd_redis_command_size(args, 4) <= sizeof(out));
    size_t n = cpsd_redis_command_write(out, args, 4);
    CU_ASSERT_EQUAL(n, sizeof(expected) - 1);
    CU_ASSERT(memcmp(out, expected, n) == 0);
}

/* From appendix A of the SipHash paper, and from the authors' list of test vectors. */
static void siphash(void)
{
    static const uint64_t expected[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
                                        0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
                                        0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462};
    const struct stir_siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    unsigned char octets[15];
    for (size_t i = 0; i < sizeof(octets); i++) {
        octets[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        UNIT_CHECK(stir_siphash(&key, octets, i) == expected[i], "%zu octets", i);
    }
    CU_ASSERT_EQUAL(stir_siphash(&key, octets, 15), 0xa129ca6149be45e5);
    struct stir_siphash_key a, b;
    CU_ASSERT_EQUAL(stir_siphash_key_new(&a), 0);
    CU_ASSERT_EQUAL(stir_siphash_key_new(&b), 0);
    CU_ASSERT(a.k0 != b.k0 && a.k1 != b.k1);
}

UNIT_MAIN("store_url", {"addresses", good}, {"invalid URLs", bad}, {"longest parts", long_ones},
          {"a config's bounds", config_bounds}, {"descriptions", description}, {"requests", command},
          {"SipHash-2-4", siphash})
