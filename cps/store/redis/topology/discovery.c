#include "cps/store/redis/redis_internal.h"

#include <stddef.h>

/*
 * Asks where the servers are: at the start, when something shows that what is known is out of date, now and then, and
 * again and again while not all is well. Each time that it is in doubt it asks another one: the one that it asked
 * before may be cut off from the others and not know it.
 */
#define MS UINT64_C(1000000)
#define SOON_MS 5        /* after the first doubt: what follows from one cause is one question */
#define AGAIN_MS 150     /* between questions */
#define REFRESH_MS 10000 /* though nothing shows that it is needed */

static const struct redis_finder *finder_of(const struct redis_store *store)
{
    return redis_is_cluster(store) ? &redis_finder_cluster : &redis_finder_sentinel;
}

static bool is_well(const struct redis_store *store)
{
    if (!redis_is_cluster(store)) {
        return redis_node_ready(&store->only);
    }
    bool well = store->slots != NULL;
    for (const struct redis_node *node = store->nodes; well && node; node = node->next) {
        well = redis_node_ready(node);
    }
    return well;
}

static void begin_timer(struct redis_store *store, uint64_t ms);

static bool on_answer(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct redis_store *store = (struct redis_store *)((char *)request - offsetof(struct redis_store, scout.question));
    if (reply) {
        /* what the answer leads to may show anew that it was wrong */
        store->scout.stale = false;
        if (!finder_of(store)->answer(store, reply)) {
            store->scout.stale = true;
            return false;
        }
    }
    store->scout.asking = false;
    return true;
}

static void ask(struct redis_store *store)
{
    struct redis_scout *scout = &store->scout;
    if (scout->asking || scout->listening || !cpsd_redis_conn_up(&scout->conn)) {
        return;
    }
    scout->asked_ns = uv_hrtime();
    scout->question = (struct cpsd_redis_request){
        .command = scout->command,
        .len = finder_of(store)->question(store, scout->command, sizeof(scout->command)),
        .due_ns = scout->asked_ns + MS * store->base.backend->config.timeout_ms,
        .answered = on_answer,
    };
    scout->asking = scout->question.len && cpsd_redis_conn_send(&scout->conn, &scout->question);
}

static void on_timer(uv_timer_t *timer)
{
    struct redis_store *store = timer->data;
    struct redis_scout *scout = &store->scout;
    if (!scout->stale && is_well(store)) {
        return;
    }
    if ((scout->move || scout->listening) && cpsd_redis_conn_up(&scout->conn)) {
        scout->move = false;
        cpsd_redis_conn_move(&scout->conn, "another one is asked");
    } else {
        ask(store);
        scout->move = true;
    }
    begin_timer(store, AGAIN_MS);
}

static void begin_timer(struct redis_store *store, uint64_t ms)
{
    if (!store->base.closing) {
        uv_update_time(store->base.loop);
        (void)uv_timer_start(&store->scout.timer, on_timer, ms, 0);
    }
}

void redis_scout_wanted(struct redis_store *store, bool elsewhere)
{
    struct redis_scout *scout = &store->scout;
    if (!scout->opened || store->base.closing) {
        return;
    }
    scout->stale = true;
    scout->move = scout->move || elsewhere;
    if (!uv_is_active((uv_handle_t *)&scout->timer)) {
        begin_timer(store, SOON_MS);
    }
}

void redis_scout_upkeep(struct redis_store *store)
{
    struct redis_scout *scout = &store->scout;
    if (!is_well(store)) {
        redis_scout_wanted(store, true);
    } else if (finder_of(store)->upkeep) {
        finder_of(store)->upkeep(store);
    } else if (uv_hrtime() - scout->asked_ns > REFRESH_MS * MS) {
        ask(store);
    }
}

bool redis_scout_send(struct redis_store *store, struct cpsd_redis_request *request)
{
    request->due_ns = uv_hrtime() + MS * store->base.backend->config.timeout_ms;
    return cpsd_redis_conn_send(&store->scout.conn, request);
}

static void on_up(void *owner)
{
    struct redis_store *store = owner;
    store->scout.listening = false;
    ask(store);
}

static void on_down(void *owner)
{
    struct redis_store *store = owner;
    store->scout.listening = false;
    redis_scout_wanted(store, false);
}

static void on_closed(void *owner)
{
    redis_part_closed(owner);
}

static bool locate(void *owner)
{
    struct redis_store *store = owner;
    const struct redis_finder *finder = finder_of(store);
    finder->pick(store, store->scout.next++ % finder->count(store), &store->scout.address);
    return true;
}

static bool on_push(void *owner, const redisReply *reply)
{
    struct redis_store *store = owner;
    const struct redis_finder *finder = finder_of(store);
    return finder->push && finder->push(store, reply);
}

void redis_scout_open(struct redis_store *store)
{
    struct redis_scout *scout = &store->scout;
    scout->opened = true;
    scout->config = (struct cpsd_redis_conn_config){
        .use = CPSD_REDIS_FOR_QUESTIONS,
        .any_password = !redis_is_cluster(store),
        .address = &scout->address,
        .timeout_ms = store->base.backend->config.timeout_ms,
        .log = store->base.backend->config.log,
        .up = on_up,
        .down = on_down,
        .closed = on_closed,
        .locate = locate,
        .push = on_push,
        .owner = store,
    };
    (void)uv_timer_init(store->base.loop, &scout->timer);
    scout->timer.data = store;
    store->parts += 2;
    cpsd_redis_conn_open(&scout->conn, store->base.loop, &scout->config);
    redis_upkeep_begin(store);
}

static void on_timer_closed(uv_handle_t *handle)
{
    redis_part_closed(handle->data);
}

void redis_scout_close(struct redis_store *store)
{
    cpsd_redis_conn_close(&store->scout.conn);
    uv_close((uv_handle_t *)&store->scout.timer, on_timer_closed);
}
