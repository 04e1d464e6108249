/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The command line, from tables: the rows that parse it also print `--help`. One struct holds what any subcommand may
 * be given; a subcommand lists the groups of options that it takes and which of them it cannot do without.
 */
struct ctl_list {
    const char **items;
    size_t count;
};

struct ctl_args {
    /* every subcommand */
    bool json;
    bool verbose;
    bool help;
    const char *operand; /* the file to read; "-" if none was named */
    /* a message */
    const char *orig;
    struct ctl_list dest;
    const char *text;
    const char *body;
    int64_t iat; /* 0: now */
    /* keys and certificates */
    struct ctl_list key; /* the receiver's */
    const char *signer_key;
    struct ctl_list to;
    const char *cert;
    const char *cert_out;
    const char *x5u;
    bool with_chain;
    bool allow_spc;
    const char *tenants;
    const char *tenant;
    const char *alphanumeric_domain;
    /* the CPS */
    const char *box; /* whose */
    const char *cps;
    const char *ca;
    const char *tls_cert;
    const char *tls_key;
    const char *auth_cert;
    const char *auth_key;
    const char *auth_x5u;
    const char *auth_spc;
    const char *auth_audience;
    bool holder;
    bool claim;
    bool shared_passport;
    int64_t timeout_s;
    int64_t ttl_s;
    int64_t wait_s;
    bool empty;
    const char *after;
    const char *id;
    /* whom to trust */
    const char *trust;
    struct ctl_list crl;
    struct ctl_list crl_url;
    const char *crl_ca;
    const char *crl_issuer;
    const char *crl_signer_roots;
    bool crl_required;
    struct ctl_list list_files;
    struct ctl_list list_urls;
    const char *list_signer_roots;
    const char *list_state_dir;
    int64_t list_grace_s;
    const char *x5u_dir;
    const char *x5u_ca;
    struct ctl_list x5u_port;
    bool x5u_allow_private;
    int64_t max_age_s;
    int64_t clock_skew_s;
    const char *accept_types;
    bool msgi_optional;
    const char *replay_file;
    int64_t at; /* 0: now */
    /* finding keys and CPSs */
    const char *numbers_file;
    const char *pinned;
    bool route_by_record;
    bool record_allow_private;
    const char *record_cps;
    /* numbers */
    const char *country_code;
    const char *national_prefix;
    const char *international_prefix;
    int64_t max_digits;
    int64_t national_digits;
    /* the operator's */
    const char *admin;
    int64_t every_s;
    int64_t count;
    /* pki and keygen */
    const char *out;
    const char *public_out;
    int curve;
    bool force;
    const char *name;
    const char *spc;
    struct ctl_list tn;
    struct ctl_list range;
    struct ctl_list uri;
    struct ctl_list must_include;
    struct ctl_list must_exclude;
    struct ctl_list permit;
    int64_t days;
    int64_t from; /* 0: a day ago */
    const char *x5u_base;
    const char *server_name;
};

enum ctl_option_type {
    CTL_FLAG,   /* bool */
    CTL_TEXT,   /* const char *, borrowed from the command line or the environment */
    CTL_LIST,   /* struct ctl_list: may be given several times */
    CTL_NUMBER, /* int64_t within min and max */
    CTL_TIME,   /* int64_t: seconds since the epoch, or a date as 2026-01-02T03:04:05Z */
    CTL_CHOICE, /* int: index into choices */
};

struct ctl_option {
    const char *name; /* without the dashes */
    enum ctl_option_type type;
    const char *value; /* what stands for the value in the help */
    size_t offset;     /* into struct ctl_args */
    const char *text;
    const char *env; /* NULL, or the environment variable that gives it a value if the command line does not */
    int64_t initial; /* NUMBER: if it is not given */
    int64_t min, max;
    const char *const *choices; /* NULL-terminated */
};

struct ctl_group {
    const char *title;
    const struct ctl_option *options;
    size_t count;
};

#define CTL_GROUPS_MAX 9
#define CTL_REQUIRED_MAX 8

/* The face of a subcommand that the command line needs. */
struct ctl_syntax {
    const char *name;
    const char *text;    /* one line */
    const char *details; /* more lines for --help, or NULL */
    const char *operand; /* what its one operand is called, or NULL if it takes none */
    const struct ctl_group *groups[CTL_GROUPS_MAX + 1];
    const char *required[CTL_REQUIRED_MAX + 1]; /* names of options, or "a|b": one of these */
};

/* Reads what follows the subcommand's name. STIR_E_USAGE: err names the option and, for an unknown one, the nearest;
 * STIR_E_NOMEM. args must be zeroed; it is to be cleared in any case. Options that are required are not asked for where
 * --help is given. */
enum stir_code ctl_options_parse(struct ctl_args *args, const struct ctl_syntax *syntax, int argc, char *const *argv,
                                 struct stir_error *err) STIR_MUST_CHECK;
void ctl_args_clear(struct ctl_args *args);

/* Appends the text of --help. */
void ctl_options_help(struct stir_buf *out, const struct ctl_syntax *syntax);

/* True if --json is among the arguments: known before they are found to be right. */
bool ctl_options_ask_json(int argc, char *const *argv);

/* Of `count` names the one that `name` most likely was meant to be, NULL if none is near. */
const char *ctl_nearest(const char *name, const char *const *names, size_t count);
