/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/request.h"

#include "cps/store/redis/topology/servers.h"

#include <assert.h>
#include <stdlib.h>

void redis_request_list_init(struct redis_request_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

void redis_request_list_add(struct redis_request_list *list, struct redis_request *request)
{
    assert(list->end && *list->end == NULL);
    request->next = NULL;
    *list->end = request;
    list->end = &request->next;
}

struct redis_request *redis_request_list_take(struct redis_request_list *list)
{
    struct redis_request *first = list->first;
    redis_request_list_init(list);
    return first;
}

void redis_request_enter(struct redis_request *request, enum redis_request_state state)
{
    enum {
        SENT = 1 << REDIS_REQUEST_SENT,
        ASKING = 1 << REDIS_REQUEST_ASKING,
        PARKED = 1 << REDIS_REQUEST_PARKED,
        UNDONE = 1 << REDIS_REQUEST_UNDONE,
        CONFIRMING = 1 << REDIS_REQUEST_CONFIRMING,
    };
    static const unsigned follows[REDIS_REQUEST_STATES] = {
        [REDIS_REQUEST_NEW] = SENT,
        [REDIS_REQUEST_SENT] = SENT | ASKING | PARKED | UNDONE | CONFIRMING,
        [REDIS_REQUEST_ASKING] = SENT | ASKING | PARKED | UNDONE | CONFIRMING,
        [REDIS_REQUEST_PARKED] = SENT,
        [REDIS_REQUEST_UNDONE] = PARKED,
        [REDIS_REQUEST_CONFIRMING] = PARKED,
    };
    assert(follows[request->state] & 1U << state);
    request->state = state;
}

bool redis_request_needs_replicas(const struct redis_request *request)
{
    return request->traits & REDIS_REQUEST_WRITES && redis_servers_config(request->servers)->replicas;
}

void redis_request_fail(struct redis_request *request, enum stir_code code)
{
    request->handler->failed(request, code);
    free(request);
}

void redis_request_confirm(struct redis_request *request)
{
    assert(request->state == REDIS_REQUEST_CONFIRMING);
    request->handler->confirmed(request);
    free(request);
}
