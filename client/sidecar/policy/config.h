/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/conf.h"
#include "common/base/log.h"
#include "common/number/conf_numbering.h"

/*
 * The configuration of cps-smpp: one typed table (config.c) parses, checks and documents it. A field is named after its
 * section and key. A `..._status` is a name (ESME_RSUBMITFAIL) or a number, a `..._tlv` a number, decimal or with 0x;
 * their values are in `status` and `tag`.
 */
enum sc_action {
    SC_PASS,
    SC_SIGN,
    SC_VERIFY,
};

enum sc_alphabet { /* of data_coding 0, and of 1 */
                   SC_ALPHABET_GSM7,
                   SC_ALPHABET_LATIN1,
                   SC_ALPHABET_ASCII,
                   SC_ALPHABET_UTF8,
};

enum sc_alphanumeric {
    SC_ALPHANUMERIC_UNSIGNED,
    SC_ALPHANUMERIC_DOMAIN,
};

enum sc_forward {
    SC_FORWARD,
    SC_REJECT,
};

enum sc_hold_mode { /* of the segments of an incomplete message */
                    SC_HOLD_WINDOW,
                    SC_HOLD_NEVER,
                    SC_HOLD_ALWAYS,
};

enum sc_adaptive {
    SC_ADAPTIVE_AUTO, /* yes, unless messages without a PASSporT are rejected */
    SC_ADAPTIVE_YES,
    SC_ADAPTIVE_NO,
};

enum sc_sign_mode {
    SC_PUBLISH_FIRST,
    SC_PUBLISH_BESIDE,
};

enum sc_replace { /* replace_sm and broadcast_sm */
                  SC_REPLACE_REFUSE,
                  SC_REPLACE_PASS,
};

enum sc_replay { /* as enum cps_replay */
                 SC_REPLAY_MEMORY,
                 SC_REPLAY_SQLITE,
                 SC_REPLAY_NONE,
};

/* A direction: [submit] from the ESMEs to the peer, [deliver] from the peer to the ESMEs. */
struct sc_way {
    int action;     /* enum sc_action */
    int alphabet;   /* enum sc_alphabet */
    int alphabet_1; /* the same, of data_coding 1 */
    bool packed;
};

struct sc_config {
    /* [listen] */
    char *listen_address;
    char *listen_certificate;
    char *listen_private_key;
    char *listen_client_ca;
    char *listen_allow;
    int64_t max_connections;
    int64_t max_binds_per_system_id;
    int64_t max_handshakes;
    int64_t handshakes_by_address;
    int64_t max_pdu_bytes;
    /* [peer] */
    char *peer_address;
    bool peer_tls;
    char *peer_ca;
    char *peer_name;
    char *peer_certificate;
    char *peer_private_key;
    /* [timeouts] */
    int64_t connect_ms;
    int64_t handshake_s;
    int64_t bind_s;
    int64_t enquire_link_s;
    int64_t answer_s;
    int64_t pdu_s;
    int64_t idle_s;
    int64_t unbind_s;
    int64_t drain_s;
    /* [limits] */
    int64_t held_messages;
    int64_t held_bytes;
    int64_t held_messages_total;
    int64_t held_bytes_total;
    int64_t queue_bytes;
    /* [submit], [deliver] */
    struct sc_way submit;
    struct sc_way deliver;
    /* [sign] */
    int sign_mode;       /* enum sc_sign_mode */
    int sign_on_failure; /* enum sc_forward */
    int sign_outside;    /* enum sc_forward */
    char *sign_reject_status;
    int64_t sign_timeout_ms;
    int64_t sign_ttl_s;
    bool sign_ussd_waits;
    int64_t sign_life_s;
    int64_t sign_scheduled_life_s;
    int sign_replace; /* enum sc_replace */
    bool sign_with_chain;
    /* [verify] */
    int64_t verify_wait_ms;
    int64_t verify_grace_ms;
    int verify_adaptive; /* enum sc_adaptive */
    char *verify_adaptive_file;
    bool verify_ussd_waits;
    char *verify_deliver; /* lists of verdicts; a verdict in none of them is tagged */
    char *verify_tag;
    char *verify_reject;
    char *verify_reject_status;
    char *verify_verdict_tlv;
    char *verify_signer_tlv;
    char *verify_text_prefix;
    int verify_replace; /* enum sc_replace */
    /* [repeat] */
    int64_t repeat_max;
    char *repeat_file;
    /* [sender] */
    int alphanumeric; /* enum sc_alphanumeric */
    char *alphanumeric_domain;
    /* [join] */
    bool join_strict;
    int join_hold; /* enum sc_hold_mode */
    int64_t join_timeout_ms;
    int64_t join_messages_per_peer;
    int64_t join_bytes_per_peer;
    int64_t join_messages;
    int64_t join_bytes;
    /* [numbers] */
    struct stir_conf_numbering numbering;
    /* [cps] */
    char *cps_url;
    bool cps_route_by_record;
    bool cps_record_allow_private;
    char *numbers_table;
    char *cps_ca;
    char *cps_certificate;
    char *cps_private_key;
    char *cps_auth_certificate;
    char *cps_auth_private_key;
    char *cps_auth_x5u;
    char *cps_auth_spc;
    char *cps_auth_audience;
    bool cps_holder;
    bool cps_claim;
    int64_t cps_connect_timeout_ms;
    int64_t cps_request_timeout_ms;
    int64_t cps_max_connections;
    int64_t cps_max_in_flight;
    /* [trust] */
    char *trust_roots;
    char *trust_list_files;
    char *trust_list_urls;
    char *trust_list_signer_roots;
    char *trust_list_state_dir;
    int64_t trust_list_refresh_s;
    int64_t trust_list_grace_s;
    char *trust_crl_files;
    char *trust_crl_urls;
    int64_t trust_crl_refresh_s;
    char *trust_crl_ca_file;
    char *trust_crl_issuer_file;
    char *trust_crl_signer_roots;
    int trust_crl_policy; /* enum cps_crl_policy */
    char *trust_x5u_dir;
    char *trust_x5u_ca_file;
    char *trust_x5u_ports;
    bool trust_x5u_allow_private;
    bool trust_allow_spc;
    char *trust_accept_types;
    bool trust_msgi_optional;
    int64_t trust_max_age_s;
    int64_t trust_clock_skew_s;
    int trust_replay; /* enum sc_replay */
    char *trust_replay_file;
    int64_t trust_replay_max;
    /* [keys] */
    char *keys_dir;
    char *keys_recipients_dir;
    bool keys_find;
    bool keys_allow_readable;
    /* [tenants] */
    char *tenants_dir;
    /* [spool] */
    char *spool_file;
    int64_t spool_messages;
    int64_t spool_bytes;
    /* [admin] */
    char *admin_listen;
    /* [log] */
    char *log_file; /* "": standard error */
    int log_level;
    int log_format;
    int64_t log_alike_per_s;
    char *log_judged;
    char *log_signed;
    char *log_number_key_file;
    bool log_numbers;
    bool log_exempt;

    /* old names of keys: stir_conf_outdated */
    char *old_admin_address;
    char *old_x5u_ca;

    /* Not keys: the values of the texts above. */
    struct {
        uint32_t sign_reject;
        uint32_t verify_reject;
    } status;
    struct {
        uint16_t verdict;
        uint16_t signer;
    } tag;
};

extern const struct stir_conf_key sc_config_table[];
extern const size_t sc_config_count;

/* Reads `path` (NULL: defaults only), then overrides (may be NULL), and checks settings that need each other. *out is
 * set on success only; the caller clears it with sc_config_clear. STIR_E_CONFIG, STIR_E_IO. */
enum stir_code sc_config_load(struct sc_config *out, const char *path, const struct stir_conf_overrides *overrides,
                              struct stir_error *err) STIR_MUST_CHECK;
void sc_config_clear(struct sc_config *config);

/* Calls `say` with a sentence for each valid setting that does not do what one might expect. */
void sc_config_warn(const struct sc_config *config, void (*say)(void *arg, const char *text), void *arg);
