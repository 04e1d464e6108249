/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/wire/greeting.h"

#include "cps/store/redis/wire/command.h"
#include "cps/store/redis/wire/pending.h"
#include "cps/store/redis/wire/reply.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct greeting {
    struct cpsd_redis_request request;
    struct cpsd_redis_conn *conn;
    const char *failure; /* for the log, if the answer is not accepted */
    bool (*accept)(struct greeting *greeting, const redisReply *reply);
    char command[];
};

/* Keeps for the log why the answer was not accepted. */
static void greeting_refuse(struct greeting *greeting, const redisReply *reply)
{
    char word[32] = "";
    struct cpsd_redis_conn *conn = greeting->conn;
    if (reply->type == REDIS_REPLY_ERROR) {
        cpsd_redis_error_word(reply, word, sizeof(word));
    }
    (void)snprintf(conn->refusal, sizeof(conn->refusal), "%s%s%s", greeting->failure, word[0] ? ": " : "", word);
}

static bool greeting_accept_ok(struct greeting *greeting, const redisReply *reply)
{
    (void)greeting;
    return reply->type == REDIS_REPLY_STATUS && reply->len == 2 && memcmp(reply->str, "OK", 2) == 0;
}

static bool greeting_accept_auth(struct greeting *greeting, const redisReply *reply)
{
    /* "ERR AUTH <password> called without any password configured ..." */
    return greeting_accept_ok(greeting, reply) ||
           (greeting->conn->config->any_password && cpsd_redis_error_is(reply, "ERR"));
}

/* Where ROLE is forbidden (NOPERM), the first write shows whether it is a primary (READONLY). */
static bool greeting_accept_role(struct greeting *greeting, const redisReply *reply)
{
    static const char primary[] = "master";
    (void)greeting;
    if (reply->type == REDIS_REPLY_ERROR) {
        return cpsd_redis_error_is(reply, "NOPERM");
    }
    const redisReply *role = reply->type == REDIS_REPLY_ARRAY && reply->elements ? reply->element[0] : NULL;
    return role && role->type == REDIS_REPLY_STRING && role->len == sizeof(primary) - 1 &&
           memcmp(role->str, primary, role->len) == 0;
}

/* Every answer is accepted: the user may lack the permission, and a server the setting. */
static bool greeting_accept_setting(struct greeting *greeting, const redisReply *reply)
{
    struct cpsd_redis_settings *settings = &greeting->conn->settings;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[1]->type != REDIS_REPLY_STRING) {
        return true;
    }
    const redisReply *name = reply->element[0], *value = reply->element[1];
    if (cpsd_redis_string_is(name, "maxmemory-policy")) {
        settings->evicts = !cpsd_redis_string_is(value, "noeviction");
    } else if (cpsd_redis_string_is(name, "appendonly")) {
        settings->forgets = cpsd_redis_string_is(value, "no");
    } else if (cpsd_redis_string_is(name, "min-replicas-to-write")) {
        unsigned long replicas = strtoul(value->str, NULL, 10);
        settings->has_min_replicas = true;
        settings->min_replicas = replicas < UINT32_MAX ? (unsigned)replicas : UINT32_MAX;
    }
    return true;
}

/* Redis 7.0 and later has the command. Another error, such as MOVED, shows that the command exists. */
static bool greeting_accept_expiry(struct greeting *greeting, const redisReply *reply)
{
    greeting->conn->settings.has_expiry = !cpsd_redis_error_is(reply, "ERR") && !cpsd_redis_error_is(reply, "NOPERM");
    return true;
}

static bool greeting_accept_script(struct greeting *greeting, const redisReply *reply)
{
    (void)greeting;
    return reply->type == REDIS_REPLY_STRING && reply->len == CPSD_REDIS_SHA_TEXT &&
           strspn(reply->str, "0123456789abcdef") == CPSD_REDIS_SHA_TEXT;
}

static bool greeting_on_answer(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct greeting *greeting = (struct greeting *)request;
    struct cpsd_redis_conn *conn = greeting->conn;
    if (reply && !greeting->accept(greeting, reply)) {
        greeting_refuse(greeting, reply);
        return false;
    }
    OPENSSL_cleanse(greeting->command, greeting->request.len);
    free(greeting);
    if (reply) {
        conn->greeted(conn);
    }
    return true;
}

static bool greeting_send(struct cpsd_redis_conn *conn, const struct greeting *how, const struct cpsd_redis_arg *args,
                          size_t count)
{
    struct greeting *greeting = malloc(sizeof(*greeting) + cpsd_redis_command_size(args, count));
    if (!greeting) {
        return false;
    }
    *greeting = *how;
    greeting->conn = conn;
    greeting->request = (struct cpsd_redis_request){
        .command = greeting->command,
        .len = cpsd_redis_command_write(greeting->command, args, count),
        .due_ns = uv_hrtime() + UINT64_C(1000000) * conn->config->timeout_ms,
        .answered = greeting_on_answer,
    };
    conn->greetings++;
    if (!cpsd_redis_pending_add(conn, &greeting->request)) {
        OPENSSL_cleanse(greeting->command, greeting->request.len);
        free(greeting);
        return false;
    }
    return true;
}

static bool greeting_send_auth(struct cpsd_redis_conn *conn)
{
    static const struct greeting how = {.failure = "AUTH refused; check the user and password in the store's URL",
                                        .accept = greeting_accept_auth};
    const struct cpsd_redis_address *address = conn->config->address;
    struct cpsd_redis_arg args[3] = {cpsd_redis_arg_text("AUTH")};
    size_t count = 1;
    if (!address->password) {
        return true;
    }
    if (address->user) {
        args[count++] = cpsd_redis_arg_text(address->user);
    }
    args[count++] = cpsd_redis_arg_text(address->password);
    return greeting_send(conn, &how, args, count);
}

static bool greeting_send_select(struct cpsd_redis_conn *conn)
{
    static const struct greeting how = {.failure = "SELECT refused; check the database in the store's URL",
                                        .accept = greeting_accept_ok};
    char digits[CPSD_REDIS_DIGITS];
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("SELECT"),
                                    cpsd_redis_arg_number(digits, (int64_t)conn->config->address->db)};
    return conn->config->address->db == 0 || greeting_send(conn, &how, args, 2);
}

static bool greeting_send_role(struct cpsd_redis_conn *conn)
{
    static const struct greeting how = {.failure = "server is not a primary, or ROLE refused",
                                        .accept = greeting_accept_role};
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("ROLE")};
    return greeting_send(conn, &how, args, 1);
}

static bool greeting_send_settings(struct cpsd_redis_conn *conn)
{
    static const struct greeting how = {.failure = "CONFIG GET or PEXPIRETIME refused",
                                        .accept = greeting_accept_setting};
    static const char *const names[] = {"maxmemory-policy", "appendonly", "min-replicas-to-write"};
    bool said = true;
    conn->settings = (struct cpsd_redis_settings){0};
    for (size_t i = 0; said && i < sizeof(names) / sizeof(names[0]); i++) {
        struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("CONFIG"), cpsd_redis_arg_text("GET"),
                                        cpsd_redis_arg_text(names[i])};
        said = greeting_send(conn, &how, args, 3);
    }
    return said;
}

static bool greeting_send_expiry(struct cpsd_redis_conn *conn)
{
    static const struct greeting how = {.failure = "CONFIG GET or PEXPIRETIME refused",
                                        .accept = greeting_accept_expiry};
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("PEXPIRETIME"), cpsd_redis_arg_text(conn->config->sample_key)};
    return greeting_send(conn, &how, args, 2);
}

static bool greeting_send_scripts(struct cpsd_redis_conn *conn)
{
    static const struct greeting how = {.failure = "SCRIPT LOAD refused", .accept = greeting_accept_script};
    bool said = true;
    for (size_t i = 0; said && i < conn->config->script_count; i++) {
        struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("SCRIPT"), cpsd_redis_arg_text("LOAD"),
                                        cpsd_redis_arg_text(conn->config->scripts[i])};
        said = greeting_send(conn, &how, args, 3);
    }
    return said;
}

/* Any answer will do; the user may lack the permission for PING. */
static bool greeting_accept_pong(struct greeting *greeting, const redisReply *reply)
{
    (void)greeting;
    return reply->type == REDIS_REPLY_STATUS || cpsd_redis_error_is(reply, "NOPERM");
}

static bool greeting_send_ping(struct cpsd_redis_conn *conn)
{
    static const struct greeting how = {.failure = "PING refused", .accept = greeting_accept_pong};
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("PING")};
    return greeting_send(conn, &how, args, 1);
}

bool cpsd_redis_greet(struct cpsd_redis_conn *conn)
{
    if (conn->config->use != CPSD_REDIS_FOR_REQUESTS) {
        return greeting_send_auth(conn) && greeting_send_ping(conn);
    }
    return greeting_send_auth(conn) && greeting_send_select(conn) && greeting_send_role(conn) &&
           greeting_send_settings(conn) && greeting_send_expiry(conn) && greeting_send_scripts(conn);
}

bool cpsd_redis_reload_scripts(struct cpsd_redis_conn *conn)
{
    if (conn->reloading) {
        return true;
    }
    conn->reloading = greeting_send_scripts(conn);
    return conn->reloading;
}
