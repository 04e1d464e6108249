/* SPDX-License-Identifier: MIT */
#include "common/cert/x5c.h"
#include "cps/auth/cert_cache_internal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/*
 * Chains that tokens carry with them (x5c). A chain that is known as good is found by its leaf (key '#'), in any x5c
 * that has all the certificates by which it leads to the root, whatever else is in it: certificates appended to a
 * public chain make no new entry and no work. All others are known by the whole x5c (key '?').
 */
#define X5C_KEEP_S 86400

struct x5c_key {
    char octets[1 + 32];
};

/* The SHA-256 of each certificate's text in an x5c, and the keys made of them. */
struct x5c_texts {
    uint8_t digest[STIR_CHAIN_MAX][32];
    size_t count;
    struct x5c_key leaf, whole;
};

static enum stir_code x5c_read_texts(struct x5c_texts *texts, const json_t *x5c, struct stir_error *err)
{
    enum stir_code code = stir_x5c_digests(texts->digest, &texts->count, x5c, err);
    if (code != STIR_OK) {
        return code;
    }
    texts->leaf.octets[0] = '#';
    memcpy(texts->leaf.octets + 1, texts->digest[0], 32);
    texts->whole.octets[0] = '?';
    return EVP_Digest(texts->digest, texts->count * 32, (unsigned char *)texts->whole.octets + 1, NULL, EVP_sha256(),
                      NULL) == 1
               ? STIR_OK
               : stir_fail_openssl(err, STIR_E_CRYPTO, "x5c: SHA-256 failed");
}

static struct stir_view x5c_key_view(const struct x5c_key *key)
{
    return stir_view(key->octets, sizeof(key->octets));
}

static struct cpsd_cert_entry *x5c_find(struct cpsd_cert_cache *certs, const struct x5c_key *key)
{
    return cpsd_cert_table_find(&certs->table, key->octets, sizeof(key->octets));
}

static bool x5c_has_text(const struct x5c_texts *texts, const uint8_t digest[32])
{
    for (size_t i = 0; i < texts->count; i++) {
        if (memcmp(texts->digest[i], digest, 32) == 0) {
            return true;
        }
    }
    return false;
}

static bool x5c_has_all(const struct x5c_texts *texts, const struct cpsd_cert_entry *entry)
{
    bool all = true;
    for (size_t i = 0; all && i < entry->text_count; i++) {
        all = x5c_has_text(texts, entry->texts[i]);
    }
    return all;
}

/* Returns the entry of an x5c, NULL if there is none. *key: the key that it has, or is to get. Under the lock. */
static struct cpsd_cert_entry *x5c_find_known(struct cpsd_cert_cache *certs, const struct x5c_texts *texts, int64_t now,
                                              const struct x5c_key **key)
{
    struct cpsd_cert_entry *entry = x5c_find(certs, &texts->leaf);
    *key = &texts->leaf;
    if (!entry || now > entry->until || !x5c_has_all(texts, entry)) {
        entry = x5c_find(certs, &texts->whole);
        *key = &texts->whole;
    }
    return entry && now <= entry->until ? entry : NULL;
}

/* Parses the x5c and puts the chain, or the error, under its key. */
static struct stir_chain *x5c_put(struct cpsd_cert_cache *certs, const struct x5c_key *key, const json_t *x5c,
                                  int64_t now, struct stir_error *err)
{
    struct stir_chain *chain = NULL;
    struct stir_error error = {0};
    enum stir_code code = stir_x5c_parse(&chain, x5c, &error);
    uv_mutex_lock(&certs->lock);
    struct cpsd_cert_entry *entry = x5c_find(certs, key);
    entry = entry ? entry : cpsd_cert_table_add(&certs->table, key->octets, sizeof(key->octets));
    if (entry && chain) {
        cpsd_cert_entry_put(certs, entry, stir_chain_ref(chain), now, X5C_KEEP_S, 0);
    } else if (entry) {
        entry->error = error;
        entry->error.code = code;
        entry->until = now + CPSD_CERT_BAD_S;
    }
    uv_mutex_unlock(&certs->lock);
    if (!chain && err) {
        *err = error;
    }
    return chain;
}

static enum cpsd_cert_found x5c_lookup(struct cpsd_cert_cache *certs, struct stir_chain **out, const json_t *x5c,
                                       const struct cpsd_cert_query *ask, struct stir_error *err)
{
    struct x5c_texts texts;
    const struct x5c_key *key = NULL;
    struct stir_chain *unjudged = NULL;
    enum cpsd_cert_found found = CPSD_CERT_LATER;
    if (x5c_read_texts(&texts, x5c, err) != STIR_OK) {
        return CPSD_CERT_FAILED;
    }
    /* Known, or to be parsed and verified, if the limits allow. */
    uv_mutex_lock(&certs->lock);
    struct cpsd_cert_entry *entry = x5c_find_known(certs, &texts, ask->now, &key);
    if (entry) {
        found = cpsd_cert_entry_look(certs, entry, out, &unjudged, ask, err);
    } else if (!cpsd_cert_may_work(NULL, ask, err)) {
        found = CPSD_CERT_FAILED;
    }
    uv_mutex_unlock(&certs->lock);
    if (found != CPSD_CERT_LATER) {
        return found;
    }
    if (!unjudged) {
        ask->wait->unproved = true;
        unjudged = x5c_put(certs, key, x5c, ask->now, err);
    }
    return unjudged ? cpsd_cert_verify(certs, out, unjudged, x5c_key_view(key), ask, err) : CPSD_CERT_FAILED;
}

enum cpsd_cert_found cpsd_cert_cache_get_x5c(struct cpsd_cert_cache *certs, struct stir_chain **out, const json_t *x5c,
                                             const struct cpsd_trusted *trusted, int64_t now,
                                             const struct cpsd_cert_rules *rules, struct cpsd_cert_wait *wait,
                                             struct stir_error *err)
{
    struct stir_chain *chain = NULL;
    const struct cpsd_cert_query ask = {.trusted = trusted, .now = now, .rules = rules, .wait = wait};
    wait->unproved = false;
    enum cpsd_cert_found found = x5c_lookup(certs, &chain, x5c, &ask, err);
    return found == CPSD_CERT_FOUND ? cpsd_cert_complete(certs, out, chain, &ask, err) : found;
}

/* ---- known as good ---- */

/* A good verdict on an x5c, and the certificates that it used. */
struct x5c_proof {
    uint64_t generation;
    int64_t judged_until, since;
    struct stir_chain_used used;
    uint8_t id[CPSD_CERT_ID];
};

/* Gets the verdict on the whole x5c. Returns false if it has none or a bad one. Under the lock. */
static bool x5c_find_proof(struct x5c_proof *out, struct cpsd_cert_cache *certs, const struct x5c_texts *texts,
                           const struct stir_chain *chain)
{
    const struct cpsd_cert_entry *entry = x5c_find(certs, &texts->whole);
    if (!entry || entry->state != CPSD_CERT_READY || !entry->generation || entry->error.code != STIR_OK ||
        !cpsd_cert_is_same_chain(entry->chain, chain)) {
        return false;
    }
    *out = (struct x5c_proof){.generation = entry->generation,
                              .judged_until = entry->judged_until,
                              .since = entry->fetched_at,
                              .used = entry->used};
    memcpy(out->id, entry->id, sizeof(out->id));
    return true;
}

/* Returns the chain without the certificates that were not used; NULL: out of memory. */
static struct stir_chain *x5c_read_used(const json_t *x5c, const struct stir_chain_used *used)
{
    struct stir_chain *chain = NULL;
    json_t *array = json_array();
    bool good = array != NULL;
    for (size_t i = 0; good && i < used->count; i++) {
        good = json_array_append(array, json_array_get(x5c, used->index[i])) == 0;
    }
    if (!good || stir_x5c_parse(&chain, array, NULL) != STIR_OK) {
        chain = NULL;
    }
    json_decref(array);
    return chain;
}

/* Puts a chain under the key of its leaf, in place of what was there, and drops the entry of the whole x5c. Takes over
 * the chain and the texts. Under the lock. */
static void x5c_put_good(struct cpsd_cert_cache *certs, const struct x5c_texts *texts, const struct x5c_proof *proof,
                         struct stir_chain *chain, uint8_t (*used_texts)[32])
{
    struct cpsd_cert_entry *before = x5c_find(certs, &texts->leaf), *whole = x5c_find(certs, &texts->whole);
    if (before) {
        cpsd_cert_table_drop(&certs->table, before);
    }
    if (whole) {
        cpsd_cert_table_drop(&certs->table, whole);
    }
    struct cpsd_cert_entry *entry = cpsd_cert_table_add(&certs->table, texts->leaf.octets, sizeof(texts->leaf.octets));
    if (!entry) {
        stir_chain_unref(chain);
        free(used_texts);
        return;
    }
    assert(chain->count == proof->used.count);
    entry->chain = chain;
    entry->state = CPSD_CERT_READY;
    entry->fetched_at = proof->since;
    entry->until = proof->since + X5C_KEEP_S;
    if (entry->until > chain->not_after) {
        entry->until = chain->not_after;
    }
    /* the verdict on the whole x5c holds for the shorter chain; its indices change */
    entry->generation = proof->generation;
    entry->judged_until = proof->judged_until;
    entry->used.lacks = -1;
    for (entry->used.count = 0; entry->used.count < chain->count; entry->used.count++) {
        size_t i = entry->used.count;
        entry->used.index[i] = (uint8_t)i;
        if (proof->used.index[i] == proof->used.lacks) {
            entry->used.lacks = (int)i;
        }
    }
    entry->texts = used_texts;
    entry->text_count = chain->count;
    cpsd_cert_table_identify(&certs->table, entry, proof->id);
    cpsd_cert_table_move(&certs->table, entry, CPSD_CERT_GOOD);
}

void cpsd_cert_x5c_prove(struct cpsd_cert_cache *certs, const struct stir_chain *chain, const json_t *x5c)
{
    struct x5c_texts texts;
    struct x5c_proof proof;
    if (x5c_read_texts(&texts, x5c, NULL) != STIR_OK) {
        return;
    }
    uv_mutex_lock(&certs->lock);
    bool good = x5c_find_proof(&proof, certs, &texts, chain);
    uv_mutex_unlock(&certs->lock);
    /* Parsing and allocating are done without the lock. */
    struct stir_chain *used = good ? x5c_read_used(x5c, &proof.used) : NULL;
    uint8_t(*used_texts)[32] = used ? calloc(used->count, sizeof(*used_texts)) : NULL;
    if (!used_texts) {
        stir_chain_unref(used);
        return;
    }
    for (size_t i = 0; i < used->count; i++) {
        memcpy(used_texts[i], texts.digest[proof.used.index[i]], sizeof(used_texts[i]));
    }
    uv_mutex_lock(&certs->lock);
    x5c_put_good(certs, &texts, &proof, used, used_texts);
    uv_mutex_unlock(&certs->lock);
}
