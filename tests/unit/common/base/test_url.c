/* SPDX-License-Identifier: MIT */
#include "common/base/file.h"
#include "common/base/url.h"
#include "common/cert/x5u.h"
#include "common/net/public_address.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <stdlib.h>

static void test_good(void)
{
    static const struct {
        const char *url, *host, *path;
        unsigned port;
    } rows[] = {
        {"https://a", "a", "", 443},
        {"https://a.example/", "a.example", "/", 443},
        {"HTTPS://a.example/x.pem", "a.example", "/x.pem", 443},
        {"https://a.example:8443/x/y.pem", "a.example", "/x/y.pem", 8443},
        {"https://127.0.0.1:1/", "127.0.0.1", "/", 1},
        {"https://[2001:db8::1]/x", "[2001:db8::1]", "/x", 443},
        {"https://[::1]:65535/x", "[::1]", "/x", 65535},
        {"https://a/%41%7e;p=1,2", "a", "/%41%7e;p=1,2", 443},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_url url;
        struct stir_error err = {0};
        enum stir_code code = stir_url_parse(&url, rows[i].url, strlen(rows[i].url), STIR_E_X5U, &err);
        if (UNIT_CHECK(code == STIR_OK, "%s: %s", rows[i].url, err.text)) {
            UNIT_CHECK(stir_view_is(url.host, rows[i].host), "%s: host", rows[i].url);
            UNIT_CHECK(stir_view_is(url.path, rows[i].path), "%s: path", rows[i].url);
            UNIT_CHECK(url.port == rows[i].port, "%s: port %u", rows[i].url, url.port);
        }
    }
}

static void test_bad(void)
{
    static const char *const rows[] = {
        "",
        "https",
        "https://",
        "https:///x",
        "http://a/x",
        "ftp://a/x",
        "file:///etc/passwd",
        "https:/a/x",
        " https://a/x",
        "https://a b/x",
        "https://a/x y",
        "https://a/\xc3\xa9",
        "https://\xc3\xa9/x",
        "https://u@a/x",
        "https://u:p@a/x",
        "https://a?q",
        "https://a/x?q=1",
        "https://a/x#f",
        "https://a#f",
        "https://a:/x",
        "https://a:0/x",
        "https://a:65536/x",
        "https://a:99999999999/x",
        "https://a:443x/x",
        "https://a:-1/x",
        "https://a:+1/x",
        "https://a:1:2/x",
        "https://[::1/x",
        "https://[::1]x/x",
        "https://[]/x",
        "https://::1/x",
        "https://[::1%25eth0]/x",
        "https://a\\@b/x",
        "https://a/x\\y",
        "https://a_b/x",
        "https://a%41/x",
        "https://a/%4",
        "https://a/%zz",
        "https://a/%",
        "https://a/<x>",
        "https://a/\"x",
        "https://a/x\n",
        "https://a/\x7f",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_url url = {.port = 7};
        struct stir_error err = {0};
        UNIT_CHECK(stir_url_parse(&url, rows[i], strlen(rows[i]), STIR_E_X5U, &err) == STIR_E_X5U, "%s", rows[i]);
        UNIT_CHECK(err.code == STIR_E_X5U && err.text[0] && url.port == 7, "%s", rows[i]);
    }
    struct stir_url url;
    CU_ASSERT_EQUAL(stir_url_parse(&url, "https://a/x\0y", 13, STIR_E_CONFIG, NULL), STIR_E_CONFIG);
    CU_ASSERT_EQUAL(stir_url_parse(&url, "https://a\0b/x", 13, STIR_E_CONFIG, NULL), STIR_E_CONFIG);
}

static void test_length(void)
{
    char text[STIR_URL_MAX + 2];
    struct stir_url url;
    memset(text, 'a', sizeof(text));
    memcpy(text, "https://a/", 10);
    CU_ASSERT_EQUAL(stir_url_parse(&url, text, STIR_URL_MAX, STIR_E_X5U, NULL), STIR_OK);
    CU_ASSERT_EQUAL(stir_url_parse(&url, text, STIR_URL_MAX + 1, STIR_E_X5U, NULL), STIR_E_X5U);
}

static bool is_public(const char *text)
{
    uint8_t octets[16];
    if (inet_pton(AF_INET, text, octets) == 1) {
        return stir_address_is_public(octets, 4);
    }
    CU_ASSERT_EQUAL(inet_pton(AF_INET6, text, octets), 1);
    return stir_address_is_public(octets, 16);
}

/* Each range from just before to just after. */
static void test_addresses(void)
{
    static const char *const open[] = {
        "1.0.0.0",        "9.255.255.255",    "11.0.0.0",    "100.63.255.255",  "100.128.0.0",     "126.255.255.255",
        "128.0.0.0",      "169.253.255.255",  "169.255.0.0", "172.15.255.255",  "172.32.0.0",      "192.0.1.0",
        "192.0.3.0",      "192.167.255.255",  "192.169.0.0", "198.17.255.255",  "198.20.0.0",      "198.51.99.255",
        "198.51.101.0",   "203.0.112.255",    "203.0.114.0", "223.255.255.255", "8.8.8.8",         "2000::1",
        "2001:200::1",    "2001:db7::1",      "2001:db9::1", "2003::1",         "2606:4700::1111", "3ffe::1",
        "::ffff:8.8.8.8", "64:ff9b::808:808",
    };
    static const char *const closed[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ffff::1",
    };
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        UNIT_CHECK(is_public(open[i]), "%s is public", open[i]);
    }
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        UNIT_CHECK(!is_public(closed[i]), "%s is not public", closed[i]);
    }
    CU_ASSERT_FALSE(stir_address_is_public((const uint8_t *)"\x08\x08\x08\x08\x08", 5));
    CU_ASSERT_FALSE(stir_address_is_public(NULL, 0));
}

static void test_x5u_ports(void)
{
    static const uint16_t ports[] = {9443};
    static const struct stir_x5u_rules usual, own = {.ports = ports, .port_count = 1};
    struct stir_error err = {0};
    CU_ASSERT_EQUAL(stir_x5u_check(&usual, "https://a/x", NULL), STIR_OK);
    CU_ASSERT_EQUAL(stir_x5u_check(&usual, "https://a:443/x", NULL), STIR_OK);
    CU_ASSERT_EQUAL(stir_x5u_check(&usual, "https://a:8443/x", NULL), STIR_OK);
    CU_ASSERT_EQUAL(stir_x5u_check(&usual, "https://a:22/x", &err), STIR_E_X5U);
    UNIT_STR(err.text, "x5u: port 22 is not allowed", "port");
    CU_ASSERT_EQUAL(stir_x5u_check(&usual, "https://a:9443/x", NULL), STIR_E_X5U);
    CU_ASSERT_EQUAL(stir_x5u_check(&own, "https://a:9443/x", NULL), STIR_OK);
    CU_ASSERT_EQUAL(stir_x5u_check(&own, "https://a/x", NULL), STIR_E_X5U);
    CU_ASSERT_EQUAL(stir_x5u_check(&usual, "http://a/x", NULL), STIR_E_X5U);
}

static void test_x5u_hosts(void)
{
    static const char *const hosts[] = {"cert.example.org", "*.certs.example"};
    static const struct stir_x5u_rules rules = {.hosts = hosts, .host_count = 2};
    static const struct {
        const char *url;
        bool good;
    } rows[] = {
        {"https://cert.example.org/x", true},
        {"https://CERT.example.ORG:8443/x", true},
        {"https://a.certs.example/x", true},
        {"https://a.b.certs.example/x", true},
        {"https://certs.example/x", false},
        {"https://.certs.example/x", false},
        {"https://evilcerts.example/x", false},
        {"https://cert.example.org.evil.example/x", false},
        {"https://cert.example.org./x", false},
        {"https://x.cert.example.org/x", false},
        {"https://evil.example/cert.example.org", false},
        {"https://127.0.0.1/x", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_error err = {0};
        enum stir_code code = stir_x5u_check(&rules, rows[i].url, &err);
        UNIT_CODE(code, rows[i].good ? STIR_OK : STIR_E_X5U, rows[i].url);
        UNIT_STR(err.text, rows[i].good ? "" : "x5u: certificates are not fetched from this host", rows[i].url);
    }
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    UNIT_OK(stir_write_file(path, text, strlen(text), 0600, NULL));
}

static void drop(const char *dir, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)remove(path);
}

static void finds(const char *dir, const char *url, const char *expected)
{
    struct stir_buf found = {0};
    struct stir_error err = {0};
    enum stir_code code = stir_x5u_read_dir(&found, dir, url, &err);
    if (expected) {
        UNIT_CHECK(code == STIR_OK, "%s: %s", url, err.text);
        UNIT_STR(found.ptr, expected, url);
    } else {
        UNIT_CHECK(code == STIR_E_X5U_FETCH, "%s: %s", url, stir_error_name(code));
    }
    stir_buf_free(&found);
}

static void test_directory(void)
{
    /* sha256 of "https://a.example/b.pem" */
    static const char hashed[] = "7a68f7b44f1b7728f8cff5631b5e6ceff4ceda01d3c3f92c6ef7725803c105d8.pem";
    char dir[] = "/tmp/test-url-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    put(dir, "a.pem", "plain");
    put(dir, ".hidden", "hidden");
    finds(dir, "https://a.example/x/a.pem", "plain");
    finds(dir, "https://other.example/a.pem", "plain");
    finds(dir, "https://a.example/b.pem", NULL);
    finds(dir, "https://a.example/.hidden", NULL);
    finds(dir, "https://a.example/..", NULL);
    finds(dir, "https://a.example/x/", NULL);
    finds(dir, "https://a.example", NULL);
    finds(dir, "https://a.example/a%2epem", NULL);
    put(dir, hashed, "hashed");
    finds(dir, "https://a.example/b.pem", "hashed");
    drop(dir, hashed);
    drop(dir, "a.pem");
    drop(dir, ".hidden");
    CU_ASSERT_EQUAL(remove(dir), 0);
}

UNIT_MAIN("URLs", {"good URLs", test_good}, {"bad URLs", test_bad}, {"length", test_length},
          {"addresses", test_addresses}, {"x5u ports", test_x5u_ports}, {"x5u hosts", test_x5u_hosts},
          {"directory for the network", test_directory})
