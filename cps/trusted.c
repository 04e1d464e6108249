#include "cps/trusted.h"

#include <stdlib.h>

#define ROOTS_OCTETS (1u << 20)
#define CRL_OCTETS (16u << 20)

struct cpsd_trusted *cpsd_trusted_ref(struct cpsd_trusted *trusted)
{
    if (trusted) {
        atomic_fetch_add_explicit(&trusted->refs, 1, memory_order_relaxed);
    }
    return trusted;
}

void cpsd_trusted_unref(struct cpsd_trusted *trusted)
{
    if (trusted && atomic_fetch_sub_explicit(&trusted->refs, 1, memory_order_acq_rel) == 1) {
        stir_trust_unref(trusted->trust);
        stir_numtable_unref(trusted->numbers);
        free(trusted);
    }
}

static enum stir_code read_roots(struct cpsd_trusted *trusted, const char *path, struct stir_error *err)
{
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, ROOTS_OCTETS, err);
    if (code == STIR_OK) {
        code = stir_trust_new(&trusted->trust, file.ptr ? file.ptr : "", file.len, err);
        code = code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", path);
    }
    stir_buf_free(&file);
    return code;
}

static enum stir_code add_crl_file(struct cpsd_trusted *trusted, const char *path, const struct stir_buf *issuer,
                                   struct stir_error *err)
{
    struct stir_buf file = {0};
    enum stir_code code = stir_read_file(&file, path, CRL_OCTETS, err);
    if (code == STIR_OK) {
        code = stir_trust_add_crl(trusted->trust, file.ptr ? file.ptr : "", file.len, issuer->ptr, issuer->len, err);
        code = code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", path);
    }
    stir_buf_free(&file);
    return code;
}

static enum stir_code add_crls(struct cpsd_trusted *trusted, const struct cpsd_config *config,
                               const struct cpsd_crl_text *fetched, size_t fetched_count, struct stir_error *err)
{
    char path[4096];
    size_t pos = 0;
    struct stir_buf issuer = {0};
    enum stir_code code = STIR_OK;
    if (config->trust_crl_issuer_file[0]) {
        code = stir_read_file(&issuer, config->trust_crl_issuer_file, ROOTS_OCTETS, err);
    }
    while (code == STIR_OK && stir_conf_next(config->trust_crl_files, &pos, path, sizeof(path))) {
        code = add_crl_file(trusted, path, &issuer, err);
    }
    for (size_t i = 0; code == STIR_OK && i < fetched_count; i++) {
        code = stir_trust_add_crl(trusted->trust, fetched[i].octets.ptr, fetched[i].octets.len, issuer.ptr, issuer.len,
                                  err);
        code = code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", fetched[i].url);
    }
    stir_buf_free(&issuer);
    return code;
}

enum stir_code cpsd_trusted_load(struct cpsd_trusted **out, const struct cpsd_config *config,
                                 const struct cpsd_crl_text *fetched, size_t fetched_count,
                                 struct stir_numtable *numbers, struct stir_error *err)
{
    static uint64_t generations;
    struct cpsd_trusted *trusted = calloc(1, sizeof(*trusted));
    if (!trusted) {
        return stir_fail(err, STIR_E_NOMEM, "trust");
    }
    atomic_init(&trusted->refs, 1);
    enum stir_code code = STIR_OK;
    if (config->trust_roots[0]) {
        code = read_roots(trusted, config->trust_roots, err);
        if (code == STIR_OK) {
            stir_trust_set_crl_policy(trusted->trust, (enum stir_crl_policy)config->trust_crl_policy);
            code = add_crls(trusted, config, fetched, fetched_count, err);
        }
    }
    if (numbers) {
        trusted->numbers = stir_numtable_ref(numbers);
    } else if (code == STIR_OK && config->numbers_table[0]) {
        code = stir_numtable_load(&trusted->numbers, config->numbers_table, err);
    }
    if (code != STIR_OK) {
        cpsd_trusted_unref(trusted);
        return code;
    }
    trusted->generation = ++generations;
    *out = trusted;
    return STIR_OK;
}

enum stir_code cpsd_trusted_verify(const struct cpsd_trusted *trusted, const struct stir_chain *chain, int64_t at,
                                   struct stir_error *err)
{
    if (!trusted || !trusted->trust) {
        return stir_fail(err, STIR_E_CERT_UNTRUSTED, "this server has no STI roots: [trust] roots is not set");
    }
    return stir_trust_verify(trusted->trust, chain, at, err);
}
