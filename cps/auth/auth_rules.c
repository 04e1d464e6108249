/* SPDX-License-Identifier: MIT */
#include "cps/auth/auth_rules.h"

#include "common/base/url.h"

#include <stdlib.h>
#include <string.h>

#define ITEM_MAX 256

static void auth_rules_free_items(char **items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i]);
    }
    free(items);
}

void cpsd_auth_rules_free(struct cpsd_auth_rules *rules)
{
    if (rules) {
        auth_rules_free_items(rules->aud, rules->aud_count);
        auth_rules_free_items(rules->hosts, rules->host_count);
        free(rules->ports);
        free(rules);
    }
}

static enum stir_code auth_rules_add_item(char ***items, size_t *count, const char *text, size_t n,
                                          struct stir_error *err)
{
    char **more = realloc(*items, (*count + 1) * sizeof(*more));
    char *copy = strndup(text, n);
    *items = more ? more : *items;
    if (!more || !copy) {
        free(copy);
        return stir_fail(err, STIR_E_NOMEM, "out of memory for [auth]");
    }
    (*items)[(*count)++] = copy;
    return STIR_OK;
}

static enum stir_code auth_rules_read_items(char ***items, size_t *count, const char *list, struct stir_error *err)
{
    char item[ITEM_MAX];
    size_t pos = 0;
    enum stir_code code = STIR_OK;
    while (code == STIR_OK && stir_conf_next(list, &pos, item, sizeof(item))) {
        code = auth_rules_add_item(items, count, item, strlen(item), err);
    }
    return code;
}

/* By default a token's aud must be the host in public_url. */
static enum stir_code auth_rules_read_audience(struct cpsd_auth_rules *rules, const struct cpsd_config *config,
                                               struct stir_error *err)
{
    struct stir_url url;
    const char *own = config->public_url;
    if (config->auth_audience[0]) {
        return auth_rules_read_items(&rules->aud, &rules->aud_count, config->auth_audience, err);
    }
    if (!own[0]) {
        return STIR_OK;
    }
    enum stir_code code = stir_url_parse(&url, own, strlen(own), STIR_E_CONFIG, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "[server] public_url");
    }
    return auth_rules_add_item(&rules->aud, &rules->aud_count, url.host.ptr, url.host.len, err);
}

static enum stir_code auth_rules_read_ports(struct cpsd_auth_rules *rules, const char *list, struct stir_error *err)
{
    char item[ITEM_MAX];
    size_t pos = 0, count = 0;
    rules->ports = calloc(strlen(list) / 2 + 1, sizeof(*rules->ports));
    if (!rules->ports) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for [auth]");
    }
    while (stir_conf_next(list, &pos, item, sizeof(item))) {
        char *end = NULL;
        unsigned long port = strtoul(item, &end, 10);
        if (item[0] < '0' || item[0] > '9' || *end || port < 1 || port > 65535) {
            return stir_fail(err, STIR_E_CONFIG, "[auth] x5u_ports: \"%.20s\" is not a port number from 1 to 65535",
                             item);
        }
        rules->ports[count++] = (uint16_t)port;
    }
    rules->x5u.ports = rules->ports;
    rules->x5u.port_count = count;
    return STIR_OK;
}

enum stir_code cpsd_auth_rules_new(struct cpsd_auth_rules **out, const struct cpsd_config *config,
                                   struct stir_error *err)
{
    struct cpsd_auth_rules *rules = calloc(1, sizeof(*rules));
    if (!rules) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for [auth]");
    }
    enum stir_code code = auth_rules_read_audience(rules, config, err);
    code =
        code == STIR_OK ? auth_rules_read_items(&rules->hosts, &rules->host_count, config->auth_x5u_hosts, err) : code;
    code = code == STIR_OK ? auth_rules_read_ports(rules, config->auth_x5u_ports, err) : code;
    if (code != STIR_OK) {
        cpsd_auth_rules_free(rules);
        return code;
    }
    /* borrowed from the lists above and from the configuration, which outlives the rules */
    rules->x5u.hosts = (const char *const *)rules->hosts;
    rules->x5u.host_count = rules->host_count;
    rules->max_age_s = config->auth_max_age_s;
    rules->skew_s = config->auth_skew_s;
    rules->certs = (struct cpsd_cert_rules){.ca_file = config->auth_x5u_ca_file,
                                            .timeout_ms = (unsigned)config->auth_x5u_timeout_ms,
                                            .allow_private = config->auth_x5u_allow_private,
                                            .fetch = config->auth_x5u_fetch,
                                            .urls = &rules->x5u,
                                            .keep_s = config->auth_x5u_keep_s,
                                            .keep_max_s = config->auth_x5u_keep_max_s,
                                            .negative_s = config->auth_x5u_negative_s};
    *out = rules;
    return STIR_OK;
}
