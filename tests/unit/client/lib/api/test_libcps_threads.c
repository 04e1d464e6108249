/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "tests/unit/cps_world.h"

#include <pthread.h>
#include <stdlib.h>

/* One handle, one signer and one key in many threads at once; of use under the thread sanitizer above all. */
#define THREADS 8
#define ROUNDS 40

static struct world world;
static char *shared;
static atomic_uint passed, replayed, other;

static void count(enum cps_code code)
{
    atomic_fetch_add(code == CPS_OK ? &passed : code == CPS_E_REPLAYED ? &replayed : &other, 1);
}

static void one_round(unsigned thread, unsigned round)
{
    char body[32];
    struct cps_envelopes sealed = {0};
    struct cps_opened opened = {0};
    struct cps_result result;
    char *token = NULL;
    size_t len = 0;
    const struct cps_key *to[] = {world.box_public};
    const struct cps_key *with[] = {world.box_private};
    (void)snprintf(body, sizeof(body), "%u of %u", round, thread);
    struct cps_message message = world_message(body);
    enum cps_code code = cps_sign(world.cps, world.signer, &message, &token, &len, NULL);
    if (code == CPS_OK) {
        code = cps_seal(world.cps, token, len, round % 2 ? world.signer : NULL, to, 1, &sealed, NULL);
    }
    if (code == CPS_OK) {
        code = cps_open(world.cps, sealed.items[0].text, sealed.items[0].len, with, 1, &opened, NULL);
    }
    if (code == CPS_OK) {
        code = cps_verify_passport(world.cps, opened.passport, opened.passport_len, round % 2 ? opened.x5c : NULL,
                                   opened.x5c_count, &message, &result);
        cps_result_clear(&result);
    }
    count(code);
    cps_text_free(token);
    cps_envelopes_clear(&sealed);
    cps_opened_clear(&opened);
}

static void *work(void *arg)
{
    unsigned thread = *(unsigned *)arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        one_round(thread, round);
    }
    struct cps_message message = world_message("shared");
    struct cps_result result;
    count(cps_verify_passport(world.cps, shared, strlen(shared), NULL, 0, &message, &result));
    cps_result_clear(&result);
    return NULL;
}

/* Each message's own PASSporT passes; the one that all threads use passes once. */
static void test_threads(void)
{
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    world_begin(&world, NULL);
    shared = world_sign(&world, "shared", 0);
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CU_ASSERT_EQUAL(atomic_load(&passed), THREADS * ROUNDS + 1);
    CU_ASSERT_EQUAL(atomic_load(&replayed), THREADS - 1);
    CU_ASSERT_EQUAL(atomic_load(&other), 0);
    cps_text_free(shared);
    world_end(&world);
}

UNIT_MAIN("libcps threads", {"eight threads, one handle", test_threads})
