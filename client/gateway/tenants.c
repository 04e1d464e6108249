#include "client/gateway/tenants.h"

#include "client/gateway/filter_directory.h"

#include <stdlib.h>
#include <string.h>

#define SYSTEM_ID_MAX 63
#define NAME_MAX_OCTETS 64

/* One file. */
struct file {
    char *system_id;
    char *key;
    char *certificate;
    char *x5u;
    char *numbers;
    char *names;
};

#define AT(field) offsetof(struct file, field)

const struct stir_conf_key gw_tenant_table[] = {
    {.section = "tenant",
     .name = "system_id",
     .type = STIR_CONF_LIST,
     .offset = AT(system_id),
     .default_value = "",
     .text = "The system_ids that the tenant binds with. Empty: the file's name without .conf."},
    {.section = "tenant",
     .name = "key",
     .type = STIR_CONF_STRING,
     .offset = AT(key),
     .default_value = "",
     .text = "The private key that signs: a file (PEM, DER, JWK) or a URI of an OpenSSL provider (pkcs11:)."},
    {.section = "tenant",
     .name = "certificate",
     .type = STIR_CONF_STRING,
     .offset = AT(certificate),
     .default_value = "",
     .text = "Its certificate chain, PEM, leaf first."},
    {.section = "tenant",
     .name = "x5u",
     .type = STIR_CONF_STRING,
     .offset = AT(x5u),
     .default_value = "",
     .text = "The https URL where verifiers find the same chain."},
    {.section = "tenant",
     .name = "numbers",
     .type = STIR_CONF_LIST,
     .offset = AT(numbers),
     .default_value = "",
     .text = "The numbers that the tenant may send from, in canonical form (country code first, no +): single ones, "
             "ranges as 12155551000-12155551999, all that begin with something as 1215555*. Goes on in indented "
             "lines."},
    {.section = "tenant",
     .name = "names",
     .type = STIR_CONF_STRING,
     .offset = AT(names),
     .default_value = "",
     .text = "The alphanumeric senders that the tenant may use, with commas between them. They count with [sender] "
             "alphanumeric = domain only."},
};
const size_t gw_tenant_count = sizeof(gw_tenant_table) / sizeof(gw_tenant_table[0]);

/* A system_id and whose it is. */
struct entry {
    char system_id[SYSTEM_ID_MAX + 1];
    const struct gw_tenant *tenant;
};

struct gw_tenants {
    const struct gw_tenants_how *how; /* while loading */
    struct gw_tenant *first;
    size_t size;
    struct entry *entries; /* sorted by system_id */
    size_t count, cap;
};

/* ---- names ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static enum stir_code add_name(struct gw_tenant *tenant, struct stir_view name, const struct smpp_addressing *how,
                               struct stir_error *err)
{
    struct smpp_address address = {.ton = 5, .addr = name};
    struct stir_identity id;
    if (name.len > NAME_MAX_OCTETS) {
        return stir_fail(err, STIR_E_CONFIG, "names: one has more than %d octets", NAME_MAX_OCTETS);
    }
    enum stir_code code = smpp_address_identity(&id, &address, how, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, STIR_E_CONFIG, "names: %.*s", (int)name.len, name.ptr);
    }
    void *moved = reallocarray(tenant->names, tenant->name_count + 1, sizeof(*tenant->names));
    if (!moved) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    tenant->names = moved;
    memcpy(tenant->names[tenant->name_count++], id.text, id.len + 1);
    return STIR_OK;
}

static struct stir_view trimmed(struct stir_view text)
{
    while (text.len && (*text.ptr == ' ' || *text.ptr == '\t')) {
        text = stir_view(text.ptr + 1, text.len - 1);
    }
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static enum stir_code read_names(struct gw_tenant *tenant, const char *list, const struct smpp_addressing *how,
                                 struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    if (!how->alphanumeric_domain || !how->alphanumeric_domain[0]) {
        return STIR_OK;
    }
    while (code == STIR_OK && *list) {
        size_t n = strcspn(list, ",");
        struct stir_view name = trimmed(stir_view(list, n));
        if (name.len) {
            code = add_name(tenant, name, how, err);
        }
        list += n + (list[n] == ',');
    }
    if (tenant->name_count) {
        qsort(tenant->names, tenant->name_count, sizeof(*tenant->names), by_text);
    }
    return code;
}

/* ---- one file ---- */

static enum stir_code read_numbers(struct gw_numbers *numbers, const char *list, struct stir_error *err)
{
    char item[2 * STIR_TN_MAX + 16];
    enum stir_code code = STIR_OK;
    for (size_t pos = 0; code == STIR_OK && stir_conf_next(list, &pos, item, sizeof(item));) {
        code = gw_numbers_add(numbers, item, err);
    }
    gw_numbers_seal(numbers);
    return code == STIR_OK ? STIR_OK : stir_fail_prefix(err, code, "numbers");
}

static enum stir_code open_signer(struct gw_tenant *tenant, const struct file *file, bool with_chain,
                                  struct stir_error *err)
{
    struct cps_error cause = {0};
    struct cps_signer_options options = {.size = sizeof(options),
                                         .key = file->key,
                                         .chain_file = file->certificate,
                                         .x5u = file->x5u,
                                         .with_chain = with_chain};
    enum cps_code code = cps_signer_open(&tenant->signer, &options, &cause);
    return code == CPS_OK ? STIR_OK : gw_fail_cps(err, &cause);
}

static enum stir_code read_tenant(struct gw_tenant *tenant, const struct file *file, const struct gw_tenants_how *how,
                                  struct stir_error *err)
{
    const char *const needed[][2] = {{file->key, "key"}, {file->certificate, "certificate"}, {file->x5u, "x5u"}};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!needed[i][0][0]) {
            return stir_fail(err, STIR_E_CONFIG, "%s is missing", needed[i][1]);
        }
    }
    if (!file->numbers[strspn(file->numbers, ", \t\n")] && !file->names[0]) {
        return stir_fail(err, STIR_E_CONFIG, "neither numbers nor names: the tenant could sign nothing");
    }
    enum stir_code code = read_numbers(&tenant->numbers, file->numbers, err);
    if (code == STIR_OK) {
        code = read_names(tenant, file->names, how->addressing, err);
    }
    return code == STIR_OK ? open_signer(tenant, file, how->with_chain, err) : code;
}

/* ---- the directory ---- */

static enum stir_code add_entry(struct gw_tenants *tenants, const char *system_id, const struct gw_tenant *tenant,
                                struct stir_error *err)
{
    size_t len = strlen(system_id);
    if (len == 0 || len > SYSTEM_ID_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "a system_id has 1 to %d octets", SYSTEM_ID_MAX);
    }
    if (tenants->count == tenants->cap) {
        size_t cap = tenants->cap ? 2 * tenants->cap : 16;
        struct entry *moved = reallocarray(tenants->entries, cap, sizeof(*moved));
        if (!moved) {
            return stir_fail(err, STIR_E_NOMEM, "out of memory");
        }
        tenants->entries = moved;
        tenants->cap = cap;
    }
    struct entry *entry = &tenants->entries[tenants->count++];
    memcpy(entry->system_id, system_id, len + 1);
    entry->tenant = tenant;
    return STIR_OK;
}

static enum stir_code add_entries(struct gw_tenants *tenants, const struct gw_tenant *tenant, const char *list,
                                  const char *stem, struct stir_error *err)
{
    char item[SYSTEM_ID_MAX + 2];
    size_t pos = 0;
    enum stir_code code = STIR_OK;
    if (!stir_conf_next(list, &pos, item, sizeof(item))) {
        return add_entry(tenants, stem, tenant, err);
    }
    do {
        code = add_entry(tenants, item, tenant, err);
    } while (code == STIR_OK && stir_conf_next(list, &pos, item, sizeof(item)));
    return code;
}

static enum stir_code take_file(void *arg, const char *path, const char *name, struct stir_error *err)
{
    struct gw_tenants *tenants = arg;
    struct file file = {0};
    char stem[256];
    size_t len = strlen(name);
    if (len < 6 || len >= sizeof(stem) || strcmp(name + len - 5, ".conf") != 0) {
        return STIR_OK;
    }
    memcpy(stem, name, len - 5);
    stem[len - 5] = '\0';
    struct gw_tenant *tenant = calloc(1, sizeof(*tenant));
    if (!tenant) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    tenant->next = tenants->first;
    tenants->first = tenant;
    tenants->size++;
    enum stir_code code = stir_conf_defaults(&file, gw_tenant_table, gw_tenant_count, err);
    if (code == STIR_OK) {
        code = stir_conf_load(&file, gw_tenant_table, gw_tenant_count, path, err);
    }
    if (code == STIR_OK) {
        code = read_tenant(tenant, &file, tenants->how, err);
        if (code == STIR_OK) {
            code = add_entries(tenants, tenant, file.system_id, stem, err);
        }
        code = code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", path);
    }
    stir_conf_clear(&file, gw_tenant_table, gw_tenant_count);
    return code;
}

static int by_system_id(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->system_id, ((const struct entry *)b)->system_id);
}

static enum stir_code sort_entries(struct gw_tenants *tenants, const char *dir, struct stir_error *err)
{
    if (tenants->count) {
        qsort(tenants->entries, tenants->count, sizeof(*tenants->entries), by_system_id);
    }
    for (size_t i = 1; i < tenants->count; i++) {
        if (by_system_id(&tenants->entries[i - 1], &tenants->entries[i]) == 0) {
            return stir_fail(err, STIR_E_CONFIG, "%s: two tenants have the system_id %s", dir,
                             tenants->entries[i].system_id);
        }
    }
    return STIR_OK;
}

enum stir_code gw_tenants_load(struct gw_tenants **out, const char *dir, const struct gw_tenants_how *how,
                               struct stir_error *err)
{
    struct gw_tenants *tenants = calloc(1, sizeof(*tenants));
    if (!tenants) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    tenants->how = how;
    enum stir_code code = gw_directory_each(dir, take_file, tenants, err);
    if (code == STIR_OK) {
        code = sort_entries(tenants, dir, err);
    }
    tenants->how = NULL;
    if (code != STIR_OK) {
        gw_tenants_free(tenants);
        return code;
    }
    *out = tenants;
    return STIR_OK;
}

void gw_tenants_free(struct gw_tenants *tenants)
{
    if (!tenants) {
        return;
    }
    while (tenants->first) {
        struct gw_tenant *tenant = tenants->first;
        tenants->first = tenant->next;
        cps_signer_free(tenant->signer);
        gw_numbers_clear(&tenant->numbers);
        free(tenant->names);
        free(tenant);
    }
    free(tenants->entries);
    free(tenants);
}

size_t gw_tenants_size(const struct gw_tenants *tenants)
{
    return tenants->size;
}

const struct gw_tenant *gw_tenants_find(const struct gw_tenants *tenants, const char *system_id)
{
    struct entry key = {0};
    size_t len = strlen(system_id);
    if (!tenants || tenants->count == 0 || len > SYSTEM_ID_MAX) {
        return NULL;
    }
    memcpy(key.system_id, system_id, len + 1);
    const struct entry *found =
        bsearch(&key, tenants->entries, tenants->count, sizeof(*tenants->entries), by_system_id);
    return found ? found->tenant : NULL;
}

bool gw_tenant_owns(const struct gw_tenant *tenant, const struct stir_identity *orig)
{
    if (orig->kind == STIR_IDENTITY_TN) {
        return gw_numbers_has(&tenant->numbers, orig->text);
    }
    return tenant->name_count &&
           bsearch(orig->text, tenant->names, tenant->name_count, sizeof(*tenant->names), by_text) != NULL;
}
