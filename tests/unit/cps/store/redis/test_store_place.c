/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/place.h"
#include "cps/store/redis/topology/slot.h"
#include "tests/unit/unit.h"

#include <string.h>

/* The slots of keys, and URLs with several servers. */

/* The first is from the specification; the others are answers of Redis 7.0 to CLUSTER KEYSLOT. */
static void slots(void)
{
    static const struct {
        const char *key;
        unsigned slot;
    } rows[] = {
        {"123456789", 12739},
        {"", 0},
        {"foo", 12182},
        {"cps:{12155551212}", 14191},
        {"cps:{12155551212}:x:AAAAAAAAAAAAAAAAAAAAAA", 14191},
        {"cpsk:{12155551212}", 14191},
        {"cps:{im:user%7D@example.com}", 10740},
        {"{}foo", 9500},
        {"foo{}{bar}", 8363},
        {"foo{{bar}}zap", 4015},
        {"foo{bar}{zap}", 5061},
        {"foo{bar", 15278},
        {"foo}bar{x}", 16287},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned slot = cpsd_redis_slot(rows[i].key, strlen(rows[i].key));
        UNIT_CHECK(slot == rows[i].slot, "%s: slot %u", rows[i].key, slot);
    }
    CU_ASSERT_EQUAL(cpsd_redis_slot("{foo}bar", 4), cpsd_redis_slot("{foo", 4)); /* no octet after the length counts */
}

static void places(void)
{
    static const struct {
        const char *url;
        int kind;
        size_t seeds;
        const char *last; /* host:port of the last */
        const char *user, *password, *name;
        unsigned db;
    } rows[] = {
        {"redis://u:p@h:1/2", CPSD_REDIS_SINGLE, 1, "h:1", "u", "p", "", 2},
        {"redis+unix:///s", CPSD_REDIS_SINGLE, 1, "/s", NULL, NULL, "", 0},
        {"redis+cluster://h", CPSD_REDIS_CLUSTER, 1, "h:6379", NULL, NULL, "", 0},
        {"redis+cluster://h/", CPSD_REDIS_CLUSTER, 1, "h:6379", NULL, NULL, "", 0},
        {"redis+cluster://a:1,b:2,[::1]:3", CPSD_REDIS_CLUSTER, 3, "[::1]:3", NULL, NULL, "", 0},
        {"redis+cluster://u:p%2C%40@a,[::1]", CPSD_REDIS_CLUSTER, 2, "[::1]:6379", "u", "p,@", "", 0},
        {"redis+cluster://:p@a,b:65535", CPSD_REDIS_CLUSTER, 2, "b:65535", NULL, "p", "", 0},
        {"redis+sentinel://a/cps", CPSD_REDIS_SENTINEL, 1, "a:26379", NULL, NULL, "cps", 0},
        {"redis+sentinel://:p@a:1,b/my-primary.1_x/15", CPSD_REDIS_SENTINEL, 2, "b:26379", NULL, "p", "my-primary.1_x",
         15},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_redis_place place;
        struct stir_error err = {0};
        char name[300];
        UNIT_CODE(cpsd_redis_place_parse(&place, rows[i].url, &err), STIR_OK, rows[i].url);
        if (err.code) {
            continue;
        }
        const struct cpsd_redis_address *last = &place.seed[place.seeds - 1];
        UNIT_CHECK((int)place.kind == rows[i].kind && place.seeds == rows[i].seeds, "%s: kind, count", rows[i].url);
        cpsd_redis_address_name(last, name, sizeof(name));
        UNIT_STR(name, rows[i].last, rows[i].url);
        UNIT_STR(last->user, rows[i].user, rows[i].url);
        UNIT_STR(last->password, rows[i].password, rows[i].url);
        UNIT_STR(place.name, rows[i].name, rows[i].url);
        UNIT_CHECK(last->db == rows[i].db, "%s: database %u", rows[i].url, last->db);
        cpsd_redis_place_clear(&place);
    }
}

static void too_many(void)
{
    char url[1024] = "redis+cluster://h";
    struct cpsd_redis_place place = {.seeds = 77};
    for (size_t i = 1; i < CPSD_REDIS_SEEDS_MAX; i++) {
        (void)strncat(url, ",h", sizeof(url) - strlen(url) - 1);
    }
    UNIT_CODE(cpsd_redis_place_parse(&place, url, NULL), STIR_OK, "as many as may be");
    cpsd_redis_place_clear(&place);
    place.seeds = 77;
    (void)strncat(url, ",h", sizeof(url) - strlen(url) - 1);
    UNIT_CODE(cpsd_redis_place_parse(&place, url, NULL), STIR_E_CONFIG, "one more");
    CU_ASSERT_EQUAL(place.seeds, 77);
}

UNIT_MAIN("store_place", {"slots", slots}, {"places", places}, {"too many", too_many})
