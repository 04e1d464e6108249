/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter.h"
#include "tests/unit/filter_rig.h"
#include "tests/unit/oom.h"

/* Every allocation of the loop's thread fails in turn (libcps's and libuv's threads have tests of their own): nothing
 * leaks, and every message is sent on or answered. */

static struct filter_rig rig;
static bool wanted; /* the filter's calls are to fail */
static struct sc_filter inner;

/* Only the filter's own allocations fail, not those of the relay and of the rig around it. */
#define ARMED(call)                                                                                                    \
    do {                                                                                                               \
        oom_resume(wanted);                                                                                            \
        call;                                                                                                          \
        (void)oom_pause();                                                                                             \
    } while (0)

static void offer(void *arg, struct sc_held *held)
{
    ARMED(inner.offer(arg, held));
}

static void abandoned(void *arg, struct sc_held *held)
{
    ARMED(inner.abandoned(arg, held));
}

/* In the filter, decisions allocate in the relay, which has a sweep of its own. */
static void disarmed_write(void *arg, enum sc_leg leg, const void *data, size_t n)
{
    bool armed = oom_pause();
    rig_write(arg, leg, data, n);
    oom_resume(armed);
}

static void begin(void)
{
    filter_prepare(&rig);
    atomic_store(&rig.cps.status, 503); /* operations end at once */
}

static void end(void)
{
    filter_end(&rig);
}

static unsigned count(const struct stir_buf *out, uint32_t command)
{
    unsigned n = 0;
    for (size_t at = 0; at < out->len; at += smpp_header_read(out->ptr + at).length) {
        n += smpp_header_read(out->ptr + at).command == command;
    }
    return n;
}

enum { MESSAGES = 9 };

/* Whole messages, and segments that are joined, refused, given up. */
static void play(void)
{
    static const char *const segments[] = {"0500032a0201 'a'", "0500032a0202 'b'", "0500032b0201 'c'",
                                           "0500032c0301 'd'", "0500032c0301 'e'", "0500032d0201 'f'"};
    for (uint32_t i = 0; i < 3; i++) {
        filter_say(&rig, SC_ESME, 2 + i, FILTER_FROM, FILTER_TO, "'hi' 09", 0); /* 09: a text of several readings */
    }
    for (uint32_t i = 0; i < 6; i++) {
        filter_say(&rig, SC_ESME, 5 + i, FILTER_FROM, "12155551399", segments[i], 0x40);
    }
    ARMED((void)uv_run(&rig.loop, UV_RUN_NOWAIT));
    ARMED(rig.filter.stop(rig.filter.arg));
    for (unsigned i = 0; i < 60000 && sc_relay_held(rig.rig.relay); i++) {
        ARMED((void)uv_run(&rig.loop, UV_RUN_NOWAIT));
    }
}

static bool run(const char *const *options, unsigned long at)
{
    static struct sc_relay_ops ops;
    filter_open(&rig, options);
    ops = rig_ops;
    ops.write = disarmed_write;
    sc_relay_free(rig.rig.relay);
    rig.rig.relay = NULL;
    UNIT_OK(sc_relay_new(&rig.rig.relay, &rig.rig.options, &ops, &rig.rig, "192.0.2.1", 1, rig.rig.now));
    rig.rig.options.offers[SC_ESME] = false;
    rig_bring(&rig.rig, SC_BOUND);
    rig.rig.options.offers[SC_ESME] = true;
    inner = rig.filter;
    rig.filter.offer = offer;
    rig.filter.abandoned = abandoned;
    wanted = true;
    oom_begin(at);
    (void)oom_pause();
    play();
    wanted = false;
    rig.filter = inner;
    filter_settle(&rig);
    unsigned sent = count(&rig.rig.out[SC_PEER], SMPP_SUBMIT_SM);
    unsigned answered = count(&rig.rig.out[SC_ESME], SMPP_SUBMIT_SM | SMPP_RESP);
    UNIT_CHECK(sent + answered == MESSAGES, "allocation %lu: %u sent, %u answered", at, sent, answered);
    UNIT_CHECK(answered <= 1, "allocation %lu: %u answered", at, answered);
    filter_close(&rig);
    return oom_end();
}

static void sweep(const char *const *options)
{
    unsigned long at = 0;
    while (run(options, at)) {
        at++;
    }
    UNIT_CHECK(at > 20, "%lu allocations", at);
}

static void test_sign(void)
{
    sweep((const char *const[]){"submit.action=sign", "join.messages_per_peer=2", NULL});
    sweep((const char *const[]){"submit.action=sign", "join.strict=yes", NULL});
    sweep((const char *const[]){"submit.action=sign", "sign.mode=beside", NULL});
}

static void test_verify(void)
{
    sweep((const char *const[]){"submit.action=verify", "verify.wait_ms=1", "join.messages_per_peer=2", NULL});
    sweep((const char *const[]){"submit.action=verify", "verify.wait_ms=1", "verify.text_prefix=[%v]", NULL});
}

/* Making, reloading and checking a filter. */
static void test_make(void)
{
    unsigned long at = 0;
    static const char *const options[] = {"submit.action=sign", "deliver.action=verify", NULL};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&rig.loop), 0);
    filter_configure(&rig, options);
    for (bool failed = true; failed; at++) {
        struct sc_filter filter = {0};
        struct stir_error err = {0};
        oom_begin(at);
        enum stir_code code = sc_filter_make(&filter, &rig.config, &rig.loop, &rig.log, &err);
        failed = oom_end();
        UNIT_CHECK(code == STIR_OK || failed, "allocation %lu: %s", at, err.text);
        UNIT_CHECK(code == STIR_OK || !filter.arg, "allocation %lu: untouched", at);
        if (code == STIR_OK) {
            oom_begin(at);
            code = filter.reload(filter.arg, &rig.config, &err);
            failed |= oom_end();
            UNIT_CHECK(code == STIR_OK || oom_failed(), "allocation %lu: reload: %s", at, err.text);
            filter.close(filter.arg);
        }
        (void)uv_run(&rig.loop, UV_RUN_DEFAULT);
    }
    UNIT_CHECK(at > 50, "%lu allocations", at);
    UNIT_CHECK(uv_loop_close(&rig.loop) == 0, "the loop has handles left");
    sc_config_clear(&rig.config);
    rig.config = (struct sc_config){0};
}

UNIT_MAIN("sc_filter_oom", {"(begin)", begin}, {"sign", test_sign}, {"verify", test_verify},
          {"making and reloading", test_make}, {"(end)", end})
