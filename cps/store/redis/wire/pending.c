/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/wire/pending.h"

#include <assert.h>

void cpsd_redis_pending_init(struct cpsd_redis_conn *conn)
{
    conn->first = NULL;
    conn->end = &conn->first;
    conn->pending = 0;
}

bool cpsd_redis_pending_add(struct cpsd_redis_conn *conn, struct cpsd_redis_request *request)
{
    assert(conn->state == CPSD_REDIS_GREETING || conn->state == CPSD_REDIS_UP);
    assert(*conn->end == NULL);
    if (!cpsd_redis_link_write(conn->link, request->command, request->len)) {
        return false;
    }
    request->next = NULL;
    *conn->end = request;
    conn->end = &request->next;
    conn->pending++;
    return true;
}

void cpsd_redis_pending_take(struct cpsd_redis_conn *conn)
{
    assert(conn->first && conn->pending > 0);
    conn->first = conn->first->next;
    if (!conn->first) {
        conn->end = &conn->first;
    }
    conn->pending--;
}

void cpsd_redis_pending_put_back(struct cpsd_redis_conn *conn, struct cpsd_redis_request *request)
{
    request->next = conn->first;
    conn->first = request;
    if (!request->next) {
        conn->end = &request->next;
    }
    conn->pending++;
}

void cpsd_redis_pending_fail(struct cpsd_redis_conn *conn)
{
    struct cpsd_redis_request *request = conn->first;
    cpsd_redis_pending_init(conn);
    for (struct cpsd_redis_request *next; request; request = next) {
        next = request->next;
        (void)request->answered(request, NULL);
    }
}
