/* SPDX-License-Identifier: MIT */
#include "client/ctl/handle.h"

#include "client/ctl/groups.h"
#include "client/ctl/input.h"
#include "client/ctl/render.h"
#include "common/cert/pem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PORTS_MAX 16

/* Shows what libcps logs: all of it with --verbose, otherwise warnings about the options only. */
static void handle_log_line(void *arg, enum cps_log_level level, const char *line)
{
    const struct ctl *ctl = arg;
    struct stir_buf text = {0};
    bool warning = ctl->opening && level <= CPS_LOG_WARNING;
    if (!warning && !ctl->args.verbose) {
        return;
    }
    ctl_put_safe(&text, line);
    (void)fprintf(stderr, "cpsctl: %s: %s\n", warning ? "warning" : "note", text.ptr ? text.ptr : "");
    stir_buf_free(&text);
}

static int64_t handle_fixed_time(void *arg)
{
    return *(const int64_t *)arg;
}

static enum ctl_exit handle_read_ports(struct ctl *ctl, uint16_t ports[PORTS_MAX])
{
    const struct ctl_list *list = &ctl->args.x5u_port;
    if (list->count > PORTS_MAX) {
        return ctl_usage(ctl, "--x5u-port: can be given at most %d times", PORTS_MAX);
    }
    for (size_t i = 0; i < list->count; i++) {
        char *end = NULL;
        const char *text = list->items[i];
        unsigned long port = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
        if (port < 1 || port > 65535 || *end) {
            return ctl_usage(ctl, "--x5u-port: must be a number from 1 to 65535");
        }
        ports[i] = (uint16_t)port;
    }
    return CTL_GOOD;
}

static void handle_fill_trust(struct cps_options *options, const struct ctl_args *args, const uint16_t *ports)
{
    options->trust_file = args->trust;
    options->crl_files = args->crl.items;
    options->crl_file_count = args->crl.count;
    options->crl_urls = args->crl_url.items;
    options->crl_url_count = args->crl_url.count;
    options->crl_ca_file = args->crl_ca;
    options->crl_issuer_file = args->crl_issuer;
    options->crl_signer_roots_file = args->crl_signer_roots;
    options->crl_policy = args->crl_required ? CPS_CRL_REQUIRED : CPS_CRL_IF_PRESENT;
    options->list_files = args->list_files.items;
    options->list_file_count = args->list_files.count;
    options->list_urls = args->list_urls.items;
    options->list_url_count = args->list_urls.count;
    options->list_signer_roots_file = args->list_signer_roots;
    options->list_state_dir = args->list_state_dir;
    /* libcps takes 0 for its default; -1 means 0 seconds. */
    options->list_grace_s = args->list_grace_s ? args->list_grace_s : -1;
    options->x5u_dir = args->x5u_dir;
    options->x5u_ca_file = args->x5u_ca;
    options->x5u_ports = args->x5u_port.count ? ports : NULL;
    options->x5u_port_count = args->x5u_port.count;
    options->x5u_allow_private = args->x5u_allow_private;
    options->max_age_s = args->max_age_s;
    options->clock_skew_s = args->clock_skew_s ? args->clock_skew_s : -1;
    options->accept_types = args->accept_types;
    options->msgi_optional = args->msgi_optional;
    /* Without a file, the used PASSporTs are remembered by this process only. */
    options->replay = args->replay_file ? CPS_REPLAY_SQLITE : CPS_REPLAY_MEMORY;
    options->replay_file = args->replay_file;
}

/* Checks a file that TLS needs, so that the error names the option instead of a failed connection. */
static enum ctl_exit handle_check_pem(struct ctl *ctl, const char *option, const char *path)
{
    struct stir_buf file = {0};
    struct stir_buf der = {0};
    enum ctl_exit status = path ? ctl_file_read(ctl, &file, path, CTL_FILE_MAX) : CTL_GOOD;
    if (path && status == CTL_GOOD) {
        struct stir_pem pem = stir_pem(file.ptr ? file.ptr : "", file.len, "CERTIFICATE");
        if (stir_pem_next(&pem, &der, NULL) != STIR_OK) {
            status = ctl_fail_text(ctl, CTL_WRONG, "CPS_E_CERT", "--%s: %s: contains no certificate in PEM format",
                                   option, path);
        }
    }
    stir_buf_free(&file);
    stir_buf_free(&der);
    return status;
}

static enum ctl_exit handle_check_files(struct ctl *ctl)
{
    const struct ctl_args *args = &ctl->args;
    struct stat st;
    char reason[96];
    if (!args->tls_cert != !args->tls_key) {
        return ctl_usage(ctl, "--%s: missing: --tls-cert and --tls-key must be given together",
                         args->tls_key ? "tls-cert" : "tls-key");
    }
    if (!args->auth_cert != !args->auth_key) {
        return ctl_usage(ctl, "--%s: missing: --auth-cert and --auth-key must be given together",
                         args->auth_key ? "auth-cert" : "auth-key");
    }
    if (args->x5u_dir && (stat(args->x5u_dir, &st) != 0 || !S_ISDIR(st.st_mode))) {
        int why = stat(args->x5u_dir, &st) == 0 ? ENOTDIR : errno;
        return ctl_fail_text(ctl, CTL_WRONG, "CPS_E_IO", "--x5u-dir: %s: %s", args->x5u_dir,
                             strerror_r(why, reason, sizeof(reason)));
    }
    enum ctl_exit status = handle_check_pem(ctl, "ca", args->ca);
    if (status == CTL_GOOD) {
        status = handle_check_pem(ctl, "tls-cert", args->tls_cert);
    }
    return status == CTL_GOOD ? handle_check_pem(ctl, "x5u-ca", args->x5u_ca) : status;
}

/* Without a file, used PASSporTs are forgotten when the process ends. One that is accepted for longer than the minute
 * of a call would be accepted again by each process (RFC 9475 section 3.2). */
static enum ctl_exit handle_check_replay(struct ctl *ctl)
{
    if (ctl->args.max_age_s > CPS_MAX_AGE_CALL_S && !ctl->args.replay_file) {
        return ctl_usage(ctl,
                         "--replay-file FILE: missing: --max-age above %d needs a file that records which PASSporTs "
                         "were used",
                         CPS_MAX_AGE_CALL_S);
    }
    return CTL_GOOD;
}

enum ctl_exit ctl_cps_open(struct ctl *ctl, struct cps **out)
{
    struct ctl_args *args = &ctl->args;
    uint16_t ports[PORTS_MAX];
    struct cps_error err = {0};
    enum ctl_exit status = handle_read_ports(ctl, ports);
    if (status == CTL_GOOD) {
        status = handle_check_replay(ctl);
    }
    if (status == CTL_GOOD) {
        status = handle_check_files(ctl);
    }
    if (status != CTL_GOOD) {
        return status;
    }
    struct cps_options options = {
        .size = sizeof(options),
        .cps_url = args->cps,
        .tls_ca_file = args->ca,
        .tls_cert_file = args->tls_cert,
        .tls_key_file = args->tls_key,
        .auth_cert_file = args->auth_cert,
        .auth_key_file = args->auth_key,
        .auth_x5u = args->auth_x5u,
        .auth_spc = args->auth_spc,
        .auth_audience = args->auth_audience,
        .holder = args->holder,
        .claim = args->claim,
        .shared_passport = args->shared_passport,
        .request_timeout_ms = (uint32_t)(args->timeout_s * 1000),
        /* a time limit above the default applies to connecting too */
        .connect_timeout_ms = args->timeout_s > CTL_TIMEOUT_S ? (uint32_t)(args->timeout_s * 1000) : 0,
        .allow_spc = args->allow_spc,
        .country_code = args->country_code,
        .national_prefix = args->national_prefix,
        .international_prefix = args->international_prefix,
        .national_digits = (uint32_t)args->national_digits,
        .tn_max_digits = (uint32_t)args->max_digits,
        .log = handle_log_line,
        .log_arg = ctl,
        .now = args->at ? handle_fixed_time : NULL,
        .now_arg = &args->at,
    };
    handle_fill_trust(&options, args, ports);
    options.numbers_file = args->numbers_file;
    options.pinned_file = args->pinned;
    options.route_by_record = args->route_by_record;
    options.record_allow_private = args->record_allow_private;
    ctl->opening = true;
    enum cps_code code = cps_new(out, &options, &err);
    ctl->opening = false;
    if (code == CPS_OK && (args->crl_url.count || args->list_urls.count || args->list_files.count)) {
        code = cps_crls_refresh(*out, &err); /* fail if a list that was asked for cannot be used */
        if (code != CPS_OK) {
            cps_free(*out);
            *out = NULL;
        }
    }
    return code == CPS_OK ? CTL_GOOD : ctl_fail_cps(ctl, &err);
}

static enum ctl_exit signer_open_tenant(struct ctl *ctl, struct cps_signer **out)
{
    const struct ctl_args *args = &ctl->args;
    const struct cps_tenants_options options = {.size = sizeof(options),
                                                .alphanumeric_domain = args->alphanumeric_domain,
                                                .with_chain = args->with_chain};
    struct cps_tenants *tenants = NULL;
    struct cps_error err = {0};
    /* A tenant brings its own key, certificate and x5u. */
    if (args->signer_key || args->cert || args->x5u) {
        return ctl_usage(ctl, "--%s: cannot be combined with --tenant",
                         args->signer_key ? "key" : (args->cert ? "cert" : "x5u"));
    }
    if (!args->tenants) {
        return ctl_usage(
            ctl, "--tenants PATH: missing (or set CPS_TENANTS): --tenant needs the file or directory of tenants");
    }
    enum cps_code code = cps_tenants_new(&tenants, &options, &err);
    if (code == CPS_OK) {
        code = cps_tenants_load(tenants, args->tenants, &err);
    }
    if (code == CPS_OK) {
        code = cps_tenants_signer(tenants, args->tenant, out, &err);
    }
    /* The signer stays valid without the table. */
    cps_tenants_free(tenants);
    return code == CPS_OK ? CTL_GOOD : ctl_fail_cps(ctl, &err);
}

enum ctl_exit ctl_signer_open(struct ctl *ctl, struct cps_signer **out)
{
    const struct ctl_args *args = &ctl->args;
    struct cps_error err = {0};
    if (args->tenant) {
        return signer_open_tenant(ctl, out);
    }
    if (!args->signer_key || !args->cert || !args->x5u) {
        return ctl_usage(ctl,
                         "--%s: missing: give the signer with --key, --cert and --x5u, or with --tenants and --tenant",
                         !args->signer_key ? "key FILE" : (!args->cert ? "cert FILE" : "x5u URL"));
    }
    struct cps_signer_options options = {
        .size = sizeof(options),
        .key = args->signer_key,
        .chain_file = args->cert,
        .x5u = args->x5u,
        .with_chain = args->with_chain,
    };
    return cps_signer_open(out, &options, &err) == CPS_OK ? CTL_GOOD : ctl_fail_cps(ctl, &err);
}
