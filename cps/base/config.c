#include "cps/base/config.h"

#include "common/base/conf_table.h"
#include "common/number/numbering_keys.h"
#include "cps/base/partners.h"
#include "cps/store/store.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const dummy_modes[] = {[CPSD_DUMMIES_STEADY] = "steady", [CPSD_DUMMIES_EMPTY] = "empty", NULL};

static const char *const dummy_strict[] = {
    [CPSD_STRICT_AUTO] = "auto", [CPSD_STRICT_YES] = "yes", [CPSD_STRICT_NO] = "no", NULL};

static const char *const client_certificates[] = {
    [CPSD_ASK_NO] = "no",
    [CPSD_ASK_OPTIONAL] = "optional",
    [CPSD_ASK_REQUIRED] = "required",
    NULL,
};
static const char *const crl_policies[] = {
    [STIR_CRL_IF_PRESENT] = "if-present", [STIR_CRL_REQUIRED] = "required", NULL};

#define AT(field) offsetof(struct cpsd_config, field)
#define POLICY_KEY(action, key_, default_, text_)                                                                      \
    ENUM_KEY("policy", key_, policy[CPSD_ACT_##action], default_, cpsd_policy_names, true, text_ "."),

#define NUMBERS_ARE_CANONICAL                                                                                          \
    "the numbers in paths, tokens and records are canonical, with their country code; remove the key, the next "       \
    "release refuses it"

static const char *const atis_accepts[] = {[CPSD_ATIS_ENCRYPTED] = "encrypted", [CPSD_ATIS_ANY] = "any", NULL};

const struct stir_conf_key cpsd_config_table[] = {
    LIST_KEY("server", "listen", listen, "127.0.0.1:8443", false,
             "Addresses on which HTTPS is served: IPv4 address:port, [IPv6 address]:port, host:port, or *:port for all "
             "addresses of the machine; several with commas. HTTP/1.1 only; for HTTP/2 put HAProxy in front."),
    LIST_KEY("server", "listen_plain", listen_plain, "", false,
             "Addresses without TLS, for an edge in front that ends TLS: address:port or unix:/path. Not for the open "
             "network."),
    STRING_KEY("server", "certificate", certificate, "", 0, true,
               "The server's certificate chain, PEM, leaf first. Read again on SIGHUP."),
    STRING_KEY("server", "private_key", private_key, "", 0, true,
               "The private key that belongs to the certificate, PEM. Read again on SIGHUP."),
    ENUM_KEY("server", "client_certificates", client_certificates, "no", client_certificates, true,
             "Whether clients are asked for a certificate on listen. One that leads to [trust] roots is a credential, "
             "its TNAuthList says for whom; one that does not is answered 401. required: no TLS without one."),
    BOOL_KEY("server", "edge", edge, "no", true,
             "On listen_plain, believe what the edge says of the client: its certificate in Client-Cert and "
             "Client-Cert-Chain (RFC 9440), its address in Forwarded or X-Forwarded-For. The edge must take these "
             "fields out of what comes from outside, and nobody else may reach listen_plain."),
    STRING_KEY("server", "public_url", public_url, "", 0, true,
               "What clients reach this server as (https://cps.example.com), put in front of the path in Link. Empty: "
               "the path alone."),
    INT_KEY("server", "workers", workers, "0", 0, 256, false,
            "Threads that serve, each with a loop, listeners and a store connection of its own. 0: one for each CPU."),
    INT_KEY("server", "max_connections", max_connections, "10000", 1, 1000000, true,
            "Connections of each worker; beyond it new ones are closed at once."),
    INT_KEY(
        "server", "max_handshakes", max_handshakes, "1000", 1, 1000000, true,
        "TLS handshakes that a worker has in progress at a time; beyond it, a new one takes the place of the oldest."),
    INT_KEY("server", "handshake_timeout_s", handshake_timeout_s, "5", 1, 300, true,
            "A TLS handshake that is not finished after this time is ended."),
    INT_KEY("server", "idle_timeout_s", idle_timeout_s, "75", 1, 3600, true,
            "A kept-alive connection without a request is closed after so many seconds."),
    INT_KEY("server", "request_timeout_s", request_timeout_s, "10", 1, 300, true,
            "A request has to be there completely within so many seconds of its first octet, else 408."),
    INT_KEY("server", "drain_timeout_s", drain_timeout_s, "10", 0, 300, true,
            "After SIGTERM requests that are under way have so many seconds to be answered."),
    INT_KEY("server", "max_head_bytes", max_head_bytes, "8192", 512, 65000, true,
            "Request line and header fields together; beyond it 431."),
    INT_KEY("server", "max_body_bytes", max_body_bytes, "16384", 1024, 65536, true, "A request's body; beyond it 413."),
    INT_KEY("server", "max_wait_s", max_wait_s, "30", 0, 300, true,
            "The longest Prefer: wait=N that is granted, in seconds."),
    INT_KEY("server", "list_max_entries", list_max_entries, "250", 1, 100000, true,
            "Envelopes in one JSON list; the cursor leads on to the rest."),
    INT_KEY("server", "list_max_bytes", list_max_bytes, "1048576", 16384, 67108864, true,
            "Octets of envelopes in one JSON list."),
    INT_KEY("server", "max_output_bytes", max_output_bytes, "67108864", 1048576, INT64_MAX, true,
            "Octets of answers that a worker holds for clients that have not taken them yet; beyond it connections are "
            "closed, first those whose client takes nothing."),
    STRING_KEY("admin", "listen", admin_listen, "127.0.0.1:8081", 0, false,
               "Where /metrics, /ready and /health are served without TLS: address:port or unix:/path, for local use. "
               "Empty: nowhere."),
    RENAMED_KEY("server", "admin", old_admin, "admin", "listen"),
    STRING_KEY("store", "url", store_url, "memory:", 1, false,
               "Where envelopes wait: memory: (this process, forgets on exit), redis://[user:password@]host:port/db, "
               "redis+unix:///path, redis+cluster://[user:password@]host:port,host:port,..., "
               "redis+sentinel://[user:password@]host:port,host:port,.../name/db."),
    STRING_KEY("store", "durability", store_durability, "local", 5, false,
               "local: stored means that the server has it, as safely as that one is set to. replicas:N: that N of its "
               "replicas have it, too; an envelope that they do not confirm within half of timeout_ms is answered 503. "
               "deploy/redis/ has the server's settings for each."),
    INT_KEY("store", "timeout_ms", store_timeout_ms, "1000", 10, 60000, false,
            "A request that the store did not answer in this time is answered 503."),
    INT_KEY("store", "memory_limit_bytes", memory_limit_bytes, "1073741824", 1048576, INT64_MAX, false,
            "memory: only: octets held in all; beyond it publishing is answered 503."),
    INT_KEY("store", "box_limit", box_limit, "40000", 1, 10000000, false,
            "Envelopes that wait for one destination; beyond it publishing is answered 429. Nothing is evicted."),
    INT_KEY("store", "ttl_default_s", ttl_default_s, "60", 1, 259200, true,
            "How long an envelope is kept unless the publisher says ?ttl= (RFC 8816 section 7.5: 60 s). Dummies live "
            "as long."),
    INT_KEY("store", "ttl_max_s", ttl_max_s, "259200", 1, 259200, true,
            "The longest ?ttl= that is granted; a longer one is cut to it. 72 h is the longest a message may wait."),
    INT_KEY(
        "limits", "publish_by_spc", publish_by_spc, "0", 0, 1000000, true,
        "Envelopes per second that callers of one service provider code may publish, or of one certificate without a "
        "code, over all servers of one store; beyond it 429. 0: no limit."),
    INT_KEY("limits", "publish_by_address", publish_by_address, "1000", 0, 1000000, true,
            "The same for one client address (IPv6: a /64) whose caller shows no verified credential. Requests with a "
            "credential are counted by each server before it is checked, and given back when it proves good."),
    INT_KEY("limits", "publish_by_destination", publish_by_destination, "500", 0, 1000000, true,
            "The same for one destination, from all publishers together."),
    INT_KEY(
        "limits", "read_by_address", read_by_address, "1000", 0, 1000000, true,
        "Lists, envelopes and key records a second that one client address (IPv6: a /64) may read from this server; "
        "beyond it 429. Requests whose credential proves good are given back. 0: no limit."),
    INT_KEY(
        "limits", "chains_by_address", chains_by_address, "100", 0, 1000000, true,
        "Certificates a second that are not known as good yet and that one client address (IPv6: a /64) may have "
        "fetched "
        "or verified by this server, of which one claimed issuer may take a quarter; beyond it 429. Those that prove "
        "good are given back. 0: no limit."),
    INT_KEY("limits", "burst_s", burst_s, "5", 1, 3600, true,
            "Who was quiet before may use so many seconds' worth of a limit at once."),
    INT_KEY(
        "limits", "connections_by_address", connections_by_address, "1000", 0, 1000000, true,
        "Connections of one client address (IPv6: a /64) to this server; beyond it new ones are closed at once. 0: no "
        "limit. Connections over a unix socket, or from an edge ([server] edge = yes), are not counted."),
    INT_KEY("limits", "handshakes_by_address", handshakes_by_address, "250", 0, 1000000, true,
            "TLS handshakes that one client address (IPv6: a /64) has in progress at this server; beyond it new "
            "connections are closed at once. 0: no limit."),
    INT_KEY("limits", "report_cost", report_cost, "10", 0, 100000, true,
            "A holder's report of a bogus envelope takes this many envelopes from what its publisher may send to this "
            "holder's numbers (at publish_by_spc), for an hour at most. What it sends to others is not touched. 0: "
            "reports are recorded only."),
    INT_KEY(
        "limits", "box_share", box_share, "50", 1, 100, false,
        "Percent of box_limit that one publisher may have in one box; beyond it 429. A publisher is what one "
        "certificate has authority over, whichever of its codes it names; all callers without a verified credential "
        "together are one."),
    INT_KEY("limits", "feed_limit", feed_limit, "100000", 1, 10000000, false,
            "Entries that a provider's feed holds for its reader; beyond it the oldest make room for new ones and are "
            "counted (cpsd_feed_dropped_total). At 1,000 messages a second a reader may be away for 100 seconds."),
    BOOL_KEY(
        "feeds", "enabled", feeds, "no", true,
        "Whether the provider that the number table gives a destination to may have all that comes for its numbers "
        "pushed (GET /feed/{spc}) or by prefix. Costs one more write for each publish to such a number."),
    INT_KEY(
        "feeds", "max_life_s", feed_life_s, "86400", 1, 2592000, true,
        "A feed is ended after this time; its client connects again and gives the last event's id. Whether the client "
        "still may have the feed is also checked every 15 seconds and after each change of roots and revocation "
        "lists."),
    INT_KEY("feeds", "prefix_min", prefix_min, "4", 1, STIR_TN_MAX, true,
            "The least digits before the asterisk in GET /cps/{prefix}*/ppts."),
    ENUM_KEY("dummies", "mode", dummies_mode, "steady", dummy_modes, true,
             "steady: each box has dummies that come and go whether messages arrive or not, so that a reader learns "
             "nothing. empty: an empty box "
             "shows one dummy, which satisfies RFC 8816 section 6.2 but vanishes when a message comes."),
    STRING_KEY("dummies", "secret_file", dummies_secret_file, "", 0, false,
               "File with 32 or more random octets that all servers of one CPS share: dummies are computed from it. "
               "Empty: random at start, "
               "which is right for a single server only."),
    LIST_KEY("dummies", "sizes", dummies_sizes, "512", true,
             "Lengths of plaintext that dummies pretend to have, of 512, 1024, 2048, 4096 and 8192 octets: those that "
             "the envelopes of this CPS have. A length that is listed twice comes twice as often."),
    ENUM_KEY(
        "dummies", "strict", dummies_strict, "auto", dummy_strict, true,
        "Whether an envelope that can be told from a dummy is refused with 422: one whose header has another text "
        "than libcps writes (cps/WIRE.md), or whose plaintext has another length than 512, 1024, 2048, 4096 or 8192 "
        "octets. no: it is stored, and the log warns once. auto: yes where [policy] list or fetch is open, no "
        "elsewhere. Envelopes below /passports are not concerned."),
    LIST_KEY(
        "auth", "audience", auth_audience, "", true,
        "What this CPS is called in the aud of bearer tokens (ATIS-1000096): host names. Empty: the host in [server] "
        "public_url; without either no token is accepted."),
    INT_KEY("auth", "max_age_s", auth_max_age_s, "60", 1, 3600, true,
            "A token is accepted for so many seconds after its iat, once, and not beyond its exp."),
    INT_KEY("auth", "skew_s", auth_skew_s, "5", 0, 300, true,
            "By how much the clocks of clients and of servers may differ, in seconds."),
    LIST_KEY(
        "auth", "x5u_hosts", auth_x5u_hosts, "", true,
        "Hosts that certificates are fetched from: cert.example.org, or *.example.org for all names below it. Empty: "
        "any. A token's x5u is chosen by whoever sends it: list the repositories where you can."),
    LIST_KEY("auth", "x5u_ports", auth_x5u_ports, "443, 8443", true, "Ports that certificates are fetched from."),
    STRING_KEY("auth", "x5u_ca_file", auth_x5u_ca_file, "", 0, true,
               "Authorities that the TLS certificates of those hosts must lead to, PEM. Empty: the system's."),
    STRING_KEY(
        "auth", "x5u_dir", auth_x5u_dir, "", 0, true,
        "Directory of certificate chains, PEM, and TNAuthLists by reference, DER, that are known without fetching: "
        "each file is named after the SHA-256 of its URL (hexadecimal and .pem), or like the last part of the URL. "
        "Read again on SIGHUP."),
    BOOL_KEY("auth", "x5u_fetch", auth_x5u_fetch, "yes", true,
             "Fetch certificates that x5u_dir does not have. no: refuse their tokens."),
    BOOL_KEY(
        "auth", "x5u_allow_private", auth_x5u_allow_private, "no", true,
        "Fetch from addresses of special purpose too (loopback, private, link-local ...). For tests: with it anybody "
        "may make this server send requests into its own network."),
    INT_KEY("auth", "x5u_timeout_ms", auth_x5u_timeout_ms, "3000", 100, 30000, true,
            "A certificate that has not come in this time is not waited for."),
    INT_KEY("auth", "x5u_entries", auth_x5u_entries, "1000", 16, 1000000, false,
            "Certificate chains that are kept in memory, and as many failures."),
    INT_KEY("auth", "x5u_keep_s", auth_x5u_keep_s, "3600", 5, 604800, true,
            "How long a chain is kept that came without Cache-Control."),
    INT_KEY("auth", "x5u_keep_max_s", auth_x5u_keep_max_s, "86400", 5, 604800, true,
            "How long a chain is kept at most, whatever Cache-Control says."),
    INT_KEY("auth", "x5u_negative_s", auth_x5u_negative_s, "30", 5, 3600, true,
            "How long it is remembered that a chain could not be fetched."),
    CPSD_ACTION_LIST(POLICY_KEY) STRING_KEY(
        "trust", "roots", trust_roots, "", 0, true,
        "The STI roots that tokens and client certificates must lead to, PEM. Empty: no credential is accepted."),
    LIST_KEY(
        "trust", "list_files", trust_list_files, "", true,
        "Signed lists of STI roots as the STI-PA publishes them (sticaList.jwt), files; in addition to roots. Read "
        "again when they change."),
    LIST_KEY(
        "trust", "list_urls", trust_list_urls, "", true,
        "Signed lists of STI roots that are fetched, https. A new one that is no good, or whose sequence is lower, "
        "is not used: the one before stays."),
    STRING_KEY(
        "trust", "list_signer_roots", trust_list_signer_roots, "", 0, true,
        "The root that the signer of these lists must lead to (that of the STI-PA), PEM; the signer's own "
        "certificate may stand beside it, and is otherwise fetched from the list's x5u. It anchors nothing else."),
    STRING_KEY(
        "trust", "list_state_dir", trust_list_state_dir, "", 0, true,
        "A directory for this program alone, in which the last good list of each name and its sequence are kept: "
        "after a restart the sequence does not fall, and the list is in force before its server answers. Empty: "
        "not kept."),
    INT_KEY(
        "trust", "list_refresh_s", trust_list_refresh_s, "3600", 1, 604800, true,
        "How often lists of list_urls are fetched and list_files looked at. A fetch that fails is tried again every "
        "minute."),
    INT_KEY(
        "trust", "list_grace_s", trust_list_grace_s, "604800", 0, 31536000, true,
        "For how long the last good list stays in force after its exp, if no newer one is there. Then its roots are "
        "no longer trusted."),
    LIST_KEY("trust", "crl_files", trust_crl_files, "", true,
             "Revocation lists, PEM or DER, direct or indirect. A file that changed is read again every "
             "crl_refresh_s and on SIGHUP; a new one that is no good is not used: the one before stays."),
    STRING_KEY("trust", "crl_issuer_file", trust_crl_issuer_file, "", 0, true,
               "The certificate that indirect revocation lists are signed with, PEM, if it is not among the roots, and "
               "those of the authorities between it and its root."),
    STRING_KEY("trust", "crl_signer_roots", trust_crl_signer_roots, "", 0, true,
               "Roots that issuers of indirect revocation lists may lead to, PEM, in addition to the STI roots. They "
               "count for revocation lists alone: a certificate below them signs no PASSporT and no token."),
    LIST_KEY("trust", "crl_urls", trust_crl_urls, "", true,
             "Revocation lists that are fetched, https; in addition to crl_files. A new one that is no good is not "
             "used: the one before stays."),
    INT_KEY("trust", "crl_refresh_s", trust_crl_refresh_s, "3600", 1, 604800, true,
            "How often lists of crl_urls are fetched and crl_files looked at. A fetch that fails is tried again every "
            "minute."),
    STRING_KEY(
        "trust", "crl_ca_file", trust_crl_ca_file, "", 0, true,
        "Authorities that the servers of crl_urls and list_urls must have their certificates from, PEM. Empty: the "
        "system's."),
    ENUM_KEY("trust", "crl_policy", trust_crl_policy, "if-present", crl_policies, true,
             "if-present: a certificate that a list names is refused, a list that is missing or stale is not held "
             "against the others. required: each "
             "certificate needs a current list that covers its issuer."),
    INT_KEY("keys", "max_age_s", keys_max_age_s, "300", 0, 86400, true,
            "For so long readers may keep a key record without asking again (Cache-Control), but not beyond its end."),
    INT_KEY("keys", "skew_s", keys_skew_s, "60", 0, 3600, true,
            "How far ahead of this server's clock a key record may have been issued."),
    BOOL_KEY("keys", "allow_readable", keys_allow_readable, "no", true,
             "Whether the check (-t) accepts files of private keys and secrets that every account of the machine can "
             "read or change."),
    STRING_KEY("numbers", "table", numbers_table, "", 0, true,
               "File that says which SPC holds a number: lines of prefix,spc and perhaps the URL of that provider's "
               "CPS; the longest prefix counts. Empty: only certificates that name numbers hold any."),
    ENUM_KEY(
        "atis", "accept", atis_accept, "encrypted", atis_accepts, true,
        "What is taken below /passports. encrypted: only envelopes (JWE), which this server cannot read. any: also "
        "PASSporTs that are not encrypted, which whoever runs this server can read."),
    INT_KEY("atis", "retention_s", atis_retention_s, "15", 1, 3600, true,
            "How long what is published to /passports/{dest}/{orig} is kept (ATIS-1000096: local policy)."),
    INT_KEY("atis", "retention_max_s", atis_retention_max_s, "60", 1, 259200, true,
            "What is published to /passports/{spc}/{dest}/{orig} is kept until the token's exp, and no longer than "
            "this (ATIS-1000105)."),
    LIST_KEY("atis", "partners", atis_partners, "", true,
             "Service provider codes of those who may retrieve what another provider published below its own code "
             "(/passports/{spc}/{dest}/{orig}, ATIS-1000105), or * for every provider. Empty: only that provider "
             "itself may. What others published below its code is always for that provider alone."),
    INT_KEY("atis", "max_passports", atis_max_passports, "10", 1, CPSD_PASSPORTS_MAX, true,
            "PASSporTs in one request; beyond it 413."),
    INT_KEY("atis", "idempotency_s", atis_idempotency_s, "300", 1, 86400, true,
            "How long an Idempotency-Key is remembered, from its first use on."),
    LIST_KEY("atis", "peers", atis_peers, "", true,
             "CPSs that each publication to /passports/{dest}/{orig} is handed on to, https URLs. What a peer handed "
             "on is never handed on again."),
    STRING_KEY("atis", "certificate", atis_certificate, "", 0, true,
               "The STI certificate chain that speaks for this CPS to its peers, PEM, leaf first; it names an SPC."),
    STRING_KEY("atis", "private_key", atis_private_key, "", 0, true, "The private key of that certificate."),
    STRING_KEY("atis", "x5u", atis_x5u, "", 0, true,
               "https URL where peers get that chain. Empty: it travels in each token."),
    STRING_KEY("atis", "ca_file", atis_ca_file, "", 0, true,
               "Authorities that the peers' TLS certificates must lead to, PEM. Empty: the system's."),
    INT_KEY("atis", "peer_timeout_ms", atis_peer_timeout_ms, "3000", 100, 60000, true,
            "A peer that has not answered in this time is tried again, later each time, for as long as the PASSporTs "
            "live."),
    INT_KEY("atis", "queue_max", atis_queue_max, "1000", 1, 1000000, true,
            "Deliveries to peers that wait or are under way in each worker; beyond it they are dropped and counted."),
    NUMBER_LENGTH_KEYS(numbers_max_digits, numbers_short_code_digits,
                       "Digits of the longest short code. A record that is put under a name of up to this number of "
                       "digits may be for a short code or for a provider's code: the record tells."),
    OBSOLETE_KEY("numbers", "country_code", numbers_obsolete[0], NUMBERS_ARE_CANONICAL),
    OBSOLETE_KEY("numbers", "national_prefix", numbers_obsolete[1], NUMBERS_ARE_CANONICAL),
    OBSOLETE_KEY("numbers", "international_prefix", numbers_obsolete[2], NUMBERS_ARE_CANONICAL),
    OBSOLETE_KEY("numbers", "national_digits", numbers_obsolete[3], NUMBERS_ARE_CANONICAL),
    STRING_KEY("log", "file", log_file, "", 0, true,
               "File that log lines are appended to; opened again on SIGHUP and SIGUSR1, so that it can be rotated. "
               "Empty: standard error, which systemd's journal reads."),
    ENUM_KEY("log", "level", log_level, "notice", stir_log_levels, true,
             "The most verbose records that are written: error, warning, notice, info, debug."),
    INT_KEY(
        "log", "alike_per_s", log_alike_per_s, "10", 0, 1000000, true,
        "Lines per second of one kind of refusal, which strangers can cause at will; one more line says how many were "
        "left out. 0: no limit."),
    ENUM_KEY("log", "format", log_format, "text", stir_log_formats, true,
             "text, json, or journal (for systemd: level prefix, no time)."),
    BOOL_KEY("log", "access", log_access, "no", true,
             "One record for each request: method, route, status, microseconds, the caller's SPC and address. No "
             "secrets, no "
             "numbers."),
    BOOL_KEY("log", "numbers", log_numbers, "no", true,
             "Write destinations in clear in the access log instead of as a keyed hash."),
};
const size_t cpsd_config_count = sizeof(cpsd_config_table) / sizeof(cpsd_config_table[0]);

unsigned cpsd_config_replicas(const struct cpsd_config *config)
{
    static const char with[] = "replicas:";
    const char *text = config->store_durability;
    if (strcmp(text, "local") == 0) {
        return 0;
    }
    text = strncmp(text, with, sizeof(with) - 1) == 0 ? text + sizeof(with) - 1 : "";
    size_t n = strspn(text, "0123456789");
    unsigned long replicas = n && n <= 2 && !text[n] ? strtoul(text, NULL, 10) : 0;
    return replicas >= 1 && replicas <= CPSD_REPLICAS_MAX ? (unsigned)replicas : UINT_MAX;
}

/* Whether a caller can show a credential at all: roots to judge it by, and a way to show it. */
static bool can_authenticate(const struct cpsd_config *config)
{
    bool roots = config->trust_roots[0] || config->trust_list_files[0] || config->trust_list_urls[0];
    bool tokens = config->auth_audience[0] || config->public_url[0];
    return roots && (tokens || config->client_certificates != CPSD_ASK_NO || config->edge);
}

bool cpsd_config_strict(const struct cpsd_config *config)
{
    if (config->dummies_strict != CPSD_STRICT_AUTO) {
        return config->dummies_strict == CPSD_STRICT_YES;
    }
    return config->policy[CPSD_ACT_LIST] == CPSD_POLICY_OPEN || config->policy[CPSD_ACT_FETCH] == CPSD_POLICY_OPEN;
}

static void check(void *conf, struct stir_faults *faults)
{
    const struct cpsd_config *config = conf;
    struct stir_error err = {0};
    const struct {
        bool good;
        const char *text;
    } rules[] = {
        {!config->listen[0] || (config->certificate[0] && config->private_key[0]),
         "[server] listen serves HTTPS and needs certificate and private_key (or set listen to nothing)"},
        {config->listen[0] || config->listen_plain[0], "[server] neither listen nor listen_plain names an address"},
        {config->ttl_default_s <= config->ttl_max_s, "[store] ttl_default_s is longer than ttl_max_s"},
        {config->client_certificates == CPSD_ASK_NO || config->trust_roots[0] || config->trust_list_files[0] ||
             config->trust_list_urls[0],
         "[server] client_certificates needs [trust] roots, list_files or list_urls to judge them by"},
        {config->policy[CPSD_ACT_PUBLISH] != CPSD_POLICY_TOKEN || can_authenticate(config),
         "[policy] publish = token, but nobody can publish: set [trust] roots and [auth] audience (or [server] "
         "public_url or client_certificates), or publish = open"},
    };
    if (cpsd_config_replicas(config) == UINT_MAX) {
        stir_faults_add(faults, STIR_E_CONFIG, "[store] durability is local, or replicas:N with N from 1 to %d",
                        CPSD_REPLICAS_MAX);
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!rules[i].good) {
            stir_faults_add(faults, STIR_E_CONFIG, "%s", rules[i].text);
        }
    }
    stir_faults_take(faults, cpsd_partners_check(config->atis_partners, &err), &err);
}

enum stir_code cpsd_config_load(struct cpsd_config *out, const char *path, const struct stir_conf_overrides *overrides,
                                struct stir_error *err)
{
    struct cpsd_config config = {0};
    enum stir_code code = stir_conf_read(&config, cpsd_config_table, cpsd_config_count, path, overrides, check, err);
    if (code == STIR_OK) {
        *out = config;
    }
    return code;
}

void cpsd_config_clear(struct cpsd_config *config)
{
    stir_conf_clear(config, cpsd_config_table, cpsd_config_count);
}
