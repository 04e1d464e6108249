/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/sign_outcomes.h"
#include "common/base/buf.h"
#include "common/base/file.h"
#include "tests/unit/unit.h"

/* What became of messages where they are signed: counts by tenant, warnings, and the words for reasons. */

static char said[65536];
static unsigned said_count;

static void say(void *arg, const char *text)
{
    (void)arg;
    said_count++;
    (void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static struct sc_outcomes *begin(void)
{
    said[0] = '\0';
    said_count = 0;
    struct sc_outcomes *outcomes = sc_outcomes_new(say, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(outcomes);
    return outcomes;
}

static void said_is(const char *expected, const char *what)
{
    UNIT_STR(said, expected, what);
    said[0] = '\0';
}

/* N3: one warning at once, then one per minute with the number of messages. */
static void test_n03_a_warning_per_minute(void)
{
    struct sc_outcomes *outcomes = begin();
    for (unsigned i = 0; i < 1204; i++) {
        sc_outcomes_warn(outcomes, "kannel", false, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_TENANT, NULL, 1000 + i);
    }
    said_is("system_id \"kannel\" has no tenant: 1 message unsigned\n", "the first");
    UNIT_CHECK(outcomes->due_ms == 61000, "due at %llu", (unsigned long long)outcomes->due_ms);
    sc_outcomes_expire(outcomes, 60999);
    said_is("", "not before a minute is over");
    sc_outcomes_expire(outcomes, 61000);
    said_is("system_id \"kannel\" has no tenant: 1,203 messages unsigned\n", "after a minute");
    UNIT_CHECK(outcomes->due_ms == UINT64_MAX, "nothing waits");
    sc_outcomes_expire(outcomes, 200000);
    said_is("", "nothing has happened");
    sc_outcomes_warn(outcomes, "kannel", false, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_TENANT, NULL, 200000);
    said_is("system_id \"kannel\" has no tenant: 1 message unsigned\n", "a minute has passed");
    sc_outcomes_warn(outcomes, "kannel", false, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_TENANT, NULL, 200001);
    sc_outcomes_end(outcomes);
    said_is("system_id \"kannel\" has no tenant: 1 message unsigned\n", "at the end");
    sc_outcomes_free(outcomes);
}

/* Each system_id, reason and outcome has a warning of its own. */
static void test_n03_pairs(void)
{
    struct sc_outcomes *outcomes = begin();
    sc_outcomes_warn(outcomes, "a", true, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_OUTSIDE, NULL, 5);
    sc_outcomes_warn(outcomes, "b", true, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_OUTSIDE, NULL, 5);
    sc_outcomes_warn(outcomes, "a", true, SC_OUTCOME_REFUSED, SC_UNSIGNED_OUTSIDE, NULL, 5);
    sc_outcomes_warn(outcomes, "a", true, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_FAILED, "the CPS is away", 5);
    sc_outcomes_warn(outcomes, "a", true, SC_OUTCOME_UNSIGNED, SC_UNFIT_SENDER, NULL, 5);
    said_is(
        "system_id \"a\" sends from senders outside its tenant's numbers and names: 1 message unsigned\n"
        "system_id \"b\" sends from senders outside its tenant's numbers and names: 1 message unsigned\n"
        "system_id \"a\" sends from senders outside its tenant's numbers and names: 1 message refused\n"
        "system_id \"a\" has messages whose PASSporT could not be made or published: 1 message unsigned (the CPS is "
        "away)\n"
        "system_id \"a\" sends from senders that are neither a number nor a name in [sender] alphanumeric_domain: 1 "
        "message unsigned\n",
        "each");
    sc_outcomes_free(outcomes);
}

/* Memory is bounded, and nothing is lost: what has no place is told together. */
static void test_n03_many_system_ids(void)
{
    char name[16];
    struct sc_outcomes *outcomes = begin();
    for (unsigned i = 0; i < SC_OUTCOME_WARNINGS + 100; i++) {
        (void)snprintf(name, sizeof(name), "esme%u", i);
        sc_outcomes_warn(outcomes, name, true, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_OUTSIDE, NULL, 10);
    }
    UNIT_CHECK(said_count == SC_OUTCOME_WARNINGS + 1, "%u warnings", said_count);
    said[0] = '\0';
    sc_outcomes_expire(outcomes, 60010);
    said_is("other system_ids send messages that are not signed: 99 messages unsigned\n", "the others");
    UNIT_CHECK(outcomes->tenant_count == 2 + SC_OUTCOME_TENANTS, "%zu tenants", outcomes->tenant_count);
    UNIT_CHECK(outcomes->tenants[1].counts[SC_OUTCOME_UNSIGNED] == SC_OUTCOME_WARNINGS + 100 - SC_OUTCOME_TENANTS,
               "others");
    sc_outcomes_warn(outcomes, "new", false, SC_OUTCOME_UNSIGNED, SC_UNSIGNED_TENANT, NULL, 60011);
    said_is("system_id \"new\" has no tenant: 1 message unsigned\n", "it has the place of one that is over");
    sc_outcomes_free(outcomes);
}

static void test_tenants(void)
{
    struct sc_outcomes *outcomes = begin();
    sc_outcomes_count(outcomes, "alice", true, SC_OUTCOME_SIGNED);
    sc_outcomes_count(outcomes, "alice", true, SC_OUTCOME_SPOOLED);
    sc_outcomes_count(outcomes, "alice", true, SC_OUTCOME_SIGNED);
    sc_outcomes_count(outcomes, "stranger", false, SC_OUTCOME_UNSIGNED);
    sc_outcomes_count(outcomes, "another", false, SC_OUTCOME_UNSIGNED);
    UNIT_CHECK(outcomes->tenant_count == 3, "%zu", outcomes->tenant_count);
    UNIT_STR(outcomes->tenants[0].name, "none", "without a tenant");
    UNIT_CHECK(outcomes->tenants[0].counts[SC_OUTCOME_UNSIGNED] == 2, "without a tenant");
    UNIT_STR(outcomes->tenants[2].name, "alice", "a tenant");
    UNIT_CHECK(outcomes->tenants[2].counts[SC_OUTCOME_SIGNED] == 2, "signed");
    UNIT_CHECK(outcomes->tenants[2].counts[SC_OUTCOME_SPOOLED] == 1, "spooled");
    sc_outcomes_free(outcomes);
}

static void read_document(struct stir_buf *out, const char *path)
{
    char whole[512];
    struct stir_error err = {0};
    (void)snprintf(whole, sizeof(whole), "%s/../../../%s", TEST_DATA, path);
    UNIT_CODE(stir_read_file(out, whole, 1 << 22, &err), STIR_OK, err.text);
}

/* Every reason and every outcome has a name and words, no two are alike, and the documents explain them. */
static void test_words(void)
{
    struct stir_buf readme = {0}, metrics = {0}, manual = {0};
    char quoted[64];
    read_document(&readme, "client/sidecar/README.md");
    read_document(&metrics, "deploy/prometheus/metrics.md");
    read_document(&manual, "deploy/man/cps-smpp.8.scd");
    for (unsigned why = SC_FIT + 1; why < SC_UNSIGNED_COUNT; why++) {
        const char *name = sc_unsigned_name(why);
        UNIT_CHECK(name[0] && sc_unsigned_does(why)[0], "%u has words", why);
        for (unsigned other = SC_FIT + 1; other < why; other++) {
            UNIT_CHECK(strcmp(sc_unsigned_name(other), name) != 0, "%s twice", name);
        }
        (void)snprintf(quoted, sizeof(quoted), "`%s`", name);
        UNIT_CHECK(readme.ptr && strstr(readme.ptr, quoted), "client/sidecar/README.md explains %s", quoted);
        UNIT_CHECK(metrics.ptr && strstr(metrics.ptr, quoted), "metrics.md names %s", quoted);
        (void)snprintf(quoted, sizeof(quoted), "*%s*", name);
        UNIT_CHECK(manual.ptr && strstr(manual.ptr, quoted), "the manual page explains %s", quoted);
    }
    for (int outcome = 0; outcome < SC_OUTCOME_COUNT; outcome++) {
        (void)snprintf(quoted, sizeof(quoted), "`%s`", sc_outcome_name((enum sc_outcome)outcome));
        UNIT_CHECK(readme.ptr && strstr(readme.ptr, quoted), "client/sidecar/README.md explains %s", quoted);
        UNIT_CHECK(metrics.ptr && strstr(metrics.ptr, quoted), "metrics.md names %s", quoted);
    }
    UNIT_STR(sc_unsigned_name(SC_UNSIGNED_COUNT), "", "beyond");
    UNIT_STR(sc_unsigned_does(SC_UNSIGNED_COUNT), "", "beyond");
    stir_buf_free(&manual);
    stir_buf_free(&readme);
    stir_buf_free(&metrics);
}

UNIT_MAIN("sc_outcomes", {"N3: a warning per minute", test_n03_a_warning_per_minute},
          {"N3: each system_id and reason", test_n03_pairs}, {"N3: many system_ids", test_n03_many_system_ids},
          {"tenants", test_tenants}, {"words", test_words})
