#include "cps/api/passports_box.h"

#include "tests/unit/unit.h"

static struct stir_identity identity(const char *text)
{
    struct stir_identity id = {0};
    UNIT_OK(stir_identity_parse_canonical(&id, text, strlen(text), 0, NULL));
    return id;
}

static void test_names(void)
{
    static const struct {
        const char *spc, *dest, *orig, *box;
    } rows[] = {
        {"", "12155551213", "+1 (215) 555-1212", "/passports/12155551213/12155551212"},
        {"1234", "12155551213", "12155551212", "/passports/1234/12155551213/12155551212"},
        {"709J", "12155551213", "sip:Alice@Example.com", "/passports/709J/12155551213/sip%3Aalice%40example.com"},
        {"a/b#", "12155551213", "911", "/passports/a%2Fb%23/12155551213/911"},
        {"", "urn:service:sos", "12155551212", "/passports/urn%3Aservice%3Asos/12155551212"},
        {"", "*67#", "12155551212", "/passports/%2A67%23/12155551212"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_identity dest = identity(rows[i].dest), orig = identity(rows[i].orig), box;
        cpsd_passports_box(&box, rows[i].spc, &dest, &orig);
        UNIT_STR(box.text, rows[i].box, rows[i].dest);
        CU_ASSERT_EQUAL(box.len, strlen(box.text));
    }
}

static void test_own(void)
{
    uint8_t id[CPSD_ID_OCTETS], other[CPSD_ID_OCTETS];
    for (unsigned last = 0; last < 256; last++) {
        memset(id, 0x55, sizeof(id));
        id[CPSD_ID_OCTETS - 1] = (uint8_t)last;
        memcpy(other, id, sizeof(id));
        cpsd_passports_id_set_own(id, true);
        cpsd_passports_id_set_own(other, false);
        CU_ASSERT_TRUE(cpsd_passports_id_is_own(id));
        CU_ASSERT_FALSE(cpsd_passports_id_is_own(other));
        CU_ASSERT_EQUAL(memcmp(id, other, CPSD_ID_OCTETS - 1), 0);
        CU_ASSERT_EQUAL(id[CPSD_ID_OCTETS - 1] ^ other[CPSD_ID_OCTETS - 1], 1);
    }
}

/* A box that somebody could name as a destination could be listed by anybody. */
static void test_no_destination_is_a_box(void)
{
    static const char *const texts[] = {"/passports/12155551213/12155551212", "%2Fpassports%2F12155551213%2F1",
                                        "/passports#xyz", "//passports/1/2", "urn:/passports/1/2"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct stir_identity id = {0};
        enum stir_code code = stir_identity_from_path(&id, texts[i], strlen(texts[i]), 0, NULL);
        UNIT_CHECK(code != STIR_OK || id.text[0] != '/', "%s is taken as %s", texts[i], id.text);
    }
}

/* Names that are too long are hashed: as different as what they stand for. */
static void test_long_names(void)
{
    char text[250] = "sip:";
    struct stir_identity orig = identity("12155551212"), one, other, third;
    memset(text + 4, 'a', 200);
    memcpy(text + 204, "@example.com", 13);
    struct stir_identity dest = identity(text);
    cpsd_passports_box(&one, "1234", &dest, &orig);
    CU_ASSERT_EQUAL(one.len, strlen(one.text)); /* 200 + escapes fit */
    text[150] = '$';
    memset(text + 151, '$', 50); /* three octets each when escaped */
    dest = identity(text);
    cpsd_passports_box(&one, "1234", &dest, &orig);
    UNIT_CHECK(strncmp(one.text, "/passports#", 11) == 0 && one.len == 54, "%s", one.text);
    text[10] = 'b';
    dest = identity(text);
    cpsd_passports_box(&other, "1234", &dest, &orig);
    CU_ASSERT_FALSE(stir_identity_equal(&one, &other));
    cpsd_passports_box(&third, "1235", &dest, &orig);
    CU_ASSERT_FALSE(stir_identity_equal(&third, &other));
}

static void test_spc(void)
{
    static const struct {
        const char *segment, *spc;
    } rows[] = {
        {"1234", "1234"},
        {"709J", "709J"},
        {"%37%30%39j", "709J"},
        {"123456789012345", "123456789012345"},
        {"123456789012345678901234567890123", NULL},
        {"", NULL},
        {"12%", NULL},
        {"12%3", NULL},
        {"12%GG", NULL},
        {"12%00", NULL},
        {"12%20", NULL},
        {"12,34", NULL},
        {"12%2C34", NULL},
        {"12\x80", NULL},
        {"12%7F", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char spc[STIR_SPC_MAX + 1] = "untouched";
        enum stir_code code = cpsd_passports_spc(spc, stir_view_str(rows[i].segment), NULL);
        UNIT_CODE(code, rows[i].spc ? STIR_OK : STIR_E_URI, rows[i].segment);
        UNIT_STR(spc, rows[i].spc ? rows[i].spc : "untouched", rows[i].segment);
    }
}

static void test_life(void)
{
    static const struct {
        const char *label;
        struct cpsd_passports_life life;
        int64_t ttl_ms;
    } rows[] = {
        {"1000096: local policy", {1000, 0, false, 15, 60}, 15000},
        {"1000096: exp is not what counts", {1000, 1300, false, 15, 60}, 15000},
        {"1000105: until exp", {1000, 1040, true, 15, 60}, 40000},
        {"1000105: at most retain_max", {1000, 1061, true, 15, 60}, 60000},
        {"1000105: exactly retain_max", {1000, 1060, true, 15, 60}, 60000},
        {"1000105: far exp", {1000, INT64_MAX / 2, true, 15, 60}, 60000},
        {"1000105: one second", {1000, 1001, true, 15, 60}, 1000},
        {"1000105: over", {1000, 1000, true, 15, 60}, 0},
        {"1000105: long over", {1000, 1, true, 15, 60}, 0},
        {"1000105: no token", {1000, 0, true, 15, 60}, 15000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ttl = cpsd_passports_ttl_ms(&rows[i].life);
        UNIT_CHECK(ttl == rows[i].ttl_ms, "%s: %lld", rows[i].label, (long long)ttl);
    }
}

UNIT_MAIN("passports_box", {"names of boxes", test_names}, {"no destination is a box", test_no_destination_is_a_box},
          {"long names", test_long_names}, {"provider codes in paths", test_spc}, {"F40: the provider's own", test_own},
          {"retention", test_life})
