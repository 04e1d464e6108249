/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/expectation_store.h"

#include "client/sidecar/filter/filter_core.h"
#include "common/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Uses what is learned about senders and routes, and keeps it in a file, which is written on a thread of libuv. */

enum { SAVE_EVERY_MS = 60000 };

struct sc_expect_saving {
    uv_work_t work;
    struct sc_filter_core *core;
    struct sc_expect *copy;
    char *path;
    enum stir_code code;
    struct stir_error err;
};

static int64_t wall_clock_s(void)
{
    return (int64_t)time(NULL);
}

/* ---- use ---- */

enum { ROUTE_MAX = SC_SYSTEM_ID_MAX + 3 };

/* Names a route: a system_id in one direction. */
static void expect_name_route(char out[ROUTE_MAX], enum sc_leg from, const char *system_id)
{
    out[0] = from == SC_ESME ? 's' : 'd';
    out[1] = ' ';
    (void)strncpy(out + 2, system_id, ROUTE_MAX - 3);
    out[ROUTE_MAX - 1] = '\0';
}

bool sc_expect_passport(struct sc_filter_core *core, enum sc_leg from, const char *system_id, const char *orig)
{
    char route[ROUTE_MAX];
    enum sc_expected expected = SC_EXPECT_PASSPORT;
    if (core->expect && core->policy->verify.adaptive) {
        expect_name_route(route, from, system_id);
        expected = sc_expect_ask(core->expect, route, orig, wall_clock_s());
    }
    core->counters.waits[expected]++;
    return expected != SC_EXPECT_NOTHING;
}

void sc_expect_learn(struct sc_filter_core *core, const struct sc_item *item, enum stir_verdict verdict)
{
    char route[ROUTE_MAX];
    if (core->expect && (verdict == STIR_PASSED || verdict == STIR_NO_PASSPORT)) {
        expect_name_route(route, item->from, item->system_id);
        sc_expect_saw(core->expect, route, item->orig, verdict == STIR_PASSED, item->op_count && item->ops[0].wait_ms,
                      wall_clock_s());
    }
}

/* ---- the file ---- */

static void expect_load_file(struct sc_filter_core *core, const char *path)
{
    struct stir_buf text = {.limit = SC_EXPECT_FILE_MAX};
    struct stir_error err = {0};
    if (access(path, F_OK) != 0) {
        return; /* the first start: there is no file yet */
    }
    enum stir_code code = stir_read_file(&text, path, text.limit, &err);
    if (code == STIR_OK) {
        code = sc_expect_load(core->expect, text.ptr, text.len, &err);
    }
    if (code != STIR_OK) {
        stir_log_plain(core->log, STIR_LOG_WARNING,
                       "[verify] adaptive_file: cannot use %s, learning about senders starts anew: %s", path, err.text);
    }
    stir_buf_free(&text);
}

void sc_expect_open(struct sc_filter_core *core)
{
    const struct sc_policy *policy = core->policy;
    if (core->expect || !policy->verify.adaptive) {
        return;
    }
    core->expect = sc_expect_new();
    if (!core->expect) {
        stir_log_plain(core->log, STIR_LOG_WARNING, "[verify] adaptive is not in use: out of memory");
    } else if (policy->verify.adaptive_file[0]) {
        expect_load_file(core, policy->verify.adaptive_file);
    }
}

/* Runs on a thread of libuv. */
static void saving_on_work(uv_work_t *work)
{
    struct sc_expect_saving *saving = work->data;
    struct stir_buf text = {.limit = SC_EXPECT_FILE_MAX};
    saving->code = sc_expect_save(saving->copy, &text);
    if (saving->code == STIR_OK) {
        saving->code = stir_write_file(saving->path, text.ptr, text.len, 0600, &saving->err);
    } else {
        (void)stir_fail(&saving->err, saving->code, "out of memory");
    }
    stir_buf_free(&text);
}

static void saving_free(struct sc_expect_saving *saving)
{
    sc_expect_free(saving->copy);
    free(saving->path);
    free(saving);
}

static void saving_on_done(uv_work_t *work, int status)
{
    struct sc_expect_saving *saving = work->data;
    struct sc_filter_core *core = saving->core;
    if (status == 0 && saving->code != STIR_OK) {
        sc_filter_say(core, "[verify] adaptive_file: cannot save what was learned about senders", saving->err.text);
    }
    saving_free(saving);
    core->saving = false;
    core->handle_closed(core);
}

bool sc_expect_begin_save(struct sc_filter_core *core)
{
    const char *path = core->policy->verify.adaptive_file;
    if (!core->expect || core->saving || !path[0] || !sc_expect_is_changed(core->expect)) {
        return false;
    }
    core->save_ms = sc_now(core) + SAVE_EVERY_MS;
    struct sc_expect_saving *saving = calloc(1, sizeof(*saving));
    if (!saving) {
        return false;
    }
    saving->core = core;
    saving->work.data = saving;
    saving->path = strdup(path);
    saving->copy = sc_expect_take_copy(core->expect);
    if (!saving->path || !saving->copy ||
        uv_queue_work(core->loop, &saving->work, saving_on_work, saving_on_done) != 0) {
        saving_free(saving);
        return false;
    }
    core->saving = true;
    return true;
}

void sc_expect_expire(struct sc_filter_core *core)
{
    if (sc_expect_due(core) <= sc_now(core)) {
        (void)sc_expect_begin_save(core);
    }
}

uint64_t sc_expect_due(const struct sc_filter_core *core)
{
    bool waits =
        core->expect && !core->saving && core->policy->verify.adaptive_file[0] && sc_expect_is_changed(core->expect);
    return waits ? core->save_ms : UINT64_MAX;
}
