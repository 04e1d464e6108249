/* SPDX-License-Identifier: MIT */
#include "common/base/url.h"
#include "common/net/public_address.h"
#include "cps/auth/cert_cache_internal.h"

#include <arpa/inet.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* Downloads certificate chains (x5u) and TNAuthLists (RFC 8226 10.1) into entries of the cache. */
#define LEAST_KEEP_S 5 /* a failure is remembered at least this long */

/* A fetch in progress. Its entry stays until it has ended. */
struct cert_fetch {
    struct cpsd_cert_cache *certs;
    struct cpsd_cert_entry *entry;
    struct stir_chain *chain;     /* NULL: a chain is fetched; else a TNAuthList of this one */
    size_t list_index;            /* of which certificate */
    struct cpsd_trusted *trusted; /* of the request that came first */
    int64_t now;
    int64_t keep_s, keep_max_s, negative_s;
    char host[256]; /* for the log */
};

/* ---- what is put into an entry ---- */

static int64_t fetch_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns true for failures that say nothing about the host: this server had no capacity or no memory. */
static bool fetch_failed_here(enum stir_code code)
{
    return code == STIR_E_UNAVAILABLE || code == STIR_E_NOMEM;
}

/* Remembers a failure. A chain that was fetched before stays in use while its host cannot be reached: what is revoked
 * is in the revocation lists. */
static void fetch_put_failure(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry,
                              const struct cert_fetch *fetch, const struct stir_error *error)
{
    certs->stats.failures++;
    if (entry->renewing) {
        /* The cached chain stays: a forged token that makes us fetch it again does no harm. */
        entry->renewing = false;
        entry->renewal = *error;
        return;
    }
    bool brief = fetch->negative_s < LEAST_KEEP_S || fetch_failed_here(error->code);
    entry->until = fetch->now + (brief ? LEAST_KEEP_S : fetch->negative_s);
    if (entry->chain &&
        (error->code == STIR_E_X5U_FETCH || fetch_failed_here(error->code) || cpsd_cert_host_is_away(error->code)) &&
        entry->fetched_at + fetch->keep_max_s > fetch->now) {
        entry->state = CPSD_CERT_READY;
        return;
    }
    stir_chain_unref(entry->chain);
    entry->chain = NULL;
    entry->state = CPSD_CERT_BAD;
    entry->once_from = 0;
    entry->error = *error;
    cpsd_cert_table_move(&certs->table, entry, CPSD_CERT_OTHERS);
}

bool cpsd_cert_host_is_away(enum stir_code code)
{
    return code == STIR_E_CONNECT || code == STIR_E_TIMEOUT;
}

/* ---- what comes in ---- */

/*
 * Says why there was no answer, as far as a client may know. Clients are not told whether a name does not resolve,
 * resolves to a forbidden address, or leads to a closed port: that would let them map this server's own network.
 */
static enum stir_code fetch_explain(const char *what, const struct cpsd_fetch_result *result, struct stir_error *err)
{
    enum stir_code code = result->error.code;
    if (code == STIR_E_TIMEOUT && result->connected) {
        return stir_fail(err, code, "%s: no complete answer in time", what);
    }
    if (code == STIR_E_X5U || cpsd_cert_host_is_away(code)) {
        return stir_fail(err, STIR_E_CONNECT, "%s: its host cannot be reached", what);
    }
    return stir_fail(err, fetch_failed_here(code) ? code : STIR_E_X5U_FETCH, "%s: %s", what, result->error.text);
}

static enum stir_code fetch_read_chain(struct stir_chain **out, const struct cpsd_fetch_result *result,
                                       struct stir_error *err)
{
    if (result->error.code != STIR_OK) {
        return fetch_explain("x5u", result, err);
    }
    if (result->status != 200) {
        bool away = result->status >= 500 || result->status == 429;
        return stir_fail(err, away ? STIR_E_CONNECT : STIR_E_X5U_FETCH, "x5u: the server answered %d", result->status);
    }
    enum stir_code code = stir_chain_parse_answer(out, false, result->body.ptr, result->body.len, err);
    bool kept = code == STIR_E_NOMEM || code == STIR_E_X5U_FETCH;
    return code == STIR_OK ? code : stir_fail_prefix(err, kept ? code : STIR_E_CERT, "x5u");
}

/* Makes the chain that has the fetched TNAuthList (RFC 8226 10.1). */
static enum stir_code fetch_read_list(struct stir_chain **out, const struct cert_fetch *fetch,
                                      const struct cpsd_fetch_result *result, struct stir_error *err)
{
    if (result->error.code != STIR_OK) {
        return fetch_explain("TNAuthList", result, err);
    }
    if (result->status != 200) {
        return stir_fail(err, STIR_E_X5U_FETCH, "TNAuthList: the server answered %d", result->status);
    }
    if (strcmp(result->content_type, STIR_TN_LIST_TYPE) != 0) {
        return stir_fail(err, STIR_E_X5U_FETCH,
                         "TNAuthList: the answer has Content-Type \"%s\", not " STIR_TN_LIST_TYPE
                         " (RFC 8226 section 10.1)",
                         result->content_type);
    }
    return stir_chain_with_list(out, fetch->chain, fetch->list_index, result->body.ptr, result->body.len, err);
}

/* Tells all requests that wait for the entry. Under the lock. */
static void fetch_wake(struct cpsd_cert_entry *entry)
{
    while (entry->waits) {
        struct cpsd_cert_wait *wait = entry->waits;
        entry->waits = wait->next;
        if (wait->next) {
            wait->next->link = &entry->waits;
        }
        wait->link = NULL;
        cpsd_mailbox_send(wait->mailbox, &wait->notice);
    }
}

static void fetch_free(struct cert_fetch *fetch)
{
    stir_chain_unref(fetch->chain);
    cpsd_trusted_unref(fetch->trusted);
    free(fetch);
}

/* Logs the full reason, which clients are not told. */
static void fetch_log_failure(const struct cert_fetch *fetch, const struct cpsd_fetch_result *result,
                              const struct stir_error *error)
{
    const struct stir_log_field fields[] = {
        {"host", fetch->host},
        {"what", fetch->chain ? "TNAuthList" : "certificate"},
        {"detail", result->error.code != STIR_OK ? result->error.text : error->text},
    };
    stir_log_limited(fetch->certs->log, "certificate not fetched", STIR_LOG_NOTICE, fields,
                     sizeof(fields) / sizeof(fields[0]), "certificate not fetched");
}

/* The fetch has ended; on the fetcher's thread. */
static void fetch_done(void *arg, const struct cpsd_fetch_result *result)
{
    struct cert_fetch *fetch = arg;
    struct cpsd_cert_cache *certs = fetch->certs;
    struct stir_chain *chain = NULL;
    struct stir_error error = {0};
    struct cpsd_cert_verdict verdict = {0};
    enum stir_code code =
        fetch->chain ? fetch_read_list(&chain, fetch, result, &error) : fetch_read_chain(&chain, result, &error);
    if (code == STIR_OK) {
        cpsd_cert_verdict_make(&verdict, fetch->trusted, chain, fetch->now);
    } else {
        fetch_log_failure(fetch, result, &error);
    }
    /* how long it may be kept: as the host says, within our limits */
    int64_t seconds = result->max_age_s >= 0 ? fetch_earlier(result->max_age_s, fetch->keep_max_s) : fetch->keep_s;
    uv_mutex_lock(&certs->lock);
    if (code == STIR_OK) {
        cpsd_cert_entry_put(certs, fetch->entry, chain, fetch->now, seconds, ++certs->moments);
        cpsd_cert_entry_judge(certs, fetch->entry, fetch->trusted, fetch->now, &verdict);
    } else {
        fetch_put_failure(certs, fetch->entry, fetch, &error);
    }
    fetch_wake(fetch->entry);
    uv_mutex_unlock(&certs->lock);
    fetch_free(fetch);
}

/* ---- asking ---- */

/* Returns true if the host is an address, however it is written ("0x7f.1" is one), outside the public Internet. This
 * says nothing of what names resolve to, so the client may be told. */
static bool fetch_is_forbidden_address(const char *url)
{
    char text[256];
    struct stir_url parts;
    struct in_addr in;
    struct in6_addr in6;
    if (stir_url_parse(&parts, url, strlen(url), STIR_E_X5U, NULL) != STIR_OK || parts.host.len >= sizeof(text)) {
        return false; /* libcurl will refuse it */
    }
    bool brackets = parts.host.len > 2 && parts.host.ptr[0] == '[';
    size_t n = parts.host.len - (brackets ? 2 : 0);
    memcpy(text, parts.host.ptr + brackets, n);
    text[n] = '\0';
    if (brackets) {
        return inet_pton(AF_INET6, text, &in6) == 1 && !stir_address_is_public(in6.s6_addr, sizeof(in6));
    }
    return inet_aton(text, &in) == 1 && !stir_address_is_public((const uint8_t *)&in, sizeof(in));
}

static struct cert_fetch *fetch_new(struct cpsd_cert_cache *certs, const struct cpsd_cert_wanted *wanted,
                                    const struct cpsd_cert_query *ask)
{
    struct stir_url url;
    struct cert_fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch) {
        return NULL;
    }
    *fetch = (struct cert_fetch){.certs = certs,
                                 .chain = wanted->list_of ? stir_chain_ref(wanted->list_of) : NULL,
                                 .list_index = wanted->list_index,
                                 .trusted = cpsd_trusted_ref((struct cpsd_trusted *)(uintptr_t)ask->trusted),
                                 .now = ask->now,
                                 .keep_s = ask->rules->keep_s,
                                 .keep_max_s = ask->rules->keep_max_s,
                                 .negative_s = ask->rules->negative_s};
    if (stir_url_parse(&url, wanted->url, strlen(wanted->url), STIR_E_X5U, NULL) == STIR_OK &&
        url.host.len < sizeof(fetch->host)) {
        memcpy(fetch->host, url.host.ptr, url.host.len);
    }
    return fetch;
}

/* Hands it to the fetcher. Chains that are known as good have a queue of their own, which strangers cannot fill. */
static enum stir_code fetch_begin(struct cert_fetch *fetch, const struct cpsd_cert_wanted *wanted,
                                  const struct cpsd_cert_rules *rules, struct stir_error *err)
{
    const struct cpsd_fetch_request request = {
        .queue = fetch->entry->list == CPSD_CERT_GOOD ? CPSD_FETCH_KNOWN_CERTS : CPSD_FETCH_CERTS,
        .url = wanted->url,
        .fields = {wanted->list_of
                       ? "Accept: " STIR_TN_LIST_TYPE
                       : "Accept: application/pem-certificate-chain, application/pkix-cert;q=0.8, */*;q=0.5"},
        .max_bytes = wanted->list_of ? STIR_TN_LIST_OCTETS : STIR_CHAIN_OCTETS,
        .timeout_ms = rules->timeout_ms,
        .public_only = !rules->allow_private,
        .ca_file = rules->ca_file};
    return cpsd_fetch(NULL, fetch->certs->fetcher, NULL, &request, fetch_done, fetch, err);
}

enum stir_code cpsd_cert_fetch(struct cpsd_cert_cache *certs, struct cpsd_cert_entry **entry,
                               const struct cpsd_cert_wanted *wanted, const struct cpsd_cert_query *ask,
                               struct stir_error *err)
{
    struct cpsd_cert_entry *into = *entry;
    if (!ask->rules->fetch) {
        return stir_fail(
            err, STIR_E_X5U_FETCH,
            "x5u: this server does not fetch certificates ([auth] x5u_fetch is off), and it has no copy of this one");
    }
    if (!ask->rules->allow_private && fetch_is_forbidden_address(wanted->url)) {
        return stir_fail(err, STIR_E_X5U, "%s: the host's address is not one of the public Internet",
                         wanted->list_of ? "TNAuthList" : "x5u");
    }
    struct cert_fetch *fetch = fetch_new(certs, wanted, ask);
    if (fetch && !into) {
        into = cpsd_cert_table_add(&certs->table, wanted->key.ptr, wanted->key.len);
    }
    if (!fetch || !into) {
        if (fetch) {
            fetch_free(fetch);
        }
        return stir_fail(err, STIR_E_NOMEM, "out of memory for a certificate");
    }
    fetch->entry = into;
    enum stir_code code = fetch_begin(fetch, wanted, ask->rules, err);
    if (code != STIR_OK) {
        fetch_free(fetch);
        return code;
    }
    /* a chain that is renewed stays in use until the fetch has ended */
    if (wanted->renew) {
        into->renewing = true;
    } else {
        into->state = CPSD_CERT_FETCHING;
    }
    into->asked = ask->now;
    certs->stats.fetches++;
    *entry = into;
    return STIR_OK;
}
