/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/tag.h"
#include "tests/unit/relay_rig.h"

/* The tags of a verified message. */

static struct sc_policy policy;
static struct sc_tag tag;
static struct sc_tag_outcome outcome;
static const struct smpp_text_settings gsm = {.data_coding_0 = SMPP_GSM7, .data_coding_1 = SMPP_ASCII};
static const struct smpp_text_settings latin = {.data_coding_0 = SMPP_LATIN1};
static const struct smpp_text_settings packed = {.data_coding_0 = SMPP_GSM7, .packed = true};
static char prefix[64];

static void decide(void *arg, struct sc_held *held)
{
    (void)arg;
    outcome = sc_tag_decide(held, &policy, &tag);
}

static void init(struct rig *rig, enum sc_treatment treatment, const char *verdict, const char *signer)
{
    rig_init(rig, NULL);
    rig_bring(rig, SC_BOUND);
    rig->options.offers[SC_ESME] = true;
    rig->filter.offer = decide;
    prefix[0] = '\0';
    policy = (struct sc_policy){.verify = {.tags = {0x1501, 0x1502}, .reject_status = 0x66, .text_prefix = prefix}};
    tag = (struct sc_tag){.treatment = treatment, .verdict = verdict, .signer = signer, .settings = &gsm};
}

#define HEAD MAKE_ADDRESSES "00 00 00 00 00 00 00 00 00 02 'hi' "
#define PLANTED "1501 0006 'passed' "
#define OTHERS "1403 0002 'xx' "
#define CUT MAKE_ADDRESSES "00 00 00 00 00 00 00 00 00 ff 'hi' " PLANTED

static void check_peer(struct rig *rig, const char *body, const char *label)
{
    struct rig_pdu pdu = rig_pdu(SMPP_SUBMIT_SM, 0, 2, body);
    rig_went(rig, SC_PEER, pdu.octets, pdu.len, label);
}

static void test_treatments(void)
{
    static const struct {
        const char *label;
        enum sc_treatment treatment;
        const char *signer;
        const char *in;
        const char *out; /* NULL: it is answered */
        bool planted;
    } rows[] = {
        {"tag", SC_TREAT_TAG, "spc:1234", HEAD, HEAD "1501 0005 'stale' 1502 0008 'spc:1234'", false},
        {"no signer", SC_TREAT_TAG, "", HEAD, HEAD "1501 0005 'stale'", false},
        {"beside others", SC_TREAT_TAG, "", HEAD OTHERS, HEAD OTHERS "1501 0005 'stale'", false},
        {"planted", SC_TREAT_TAG, "", HEAD PLANTED OTHERS PLANTED "1502 0000", HEAD OTHERS "1501 0005 'stale'", true},
        {"delivered", SC_TREAT_DELIVER, "spc:1234", HEAD OTHERS, HEAD OTHERS, false},
        {"delivered, planted", SC_TREAT_DELIVER, "", HEAD "1502 0001 'x'" OTHERS, HEAD OTHERS, true},
        {"rejected", SC_TREAT_REJECT, "", HEAD, NULL, false},
        {"rejected, planted", SC_TREAT_REJECT, "", HEAD PLANTED, NULL, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        init(&rig, rows[i].treatment, "stale", rows[i].signer);
        rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, rows[i].in);
        UNIT_CHECK(outcome.planted == rows[i].planted, "%s: planted", rows[i].label);
        UNIT_CHECK(outcome.rejected == !rows[i].out, "%s: rejected", rows[i].label);
        if (rows[i].out) {
            check_peer(&rig, rows[i].out, rows[i].label);
        } else {
            RIG_TOLD(&rig, "E:submit_sm_resp#2!66", rows[i].label);
        }
        rig_free(&rig);
    }
}

/* A message that cannot carry its tag is not forwarded without it. */
static void test_untaggable(void)
{
    struct rig rig;
    init(&rig, SC_TREAT_TAG, "stale", "");
    rig.options.max_pdu = SMPP_HEADER_LEN + 34;
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, HEAD);
    RIG_TOLD(&rig, "E:submit_sm_resp#2!1", "no room");
    UNIT_CHECK(outcome.rejected, "rejected");
    rig.options.max_pdu = 65536;
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 3, CUT);
    RIG_TOLD(&rig, "E:submit_sm_resp#3!1", "a mandatory field cannot be read");
    tag.treatment = SC_TREAT_REJECT;
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 5, CUT);
    RIG_TOLD(&rig, "E:submit_sm_resp#5!66", "as policy says");
    rig_free(&rig);
}

/* Where all verdicts are only tagged, the lack of a tag says nothing: no message is refused for it. */
static void test_only_tags(void)
{
    struct rig rig;
    init(&rig, SC_TREAT_TAG, "stale", "");
    policy.verify.only_tags = true;
    rig.options.max_pdu = SMPP_HEADER_LEN + 34;
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, HEAD);
    check_peer(&rig, HEAD, "no room");
    UNIT_CHECK(outcome.untagged && !outcome.rejected, "without a tag");
    rig.options.max_pdu = SMPP_HEADER_LEN + 44;
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, HEAD "1502 0001 'x' 1403 0005 'abcde'");
    check_peer(&rig, HEAD "1403 0005 'abcde'", "no room, planted");
    UNIT_CHECK(outcome.untagged && outcome.planted, "without a tag, and without a planted one");
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, CUT);
    check_peer(&rig, CUT, "a mandatory field cannot be read");
    UNIT_CHECK(outcome.untagged && !outcome.rejected, "as it came");
    rig_free(&rig);
}

/* What follows the last whole TLV stays at the end, unless a verdict may be found in it. */
static void test_tails(void)
{
    static const struct {
        const char *label;
        enum sc_treatment treatment;
        const char *in;
        const char *out;
        bool planted;
    } rows[] = {
        {"a stray NUL", SC_TREAT_TAG, HEAD "00", HEAD "1501 0005 'stale' 00", false},
        {"a stray NUL, delivered", SC_TREAT_DELIVER, HEAD "00", HEAD "00", false},
        {"a TLV one octet short", SC_TREAT_TAG, HEAD OTHERS "0427 0002 02",
         HEAD OTHERS "1501 0005 'stale' 0427 0002 02", false},
        {"half a verdict of its own", SC_TREAT_TAG, HEAD "1501 0009 'pa'", HEAD "1501 0005 'stale'", true},
        {"half a verdict, delivered", SC_TREAT_DELIVER, HEAD OTHERS "1501 0009 'passed'", HEAD OTHERS, true},
        {"a verdict before a stray NUL", SC_TREAT_DELIVER, HEAD PLANTED "00", HEAD "00", true},
        {"a verdict in a damaged TLV", SC_TREAT_DELIVER, HEAD "0204 00ff 0007 1501 0006 'passed'", HEAD, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        init(&rig, rows[i].treatment, "stale", "");
        rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, rows[i].in);
        UNIT_CHECK(outcome.planted == rows[i].planted && !outcome.rejected, "%s: planted", rows[i].label);
        check_peer(&rig, rows[i].out, rows[i].label);
        rig_free(&rig);
    }
}

/* ---- the prefix ---- */

/* A text in make_pdu's notation, with its length put before. */
static size_t make_text(uint8_t out[MAKE_MAX], const char *esm, const char *coding, const char *text)
{
    uint8_t octets[MAKE_MAX];
    char body[3 * MAKE_MAX];
    size_t n = make_pdu(octets, 0, 0, text) - SMPP_HEADER_LEN;
    (void)snprintf(body, sizeof(body), MAKE_ADDRESSES "%s 00 00 00 00 00 00 %s 00 %02zx %s", esm, coding, n, text);
    return make_pdu(out, SMPP_SUBMIT_SM, 0, body);
}

#define TEN "'0123456789'"

static void test_prefix(void)
{
    static const struct {
        const char *label;
        const char *prefix;
        const struct smpp_text_settings *settings;
        const char *esm, *coding;
        const char *text;
        const char *expected; /* NULL: left out */
    } rows[] = {
        {"GSM", "%v: ", &gsm, "00", "00", "'hi'", "'stale: hi'"},
        {"GSM, no verdict in it", "!", &gsm, "00", "00", "'hi'", "'!hi'"},
        {"GSM, twice", "%v%v%", &gsm, "00", "00", "'hi'", "'stalestale%hi'"},
        {"GSM, its own letters", "@\xc3\xa9$[~", &gsm, "00", "00", "'hi'", "00 05 02 1b3c 1b3d 'hi'"},
        {"GSM, euro", "\xe2\x82\xac", &gsm, "00", "00", "'hi'", "1b65 'hi'"},
        {"GSM, no such letter", "\xd0\x9f", &gsm, "00", "00", "'hi'", NULL},
        {"GSM, flash", "%v ", &gsm, "00", "f0", "'hi'", "'stale hi'"},
        {"GSM, an empty text", "%v", &gsm, "00", "00", "", "'stale'"},
        {"after a header", "%v ", &gsm, "40", "00", "0270 00 'hi'", "0270 00 'stale hi'"},
        {"Turkish", "%v ", &gsm, "40", "00", "03 24 01 01 'hi'", NULL},
        {"packed", "%v ", &packed, "00", "00", "e834", NULL},
        {"Latin-1 by setting", "\xc3\xa9", &latin, "00", "00", "'hi'", "e9 'hi'"},
        {"Latin-1", "\xc3\xa9", &gsm, "00", "03", "'hi'", "e9 'hi'"},
        {"Latin-1, of Windows-1252", "\xe2\x82\xac", &gsm, "00", "03", "'hi'", "80 'hi'"},
        {"Latin-1, no such letter", "\xd0\x9f", &gsm, "00", "03", "'hi'", NULL},
        {"ASCII", "%v ", &gsm, "00", "01", "'hi'", "'stale hi'"},
        {"ASCII, no such letter", "\xc3\xa9", &gsm, "00", "01", "'hi'", NULL},
        {"UCS-2", "\xe2\x82\xac", &gsm, "00", "08", "0068", "20ac 0068"},
        {"UCS-2 with a mark", "\xe2\x82\xac", &gsm, "00", "08", "feff 0068", "feff 20ac 0068"},
        {"UCS-2, little-endian", "\xe2\x82\xac!", &gsm, "00", "08", "fffe 6800", "fffe ac20 2100 6800"},
        {"UCS-2, a pair", "\xf0\x9f\x98\x80", &gsm, "00", "08", "0068", "d83d de00 0068"},
        {"binary", "%v ", &gsm, "00", "04", "'hi'", NULL},
        {"Cyrillic", "%v ", &gsm, "00", "06", "'hi'", NULL},
        {"not UTF-8", "\xff", &gsm, "00", "08", "0068", NULL},
        {"a broken header", "%v ", &gsm, "40", "00", "0500", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t octets[MAKE_MAX], expected[MAKE_MAX];
        struct made made = made_of(octets, make_text(octets, rows[i].esm, rows[i].coding, rows[i].text));
        struct stir_buf out = {0};
        stir_buf_puts(&out, "kept");
        bool done = sc_tag_prefix(&out, &made.pdu, rows[i].settings, rows[i].prefix, "stale");
        UNIT_CHECK(done == (rows[i].expected != NULL), "%s: %s", rows[i].label, done ? "put" : "left out");
        size_t n = rows[i].expected ? make_pdu(expected, 0, 0, rows[i].expected) - SMPP_HEADER_LEN : 0;
        UNIT_CHECK(out.len == 4 + n && memcmp(out.ptr, "kept", 4) == 0 &&
                       memcmp(out.ptr + 4, expected + SMPP_HEADER_LEN, n) == 0,
                   "%s: another text", rows[i].label);
        stir_buf_free(&out);
        made_free(&made);
    }
}

/* One short message stays one: 160 septets, 140 octets, and what a header leaves of that. */
static void test_room(void)
{
    static const struct {
        const char *esm, *coding, *header;
        unsigned room;
    } rows[] = {{"00", "00", "", 160},
                {"00", "03", "", 140},
                {"00", "08", "", 140},
                {"40", "00", "04 70 02 0000", 154}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned over = 0; over < 2; over++) {
            char text[1024];
            uint8_t octets[MAKE_MAX];
            bool wide = strcmp(rows[i].coding, "08") == 0;
            size_t n = (size_t)snprintf(text, sizeof(text), "%s ", rows[i].header);
            for (unsigned at = wide ? 2 : 1; at < rows[i].room + over; at += wide ? 2 : 1) {
                n += (size_t)snprintf(text + n, sizeof(text) - n, wide ? "0061 " : "61 ");
            }
            if (wide && over) {
                (void)snprintf(text + n, sizeof(text) - n, "0061");
            }
            struct made made = made_of(octets, make_text(octets, rows[i].esm, rows[i].coding, text));
            struct stir_buf out = {0};
            bool done = sc_tag_prefix(&out, &made.pdu, &gsm, "!", "stale");
            UNIT_CHECK(done == !over, "row %zu: %u over", i, over);
            stir_buf_free(&out);
            made_free(&made);
        }
    }
}

static void test_prefix_and_tag(void)
{
    struct rig rig;
    init(&rig, SC_TREAT_TAG, "stale", "");
    (void)snprintf(prefix, sizeof(prefix), "[%%v] ");
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, HEAD);
    check_peer(&rig, HEAD "1501 0005 'stale'", "a segment has none");
    UNIT_CHECK(outcome.prefix_left_out, "left out");
    tag.with_prefix = true;
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, HEAD PLANTED);
    check_peer(&rig, MAKE_ADDRESSES "00 00 00 00 00 00 00 00 00 0c 1b3c 'stale' 1b3e ' hi' 1501 0005 'stale'", "both");
    UNIT_CHECK(!outcome.prefix_left_out, "put");
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, MAKE_ADDRESSES "00 00 00 00 00 00 00 00 00 00 0424 0002 'hi'");
    check_peer(&rig, MAKE_ADDRESSES "00 00 00 00 00 00 00 00 00 00 0424 000c 1b3c 'stale' 1b3e ' hi' 1501 0005 'stale'",
               "in the payload");
    tag.treatment = SC_TREAT_DELIVER;
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2, HEAD);
    check_peer(&rig, HEAD, "not what is delivered");
    rig_free(&rig);
}

UNIT_MAIN("sc_filter_tag", {"treatments", test_treatments}, {"without room or sense", test_untaggable},
          {"F4: a configuration that only tags refuses nothing", test_only_tags},
          {"F4: a damaged or surplus end", test_tails}, {"the prefix", test_prefix}, {"room for it", test_room},
          {"prefix and tag", test_prefix_and_tag})
