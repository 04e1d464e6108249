/* SPDX-License-Identifier: MIT */
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

#define ENVELOPES_MAX 4096 /* of one message: enough for 255 recipients whose keys are looked up */

/* A recipient whose key records are looked up: for its CPS, and for its keys unless they were given. */
struct sought {
    struct stir_identity box;
    size_t passport; /* index of the PASSporT that is for it */
    struct cps_keys keys;
    bool over;
};

/* Publishes all envelopes of one message. Signing is done before the task begins, and so is sealing for recipients
 * whose keys and CPS are known. */
struct sending {
    struct cps_task task;
    char **passports; /* one for each destination of the message, or one for all */
    size_t passport_count;
    struct cps_signer *chain_of; /* whose certificate chain goes into the envelopes; NULL: none */
    uint32_t ttl_s;
    struct sought *sought;
    size_t sought_count;
    struct cps_transfer *transfers;
    size_t count;
    size_t begun;
    struct cps_spool_batch spool;
    bool counted; /* the answers of the CPS were counted */
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

/* Counts the envelopes that the CPS has accepted, and gives the others to the spool if it takes them. */
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

/* Seals a recipient's PASSporT for its keys and adds the envelopes to those to be published. target: the key record
 * that names the CPS where the holder of these keys reads; NULL: none is known. */
static enum cps_code send_add_envelopes(struct sending *op, const struct stir_identity *box, size_t passport,
                                        const struct cps_target *target, const struct cps_key *const *keys,
                                        size_t key_count, struct cps_error *err)
{
    struct cps *cps = op->task.cps;
    struct cps_envelopes envelopes = {0};
    const char *token = op->passports[passport];
    enum cps_code code = cps_seal(cps, token, strlen(token), op->chain_of, keys, key_count, &envelopes, err);
    for (size_t i = 0; code == CPS_OK && i < envelopes.count; i++) {
        /* Each envelope is a request of its own, at the CPS that its key's holder reads. */
        struct cps_request *request = &op->transfers[op->count].request;
        code = cps_ask_publish(request, cps, box, envelopes.items[i].text, envelopes.items[i].len, op->ttl_s, err);
        if (code == CPS_OK) {
            code = cps_route_to_holder(&request->route, cps, box, target, err);
        }
        if (code == CPS_OK) {
            /* The spool keeps the CPS of a record; any other it finds when it publishes. */
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

/* Seals for each key of all records that were found; each envelope goes to the CPS of the key's own record (RFC 8816
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

/* Seals for the keys that were given. A record that lists one of them says where its holder reads. */
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
        /* CPS_E_CERT_SCOPE is for the sender's certificate, not for a destination's record */
        err->code = err->code == CPS_E_CERT_SCOPE ? CPS_E_KEY : err->code;
        return cps_fail_prefix(err, err->code, "the destination's keys");
    }
    return send_add_records(op, sought, targets, err);
}

/* Looks up the recipients that need it and seals for those that were found. Returns true when none is left. */
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
            all = false; /* the directory wakes the task */
            continue;
        }
        /* A recipient that fails does not keep the message from the others. */
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

/* Takes the operation one step further. Returns true when nothing is under way any more. */
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

/* Checks that a recipient is one of the message's destinations, number *which: in any other box the PASSporT would be
 * of no use. */
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
    return cps_fail(err, CPS_E_INVAL, "a recipient's dest is not among the message's destinations");
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

/* Counts the envelopes that the message can have at most: CPS_FOUND_KEYS for a recipient that is looked up. */
static enum cps_code send_count_envelopes(size_t *total, const struct cps_recipient *recipients, size_t count,
                                          struct cps_error *err)
{
    *total = 0;
    for (size_t i = 0; recipients && i < count && *total <= ENVELOPES_MAX; i++) {
        size_t keys = recipients[i].key_count ? recipients[i].key_count : CPS_FOUND_KEYS;
        *total += keys <= ENVELOPES_MAX ? keys : ENVELOPES_MAX + 1;
    }
    if (*total == 0) {
        return cps_fail(err, CPS_E_INVAL, "no recipient is given");
    }
    if (*total > ENVELOPES_MAX) {
        return cps_fail(err, CPS_E_INVAL, "the message would have more than %d envelopes; send it to fewer recipients",
                        ENVELOPES_MAX);
    }
    return CPS_OK;
}

/* Signs a PASSporT for each destination, so that none learns of the others, all with the same iat; or one for all if
 * options.shared_passport is set. */
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
    /* Signers that sign one message several times must do so at one moment: that is how verifiers group them. */
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

/* Checks the arguments, makes room, signs, and seals what can be sealed now. On failure the caller clears. */
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
    /* Room for all envelopes at once: transfers stay in place while they are under way. */
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
        /* With too many operations under way the spool can take all of it. */
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
        /* With too many operations under way the spool can take all of it. */
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
