/* Certificates and TNAuthLists that are fetched. */
#include "common/base/url.h"
#include "common/net/public_address.h"
#include "cps/auth/cert_cache_internal.h"

#include <arpa/inet.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_KEEP_S 5 /* a chain that may be kept, and a failure */
#define ONCE_KEEP_S 5  /* one that may not be kept: for the requests that were waiting when it came */

/* A fetch under way; its entry stays meanwhile. */
struct fetch {
    struct cpsd_cert_cache *certs;
    struct cpsd_cert_entry *entry;
    struct stir_chain *chain;     /* NULL: a chain is fetched; else a TNAuthList of this one */
    size_t list_index;            /* of which certificate */
    struct cpsd_trusted *trusted; /* that of who came first: mostly that of the others, too */
    int64_t now;
    int64_t keep_s, keep_max_s, negative_s;
    char host[256]; /* for the log */
};

/* ---- what is put into an entry ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool cpsd_cert_is_same_chain(const struct stir_chain *a, const struct stir_chain *b)
{
    bool same = a && b && a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = X509_cmp(a->certs[i], b->certs[i]) == 0;
    }
    return same;
}

void cpsd_cert_entry_prove(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry, const struct stir_chain *chain)
{
    if (entry && entry->state == CPSD_CERT_READY && entry->generation && entry->error.code == STIR_OK &&
        cpsd_cert_is_same_chain(entry->chain, chain)) {
        cpsd_cert_table_move(&certs->table, entry, CPSD_CERT_GOOD);
    }
}

void cpsd_cert_entry_put(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry, struct stir_chain *chain,
                         int64_t now, int64_t seconds, uint64_t once_from)
{
    if (!cpsd_cert_is_same_chain(entry->chain, chain)) {
        cpsd_cert_table_move(&certs->table, entry, CPSD_CERT_OTHERS); /* nobody has signed with this one yet */
    }
    stir_chain_unref(entry->chain);
    entry->chain = chain;
    entry->state = CPSD_CERT_READY;
    entry->renewing = false;
    entry->renewal = (struct stir_error){0};
    entry->generation = 0;
    entry->fetched_at = now;
    entry->once_from = seconds > 0 ? 0 : once_from;
    entry->until = now + (seconds > 0 ? seconds : ONCE_KEEP_S);
    if (chain->not_after > now) {
        entry->until = least(entry->until, chain->not_after);
    }
    if (entry->until < now + LEAST_KEEP_S) {
        entry->until = now + LEAST_KEEP_S;
    }
}

/* It says nothing about the host: this server had no turn for it, or no memory. */
static bool is_our_own(enum stir_code code)
{
    return code == STIR_E_UNAVAILABLE || code == STIR_E_NOMEM;
}

/* A host that is away for a while does not take its certificates with it: revocation lists say what is revoked. */
static void put_failure(struct cpsd_cert_cache *certs, struct cpsd_cert_entry *entry, const struct fetch *fetch,
                        const struct stir_error *error)
{
    certs->stats.failures++;
    if (entry->renewing) {
        /* The cached chain stays: a forger who makes us fetch it again takes nothing away. */
        entry->renewing = false;
        entry->renewal = *error;
        return;
    }
    bool brief = fetch->negative_s < LEAST_KEEP_S || is_our_own(error->code);
    entry->until = fetch->now + (brief ? LEAST_KEEP_S : fetch->negative_s);
    if (entry->chain &&
        (error->code == STIR_E_X5U_FETCH || is_our_own(error->code) || cpsd_cert_host_is_away(error->code)) &&
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
 * Says why there was no answer, as a client may know it. Whether a name does not resolve, resolves to an address that
 * is not allowed, or leads to a closed port is told to nobody who asks: that would be a map of this server's own
 * network.
 */
static enum stir_code explain(const char *what, const struct cpsd_fetch_result *result, struct stir_error *err)
{
    enum stir_code code = result->error.code;
    if (code == STIR_E_TIMEOUT && result->connected) {
        return stir_fail(err, code, "%s: no complete answer in time", what);
    }
    if (code == STIR_E_X5U || cpsd_cert_host_is_away(code)) {
        return stir_fail(err, STIR_E_CONNECT, "%s: its host cannot be reached", what);
    }
    return stir_fail(err, is_our_own(code) ? code : STIR_E_X5U_FETCH, "%s: %s", what, result->error.text);
}

static enum stir_code read_answer(struct stir_chain **out, const struct cpsd_fetch_result *result,
                                  struct stir_error *err)
{
    if (result->error.code != STIR_OK) {
        return explain("x5u", result, err);
    }
    if (result->status != 200) {
        bool away = result->status >= 500 || result->status == 429;
        return stir_fail(err, away ? STIR_E_CONNECT : STIR_E_X5U_FETCH, "x5u: the server answered %d", result->status);
    }
    enum stir_code code = stir_chain_parse_answer(out, false, result->body.ptr, result->body.len, err);
    bool kept = code == STIR_E_NOMEM || code == STIR_E_X5U_FETCH;
    return code == STIR_OK ? code : stir_fail_prefix(err, kept ? code : STIR_E_CERT, "x5u");
}

/* The chain with a TNAuthList that was fetched for it. */
static enum stir_code read_list(struct stir_chain **out, const struct fetch *fetch,
                                const struct cpsd_fetch_result *result, struct stir_error *err)
{
    if (result->error.code != STIR_OK) {
        return explain("TNAuthList", result, err);
    }
    if (result->status != 200) {
        return stir_fail(err, STIR_E_X5U_FETCH, "TNAuthList: the server answered %d", result->status);
    }
    if (strcmp(result->content_type, STIR_TN_LIST_TYPE) != 0) {
        return stir_fail(err, STIR_E_X5U_FETCH, "TNAuthList: the answer is of type \"%s\", not " STIR_TN_LIST_TYPE,
                         result->content_type);
    }
    return stir_chain_with_list(out, fetch->chain, fetch->list_index, result->body.ptr, result->body.len, err);
}

/* Under the lock: everybody who waits is told. */
static void wake(struct cpsd_cert_entry *entry)
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

static void fetch_free(struct fetch *fetch)
{
    stir_chain_unref(fetch->chain);
    cpsd_trusted_unref(fetch->trusted);
    free(fetch);
}

/* The operator is told what clients are not. */
static void report(const struct fetch *fetch, const struct cpsd_fetch_result *result, const struct stir_error *error)
{
    const struct stir_log_field fields[] = {
        {"host", fetch->host},
        {"what", fetch->chain ? "TNAuthList" : "certificate"},
        {"detail", result->error.code != STIR_OK ? result->error.text : error->text},
    };
    stir_log_limited(fetch->certs->log, "certificate not fetched", STIR_LOG_NOTICE, fields,
                     sizeof(fields) / sizeof(fields[0]), "certificate not fetched");
}

/* On the fetcher's thread. */
static void fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct fetch *fetch = arg;
    struct cpsd_cert_cache *certs = fetch->certs;
    struct stir_chain *chain = NULL;
    struct stir_error error = {0};
    struct cpsd_cert_verdict verdict = {0};
    enum stir_code code = fetch->chain ? read_list(&chain, fetch, result, &error) : read_answer(&chain, result, &error);
    if (code == STIR_OK) {
        cpsd_cert_verdict_make(&verdict, fetch->trusted, chain, fetch->now);
    } else {
        report(fetch, result, &error);
    }
    int64_t seconds = result->max_age_s >= 0 ? least(result->max_age_s, fetch->keep_max_s) : fetch->keep_s;
    uv_mutex_lock(&certs->lock);
    if (code == STIR_OK) {
        cpsd_cert_entry_put(certs, fetch->entry, chain, fetch->now, seconds, ++certs->moments);
        cpsd_cert_entry_judge(certs, fetch->entry, fetch->trusted, fetch->now, &verdict);
    } else {
        put_failure(certs, fetch->entry, fetch, &error);
    }
    wake(fetch->entry);
    uv_mutex_unlock(&certs->lock);
    fetch_free(fetch);
}

/* ---- asking ---- */

/* True if the host is an address, however it is written ("0x7f.1" is one), and not one of the public Internet. It says
 * nothing of what names resolve to, so it is refused at once and in clear. */
static bool is_forbidden_address(const char *url)
{
    char text[256];
    struct stir_url parts;
    struct in_addr in;
    struct in6_addr in6;
    if (stir_url_parse(&parts, url, strlen(url), STIR_E_X5U, NULL) != STIR_OK || parts.host.len >= sizeof(text)) {
        return false; /* libcurl fails */
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

static struct fetch *fetch_new(struct cpsd_cert_cache *certs, const struct cpsd_cert_wanted *wanted,
                               const struct cpsd_cert_query *ask)
{
    struct stir_url url;
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch) {
        return NULL;
    }
    *fetch = (struct fetch){.certs = certs,
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

/* Hands it to the fetcher. What was good before is not delayed by what strangers ask for. */
static enum stir_code begin(struct fetch *fetch, const struct cpsd_cert_wanted *wanted,
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
    return cpsd_fetch(NULL, fetch->certs->fetcher, NULL, &request, fetched, fetch, err);
}

enum stir_code cpsd_cert_fetch(struct cpsd_cert_cache *certs, struct cpsd_cert_entry **entry,
                               const struct cpsd_cert_wanted *wanted, const struct cpsd_cert_query *ask,
                               struct stir_error *err)
{
    struct cpsd_cert_entry *into = *entry;
    if (!ask->rules->fetch) {
        return stir_fail(err, STIR_E_X5U_FETCH, "x5u: certificates are not fetched, and the directory lacks this one");
    }
    if (!ask->rules->allow_private && is_forbidden_address(wanted->url)) {
        return stir_fail(err, STIR_E_X5U, "%s: the host's address is not one of the public Internet",
                         wanted->list_of ? "TNAuthList" : "x5u");
    }
    struct fetch *fetch = fetch_new(certs, wanted, ask);
    if (fetch && !into) {
        into = cpsd_cert_table_add(&certs->table, wanted->key.ptr, wanted->key.len);
    }
    if (!fetch || !into) {
        if (fetch) {
            fetch_free(fetch);
        }
        return stir_fail(err, STIR_E_NOMEM, "a certificate");
    }
    fetch->entry = into;
    enum stir_code code = begin(fetch, wanted, ask->rules, err);
    if (code != STIR_OK) {
        fetch_free(fetch);
        return code;
    }
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
