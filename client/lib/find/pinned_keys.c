/* SPDX-License-Identifier: MIT */
#include "client/lib/find/pinned_keys.h"
#include "common/base/file.h"

#include "common/jose/json.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"

#include <stdlib.h>
#include <string.h>

#define FILE_OCTETS 16777216
#define ENTRIES_MAX 1000000

struct entry {
    char text[STIR_TN_MAX + 1]; /* a number, or a prefix */
    bool prefix;
    struct cps_target *target;
};

struct cps_pinned {
    struct entry *entries; /* sorted */
    size_t count;
};

static int pinned_compare(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (int)left->prefix - (int)right->prefix;
}

static bool pinned_read_name(struct entry *entry, const char *name)
{
    size_t len = strlen(name);
    entry->prefix = len > 0 && name[len - 1] == '*';
    len -= entry->prefix;
    if (len > STIR_TN_MAX || strspn(name, "0123456789") < len || (len == 0 && !entry->prefix)) {
        return false;
    }
    memcpy(entry->text, name, len);
    return true;
}

static enum cps_code pinned_read_key(struct cps_key **out, const json_t *jwk, struct cps_error *err)
{
    struct stir_error cause = {0};
    EVP_PKEY *pkey = NULL;
    enum stir_code code = stir_jwk_parse(&pkey, jwk, false, &cause);
    if (code != STIR_OK) {
        return cps_fail_stir(err, code, &cause);
    }
    enum cps_code wrapped = cps_key_wrap(out, pkey, err);
    EVP_PKEY_free(pkey);
    return wrapped;
}

/* Reads the encryption keys of an array or a JWK Set. A key for another use, or of an unknown kind (RFC 7517 section
 * 5), is left out. A private key is an error. */
static enum cps_code pinned_read_keys(struct cps_key *keys[CPS_RECORD_KEYS], size_t *count, const json_t *jwks,
                                      struct cps_error *err)
{
    const json_t *list = json_is_object(jwks) ? json_object_get(jwks, "keys") : jwks;
    enum cps_code code = cps_fail(err, CPS_E_CONFIG, "neither an array nor a JWK Set with a public key for encryption");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *jwk = json_array_get(list, i);
        if (json_object_get(jwk, "d")) {
            return cps_fail(err, CPS_E_KEY,
                            "key %zu is a private key; leave out its member \"d\", which only its owner may have",
                            i + 1);
        }
        /* RFC 7517 section 5: keys that are not understood are ignored. */
        if (!stir_jwk_is_for(jwk, STIR_KEY_ENCRYPT)) {
            continue;
        }
        if (*count == CPS_RECORD_KEYS) {
            return cps_fail(err, CPS_E_CONFIG, "it has more than %d keys", CPS_RECORD_KEYS);
        }
        code = pinned_read_key(&keys[*count], jwk, err);
        if (code == CPS_OK) {
            ++*count;
        } else if (code != CPS_E_KEY) {
            return code;
        }
    }
    return *count ? CPS_OK : code;
}

static enum cps_code pinned_read_entry(struct entry *entry, const char *name, const json_t *jwks, struct cps_error *err)
{
    struct cps_key *keys[CPS_RECORD_KEYS] = {NULL};
    size_t count = 0;
    if (!pinned_read_name(entry, name)) {
        return cps_fail(err, CPS_E_CONFIG,
                        "\"%.40s\" is neither a number in canonical form (digits only) nor a prefix followed by *",
                        name);
    }
    enum cps_code code = pinned_read_keys(keys, &count, jwks, err);
    if (code == CPS_OK) {
        code = cps_target_from_keys(&entry->target, keys, count, err);
    } else {
        code = cps_fail_prefix(err, code, "\"%.40s\"", name);
    }
    for (size_t i = 0; i < count; i++) {
        cps_key_free(keys[i]);
    }
    return code;
}

static enum cps_code pinned_read_entries(struct cps_pinned *pinned, json_t *root, struct cps_error *err)
{
    const char *name;
    json_t *jwks;
    if (json_object_size(root) > ENTRIES_MAX) {
        return cps_fail(err, CPS_E_CONFIG, "it has more than %d destinations", ENTRIES_MAX);
    }
    pinned->entries = calloc(json_object_size(root) + 1, sizeof(*pinned->entries));
    if (!pinned->entries) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    json_object_foreach(root, name, jwks)
    {
        enum cps_code code = pinned_read_entry(&pinned->entries[pinned->count], name, jwks, err);
        if (code != CPS_OK) {
            return code;
        }
        pinned->count++;
    }
    qsort(pinned->entries, pinned->count, sizeof(*pinned->entries), pinned_compare);
    return CPS_OK;
}

enum cps_code cps_pinned_load(struct cps_pinned **out, const char *path, struct cps_error *err)
{
    struct stir_buf text = {.limit = FILE_OCTETS};
    struct stir_error cause = {0};
    json_t *root = NULL;
    enum stir_code read = stir_read_file(&text, path, text.limit, &cause);
    if (read == STIR_OK) {
        read = stir_json_parse_object(&root, text.ptr ? text.ptr : "", text.len, path, &cause);
    }
    stir_buf_free(&text);
    if (read != STIR_OK) {
        return cps_fail_stir(err, read, &cause);
    }
    struct cps_pinned *pinned = calloc(1, sizeof(*pinned));
    enum cps_code code = pinned ? pinned_read_entries(pinned, root, err) : cps_fail(err, CPS_E_NOMEM, "out of memory");
    json_decref(root);
    if (code != CPS_OK) {
        cps_pinned_free(pinned);
        return cps_fail_prefix(err, code, "%s", path);
    }
    *out = pinned;
    return CPS_OK;
}

void cps_pinned_free(struct cps_pinned *pinned)
{
    if (!pinned) {
        return;
    }
    for (size_t i = 0; i < pinned->count; i++) {
        cps_target_unref(pinned->entries[i].target);
    }
    free(pinned->entries);
    free(pinned);
}

struct cps_target *cps_pinned_find(const struct cps_pinned *pinned, const struct stir_identity *dest)
{
    struct entry wanted = {0};
    if (!pinned || dest->len > STIR_TN_MAX) {
        return NULL;
    }
    memcpy(wanted.text, dest->text, dest->len);
    for (size_t n = dest->len + 1; n-- > 0;) {
        struct entry *found = bsearch(&wanted, pinned->entries, pinned->count, sizeof(wanted), pinned_compare);
        if (found) {
            return cps_target_ref(found->target);
        }
        if (wanted.prefix) {
            if (n == 0) {
                break;
            }
            wanted.text[n - 1] = '\0';
        } else {
            wanted.prefix = true;
            n++; /* the whole number, as a prefix */
        }
    }
    return NULL;
}
