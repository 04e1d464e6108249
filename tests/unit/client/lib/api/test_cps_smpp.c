/* SPDX-License-Identifier: MIT */
#include "client/cps_smpp.h"
#include "client/lib/context/handle.h"
#include "common/number/identity.h"
#include "tests/unit/cps_smpp_peer.h"
#include "tests/unit/kannel.h"

/* ---- What Kannel sent -------------------------------------------------------------------------------------------- */

struct session {
    struct cps_smpp *esme; /* what comes from each end */
    struct cps_smpp *smsc;
    const struct kannel_pdu *last;
    struct kannel_pdu all[168];
    size_t count;
    unsigned kinds[CPS_SMPP_MALFORMED + 1];
    unsigned texts;
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* What the three texts that Kannel damages are on the wire is not what was asked for. */
static bool damaged(const char *name)
{
    return starts_with(name, "mt10") || starts_with(name, "mt11") || starts_with(name, "mt27");
}

static enum cps_smpp_reason expected_reason(const char *name)
{
    if (starts_with(name, "mt13") || starts_with(name, "mo19")) {
        return CPS_SMPP_ALPHANUMERIC;
    }
    return starts_with(name, "mt24") ? CPS_SMPP_BAD_DEST : CPS_SMPP_FIT;
}

static void check_addresses(const struct cps_smpp_result *result, const struct kannel_pdu *pdu, const char *name)
{
    if (result->reason == CPS_SMPP_FIT) {
        UNIT_STR(result->message.orig, json_string_value(json_object_get(pdu->fields, "source_addr")), name);
        CU_ASSERT_EQUAL_FATAL(result->message.dest_count, 1);
        UNIT_STR(result->message.dest[0], json_string_value(json_object_get(pdu->fields, "destination_addr")), name);
    }
}

static void check_message(struct session *session, const struct cps_smpp_result *result, const struct kannel_pdu *pdu,
                          const char *name)
{
    const char *asked = json_string_value(json_object_get(pdu->line, "asked_text"));
    peer_result_is(result, CPS_SMPP_MESSAGE, expected_reason(name), name);
    check_addresses(result, pdu, name);
    for (size_t i = 0; i < result->segment_count; i++) {
        UNIT_CHECK(result->segments[i].number == i + 1 && result->segments[i].token, "%s: segment %zu", name, i);
    }
    if (asked && !damaged(name)) {
        peer_body_is(result, asked, strlen(asked), name);
        CU_ASSERT_EQUAL(result->content, CPS_SMPP_TEXT);
        session->texts++;
    } else if (starts_with(name, "mt19")) {
        CU_ASSERT(result->content == CPS_SMPP_OCTETS && result->message.body_len == 300 && result->total == 3);
    } else if (starts_with(name, "mo20")) {
        CU_ASSERT(result->content == CPS_SMPP_BROKEN_TEXT && result->message.body_len == 5);
    }
}

static void check_other(const struct cps_smpp_result *result, const char *name)
{
    if (starts_with(name, "mo18")) {
        peer_result_is(result, CPS_SMPP_MALFORMED, CPS_SMPP_UNREADABLE, name);
        CU_ASSERT_EQUAL(result->command_status, SMPP_RINVESMCLASS);
    } else if (result->kind == CPS_SMPP_RECEIPT) {
        UNIT_CHECK(starts_with(name, "dlr_"), "%s: a receipt", name);
    } else {
        peer_result_is(result, CPS_SMPP_WAITS, CPS_SMPP_UNFINISHED, name);
    }
}

static void take_one(const struct kannel_pdu *pdu, struct session *session)
{
    const char *from = json_string_value(json_object_get(pdu->line, "direction"));
    const char *name = json_string_value(json_object_get(pdu->line, "case"));
    const char *command = json_string_value(json_object_get(pdu->line, "command"));
    name = name ? name : command;
    struct cps_smpp *peer = from && strcmp(from, "esme->smsc") == 0 ? session->esme : session->smsc;
    struct cps_smpp_result result = peer_take(peer, pdu->octets, pdu->len, (void *)(uintptr_t)pdu, 0);
    peer_coherent(&result, name);
    CU_ASSERT_EQUAL(result.sequence_number, json_integer_value(json_object_get(pdu->fields, "sequence_number")));
    CU_ASSERT_EQUAL(result.command_id, json_integer_value(json_object_get(pdu->fields, "command_id")));
    session->kinds[result.kind]++;
    if (result.kind == CPS_SMPP_MESSAGE) {
        check_message(session, &result, pdu, name);
    } else if (result.kind != CPS_SMPP_OTHER) {
        check_other(&result, name);
    } else {
        UNIT_CHECK(!starts_with(command, "submit_sm") || strstr(command, "_resp"), "%s is a message", name);
    }
    cps_smpp_result_clear(&result);
}

static void run_session(const struct kannel_pdu *pdu, void *arg)
{
    take_one(pdu, arg);
}

static void keep(const struct kannel_pdu *pdu, void *arg)
{
    struct session *session = arg;
    if (UNIT_CHECK(session->count < 168, "more PDUs than there were")) {
        session->all[session->count] = *pdu;
        session->all[session->count].line = json_incref(pdu->line);
        session->count++;
    }
}

static void check_session(const struct session *session)
{
    CU_ASSERT_EQUAL(session->kinds[CPS_SMPP_RECEIPT], 3);
    CU_ASSERT_EQUAL(session->kinds[CPS_SMPP_LOOSE], 0);
    CU_ASSERT_EQUAL(session->kinds[CPS_SMPP_MALFORMED], 1);
    CU_ASSERT_EQUAL(session->kinds[CPS_SMPP_DUPLICATE], 0);
    CU_ASSERT_EQUAL(session->kinds[CPS_SMPP_MESSAGE] + session->kinds[CPS_SMPP_WAITS], 74 - 4);
    UNIT_CHECK(session->texts == 39, "%u texts came out", session->texts); /* 37, of which two came twice */
}

/* In the order they came, and from the last to the first. */
static void test_kannel(void)
{
    static struct session forward, backward;
    struct cps *cps = peer_cps((struct cps_options){0});
    forward = (struct session){.esme = peer_new(cps, (struct cps_smpp_options){0}),
                               .smsc = peer_new(cps, (struct cps_smpp_options){0})};
    backward = forward;
    backward.esme = peer_new(cps, (struct cps_smpp_options){0});
    backward.smsc = peer_new(cps, (struct cps_smpp_options){0});
    cps_free(cps); /* the peers do without */
    kannel_each(run_session, &forward);
    check_session(&forward);
    kannel_each(keep, &backward);
    for (size_t i = backward.count; i-- > 0;) {
        take_one(&backward.all[i], &backward);
        json_decref(backward.all[i].line);
    }
    check_session(&backward);
    CU_ASSERT_EQUAL(cps_smpp_next_ms(forward.esme, 0), UINT64_MAX);
    CU_ASSERT_NOT_EQUAL(cps_smpp_next_ms(backward.smsc, 0), UINT64_MAX); /* mo17 is the first of two segments */
    cps_smpp_free(forward.esme);
    cps_smpp_free(forward.smsc);
    cps_smpp_free(backward.esme);
    cps_smpp_free(backward.smsc);
}

/* ---- Peers' alphabets -------------------------------------------------------------------------------------------- */

static void test_alphabets(void)
{
    static const struct {
        struct cps_smpp_options options;
        const char *octets; /* sm_length and short_message */
        const char *text;
        enum cps_smpp_content content;
    } rows[] = {
        {{0}, "02 0041", "@A", CPS_SMPP_TEXT},
        {{.alphabet = CPS_SMPP_GSM7}, "02 1b65", "\u20ac", CPS_SMPP_TEXT},
        {{.alphabet = CPS_SMPP_LATIN1}, "02 41e9", "A\u00e9", CPS_SMPP_TEXT},
        {{.alphabet = CPS_SMPP_ASCII}, "02 4041", "@A", CPS_SMPP_TEXT},
        {{.alphabet = CPS_SMPP_ASCII}, "02 41e9", "A\xe9", CPS_SMPP_BROKEN_TEXT},
        {{.alphabet = CPS_SMPP_UTF8}, "03 41c3a9", "A\u00e9", CPS_SMPP_TEXT},
        {{.alphabet_1 = CPS_SMPP_GSM7}, "02 1b65", "\u20ac", CPS_SMPP_TEXT}, /* of data_coding 0 */
        {{.packed = true}, "05 e8329bfd06", "hello", CPS_SMPP_TEXT},
        {{.packed = true}, "05 e8329bfd06", "hello", CPS_SMPP_TEXT}, /* the peer's memory for septets is used again */
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256];
        struct cps_smpp *peer = peer_new(cps, rows[i].options);
        (void)snprintf(body, sizeof(body), "00 0101 '12345' 00 0101 '4912345678' 00 " MAKE_FLAGS "%s", rows[i].octets);
        for (int twice = 0; twice < 2; twice++) {
            struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_SM, body);
            peer_result_is(&result, CPS_SMPP_MESSAGE, CPS_SMPP_FIT, rows[i].text);
            peer_body_is(&result, rows[i].text, strlen(rows[i].text), rows[i].text);
            CU_ASSERT_EQUAL(result.content, rows[i].content);
            cps_smpp_result_clear(&result);
        }
        cps_smpp_free(peer);
    }
    cps_free(cps);
}

/* F19: what npm smpp sends under data_coding 1, read as it is meant, is what the SMSC delivers under data_coding 0. */
static void test_alphabet_1(void)
{
    static const struct {
        const char *octets;
        const char *text;
    } rows[] = {
        {"10 'user' 00 'example.com'", "user@example.com"},
        {"0f 5a7e72696368 3a20 47727c1e65 2035", "Zürich: Größe 5"},
        {"0e 1b3c 'link' 1b3e 20 1b28 'x' 1b29", "[link] {x}"},
        {"1d 50726978 3a2035201b6520 7f20 6c6120 636169737365 1132 2000 203702", "Prix: 5 € à la caisse_2 @ 7$"},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int data_coding = 0; data_coding < 2; data_coding++) {
            char body[256];
            struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){.alphabet_1 = CPS_SMPP_GSM7});
            (void)snprintf(body, sizeof(body),
                           "00 0101 '12345' 00 0101 '4912345678' 00 00 00 00 00 00 00 00 %02x 00 %s", data_coding,
                           rows[i].octets);
            struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_SM, body);
            peer_result_is(&result, CPS_SMPP_MESSAGE, CPS_SMPP_FIT, rows[i].text);
            peer_body_is(&result, rows[i].text, strlen(rows[i].text), rows[i].text);
            CU_ASSERT_EQUAL(result.content, CPS_SMPP_TEXT);
            cps_smpp_result_clear(&result);
            cps_smpp_free(peer);
        }
    }
    cps_free(cps);
}

/* The other readings of a text come along, for cps_receive. */
static void test_readings(void)
{
    static const struct {
        const char *octets; /* data_coding, the rest of the fields, sm_length and short_message */
        const char *body;
        const char *names; /* each with a space */
    } rows[] = {
        {"00 00 05 'hello'", "hello", ""},
        {"03 00 06 'hello' 00", "hello", "no-nul "},
        {"08 00 04 feff 00e9", "\u00e9", "mark nfd "},
        {"00 00 01 09", "\u00c7", "cedilla nfd "},
        {"04 00 02 0900", "\t", ""},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256];
        char names[64] = "";
        (void)snprintf(body, sizeof(body), "00 0101 '12345' 00 0101 '4912345678' 00 00 00 00 00 00 00 00 %s",
                       rows[i].octets);
        struct cps_smpp_result result = peer_take_made(peer, SMPP_SUBMIT_SM, body);
        peer_result_is(&result, CPS_SMPP_MESSAGE, CPS_SMPP_FIT, rows[i].octets);
        CU_ASSERT_EQUAL(strncmp(result.message.body, rows[i].body, strlen(rows[i].body)), 0);
        for (size_t k = 0; k < result.message.reading_count; k++) {
            const struct cps_reading *reading = &result.message.readings[k];
            size_t n = strlen(names);
            (void)snprintf(names + n, sizeof(names) - n, "%s ", reading->name);
            CU_ASSERT(reading->body != NULL);
        }
        UNIT_STR(names, rows[i].names, rows[i].octets);
        cps_smpp_result_clear(&result);
        CU_ASSERT(result.message.readings == NULL && result.message.reading_count == 0);
    }
    cps_smpp_free(peer);
    cps_free(cps);
}

/* ---- Who sends, who receives ------------------------------------------------------------------------------------- */

/* The numbering reads each of them, as it is written, as what it was meant to be. */
static void check_reads_back(const struct cps *cps, const char *written, const char *meant, const char *label)
{
    struct stir_identity id = {.text = ""};
    UNIT_CODE(stir_identity_parse_user(&id, written, strlen(written), &cps->numbering, NULL), STIR_OK, label);
    UNIT_STR(id.text, meant, label);
}

static void test_origs(void)
{
    static const struct {
        const char *label;
        const char *source; /* TON, NPI, address */
        const char *orig;   /* in canonical form; NULL: none */
        enum cps_smpp_reason reason;
        struct cps_smpp_options options;
    } rows[] = {
        {"global", "0101 '4915112345678' 00", "4915112345678", CPS_SMPP_FIT, {0}},
        {"global, with a '+'", "0101 '+4915112345678' 00", "4915112345678", CPS_SMPP_FIT, {0}},
        {"global, as long as a national one", "0101 '4512345678' 00", "4512345678", CPS_SMPP_FIT, {0}},
        {"unknown, as long as a national one", "0001 '2155551212' 00", "12155551212", CPS_SMPP_FIT, {0}},
        {"national", "0201 '2155551212' 00", "12155551212", CPS_SMPP_FIT, {0}},
        {"national, of another length", "0201 '555121200' 00", "555121200", CPS_SMPP_FIT, {0}},
        {"short code", "0301 '12345' 00", "12345", CPS_SMPP_FIT, {0}},
        {"services", "0001 '*21#' 00", "*21#", CPS_SMPP_FIT, {0}},
        {"alphanumeric", "0500 'Bank' 00", NULL, CPS_SMPP_ALPHANUMERIC, {0}},
        {"digits, alphanumeric", "0500 '12155551212' 00", NULL, CPS_SMPP_ALPHANUMERIC, {0}},
        {"with a domain",
         "0500 'My Bank' 00",
         "sip:my%20bank@sms.example.org",
         CPS_SMPP_FIT,
         {.alphanumeric_domain = "sms.example.org"}},
        {"of unknown type, with a domain",
         "0000 'Bank' 00",
         "sip:bank@sms.example.org",
         CPS_SMPP_FIT,
         {.alphanumeric_domain = "sms.example.org"}},
        {"an empty domain", "0500 'Bank' 00", NULL, CPS_SMPP_ALPHANUMERIC, {.alphanumeric_domain = ""}},
        {"that reads as a number",
         "0500 '+12155551212' 00",
         NULL,
         CPS_SMPP_BAD_ORIG,
         {.alphanumeric_domain = "sms.example.org"}},
        {"empty", "0101 00", NULL, CPS_SMPP_BAD_ORIG, {0}},
        {"one digit", "0101 '1' 00", NULL, CPS_SMPP_BAD_ORIG, {0}},
        {"letters", "0101 'Bank' 00", NULL, CPS_SMPP_ALPHANUMERIC, {0}},
        {"an IMSI", "0106 '262011234567890' 00", NULL, CPS_SMPP_BAD_ORIG, {0}},
        {"16 digits", "0101 '1234567890123456' 00", NULL, CPS_SMPP_BAD_ORIG, {0}},
    };
    struct cps *cps = peer_cps((struct cps_options){.country_code = "1", .national_digits = 10});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256];
        struct cps_smpp *peer = peer_new(cps, rows[i].options);
        (void)snprintf(body, sizeof(body), "00 %s 0201 '555121300' 00 " MAKE_FLAGS "02 'hi'", rows[i].source);
        struct cps_smpp_result result = peer_take_made(peer, SMPP_DELIVER_SM, body);
        peer_coherent(&result, rows[i].label);
        peer_result_is(&result, CPS_SMPP_MESSAGE, rows[i].reason, rows[i].label);
        peer_body_is(&result, "hi", 2, rows[i].label);
        UNIT_CHECK((rows[i].orig != NULL) == (result.message.orig != NULL), "%s: orig", rows[i].label);
        if (result.message.orig && rows[i].orig) {
            check_reads_back(cps, result.message.orig, rows[i].orig, rows[i].label);
        }
        if (UNIT_CHECK(result.message.dest_count == 1, "%s: dest", rows[i].label)) {
            check_reads_back(cps, result.message.dest[0], "555121300", rows[i].label);
        }
        cps_smpp_result_clear(&result);
        cps_smpp_free(peer);
    }
    cps_free(cps);
}

#define MULTI(dests) "00 0101 '12345' 00 " dests MAKE_FLAGS "02 'hi'"
#define ONE "01 0101 '4912345678' 00 "
#define FOUR ONE ONE ONE ONE
#define SIXTEEN FOUR FOUR FOUR FOUR

static void test_dests(void)
{
    static const struct {
        const char *label;
        uint32_t command;
        const char *body;
        size_t count;
        enum cps_smpp_reason reason;
    } rows[] = {
        {"two", SMPP_SUBMIT_MULTI, MULTI("02" ONE "01 0101 '4912345679' 00"), 2, CPS_SMPP_FIT},
        {"64", SMPP_SUBMIT_MULTI, MULTI("40" SIXTEEN SIXTEEN SIXTEEN SIXTEEN), 64, CPS_SMPP_FIT},
        {"65", SMPP_SUBMIT_MULTI, MULTI("41" SIXTEEN SIXTEEN SIXTEEN SIXTEEN ONE), 65, CPS_SMPP_FIT},
        {"a list", SMPP_SUBMIT_MULTI, MULTI("02" ONE "02 'friends' 00"), 0, CPS_SMPP_DISTRIBUTION_LIST},
        {"a bad one", SMPP_SUBMIT_MULTI, MULTI("02" ONE "01 0101 '4' 00"), 0, CPS_SMPP_BAD_DEST},
        {"none", SMPP_SUBMIT_SM, "00 0101 '12345' 00 0101 00 " MAKE_FLAGS "02 'hi'", 0, CPS_SMPP_BAD_DEST},
        {"letters, though there is a domain", SMPP_SUBMIT_SM, "00 0101 '12345' 00 0500 'Bank' 00 " MAKE_FLAGS "02 'hi'",
         0, CPS_SMPP_BAD_DEST},
        {"orig counts first", SMPP_SUBMIT_SM, "00 0101 '1' 00 0101 00 " MAKE_FLAGS "02 'hi'", 0, CPS_SMPP_BAD_ORIG},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){.alphanumeric_domain = "example.org"});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_smpp_result result = peer_take_made(peer, rows[i].command, rows[i].body);
        peer_coherent(&result, rows[i].label);
        peer_result_is(&result, CPS_SMPP_MESSAGE, rows[i].reason, rows[i].label);
        UNIT_CHECK(result.message.dest_count == rows[i].count, "%s: %zu", rows[i].label, result.message.dest_count);
        if (rows[i].count > 1) {
            UNIT_STR(result.message.dest[0], "4912345678", rows[i].label);
            UNIT_STR(result.message.dest[rows[i].count - 1], rows[i].count == 2 ? "4912345679" : "4912345678", "last");
        }
        UNIT_CHECK(!strstr(result.text, "Bank") && !strstr(result.text, "friends"), "shown: %s", result.text);
        cps_smpp_result_clear(&result);
    }
    cps_smpp_free(peer);
    cps_free(cps);
}

/* ---- Options, names ---------------------------------------------------------------------------------------------- */

static void test_options(void)
{
    static const struct {
        struct cps_smpp_options options;
        enum cps_code code;
        const char *named;
    } rows[] = {
        {{.max_pdu_octets = 15}, CPS_E_CONFIG, "max_pdu_octets"},
        {{.max_pdu_octets = 16}, CPS_OK, NULL},
        {{.max_pdu_octets = 16777217}, CPS_E_CONFIG, "max_pdu_octets"},
        {{.join_messages = 10000001}, CPS_E_CONFIG, "join_messages"},
        {{.join_segments = 100000001}, CPS_E_CONFIG, "join_segments"},
        {{.join_octets = 1023}, CPS_E_CONFIG, "join_octets"},
        {{.join_octets = UINT32_MAX}, CPS_OK, NULL},
        {{.join_timeout_ms = 86400001}, CPS_E_CONFIG, "join_timeout_ms"},
        {{.alphabet = (enum cps_smpp_alphabet)5}, CPS_E_CONFIG, "alphabet: unknown alphabet 5"},
        {{.alphabet_1 = (enum cps_smpp_alphabet)5}, CPS_E_CONFIG, "alphabet_1: unknown alphabet 5"},
        {{.alphanumeric_domain = "no domain"}, CPS_E_CONFIG, "alphanumeric_domain"},
        {{.alphanumeric_domain = "example.org"}, CPS_OK, NULL},
    };
    struct cps *cps = peer_cps((struct cps_options){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_smpp_options options = rows[i].options;
        struct cps_smpp *peer = NULL;
        struct cps_error err = {0};
        options.size = sizeof(options);
        options.from = CPS_SMPP_FROM_ESME;
        enum cps_code code = cps_smpp_new(&peer, cps, &options, &err);
        UNIT_CHECK(code == rows[i].code && (peer != NULL) == (code == CPS_OK) && code == err.code, "row %zu: %s", i,
                   cps_error_name(code));
        UNIT_CHECK(!rows[i].named || strstr(err.text, rows[i].named) == err.text, "row %zu: %s", i, err.text);
        cps_smpp_free(peer);
    }
    cps_free(cps);
}

static void test_arguments(void)
{
    struct cps *cps = peer_cps((struct cps_options){0});
    struct cps_smpp *peer = peer_new(cps, (struct cps_smpp_options){0});
    struct cps_smpp *other = NULL;
    struct cps_smpp_options options = {.size = sizeof(options)};
    struct cps_smpp_options bad = {.size = sizeof(options) - 1};
    struct cps_smpp_result result = {.total = 77};
    CU_ASSERT_EQUAL(cps_smpp_new(NULL, cps, &options, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_smpp_new(&other, NULL, &options, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_smpp_new(&other, cps, NULL, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_smpp_new(&other, cps, &bad, NULL), CPS_E_INVAL);
    CU_ASSERT_PTR_NULL(other);
    CU_ASSERT_EQUAL(cps_smpp_take(NULL, "", 0, 0, NULL, &result, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_smpp_take(peer, NULL, 0, 0, NULL, &result, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_smpp_take(peer, "", 0, 0, NULL, NULL, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_smpp_expire(NULL, 0, &result, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_smpp_expire(peer, 0, NULL, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_smpp_expire(peer, UINT64_MAX, &result, NULL), CPS_E_NOT_FOUND);
    CU_ASSERT_EQUAL(result.total, 77);
    CU_ASSERT_EQUAL(cps_smpp_next_ms(NULL, 0), UINT64_MAX);
    result = (struct cps_smpp_result){0};
    cps_smpp_result_clear(&result);
    cps_smpp_result_clear(NULL);
    cps_smpp_free(NULL);
    cps_smpp_free(peer);
    cps_free(cps);
}

static void test_names(void)
{
    for (int reason = 0; reason <= CPS_SMPP_CONTESTED; reason++) {
        const char *name = cps_smpp_reason_name((enum cps_smpp_reason)reason);
        UNIT_CHECK(starts_with(name, "CPS_SMPP_") && cps_smpp_reason_text((enum cps_smpp_reason)reason)[0], "%d",
                   reason);
    }
    for (int kind = 0; kind <= CPS_SMPP_MALFORMED; kind++) {
        UNIT_CHECK(starts_with(cps_smpp_kind_name((enum cps_smpp_kind)kind), "CPS_SMPP_"), "%d", kind);
    }
    UNIT_STR(cps_smpp_reason_name(CPS_SMPP_MANY_DESTS), "CPS_SMPP_MANY_DESTS", "name");
    UNIT_STR(cps_smpp_kind_name(CPS_SMPP_INCOMPLETE), "CPS_SMPP_INCOMPLETE", "name");
    UNIT_STR(cps_smpp_reason_name((enum cps_smpp_reason)15), "unknown", "beyond");
    UNIT_STR(cps_smpp_reason_name((enum cps_smpp_reason) - 1), "unknown", "before");
    UNIT_STR(cps_smpp_reason_text((enum cps_smpp_reason)15), "unknown reason", "beyond");
    UNIT_STR(cps_smpp_kind_name(CPS_SMPP_REPLACE), "CPS_SMPP_REPLACE", "name");
    UNIT_STR(cps_smpp_kind_name((enum cps_smpp_kind)9), "unknown", "beyond");
    UNIT_STR(cps_smpp_status_name(0x58), "ESME_RTHROTTLED", "status");
    UNIT_STR(cps_smpp_status_name(0x12345678), "unknown", "a vendor's");
}

UNIT_MAIN("cps_smpp", {"Kannel's session", test_kannel}, {"alphabets", test_alphabets},
          {"F19: npm smpp under data_coding 1", test_alphabet_1}, {"readings", test_readings}, {"origs", test_origs},
          {"dests", test_dests}, {"options", test_options}, {"arguments", test_arguments}, {"names", test_names})
