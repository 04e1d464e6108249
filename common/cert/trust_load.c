/* SPDX-License-Identifier: MIT */
#include "common/cert/trust_load.h"
#include "common/base/file.h"

#include <stdio.h>

/* ---- files ---- */

static enum stir_code trust_file_read(struct stir_buf *out, const char *path, struct stir_error *err)
{
    out->limit = STIR_ROOTS_OCTETS;
    return path && path[0] ? stir_read_file(out, path, STIR_ROOTS_OCTETS, err) : STIR_OK;
}

enum stir_code stir_trust_files_read(struct stir_trust_files *out, const char *roots, const char *crl_issuers,
                                     const char *crl_signer_roots, struct stir_error *err)
{
    *out = (struct stir_trust_files){0};
    enum stir_code code = trust_file_read(&out->roots, roots, err);
    if (code == STIR_OK) {
        code = trust_file_read(&out->crl_issuers, crl_issuers, err);
    }
    return code == STIR_OK ? trust_file_read(&out->crl_signer_roots, crl_signer_roots, err) : code;
}

void stir_trust_files_clear(struct stir_trust_files *files)
{
    stir_buf_cleanse(&files->roots); /* the file may have a private key beside a certificate */
    stir_buf_cleanse(&files->crl_issuers);
    stir_buf_cleanse(&files->crl_signer_roots);
}

struct stir_trust_text stir_trust_text(const char *path, const struct stir_buf *file)
{
    return (struct stir_trust_text){.name = path ? path : "",
                                    .octets = stir_view(file->ptr ? file->ptr : "", file->len)};
}

/* ---- building ---- */

/* Puts the file's name before each warning. */
struct named_warn {
    const struct stir_trust_warn *warn;
    const char *name;
};

static void trust_warn_named(void *arg, const char *text)
{
    const struct named_warn *named = arg;
    char line[1024];
    if (named->warn && named->warn->say) {
        (void)snprintf(line, sizeof(line), "%s: %s", named->name, text);
        named->warn->say(named->warn->arg, line);
    }
}

static enum stir_code trust_load_roots(struct stir_trust *trust, const struct stir_trust_spec *spec,
                                       const struct stir_trust_text *text, struct stir_error *err)
{
    struct named_warn named = {.warn = spec->warn, .name = text->name};
    const struct stir_trust_warn warn = {.say = trust_warn_named, .arg = &named};
    enum stir_code code = stir_trust_add_roots(trust, text->octets.ptr, text->octets.len, &warn, err);
    return code == STIR_OK ? STIR_OK : stir_fail_prefix(err, code, "%s", text->name);
}

static enum stir_code trust_load_all_roots(struct stir_trust *trust, const struct stir_trust_spec *spec,
                                           struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    if (!spec->roots.name && spec->more_root_count == 0) {
        return stir_fail(err, STIR_E_CONFIG, "no trusted roots are configured");
    }
    if (spec->roots.name) {
        code = trust_load_roots(trust, spec, &spec->roots, err);
    }
    for (size_t i = 0; code == STIR_OK && i < spec->more_root_count; i++) {
        code = trust_load_roots(trust, spec, &spec->more_roots[i], err);
    }
    return code;
}

/* Sets the issuers whose signatures on indirect lists count. */
static enum stir_code trust_load_crl_signers(struct stir_trust *trust, const struct stir_trust_spec *spec,
                                             struct stir_error *err)
{
    struct named_warn named = {.warn = spec->warn, .name = spec->crl_signer_roots.name};
    const struct stir_trust_warn warn = {.say = trust_warn_named, .arg = &named};
    const struct stir_view none = stir_view("", 0);
    enum stir_code code = stir_trust_set_crl_signers(trust, spec->crl_issuers.octets, none, NULL, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "%s", spec->crl_issuers.name);
    }
    code = stir_trust_set_crl_signers(trust, spec->crl_issuers.octets, spec->crl_signer_roots.octets, &warn, err);
    return code == STIR_OK ? STIR_OK : stir_fail_prefix(err, code, "%s", spec->crl_signer_roots.name);
}

static enum stir_code trust_load_crls(struct stir_trust *trust, const struct stir_trust_spec *spec,
                                      struct stir_error *err)
{
    for (size_t i = 0; i < spec->crl_count; i++) {
        const struct stir_trust_text *crl = &spec->crls[i];
        enum stir_code code = stir_trust_add_crl(trust, crl->octets.ptr, crl->octets.len, err);
        if (code != STIR_OK) {
            return stir_fail_prefix(err, code, "%s", crl->name);
        }
    }
    return STIR_OK;
}

enum stir_code stir_trust_load(struct stir_trust **out, const struct stir_trust_spec *spec, struct stir_error *err)
{
    struct stir_trust *trust = NULL;
    enum stir_code code = stir_trust_new_empty(&trust, err);
    if (code != STIR_OK) {
        return code;
    }
    stir_trust_set_crl_policy(trust, spec->policy);
    code = trust_load_all_roots(trust, spec, err);
    if (code == STIR_OK) {
        code = trust_load_crl_signers(trust, spec, err);
    }
    if (code == STIR_OK) {
        code = trust_load_crls(trust, spec, err);
    }
    if (code != STIR_OK) {
        stir_trust_unref(trust);
        return code;
    }
    *out = trust;
    return STIR_OK;
}
