#include "client/lib/context/key.h"
#include "client/lib/context/message.h"
#include "client/lib/find/directory.h"
#include "client/lib/find/route.h"
#include "client/lib/net/cps_http.h"
#include "client/lib/net/task.h"
#include "client/lib/sign/signer.h"
#include "client/lib/spool/spool_send.h"

#include <stdlib.h>
#include <string.h>

#define ENVELOPES_MAX 4096 /* of one message: 255 recipients whose keys are found */

/* A recipient that has to be looked for: its CPS, and its keys unless they were given. */
struct sought {
    struct stir_identity box;
    size_t passport; /* which is for it */
    struct cps_keys keys;
    bool over;
};

/* Publishing all envelopes of one message. Signing is done before it begins, and sealing where nothing has to be looked
 * for. */
struct sending {
    struct cps_task task;
    char **passports; /* one for each destination of the message, or one for all */
    size_t passport_count;
    struct cps_signer *chain_of; /* whose chain travels along, or NULL */
    uint32_t ttl_s;
    struct sought *sought;
    size_t sought_count;
    struct cps_transfer *transfers;
    size_t count;
    size_t begun;
    struct cps_spool_batch spool;
    bool counted; /* what the CPS said of each */
    struct cps_sent result;
    cps_sent_cb callback;
    void *arg;
};

void cps_sent_clear(struct cps_sent *sent)
{
    free(sent->passport);
    *sent = (struct cps_sent){0};
}

static void send_clear(struct sending *op)
{
    for (size_t i = 0; i < op->passport_count; i++) {
        cps_text_free(op->passports[i]);
    }
    free(op->passports);
    for (size_t i = 0; op->transfers && i < op->count; i++) {
        cps_transfer_clear(&op->transfers[i]);
    }
    free(op->transfers);
    for (size_t i = 0; i < op->sought_count; i++) {
        cps_keys_free(&op->sought[i].keys);
    }
    free(op->sought);
    cps_signer_free(op->chain_of);
    cps_spool_batch_clear(&op->spool);
    cps_sent_clear(&op->result);
}

static void send_submit_all(struct sending *op)
{
    for (; op->begun < op->count; op->begun++) {
        struct cps_transfer *transfer = &op->transfers[op->begun];
        transfer->done = cps_task_transfer_done;
        transfer->arg = &op->task;
        if (cps_route_submit(op->task.cps, transfer, &transfer->response.error) != CPS_OK) {
            atomic_store(&transfer->complete, true);
        }
    }
}

static bool send_all_answered(const struct sending *op)
{
    for (size_t i = 0; i < op->count; i++) {
        if (!atomic_load(&op->transfers[i].complete)) {
            return false;
        }
    }
    return true;
}

static void send_keep_first_error(struct cps_error *first, const struct cps_error *err)
{
    if (first->code == CPS_OK) {
        *first = *err;
    }
}

/* Counts what the CPS has; the rest goes to the spool, where it may. */
static void send_count_answers(struct sending *op)
{
    op->counted = true;
    for (size_t i = 0; i < op->count; i++) {
        struct cps_error err = op->spool.cause;
        if (!op->spool.offline && cps_answer_status(&op->transfers[i].response, &err) == CPS_OK) {
            op->result.published++;
            continue;
        }
        struct cps_error cause = err;
        if (cps_spool_batch_put(&op->spool, i, &err)) {
            send_keep_first_error(&op->result.spooled_for, &cause);
        } else {
            send_keep_first_error(&op->result.error, &err);
        }
    }
}

static void send_count_spooled(struct sending *op)
{
    for (size_t i = 0; i < op->count; i++) {
        struct cps_error err = {0};
        if (cps_spool_batch_has(&op->spool, i, &err)) {
            op->result.spooled++;
        } else if (err.code != CPS_OK) {
            send_keep_first_error(&op->result.error, &err);
        }
    }
}

/* Seals a recipient's PASSporT for its keys and adds the envelopes to those that are to be published. target: the
 * record that says where the holder of these keys reads; NULL: none is known. */
static enum cps_code send_add_envelopes(struct sending *op, const struct stir_identity *box, size_t passport,
                                        const struct cps_target *target, const struct cps_key *const *keys,
                                        size_t key_count, struct cps_error *err)
{
    struct cps *cps = op->task.cps;
    struct cps_envelopes envelopes = {0};
    const char *token = op->passports[passport];
    enum cps_code code = cps_seal(cps, token, strlen(token), op->chain_of, keys, key_count, &envelopes, err);
    for (size_t i = 0; code == CPS_OK && i < envelopes.count; i++) {
        struct cps_request *request = &op->transfers[op->count].request;
        code = cps_ask_publish(request, cps, box, envelopes.items[i].text, envelopes.items[i].len, op->ttl_s, err);
        if (code == CPS_OK) {
            code = cps_route_to_holder(&request->route, cps, box, target, err);
        }
        if (code == CPS_OK) {
            bool named = target && target->route == request->route;
            cps_spool_batch_add(&op->spool, box, named ? cps_route_urls(request->route) : NULL, request->body,
                                request->body_len);
            op->count++;
            op->result.octets += envelopes.items[i].len;
        } else {
            cps_transfer_clear(&op->transfers[op->count]);
        }
    }
    op->result.envelopes = op->count;
    cps_envelopes_clear(&envelopes);
    return code;
}

/* Seals for each key of all the records that were found, and aims at the CPS of the record that the key is of (RFC 8816
 * section 8.1 step 3). */
static enum cps_code send_add_records(struct sending *op, const struct sought *sought,
                                      const struct cps_targets *targets, struct cps_error *err)
{
    struct cps_target_key keys[CPS_FOUND_KEYS];
    size_t count = cps_targets_keys(targets, cps_now(op->task.cps), keys);
    enum cps_code code = count ? CPS_OK : cps_fail(err, CPS_E_KEY, "no key of the destination is current");
    for (size_t i = 0; code == CPS_OK && i < count; i++) {
        code = send_add_envelopes(op, &sought->box, sought->passport, keys[i].target, &keys[i].key, 1, err);
    }
    return code;
}

/* Keys that were given need no record, but the record that lists one says where its holder reads. */
static enum cps_code send_add_given(struct sending *op, const struct sought *sought, const struct cps_targets *targets,
                                    struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    for (size_t i = 0; code == CPS_OK && i < sought->keys.count; i++) {
        const struct cps_key *key = sought->keys.items[i];
        code = send_add_envelopes(op, &sought->box, sought->passport, cps_targets_with_key(targets, key), &key, 1, err);
    }
    return code;
}

static enum cps_code send_add_found(struct sending *op, const struct sought *sought, const struct cps_targets *targets,
                                    struct cps_error *err)
{
    if (sought->keys.count) {
        return send_add_given(op, sought, targets, err);
    }
    if (!targets) {
        /* that a certificate does not cover something is said of the sender's */
        err->code = err->code == CPS_E_CERT_SCOPE ? CPS_E_KEY : err->code;
        return cps_fail_prefix(err, err->code, "the destination's keys");
    }
    return send_add_records(op, sought, targets, err);
}

/* True: nobody has to be looked for any more. */
static bool send_find_all(struct sending *op)
{
    struct cps *cps = op->task.cps;
    bool all = true;
    for (size_t i = 0; i < op->sought_count; i++) {
        struct sought *sought = &op->sought[i];
        struct cps_targets *targets = NULL;
        struct cps_error err = {0};
        if (sought->over) {
            continue;
        }
        if (cps_directory_get(cps->directory, &targets, &sought->box, &op->task, &err) == CPS_FOUND_LATER) {
            all = false;
            continue;
        }
        sought->over = true;
        if (send_add_found(op, sought, targets, &err) != CPS_OK) {
            send_keep_first_error(&op->result.error, &err);
        }
        cps_targets_unref(targets);
    }
    if (all) {
        cps_directory_leave(cps->directory, &op->task);
    }
    return all;
}

/* True when nothing is under way any more. */
static bool send_advance(struct sending *op)
{
    bool found = op->counted || send_find_all(op);
    if (!op->spool.offline) {
        send_submit_all(op);
        if (!send_all_answered(op)) {
            return false;
        }
    }
    if (!found) {
        return false;
    }
    if (!op->counted) {
        send_count_answers(op);
    }
    return cps_spool_batch_done(&op->spool);
}

static void send_step(struct cps_task *task)
{
    struct sending *op = (struct sending *)task;
    if (!send_advance(op)) {
        return;
    }
    send_count_spooled(op);
    cps_task_end(task);
    if (op->callback) {
        op->callback(op->arg, &op->result);
        send_clear(op);
        free(op);
    }
}

/* One of the message's own destinations, *which: a PASSporT is of no use in another box. */
static enum cps_code send_check_recipient(struct stir_identity *box, size_t *which, struct cps *cps,
                                          const struct cps_checked *message, const struct cps_recipient *recipient,
                                          struct cps_error *err)
{
    enum cps_code code =
        recipient->key_count ? cps_keys_check(recipient->keys, recipient->key_count, false, err) : CPS_OK;
    if (code == CPS_OK) {
        code = cps_dest_check(box, cps, recipient->dest, err);
    }
    if (code != CPS_OK) {
        return code;
    }
    for (size_t i = 0; i < message->dest_count; i++) {
        if (stir_identity_equal(box, &message->dest[i])) {
            *which = i;
            return CPS_OK;
        }
    }
    return cps_fail(err, CPS_E_INVAL, "a recipient's dest is none of the message's");
}

static enum cps_code send_add_recipient(struct sending *op, const struct stir_identity *box, size_t passport,
                                        const struct cps_recipient *recipient, struct cps_error *err)
{
    if (recipient->key_count && !op->task.cps->options.route_by_record) {
        return send_add_envelopes(op, box, passport, NULL, recipient->keys, recipient->key_count, err);
    }
    struct sought *sought = &op->sought[op->sought_count];
    sought->box = *box;
    sought->passport = passport;
    op->sought_count++;
    return recipient->key_count ? cps_keys_take(&sought->keys, recipient->keys, recipient->key_count, false, err)
                                : CPS_OK;
}

/* Counts the envelopes that there may be: a recipient that is looked for has at most CPS_FOUND_KEYS keys. */
static enum cps_code send_count_envelopes(size_t *total, const struct cps_recipient *recipients, size_t count,
                                          struct cps_error *err)
{
    *total = 0;
    for (size_t i = 0; recipients && i < count && *total <= ENVELOPES_MAX; i++) {
        size_t keys = recipients[i].key_count ? recipients[i].key_count : CPS_FOUND_KEYS;
        *total += keys <= ENVELOPES_MAX ? keys : ENVELOPES_MAX + 1;
    }
    if (*total == 0 || *total > ENVELOPES_MAX) {
        return cps_fail(err, CPS_E_INVAL, "the recipients have %s keys than a message can have",
                        *total ? "more" : "fewer");
    }
    return CPS_OK;
}

/* Signs a PASSporT for each destination, all of one time, so that none of them learns of the others; or one for all. */
static enum cps_code send_sign_all(struct sending *op, const struct cps_signer *signer,
                                   const struct cps_message *message, struct cps_error *err)
{
    struct cps *cps = op->task.cps;
    struct cps_message one = *message;
    size_t count = cps->options.shared_passport ? 1 : message->dest_count;
    enum cps_code code = CPS_OK;
    op->passports = calloc(count, sizeof(char *));
    if (!op->passports) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    one.iat = message->iat ? message->iat : cps_now(cps);
    for (size_t i = 0; code == CPS_OK && i < count; i++) {
        if (!cps->options.shared_passport) {
            one.dest = &message->dest[i];
            one.dest_count = 1;
        }
        code = cps_sign(cps, signer, &one, &op->passports[i], NULL, err);
        op->passport_count += code == CPS_OK;
    }
    if (code == CPS_OK) {
        op->result.passports = count;
        op->result.passport = strdup(op->passports[0]);
        op->result.passport_len = op->result.passport ? strlen(op->result.passport) : 0;
    }
    return code == CPS_OK && !op->result.passport ? cps_fail(err, CPS_E_NOMEM, "out of memory") : code;
}

static enum cps_code send_seal_all(struct sending *op, const struct cps_signer *signer,
                                   const struct cps_message *message, const struct cps_recipient *recipients,
                                   size_t recipient_count, struct cps_error *err)
{
    struct cps_checked checked;
    struct stir_identity box;
    size_t which = 0;
    enum cps_code code = cps_message_check(&checked, op->task.cps, message, false, err);
    if (code != CPS_OK) {
        return code;
    }
    code = send_sign_all(op, signer, message, err);
    for (size_t i = 0; code == CPS_OK && i < recipient_count; i++) {
        code = send_check_recipient(&box, &which, op->task.cps, &checked, &recipients[i], err);
        if (code == CPS_OK) {
            code = send_add_recipient(op, &box, op->task.cps->options.shared_passport ? 0 : which, &recipients[i], err);
        }
    }
    cps_checked_clear(&checked);
    return code;
}

/* On failure the caller clears. */
static enum cps_code send_prepare(struct sending *op, struct cps *cps, const struct cps_signer *signer,
                                  const struct cps_message *message, const struct cps_recipient *recipients,
                                  size_t recipient_count, uint32_t ttl_s, enum cps_spooling spooling,
                                  struct cps_error *err)
{
    size_t total;
    if (!cps || !signer || !message) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    op->task.cps = cps;
    op->task.step = send_step;
    op->ttl_s = ttl_s;
    op->chain_of = signer->with_chain ? cps_signer_ref(signer) : NULL;
    enum cps_code code = send_count_envelopes(&total, recipients, recipient_count, err);
    if (code != CPS_OK) {
        return code;
    }
    op->transfers = calloc(total, sizeof(*op->transfers));
    op->sought = calloc(recipient_count, sizeof(*op->sought));
    if (!op->transfers || !op->sought) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    code = cps_spool_batch_init(&op->spool, &op->task, spooling, total, message->iat, ttl_s, err);
    if (code != CPS_OK) {
        return code;
    }
    return send_seal_all(op, signer, message, recipients, recipient_count, err);
}

enum cps_code cps_send_with_spool(struct cps *cps, const struct cps_signer *signer, const struct cps_message *message,
                                  const struct cps_recipient *recipients, size_t recipient_count, uint32_t ttl_s,
                                  enum cps_spooling spooling, struct cps_sent *out, struct cps_error *err)
{
    struct sending op = {0};
    struct cps_error failure = {0};
    enum cps_code code =
        send_prepare(&op, cps, signer, message, recipients, recipient_count, ttl_s, spooling, &failure);
    if (code == CPS_OK) {
        code = cps_task_run(&op.task, &failure);
        if (code != CPS_OK && cps_spool_batch_divert(&op.spool, &failure)) {
            code = cps_task_run(&op.task, &failure);
        }
    }
    if (code != CPS_OK) {
        op.result.error = failure;
    }
    code = op.result.error.code;
    if (code != CPS_OK && err) {
        *err = op.result.error;
    }
    if (out) {
        *out = op.result;
        op.result = (struct cps_sent){0};
    }
    send_clear(&op);
    return code;
}

enum cps_code cps_send(struct cps *cps, const struct cps_signer *signer, const struct cps_message *message,
                       const struct cps_recipient *recipients, size_t recipient_count, uint32_t ttl_s,
                       struct cps_sent *out, struct cps_error *err)
{
    return cps_send_with_spool(cps, signer, message, recipients, recipient_count, ttl_s, CPS_SPOOL_NEVER, out, err);
}

enum cps_code cps_send_with_spool_async(struct cps *cps, const struct cps_signer *signer,
                                        const struct cps_message *message, const struct cps_recipient *recipients,
                                        size_t recipient_count, uint32_t ttl_s, enum cps_spooling spooling,
                                        cps_sent_cb callback, void *arg, struct cps_error *err)
{
    struct cps_error failure = {0};
    struct sending *op = calloc(1, sizeof(*op));
    if (!op) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    op->callback = callback;
    op->arg = arg;
    enum cps_code code =
        callback ? send_prepare(op, cps, signer, message, recipients, recipient_count, ttl_s, spooling, &failure)
                 : cps_fail(&failure, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        code = cps_task_start(&op->task, &failure);
        if (code != CPS_OK && cps_spool_batch_divert(&op->spool, &failure)) {
            code = cps_task_start(&op->task, &failure);
        }
    }
    if (code != CPS_OK) {
        if (err) {
            *err = failure;
        }
        send_clear(op);
        free(op);
    }
    return code;
}

enum cps_code cps_send_async(struct cps *cps, const struct cps_signer *signer, const struct cps_message *message,
                             const struct cps_recipient *recipients, size_t recipient_count, uint32_t ttl_s,
                             cps_sent_cb callback, void *arg, struct cps_error *err)
{
    return cps_send_with_spool_async(cps, signer, message, recipients, recipient_count, ttl_s, CPS_SPOOL_NEVER,
                                     callback, arg, err);
}
