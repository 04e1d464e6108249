#include "cps/crls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIST_OCTETS (16u << 20)
#define FETCH_MS 30000
#define RETRY_MS 60000
#define LOOK_MS 500 /* how often it is looked whether one is due */
#define URL_MAX 2048

struct source {
    struct cpsd_crls *crls;
    char *url;
    char *text; /* the last good one; NULL: none yet */
    size_t len;
    struct cpsd_fetch *fetch; /* under way */
    uint64_t due_ms;
};

struct cpsd_crls {
    uv_loop_t *loop;
    struct cpsd_fetcher *fetcher;
    const struct stir_log *log;
    cpsd_crls_changed *changed;
    void *arg;
    struct cpsd_port port;
    uv_timer_t timer;
    struct source *sources[CPSD_CRL_URLS_MAX];
    size_t count;
    uint64_t refresh_ms;
    char *ca_file;
};

static void source_free(struct source *source)
{
    if (source) {
        if (source->fetch) {
            cpsd_fetch_cancel(source->fetch);
        }
        free(source->url);
        free(source->text);
        free(source);
    }
}

/* ---- fetching ---- */

/* A new text is in use only if the trust can be built with it. */
static enum stir_code take_text(struct source *source, struct stir_view body, struct stir_error *err)
{
    char *old = source->text, *text = malloc(body.len + 1);
    size_t old_len = source->len;
    if (!text) {
        return stir_fail(err, STIR_E_NOMEM, "revocation list");
    }
    memcpy(text, body.ptr, body.len);
    source->text = text;
    source->len = body.len;
    enum stir_code code = source->crls->changed(source->crls->arg, err);
    if (code != STIR_OK) {
        source->text = old;
        source->len = old_len;
        old = text;
    }
    free(old);
    return code;
}

static enum stir_code take_answer(struct source *source, const struct cpsd_fetch_result *result, struct stir_error *err)
{
    if (result->error.code != STIR_OK) {
        *err = result->error;
        return result->error.code;
    }
    if (result->status != 200 || result->body.len == 0) {
        return stir_fail(err, STIR_E_PROTOCOL, "the server answered %d with %zu octets", result->status,
                         result->body.len);
    }
    if (source->text && source->len == result->body.len && memcmp(source->text, result->body.ptr, source->len) == 0) {
        return STIR_OK;
    }
    enum stir_code code = take_text(source, result->body, err);
    if (code == STIR_OK) {
        stir_log_plain(source->crls->log, STIR_LOG_NOTICE, "revocation list %s: a new one is in use", source->url);
    }
    return code;
}

static void fetched(void *arg, const struct cpsd_fetch_result *result)
{
    struct source *source = arg;
    struct cpsd_crls *crls = source->crls;
    struct stir_error err = {0};
    uint64_t wait_ms = crls->refresh_ms;
    source->fetch = NULL;
    if (take_answer(source, result, &err) != STIR_OK) {
        wait_ms = wait_ms < RETRY_MS ? wait_ms : RETRY_MS;
        stir_log_plain(crls->log, STIR_LOG_WARNING, "revocation list %s: %s: %s", source->url,
                       source->text ? "the one before stays in use" : "there is none yet", err.text);
    }
    source->due_ms = uv_now(crls->loop) + wait_ms;
}

static void begin_fetch(struct source *source)
{
    struct cpsd_crls *crls = source->crls;
    struct stir_error err = {0};
    const struct cpsd_fetch_request request = {.url = source->url,
                                               .max_bytes = LIST_OCTETS,
                                               .timeout_ms = FETCH_MS,
                                               .ca_file = crls->ca_file};
    if (cpsd_fetch(&source->fetch, crls->fetcher, &crls->port, &request, fetched, source, &err) != STIR_OK) {
        source->fetch = NULL;
        source->due_ms = uv_now(crls->loop) + RETRY_MS;
        stir_log_plain(crls->log, STIR_LOG_WARNING, "revocation list %s: %s", source->url, err.text);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct cpsd_crls *crls = timer->data;
    for (size_t i = 0; i < crls->count; i++) {
        if (!crls->sources[i]->fetch && uv_now(crls->loop) >= crls->sources[i]->due_ms) {
            begin_fetch(crls->sources[i]);
        }
    }
}

/* ---- configuration ---- */

enum stir_code cpsd_crls_check(const struct cpsd_config *config, struct stir_error *err)
{
    char url[URL_MAX];
    size_t pos = 0, count = 0;
    while (stir_conf_next(config->trust_crl_urls, &pos, url, sizeof(url))) {
        if (strncasecmp(url, "https://", 8) != 0) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_urls: %s is not https", url);
        }
        if (++count > CPSD_CRL_URLS_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_urls: more than %d", CPSD_CRL_URLS_MAX);
        }
    }
    return STIR_OK;
}

static struct source *find(struct source *const *sources, size_t count, const char *url)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(sources[i]->url, url) == 0) {
            return sources[i];
        }
    }
    return NULL;
}

static struct source *source_new(struct cpsd_crls *crls, const char *url)
{
    struct source *source = calloc(1, sizeof(*source));
    char *copy = strdup(url);
    if (!source || !copy) {
        free(source);
        free(copy);
        return NULL;
    }
    source->crls = crls;
    source->url = copy;
    return source;
}

static bool is_among(const struct source *source, struct source *const *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sources[i] == source) {
            return true;
        }
    }
    return false;
}

/* Those of one list that are not in the other. */
static void free_others(struct source *const *sources, size_t count, struct source *const *kept, size_t kept_count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_among(sources[i], kept, kept_count)) {
            source_free(sources[i]);
        }
    }
}

/* The sources of a list of URLs: those that there are, and new ones. False: out of memory. */
static bool collect(struct cpsd_crls *crls, const char *urls, struct source *sources[CPSD_CRL_URLS_MAX], size_t *count)
{
    char url[URL_MAX];
    size_t pos = 0;
    while (*count < CPSD_CRL_URLS_MAX && stir_conf_next(urls, &pos, url, sizeof(url))) {
        if (find(sources, *count, url)) {
            continue; /* named twice */
        }
        struct source *known = find(crls->sources, crls->count, url);
        sources[*count] = known ? known : source_new(crls, url);
        if (!sources[*count]) {
            return false;
        }
        (*count)++;
    }
    return true;
}

enum stir_code cpsd_crls_use(struct cpsd_crls *crls, const struct cpsd_config *config, struct stir_error *err)
{
    struct source *sources[CPSD_CRL_URLS_MAX];
    size_t count = 0;
    char *ca_file = strdup(config->trust_crl_ca_file);
    if (!ca_file || !collect(crls, config->trust_crl_urls, sources, &count)) {
        free_others(sources, count, crls->sources, crls->count);
        free(ca_file);
        return stir_fail(err, STIR_E_NOMEM, "revocation lists");
    }
    free_others(crls->sources, crls->count, sources, count);
    free(crls->ca_file);
    crls->ca_file = ca_file;
    crls->refresh_ms = (uint64_t)config->trust_crl_refresh_s * 1000;
    crls->count = count;
    for (size_t i = 0; i < count; i++) {
        crls->sources[i] = sources[i];
        sources[i]->due_ms = sources[i]->text ? sources[i]->due_ms : uv_now(crls->loop);
    }
    (void)uv_timer_start(&crls->timer, on_timer, 0, LOOK_MS);
    if (count == 0) {
        (void)uv_timer_stop(&crls->timer);
    }
    return STIR_OK;
}

size_t cpsd_crls_texts(const struct cpsd_crls *crls, const struct cpsd_config *config,
                       struct cpsd_crl_text out[CPSD_CRL_URLS_MAX])
{
    char url[URL_MAX];
    size_t pos = 0, count = 0;
    while (crls && count < CPSD_CRL_URLS_MAX && stir_conf_next(config->trust_crl_urls, &pos, url, sizeof(url))) {
        const struct source *source = find(crls->sources, crls->count, url);
        if (source && source->text) {
            out[count++] = (struct cpsd_crl_text){.url = source->url, .octets = {source->text, source->len}};
        }
    }
    return count;
}

/* ---- life ---- */

enum stir_code cpsd_crls_new(struct cpsd_crls **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                             const struct stir_log *log, cpsd_crls_changed *changed, void *arg, struct stir_error *err)
{
    struct cpsd_crls *crls = calloc(1, sizeof(*crls));
    if (!crls) {
        return stir_fail(err, STIR_E_NOMEM, "revocation lists");
    }
    *crls = (struct cpsd_crls){.loop = loop, .fetcher = fetcher, .log = log, .changed = changed, .arg = arg};
    enum stir_code code = cpsd_port_open(&crls->port, loop, err);
    if (code != STIR_OK) {
        free(crls);
        return code;
    }
    (void)uv_timer_init(loop, &crls->timer); /* cannot fail */
    crls->timer.data = crls;
    *out = crls;
    return STIR_OK;
}

void cpsd_crls_stop(struct cpsd_crls *crls)
{
    if (!crls) {
        return;
    }
    for (size_t i = 0; i < crls->count; i++) {
        source_free(crls->sources[i]);
    }
    crls->count = 0;
    uv_close((uv_handle_t *)&crls->timer, NULL);
    cpsd_port_close(&crls->port, NULL, NULL);
}

void cpsd_crls_free(struct cpsd_crls *crls)
{
    if (crls) {
        for (size_t i = 0; i < crls->count; i++) {
            source_free(crls->sources[i]);
        }
        free(crls->ca_file);
        free(crls);
    }
}
