/* SPDX-License-Identifier: MIT */
#include "client/lib/verify/trust.h"

#include "client/lib/net/transport.h"
#include "common/base/file.h"
#include "common/base/file_stamp.h"
#include "common/cert/list_refresh.h"
#include "common/cert/trust_list.h"
#include "common/cert/trust_list_state.h"
#include "common/cert/trust_load.h"
#include "common/cert/x5u.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FETCH_MS 30000

/* One revocation list or list of roots. The thread's own but for what the lock guards. */
struct trust_list_source {
    const char *name; /* path or URL, the options' */
    bool is_url;
    bool is_roots;
    int64_t sequence; /* of a list of roots: the highest that was in force */
    int64_t exp;      /* under the lock: when the list in force ends */
    char *text; /* under the lock: the last good one, of a list of roots its PEM; NULL: none yet. Replaced whole, by the
                   thread alone */
    size_t len;
    struct stir_file_stamp stamp;     /* of the file as it was read last */
    struct stir_list_refresh refresh; /* by cps_monotonic_ms; written under the lock, by the thread alone */
    struct cps_error error;           /* under the lock: of the last attempt */
};

struct cps_trust {
    struct cps *cps;
    struct stir_trust_files files;
    struct stir_buf list_signer_roots; /* PEM */
    struct trust_list_source *sources;
    size_t source_count;
    bool waits; /* the thread's own: `current` is the trust of the handle that this one follows, see
                   trust_wait_for_lists */
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t cond;
    struct stir_trust *current;
    uint64_t generation;
    bool stopping;
    uint64_t asked, done; /* rounds over all sources: the last one that somebody waits for, and the last that ended */
};

/* ---- the trust in force ---- */

struct stir_trust *cps_trust_hold(struct cps_trust *trust, uint64_t *generation)
{
    pthread_mutex_lock(&trust->lock);
    struct stir_trust *current = stir_trust_ref(trust->current);
    *generation = trust->generation;
    pthread_mutex_unlock(&trust->lock);
    return current;
}

uint64_t cps_trust_generation(const struct cps_trust *trust)
{
    struct cps_trust *mine = (struct cps_trust *)(uintptr_t)trust;
    if (!mine) {
        return 0;
    }
    pthread_mutex_lock(&mine->lock);
    uint64_t generation = mine->generation;
    pthread_mutex_unlock(&mine->lock);
    return generation;
}

bool cps_trust_is_complete(struct cps_trust *trust)
{
    bool complete = true;
    pthread_mutex_lock(&trust->lock);
    for (size_t i = 0; i < trust->source_count; i++) {
        complete = complete && (!trust->sources[i].is_roots || trust->sources[i].text);
    }
    pthread_mutex_unlock(&trust->lock);
    return complete;
}

static void trust_warn_of_root(void *arg, const char *text)
{
    const struct cps *cps = arg;
    cps_log(cps, CPS_LOG_WARNING, "trust: %s", text);
}

/* Builds a trust from the files and the sources' texts. */
static enum stir_code trust_build(struct stir_trust **out, const struct cps_trust *trust, bool warn,
                                  struct stir_error *err)
{
    const struct cps_options *options = &trust->cps->options;
    const struct stir_trust_warn warning = {.say = trust_warn_of_root, .arg = trust->cps};
    struct stir_trust_text *crls = calloc(trust->source_count + 1, sizeof(*crls));
    struct stir_trust_text *roots = calloc(trust->source_count + 1, sizeof(*roots));
    const struct stir_trust_text none = {.name = NULL};
    size_t count = 0, root_count = 0;
    if (!crls || !roots) {
        free(crls);
        free(roots);
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    /* lists without a text are left out: the trust is as good as what there is */
    for (size_t i = 0; i < trust->source_count; i++) {
        const struct trust_list_source *source = &trust->sources[i];
        if (source->text) {
            struct stir_trust_text *to = source->is_roots ? &roots[root_count++] : &crls[count++];
            *to = (struct stir_trust_text){.name = source->name, .octets = stir_view(source->text, source->len)};
        }
    }
    const struct stir_trust_spec spec = {
        .roots = options->trust_file ? stir_trust_text(options->trust_file, &trust->files.roots) : none,
        .more_roots = roots,
        .more_root_count = root_count,
        .crl_issuers = stir_trust_text(options->crl_issuer_file, &trust->files.crl_issuers),
        .crl_signer_roots = stir_trust_text(options->crl_signer_roots_file, &trust->files.crl_signer_roots),
        .crls = crls,
        .crl_count = count,
        .policy = options->crl_policy == CPS_CRL_REQUIRED ? STIR_CRL_REQUIRED : STIR_CRL_IF_PRESENT,
        .warn = warn ? &warning : NULL};
    enum stir_code code = options->trust_file || root_count ? stir_trust_load(out, &spec, err)
                                                            : stir_trust_new_empty(out, err); /* no list is there yet */
    if (code == STIR_OK) {
        stir_trust_set_numbers(*out, trust->cps->numbers);
    }
    free(crls);
    free(roots);
    return code;
}

/* Puts a new trust in the place of the old one. */
static void trust_put_in_force(struct cps_trust *trust, struct stir_trust *fresh)
{
    pthread_mutex_lock(&trust->lock);
    struct stir_trust *old = trust->current;
    trust->current = fresh;
    trust->generation++;
    pthread_mutex_unlock(&trust->lock);
    stir_trust_unref(old);
}

/* ---- one list ---- */

static const char *source_kind(const struct trust_list_source *source)
{
    return source->is_roots ? "list of roots" : "revocation list";
}

/* Replaces a source's text, which is taken over; NULL takes it out of force. The text before stays if the trust cannot
 * be built with this one. */
static enum stir_code source_replace_text(struct cps_trust *trust, struct trust_list_source *source, char *text,
                                          size_t len, struct stir_error *err)
{
    struct stir_trust *fresh = NULL;
    char *before = source->text;
    size_t before_len = source->len;
    pthread_mutex_lock(&trust->lock); /* a handle that follows this one may be copying it */
    source->text = text;
    source->len = len;
    pthread_mutex_unlock(&trust->lock);
    enum stir_code code = trust_build(&fresh, trust, source->is_roots, err);
    pthread_mutex_lock(&trust->lock);
    if (code != STIR_OK) {
        source->text = before;
        source->len = before_len;
        before = text;
    }
    pthread_mutex_unlock(&trust->lock);
    free(before);
    /* while lists are awaited the build only shows that this text can be used */
    if (code == STIR_OK && trust->waits) {
        stir_trust_unref(fresh);
    } else if (code == STIR_OK) {
        trust_put_in_force(trust, fresh);
    }
    if (code == STIR_OK) {
        cps_log(trust->cps, CPS_LOG_NOTICE, "%s %s: %s", source_kind(source), source->name,
                text ? "a new one is in use" : "it is no longer in use");
    }
    return code;
}

/* Takes a revocation list into use if it is another one; it takes over the content. */
static enum stir_code source_take_crl(struct cps_trust *trust, struct trust_list_source *source, struct stir_buf *list,
                                      struct stir_error *err)
{
    size_t len = 0;
    if (source->text && source->len == list->len && memcmp(source->text, list->ptr, list->len) == 0) {
        return STIR_OK;
    }
    int64_t until = stir_crls_until(list->ptr ? list->ptr : "", list->len);
    char *text = stir_buf_steal(list, &len);
    enum stir_code code =
        text ? source_replace_text(trust, source, text, len, err) : stir_fail(err, STIR_E_CRL, "the list is empty");
    pthread_mutex_lock(&trust->lock);
    source->exp = code == STIR_OK ? until : source->exp;
    pthread_mutex_unlock(&trust->lock);
    return code;
}

/* A fetch whose end the thread waits for. */
struct trust_fetch {
    struct cps_transfer transfer;
    struct cps_trust *trust;
    bool over; /* under the lock */
};

/* On the I/O thread. */
static void trust_fetch_done(struct cps_transfer *transfer)
{
    struct trust_fetch *fetch = transfer->arg;
    struct cps_trust *trust = fetch->trust;
    pthread_mutex_lock(&trust->lock);
    fetch->over = true;
    pthread_cond_broadcast(&trust->cond);
    pthread_mutex_unlock(&trust->lock);
}

/* Submits the fetch and waits for its end. The transport no longer uses the transfer when this returns. */
static enum cps_code trust_fetch_run(struct trust_fetch *fetch, struct cps_error *err)
{
    struct cps_trust *trust = fetch->trust;
    pthread_mutex_lock(&trust->lock);
    /* Under the lock: once stopping is set nothing is submitted, so the transport may end. */
    enum cps_code code = trust->stopping ? cps_fail(err, CPS_E_CLOSED, "the handle was freed")
                                         : cps_transport_submit(trust->cps->transport, &fetch->transfer, err);
    while (code == CPS_OK && !fetch->over) {
        pthread_cond_wait(&trust->cond, &trust->lock);
    }
    pthread_mutex_unlock(&trust->lock);
    return code;
}

/* Fetches a URL of one of the options (lane LIST) or of a list's x5u (lane CERTIFICATE). *body is the answer's. */
static enum cps_code trust_fetch_url(struct cps_trust *trust, enum cps_lane lane, const char *url, size_t limit,
                                     struct stir_buf *body, struct cps_error *err)
{
    struct trust_fetch fetch = {.trust = trust};
    struct cps_response *response = &fetch.transfer.response;
    fetch.transfer.done = trust_fetch_done;
    fetch.transfer.arg = &fetch;
    fetch.transfer.request = (struct cps_request){.lane = lane,
                                                  .url = strdup(url),
                                                  .accept = "application/pkix-crl, */*;q=0.5",
                                                  .response_max = limit,
                                                  .timeout_ms = FETCH_MS};
    enum cps_code code =
        fetch.transfer.request.url ? trust_fetch_run(&fetch, err) : cps_fail(err, CPS_E_NOMEM, "out of memory");
    if (code == CPS_OK && response->error.code != CPS_OK) {
        *err = response->error;
        code = err->code;
    } else if (code == CPS_OK && (response->status != 200 || response->body.len == 0)) {
        code = cps_fail(err, CPS_E_PROTOCOL, "the server answered %d with %zu octets", response->status,
                        response->body.len);
    } else if (code == CPS_OK) {
        *body = response->body;
        response->body = (struct stir_buf){0};
    }
    cps_transfer_clear(&fetch.transfer);
    return code;
}

/* Fetches the certificate of a list's signer. The list's author chose the URL, so the rules for x5u apply. */
static enum cps_code trust_fetch_signer(struct cps_trust *trust, const char *x5u, struct stir_buf *certs,
                                        struct cps_error *err)
{
    const struct cps_options *options = &trust->cps->options;
    const struct stir_x5u_rules rules = {.ports = options->x5u_ports, .port_count = options->x5u_port_count};
    struct stir_error cause = {0};
    enum stir_code allowed = stir_x5u_check(&rules, x5u, &cause);
    if (allowed != STIR_OK) {
        return cps_fail_stir(err, allowed, &cause);
    }
    enum cps_code code = trust_fetch_url(trust, CPS_LANE_CERTIFICATE, x5u, STIR_CHAIN_OCTETS, certs, err);
    return code == CPS_OK ? CPS_OK : cps_fail_prefix(err, code, "the certificate of its signer (x5u)");
}

/* Verifies a list of roots; its signer's certificate is fetched into certs if it is not known. */
static enum cps_code source_verify_roots(struct stir_trust_list *out, struct cps_trust *trust,
                                         const struct trust_list_source *source, const struct stir_buf *text,
                                         struct stir_buf *certs, struct cps_error *err)
{
    char x5u[STIR_TRUST_LIST_X5U];
    struct stir_error cause = {0};
    const struct stir_trust_warn warn = {.say = trust_warn_of_root, .arg = trust->cps};
    struct stir_trust_list_spec spec = {.text = stir_view(text->ptr ? text->ptr : "", text->len),
                                        .signer_roots =
                                            stir_view(trust->list_signer_roots.ptr, trust->list_signer_roots.len),
                                        .now = cps_now(trust->cps),
                                        .grace_s = trust->cps->options.list_grace_s,
                                        .least_sequence = source->sequence,
                                        .warn = &warn};
    enum stir_code read = stir_trust_list_read(out, x5u, &spec, &cause);
    if (read == STIR_E_X5U_FETCH) {
        enum cps_code fetched = trust_fetch_signer(trust, x5u, certs, err);
        if (fetched != CPS_OK) {
            return fetched;
        }
        spec.x5u_certs = stir_view(certs->ptr, certs->len);
        read = stir_trust_list_read(out, x5u, &spec, &cause);
    }
    return read == STIR_OK ? CPS_OK : cps_fail_stir(err, read, &cause);
}

static struct stir_trust_list_state source_state(const struct cps_trust *trust, const struct trust_list_source *source)
{
    return (struct stir_trust_list_state){.dir = trust->cps->options.list_state_dir,
                                          .name = source->name,
                                          .signer_roots =
                                              stir_view(trust->list_signer_roots.ptr, trust->list_signer_roots.len)};
}

/* Saves a list that came into force, for the program when it is started again. On the thread. */
static void source_save_roots(const struct cps_trust *trust, const struct trust_list_source *source,
                              const struct stir_buf *text, const struct stir_buf *certs)
{
    const struct stir_trust_list_state state = source_state(trust, source);
    struct stir_error err = {0};
    if (!state.dir) {
        return;
    }
    enum stir_code code = stir_trust_list_state_save(&state, stir_view(text->ptr ? text->ptr : "", text->len),
                                                     stir_view(certs->ptr ? certs->ptr : "", certs->len),
                                                     source->sequence, cps_now(trust->cps), &err);
    if (code != STIR_OK) {
        cps_log(trust->cps, CPS_LOG_WARNING,
                "list of roots %s: cannot save it in list_state_dir, so it is not available after a restart: %s",
                source->name, err.text);
    }
}

/* Takes a list of roots into use if it is good. */
static enum cps_code source_take_roots(struct cps_trust *trust, struct trust_list_source *source,
                                       const struct stir_buf *text, struct cps_error *err)
{
    struct stir_trust_list list = {0};
    struct stir_error cause = {0};
    struct stir_buf certs = {0};
    enum stir_code taken = STIR_OK;
    enum cps_code code = source_verify_roots(&list, trust, source, text, &certs, err);
    if (code != CPS_OK) {
        stir_buf_free(&certs);
        return code;
    }
    if (!source->text || source->len != list.roots_len || memcmp(source->text, list.roots, list.roots_len) != 0) {
        taken = source_replace_text(trust, source, list.roots, list.roots_len, &cause);
        list.roots = NULL;
    }
    if (taken == STIR_OK) {
        source->sequence = list.sequence;
        pthread_mutex_lock(&trust->lock);
        source->exp = list.exp;
        pthread_mutex_unlock(&trust->lock);
        source_save_roots(trust, source, text, &certs);
    }
    stir_buf_free(&certs);
    stir_trust_list_clear(&list);
    return taken == STIR_OK ? CPS_OK : cps_fail_stir(err, taken, &cause);
}

static enum cps_code source_take(struct cps_trust *trust, struct trust_list_source *source, struct stir_buf *list,
                                 struct cps_error *err)
{
    struct stir_error cause = {0};
    if (source->is_roots) {
        return source_take_roots(trust, source, list, err);
    }
    enum stir_code code = source_take_crl(trust, source, list, &cause);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

static enum cps_code source_fetch(struct cps_trust *trust, struct trust_list_source *source, struct cps_error *err)
{
    struct stir_buf body = {0};
    size_t limit = source->is_roots ? STIR_TRUST_LIST_OCTETS : STIR_CRLS_OCTETS;
    enum cps_code code = trust_fetch_url(trust, CPS_LANE_LIST, source->name, limit, &body, err);
    code = code == CPS_OK ? source_take(trust, source, &body, err) : code;
    stir_buf_free(&body);
    return code;
}

/* Reads a file that changed since it was read. */
static enum cps_code source_read_file(struct cps_trust *trust, struct trust_list_source *source, struct cps_error *err)
{
    struct stir_buf list = {.limit = STIR_CRLS_OCTETS};
    struct stir_error cause = {0};
    struct stir_file_stamp stamp;
    enum stir_code read = stir_file_stamp_read(&stamp, source->name, &cause);
    bool changed = read == STIR_OK && !stir_file_stamp_equal(&stamp, &source->stamp);
    read = changed ? stir_read_file(&list, source->name, list.limit, &cause) : read;
    enum cps_code code = read == STIR_OK ? CPS_OK : cps_fail_stir(err, read, &cause);
    if (code == CPS_OK && changed) {
        code = source_take(trust, source, &list, err);
        source->stamp = code == CPS_OK ? stamp : source->stamp;
    }
    stir_buf_free(&list);
    return code;
}

/* True while a revocation list at a URL has no text and was not tried yet. */
static bool trust_awaits_lists(const struct cps_trust *trust)
{
    bool awaited = false;
    for (size_t i = 0; i < trust->source_count; i++) {
        const struct trust_list_source *source = &trust->sources[i];
        awaited |= source->is_url && !source->is_roots && !source->text && !source->refresh.tried;
    }
    return awaited;
}

/* The first attempts of all lists have ended: puts the trust into force that the options name. */
static void trust_stop_waiting(struct cps_trust *trust)
{
    struct stir_trust *fresh = NULL;
    struct stir_error err = {0};
    trust->waits = false;
    if (trust_build(&fresh, trust, false, &err) == STIR_OK) {
        trust_put_in_force(trust, fresh);
    } else {
        cps_log(trust->cps, CPS_LOG_ERROR, "trust: %s", err.text);
    }
}

/* A list of roots stays in force for the grace after its exp; then its roots are dropped. */
static void source_check_expiry(struct cps_trust *trust, struct trust_list_source *source)
{
    struct stir_error err = {0};
    int64_t grace_s = trust->cps->options.list_grace_s;
    if (!source->is_roots || !source->text) {
        return;
    }
    enum stir_list_age age = stir_list_age(source->exp, grace_s, cps_now(trust->cps));
    if (age == STIR_LIST_IN_GRACE) {
        cps_log(trust->cps, CPS_LOG_WARNING,
                "list of roots %s: expired; it stays in force for list_grace_s (%lld s) after its exp", source->name,
                (long long)grace_s);
    } else if (age == STIR_LIST_EXPIRED && source_replace_text(trust, source, NULL, 0, &err) != STIR_OK) {
        cps_log(trust->cps, CPS_LOG_ERROR, "list of roots %s: expired, and its roots cannot be taken out of use: %s",
                source->name, err.text);
    }
}

static void source_refresh(struct cps_trust *trust, struct trust_list_source *source)
{
    const struct cps_options *options = &trust->cps->options;
    struct cps_error err = {0};
    int64_t every_ms = (int64_t)(source->is_roots ? options->list_refresh_s : options->crl_refresh_s) * 1000;
    enum cps_code code = source->is_url ? source_fetch(trust, source, &err) : source_read_file(trust, source, &err);
    bool closed = code == CPS_E_CLOSED; /* the handle is being freed: not an attempt */
    if (code != CPS_OK && !closed) {
        cps_log(trust->cps, CPS_LOG_WARNING, "%s %s: %s: %s", source_kind(source), source->name,
                source->text ? "the previous one stays in use" : "no list is in use yet", err.text);
    }
    source_check_expiry(trust, source);
    pthread_mutex_lock(&trust->lock);
    source->error = code == CPS_OK ? (struct cps_error){0} : err;
    if (!closed) {
        stir_list_refresh_end(&source->refresh, code == CPS_OK, cps_monotonic_ms(), cps_now(trust->cps), every_ms);
    }
    pthread_mutex_unlock(&trust->lock);
    if (trust->waits && !trust_awaits_lists(trust)) {
        trust_stop_waiting(trust);
    }
}

/* ---- the thread ---- */

/* Waits until a source is due or a round is asked for. Returns false if the thread must end. */
static bool trust_wait_for_work(struct cps_trust *trust, uint64_t *round)
{
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < trust->source_count; i++) {
        due_ms = trust->sources[i].refresh.due_ms < due_ms ? trust->sources[i].refresh.due_ms : due_ms;
    }
    const struct timespec until = {.tv_sec = (time_t)(due_ms / 1000), .tv_nsec = (long)(due_ms % 1000) * 1000000};
    pthread_mutex_lock(&trust->lock);
    int rc = 0;
    while (!trust->stopping && trust->asked == trust->done && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&trust->cond, &trust->lock, &until);
    }
    bool go_on = !trust->stopping;
    *round = trust->asked;
    pthread_mutex_unlock(&trust->lock);
    return go_on;
}

static void *trust_thread(void *arg)
{
    struct cps_trust *trust = arg;
    uint64_t round = 0;
    while (trust_wait_for_work(trust, &round)) {
        bool all = round != trust->done; /* only this thread writes it */
        int64_t now = cps_monotonic_ms();
        for (size_t i = 0; i < trust->source_count; i++) {
            if (all || stir_list_refresh_is_due(&trust->sources[i].refresh, now)) {
                source_refresh(trust, &trust->sources[i]);
            }
        }
        pthread_mutex_lock(&trust->lock);
        trust->done = all ? round : trust->done;
        pthread_cond_broadcast(&trust->cond);
        pthread_mutex_unlock(&trust->lock);
    }
    pthread_mutex_lock(&trust->lock);
    trust->done = UINT64_MAX; /* callers must not wait for a round that will not come */
    pthread_cond_broadcast(&trust->cond);
    pthread_mutex_unlock(&trust->lock);
    return NULL;
}

enum cps_code cps_trust_start(struct cps_trust *trust, struct cps_error *err)
{
    sigset_t all, before;
    if (!trust || trust->source_count == 0) {
        return CPS_OK;
    }
    trust->asked = 1;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    trust->running = pthread_create(&trust->thread, NULL, trust_thread, trust) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return trust->running ? CPS_OK : cps_fail(err, CPS_E_UNAVAILABLE, "cannot start the thread that refreshes lists");
}

enum cps_code cps_trust_refresh(struct cps_trust *trust, struct cps_error *err)
{
    if (!trust || !trust->running) {
        return CPS_OK;
    }
    pthread_mutex_lock(&trust->lock);
    uint64_t round = trust->done == 0 ? 1 : ++trust->asked; /* the first round, which is under way, serves as well */
    pthread_cond_broadcast(&trust->cond);
    while (trust->done < round) {
        pthread_cond_wait(&trust->cond, &trust->lock);
    }
    enum cps_code code = trust->stopping ? cps_fail(err, CPS_E_CLOSED, "the handle was freed") : CPS_OK;
    for (size_t i = 0; code == CPS_OK && i < trust->source_count; i++) {
        const struct trust_list_source *source = &trust->sources[i];
        code = source->error.code;
        if (code != CPS_OK && err) {
            *err = source->error;
            code = cps_fail_prefix(err, code, "%s %s", source_kind(source), source->name);
        }
    }
    pthread_mutex_unlock(&trust->lock);
    return code;
}

size_t cps_crls_status(const struct cps *cps, struct cps_crl_status *out, size_t cap)
{
    struct cps_trust *trust = cps ? cps->trust : NULL;
    if (!trust) {
        return 0;
    }
    pthread_mutex_lock(&trust->lock);
    for (size_t i = 0; i < trust->source_count && i < cap; i++) {
        const struct trust_list_source *source = &trust->sources[i];
        out[i] = (struct cps_crl_status){.is_url = source->is_url,
                                         .is_roots = source->is_roots,
                                         .in_force = source->text != NULL,
                                         .exp = source->text ? source->exp : 0,
                                         .good_at = source->refresh.good_at,
                                         .failures = source->refresh.failures};
        (void)snprintf(out[i].name, sizeof(out[i].name), "%s", source->name);
        (void)snprintf(out[i].error, sizeof(out[i].error), "%s", source->error.text);
    }
    size_t count = trust->source_count;
    pthread_mutex_unlock(&trust->lock);
    return count;
}

enum cps_code cps_crls_refresh(struct cps *cps, struct cps_error *err)
{
    if (!cps) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    if (cps_transport_is_here(cps->transport)) {
        return cps_fail(err, CPS_E_IN_CALLBACK, "%s", cps_strerror(CPS_E_IN_CALLBACK));
    }
    return cps_trust_refresh(cps->trust, err);
}

/* ---- opening ---- */

/* Reads a file of the options at the beginning: it has to be there. */
static enum cps_code source_read_first(struct trust_list_source *source, struct cps_error *err)
{
    struct stir_buf list = {.limit = STIR_CRLS_OCTETS};
    struct stir_error cause = {0};
    enum stir_code code = stir_file_stamp_read(&source->stamp, source->name, &cause);
    code = code == STIR_OK ? stir_read_file(&list, source->name, list.limit, &cause) : code;
    if (code == STIR_OK && list.len == 0) {
        code = stir_fail(&cause, STIR_E_CRL, "%s: the file is empty", source->name);
    }
    source->exp = stir_crls_until(list.ptr ? list.ptr : "", list.len);
    source->text = stir_buf_steal(&list, &source->len);
    stir_buf_free(&list);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

/* Copies the text that another handle has fetched from the same URL. */
static void source_take_over(struct trust_list_source *source, struct cps_trust *from)
{
    if (!from) {
        return;
    }
    pthread_mutex_lock(&from->lock);
    for (size_t i = 0; i < from->source_count; i++) {
        const struct trust_list_source *theirs = &from->sources[i];
        if (theirs->is_url && theirs->is_roots == source->is_roots && theirs->text && !source->text &&
            strcmp(theirs->name, source->name) == 0) {
            source->sequence = theirs->sequence;
            source->exp = theirs->exp;
            source->text = malloc(theirs->len + 1);
            source->len = source->text ? theirs->len : 0;
            source->refresh.good_at = theirs->refresh.good_at;
            memcpy(source->text ? source->text : source->error.text, theirs->text, source->len);
        }
    }
    pthread_mutex_unlock(&from->lock);
}

/* Takes the list that this program saved before it was started again, unless another handle has one. Its sequence
 * counts even if the list does not. */
static void source_restore(struct cps_trust *trust, struct trust_list_source *source)
{
    const struct stir_trust_list_state state = source_state(trust, source);
    struct stir_trust_list list = {0};
    struct stir_error err = {0};
    int64_t sequence = 0;
    if (!state.dir || source->text) {
        return;
    }
    enum stir_code code = stir_trust_list_state_load(&list, &sequence, &state, cps_now(trust->cps),
                                                     trust->cps->options.list_grace_s, &err);
    source->sequence = sequence > source->sequence ? sequence : source->sequence;
    if (code == STIR_OK) {
        source->text = list.roots;
        source->len = list.roots_len;
        source->exp = list.exp;
        list.roots = NULL;
    } else if (code != STIR_E_NOT_FOUND) {
        cps_log(trust->cps, CPS_LOG_WARNING, "list of roots %s: the copy saved in list_state_dir is not used: %s",
                source->name, err.text);
    }
    stir_trust_list_clear(&list);
}

static enum cps_code trust_make_sources(struct cps_trust *trust, struct cps_error *err)
{
    const struct cps_options *options = &trust->cps->options;
    size_t count =
        options->crl_file_count + options->crl_url_count + options->list_file_count + options->list_url_count;
    trust->sources = calloc(count + 1, sizeof(*trust->sources));
    if (!trust->sources) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    /* Revocation lists in files are read now, and a bad one is a fault of the options. The rest is due at once. */
    int64_t now = cps_monotonic_ms();
    enum cps_code code = CPS_OK;
    for (size_t i = 0; code == CPS_OK && i < options->crl_file_count + options->crl_url_count; i++) {
        struct trust_list_source *source = &trust->sources[trust->source_count++];
        source->is_url = i >= options->crl_file_count;
        source->name = source->is_url ? options->crl_urls[i - options->crl_file_count] : options->crl_files[i];
        source->refresh.due_ms = source->is_url ? now : now + (int64_t)options->crl_refresh_s * 1000;
        if (source->is_url) {
            source_take_over(source, options->crls_from ? options->crls_from->trust : NULL);
        } else {
            source->refresh.good_at = cps_now(trust->cps);
            code = source_read_first(source, err);
        }
    }
    for (size_t i = 0; code == CPS_OK && i < options->list_file_count + options->list_url_count; i++) {
        struct trust_list_source *source = &trust->sources[trust->source_count++];
        source->is_roots = true;
        source->is_url = i >= options->list_file_count;
        source->name = source->is_url ? options->list_urls[i - options->list_file_count] : options->list_files[i];
        source->refresh.due_ms = now;
        source_take_over(source, options->crls_from ? options->crls_from->trust : NULL);
        source_restore(trust, source);
    }
    return code;
}

/* Drops the texts that were taken over from another handle or restored: by these roots they may not be good, which must
 * not fail the opening. */
static bool trust_drop_taken_over(struct cps_trust *trust)
{
    bool dropped = false;
    for (size_t i = 0; i < trust->source_count; i++) {
        struct trust_list_source *source = &trust->sources[i];
        if ((source->is_url || source->is_roots) && source->text) {
            free(source->text);
            source->text = NULL;
            source->refresh.good_at = 0;
            dropped = true;
        }
    }
    return dropped;
}

/* With crl_policy required, no certificate would be trusted until a URL was fetched that the previous handle did not
 * have. The trust of that handle stays in force until then. */
static void trust_wait_for_lists(struct cps_trust *trust)
{
    const struct cps_options *options = &trust->cps->options;
    uint64_t generation = 0;
    if (options->crl_policy != CPS_CRL_REQUIRED || !options->crls_from || !options->crls_from->trust ||
        !trust_awaits_lists(trust)) {
        return;
    }
    stir_trust_unref(trust->current);
    trust->current = cps_trust_hold(options->crls_from->trust, &generation);
    trust->waits = true;
    cps_log(trust->cps, CPS_LOG_NOTICE,
            "trust: the previous roots and revocation lists stay in use until the new crl_urls have been fetched");
}

static enum cps_code trust_open_all(struct cps_trust *trust, struct cps_error *err)
{
    const struct cps_options *options = &trust->cps->options;
    struct stir_error cause = {0};
    enum stir_code code = stir_trust_files_read(&trust->files, options->trust_file, options->crl_issuer_file,
                                                options->crl_signer_roots_file, &cause);
    if (code != STIR_OK) {
        return cps_fail_stir(err, code, &cause);
    }
    if (options->list_signer_roots_file) {
        code = stir_read_file(&trust->list_signer_roots, options->list_signer_roots_file, STIR_ROOTS_OCTETS, &cause);
        if (code != STIR_OK) {
            return cps_fail_stir(err, code, &cause);
        }
    }
    enum cps_code made = trust_make_sources(trust, err);
    if (made != CPS_OK) {
        return made;
    }
    /* With texts of another handle the build may fail; then it starts without them. */
    code = trust_build(&trust->current, trust, true, &cause);
    if (code != STIR_OK && trust_drop_taken_over(trust)) {
        code = trust_build(&trust->current, trust, false, &cause);
    }
    if (code != STIR_OK) {
        return cps_fail_stir(err, code, &cause);
    }
    trust_wait_for_lists(trust);
    return CPS_OK;
}

enum cps_code cps_trust_open(struct cps_trust **out, struct cps *cps, struct cps_error *err)
{
    const struct cps_options *options = &cps->options;
    pthread_condattr_t monotonic;
    if (!options->trust_file && options->list_file_count + options->list_url_count == 0) {
        return options->crl_file_count || options->crl_url_count
                   ? cps_fail(err, CPS_E_CONFIG,
                              "crl_files and crl_urls need roots as well: set trust_file, list_files or list_urls")
                   : CPS_OK;
    }
    struct cps_trust *trust = calloc(1, sizeof(*trust));
    if (!trust) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    trust->cps = cps;
    trust->generation = 1;
    pthread_mutex_init(&trust->lock, NULL);
    pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&trust->cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum cps_code code = trust_open_all(trust, err);
    if (code != CPS_OK) {
        cps_trust_free(trust);
        return code;
    }
    *out = trust;
    return CPS_OK;
}

void cps_trust_stop(struct cps_trust *trust)
{
    if (trust) {
        pthread_mutex_lock(&trust->lock);
        trust->stopping = true;
        pthread_cond_broadcast(&trust->cond);
        pthread_mutex_unlock(&trust->lock);
    }
}

void cps_trust_free(struct cps_trust *trust)
{
    if (!trust) {
        return;
    }
    cps_trust_stop(trust);
    if (trust->running) {
        (void)pthread_join(trust->thread, NULL);
    }
    for (size_t i = 0; i < trust->source_count; i++) {
        free(trust->sources[i].text);
    }
    free(trust->sources);
    stir_trust_files_clear(&trust->files);
    stir_buf_cleanse(&trust->list_signer_roots);
    stir_trust_unref(trust->current);
    pthread_cond_destroy(&trust->cond);
    pthread_mutex_destroy(&trust->lock);
    free(trust);
}
