/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter_core.h"
#include "client/sidecar/filter/segments.h"
#include "tests/unit/filter_rig.h"

/*
 * How long the segments of a long message are held. The clock of the loop is the test's: it stands still unless the
 * test sets it or turns the loop.
 */
static struct filter_rig rig;

static void begin(void)
{
    filter_prepare(&rig);
}

static void end(void)
{
    filter_end(&rig);
}

#define VERIFY "submit.action=verify"

static struct sc_filter_core *core(void)
{
    return rig.filter.arg;
}

static void pass_ms(unsigned ms)
{
    rig.loop.time += ms;
    sc_hold_expire(core());
    sc_join_expire(core());
}

/* Segment `number` of three to FILTER_TO, or to another number. */
static void segment_to(uint32_t sequence, const char *to, unsigned ref, unsigned number)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "050003 %02x 03 %02x 'text %u, part %u. '", ref, number, ref, number);
    filter_say(&rig, SC_ESME, sequence, FILTER_FROM, to, text, 0x40);
}

static void segment(uint32_t sequence, unsigned ref, unsigned number)
{
    segment_to(sequence, FILTER_TO, ref, number);
}

/* Publishes the PASSporT of such a message. */
static void publish(unsigned ref)
{
    FILTER_OPEN(&rig, "submit.action=sign");
    for (uint32_t i = 1; i <= 3; i++) {
        segment(i + 1, ref, i);
    }
    filter_settle(&rig);
    FILTER_METRIC(&rig, "signed_total{outcome=\"published\"}", 1);
    filter_close(&rig);
}

/* The verdict TLVs of what went to the peer since the last look, with sequence numbers. */
static void check_tags(const char *expected, const char *label)
{
    struct stir_buf text = {0};
    const struct stir_buf *out = &rig.rig.out[SC_PEER];
    for (size_t at = 0; at < out->len; at += smpp_header_read(out->ptr + at).length) {
        struct smpp_header header = smpp_header_read(out->ptr + at);
        struct smpp_pdu pdu;
        struct smpp_tlv tlv;
        UNIT_CHECK(smpp_pdu_read(&pdu, out->ptr + at, header.length, NULL) == SMPP_OK, "a PDU");
        bool tagged = smpp_tlv_find(&tlv, pdu.tlvs, 0x1501);
        stir_buf_printf(&text, "%s%u %.*s", text.len ? ", " : "", (unsigned)header.sequence,
                        tagged ? (int)tlv.value.len : 1, tagged ? tlv.value.ptr : "-");
    }
    UNIT_STR(text.ptr ? text.ptr : "", expected, label);
    stir_buf_free(&text);
    rig_clear(&rig.rig);
}

/* ---- window ---- */

static void test_pause(void)
{
    publish(1);
    FILTER_OPEN(&rig, VERIFY);
    segment(2, 1, 1);
    pass_ms(199);
    check_tags("", "held for 200 ms");
    pass_ms(1);
    check_tags("2 -", "and then forwarded");
    segment(3, 1, 2);
    check_tags("3 -", "one was forwarded: the next one is not held");
    segment(4, 1, 3);
    check_tags("", "the last one is");
    filter_settle(&rig);
    check_tags("4 passed", "judged with the whole text");
    FILTER_METRIC(&rig, "released_segments_total", 2);
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"passed\",action=\"tag\"}", 1);
    FILTER_METRIC(&rig, "join_segments", 0);
    filter_close(&rig);
}

/* What comes in time is held whole, and tagged whole. */
static void test_no_pause(void)
{
    publish(2);
    FILTER_OPEN(&rig, VERIFY);
    for (uint32_t i = 1; i <= 3; i++) {
        segment(i + 1, 2, i);
        pass_ms(199);
    }
    check_tags("", "all are held");
    filter_settle(&rig);
    check_tags("2 passed, 3 passed, 4 passed", "all are judged");
    FILTER_METRIC(&rig, "released_segments_total", 0);
    filter_close(&rig);
}

/* Others' messages on the bind keep it busy: a segment is held for 600 ms at most. */
static void test_shared_bind(void)
{
    publish(3);
    FILTER_OPEN(&rig, VERIFY, "verify.deliver=no-passport,timeout", "cps.max_in_flight=1");
    segment(2, 3, 1);
    for (uint32_t i = 0; i < 5; i++) {
        pass_ms(150);
        segment_to(10 + i, "12155551999", i, 1);
        check_tags(i < 3 ? "" : i == 3 ? "2 -" : "10 -", "at 600 ms");
    }
    segment(3, 3, 2);
    segment(4, 3, 3);
    filter_settle(&rig);
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"passed\",action=\"tag\"}", 1);
    filter_close(&rig);
}

/* Verdict TLVs that a sender planted are removed from what is forwarded before its verdict. */
static void test_planted(void)
{
    FILTER_OPEN(&rig, VERIFY);
    rig_send(&rig.rig, SC_ESME, SMPP_SUBMIT_SM, 0, 2,
             "00 0101 '12155551212' 00 0101 '12155551313' 00 40 00 00 00 00 00 00 00 00 08 050003040301 'hi' "
             "1501 0006 'passed' 1502 0008 'spc:9999'");
    pass_ms(200);
    check_tags("2 -", "no tag");
    FILTER_METRIC(&rig, "planted_tags_total", 1);
    filter_close(&rig);
}

/* ---- reject ---- */

#define REJECT "verify.reject=no-passport"
#define EMPTY "12155551888" /* a destination whose box is empty */

static void test_reject_whole(void)
{
    FILTER_OPEN(&rig, VERIFY, REJECT);
    for (uint32_t i = 1; i <= 3; i++) {
        segment_to(i + 1, EMPTY, 9, i);
    }
    filter_settle(&rig);
    check_tags("", "a message that was held whole is rejected whole");
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"no-passport\",action=\"reject\"}", 1);
    FILTER_METRIC(&rig, "reject_tagged_total", 0);
    filter_close(&rig);
}

static void test_reject_after_pause(void)
{
    FILTER_OPEN(&rig, VERIFY, REJECT);
    segment_to(2, EMPTY, 9, 1);
    pass_ms(200);
    segment_to(3, EMPTY, 9, 2);
    segment_to(4, EMPTY, 9, 3);
    filter_settle(&rig);
    check_tags("2 -, 3 -, 4 no-passport", "the last one is tagged");
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"no-passport\",action=\"tag\"}", 1);
    FILTER_METRIC(&rig, "reject_tagged_total", 1);
    filter_close(&rig);
}

/* ---- never, always ---- */

static void test_never(void)
{
    publish(5);
    FILTER_OPEN(&rig, VERIFY, "join.hold=never");
    segment(2, 5, 3);
    segment(3, 5, 1);
    check_tags("2 -, 3 -", "at once");
    segment(4, 5, 2);
    filter_settle(&rig);
    check_tags("4 passed", "the one that came last is judged");
    filter_close(&rig);
}

static void test_always(void)
{
    FILTER_OPEN(&rig, VERIFY, "join.hold=always", "join.timeout_ms=3000");
    segment(2, 6, 1);
    pass_ms(2000);
    segment(3, 6, 2);
    pass_ms(2999);
    check_tags("", "held until timeout_ms after the last segment");
    pass_ms(1);
    check_tags("2 timeout, 3 timeout", "and then judged as incomplete");
    FILTER_METRIC(&rig, "released_segments_total", 0);
    filter_close(&rig);
}

/* ---- incomplete messages ---- */

/* A later message of the same sender to the same number is not delayed; messages that are complete keep their order. */
static void test_no_delay(void)
{
    FILTER_OPEN(&rig, VERIFY, "join.hold=always", "verify.deliver=no-passport");
    filter_submit(&rig, 2, "'first'");
    segment(3, 7, 1);
    filter_submit(&rig, 4, "'code 123456'");
    for (unsigned i = 0; i < 60000 && sc_relay_held(rig.rig.relay) > 1; i++) {
        filter_turn(&rig);
    }
    RIG_TOLD(&rig.rig, "P:submit_sm#2 P:submit_sm#4", "the incomplete one stays");
    segment(5, 7, 2);
    segment(6, 7, 3);
    filter_submit(&rig, 7, "'after'");
    filter_settle(&rig);
    RIG_TOLD(&rig.rig, "P:submit_sm#3 P:submit_sm#5 P:submit_sm#6 P:submit_sm#7", "complete, it is before the next");
    filter_close(&rig);
}

/* What was forwarded and never completed leaves a line and a count. */
static void test_never_complete(void)
{
    char path[96], text[2048] = "";
    FILTER_OPEN(&rig, VERIFY, "join.timeout_ms=3000", "verify.reject=timeout", "log.numbers=yes");
    segment(2, 8, 1);
    pass_ms(200);
    segment(3, 8, 2);
    segment(4, 8, 2);
    check_tags("2 -, 3 -, 4 -", "a copy is forwarded, too");
    pass_ms(14999);
    FILTER_METRIC(&rig, "joined_total{outcome=\"expired\"}", 0);
    pass_ms(1);
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"timeout\",action=\"deliver\"}", 1);
    FILTER_METRIC(&rig, "joined_total{outcome=\"expired\"}", 1);
    filter_close(&rig);
    (void)snprintf(path, sizeof(path), "%s/judged", rig.dir);
    FILE *judged = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(judged);
    while (fgets(text, sizeof(text), judged)) { /* the last line */
    }
    (void)fclose(judged);
    UNIT_CHECK(strstr(text, "\"timeout\"") && strstr(text, FILTER_TO) && strstr(text, "\"segments\":2"), "%s", text);
}

/* The last segment loses its connection before its verdict: alone it comes again, and is judged with the whole text. */
static void test_lost_last(void)
{
    publish(12);
    FILTER_OPEN(&rig, VERIFY);
    segment(2, 12, 1);
    pass_ms(200);
    segment(3, 12, 2);
    check_tags("2 -, 3 -", "forwarded");
    segment(4, 12, 3);
    sc_relay_abort(rig.rig.relay, rig.rig.now);
    rig_free(&rig.rig);
    filter_bind(&rig);
    segment(5, 12, 3);
    filter_settle(&rig);
    check_tags("5 passed", "as if nothing had happened");
    FILTER_METRIC(&rig, "repeated_total", 1);
    FILTER_METRIC(&rig, "join_segments", 0);
    segment(6, 12, 3);
    FILTER_METRIC(&rig, "join_segments", 1); /* once */
    filter_close(&rig);
}

/* The connection ends between segments. */
static void test_lost(void)
{
    FILTER_OPEN(&rig, VERIFY);
    segment(2, 10, 1);
    segment_to(3, "12155551777", 10, 1);
    sc_relay_abort(rig.rig.relay, rig.rig.now);
    pass_ms(16000);
    FILTER_METRIC(&rig, "released_segments_total", 0);
    FILTER_METRIC(&rig, "join_segments", 0);
    filter_close(&rig);
}

/* Segments that wait for the PASSporT of the whole message to be published. */
static void test_strict(void)
{
    FILTER_OPEN(&rig, "submit.action=sign", "join.strict=yes");
    segment(2, 11, 1);
    pass_ms(200);
    RIG_TOLD(&rig.rig, "P:submit_sm#2", "a sender that pauses");
    segment(3, 11, 2);
    segment(4, 11, 3);
    filter_settle(&rig);
    RIG_TOLD(&rig.rig, "P:submit_sm#3 P:submit_sm#4", "the last one waits for the CPS");
    FILTER_METRIC(&rig, "signed_total{outcome=\"published\"}", 1);
    filter_close(&rig);
}

UNIT_MAIN("sc_filter_hold", {"(begin)", begin}, {"F22: a sender that pauses", test_pause},
          {"F22: one that does not", test_no_pause}, {"F22: a bind that is shared", test_shared_bind},
          {"planted tags", test_planted}, {"reject, held whole", test_reject_whole},
          {"reject, forwarded in part", test_reject_after_pause}, {"never", test_never}, {"always", test_always},
          {"F23: no delay by an incomplete message", test_no_delay}, {"never complete", test_never_complete},
          {"the connection ends", test_lost}, {"the connection of the last segment ends", test_lost_last},
          {"strict signing", test_strict}, {"(end)", end})
