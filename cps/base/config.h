/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/conf.h"
#include "common/base/log.h"
#include "common/cert/trust.h"
#include "cps/base/policy.h"

/*
 * cpsd's configuration: one typed table (config.c) that parses, checks and documents it. Fields are named after the
 * keys.
 */
enum cpsd_dummy_mode {
    CPSD_DUMMIES_STEADY,
    CPSD_DUMMIES_EMPTY,
};

enum cpsd_dummy_strict {
    CPSD_STRICT_AUTO,
    CPSD_STRICT_YES,
    CPSD_STRICT_NO,
};

enum cpsd_atis_accept {
    CPSD_ATIS_ENCRYPTED,
    CPSD_ATIS_ANY,
};

#define CPSD_PASSPORTS_MAX 32 /* PASSporTs in one body, whatever is configured */

enum cpsd_ask_certificates {
    CPSD_ASK_NO,
    CPSD_ASK_OPTIONAL,
    CPSD_ASK_REQUIRED,
};

struct cpsd_config {
    /* [server] */
    char *listen;            /* address:port, TLS */
    char *listen_plain;      /* address:port or unix:/path, without TLS: for a proxy */
    char *certificate;       /* PEM chain */
    char *private_key;       /* PEM */
    int client_certificates; /* enum cpsd_ask_certificates, on listen */
    bool edge;               /* on listen_plain */
    char *public_url;        /* "" or https://cps.example.com: in front of paths in Link */
    int64_t workers;         /* 0: one per CPU */
    int64_t max_connections;
    int64_t max_handshakes; /* of a worker */
    int64_t handshake_timeout_s;
    int64_t idle_timeout_s;
    int64_t request_timeout_s;
    int64_t drain_timeout_s;
    int64_t max_head_bytes;
    int64_t max_body_bytes;
    int64_t max_wait_s;
    int64_t list_max_entries;
    int64_t list_max_bytes;
    int64_t max_output_bytes; /* of a worker */
    /* [admin] */
    char *admin_listen; /* address:port or unix:/path; "" switches it off */
    /* [store] */
    char *store_url;
    char *store_durability; /* see cpsd_config_replicas */
    int64_t store_timeout_ms;
    int64_t memory_limit_bytes;
    int64_t box_limit;
    int64_t ttl_default_s;
    int64_t ttl_max_s;
    /* [limits] */
    int64_t publish_by_spc;
    int64_t publish_by_address;
    int64_t publish_by_destination;
    int64_t read_by_address;
    int64_t chains_by_address;
    int64_t burst_s;
    int64_t connections_by_address;
    int64_t handshakes_by_address;
    int64_t report_cost;
    int64_t box_share; /* percent */
    int64_t feed_limit;
    /* [feeds] */
    bool feeds;
    int64_t feed_life_s;
    int64_t prefix_min;
    /* [dummies] */
    int dummies_mode; /* enum cpsd_dummy_mode */
    char *dummies_secret_file;
    char *dummies_sizes;
    int dummies_strict; /* enum cpsd_dummy_strict; see cpsd_config_strict */
    /* [policy] */
    int policy[CPSD_ACTION_COUNT]; /* enum cpsd_policy by action */
    /* [auth] */
    char *auth_audience;    /* list; empty: the host of public_url */
    int64_t auth_max_age_s; /* of a token, since its iat */
    int64_t auth_skew_s;
    char *auth_x5u_hosts; /* list; empty: any */
    char *auth_x5u_ports; /* list */
    char *auth_x5u_ca_file;
    char *auth_x5u_dir;
    bool auth_x5u_fetch;
    bool auth_x5u_allow_private;
    int64_t auth_x5u_timeout_ms;
    int64_t auth_x5u_entries;
    int64_t auth_x5u_keep_s;
    int64_t auth_x5u_keep_max_s;
    int64_t auth_x5u_negative_s;
    /* [trust] */
    char *trust_roots;             /* PEM file */
    char *trust_list_files;        /* list */
    char *trust_list_urls;         /* list, https */
    char *trust_list_signer_roots; /* PEM file */
    char *trust_list_state_dir;    /* "": nothing is kept */
    int64_t trust_list_refresh_s;
    int64_t trust_list_grace_s;
    char *trust_crl_files;        /* list */
    char *trust_crl_issuer_file;  /* PEM file */
    char *trust_crl_signer_roots; /* PEM file */
    char *trust_crl_urls;         /* list, https */
    int64_t trust_crl_refresh_s;
    char *trust_crl_ca_file; /* PEM file for their servers */
    int trust_crl_policy;    /* enum stir_crl_policy */
    /* [atis] */
    int atis_accept; /* enum cpsd_atis_accept */
    int64_t atis_retention_s;
    int64_t atis_retention_max_s;
    char *atis_partners; /* list of SPCs, or "*" */
    int64_t atis_max_passports;
    int64_t atis_idempotency_s;
    char *atis_peers;       /* list of https URLs */
    char *atis_certificate; /* PEM chain, for tokens to peers */
    char *atis_private_key;
    char *atis_x5u; /* "": the chain is in the token */
    char *atis_ca_file;
    int64_t atis_peer_timeout_ms;
    int64_t atis_queue_max;
    /* [keys] */
    int64_t keys_max_age_s;
    int64_t keys_skew_s;
    bool keys_allow_readable;
    /* [numbers] */
    char *numbers_table; /* "" or a file, see common/number/numtable.h */
    int64_t numbers_max_digits;
    int64_t numbers_short_code_digits;
    char *numbers_obsolete[4]; /* keys that no longer do anything */
    char *old_admin;           /* old name of a key: stir_conf_outdated */
    /* [log] */
    char *log_file; /* "": standard error */
    int log_level;
    int log_format;
    int64_t log_alike_per_s;
    bool log_access;
    bool log_numbers;
};

extern const struct stir_conf_key cpsd_config_table[];
extern const size_t cpsd_config_count;

/* Returns the number of replicas that have to confirm ([store] durability): 0 for local; UINT_MAX if the value is not
 * valid. */
unsigned cpsd_config_replicas(const struct cpsd_config *config);

/* Returns whether an envelope that can be distinguished from a dummy is refused ([dummies] strict). */
bool cpsd_config_strict(const struct cpsd_config *config);

/* Reads `path` (NULL: defaults only), then the overrides (may be NULL), and checks rules that concern more than one key
 * (a listener needs a certificate, the default lifetime is within the longest one). STIR_E_CONFIG, STIR_E_IO. *out is
 * filled on success only; clear it with cpsd_config_clear. */
enum stir_code cpsd_config_load(struct cpsd_config *out, const char *path, const struct stir_conf_overrides *overrides,
                                struct stir_error *err) STIR_MUST_CHECK;
void cpsd_config_clear(struct cpsd_config *config);
