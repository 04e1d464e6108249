/* SPDX-License-Identifier: MIT */
#include "client/ctl/commands.h"
#include "client/ctl/files.h"
#include "client/ctl/groups.h"
#include "client/ctl/pki_ca.h"
#include "client/ctl/pki_scope.h"
#include "common/cert/pki.h"
#include "common/jose/key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_CHARS 40

struct pki {
    struct ctl_files files;
    bool made_dir;
    bool made_certs;
    char *certs_dir;
};

/* Makes a certificate and its key: NAME.pem, followed by the intermediate's certificate if there is one, and NAME.key.
 * Sets *chain to the content of NAME.pem, which belongs to pki->files. */
static enum ctl_exit pki_make_leaf(struct ctl *ctl, struct pki *pki, struct stir_cert_spec *spec, const char *name,
                                   const struct ctl_ca *issuer, X509 *intermediate, struct stir_buf **chain)
{
    struct stir_error err = {0};
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    char file_name[NAME_MAX_CHARS + 8];
    enum ctl_exit status = CTL_WRONG;
    spec->issuer = issuer->cert;
    spec->issuer_key = issuer->key;
    spec->not_before = ctl_pki_begin(ctl);
    spec->not_after = ctl_pki_end(ctl);
    (void)snprintf(file_name, sizeof(file_name), "%s.pem", name);
    /* Reserve both files first: existing files stop the command before a key is made. */
    *chain = ctl_files_add(ctl, &pki->files, ctl->args.out, file_name, 0644);
    (void)snprintf(file_name, sizeof(file_name), "%s.key", name);
    struct stir_buf *key_file = *chain ? ctl_files_add(ctl, &pki->files, ctl->args.out, file_name, 0600) : NULL;
    if (!key_file) {
        goto out;
    }
    if (stir_key_generate(&key, STIR_CURVE_P256, &err) != STIR_OK) {
        status = ctl_fail(ctl, &err);
        goto out;
    }
    /* The file holds the leaf first, as a server of x5u sends it. */
    spec->subject_key = key;
    if (stir_cert_make(&cert, spec, &err) != STIR_OK || stir_cert_to_pem(*chain, cert, &err) != STIR_OK ||
        (intermediate && stir_cert_to_pem(*chain, intermediate, &err) != STIR_OK)) {
        status = ctl_fail(ctl, &err);
        goto out;
    }
    status = ctl_put_key(ctl, key_file, key);
out:
    X509_free(cert);
    EVP_PKEY_free(key);
    return status;
}

/* Copies the chain to the directory for --x5u-dir. */
static enum ctl_exit pki_copy_chain(struct ctl *ctl, struct pki *pki, const struct stir_buf *chain, const char *name)
{
    char file_name[NAME_MAX_CHARS + 8];
    (void)snprintf(file_name, sizeof(file_name), "%s.pem", name);
    struct stir_buf *copy = ctl_files_add(ctl, &pki->files, pki->certs_dir, file_name, 0644);
    if (!copy) {
        return CTL_WRONG;
    }
    stir_buf_put(copy, chain->ptr, chain->len);
    return CTL_GOOD;
}

static enum ctl_exit pki_make_signer(struct ctl *ctl, struct pki *pki, const char *name)
{
    struct ctl_ca root = {0};
    struct ctl_ca intermediate = {0};
    struct stir_tnauth tnauth = {0};
    struct stir_claims claims = {0};
    struct stir_buf *chain = NULL;
    const char **uris = NULL;
    char common_name[NAME_MAX_CHARS + 32];
    (void)snprintf(common_name, sizeof(common_name), "Throwaway STIR %s", name);
    /* Read what the signer may sign for. */
    enum ctl_exit status = ctl_scope_tnauth(ctl, &tnauth);
    if (status == CTL_GOOD) {
        status = ctl_scope_uris(ctl, &uris);
    }
    if (status == CTL_GOOD) {
        status = ctl_scope_claims(ctl, &claims);
    }
    if (status == CTL_GOOD) {
        /* Two levels of CAs, as in the STI PKI: verification then covers a path with an intermediate. */
        status = ctl_ca_get(ctl, &pki->files, &root, "root", "Throwaway STIR root", NULL, 1);
    }
    if (status == CTL_GOOD) {
        status = ctl_ca_get(ctl, &pki->files, &intermediate, "intermediate", "Throwaway STIR intermediate", &root, 0);
    }
    if (status == CTL_GOOD) {
        struct stir_cert_spec spec = {
            .common_name = common_name,
            .path_len = -1,
            .tnauth = tnauth.count ? &tnauth : NULL,
            .uris = uris,
            .claims = ctl_scope_has_claims(&claims) ? &claims : NULL,
            /* mustExclude exists only in EnhancedJWTClaimConstraints (RFC 9118). */
            .claims_enhanced = claims.must_exclude_count > 0,
        };
        status = pki_make_leaf(ctl, pki, &spec, name, &intermediate, intermediate.cert, &chain);
    }
    if (status == CTL_GOOD) {
        status = pki_copy_chain(ctl, pki, chain, name);
    }
    free(uris);
    stir_claims_clear(&claims);
    stir_tnauth_clear(&tnauth);
    ctl_ca_clear(&intermediate);
    ctl_ca_clear(&root);
    return status;
}

static enum ctl_exit pki_make_tls(struct ctl *ctl, struct pki *pki)
{
    struct ctl_ca root = {0};
    struct stir_buf names = {0};
    struct stir_buf *chain = NULL;
    enum ctl_exit status = ctl_scope_server(ctl, &names);
    if (status == CTL_GOOD) {
        status = ctl_ca_get(ctl, &pki->files, &root, "tls-root", "Throwaway TLS root", NULL, 0);
    }
    if (status == CTL_GOOD) {
        struct stir_cert_spec spec = {
            .common_name = "Throwaway TLS server",
            .path_len = -1,
            .dns_names = names.ptr,
        };
        status = pki_make_leaf(ctl, pki, &spec, "tls", &root, NULL, &chain);
    }
    ctl_ca_clear(&root);
    stir_buf_free(&names);
    return status;
}

static enum ctl_exit pki_make_dir(struct ctl *ctl, const char *path, bool *made)
{
    struct stat st;
    char reason[96];
    *made = mkdir(path, 0755) == 0;
    if (*made) {
        return CTL_GOOD;
    }
    int why = errno;
    if (why == EEXIST && stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            return CTL_GOOD;
        }
        why = ENOTDIR;
    }
    return ctl_fail_text(ctl, CTL_WRONG, "CPS_E_IO", "%s: %s", path, strerror_r(why, reason, sizeof(reason)));
}

static bool pki_wants_signer(const struct ctl_args *args)
{
    return args->spc || args->tn.count || args->range.count || args->uri.count;
}

static bool pki_name_is_valid(const char *name)
{
    static const char *const taken[] = {"root", "intermediate", "tls", "tls-root"};
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(name, taken[i]) == 0) {
            return false;
        }
    }
    return len > 0 && len <= NAME_MAX_CHARS && strspn(name, allowed) == len && name[0] != '.' && name[0] != '-';
}

static enum ctl_exit pki_check_args(struct ctl *ctl, const char *name)
{
    const struct ctl_args *args = &ctl->args;
    if (!*args->out || strcmp(args->out, "-") == 0) {
        return ctl_usage(ctl, "--out: must be the name of a directory");
    }
    if (!pki_wants_signer(args) && !args->server_name) {
        return ctl_usage(
            ctl, "--spc, --tn, --range or --uri: missing: give what the signer may sign for (or --server-name)");
    }
    if (!pki_name_is_valid(name)) {
        return ctl_usage(
            ctl,
            "--name: must have up to %d letters, digits, '.', '_' or '-', and must not be the name of a CA's files",
            NAME_MAX_CHARS);
    }
    if (args->x5u_base && (strncmp(args->x5u_base, "https://", 8) != 0 || strpbrk(args->x5u_base + 8, "?#@ ") ||
                           !args->x5u_base[8] || strlen(args->x5u_base) > 1024)) {
        return ctl_usage(ctl, "--x5u-base: must be an https:// URL without query, fragment and user");
    }
    return CTL_GOOD;
}

static void pki_put_path(json_t *object, const char *name, const char *dir, const char *file)
{
    char *path = ctl_path(dir, file);
    (void)json_object_set_new(object, name, path ? json_string(path) : NULL);
    free(path);
}

static json_t *pki_signer_json(const struct ctl_args *args, const struct pki *pki, const char *name)
{
    const char *base = args->x5u_base ? args->x5u_base : "https://certs.example.com";
    char file[NAME_MAX_CHARS + 8];
    struct stir_buf x5u = {0};
    json_t *signer = json_object();
    (void)snprintf(file, sizeof(file), "%s.key", name);
    pki_put_path(signer, "key", args->out, file);
    (void)snprintf(file, sizeof(file), "%s.pem", name);
    pki_put_path(signer, "cert", args->out, file);
    stir_buf_printf(&x5u, "%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/", file);
    (void)json_object_set_new(signer, "x5u", x5u.ptr ? json_string(x5u.ptr) : NULL);
    pki_put_path(signer, "trust", args->out, "root.pem");
    (void)json_object_set_new(signer, "x5u_dir", json_string(pki->certs_dir));
    stir_buf_free(&x5u);
    return signer;
}

static enum ctl_exit pki_answer(struct ctl *ctl, const struct pki *pki, const char *name)
{
    const struct ctl_args *args = &ctl->args;
    json_t *result =
        json_pack("{s:s, s:s}", "kind", "throwaway certificates", "note",
                  "for tests only: no real CA issued them, and the keys of their CAs are in the same directory");
    if (result && pki_wants_signer(args)) {
        (void)json_object_set_new(result, "signer", pki_signer_json(args, pki, name));
    }
    if (result && args->server_name) {
        json_t *server = json_object();
        pki_put_path(server, "key", args->out, "tls.key");
        pki_put_path(server, "cert", args->out, "tls.pem");
        pki_put_path(server, "ca", args->out, "tls-root.pem");
        (void)json_object_set_new(result, "server", server);
    }
    return ctl_answer_rendered(ctl, result);
}

static enum ctl_exit pki_run(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    const char *name = args->name ? args->name : "signer";
    struct pki pki = {0};
    enum ctl_exit status = pki_check_args(ctl, name);
    if (status != CTL_GOOD) {
        return status;
    }
    pki.certs_dir = ctl_path(args->out, "certs");
    if (!pki.certs_dir) {
        return ctl_no_memory(ctl);
    }
    status = pki_make_dir(ctl, args->out, &pki.made_dir);
    if (status == CTL_GOOD && pki_wants_signer(args)) {
        status = pki_make_dir(ctl, pki.certs_dir, &pki.made_certs);
    }
    if (status == CTL_GOOD && pki_wants_signer(args)) {
        status = pki_make_signer(ctl, &pki, name);
    }
    if (status == CTL_GOOD && args->server_name) {
        status = pki_make_tls(ctl, &pki);
    }
    if (status == CTL_GOOD) {
        status = ctl_files_write(ctl, &pki.files);
    }
    if (status == CTL_GOOD) {
        status = pki_answer(ctl, &pki, name);
    } else {
        /* Remove the directories that were made; rmdir leaves one that is not empty. */
        (void)(pki.made_certs && rmdir(pki.certs_dir));
        (void)(pki.made_dir && rmdir(args->out));
    }
    ctl_files_clear(&pki.files);
    free(pki.certs_dir);
    return status;
}

static const struct ctl_option own[] = {
    {"out", CTL_TEXT, "DIR", CTL_AT(out), .text = "the directory for the files; existing CAs in it are reused"},
    {"name", CTL_TEXT, "NAME", CTL_AT(name), .text = "the name of the signer's files; default: signer"},
    {"spc", CTL_TEXT, "CODE", CTL_AT(spc), .text = "a service provider code (SPC) that the signer may sign for"},
    {"tn", CTL_LIST, "NUMBER", CTL_AT(tn), .text = "a number that the signer may sign for"},
    {"range", CTL_LIST, "START+COUNT", CTL_AT(range), .text = "a range of numbers that the signer may sign for"},
    {"uri", CTL_LIST, "URI", CTL_AT(uri),
     .text = "a URI that the signer may sign for, as sip:Bank@sms.example.com; sip:sms.example.com: a whole domain"},
    {"must-include", CTL_LIST, "CLAIM", CTL_AT(must_include),
     .text = "the signer's PASSporTs must have this claim (RFC 8226)"},
    {"must-exclude", CTL_LIST, "CLAIM", CTL_AT(must_exclude),
     .text = "the signer's PASSporTs must not have this claim (RFC 9118)"},
    {"permit", CTL_LIST, "CLAIM=VALUE", CTL_AT(permit),
     .text = "if a PASSporT has this claim, it must have this value"},
    {"days", CTL_NUMBER, "N", CTL_AT(days), .text = "how many days the certificate is valid", .initial = 90, .min = 1,
     .max = 3650},
    {"from", CTL_TIME, "TIME", CTL_AT(from), .text = "when the validity begins; default: one day ago"},
    {"x5u-base", CTL_TEXT, "URL", CTL_AT(x5u_base),
     .text = "the URL where the chain will be served; default: https://certs.example.com"},
    {"server-name", CTL_TEXT, "NAMES", CTL_AT(server_name),
     .text = "also make a TLS certificate for a CPS with these names, as localhost,127.0.0.1"},
    {"force", CTL_FLAG, NULL, CTL_AT(force), .text = "overwrite existing files of the signer"},
};
static const struct ctl_group own_group = CTL_GROUP("The certificates", own);

const struct ctl_command ctl_cmd_pki = {
    .syntax =
        {
            .name = "pki",
            .text = "make throwaway STIR certificates for tests",
            .details =
                "Makes DIR/root.pem (for --trust), an intermediate, NAME.pem and NAME.key (for --cert and --key), and "
                "a copy\n"
                "of the chain in DIR/certs (for --x5u-dir, which replaces the network). With --server-name, also "
                "makes\n"
                "tls-root.pem (for --ca), tls.pem and tls.key. Do not use it as a CA: the CA keys are not protected.",
            .groups = {&own_group},
            .required = {"out"},
        },
    .run = pki_run,
};
