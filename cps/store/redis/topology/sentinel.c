/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/sentinel.h"

#include "cps/store/redis/topology/servers.h"
#include "cps/store/redis/wire/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char channel[] = "+switch-master";

/* Moves to another primary if this is not the current one. */
static void sentinel_set_primary(struct redis_servers *servers, const char *host, size_t len, unsigned port)
{
    struct cpsd_redis_address *address = &servers->only.address;
    bool same = address->port == port && strlen(address->host) == len && memcmp(address->host, host, len) == 0;
    if (same || !len || len >= sizeof(address->host)) {
        return;
    }
    memcpy(address->host, host, len);
    address->host[len] = '\0';
    address->port = port;
    redis_node_move(&servers->only, "the Sentinel reports another primary");
}

/* Parses a port in decimal; returns 0 if it is not valid. */
static unsigned sentinel_port_of(const char *text, size_t len)
{
    char digits[8], *end;
    if (len == 0 || len >= sizeof(digits)) {
        return 0;
    }
    memcpy(digits, text, len);
    digits[len] = '\0';
    unsigned long port = strtoul(digits, &end, 10);
    return digits[0] >= '0' && digits[0] <= '9' && *end == '\0' && port <= 65535 ? (unsigned)port : 0;
}

static bool sentinel_is_string(const redisReply *array, size_t i)
{
    return i < array->elements && array->element[i]->type == REDIS_REPLY_STRING;
}

static bool sentinel_on_reply(struct cpsd_redis_request *request, const redisReply *reply)
{
    bool good = !reply || reply->type == REDIS_REPLY_ARRAY || reply->type == REDIS_REPLY_STATUS ||
                reply->type == REDIS_REPLY_ERROR;
    if (good) {
        free(request);
    }
    return good;
}

/* Sends a command whose answer does not matter. */
static bool sentinel_send(struct redis_servers *servers, const struct cpsd_redis_arg *args, size_t count)
{
    struct listening {
        struct cpsd_redis_request request;
        char command[96];
    } *listening = calloc(1, sizeof(*listening));
    if (!listening) {
        return false;
    }
    listening->request = (struct cpsd_redis_request){
        .command = listening->command,
        .len = cpsd_redis_command_write(listening->command, args, count),
        .due_ns = uv_hrtime() + UINT64_C(1000000) * redis_servers_config(servers)->timeout_ms,
        .answered = sentinel_on_reply,
    };
    if (!cpsd_redis_conn_send(&servers->discovery.conn, &listening->request)) {
        free(listening);
        return false;
    }
    return true;
}

/* Takes [host, port], or nil if this Sentinel does not know the primary, and subscribes to its changes. */
static bool sentinel_answer(struct redis_servers *servers, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !sentinel_is_string(reply, 0) ||
        !sentinel_is_string(reply, 1)) {
        return false;
    }
    unsigned port = sentinel_port_of(reply->element[1]->str, reply->element[1]->len);
    if (!port || !reply->element[0]->len) {
        return false;
    }
    sentinel_set_primary(servers, reply->element[0]->str, reply->element[0]->len, port);
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("SUBSCRIBE"), cpsd_redis_arg_text(channel)};
    servers->discovery.listening = sentinel_send(servers, args, 2);
    return true;
}

/* Takes the message "name old-host old-port new-host new-port". */
static void sentinel_switched(struct redis_servers *servers, const char *text, size_t len)
{
    const char *part[6];
    size_t n = 0, size[6] = {0};
    for (size_t i = 0; i <= len && n < 6; i++) {
        if (i == 0 || text[i - 1] == ' ') {
            part[n++] = text + i;
        }
        if (i < len && text[i] != ' ') {
            size[n - 1]++;
        }
    }
    const char *name = servers->shared->place.name;
    unsigned port = n == 5 ? sentinel_port_of(part[4], size[4]) : 0;
    if (port && size[0] == strlen(name) && memcmp(part[0], name, size[0]) == 0) {
        sentinel_set_primary(servers, part[3], size[3], port);
    }
}

static bool sentinel_push(struct redis_servers *servers, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !sentinel_is_string(reply, 0) ||
        !sentinel_is_string(reply, 1) || !sentinel_is_string(reply, 2) ||
        strcmp(reply->element[0]->str, "message") != 0) {
        return false;
    }
    if (strcmp(reply->element[1]->str, channel) == 0) {
        sentinel_switched(servers, reply->element[2]->str, reply->element[2]->len);
    }
    return true;
}

/* Sends PING, since a Sentinel can be silent for years and a dead connection must be noticed. */
static void sentinel_upkeep(struct redis_servers *servers)
{
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("PING")};
    if (!servers->discovery.conn.pending) {
        (void)sentinel_send(servers, args, 1);
    }
}

static size_t sentinel_count(const struct redis_servers *servers)
{
    return servers->shared->place.seeds;
}

static void sentinel_pick(const struct redis_servers *servers, size_t i, struct cpsd_redis_address *out)
{
    *out = servers->shared->place.seed[i];
}

static size_t sentinel_question(struct redis_servers *servers, char *out, size_t size)
{
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("SENTINEL"), cpsd_redis_arg_text("GET-MASTER-ADDR-BY-NAME"),
                                    cpsd_redis_arg_text(servers->shared->place.name)};
    return cpsd_redis_command_size(args, 3) <= size ? cpsd_redis_command_write(out, args, 3) : 0;
}

const struct redis_finder redis_finder_sentinel = {
    .count = sentinel_count,
    .pick = sentinel_pick,
    .question = sentinel_question,
    .answer = sentinel_answer,
    .push = sentinel_push,
    .upkeep = sentinel_upkeep,
};
