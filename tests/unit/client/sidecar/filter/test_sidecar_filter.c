/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter.h"
#include "tests/unit/filter_rig.h"

/* The filter with a real relay and a CPS: what happens to a message at each point. */

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
    const struct stir_buf *out = &rig.rig.out[SC_PEER];
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
    RIG_TOLD(&rig.rig, "P:submit_sm#2", "then it is forwarded");
    UNIT_CHECK(filter_stored(&rig.cps, FILTER_TO) == before + 1, "its PASSporT is there");
    filter_say(&rig, SC_ESME, 3, "12155551212", "12155551314", "'hi'", 0);
    filter_say(&rig, SC_ESME, 4, "12165551212", FILTER_TO, "'hi'", 0);
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
    sc_relay_abort(rig.rig.relay, rig.rig.now);
    rig_free(&rig.rig);
    filter_bind(&rig);
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
    RIG_TOLD(&rig.rig, "P:submit_sm#2", "it continues where it was");
    atomic_store(&rig.cps.delay_ms, 0);
    filter_idle(&rig);
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
    filter_idle(&rig); /* it has failed */
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
    filter_idle(&rig); /* its PASSporT was found */
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
    filter_idle(&rig);
    filter_submit(&rig, 3, "'fourx'");
    filter_settle(&rig);
    check_verdicts("3 msgi-mismatch", "another text");
    filter_say(&rig, SC_ESME, 4, FILTER_FROM, "12155551399", "'four'", 0);
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
        rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, sequence < 4 ? SMPP_RTHROTTLED : 0, sequence, "");
    }
    filter_submit(&rig, 5, "'five'");
    filter_settle(&rig);
    check_verdicts("2 passed, 3 passed, 4 passed, 5 replayed", "until it was taken");
    FILTER_METRIC(&rig, "repeated_total", 2);
    /* an answer that nobody asked for, and one twice */
    rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, 4, "");
    rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, 77, "");
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
    rig_send(&rig.rig, SC_PEER, SMPP_GENERIC_NACK, 0, 9, "");
    filter_submit(&rig, 10, "'six'");
    filter_settle(&rig);
    check_verdicts("10 passed", "generic_nack is no success");
    filter_close(&rig);
}

/* A peer that drops the connection before each answer cannot use one PASSporT without end. */
static void test_lost_too_often(void)
{
    publish("'seven'");
    FILTER_OPEN(&rig, VERIFY);
    for (uint32_t sequence = 2; sequence < 7; sequence++) {
        filter_submit(&rig, sequence, "'seven'");
        filter_settle(&rig);
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "%u %s", (unsigned)sequence, sequence < 5 ? "passed" : "replayed");
        check_verdicts(expected, "twice after the first time");
        reconnect();
    }
    FILTER_METRIC(&rig, "sent_again_total{after=\"loss\"}", 2);
    FILTER_METRIC(&rig, "sent_again_over_total", 1);
    FILTER_METRIC(&rig, "repeated_total", 2);
    filter_close(&rig);
}

/* What the peer refused was not delivered: it may come again, and its losses count on. */
static void test_lost_and_refused(void)
{
    publish("'eight'");
    FILTER_OPEN(&rig, VERIFY, "repeat.max=1");
    for (uint32_t sequence = 2; sequence < 7; sequence++) {
        filter_submit(&rig, sequence, "'eight'");
        filter_settle(&rig);
        if (sequence == 3) {
            reconnect();
        } else {
            rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, sequence, "");
        }
    }
    check_verdicts("4 passed, 5 passed, 6 passed", "refused each time");
    reconnect();
    FILTER_METRIC(&rig, "sent_again_total{after=\"loss\"}", 1);
    FILTER_METRIC(&rig, "sent_again_total{after=\"refusal\"}", 3);
    filter_submit(&rig, 7, "'eight'");
    filter_settle(&rig);
    check_verdicts("7 passed", "it was refused last");
    reconnect();
    filter_submit(&rig, 8, "'eight'");
    filter_settle(&rig);
    check_verdicts("8 replayed", "its second loss");
    filter_close(&rig);
}

static void answer(uint32_t sequence)
{
    rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, sequence, "'id' 00");
}

/* The ESME unbinds, and the peer agrees. */
static void unbind(uint32_t sequence)
{
    rig_send(&rig.rig, SC_ESME, SMPP_UNBIND, 0, sequence, "");
    rig_send(&rig.rig, SC_PEER, SMPP_UNBIND | SMPP_RESP, 0, sequence, "");
}

/* The message was answered, and its connection ended at once: nobody knows whether the answer was read. */
static void test_answer_not_read(void)
{
    publish("'fifteen'");
    FILTER_OPEN(&rig, VERIFY);
    for (uint32_t sequence = 2; sequence < 7; sequence++) {
        filter_submit(&rig, sequence, "'fifteen'");
        filter_settle(&rig);
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "%u %s", (unsigned)sequence, sequence < 5 ? "passed" : "replayed");
        check_verdicts(expected, "twice after the first time");
        answer(sequence);
        reconnect();
    }
    FILTER_METRIC(&rig, "sent_again_total{after=\"loss\"}", 2);
    filter_close(&rig);
}

static void test_answer_read(void)
{
    publish("'sixteen'");
    publish("'seventeen'");
    FILTER_OPEN(&rig, VERIFY);
    filter_submit(&rig, 2, "'sixteen'");
    filter_settle(&rig);
    answer(2);
    unbind(3);
    reconnect();
    filter_submit(&rig, 4, "'sixteen'");
    filter_settle(&rig);
    check_verdicts("4 replayed", "its sender has unbound after the answer");
    filter_submit(&rig, 5, "'seventeen'");
    filter_settle(&rig);
    check_verdicts("5 passed", "another one");
    answer(5);
    filter_later(&rig, 10000);
    reconnect();
    filter_submit(&rig, 6, "'seventeen'");
    filter_settle(&rig);
    check_verdicts("6 replayed", "the answer was sent long before the end");
    FILTER_METRIC(&rig, "repeated_total", 0);
    filter_close(&rig);
}

/* Where it is signed it was signed again: this PASSporT is used up as well. */
static void test_answer_not_read_and_signed_again(void)
{
    publish("'eighteen'");
    publish("'eighteen'");
    FILTER_OPEN(&rig, VERIFY);
    filter_submit(&rig, 2, "'eighteen'");
    filter_settle(&rig);
    answer(2);
    reconnect();
    filter_submit(&rig, 3, "'eighteen'");
    filter_settle(&rig);
    answer(3);
    filter_submit(&rig, 4, "'eighteen'");
    filter_settle(&rig);
    check_verdicts("3 passed, 4 replayed", "there were two PASSporTs");
    FILTER_METRIC(&rig, "repeated_total", 0);
    filter_close(&rig);
}

/* It was forwarded without a verdict while its PASSporT was looked for, and was refused; then the PASSporT was found.
 */
static void test_late_and_refused(void)
{
    publish("'thirty'");
    FILTER_OPEN(&rig, VERIFY, "verify.grace_ms=0");
    atomic_store(&rig.cps.delay_ms, 900);
    filter_submit(&rig, 2, "'thirty'");
    filter_settle(&rig);
    check_verdicts("2 timeout", "the CPS is slow");
    rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, 2, "");
    atomic_store(&rig.cps.delay_ms, 0);
    filter_idle(&rig); /* its PASSporT was found */
    filter_configure(&rig, (const char *const[]){VERIFY, NULL});
    UNIT_OK(rig.filter.reload(rig.filter.arg, &rig.config, NULL));
    filter_submit(&rig, 3, "'thirty'");
    filter_settle(&rig);
    check_verdicts("3 passed", "it is no replay");
    filter_submit(&rig, 4, "'thirty'");
    filter_settle(&rig);
    check_verdicts("4 replayed", "once");
    filter_close(&rig);
}

/* A long message of which a segment is missing: the PASSporT is no evidence about another message. */
static void test_segment_missing(void)
{
    static const char from[] = "12155557777"; /* no other PASSporT of his is there */
    FILTER_OPEN(&rig, SIGN);
    filter_say(&rig, SC_ESME, 2, from, FILTER_TO, "'nine' 'teen'", 0);
    filter_settle(&rig);
    filter_close(&rig);
    FILTER_OPEN(&rig, VERIFY, "join.timeout_ms=60000", "join.hold=never");
    filter_say(&rig, SC_ESME, 2, from, FILTER_TO, "050003070201 'nine'", 0x40);
    filter_say(&rig, SC_ESME, 3, from, FILTER_TO, "'twenty'", 0);
    filter_settle(&rig);
    check_verdicts("2 , 3 no-passport", "the rest may still come");
    filter_say(&rig, SC_ESME, 4, from, FILTER_TO, "050003070202 'teen'", 0x40);
    filter_settle(&rig);
    check_verdicts("4 passed", "the rest");
    filter_close(&rig);
}

/* ---- another process ---- */

/* What a process leaves that ends, however it ends: the replays are in a file, and so is what may be sent again. */
#define KEPT "trust.replay=sqlite", replay_file, repeat_file
static char replay_file[128], repeat_file[128];

static void keep_files(const char *name)
{
    (void)snprintf(replay_file, sizeof(replay_file), "trust.replay_file=%s/%s.replays", rig.dir, name);
    (void)snprintf(repeat_file, sizeof(repeat_file), "repeat.file=%s/%s.repeats", rig.dir, name);
}

static void test_unanswered_when_it_ended(void)
{
    keep_files("one");
    publish("'eleven'");
    FILTER_OPEN(&rig, VERIFY, KEPT);
    filter_submit(&rig, 2, "'eleven'");
    filter_settle(&rig);
    check_verdicts("2 passed", "not answered");
    filter_close(&rig);
    for (uint32_t sequence = 3; sequence < 6; sequence++) {
        char expected[32];
        FILTER_OPEN(&rig, VERIFY, KEPT);
        filter_submit(&rig, sequence, "'eleven'");
        filter_settle(&rig);
        (void)snprintf(expected, sizeof(expected), "%u %s", (unsigned)sequence, sequence < 5 ? "passed" : "replayed");
        check_verdicts(expected, "the next process knows it, and how often it came");
        filter_close(&rig);
    }
}

/* An answered message is no concern of the next process if its sender has unbound after the answer. Otherwise it may
 * not have read the answer: then it may send the message again. */
static void test_answered_when_it_ended(void)
{
    for (int unbinds = 0; unbinds < 2; unbinds++) {
        keep_files(unbinds ? "two" : "twelve");
        publish(unbinds ? "'twelve'" : "'twelve?'");
        FILTER_OPEN(&rig, VERIFY, KEPT);
        filter_submit(&rig, 2, unbinds ? "'twelve'" : "'twelve?'");
        filter_settle(&rig);
        check_verdicts("2 passed", "answered");
        rig.filter.stop(rig.filter.arg);
        answer(2);
        if (unbinds) {
            unbind(3);
        }
        filter_close(&rig);
        FILTER_OPEN(&rig, VERIFY, KEPT);
        filter_submit(&rig, 3, unbinds ? "'twelve'" : "'twelve?'");
        filter_settle(&rig);
        check_verdicts(unbinds ? "3 replayed" : "3 passed", "by the next process");
        filter_close(&rig);
    }
}

/* Its PASSporT was used up, and the process ended before it was forwarded. */
static void test_judged_when_it_ended(void)
{
    keep_files("three");
    publish("'thirteen'");
    FILTER_OPEN(&rig, VERIFY, KEPT);
    filter_submit(&rig, 2, "'thirteen'");
    reconnect();
    for (unsigned i = 0; i < 60000 && filter_metric(&rig, "operations") > 0; i++) {
        filter_turn(&rig);
    }
    filter_close(&rig);
    FILTER_OPEN(&rig, VERIFY, KEPT);
    filter_submit(&rig, 3, "'thirteenx'");
    filter_settle(&rig);
    const struct stir_buf *out = &rig.rig.out[SC_PEER];
    UNIT_CHECK(strcmp(verdict_of(out->ptr, out->len), "passed") != 0, "another text does not profit");
    rig_clear(&rig.rig);
    for (uint32_t sequence = 4; sequence < 6; sequence++) {
        filter_submit(&rig, sequence, "'thirteen'");
        filter_settle(&rig);
        rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, sequence, "'id' 00");
    }
    check_verdicts("4 passed, 5 replayed", "it is no replay, once");
    FILTER_METRIC(&rig, "sent_again_total{after=\"stop\"}", 1);
    filter_close(&rig);
}

/* ---- a PASSporT grows old ---- */

static void test_signed_again(void)
{
    FILTER_OPEN(&rig, SIGN);
    size_t before = filter_stored(&rig.cps, FILTER_TO);
    for (uint32_t sequence = 2; sequence < 5; sequence++) {
        filter_later(&rig, sequence == 4 ? 16000 : 0);
        filter_submit(&rig, sequence, "'nine'");
        filter_settle(&rig);
        rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, sequence, "");
    }
    UNIT_CHECK(filter_stored(&rig.cps, FILTER_TO) == before + 2, "a second PASSporT after a quarter of a minute");
    FILTER_METRIC(&rig, "signed_again_total", 1);
    FILTER_METRIC(&rig, "sent_again_total{after=\"refusal\"}", 1);
    filter_close(&rig);
    FILTER_OPEN(&rig, SIGN, "repeat.max=0");
    filter_submit(&rig, 2, "'nine'");
    filter_settle(&rig);
    reconnect();
    filter_submit(&rig, 3, "'nine'");
    filter_settle(&rig);
    UNIT_CHECK(filter_stored(&rig.cps, FILTER_TO) == before + 4, "and after more losses than are accepted");
    filter_close(&rig);
}

/* The same of one that was not forwarded before its connection was lost. */
static void test_lost_undecided_and_old(void)
{
    FILTER_OPEN(&rig, SIGN);
    size_t before = filter_stored(&rig.cps, FILTER_TO);
    filter_submit(&rig, 2, "'ten'");
    reconnect();
    for (unsigned i = 0; i < 60000 && filter_stored(&rig.cps, FILTER_TO) == before; i++) {
        filter_turn(&rig);
    }
    filter_later(&rig, 16000);
    filter_submit(&rig, 3, "'ten'");
    filter_settle(&rig);
    UNIT_CHECK(filter_stored(&rig.cps, FILTER_TO) == before + 2, "a second PASSporT");
    FILTER_METRIC(&rig, "signed_again_total", 1);
    filter_close(&rig);
}

/* A message to be delivered in an hour. */
static void submit_scheduled(uint32_t sequence, const char *when)
{
    char body[256];
    (void)snprintf(body, sizeof(body),
                   "00 0101 '" FILTER_FROM "' 00 0101 '" FILTER_TO "' 00 00 00 00 '%s' 00 00 00 00 00 00 02 'hi'",
                   when);
    rig_send(&rig.rig, SC_ESME, SMPP_SUBMIT_SM, 0, sequence, body);
    filter_settle(&rig);
}

static bool was_sent_with(const char *text)
{
    pthread_mutex_lock(&rig.cps.lock);
    bool found = strstr(rig.cps.target, text) != NULL;
    pthread_mutex_unlock(&rig.cps.lock);
    return found;
}

static void test_scheduled(void)
{
    FILTER_OPEN(&rig, SIGN);
    submit_scheduled(2, "000000010000000R");
    FILTER_METRIC(&rig, "scheduled_total{life=\"default\"}", 1);
    UNIT_CHECK(!was_sent_with("ttl="), "as long as the CPS likes");
    submit_scheduled(3, "000000000020000R");
    submit_scheduled(4, "not a time");
    submit_scheduled(5, "");
    FILTER_METRIC(&rig, "scheduled_total{life=\"default\"}", 1);
    filter_close(&rig);
    FILTER_OPEN(&rig, SIGN, "sign.scheduled_life_s=7200");
    submit_scheduled(2, "000000010000000R");
    UNIT_CHECK(was_sent_with("ttl=3660"), "%s", rig.cps.target);
    FILTER_METRIC(&rig, "scheduled_total{life=\"longer\"}", 1);
    rig_send(&rig.rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, SMPP_RTHROTTLED, 2, "");
    filter_later(&rig, 600000 / 4);
    submit_scheduled(3, "000000010000000R");
    FILTER_METRIC(&rig, "sent_again_total{after=\"refusal\"}", 1);
    submit_scheduled(4, "000000020000000R");
    FILTER_METRIC(&rig, "scheduled_total{life=\"default\"}", 1);
    filter_close(&rig);
}

/* ---- USSD ---- */

static void submit_ussd(uint32_t sequence, const char *text)
{
    char body[256];
    (void)snprintf(body, sizeof(body),
                   "'USSD' 00 0101 '" FILTER_FROM "' 00 0101 '" FILTER_TO "' 00 00 00 00 00 00 00 00 00 00 04 '%s'",
                   text);
    rig_send(&rig.rig, SC_ESME, SMPP_SUBMIT_SM, 0, sequence, body);
}

static void test_ussd(void)
{
    FILTER_OPEN(&rig, SIGN);
    size_t before = filter_stored(&rig.cps, FILTER_TO);
    submit_ussd(2, "menu");
    RIG_TOLD(&rig.rig, "P:submit_sm#2", "it does not wait to be signed");
    for (unsigned i = 0; i < 60000 && filter_stored(&rig.cps, FILTER_TO) == before; i++) {
        filter_turn(&rig);
    }
    UNIT_CHECK(filter_stored(&rig.cps, FILTER_TO) == before + 1, "its PASSporT is published all the same");
    filter_close(&rig);
    FILTER_OPEN(&rig, SIGN, "sign.ussd_waits=yes");
    submit_ussd(2, "wait");
    RIG_TOLD(&rig.rig, "", "unless it is to wait");
    filter_settle(&rig);
    filter_close(&rig);
    FILTER_OPEN(&rig, VERIFY, "verify.wait_ms=600000", "verify.grace_ms=60000");
    submit_ussd(2, "none");
    submit_ussd(3, "menu");
    filter_settle(&rig);
    check_verdicts("2 msgi-mismatch, 3 passed", "judged by what is there, though others wait ten minutes");
    filter_close(&rig);
}

/* ---- time ---- */

static void test_timeouts(void)
{
    FILTER_OPEN(&rig, SIGN, "sign.timeout_ms=60", "deliver.action=verify", "verify.wait_ms=20", "verify.grace_ms=200");
    atomic_store(&rig.cps.delay_ms, 600);
    filter_submit(&rig, 2, "'slow'");
    filter_say(&rig, SC_PEER, 3, FILTER_FROM, FILTER_TO, "'slow'", 0);
    filter_settle(&rig);
    FILTER_METRIC(&rig, "unsigned_total{reason=\"timeout\"}", 1);
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"timeout\",action=\"tag\"}", 1);
    for (unsigned i = 0; i < 60000 && filter_metric(&rig, "operations") > 0; i++) {
        filter_turn(&rig);
    }
    FILTER_METRIC(&rig, "late_total{outcome=\"published\"}", 1);
    atomic_store(&rig.cps.delay_ms, 0);
    filter_close(&rig);
}

/* SIGTERM while the CPS hangs, and the end while operations are in progress. */
static void test_stop_and_close(void)
{
    FILTER_OPEN(&rig, SIGN, "sign.timeout_ms=60000", "deliver.action=verify", "verify.wait_ms=60000",
                "sign.mode=beside", "cps.max_in_flight=3", "cps.request_timeout_ms=60000");
    atomic_store(&rig.cps.delay_ms, 60000);
    for (uint32_t i = 0; i < 12; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%02x", (unsigned)i);
        filter_submit(&rig, 2 + i, text);
        filter_say(&rig, SC_PEER, 2 + i, FILTER_FROM, FILTER_TO, text, 0);
    }
    filter_say(&rig, SC_PEER, 50, FILTER_FROM, FILTER_TO, "0500032a0201 'part'", 0x40);
    filter_turn_ms(&rig, 20);
    rig.filter.stop(rig.filter.arg);
    filter_settle(&rig);
    UNIT_CHECK(filter_metric(&rig, "operations") > 0, "some are in progress");
    filter_close(&rig);
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
    filter_say(&rig, SC_ESME, 4, FILTER_FROM, "12155559999", "'now'", 0);
    RIG_TOLD(&rig.rig, "P:submit_sm#4", "the new action at once");
    filter_settle(&rig);
    RIG_TOLD(&rig.rig, "P:submit_sm#2 P:submit_sm#3", "messages in progress as before");
    atomic_store(&rig.cps.delay_ms, 0);
    FILTER_METRIC(&rig, "signed_total{outcome=\"published\"}", 2);
    filter_close(&rig);
}

/* Segments that waited to be judged, or strictly, when they are signed and forwarded at once. */
static void test_reload_between_segments(void)
{
    static const char *const before[][3] = {{VERIFY, NULL}, {SIGN, "join.strict=yes", NULL}};
    for (size_t i = 0; i < 2; i++) {
        filter_open(&rig, before[i]);
        filter_say(&rig, SC_ESME, 2, FILTER_FROM, FILTER_TO, "0500032a0301 'a'", 0x40);
        filter_say(&rig, SC_ESME, 3, FILTER_FROM, FILTER_TO, "0500032a0303 'c'", 0x40);
        filter_configure(&rig, (const char *const[]){SIGN, NULL});
        UNIT_OK(rig.filter.reload(rig.filter.arg, &rig.config, NULL));
        filter_say(&rig, SC_ESME, 4, FILTER_FROM, FILTER_TO, "0500032a0302 'b'", 0x40);
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
        enum sc_leg leg = dice & 1 ? SC_ESME : SC_PEER;
        (void)snprintf(to, sizeof(to), "121555500%02u", dice / 2 % 7);
        (void)snprintf(text, sizeof(text), "0500 03 %02x 03 %02x '%u'", dice / 16 % 4, dice / 64 % 3 + 1, i % 5);
        bool segment = dice / 256 % 3 == 0;
        filter_say(&rig, leg, i, FILTER_FROM, to, segment ? text : text + 16, segment ? 0x40 : 0);
        if (dice / 1024 % 4 == 0) {
            rig_send(&rig.rig, sc_other(leg), (leg == SC_ESME ? SMPP_SUBMIT_SM : SMPP_DELIVER_SM) | SMPP_RESP,
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

UNIT_MAIN("sc_filter", {"(begin)", begin}, {"sign", test_sign}, {"verify", test_verify},
          {"lost while signing", test_lost_while_signing}, {"lost, and failed", test_lost_and_failed},
          {"lost while verifying", test_lost_while_verifying}, {"not another's", test_lost_is_not_anothers},
          {"refused", test_refused}, {"not answered", test_unanswered}, {"timeouts", test_timeouts},
          {"stop and close", test_stop_and_close}, {"reload", test_reload},
          {"reload between segments", test_reload_between_segments}, {"everything at once", test_everything},
          {"F5: lost too often", test_lost_too_often}, {"F5: lost, and refused", test_lost_and_refused},
          {"F5: the answer was not read", test_answer_not_read}, {"F5: the answer was read", test_answer_read},
          {"F5: signed again", test_answer_not_read_and_signed_again}, {"F6: a segment missing", test_segment_missing},
          {"F7: late, and refused", test_late_and_refused},
          {"not answered when the process ended", test_unanswered_when_it_ended},
          {"answered when it ended", test_answered_when_it_ended}, {"judged when it ended", test_judged_when_it_ended},
          {"F7: a refused message is signed again when its PASSporT is old", test_signed_again},
          {"F7: so is one that was lost undecided", test_lost_undecided_and_old},
          {"F31: scheduled messages", test_scheduled}, {"USSD does not wait", test_ussd}, {"(end)", end})
