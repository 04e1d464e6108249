#include "client/gateway/filter.h"
#include "tests/unit/filter_rig.h"

/* The filter behind a real relay, with a CPS: what becomes of a message at each point of its way. */

static struct filter_rig rig;

static void begin(void)
{
    filter_prepare(&rig);
}

static void end(void)
{
    filter_end(&rig);
}

#define SIGN "submit.action=sign"
#define VERIFY "submit.action=verify"

/* The verdict TLV's text in what went to the peer, or "". */
static const char *verdict_of(const char *pdu, size_t n)
{
    static char text[64];
    struct smpp_pdu read;
    struct smpp_tlv tlv;
    text[0] = '\0';
    if (smpp_pdu_read(&read, pdu, n, NULL) == SMPP_OK && smpp_tlv_find(&tlv, read.tlvs, 0x1501)) {
        (void)snprintf(text, sizeof(text), "%.*s", (int)tlv.value.len, tlv.value.ptr);
    }
    return text;
}

/* "2 passed, 3 timeout": sequence numbers and verdicts of what went to the peer since the last look. */
static void check_verdicts(const char *expected, const char *label)
{
    struct stir_buf text = {0};
    const struct stir_buf *out = &rig.rig.out[GW_PEER];
    for (size_t at = 0; at < out->len; at += smpp_header_read(out->ptr + at).length) {
        struct smpp_header header = smpp_header_read(out->ptr + at);
        stir_buf_printf(&text, "%s%u %s", text.len ? ", " : "", (unsigned)header.sequence,
                        verdict_of(out->ptr + at, header.length));
    }
    UNIT_STR(text.ptr ? text.ptr : "", expected, label);
    stir_buf_free(&text);
    rig_clear(&rig.rig);
}

/* ---- both ways ---- */

/* Publishes a message's PASSporT with a filter of its own. */
static void publish(const char *text)
{
    FILTER_OPEN(&rig, SIGN);
    filter_submit(&rig, 90, text);
    filter_settle(&rig);
    filter_close(&rig);
}

static void test_sign(void)
{
    FILTER_OPEN(&rig, SIGN);
    size_t before = filter_stored(&rig.cps, FILTER_TO);
    filter_submit(&rig, 2, "'hi'");
    RIG_TOLD(&rig.rig, "", "it waits for the CPS");
    filter_settle(&rig);
    RIG_TOLD(&rig.rig, "P:submit_sm#2", "then it goes on");
    UNIT_CHECK(filter_stored(&rig.cps, FILTER_TO) == before + 1, "its PASSporT is there");
    filter_say(&rig, GW_ESME, 3, "12155551212", "12155551314", "'hi'", 0);
    filter_say(&rig, GW_ESME, 4, "12165551212", FILTER_TO, "'hi'", 0);
    RIG_TOLD(&rig.rig, "P:submit_sm#4", "another's number does not even wait");
    filter_settle(&rig);
    FILTER_METRIC(&rig, "signed_total{outcome=\"published\"}", 2);
    FILTER_METRIC(&rig, "unsigned_total{reason=\"outside\"}", 1);
    FILTER_METRIC(&rig, "undecided", 0);
    filter_close(&rig);
}

static void test_verify(void)
{
    publish("'one'");
    FILTER_OPEN(&rig, VERIFY);
    filter_submit(&rig, 2, "'one'");
    filter_settle(&rig);
    check_verdicts("2 passed", "genuine");
    filter_submit(&rig, 3, "'one'");
    filter_submit(&rig, 4, "'two'");
    filter_settle(&rig);
    check_verdicts("3 replayed, 4 msgi-mismatch", "in their order");
    filter_close(&rig);
}

/* ---- a connection ends ---- */

/* The relay that lost its connection is replaced by a new one, bound as the same. */
static void reconnect(void)
{
    gw_relay_abort(rig.rig.relay, rig.rig.now);
    rig_free(&rig.rig);
    rig_init(&rig.rig, NULL);
    rig.rig.options.filter = &rig.filter;
    rig_bring(&rig.rig, GW_BOUND);
    rig.rig.options.offers[GW_ESME] = rig.rig.options.offers[GW_PEER] = true;
}

static void test_lost_while_signing(void)
{
    FILTER_OPEN(&rig, SIGN);
    size_t before = filter_stored(&rig.cps, NULL);
    atomic_store(&rig.cps.delay_ms, 50);
    filter_submit(&rig, 2, "'lost'");
    reconnect();
    filter_submit(&rig, 2, "'lost'");
    filter_settle(&rig);
    RIG_TOLD(&rig.rig, "P:submit_sm#2", "it goes on from where it was");
    atomic_store(&rig.cps.delay_ms, 0);
    filter_turn_ms(&rig, 20);
    UNIT_CHECK(filter_stored(&rig.cps, NULL) == before + 1, "one PASSporT");
    FILTER_METRIC(&rig, "repeated_total", 1);
    filter_close(&rig);
}

/* Its operation fails while nobody waits: the repetition is a new attempt. */
static void test_lost_and_failed(void)
{
    FILTER_OPEN(&rig, SIGN);
    atomic_store(&rig.cps.status, 503);
    filter_submit(&rig, 2, "'failed'");
    reconnect();
    filter_turn_ms(&rig, 100);
    atomic_store(&rig.cps.status, 0);
    filter_submit(&rig, 2, "'failed'");
    filter_settle(&rig);
    FILTER_METRIC(&rig, "repeated_total", 0);
    FILTER_METRIC(&rig, "signed_total{outcome=\"published\"}", 1);
    filter_close(&rig);
}

static void test_lost_while_verifying(void)
{
    publish("'three'");
    FILTER_OPEN(&rig, VERIFY);
    filter_submit(&rig, 2, "'three'");
    reconnect();
    filter_turn_ms(&rig, 100); /* it was found by then */
    filter_submit(&rig, 2, "'three'");
    filter_settle(&rig);
    check_verdicts("2 passed", "the repetition has its verdict");
    filter_submit(&rig, 3, "'three'");
    filter_settle(&rig);
    check_verdicts("3 replayed", "once");
    filter_close(&rig);
}

/* Another message, or another's, does not profit. */
static void test_lost_is_not_anothers(void)
{
    publish("'four'");
    filter_tenant(&rig, "other", "1215555*");
    FILTER_OPEN(&rig, VERIFY);
    filter_submit(&rig, 2, "'four'");
    reconnect();
    filter_turn_ms(&rig, 100);
    filter_submit(&rig, 3, "'fourx'");
    filter_settle(&rig);
    check_verdicts("3 msgi-mismatch", "another text");
    filter_say(&rig, GW_ESME, 4, FILTER_FROM, "12155551399", "'four'", 0);
    filter_settle(&rig);
    check_verdicts("4 no-passport", "another destination");
    FILTER_METRIC(&rig, "repeated_total", 0);
    filter_close(&rig);
}

/* ---- answers ---- */

static void test_refused(void)
{
    publish("'five'");
    FILTER_OPEN(&rig, VERIFY);
    for (uint32_t sequence = 2; sequence < 5; sequence++) {
        filter_submit(&rig, sequence, "'five'");
        filter_settle(&rig);
        rig_send(&rig.rig, GW_PEER, SMPP_SUBMIT_SM | SMPP_RESP, sequence < 4 ? SMPP_RTHROTTLED : 0, sequence, "");
    }
    filter_submit(&rig, 5, "'five'");
    filter_settle(&rig);
    check_verdicts("2 passed, 3 passed, 4 passed, 5 replayed", "until it was taken");
    FILTER_METRIC(&rig, "repeated_total", 2);
    /* an answer that nobody asked for, and one twice */
    rig_send(&rig.rig, GW_PEER, SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, 4, "");
    rig_send(&rig.rig, GW_PEER, SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, 77, "");
    filter_submit(&rig, 6, "'five'");
    filter_settle(&rig);
    check_verdicts("6 replayed", "an answered one is forgotten");
    filter_close(&rig);
}

static void test_unanswered(void)
{
    publish("'six'");
    FILTER_OPEN(&rig, VERIFY);
    filter_submit(&rig, 2, "'six'");
    filter_settle(&rig);
    reconnect();
    filter_submit(&rig, 9, "'six'");
    filter_settle(&rig);
    check_verdicts("9 passed", "its answer was lost");
    rig_send(&rig.rig, GW_PEER, SMPP_GENERIC_NACK, 0, 9, "");
    filter_submit(&rig, 10, "'six'");
    filter_settle(&rig);
    check_verdicts("10 passed", "generic_nack is no success");
    filter_close(&rig);
}

/* ---- time ---- */

static void test_timeouts(void)
{
    FILTER_OPEN(&rig, SIGN, "sign.timeout_ms=60", "deliver.action=verify", "verify.wait_ms=20");
    atomic_store(&rig.cps.delay_ms, 600);
    filter_submit(&rig, 2, "'slow'");
    filter_say(&rig, GW_PEER, 3, FILTER_FROM, FILTER_TO, "'slow'", 0);
    filter_settle(&rig);
    FILTER_METRIC(&rig, "unsigned_total{reason=\"timeout\"}", 1);
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"timeout\",action=\"tag\"}", 1);
    for (unsigned i = 0; i < 2000 && filter_metric(&rig, "operations") > 0; i++) {
        filter_turn(&rig);
    }
    FILTER_METRIC(&rig, "late_total{outcome=\"published\"}", 1);
    atomic_store(&rig.cps.delay_ms, 0);
    filter_close(&rig);
}

/* SIGTERM while the CPS hangs, and the end while operations are under way. */
static void test_stop_and_close(void)
{
    FILTER_OPEN(&rig, SIGN, "sign.timeout_ms=60000", "deliver.action=verify", "verify.wait_ms=60000",
                "sign.mode=beside", "cps.max_in_flight=3");
    atomic_store(&rig.cps.delay_ms, 900);
    for (uint32_t i = 0; i < 12; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%02x", (unsigned)i);
        filter_submit(&rig, 2 + i, text);
        filter_say(&rig, GW_PEER, 2 + i, FILTER_FROM, FILTER_TO, text, 0);
    }
    filter_say(&rig, GW_PEER, 50, FILTER_FROM, FILTER_TO, "0500032a0201 'part'", 0x40);
    filter_turn_ms(&rig, 20);
    rig.filter.stop(rig.filter.arg);
    filter_settle(&rig);
    UNIT_CHECK(filter_metric(&rig, "operations") > 0, "some are under way");
    uint64_t start = uv_hrtime();
    filter_close(&rig);
    UNIT_CHECK(uv_hrtime() - start < UINT64_C(5000000000), "it ends");
    atomic_store(&rig.cps.delay_ms, 0);
}

/* ---- reload ---- */

static void test_reload(void)
{
    struct stir_error err = {0};
    FILTER_OPEN(&rig, SIGN);
    atomic_store(&rig.cps.delay_ms, 50);
    filter_submit(&rig, 2, "'before'");
    filter_configure(&rig, (const char *const[]){SIGN, "cps.url=", NULL});
    UNIT_CODE(rig.filter.reload(rig.filter.arg, &rig.config, &err), STIR_E_CONFIG, err.text);
    filter_configure(&rig, (const char *const[]){SIGN, "log.judged=/nonexistent/judged", NULL});
    UNIT_CODE(rig.filter.reload(rig.filter.arg, &rig.config, &err), STIR_E_IO, err.text);
    filter_configure(&rig, (const char *const[]){SIGN, "trust.max_age_s=30", NULL});
    UNIT_CODE(rig.filter.reload(rig.filter.arg, &rig.config, &err), STIR_OK, err.text);
    filter_submit(&rig, 3, "'after'");
    filter_configure(&rig, (const char *const[]){"submit.action=pass", NULL});
    UNIT_CODE(rig.filter.reload(rig.filter.arg, &rig.config, &err), STIR_OK, err.text);
    filter_say(&rig, GW_ESME, 4, FILTER_FROM, "12155559999", "'now'", 0);
    RIG_TOLD(&rig.rig, "P:submit_sm#4", "the new action at once");
    filter_settle(&rig);
    RIG_TOLD(&rig.rig, "P:submit_sm#2 P:submit_sm#3", "what was under way as before");
    atomic_store(&rig.cps.delay_ms, 0);
    FILTER_METRIC(&rig, "signed_total{outcome=\"published\"}", 2);
    filter_close(&rig);
}

/* Segments that waited to be judged, or strictly, when they are signed and go on at once. */
static void test_reload_between_segments(void)
{
    static const char *const before[][3] = {{VERIFY, NULL}, {SIGN, "join.strict=yes", NULL}};
    for (size_t i = 0; i < 2; i++) {
        filter_open(&rig, before[i]);
        filter_say(&rig, GW_ESME, 2, FILTER_FROM, FILTER_TO, "0500032a0301 'a'", 0x40);
        filter_say(&rig, GW_ESME, 3, FILTER_FROM, FILTER_TO, "0500032a0303 'c'", 0x40);
        filter_configure(&rig, (const char *const[]){SIGN, NULL});
        UNIT_OK(rig.filter.reload(rig.filter.arg, &rig.config, NULL));
        filter_say(&rig, GW_ESME, 4, FILTER_FROM, FILTER_TO, "0500032a0302 'b'", 0x40);
        filter_settle(&rig);
        RIG_TOLD(&rig.rig, "P:submit_sm#2 P:submit_sm#3 P:submit_sm#4", "all of them");
        FILTER_METRIC(&rig, "signed_total{outcome=\"published\"}", 1);
        filter_close(&rig);
    }
}

/* Everything at once, in an order that chance makes: nothing is left behind, no message is lost. */
static void test_everything(void)
{
    static const char *const configs[][5] = {
        {SIGN, "deliver.action=verify", "verify.wait_ms=20", NULL},
        {SIGN, "deliver.action=verify", "sign.mode=beside", "join.strict=yes", NULL},
        {VERIFY, "deliver.action=sign", "verify.wait_ms=5", "cps.max_in_flight=2", NULL},
        {VERIFY, "join.timeout_ms=100", "join.messages_per_peer=2", "trust.max_age_s=59", NULL},
    };
    unsigned seed = 7;
    filter_open(&rig, configs[0]);
    for (uint32_t i = 2; i < 1500; i++) {
        char text[64], to[16];
        unsigned dice = (unsigned)rand_r(&seed);
        enum gw_leg leg = dice & 1 ? GW_ESME : GW_PEER;
        (void)snprintf(to, sizeof(to), "121555500%02u", dice / 2 % 7);
        (void)snprintf(text, sizeof(text), "0500 03 %02x 03 %02x '%u'", dice / 16 % 4, dice / 64 % 3 + 1, i % 5);
        bool segment = dice / 256 % 3 == 0;
        filter_say(&rig, leg, i, FILTER_FROM, to, segment ? text : text + 16, segment ? 0x40 : 0);
        if (dice / 1024 % 4 == 0) {
            rig_send(&rig.rig, gw_other(leg), (leg == GW_ESME ? SMPP_SUBMIT_SM : SMPP_DELIVER_SM) | SMPP_RESP,
                     dice / 4096 % 2 ? SMPP_RTHROTTLED : 0, i - 3, "");
        }
        if (i % 100 == 50) {
            filter_configure(&rig, configs[dice / 4096 % 4]);
            UNIT_OK(rig.filter.reload(rig.filter.arg, &rig.config, NULL));
        }
        if (i % 150 == 99) {
            reconnect();
        }
        atomic_store(&rig.cps.status, i / 200 % 3 == 2 ? 503 : 0);
        if (i % 10 == 0) {
            filter_turn(&rig);
        }
    }
    rig.filter.stop(rig.filter.arg);
    filter_settle(&rig);
    FILTER_METRIC(&rig, "undecided", 0);
    FILTER_METRIC(&rig, "join_segments", 0);
    filter_close(&rig);
}

UNIT_MAIN("gw_filter", {"(begin)", begin}, {"sign", test_sign}, {"verify", test_verify},
          {"lost while signing", test_lost_while_signing}, {"lost, and failed", test_lost_and_failed},
          {"lost while verifying", test_lost_while_verifying}, {"not another's", test_lost_is_not_anothers},
          {"refused", test_refused}, {"not answered", test_unanswered}, {"timeouts", test_timeouts},
          {"stop and close", test_stop_and_close}, {"reload", test_reload},
          {"reload between segments", test_reload_between_segments}, {"everything at once", test_everything},
          {"(end)", end})
