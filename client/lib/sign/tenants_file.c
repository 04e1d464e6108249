/* SPDX-License-Identifier: MIT */
#include "client/lib/sign/tenants_check.h"
#include "common/base/conf.h"
#include "common/base/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STEM_MAX 256

/* The settings of one file. */
struct file {
    char *system_id;
    char *key;
    char *certificate;
    char *x5u;
    char *numbers;
    char *names;
};

#define AT(field) offsetof(struct file, field)

static const struct stir_conf_key keys[] = {
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
     .text = "The private key that signs: a file (PEM, DER, JWK) or the pkcs11: URI of a key in a token or HSM."},
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
             "ranges as 12155551000-12155551999, prefixes as 1215555*. May continue on indented lines."},
    {.section = "tenant",
     .name = "names",
     .type = STIR_CONF_STRING,
     .offset = AT(names),
     .default_value = "",
     .text = "The alphanumeric senders that the tenant may use, with commas between them. They have an effect only if "
             "alphanumeric senders have a domain."},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* Reads files into a table. */
struct reading {
    struct cps_tenant_table *table;
    const struct cps_tenants *tenants;
    struct cps_error cause; /* the failure that the callback can only return as a code */
};

static enum cps_code tenants_file_check_keys(const struct file *file, struct cps_error *err)
{
    const char *const needed[][2] = {{file->key, "key"}, {file->certificate, "certificate"}, {file->x5u, "x5u"}};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!needed[i][0][0]) {
            return cps_fail(err, CPS_E_CONFIG, "%s is missing", needed[i][1]);
        }
    }
    return CPS_OK;
}

static enum cps_code tenants_file_add_names(struct cps_tenant_table *table, struct cps_signer *signer, const char *list,
                                            const char *stem, struct cps_error *err)
{
    char item[CPS_TENANT_NAME_MAX + 2];
    size_t pos = 0;
    if (!stir_conf_next(list, &pos, item, sizeof(item))) {
        return cps_tenant_table_append(table, stem, signer, err);
    }
    enum cps_code code = CPS_OK;
    do {
        code = cps_tenant_table_append(table, item, signer, err);
    } while (code == CPS_OK && stir_conf_next(list, &pos, item, sizeof(item)));
    return code;
}

static enum cps_code tenants_file_add_tenant(struct reading *reading, const struct file *file, const char *stem,
                                             struct cps_error *err)
{
    const struct cps_tenant tenant = {.size = sizeof(tenant),
                                      .key = file->key,
                                      .chain_file = file->certificate,
                                      .x5u = file->x5u,
                                      .numbers = file->numbers,
                                      .senders = file->names};
    struct cps_signer *signer = NULL;
    enum cps_code code = tenants_file_check_keys(file, err);
    if (code == CPS_OK) {
        code = cps_tenant_open(&signer, reading->tenants, &tenant, err);
    }
    if (code == CPS_OK) {
        code = tenants_file_add_names(reading->table, signer, file->system_id, stem, err);
    }
    cps_signer_free(signer);
    return code;
}

static enum cps_code tenants_file_read(struct reading *reading, const char *path, const char *stem,
                                       struct cps_error *err)
{
    struct file file = {0};
    struct stir_error cause = {0};
    enum cps_code code = CPS_OK;
    enum stir_code read = stir_conf_defaults(&file, keys, KEYS, &cause);
    if (read == STIR_OK) {
        read = stir_conf_load(&file, keys, KEYS, path, &cause);
    }
    if (read != STIR_OK) {
        code = cps_fail_stir(err, read, &cause);
    } else {
        code = tenants_file_add_tenant(reading, &file, stem, err);
        code = code == CPS_OK ? CPS_OK : cps_fail_prefix(err, code, "%s", path);
    }
    stir_conf_clear(&file, keys, KEYS);
    return code;
}

/* Writes the file's name without .conf. Returns false if it does not end in that, or is too long. */
static bool tenants_file_stem(char out[STEM_MAX], const char *name)
{
    size_t len = strlen(name);
    if (len < 6 || len >= STEM_MAX || strcmp(name + len - 5, ".conf") != 0) {
        return false;
    }
    memcpy(out, name, len - 5);
    out[len - 5] = '\0';
    return true;
}

static enum stir_code tenants_file_take(void *arg, const char *path, const char *name, struct stir_error *err)
{
    struct reading *reading = arg;
    char stem[STEM_MAX];
    if (!tenants_file_stem(stem, name) || tenants_file_read(reading, path, stem, &reading->cause) == CPS_OK) {
        return STIR_OK;
    }
    return stir_fail(err, STIR_E_CONFIG, "%s", reading->cause.text);
}

static enum cps_code tenants_file_read_directory(struct reading *reading, const char *path, struct cps_error *err)
{
    struct stir_error cause = {0};
    enum stir_code code = stir_directory_each(path, tenants_file_take, reading, &cause);
    if (code == STIR_OK) {
        return CPS_OK;
    }
    if (reading->cause.code == CPS_OK) {
        return cps_fail_stir(err, code, &cause);
    }
    if (err) {
        *err = reading->cause;
    }
    return reading->cause.code;
}

enum cps_code cps_tenants_read(struct cps_tenant_table *out, const struct cps_tenants *tenants, const char *path,
                               struct cps_error *err)
{
    struct cps_tenant_table table = {0};
    struct reading reading = {.table = &table, .tenants = tenants};
    struct stat st;
    char stem[STEM_MAX] = "";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (stat(path, &st) != 0) {
        return cps_fail(err, CPS_E_IO, "%s: %s", path, strerror(errno));
    }
    enum cps_code code = S_ISDIR(st.st_mode)
                             ? tenants_file_read_directory(&reading, path, err)
                             : tenants_file_read(&reading, path, tenants_file_stem(stem, name) ? stem : name, err);
    if (code != CPS_OK) {
        cps_tenant_table_clear(&table);
        return code;
    }
    *out = table;
    return CPS_OK;
}

/* Reads files for their key only. */
struct keys_of {
    void (*take)(void *arg, const char *key);
    void *arg;
};

static enum stir_code tenants_file_take_key(void *arg, const char *path, const char *name, struct stir_error *err)
{
    const struct keys_of *of = arg;
    struct file file = {0};
    char stem[STEM_MAX];
    (void)err;
    if (tenants_file_stem(stem, name) && stir_conf_read(&file, keys, KEYS, path, NULL, NULL, NULL) == STIR_OK) {
        of->take(of->arg, file.key);
        stir_conf_clear(&file, keys, KEYS);
    }
    return STIR_OK;
}

void cps_tenants_keys(const char *path, void (*take)(void *arg, const char *key), void *arg)
{
    struct keys_of of = {.take = take, .arg = arg};
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        (void)!stir_directory_each(path, tenants_file_take_key, &of, NULL);
    } else {
        (void)!tenants_file_take_key(&of, path, path, NULL);
    }
}
