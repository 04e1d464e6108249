/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "client/cps_smpp.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/fake_cps.h"

#include <pthread.h>

/* Other bodies that a message may have had where it was signed. */

static struct world world;
static struct fake_cps fake;

static const struct cps_reading readings[] = {
    {.name = "mark", .body = "\xef\xbb\xbftext", .body_len = 7},
    {.name = "nfd", .body = "other", .body_len = 5},
    {.name = "empty", .body = "", .body_len = 0},
};

static struct cps_message message_with(size_t reading_count)
{
    struct cps_message message = world_message("text");
    message.readings = readings;
    message.reading_count = reading_count;
    return message;
}

static void begin(void)
{
    fake_begin(&fake, &world, (struct cps_options){0});
}

static void end(void)
{
    fake_end(&fake, &world);
}

static void receives(size_t reading_count, bool passes, const char *reading)
{
    struct cps_message message = message_with(reading_count);
    const struct cps_key *keys[] = {world.box_private};
    struct cps_result result;
    enum cps_code code = cps_receive(world.cps, &message, keys, 1, 0, &result);
    UNIT_CHECK((code == CPS_OK) == passes && (result.verdict == CPS_PASSED) == passes, "%s: %s (%s)", reading,
               cps_verdict_name(result.verdict), result.error.text);
    UNIT_STR(result.reading, reading, "the reading");
    UNIT_CHECK(result.msgi_checked || !passes, "%s: msgi_checked", reading);
    cps_result_clear(&result);
}

/* A PASSporT of the body passes, and one of a reading does; one of neither does not. */
static void test_receive(void)
{
    begin();
    fake_publish(&fake, &world, "text", 0);
    receives(3, true, "");
    fake_publish(&fake, &world, "other", 0);
    receives(1, false, "");
    receives(2, true, "nfd");
    fake_publish(&fake, &world, "", 0);
    receives(3, true, "empty");
    receives(3, false, "");
    end();
}

static void test_another_text(void)
{
    begin();
    fake_publish(&fake, &world, "Other", 0);
    receives(3, false, "");
    end();
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    enum cps_verdict verdict;
    char reading[CPS_READING_NAME];
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_result(void *arg, const struct cps_result *result)
{
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    seen.done = true;
    seen.verdict = result->verdict;
    memcpy(seen.reading, result->reading, sizeof(seen.reading));
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_for_result(const char *reading)
{
    pthread_mutex_lock(&seen.lock);
    while (!seen.done) {
        pthread_cond_wait(&seen.changed, &seen.lock);
    }
    seen.done = false;
    CU_ASSERT_EQUAL(seen.verdict, CPS_PASSED);
    UNIT_STR(seen.reading, reading, "the reading");
    pthread_mutex_unlock(&seen.lock);
}

/* The callback forms need the readings no longer than until they return. */
static void test_callbacks(void)
{
    struct cps_error err = {0};
    begin();
    fake_publish(&fake, &world, "other", 0);
    char *token = world_sign(&world, "other", 0);
    for (int i = 0; i < 2; i++) {
        char name[] = "nfd";
        char body[] = "other";
        struct cps_reading reading = {.name = name, .body = body, .body_len = 5};
        struct cps_message message = message_with(0);
        const struct cps_key *keys[] = {world.box_private};
        message.readings = &reading;
        message.reading_count = 1;
        enum cps_code code = i == 0 ? cps_receive_async(world.cps, &message, keys, 1, 5000, on_result, NULL, &err)
                                    : cps_verify_passport_async(world.cps, token, strlen(token), NULL, 0, &message,
                                                                on_result, NULL, &err);
        CODE_IS(code, CPS_OK, err);
        memset(name, 'x', sizeof(name));
        memset(body, 'x', sizeof(body));
        memset(&reading, 0, sizeof(reading));
        wait_for_result("nfd");
    }
    cps_text_free(token);
    end();
}

static void test_verify(void)
{
    struct cps_result result;
    world_begin(&world, NULL);
    char *token = world_sign(&world, "other", 0);
    struct cps_message message = message_with(1);
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result),
                    CPS_E_MSGI_MISMATCH);
    VERDICT_IS(&result, CPS_MSGI_MISMATCH, "it is no reading of this message");
    cps_result_clear(&result);
    message = message_with(2);
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result), CPS_OK);
    UNIT_STR(result.reading, "nfd", "the reading");
    cps_result_clear(&result);
    UNIT_STR(result.reading, "", "cleared");
    cps_text_free(token);
    world_end(&world);
}

/* What is signed is the body, whatever readings the message has. */
static void test_sign(void)
{
    struct cps_error err = {0};
    struct cps_result result;
    char *token = NULL;
    world_begin(&world, NULL);
    struct cps_message message = message_with(3);
    CODE_IS(cps_sign(world.cps, world.signer, &message, &token, NULL, &err), CPS_OK, err);
    message.reading_count = 0;
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result), CPS_OK);
    cps_result_clear(&result);
    cps_text_free(token);
    world_end(&world);
}

static void test_arguments(void)
{
    static const struct cps_reading bad[] = {
        {.body = "x", .body_len = 1},
        {.name = "x"},
        {.name = "a name of 16 oct", .body = "x", .body_len = 1},
    };
    struct cps_error err = {0};
    char *token = NULL;
    world_begin(&world, NULL);
    struct cps_message message = world_message("text");
    message.reading_count = 1;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        message.readings = &bad[i];
        CODE_IS(cps_sign(world.cps, world.signer, &message, &token, NULL, &err), CPS_E_INVAL, err);
    }
    message.readings = NULL;
    CODE_IS(cps_sign(world.cps, world.signer, &message, &token, NULL, &err), CPS_E_INVAL, err);
    message.readings = readings;
    message.reading_count = CPS_READINGS_MAX + 1;
    CODE_IS(cps_sign(world.cps, world.signer, &message, &token, NULL, &err), CPS_E_INVAL, err);
    message = message_with(1);
    message.body = NULL;
    message.body_len = 0;
    CODE_IS(cps_sign(world.cps, world.signer, &message, &token, NULL, &err), CPS_E_INVAL, err);
    CU_ASSERT_PTR_NULL(token);
    world_end(&world);
}

UNIT_MAIN("libcps readings", {"receiving", test_receive}, {"another text", test_another_text},
          {"callbacks", test_callbacks}, {"verifying", test_verify}, {"signing", test_sign},
          {"arguments", test_arguments})
