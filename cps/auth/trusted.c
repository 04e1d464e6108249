/* SPDX-License-Identifier: MIT */
#include "cps/auth/trusted.h"
#include "common/base/file.h"

#include "common/cert/x509.h"

#include <stdlib.h>
#include <string.h>

#define CPSD_CRL_NAME_MAX 4096

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

enum stir_code cpsd_trusted_files(struct stir_trust_files *out, const struct cpsd_config *config,
                                  struct stir_error *err)
{
    return stir_trust_files_read(out, config->trust_roots, config->trust_crl_issuer_file,
                                 config->trust_crl_signer_roots, err);
}

/* The revocation lists to use: those that are given, and those that are read from the files of a configuration. */
struct trusted_lists {
    struct stir_trust_text texts[CPSD_CRLS_MAX];
    struct stir_buf files[CPSD_CRL_FILES_MAX];
    char names[CPSD_CRL_FILES_MAX][CPSD_CRL_NAME_MAX];
    size_t count, file_count;
};

static enum stir_code trusted_read_crl_files(struct trusted_lists *lists, const char *paths, struct stir_error *err)
{
    size_t pos = 0;
    char path[CPSD_CRL_NAME_MAX];
    enum stir_code code = STIR_OK;
    while (code == STIR_OK && stir_conf_next(paths, &pos, path, sizeof(path))) {
        if (lists->file_count == CPSD_CRL_FILES_MAX) {
            return stir_fail(err, STIR_E_CONFIG, "[trust] crl_files: more than %d files", CPSD_CRL_FILES_MAX);
        }
        size_t i = lists->file_count++;
        memcpy(lists->names[i], path, sizeof(path));
        lists->files[i].limit = STIR_CRLS_OCTETS;
        code = stir_read_file(&lists->files[i], path, STIR_CRLS_OCTETS, err);
        lists->texts[lists->count++] = stir_trust_text(lists->names[i], &lists->files[i]);
    }
    return code;
}

static enum stir_code trusted_build(struct stir_trust **out, const struct cpsd_trusted_spec *spec,
                                    struct stir_error *err)
{
    const struct cpsd_config *config = spec->config;
    struct trusted_lists *lists = calloc(1, sizeof(*lists));
    if (!lists) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for the trust anchors");
    }
    for (size_t i = 0; i < spec->crl_count && i < (spec->read_crl_files ? CPSD_CRL_URLS_MAX : CPSD_CRLS_MAX); i++) {
        lists->texts[lists->count++] = spec->crls[i];
    }
    /* lists of URLs are given; those of files are given or read here */
    enum stir_code code = spec->read_crl_files ? trusted_read_crl_files(lists, config->trust_crl_files, err) : STIR_OK;
    if (code == STIR_OK) {
        const struct stir_trust_text none = {.name = NULL};
        const struct stir_trust_spec all = {
            .roots = config->trust_roots[0] ? stir_trust_text(config->trust_roots, &spec->files->roots) : none,
            .more_roots = spec->root_lists,
            .more_root_count = spec->root_list_count,
            .crl_issuers = stir_trust_text(config->trust_crl_issuer_file, &spec->files->crl_issuers),
            .crl_signer_roots = stir_trust_text(config->trust_crl_signer_roots, &spec->files->crl_signer_roots),
            .crls = lists->texts,
            .crl_count = lists->count,
            .policy = (enum stir_crl_policy)config->trust_crl_policy,
            .warn = spec->warn};
        code = stir_trust_load(out, &all, err);
    }
    for (size_t i = 0; i < lists->file_count; i++) {
        stir_buf_free(&lists->files[i]);
    }
    free(lists);
    return code;
}

static size_t trusted_count_names(const char *list)
{
    char name[CPSD_CRL_NAME_MAX];
    size_t pos = 0, count = 0;
    while (stir_conf_next(list, &pos, name, sizeof(name))) {
        count++;
    }
    return count;
}

enum stir_code cpsd_trusted_load(struct cpsd_trusted **out, const struct cpsd_trusted_spec *spec,
                                 struct stir_error *err)
{
    static uint64_t generations;
    struct cpsd_trusted *trusted = calloc(1, sizeof(*trusted));
    if (!trusted) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for the trust anchors");
    }
    atomic_init(&trusted->refs, 1);
    /* without roots no credential is accepted */
    bool has_roots = spec->config->trust_roots[0] || spec->root_list_count > 0;
    enum stir_code code = has_roots ? trusted_build(&trusted->trust, spec, err) : STIR_OK;
    if (spec->numbers) {
        trusted->numbers = stir_numtable_ref(spec->numbers);
    } else if (code == STIR_OK && spec->config->numbers_table[0]) {
        code = stir_numtable_load(&trusted->numbers, spec->config->numbers_table, err);
    }
    if (code != STIR_OK) {
        cpsd_trusted_unref(trusted);
        return code;
    }
    if (trusted->trust) {
        stir_trust_set_numbers(trusted->trust, trusted->numbers);
    }
    /* while a list is missing, a chain without a root may still be good */
    trusted->lists_missing =
        trusted_count_names(spec->config->trust_list_files) + trusted_count_names(spec->config->trust_list_urls) >
        spec->root_list_count;
    trusted->generation = ++generations;
    *out = trusted;
    return STIR_OK;
}

/* used: as for stir_trust_verify_path; NULL: the caller will not fetch TNAuthLists. */
static enum stir_code trusted_verify_chain(const struct cpsd_trusted *trusted, const struct stir_chain *chain,
                                           int64_t at, struct stir_chain_used *used, struct stir_error *err)
{
    if (!trusted || !trusted->trust) {
        return stir_fail(err, STIR_E_CERT_UNTRUSTED,
                         "this server has no STI roots: [trust] roots is not set, and no list of roots is in force");
    }
    /* RFC 8226 section 9: without a TNAuthList a certificate has no authority over any number */
    if (chain->tnauth.count == 0 && !chain->list_urls[0]) {
        return stir_fail(err, STIR_E_CERT, "%s: no TNAuthList%s", stir_x509_subject(chain->certs[0]).text,
                         chain->tnauth.skipped ? " with an entry of a known kind" : "");
    }
    return used ? stir_trust_verify_path(trusted->trust, chain, at, used, err)
                : stir_trust_verify(trusted->trust, chain, at, err);
}

enum stir_code cpsd_trusted_verify(const struct cpsd_trusted *trusted, const struct stir_chain *chain, int64_t at,
                                   struct stir_error *err)
{
    return cpsd_trusted_verify_path(trusted, chain, at, NULL, err);
}

enum stir_code cpsd_trusted_verify_path(const struct cpsd_trusted *trusted, const struct stir_chain *chain, int64_t at,
                                        struct stir_chain_used *used, struct stir_error *err)
{
    enum stir_code code = trusted_verify_chain(trusted, chain, at, used, err);
    if (code == STIR_E_CERT_UNTRUSTED && trusted && trusted->lists_missing) {
        code =
            stir_fail(err, STIR_E_UNAVAILABLE, "the certificate cannot be judged while a list of STI roots is missing");
    }
    return code;
}
