/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/refusal.h"

#include "cps/store/redis/topology/servers.h"
#include "cps/store/redis/wire/reply.h"

#define LOG_EVERY_NS (UINT64_C(10) * 1000000000)

void redis_log_refusal(struct redis_node *node, const redisReply *error)
{
    char word[32], where[300];
    struct redis_servers *servers = node->servers;
    uint64_t now = uv_hrtime();
    if (servers->refusal_logged_ns && now - servers->refusal_logged_ns < LOG_EVERY_NS) {
        return;
    }
    servers->refusal_logged_ns = now;
    cpsd_redis_error_word(error, word, sizeof(word));
    cpsd_redis_address_name(&node->address, where, sizeof(where));
    stir_log_plain(redis_servers_config(servers)->log, STIR_LOG_ERROR, "Redis at %s: request refused: %s", where, word);
}
