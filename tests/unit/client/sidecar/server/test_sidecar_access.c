/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/access.h"
#include "client/sidecar/server/endpoint.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* Networks, addresses, binds of a system_id. */

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&storage, &in, sizeof(in));
    } else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
        memcpy(&storage, &in6, sizeof(in6));
    } else {
        storage.ss_family = AF_UNIX;
    }
    return storage;
}

static const struct {
    const char *list, *address;
    bool in;
} networks[] = {
    {"", "127.0.0.1", false},
    {"127.0.0.1", "127.0.0.1", true},
    {"127.0.0.1", "127.0.0.2", false},
    {"127.0.0.1/32", "127.0.0.1", true},
    {"192.0.2.0/24", "192.0.2.0", true},
    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.0/24", "192.0.1.255", false},
    {"10.0.0.0/9", "10.127.255.255", true},
    {"10.0.0.0/9", "10.128.0.0", false},
    {"10.128.0.0/9", "10.128.0.0", true},
    {"192.0.2.4/31", "192.0.2.5", true},
    {"192.0.2.4/31", "192.0.2.6", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::1", false},
    {"::/0", "2001:db8::1", true},
    {"::/0", "127.0.0.1", false},
    {"::/0", "::ffff:127.0.0.1", false},
    {"127.0.0.0/8", "::ffff:127.0.0.1", true},
    {"127.0.0.0/8", "::127.0.0.1", false},
    {"::ffff:192.0.2.0/120", "192.0.2.77", true},
    {"2001:db8::/32", "2001:db8:ffff::1", true},
    {"2001:db8::/32", "2001:db9::", false},
    {"2001:db8::/33", "2001:db8:8000::", false},
    {"2001:db8::1", "2001:db8::1", true},
    {"2001:db8::1", "2001:db8::2", false},
    {"192.0.2.1, 198.51.100.0/24 ::1", "::1", true},
    {"192.0.2.1, 198.51.100.0/24 ::1", "198.51.100.9", true},
    {"192.0.2.1, 198.51.100.0/24 ::1", "198.51.101.9", false},
    {"0.0.0.0/0, ::/0", "a unix socket", false},
};

static void test_networks(void)
{
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        struct sc_allow allow = {0};
        struct sockaddr_storage address = address_of(networks[i].address);
        UNIT_OK(sc_allow_read(&allow, networks[i].list, NULL));
        UNIT_CHECK(sc_allow_has(&allow, (const struct sockaddr *)&address) == networks[i].in, "%s in \"%s\"",
                   networks[i].address, networks[i].list);
        sc_allow_clear(&allow);
    }
}

static void test_no_networks(void)
{
    static const char *const lists[] = {
        "localhost",    "192.0.2",         "192.0.2.0/33",  "192.0.2.0/",        "192.0.2.0/x",
        "192.0.2.0/-1", "192.0.2.0/24/24", "192.0.2.1/24",  "2001:db8::/129",    "2001:db8::1/64",
        "/8",           "192.0.2.0/ 24",   "192.0.2.0/+24", "::1, 192.0.2.0/240"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct sc_allow allow = {.count = 77};
        struct stir_error err = {0};
        UNIT_CODE(sc_allow_read(&allow, lists[i], &err), STIR_E_CONFIG, lists[i]);
        UNIT_CHECK(allow.count == 77 && strncmp(err.text, "[listen] allow: ", 16) == 0, "%s: %s", lists[i], err.text);
    }
}

static void test_text(void)
{
    /* an address, its text, and that of its network */
    static const char *const texts[][3] = {{"127.0.0.1", "127.0.0.1", "127.0.0.1"},
                                           {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"},
                                           {"2001:db8::1", "2001:db8::1", "2001:db8::"},
                                           {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                                           {"unix", "?", "?"}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char text[SC_ADDRESS_MAX + 1];
        struct sockaddr_storage address = address_of(texts[i][0]);
        sc_address_text(text, (const struct sockaddr *)&address);
        UNIT_STR(text, texts[i][1], "text");
        sc_network_text(text, (const struct sockaddr *)&address);
        UNIT_STR(text, texts[i][2], "network");
    }
}

/* ---- endpoints ---- */

static const struct {
    const char *text, *host, *port; /* host NULL: not one */
    bool numeric;
} endpoints[] = {
    {"127.0.0.1:2775", "127.0.0.1", "2775", true},
    {"[2001:db8::1]:2775", "2001:db8::1", "2775", true},
    {"smsc.example.com:2775", "smsc.example.com", "2775", false},
    {"127.0.0.1:0", "127.0.0.1", "0", true},
    {"127.0.0.1:65535", "127.0.0.1", "65535", true},
    {"127.0.0.1:65536", NULL, NULL, false},
    {"127.0.0.1:123456", NULL, NULL, false},
    {"127.0.0.1:", NULL, NULL, false},
    {"127.0.0.1", NULL, NULL, false},
    {":2775", NULL, NULL, false},
    {"[]:2775", NULL, NULL, false},
    {"2001:db8::1:2775", NULL, NULL, false},
    {"127.0.0.1:27x", NULL, NULL, false},
    {"127.0.0.1:-1", NULL, NULL, false},
    {"", NULL, NULL, false},
};

static void test_endpoints(void)
{
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        struct sc_endpoint endpoint = {0};
        struct stir_listen_addresses found;
        enum stir_code code = sc_endpoint_read(&endpoint, "key", endpoints[i].text, NULL);
        UNIT_CODE(code, endpoints[i].host ? STIR_OK : STIR_E_CONFIG, endpoints[i].text);
        UNIT_STR(endpoint.host, endpoints[i].host ? endpoints[i].host : "", endpoints[i].text);
        UNIT_STR(endpoint.port, endpoints[i].port ? endpoints[i].port : "", endpoints[i].text);
        if (endpoints[i].numeric || !endpoints[i].host) {
            code = sc_listen_find(&found, "key", endpoints[i].text, NULL);
            UNIT_CODE(code, endpoints[i].numeric ? STIR_OK : STIR_E_CONFIG, endpoints[i].text);
        }
    }
    char longest[600];
    memset(longest, 'a', sizeof(longest));
    for (size_t n = 254; n <= 257; n++) {
        struct sc_endpoint endpoint;
        (void)snprintf(longest + n, sizeof(longest) - n, ":1");
        UNIT_CODE(sc_endpoint_read(&endpoint, "key", longest, NULL), n < 256 ? STIR_OK : STIR_E_CONFIG, "a long name");
        longest[n] = 'a';
    }
}

/* ---- binds ---- */

static void test_tally(void)
{
    struct sc_tally tally = {0};
    sc_tally_remove(&tally, "nobody");
    UNIT_CHECK(sc_tally_add(&tally, "a", 2) && sc_tally_add(&tally, "a", 2), "two");
    UNIT_CHECK(!sc_tally_add(&tally, "a", 2), "a third");
    UNIT_CHECK(sc_tally_add(&tally, "a", 0) && sc_tally_add(&tally, "b", 1) && sc_tally_add(&tally, "", 1), "others");
    UNIT_CHECK(tally.total == 5 && tally.items == 3, "counted");
    sc_tally_remove(&tally, "nobody");
    sc_tally_remove(&tally, "a");
    UNIT_CHECK(!sc_tally_add(&tally, "a", 2) && tally.total == 4, "there are two");
    sc_tally_remove(&tally, "a");
    UNIT_CHECK(sc_tally_add(&tally, "a", 2), "there is room");
    sc_tally_remove(&tally, "b");
    sc_tally_remove(&tally, "b");
    UNIT_CHECK(tally.items == 2 && tally.total == 3, "gone");
    sc_tally_clear(&tally);
}

static void test_many(void)
{
    struct sc_tally tally = {0};
    char name[16];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            (void)snprintf(name, sizeof(name), "esme%u", i);
            UNIT_CHECK(sc_tally_add(&tally, name, 3), "%s", name);
        }
    }
    UNIT_CHECK(tally.items == 5000 && tally.total == 15000 && !sc_tally_add(&tally, "esme77", 3), "all");
    for (unsigned i = 0; i < 15000; i++) {
        (void)snprintf(name, sizeof(name), "esme%u", i % 5000);
        sc_tally_remove(&tally, name);
    }
    UNIT_CHECK(tally.items == 0 && tally.total == 0, "none");
    sc_tally_clear(&tally);
}

UNIT_MAIN("sc_access", {"networks", test_networks}, {"what is no network", test_no_networks}, {"addresses", test_text},
          {"endpoints", test_endpoints}, {"binds", test_tally}, {"many of them", test_many})
