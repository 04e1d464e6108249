/* SPDX-License-Identifier: MIT */
#include "client/lib/api/online_check.h"

#include "client/lib/net/task.h"
#include "client/lib/sign/credential.h"
#include "client/lib/verify/certcache.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- the chain at x5u ---- */

struct fetching {
    struct cps_task task;
    const char *url;
    struct cps_chain *chain;
    struct cps_error err;
};

static void online_fetch_step(struct cps_task *task)
{
    struct fetching *fetching = (struct fetching *)task;
    enum cps_found found = cps_certcache_get(task->cps->certs, &fetching->chain, fetching->url, task, &fetching->err);
    if (found != CPS_FOUND_LATER) {
        cps_certcache_leave(task->cps->certs, task);
        cps_task_end(task);
    }
}

static bool online_same_leaf(const struct stir_chain *a, const struct stir_chain *b)
{
    return X509_cmp(a->certs[0], b->certs[0]) == 0;
}

enum cps_code cps_online_x5u(struct cps *cps, const struct cps_signer *signer, struct cps_error *err)
{
    struct fetching fetching = {.task = {.cps = cps, .step = online_fetch_step}, .url = signer->x5u};
    if (!signer->x5u) {
        return CPS_OK;
    }
    enum cps_code code = cps_task_run(&fetching.task, err);
    if (code == CPS_OK && !fetching.chain) {
        code = cps_fail(err, fetching.err.code, "%s: %s", signer->x5u, fetching.err.text);
    } else if (code == CPS_OK && !online_same_leaf(fetching.chain->chain, signer->chain)) {
        code = cps_fail(err, CPS_E_CERT,
                        "%s has another certificate than the file, so verifiers would refuse the signatures; put the "
                        "file's chain there",
                        signer->x5u);
    }
    cps_chain_unref(fetching.chain);
    return code;
}

enum cps_code cps_online_auth_x5u(struct cps *cps, struct cps_error *err)
{
    return cps->credential ? cps_online_x5u(cps, cps_credential_signer(cps->credential), err) : CPS_OK;
}

/* ---- the credential at the CPS ---- */

/* E.164 assigns no country the code 999, so no row of a number table leads to another CPS. */
#define NOBODYS_NUMBER "999000000000000"

enum cps_code cps_online_retrieve(struct cps *cps, struct cps_error *err)
{
    struct cps_envelopes envelopes = {0};
    enum cps_code code = cps_retrieve(cps, NOBODYS_NUMBER, NULL, 0, &envelopes, err);
    cps_envelopes_clear(&envelopes);
    return code == CPS_E_FORBIDDEN ? CPS_OK : code;
}

/* Chooses a number that the signer may sign for; "" if it has only alphanumeric senders. */
static void online_pick_number(char out[STIR_TN_MAX + 1], const struct cps_numbers *numbers)
{
    out[0] = '\0';
    if (numbers->range_count) {
        memcpy(out, numbers->ranges[0].first, sizeof(numbers->ranges[0].first));
    } else if (numbers->prefix_count) {
        size_t n = strlen(numbers->prefixes[0]), whole = n < 11 ? 11 : n;
        memcpy(out, numbers->prefixes[0], n);
        memset(out + n, '0', whole - n);
        out[whole] = '\0';
    }
}

/* Makes a public key whose private half nobody keeps. */
static enum cps_code online_make_key(struct cps_key **out, struct cps_error *err)
{
    EVP_PKEY *pair = NULL;
    json_t *jwk = NULL;
    struct stir_error cause = {0};
    enum stir_code code = stir_key_generate(&pair, STIR_CURVE_X25519, &cause);
    code = code == STIR_OK ? stir_jwk_make(&jwk, pair, false, &cause) : code;
    EVP_PKEY_free(pair);
    char *text = code == STIR_OK ? json_dumps(jwk, JSON_COMPACT) : NULL;
    json_decref(jwk);
    if (!text) {
        return code == STIR_OK ? cps_fail(err, CPS_E_NOMEM, "out of memory") : cps_fail_stir(err, code, &cause);
    }
    enum cps_code made = cps_key_from_jwk(out, text, strlen(text), false, err);
    free(text);
    return made;
}

enum cps_code cps_online_publish(struct cps *cps, const struct cps_signer *signer, struct cps_error *err)
{
    char number[STIR_TN_MAX + 1];
    const char *dest = number;
    struct cps_key *key = NULL;
    struct cps_sent sent = {0};
    online_pick_number(number, &signer->scope->numbers);
    if (!number[0]) {
        return CPS_OK;
    }
    enum cps_code code = online_make_key(&key, err);
    if (code == CPS_OK) {
        const struct cps_message message = {.orig = number, .dest = &dest, .dest_count = 1, .body = "", .body_len = 0};
        const struct cps_key *const keys[] = {key};
        const struct cps_recipient recipient = {.dest = number, .keys = keys, .key_count = 1};
        code = cps_send(cps, signer, &message, &recipient, 1, 1, &sent, err);
        if (code == CPS_OK && sent.error.code != CPS_OK) {
            code = cps_fail(err, sent.error.code, "%s", sent.error.text);
        }
        cps_sent_clear(&sent);
    }
    cps_key_free(key);
    return code;
}
