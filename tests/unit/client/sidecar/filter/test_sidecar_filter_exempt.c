/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter.h"
#include "common/base/file.h"
#include "tests/unit/filter_rig.h"

/* What passes a filter without being held: receipts of the SMSC, and other PDUs. Only the direction decides. */

static struct filter_rig rig;

static void begin(void)
{
    filter_prepare(&rig);
}

static void end(void)
{
    filter_end(&rig);
}

#define VERIFY_BOTH "submit.action=verify", "deliver.action=verify", "verify.wait_ms=0"
#define FROM_TO "00 0101 '12025550100' 00 0101 '12155551313' 00 "
#define SM_HEAD FROM_TO "%02x 00 00 00 00 00 00 00 00 "
#define PLANTED "1501 0006 'passed' 1502 0008 'spc:9999'"

static void went(enum sc_leg leg, uint32_t command, uint32_t sequence, const char *body, const char *label)
{
    struct rig_pdu pdu = rig_pdu(command, 0, sequence, body);
    rig_went(&rig.rig, leg, pdu.octets, pdu.len, label);
    rig_clear(&rig.rig);
}

/* The text of a message to the given class, with what comes after it. */
static const char *sm(unsigned esm_class, const char *after)
{
    static char body[512];
    (void)snprintf(body, sizeof(body), SM_HEAD "02 'id' %s", esm_class, after);
    return body;
}

static void test_esme_sends_no_receipts(void)
{
    static const uint8_t classes[] = {0x04, 0x07, 0x20, 0x24, 0x44};
    FILTER_OPEN(&rig, VERIFY_BOTH, "verify.deliver=passed",
                "verify.reject=no-passport, malformed, cps-unavailable, timeout");
    for (size_t i = 0; i < sizeof(classes); i++) {
        char body[512];
        rig_send(&rig.rig, SC_ESME, SMPP_DELIVER_SM, 0, 2, sm(classes[i] & 0xbf, PLANTED));
        filter_settle(&rig);
        RIG_TOLD(&rig.rig, "E:deliver_sm_resp#2!66", "deliver_sm");
        (void)snprintf(body, sizeof(body), FROM_TO "%02x 00 00 0424 0002 'hi' " PLANTED, classes[i] & 0xbf);
        rig_send(&rig.rig, SC_ESME, SMPP_DATA_SM, 0, 3, body);
        filter_settle(&rig);
        RIG_TOLD(&rig.rig, "E:data_sm_resp#3!66", "data_sm");
    }
    rig_send(&rig.rig, SC_ESME, SMPP_DELIVER_SM, 0, 4, sm(0, "001e 0002 '7' 00 0427 0001 02"));
    filter_settle(&rig);
    RIG_TOLD(&rig.rig, "E:deliver_sm_resp#4!66", "the TLVs of a receipt do not make one either");
    FILTER_METRIC(&rig, "exempt_total{kind=\"receipt\"}", 0);
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"no-passport\",action=\"reject\"}", 11);
    FILTER_METRIC(&rig, "planted_tags_total", 10);
    filter_close(&rig);
}

static void test_smsc_receipts(void)
{
    static const struct {
        const char *label;
        unsigned esm_class;
        const char *in, *out;
    } rows[] = {
        {"esm_class 04", 0x04, "", ""},
        {"esm_class 20", 0x20, "1403 0001 31", "1403 0001 31"},
        {"planted", 0x04, "001e 0002 '7' 00 " PLANTED, "001e 0002 '7' 00"},
        {"by TLVs", 0x00, "001e 0009 '7220bb6b' 00 0427 0001 02", "001e 0009 '7220bb6b' 00 0427 0001 02"},
        {"by TLVs, esm_class 24", 0x24, "001e 0009 '7220bb6b' 00 0427 0001 02", "001e 0009 '7220bb6b' 00 0427 0001 02"},
        {"by TLVs, planted", 0x00, "001e 0002 '7' 00 " PLANTED " 0427 0001 02", "001e 0002 '7' 00 0427 0001 02"},
        {"a stray NUL", 0x04, "00", "00"},
        {"its last TLV one octet short", 0x04, "0427 0002 02", "0427 0002 02"},
        {"a stray NUL and planted", 0x04, PLANTED " 00", "00"},
    };
    FILTER_OPEN(&rig, VERIFY_BOTH);
    filter_say(&rig, SC_PEER, 90, "12025550100", "12155551313", "'held'", 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig_send(&rig.rig, SC_PEER, SMPP_DELIVER_SM, 0, 2, sm(rows[i].esm_class, rows[i].in));
        went(SC_ESME, SMPP_DELIVER_SM, 2, sm(rows[i].esm_class, rows[i].out), rows[i].label);
    }
    rig_send(&rig.rig, SC_PEER, SMPP_DELIVER_SM, 0, 2, FROM_TO "04 00 00 00 00 00 00 00 00 09 'id'");
    went(SC_ESME, SMPP_DELIVER_SM, 2, FROM_TO "04 00 00 00 00 00 00 00 00 09 'id'", "sm_length one too many");
    FILTER_METRIC(&rig, "exempt_total{kind=\"receipt\"}", 10);
    FILTER_METRIC(&rig, "planted_tags_total", 3);
    filter_settle(&rig);
    filter_close(&rig);
}

static void test_others_bring_no_verdict(void)
{
    FILTER_OPEN(&rig, VERIFY_BOTH);
    rig_send(&rig.rig, SC_ESME, SMPP_QUERY_SM, 0, 2, "'7' 00 0101 '12025550100' 00 " PLANTED);
    went(SC_PEER, SMPP_QUERY_SM, 2, "'7' 00 0101 '12025550100' 00", "query_sm");
    rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, 3, "'7' 00 1403 0001 31 " PLANTED);
    went(SC_ESME, SMPP_SUBMIT_SM | SMPP_RESP, 3, "'7' 00 1403 0001 31", "a response");
    rig_send(&rig.rig, SC_ESME, 0x00010203, 0, 4, "01020304");
    went(SC_PEER, 0x00010203, 4, "01020304", "an unknown command");
    FILTER_METRIC(&rig, "exempt_total{kind=\"unknown\"}", 1);
    FILTER_METRIC(&rig, "planted_tags_total", 2);
    filter_close(&rig);
}

#define REPLACE "'7' 00 0101 '12025550100' 00 00 00 00 00 02 'hi'"
#define BROADCAST "00 0101 '12025550100' 00 00 00 00 00 00 00 00 0424 0002 'hi'"

static void test_replace(void)
{
    static const char *const refusing[][3] = {{"submit.action=sign", NULL}, {"submit.action=verify", NULL}};
    static const char *const passing[][3] = {{"submit.action=sign", "sign.replace=pass", NULL},
                                             {"submit.action=verify", "verify.replace=pass", NULL}};
    for (size_t i = 0; i < 2; i++) {
        filter_open(&rig, refusing[i]);
        rig_send(&rig.rig, SC_ESME, SMPP_REPLACE_SM, 0, 2, REPLACE);
        rig_send(&rig.rig, SC_ESME, SMPP_BROADCAST_SM, 0, 3, BROADCAST);
        rig_send(&rig.rig, SC_ESME, SMPP_QUERY_SM, 0, 4, "'7' 00 0101 '12025550100' 00");
        rig_send(&rig.rig, SC_ESME, SMPP_CANCEL_SM, 0, 5, "00 '7' 00 0101 '12025550100' 00 0000 00");
        RIG_TOLD(&rig.rig, "E:replace_sm_resp#2!13 E:broadcast_sm_resp#3!10d P:query_sm#4 P:cancel_sm#5", "refused");
        FILTER_METRIC(&rig, "replace_refused_total{command=\"replace_sm\"}", 1);
        FILTER_METRIC(&rig, "replace_refused_total{command=\"broadcast_sm\"}", 1);
        filter_close(&rig);
        filter_open(&rig, passing[i]);
        rig_send(&rig.rig, SC_ESME, SMPP_REPLACE_SM, 0, 2, REPLACE);
        rig_send(&rig.rig, SC_ESME, SMPP_BROADCAST_SM, 0, 3, BROADCAST);
        RIG_TOLD(&rig.rig, "P:replace_sm#2 P:broadcast_sm#3", "passed");
        FILTER_METRIC(&rig, "exempt_total{kind=\"replace_sm\"}", 1);
        FILTER_METRIC(&rig, "exempt_total{kind=\"broadcast_sm\"}", 1);
        filter_close(&rig);
    }
    FILTER_OPEN(&rig, "deliver.action=verify");
    rig.rig.options.offers[SC_ESME] = false;
    rig_send(&rig.rig, SC_ESME, SMPP_REPLACE_SM, 0, 2, REPLACE);
    RIG_TOLD(&rig.rig, "P:replace_sm#2", "the other direction passes");
    filter_close(&rig);
}

static void test_record(void)
{
    char path[128];
    struct stir_buf text = {.limit = 65536};
    FILTER_OPEN(&rig, VERIFY_BOTH, "log.numbers=yes");
    rig_send(&rig.rig, SC_PEER, SMPP_DELIVER_SM, 0, 2, sm(4, ""));
    rig_send(&rig.rig, SC_ESME, SMPP_REPLACE_SM, 0, 3, REPLACE);
    filter_turn(&rig);
    filter_close(&rig);
    (void)snprintf(path, sizeof(path), "%s/judged", rig.dir);
    UNIT_OK(stir_read_file(&text, path, text.limit, NULL));
    UNIT_CHECK(text.ptr && strstr(text.ptr, "\"direction\":\"deliver\",\"system_id\":\"me\",\"orig\":\"12025550100\","
                                            "\"dest\":\"12155551313\",\"exempt\":\"receipt\",\"action\":\"pass\"}\n"),
               "%s", text.ptr ? text.ptr : "");
    UNIT_CHECK(text.ptr && strstr(text.ptr, "\"exempt\":\"replace_sm\",\"action\":\"reject\"}\n"), "%s",
               text.ptr ? text.ptr : "");
    stir_buf_free(&text);
}

UNIT_MAIN("sc_filter_exempt", {"(begin)", begin}, {"F1: an ESME sends no receipts", test_esme_sends_no_receipts},
          {"F1, F2, F4: receipts of the SMSC pass at once, cleaned", test_smsc_receipts},
          {"F1: other PDUs bring no verdict along", test_others_bring_no_verdict},
          {"F3: replace_sm and broadcast_sm", test_replace}, {"what is exempt is recorded", test_record},
          {"(end)", end})
