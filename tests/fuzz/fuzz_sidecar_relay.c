/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay.h"
#include "tests/fuzz/must.h"

#include <string.h>

/*
 * A relay between two peers and beside a filter that say and decide anything at any time. The first octet sets it up;
 * then each step is an octet that says what happens and one for how much. Only whole PDUs may come out, and nothing may
 * stay held.
 */
enum { HELD_MAX = 64, STEPS = 512 };

struct world {
    struct sc_relay *relay;
    struct sc_held *held[HELD_MAX];
    size_t held_count;
    bool at_once, admits;
    bool closed[SC_LEG_COUNT];
    size_t under_way;
};

static void on_write(void *arg, enum sc_leg leg, const void *data, size_t n)
{
    struct world *world = arg;
    MUST(!world->closed[leg]);
    for (const char *at = data, *end = at + n; at < end;) {
        MUST(end - at >= SMPP_HEADER_LEN);
        struct smpp_header header = smpp_header_read(at);
        MUST(header.length >= SMPP_HEADER_LEN && header.length <= (size_t)(end - at));
        at += header.length;
    }
}

static void on_read(void *arg, enum sc_leg leg, bool on)
{
    (void)arg, (void)leg, (void)on;
}

static bool on_admit(void *arg, const struct sc_bind *bind)
{
    struct world *world = arg;
    MUST(memchr(bind->system_id, 0, sizeof(bind->system_id)));
    return world->admits;
}

static void on_anything(void *arg)
{
    (void)arg;
}

static void on_close(void *arg, enum sc_leg leg)
{
    struct world *world = arg;
    MUST(!world->closed[leg]);
    world->closed[leg] = true;
}

static void on_log(void *arg, enum stir_log_level level, const char *text)
{
    (void)arg, (void)level;
    MUST(strlen(text) > 0);
}

static void decide(struct sc_held *held, unsigned how)
{
    struct smpp_tlv tag = {0x1501, stir_view_str("passed")};
    struct smpp_edit edit = {.append = &tag, .append_count = 1};
    if (how % 3 == 0) {
        sc_held_answer(held, how);
    } else if (how % 3 == 1 || sc_held_edit(held, &edit) != STIR_OK) {
        sc_held_pass(held);
    }
}

static void on_offer(void *arg, struct sc_held *held)
{
    struct world *world = arg;
    if (world->at_once || world->held_count == HELD_MAX) {
        decide(held, held->pdu.header.sequence);
    } else {
        world->held[world->held_count++] = held;
    }
}

static void on_abandoned(void *arg, struct sc_held *held)
{
    struct world *world = arg;
    for (size_t i = 0; i < world->held_count; i++) {
        if (world->held[i] == held) {
            world->held[i] = world->held[--world->held_count];
            return;
        }
    }
    MUST(false); /* it was never offered */
}

static void decide_one(struct world *world, unsigned how)
{
    if (world->held_count) {
        size_t at = how % world->held_count;
        struct sc_held *held = world->held[at];
        world->held[at] = world->held[--world->held_count];
        decide(held, how);
    }
}

static void step(struct world *world, unsigned what, unsigned much, const uint8_t *data, size_t n, uint64_t now)
{
    enum sc_leg leg = (enum sc_leg)(what & 1);
    switch (what >> 1 & 15) {
    case 0:
        decide_one(world, much);
        break;
    case 1:
        sc_relay_connected(world->relay, now);
        break;
    case 2:
        sc_relay_full(world->relay, leg, much & 1, now);
        break;
    case 3:
        sc_relay_resume(world->relay, now);
        break;
    case 4:
        sc_relay_tick(world->relay, now);
        break;
    case 5:
        if (much == 7) {
            sc_relay_drain(world->relay, 1000, now);
        }
        break;
    case 6:
        if (much == 7) {
            sc_relay_lost(world->relay, leg, "lost", now);
            world->closed[leg] = true;
        }
        break;
    case 7:
        sc_held_reorder(world->held, world->held_count);
        break;
    default:
        if (!world->closed[leg]) {
            sc_relay_input(world->relay, leg, data, n, now);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sc_relay_ops ops = {on_write,    on_read,  on_admit,    on_anything,
                                            on_anything, on_close, on_anything, on_log};
    if (size < 1) {
        return 0;
    }
    struct world world = {.at_once = data[0] & 1, .admits = data[0] & 2};
    struct sc_filter filter = {.offer = on_offer, .abandoned = on_abandoned, .arg = &world};
    struct sc_pool pool = {.held_max = 4, .octets_max = 1000};
    struct sc_counters counters = {0};
    struct sc_relay_options options = {.max_pdu = 2048,
                                       .max_unbound_pdu = 512,
                                       .held_max = 3,
                                       .held_octets_max = 600,
                                       .bind_ms = 1000,
                                       .enquire_ms = 500,
                                       .answer_ms = 300,
                                       .pdu_ms = 700,
                                       .idle_ms = 2000,
                                       .unbind_ms = 300,
                                       .offers = {data[0] & 4, data[0] & 8},
                                       .filter = &filter,
                                       .pool = &pool,
                                       .counters = &counters};
    uint64_t now = 1;
    MUST(sc_relay_new(&world.relay, &options, &ops, &world, "192.0.2.1", 1, now) == STIR_OK);
    data++, size--;
    for (unsigned i = 0; i < STEPS && size >= 2; i++) {
        unsigned what = data[0], much = data[1];
        data += 2, size -= 2;
        size_t n = what & 16 ? (much < size ? much : size) : 0;
        now += what >> 5 << 4;
        step(&world, what, much, data, n, now);
        data += n, size -= n;
        MUST(sc_relay_held(world.relay) == pool.held && pool.held >= world.held_count);
    }
    sc_relay_free(world.relay);
    MUST(pool.held == 0 && pool.octets == 0 && world.held_count == 0 && !pool.first_waiting);
    return 0;
}
