/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter.h"
#include "tests/unit/filter_rig.h"

/* Which messages wait for their PASSporT: waits are counted, no time is measured. */
static struct filter_rig rig;
static char file[96];

static void begin(void)
{
    filter_prepare(&rig);
    (void)snprintf(file, sizeof(file), "verify.adaptive_file=%s/senders", rig.dir);
}

static void end(void)
{
    filter_end(&rig);
}

#define VERIFY "submit.action=verify"
#define FULL "verify_waits_total{wait=\"full\"}"
#define PROBE "verify_waits_total{wait=\"probe\"}"
#define NONE "verify_waits_total{wait=\"none\"}"
#define UNSIGNED "12025550100"

/* Sends messages of an unsigned sender, ten outstanding. */
static void send_unsigned(unsigned count)
{
    char text[16];
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "'%u'", i);
        filter_say(&rig, SC_ESME, i + 2, UNSIGNED, FILTER_TO, text, 0);
        while (sc_relay_held(rig.rig.relay) >= 10) {
            filter_turn(&rig);
        }
    }
    filter_settle(&rig);
    rig_clear(&rig.rig);
}

static void test_unsigned(void)
{
    FILTER_OPEN(&rig, VERIFY, file);
    send_unsigned(200);
    FILTER_METRIC(&rig, FULL, 0);
    UNIT_CHECK(filter_metric(&rig, PROBE) <= 20, "%g of 200 wait", filter_metric(&rig, PROBE));
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"no-passport\",action=\"tag\"}", 200);
    filter_close(&rig);
    FILTER_OPEN(&rig, VERIFY, file);
    send_unsigned(50);
    UNIT_CHECK(filter_metric(&rig, NONE) >= 48, "what was learned survives a restart");
    filter_close(&rig);
}

/* A PASSporT that is there when its message comes counts without a wait, and then others are waited for. */
static void test_signer(void)
{
    FILTER_OPEN(&rig, "submit.action=sign");
    filter_submit(&rig, 2, "'signed'");
    filter_settle(&rig);
    filter_close(&rig);
    FILTER_OPEN(&rig, VERIFY, file);
    send_unsigned(20);
    filter_submit(&rig, 90, "'signed'");
    filter_settle(&rig);
    FILTER_METRIC(&rig, "verdicts_total{verdict=\"passed\",action=\"tag\"}", 1);
    double full = filter_metric(&rig, FULL);
    filter_submit(&rig, 91, "'another'");
    filter_settle(&rig);
    FILTER_METRIC(&rig, FULL, full + 1);
    filter_close(&rig);
}

/* Where a message without a PASSporT is rejected, all wait unless `adaptive` is set. */
static void test_reject(void)
{
    FILTER_OPEN(&rig, VERIFY, file, "verify.reject=no-passport", "verify.wait_ms=1");
    send_unsigned(30);
    FILTER_METRIC(&rig, FULL, 30);
    filter_close(&rig);
    FILTER_OPEN(&rig, VERIFY, file, "verify.reject=no-passport", "verify.adaptive=yes");
    send_unsigned(30);
    FILTER_METRIC(&rig, FULL, 0);
    filter_close(&rig);
    FILTER_OPEN(&rig, VERIFY, file, "verify.adaptive=no", "verify.wait_ms=1");
    send_unsigned(30);
    FILTER_METRIC(&rig, FULL, 30);
    filter_close(&rig);
}

/* A file that cannot be used, or written, does not stop anything; systemd's directory is the default. */
static void test_file(void)
{
    char path[96];
    struct stat st;
    filter_write(&rig, "senders", "not what was written");
    FILTER_OPEN(&rig, VERIFY, file);
    send_unsigned(20);
    filter_close(&rig);
    FILTER_OPEN(&rig, VERIFY, "verify.adaptive_file=/nonexistent/senders");
    send_unsigned(20);
    filter_close(&rig);
    (void)snprintf(path, sizeof(path), "%s:/nonexistent", rig.dir);
    CU_ASSERT_EQUAL(setenv("STATE_DIRECTORY", path, 1), 0);
    (void)snprintf(path, sizeof(path), "%s/senders", rig.dir);
    CU_ASSERT_EQUAL(unlink(path), 0);
    FILTER_OPEN(&rig, VERIFY);
    send_unsigned(20);
    filter_close(&rig);
    UNIT_CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size > 100, "written, for its owner");
    CU_ASSERT_EQUAL(unsetenv("STATE_DIRECTORY"), 0);
}

UNIT_MAIN("sc_filter_expect", {"(begin)", begin}, {"F24: unsigned traffic", test_unsigned},
          {"a sender that signs", test_signer}, {"where no-passport is rejected", test_reject}, {"the file", test_file},
          {"(end)", end})
