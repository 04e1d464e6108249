/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/fake_cps.h"
#include "tests/unit/oom_libs.h"

#include <stdlib.h>

/*
 * Every allocation of this thread fails in turn: nothing crashes or leaks, outputs stay as they were, and above all
 * nothing passes that should not. The library's, common/'s, jansson's and OpenSSL's allocations count.
 */

static struct world world;
static struct fake_cps fake;

/* Runs once for each allocation, until it runs through without a failure; now and then once more after a failure: it
 * must have left nothing behind that spoils the next. */
static void sweep(const char *what, void (*run)(bool failed_once), unsigned long stride, unsigned long at_least)
{
    for (unsigned long n = 0;; n += stride) {
        oom_begin(n);
        run(false);
        if (!oom_end()) {
            UNIT_CHECK(n >= at_least, "%s: only %lu allocations", what, n);
            return;
        }
        if (n / stride % 16 == 0) {
            run(true);
        }
    }
}

static void sign_and_seal(bool failed_once)
{
    struct cps_message message = world_message("Hello");
    struct cps_envelopes sealed = {0};
    struct cps_error err = {0};
    char *token = NULL;
    size_t len = 7;
    const struct cps_key *to[] = {world.box_public};
    enum cps_code code = cps_sign(world.cps, world.signer, &message, &token, &len, &err);
    if (code != CPS_OK) {
        UNIT_CHECK(oom_failed() && !failed_once && !token && len == 7, "sign: %s", err.text);
        return;
    }
    code = cps_seal(world.cps, token, len, world.signer, to, 1, &sealed, &err);
    UNIT_CHECK(code == CPS_OK || (oom_failed() && !failed_once && !sealed.items), "seal: %s", err.text);
    cps_envelopes_clear(&sealed);
    cps_text_free(token);
}

static void test_sign(void)
{
    world_begin(&world, NULL);
    sweep("sign and seal", sign_and_seal, 1, 10);
    world_end(&world);
}

static char *good, *forged;
static struct cps_envelopes sealed_good;

/* A fresh handle each time, so that chains are read and verified each time. */
static void verify(bool failed_once)
{
    struct cps_message message = world_message("Hello");
    struct cps_result result;
    struct cps_opened opened = {0};
    struct cps_error err = {0};
    struct cps *cps = NULL;
    const struct cps_key *with[] = {world.box_private};
    enum cps_code code = cps_new(&cps, &world.options, &err);
    if (code != CPS_OK) {
        UNIT_CHECK(oom_failed() && !failed_once && !cps, "new: %s", err.text);
        return;
    }
    code = cps_verify_passport(cps, forged, strlen(forged), NULL, 0, &message, &result);
    UNIT_CHECK(code != CPS_OK && result.verdict != CPS_PASSED, "forged: %s", cps_error_name(code));
    cps_result_clear(&result);
    code = cps_open(cps, sealed_good.items[0].text, sealed_good.items[0].len, with, 1, &opened, &err);
    UNIT_CHECK(code == CPS_OK || (oom_failed() && !failed_once && !opened.passport), "open: %s", err.text);
    if (code == CPS_OK) {
        code = cps_verify_passport(cps, opened.passport, opened.passport_len, opened.x5c, opened.x5c_count, &message,
                                   &result);
        UNIT_CHECK(code == CPS_OK || (oom_failed() && !failed_once && result.verdict != CPS_PASSED), "good: %s",
                   result.error.text);
        cps_result_clear(&result);
    }
    cps_opened_clear(&opened);
    cps_free(cps);
}

static void test_verify(void)
{
    struct cps_error err = {0};
    world_begin(&world, NULL);
    const struct cps_key *to[] = {world.box_public};
    good = world_sign(&world, "Hello", 0);
    forged = world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}",
                         "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"orig\":{\"tn\":\"12155551212\"}}",
                         certs_key());
    CODE_IS(cps_seal(world.cps, good, strlen(good), world.signer, to, 1, &sealed_good, &err), CPS_OK, err);
    oom_spares_openssl = true;
    sweep("verify", verify, 1, 100);
    oom_spares_openssl = false;
    sweep("verify, OpenSSL too", verify, 7, 1000);
    cps_envelopes_clear(&sealed_good);
    cps_text_free(good);
    free(forged);
    world_end(&world);
}

static void receive(bool failed_once)
{
    struct cps_message message = world_message("Hello");
    struct cps_message other = world_message("Another text");
    struct cps_result result;
    const struct cps_key *with[] = {world.box_private};
    struct cps *cps = NULL;
    if (cps_new(&cps, &world.options, NULL) != CPS_OK) {
        return;
    }
    enum cps_code code = cps_receive(cps, &other, with, 1, 0, &result);
    UNIT_CHECK(code != CPS_OK && result.verdict != CPS_PASSED, "another text: %s", cps_error_name(code));
    cps_result_clear(&result);
    code = cps_receive(cps, &message, with, 1, 0, &result);
    UNIT_CHECK(code == CPS_OK || (oom_failed() && !failed_once), "receive: %s", result.error.text);
    cps_result_clear(&result);
    cps_free(cps);
}

static void test_receive(void)
{
    fake_begin(&fake, &world, (struct cps_options){0});
    fake_publish(&fake, &world, "Hello", 0);
    oom_spares_openssl = true;
    sweep("receive", receive, 1, 100);
    oom_spares_openssl = false;
    fake_end(&fake, &world);
}

/* What passes was claimed. */
static void claim(bool failed_once)
{
    struct cps_message message = world_message("Hello");
    struct cps_options options = world.options;
    struct cps_result result;
    const struct cps_key *with[] = {world.box_private};
    struct cps *cps = NULL;
    options.claim = true;
    options.tls_cert_file = world.chain;
    options.tls_key_file = world.signer_key;
    fake.removed[0] = false;
    if (cps_new(&cps, &options, NULL) != CPS_OK) {
        return;
    }
    enum cps_code code = cps_receive(cps, &message, with, 1, 0, &result);
    UNIT_CHECK(code == CPS_OK || (oom_failed() && !failed_once), "receive: %s", result.error.text);
    UNIT_CHECK(code != CPS_OK || fake.removed[0], "it passed, and is in its box still");
    cps_result_clear(&result);
    cps_free(cps);
}

static void test_claim(void)
{
    fake_begin(&fake, &world, (struct cps_options){0});
    fake_publish(&fake, &world, "Hello", 0);
    oom_spares_openssl = true;
    sweep("claim", claim, 1, 100);
    oom_spares_openssl = false;
    fake_end(&fake, &world);
}

/* A table is changed whole or not at all, and nobody signs for more than his own. */
static void tenants(bool failed_once)
{
    static const char *const names[] = {"alice", "bob"};
    const struct cps_tenants_options options = {.size = sizeof(options), .alphanumeric_domain = "sms.example.net"};
    struct cps_tenant tenant = {.size = sizeof(tenant),
                                .names = names,
                                .name_count = 2,
                                .key = world.signer_key,
                                .chain_file = world.chain,
                                .x5u = WORLD_X5U,
                                .numbers = "12155551212, 1215555*, 12155550000-12155550100",
                                .senders = "Parcel Co, Post"};
    struct cps_tenants *table = NULL;
    struct cps_message message = world_message("Hello");
    struct cps_error err = {0};
    char *token = NULL;
    if (cps_tenants_new(&table, &options, &err) != CPS_OK) {
        UNIT_CHECK(oom_failed() && !failed_once && !table, "new: %s", err.text);
        return;
    }
    enum cps_code code = cps_tenants_put(table, &tenant, &err);
    UNIT_CHECK(code == CPS_OK || (oom_failed() && !failed_once), "put: %s", err.text);
    UNIT_CHECK(cps_tenants_count(table) == (code == CPS_OK), "whole or not at all");
    message.orig = "12165551212";
    code = cps_sign_as(world.cps, table, "bob", &message, &token, NULL, &err);
    UNIT_CHECK(code != CPS_OK && !token, "another's number");
    cps_tenants_free(table);
}

static void test_tenants(void)
{
    world_begin(&world, NULL);
    oom_spares_openssl = true; /* OpenSSL 3.0 reads keys through a null pointer without memory */
    sweep("tenants", tenants, 1, 10);
    oom_spares_openssl = false;
    world_end(&world);
}

UNIT_MAIN("libcps without memory", {"sign and seal", test_sign}, {"verify", test_verify}, {"receive", test_receive},
          {"claim", test_claim}, {"tenants", test_tenants})
