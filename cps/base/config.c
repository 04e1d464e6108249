/* SPDX-License-Identifier: MIT */
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
    "numbers in paths, tokens and records are canonical and include the country code; remove the key, because the "    \
    "next release refuses it"

static const char *const atis_accepts[] = {[CPSD_ATIS_ENCRYPTED] = "encrypted", [CPSD_ATIS_ANY] = "any", NULL};

const struct stir_conf_key cpsd_config_table[] = {
    LIST_KEY("server", "listen", listen, "127.0.0.1:8443", false,
             "Addresses on which HTTPS is served: IPv4 address:port, [IPv6 address]:port, host:port, or *:port for all "
             "addresses of the machine; separate several with commas. HTTP/1.1 only; for HTTP/2 put HAProxy in front."),
    LIST_KEY("server", "listen_plain", listen_plain, "", false,
             "Addresses without TLS, for a proxy that terminates TLS: address:port or unix:/path. Do not expose them "
             "to an open network."),
    STRING_KEY("server", "certificate", certificate, "", 0, true,
               "The server's certificate chain, PEM, leaf certificate first. Read again on SIGHUP."),
    STRING_KEY("server", "private_key", private_key, "", 0, true,
               "The private key that belongs to the certificate, PEM. Read again on SIGHUP."),
    ENUM_KEY("server", "client_certificates", client_certificates, "no", client_certificates, true,
             "Whether clients are asked for a certificate on listen. A certificate that leads to [trust] roots is a "
             "credential, and its TNAuthList says what it covers; any other certificate is answered 401. required: a "
             "TLS handshake without a certificate fails."),
    BOOL_KEY("server", "edge", edge, "no", true,
             "On listen_plain, trust what the proxy says about the client: its certificate in Client-Cert and "
             "Client-Cert-Chain (RFC 9440), its address in Forwarded or X-Forwarded-For. The proxy must remove these "
             "fields from the requests of clients, and nothing but the proxy may be able to reach listen_plain."),
    STRING_KEY("server", "public_url", public_url, "", 0, true,
               "The URL at which clients reach this server (https://cps.example.com). It precedes the path in Link "
               "header fields. Empty: Link has the path alone."),
    INT_KEY("server", "workers", workers, "0", 0, 256, false,
            "Worker threads, each with its own event loop, listeners and store connection. 0: one per CPU."),
    INT_KEY("server", "max_connections", max_connections, "10000", 1, 1000000, true,
            "The largest number of connections per worker. Connections above it are closed at once."),
    INT_KEY("server", "max_handshakes", max_handshakes, "1000", 1, 1000000, true,
            "The largest number of TLS handshakes that a worker has in progress. A new handshake above it replaces the "
            "oldest."),
    INT_KEY("server", "handshake_timeout_s", handshake_timeout_s, "5", 1, 300, true,
            "A TLS handshake that is not finished after this number of seconds is ended."),
    INT_KEY("server", "idle_timeout_s", idle_timeout_s, "75", 1, 3600, true,
            "A kept-alive connection without a request is closed after this number of seconds."),
    INT_KEY("server", "request_timeout_s", request_timeout_s, "10", 1, 300, true,
            "A request must arrive completely within this number of seconds after its first octet; otherwise it is "
            "answered 408."),
    INT_KEY("server", "drain_timeout_s", drain_timeout_s, "10", 0, 300, true,
            "After SIGTERM, requests in progress have this number of seconds to be answered."),
    INT_KEY("server", "max_head_bytes", max_head_bytes, "8192", 512, 65000, true,
            "The largest size of request line and header fields together, in octets. A larger head is answered 431."),
    INT_KEY("server", "max_body_bytes", max_body_bytes, "16384", 1024, 65536, true,
            "The largest size of a request's body, in octets. A larger body is answered 413."),
    INT_KEY("server", "max_wait_s", max_wait_s, "30", 0, 300, true,
            "The longest wait that a client gets with Prefer: wait=N, in seconds."),
    INT_KEY("server", "list_max_entries", list_max_entries, "250", 1, 100000, true,
            "The largest number of envelopes in one list. The client gets the rest with the cursor."),
    INT_KEY("server", "list_max_bytes", list_max_bytes, "1048576", 16384, 67108864, true,
            "The largest number of octets of envelopes in one list."),
    INT_KEY("server", "max_output_bytes", max_output_bytes, "67108864", 1048576, INT64_MAX, true,
            "The largest number of octets of answers that a worker holds for clients that have not read them yet. "
            "Above it connections are closed, first those whose client reads nothing."),
    STRING_KEY("admin", "listen", admin_listen, "127.0.0.1:8081", 0, false,
               "Where /metrics, /ready and /health are served without TLS, for local use: address:port or unix:/path. "
               "Empty: nowhere."),
    RENAMED_KEY("server", "admin", old_admin, "admin", "listen"),
    STRING_KEY(
        "store", "url", store_url, "memory:", 1, false,
        "Where envelopes are stored: memory: (in this process, lost on exit), redis://[user:password@]host:port/db, "
        "redis+unix:///path, redis+cluster://[user:password@]host:port,host:port,..., "
        "redis+sentinel://[user:password@]host:port,host:port,.../name/db."),
    STRING_KEY("store", "durability", store_durability, "local", 5, false,
               "When an envelope counts as stored. local: when the Redis server has it, as safely as that server is "
               "configured. replicas:N: when N of its replicas have it too; an envelope that they do not confirm "
               "within half of timeout_ms is answered 503. deploy/redis/ has the server's settings for each."),
    INT_KEY("store", "timeout_ms", store_timeout_ms, "1000", 10, 60000, false,
            "A request is answered 503 if the store has not answered within this number of milliseconds."),
    INT_KEY("store", "memory_limit_bytes", memory_limit_bytes, "1073741824", 1048576, INT64_MAX, false,
            "For memory: only: the largest number of octets held. Above it publishing is answered 503."),
    INT_KEY("store", "box_limit", box_limit, "40000", 1, 10000000, false,
            "The largest number of envelopes in the box of one destination. Above it publishing is answered 429. "
            "Nothing is evicted."),
    INT_KEY("store", "ttl_default_s", ttl_default_s, "60", 1, 259200, true,
            "How long an envelope is kept, in seconds, unless the publisher sends ?ttl= (RFC 8816 section 7.5: 60 s). "
            "Dummies live as long."),
    INT_KEY("store", "ttl_max_s", ttl_max_s, "259200", 1, 259200, true,
            "The longest ?ttl= in seconds; a longer one is cut to it. The default, 72 h, is the longest time that a "
            "message may wait."),
    INT_KEY("limits", "publish_by_spc", publish_by_spc, "0", 0, 1000000, true,
            "Envelopes per second that callers with one service provider code, or with one certificate without a code, "
            "may publish to all servers of one store. More are answered 429. 0: no limit."),
    INT_KEY(
        "limits", "publish_by_address", publish_by_address, "1000", 0, 1000000, true,
        "The same for one client address (IPv6: a /64) without a verified credential. Each server counts a request "
        "with a credential before it checks the credential, and takes it off the count if the credential is valid."),
    INT_KEY("limits", "publish_by_destination", publish_by_destination, "500", 0, 1000000, true,
            "The same for one destination, for all publishers together."),
    INT_KEY("limits", "read_by_address", read_by_address, "1000", 0, 1000000, true,
            "Lists, envelopes and key records per second that one client address (IPv6: a /64) may read from this "
            "server. More are answered 429. Requests with a valid credential are not counted. 0: no limit."),
    INT_KEY("limits", "chains_by_address", chains_by_address, "100", 0, 1000000, true,
            "Certificates per second that one client address (IPv6: a /64) may make this server fetch or verify, of "
            "which one claimed issuer may use a quarter. More are answered 429. Certificates that are known as valid "
            "or prove valid are not counted. 0: no limit."),
    INT_KEY(
        "limits", "burst_s", burst_s, "5", 1, 3600, true,
        "The size of a burst: a caller that was idle may use a limit per second times this number of seconds at once."),
    INT_KEY("limits", "connections_by_address", connections_by_address, "1000", 0, 1000000, true,
            "The largest number of connections of one client address (IPv6: a /64) to this server. Connections above "
            "it are closed at once. 0: no limit. Connections over a unix socket, or from a proxy ([server] edge = "
            "yes), are not counted."),
    INT_KEY("limits", "handshakes_by_address", handshakes_by_address, "250", 0, 1000000, true,
            "The largest number of TLS handshakes that one client address (IPv6: a /64) has in progress at this "
            "server. Connections above it are closed at once. 0: no limit."),
    INT_KEY("limits", "report_cost", report_cost, "10", 0, 100000, true,
            "The number of envelopes by which a report of a bogus envelope reduces what its publisher may send to the "
            "numbers of the reporting holder (at the rate publish_by_spc), for an hour at most. What the publisher "
            "sends to others is not affected. 0: reports are only recorded."),
    INT_KEY("limits", "box_share", box_share, "50", 1, 100, false,
            "Percentage of box_limit that one publisher may have in one box. More envelopes are answered 429. A "
            "publisher is everything that one certificate has authority over, whichever of its codes it uses; all "
            "callers without a verified credential together count as one."),
    INT_KEY("limits", "feed_limit", feed_limit, "100000", 1, 10000000, false,
            "The largest number of entries in a provider's feed. Above it new entries replace the oldest, which are "
            "counted (cpsd_feed_dropped_total). At 1,000 messages per second, the default covers a reader that is away "
            "for 100 seconds."),
    BOOL_KEY("feeds", "enabled", feeds, "no", true,
             "Whether a provider can get everything that is published for its numbers (by the number table) as a "
             "stream (GET /feed/{spc}) or by prefix. Costs one more write per publish to such a number."),
    INT_KEY("feeds", "max_life_s", feed_life_s, "86400", 1, 2592000, true,
            "A feed is ended after this number of seconds; its client connects again with the id of the last event. "
            "Whether the client is still allowed to read the feed is also checked every 15 seconds and after each "
            "change of roots and revocation lists."),
    INT_KEY("feeds", "prefix_min", prefix_min, "4", 1, STIR_TN_MAX, true,
            "The smallest number of digits before the asterisk in GET /cps/{prefix}*/ppts."),
    ENUM_KEY("dummies", "mode", dummies_mode, "steady", dummy_modes, true,
             "steady: each box has dummies that come and go whether messages arrive or not, so that a reader learns "
             "nothing. empty: an empty box shows one dummy, which satisfies RFC 8816 section 6.2 but disappears when a "
             "message arrives."),
    STRING_KEY("dummies", "secret_file", dummies_secret_file, "", 0, false,
               "File with at least 32 random octets that all servers of one CPS share. Dummies are computed from it. "
               "Empty: a random secret is made at start, which works for a single server only."),
    LIST_KEY("dummies", "sizes", dummies_sizes, "512", true,
             "Lengths of plaintext that dummies pretend to have: those of 512, 1024, 2048, 4096 and 8192 octets that "
             "the envelopes of this CPS have. A length that is listed twice occurs twice as often."),
    ENUM_KEY("dummies", "strict", dummies_strict, "auto", dummy_strict, true,
             "Whether an envelope that can be distinguished from a dummy is refused with 422: one whose header text "
             "differs from what libcps writes (cps/WIRE.md), or whose plaintext does not have 512, 1024, 2048, 4096 or "
             "8192 octets. no: it is stored, and the log warns once. auto: yes if [policy] list or fetch is open, "
             "otherwise no. Does not apply to /passports."),
    LIST_KEY("auth", "audience", auth_audience, "", true,
             "Host names of this CPS in the aud of bearer tokens (ATIS-1000096). Empty: the host in [server] "
             "public_url; without either, no token is accepted."),
    INT_KEY("auth", "max_age_s", auth_max_age_s, "60", 1, 3600, true,
            "A token is accepted once, within this number of seconds after its iat and before its exp."),
    INT_KEY("auth", "skew_s", auth_skew_s, "5", 0, 300, true,
            "The largest difference between the clocks of clients and servers, in seconds."),
    LIST_KEY("auth", "x5u_hosts", auth_x5u_hosts, "", true,
             "Hosts that certificates may be fetched from: cert.example.org, or *.example.org for all names below it. "
             "Empty: any host. The sender of a token chooses its x5u, so list the repositories if you can."),
    LIST_KEY("auth", "x5u_ports", auth_x5u_ports, "443, 8443", true, "Ports that certificates may be fetched from."),
    STRING_KEY("auth", "x5u_ca_file", auth_x5u_ca_file, "", 0, true,
               "Certificate authorities for the TLS certificates of those hosts, PEM. Empty: the system's."),
    STRING_KEY("auth", "x5u_dir", auth_x5u_dir, "", 0, true,
               "Directory of certificate chains, PEM, and TNAuthLists by reference, DER, that need not be fetched. The "
               "name of a file is the SHA-256 of its URL (in hexadecimal, with .pem), or the last part of the URL. "
               "Read again on SIGHUP."),
    BOOL_KEY("auth", "x5u_fetch", auth_x5u_fetch, "yes", true,
             "Whether to fetch certificates that are not in x5u_dir. no: their tokens are refused."),
    BOOL_KEY("auth", "x5u_allow_private", auth_x5u_allow_private, "no", true,
             "Whether to fetch from addresses of special purpose too (loopback, private, link-local ...). For tests "
             "only: it lets anyone make this server send requests into its own network."),
    INT_KEY("auth", "x5u_timeout_ms", auth_x5u_timeout_ms, "3000", 100, 30000, true,
            "How long a request waits for a certificate to be fetched, in milliseconds."),
    INT_KEY("auth", "x5u_entries", auth_x5u_entries, "1000", 16, 1000000, false,
            "The number of certificate chains that are kept in memory, and of failures."),
    INT_KEY("auth", "x5u_keep_s", auth_x5u_keep_s, "3600", 5, 604800, true,
            "How long a chain without Cache-Control is kept, in seconds."),
    INT_KEY("auth", "x5u_keep_max_s", auth_x5u_keep_max_s, "86400", 5, 604800, true,
            "The longest time that a chain is kept, in seconds, whatever Cache-Control says."),
    INT_KEY("auth", "x5u_negative_s", auth_x5u_negative_s, "30", 5, 3600, true,
            "How long a failure to fetch a chain is remembered, in seconds."),
    CPSD_ACTION_LIST(POLICY_KEY) STRING_KEY(
        "trust", "roots", trust_roots, "", 0, true,
        "The STI roots that tokens and client certificates must lead to, PEM. Empty: no credential is accepted."),
    LIST_KEY("trust", "list_files", trust_list_files, "", true,
             "Files with signed lists of STI roots as the STI-PA publishes them (sticaList.jwt), in addition to roots. "
             "Read again when they change."),
    LIST_KEY("trust", "list_urls", trust_list_urls, "", true,
             "https URLs of signed lists of STI roots. A new list that is not valid, or has a lower sequence number, "
             "is not used; the previous list stays in force."),
    STRING_KEY("trust", "list_signer_roots", trust_list_signer_roots, "", 0, true,
               "The root for the certificate that these lists are signed with (that of the STI-PA), PEM. The file may "
               "have the signer's certificate too; otherwise that is fetched from the list's x5u. This root is trusted "
               "for nothing else."),
    STRING_KEY("trust", "list_state_dir", trust_list_state_dir, "", 0, true,
               "Directory, for this program only, where the last valid list of each name and its sequence number are "
               "kept. After a restart the list is in force before its server answers, and no list with a lower "
               "sequence number is accepted. Empty: nothing is kept."),
    INT_KEY("trust", "list_refresh_s", trust_list_refresh_s, "3600", 1, 604800, true,
            "How often list_urls are fetched and list_files are checked for changes, in seconds. A fetch that fails is "
            "tried again every minute."),
    INT_KEY("trust", "list_grace_s", trust_list_grace_s, "604800", 0, 31536000, true,
            "How long the last valid list stays in force after its exp, in seconds, while there is no newer one. After "
            "that its roots are no longer trusted."),
    LIST_KEY("trust", "crl_files", trust_crl_files, "", true,
             "Files with revocation lists, PEM or DER, direct or indirect. A file that has changed is read again every "
             "crl_refresh_s and on SIGHUP. A new list that is not valid is not used; the previous one stays in force."),
    STRING_KEY("trust", "crl_issuer_file", trust_crl_issuer_file, "", 0, true,
               "The certificate that indirect revocation lists are signed with, PEM, if it is not among the roots, and "
               "the certificates of the authorities between it and its root."),
    STRING_KEY("trust", "crl_signer_roots", trust_crl_signer_roots, "", 0, true,
               "Roots for the issuers of indirect revocation lists, PEM, in addition to the STI roots. They are "
               "trusted for revocation lists only, not for PASSporTs and tokens."),
    LIST_KEY("trust", "crl_urls", trust_crl_urls, "", true,
             "https URLs of revocation lists, in addition to crl_files. A new list that is not valid is not used; the "
             "previous one stays in force."),
    INT_KEY("trust", "crl_refresh_s", trust_crl_refresh_s, "3600", 1, 604800, true,
            "How often crl_urls are fetched and crl_files are checked for changes, in seconds. A fetch that fails is "
            "tried again every minute."),
    STRING_KEY("trust", "crl_ca_file", trust_crl_ca_file, "", 0, true,
               "Certificate authorities for the TLS certificates of the servers in crl_urls and list_urls, PEM. Empty: "
               "the system's."),
    ENUM_KEY("trust", "crl_policy", trust_crl_policy, "if-present", crl_policies, true,
             "if-present: a certificate in a revocation list is refused; a missing or outdated list does not matter to "
             "other certificates. required: each certificate needs a current list that covers its issuer."),
    INT_KEY("keys", "max_age_s", keys_max_age_s, "300", 0, 86400, true,
            "How long readers may keep a key record without asking again (Cache-Control), in seconds, but not after it "
            "expires."),
    INT_KEY("keys", "skew_s", keys_skew_s, "60", 0, 3600, true,
            "How far the time of issue of a key record may be ahead of this server's clock, in seconds."),
    BOOL_KEY("keys", "allow_readable", keys_allow_readable, "no", true,
             "Whether the check (-t) accepts files with private keys and secrets that every account of the machine can "
             "read or change."),
    STRING_KEY(
        "numbers", "table", numbers_table, "", 0, true,
        "Number table: a file that says which SPC holds a number. Each line is prefix,spc and optionally the URL of "
        "that provider's CPS; the longest prefix applies. Empty: only certificates that name numbers hold numbers."),
    ENUM_KEY("atis", "accept", atis_accept, "encrypted", atis_accepts, true,
             "What /passports accepts. encrypted: only envelopes (JWE), which this server cannot read. any: also "
             "PASSporTs that are not encrypted, which the operator of this server can read."),
    INT_KEY("atis", "retention_s", atis_retention_s, "15", 1, 3600, true,
            "How long PASSporTs in /passports/{dest}/{orig} are kept, in seconds (ATIS-1000096: local policy)."),
    INT_KEY("atis", "retention_max_s", atis_retention_max_s, "60", 1, 259200, true,
            "The longest time that PASSporTs in /passports/{spc}/{dest}/{orig} are kept, in seconds; the token's exp "
            "can end it earlier (ATIS-1000105)."),
    LIST_KEY("atis", "partners", atis_partners, "", true,
             "Service provider codes of the partners: they may retrieve what another provider published under its own "
             "code (/passports/{spc}/{dest}/{orig}, ATIS-1000105). * means every provider. Empty: only that provider "
             "itself may. What others published under its code is always for that provider alone."),
    INT_KEY("atis", "max_passports", atis_max_passports, "10", 1, CPSD_PASSPORTS_MAX, true,
            "The largest number of PASSporTs in one request. More are answered 413."),
    INT_KEY("atis", "idempotency_s", atis_idempotency_s, "300", 1, 86400, true,
            "How long an Idempotency-Key is remembered after its first use, in seconds."),
    LIST_KEY("atis", "peers", atis_peers, "", true,
             "https URLs of the CPSs that each publication to /passports/{dest}/{orig} is forwarded to. What a peer "
             "has forwarded is not forwarded again."),
    STRING_KEY("atis", "certificate", atis_certificate, "", 0, true,
               "The STI certificate chain that authenticates this CPS to its peers, PEM, leaf certificate first. It "
               "must name an SPC."),
    STRING_KEY("atis", "private_key", atis_private_key, "", 0, true,
               "The private key that belongs to that certificate, PEM."),
    STRING_KEY("atis", "x5u", atis_x5u, "", 0, true,
               "https URL at which peers can fetch that chain. Empty: the chain is in each token."),
    STRING_KEY("atis", "ca_file", atis_ca_file, "", 0, true,
               "Certificate authorities for the TLS certificates of the peers, PEM. Empty: the system's."),
    INT_KEY("atis", "peer_timeout_ms", atis_peer_timeout_ms, "3000", 100, 60000, true,
            "How long to wait for a peer's answer, in milliseconds. After that the delivery is tried again, at growing "
            "intervals, until the PASSporTs expire."),
    INT_KEY("atis", "queue_max", atis_queue_max, "1000", 1, 1000000, true,
            "The largest number of deliveries to peers that wait or are in progress in each worker. More are dropped "
            "and counted."),
    NUMBER_LENGTH_KEYS(numbers_max_digits, numbers_short_code_digits,
                       "The number of digits of the longest short code. A key record that is put under up to this "
                       "number of digits can be for a short code or for a provider's code; the record says which."),
    OBSOLETE_KEY("numbers", "country_code", numbers_obsolete[0], NUMBERS_ARE_CANONICAL),
    OBSOLETE_KEY("numbers", "national_prefix", numbers_obsolete[1], NUMBERS_ARE_CANONICAL),
    OBSOLETE_KEY("numbers", "international_prefix", numbers_obsolete[2], NUMBERS_ARE_CANONICAL),
    OBSOLETE_KEY("numbers", "national_digits", numbers_obsolete[3], NUMBERS_ARE_CANONICAL),
    STRING_KEY("log", "file", log_file, "", 0, true,
               "File that log lines are appended to. It is opened again on SIGHUP and SIGUSR1, so that it can be "
               "rotated. Empty: standard error, which systemd's journal reads."),
    ENUM_KEY("log", "level", log_level, "notice", stir_log_levels, true,
             "The most verbose level that is written: error, warning, notice, info, debug."),
    INT_KEY("log", "alike_per_s", log_alike_per_s, "10", 0, 1000000, true,
            "The largest number of lines per second for one kind of refusal, because strangers can cause refusals at "
            "will. One more line says how many were left out. 0: no limit."),
    ENUM_KEY("log", "format", log_format, "text", stir_log_formats, true,
             "text, json, or journal (for systemd: level prefix, no time)."),
    BOOL_KEY("log", "access", log_access, "no", true,
             "Whether to write one record per request: method, route, status, microseconds, SPC and address of the "
             "caller. No secrets, no telephone numbers."),
    BOOL_KEY("log", "numbers", log_numbers, "no", true,
             "Whether to write destinations in clear in the access log, instead of a keyed hash."),
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

/* Returns true if a caller can show a valid credential: there are roots to verify it, and a way to show it. */
static bool config_can_authenticate(const struct cpsd_config *config)
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

static void config_check(void *conf, struct stir_faults *faults)
{
    const struct cpsd_config *config = conf;
    struct stir_error err = {0};
    const struct {
        bool good;
        const char *text;
    } rules[] = {
        {!config->listen[0] || (config->certificate[0] && config->private_key[0]),
         "[server] listen needs certificate and private_key for HTTPS; set both, or leave listen empty"},
        {config->listen[0] || config->listen_plain[0],
         "[server] listen and listen_plain are both empty; set at least one"},
        {config->ttl_default_s <= config->ttl_max_s, "[store] ttl_default_s is longer than ttl_max_s"},
        {config->client_certificates == CPSD_ASK_NO || config->trust_roots[0] || config->trust_list_files[0] ||
             config->trust_list_urls[0],
         "[server] client_certificates needs roots to verify them; set [trust] roots, list_files or list_urls"},
        {config->policy[CPSD_ACT_PUBLISH] != CPSD_POLICY_TOKEN || config_can_authenticate(config),
         "[policy] publish = token, but nobody can publish: set [trust] roots and [auth] audience (or [server] "
         "public_url or client_certificates), or publish = open"},
    };
    if (cpsd_config_replicas(config) == UINT_MAX) {
        stir_faults_add(faults, STIR_E_CONFIG, "[store] durability must be local, or replicas:N with N from 1 to %d",
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
    enum stir_code code =
        stir_conf_read(&config, cpsd_config_table, cpsd_config_count, path, overrides, config_check, err);
    if (code == STIR_OK) {
        *out = config;
    }
    return code;
}

void cpsd_config_clear(struct cpsd_config *config)
{
    stir_conf_clear(config, cpsd_config_table, cpsd_config_count);
}
