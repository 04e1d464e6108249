#include "client/gateway/config.h"

#include "client/smpp/command.h"
#include "client/smpp/tlv.h"
#include "common/conf_table.h"
#include "common/verdict.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const actions[] = {[GW_PASS] = "pass", [GW_SIGN] = "sign", [GW_VERIFY] = "verify", NULL};
static const char *const alphabets[] = {[GW_ALPHABET_GSM7] = "gsm7",
                                        [GW_ALPHABET_LATIN1] = "latin1",
                                        [GW_ALPHABET_ASCII] = "ascii",
                                        [GW_ALPHABET_UTF8] = "utf8",
                                        NULL};
static const char *const forwards[] = {[GW_FORWARD] = "forward", [GW_REJECT] = "reject", NULL};
static const char *const sign_modes[] = {[GW_PUBLISH_FIRST] = "publish_first", [GW_PUBLISH_BESIDE] = "beside", NULL};
static const char *const alphanumerics[] = {
    [GW_ALPHANUMERIC_UNSIGNED] = "unsigned", [GW_ALPHANUMERIC_DOMAIN] = "domain", NULL};
static const char *const replays[] = {
    [GW_REPLAY_MEMORY] = "memory", [GW_REPLAY_SQLITE] = "sqlite", [GW_REPLAY_NONE] = "none", NULL};

#define AT(field) offsetof(struct gw_config, field)

const struct stir_conf_key gw_config_table[] = {
    LIST_KEY("listen", "address", listen_address, "127.0.0.1:2775", false,
             "Addresses on which ESMEs bind: IPv4 address:port, [IPv6 address]:port, several with commas."),
    STRING_KEY("listen", "certificate", listen_certificate, "", 0, true,
               "With it ESMEs connect with TLS: the certificate chain, PEM, leaf first. Read again on SIGHUP."),
    STRING_KEY("listen", "private_key", listen_private_key, "", 0, true,
               "The private key that belongs to the certificate, PEM. Read again on SIGHUP."),
    STRING_KEY("listen", "client_ca", listen_client_ca, "", 0, true,
               "With it an ESME has to show a certificate of one of these authorities, PEM. Needs certificate."),
    LIST_KEY("listen", "allow", listen_allow, "127.0.0.0/8, ::1", true,
             "Networks that ESMEs may connect from, as 192.0.2.0/24 or 2001:db8::/32 or single addresses; 0.0.0.0/0, "
             "::/0 is everybody. Others are closed at once."),
    INT_KEY("listen", "max_connections", max_connections, "1000", 1, 100000, true,
            "Connections of ESMEs at a time; beyond it new ones are closed at once."),
    INT_KEY("listen", "max_binds_per_system_id", max_binds_per_system_id, "32", 0, 100000, true,
            "Binds of one system_id at a time; one more is answered ESME_RBINDFAIL. 0: no limit."),
    INT_KEY("listen", "max_pdu_bytes", max_pdu_bytes, "65536", 1024, 16777216, true,
            "The longest PDU, from either side; a longer one ends its connection."),
    STRING_KEY("peer", "address", peer_address, "127.0.0.1:2776", 1, true,
               "The SMSC, or whatever the ESMEs bound to before: host:port, resolved for each bind."),
    BOOL_KEY("peer", "tls", peer_tls, "no", true, "Connect to it with TLS, and only if its certificate is good."),
    STRING_KEY("peer", "ca", peer_ca, "", 0, true, "Who may vouch for the peer, PEM. Empty: the system's authorities."),
    STRING_KEY("peer", "name", peer_name, "", 0, true,
               "The name that the peer's certificate is to have. Empty: the host of address."),
    STRING_KEY("peer", "certificate", peer_certificate, "", 0, true,
               "A certificate chain to show to the peer, PEM, with private_key. Empty: none."),
    STRING_KEY("peer", "private_key", peer_private_key, "", 0, true, "The private key that belongs to it, PEM."),
    INT_KEY("timeouts", "connect_ms", connect_ms, "5000", 10, 600000, true,
            "A peer that could not be reached in so many milliseconds: the bind is answered ESME_RBINDFAIL."),
    INT_KEY("timeouts", "bind_s", bind_s, "10", 1, 3600, true,
            "How long a new connection may take to bind, and the peer to answer that."),
    INT_KEY("timeouts", "enquire_link_s", enquire_link_s, "60", 0, 86400, true,
            "A side that says nothing for so many seconds is sent enquire_link. 0: never."),
    INT_KEY(
        "timeouts", "answer_s", answer_s, "20", 1, 3600, true,
        "A side that then says nothing for so many seconds is taken for dead; so is one that takes nothing for that "
        "and enquire_link_s together."),
    INT_KEY("timeouts", "pdu_s", pdu_s, "120", 1, 86400, true,
            "A PDU has to be there completely within so many seconds of its first octet."),
    INT_KEY("timeouts", "idle_s", idle_s, "0", 0, 604800, true,
            "A bind on which nothing but enquire_link went for so many seconds is ended. 0: never."),
    INT_KEY("timeouts", "unbind_s", unbind_s, "5", 1, 3600, true,
            "An unbind waits so many seconds for the messages before it, and its sender so long for its answer."),
    INT_KEY("timeouts", "drain_s", drain_s, "10", 0, 3600, true,
            "After SIGTERM what is under way has so many seconds to end."),
    INT_KEY("limits", "held_messages", held_messages, "1000", 1, 1000000, true,
            "Messages that wait to be signed or judged, in each direction of one connection; beyond it nothing more is "
            "read there until there is room."),
    INT_KEY("limits", "held_bytes", held_bytes, "2097152", 65536, INT64_C(1) << 40, true, "The same in octets."),
    INT_KEY("limits", "held_messages_total", held_messages_total, "50000", 1, 100000000, true,
            "Messages that wait in all connections together. One in each direction of each always may."),
    INT_KEY("limits", "held_bytes_total", held_bytes_total, "134217728", 65536, INT64_C(1) << 40, true,
            "The same in octets."),
    INT_KEY("limits", "queue_bytes", queue_bytes, "1048576", 65536, INT64_C(1) << 30, true,
            "Octets that wait to be sent to one side of a connection; beyond it nothing more is read from the other."),
    ENUM_KEY("submit", "action", submit.action, "pass", actions, true,
             "What is done with messages from ESMEs to the peer: pass (nothing), sign (a PASSporT is published at the "
             "CPS), verify (the PASSporT is fetched and judged)."),
    ENUM_KEY("submit", "alphabet", submit.alphabet, "gsm7", alphabets, true,
             "What data_coding 0 means from the ESMEs: gsm7, latin1, ascii, utf8."),
    BOOL_KEY("submit", "packed", submit.packed, "no", true,
             "GSM 7-bit text comes as packed septets rather than one septet an octet."),
    ENUM_KEY("deliver", "action", deliver.action, "pass", actions, true,
             "What is done with messages from the peer to ESMEs: pass, sign, verify."),
    ENUM_KEY("deliver", "alphabet", deliver.alphabet, "gsm7", alphabets, true,
             "What data_coding 0 means from the peer: gsm7, latin1, ascii, utf8."),
    BOOL_KEY("deliver", "packed", deliver.packed, "no", true,
             "GSM 7-bit text comes as packed septets rather than one septet an octet."),
    ENUM_KEY("sign", "mode", sign_mode, "publish_first", sign_modes, true,
             "publish_first: a message goes on when the CPS has its PASSporT. beside: at once, while that is "
             "published."),
    ENUM_KEY("sign", "on_failure", sign_on_failure, "forward", forwards, true,
             "When the CPS does not take the PASSporT: forward the message and publish later from the spool, or "
             "reject it."),
    ENUM_KEY("sign", "outside", sign_outside, "forward", forwards, true,
             "A sender outside the tenant's numbers, or no tenant: forward unsigned, or reject."),
    STRING_KEY("sign", "reject_status", sign_reject_status, "ESME_RSUBMITFAIL", 1, true,
               "The command_status of what is rejected: a name or a number."),
    INT_KEY("sign", "timeout_ms", sign_timeout_ms, "3000", 10, 600000, true,
            "The longest that a message waits for its PASSporT to be published."),
    INT_KEY("sign", "ttl_s", sign_ttl_s, "0", 0, 259200, true,
            "How long the CPS is to keep a PASSporT. 0: as long as the CPS likes."),
    BOOL_KEY("sign", "with_chain", sign_with_chain, "no", true,
             "Put the certificate chain into the envelope, for receivers that cannot fetch it."),
    INT_KEY("verify", "wait_ms", verify_wait_ms, "500", 0, 600000, true,
            "The longest that a message waits for its PASSporT to arrive."),
    INT_KEY("verify", "grace_ms", verify_grace_ms, "200", 0, 60000, true,
            "What the verdict may take beyond it, on a busy machine; with none by then it is timeout."),
    LIST_KEY("verify", "deliver", verify_deliver, "", true,
             "Verdicts with which a message is delivered without a tag. A verdict in none of the lists: tag."),
    LIST_KEY("verify", "tag", verify_tag, "", true, "Verdicts with which a message is delivered with a tag."),
    LIST_KEY("verify", "reject", verify_reject, "", true, "Verdicts with which a message is rejected."),
    STRING_KEY("verify", "reject_status", verify_reject_status, "ESME_RX_R_APPN", 1, true,
               "The command_status of what is rejected: a name or a number."),
    STRING_KEY("verify", "verdict_tlv", verify_verdict_tlv, "0x1501", 1, true,
               "The TLV that carries the verdict as text. Those that a message brings along are removed."),
    STRING_KEY("verify", "signer_tlv", verify_signer_tlv, "0x1502", 1, true,
               "The TLV that carries who signed: SPC or TN. Those that a message brings along are removed."),
    STRING_KEY("verify", "text_prefix", verify_text_prefix, "", 0, true,
               "For peers that cannot read TLVs: put before the text of tagged messages, with the verdict for %v; "
               "quotes around it keep spaces. Left out of segments and where it does not fit. Empty: the text stays "
               "as it is."),
    ENUM_KEY(
        "sender", "alphanumeric", alphanumeric, "unsigned", alphanumerics, true,
        "An alphanumeric sender is no telephone number: unsigned, or domain for a SIP URI in alphanumeric_domain."),
    STRING_KEY("sender", "alphanumeric_domain", alphanumeric_domain, "", 0, true,
               "With domain, \"Bank\" is sip:Bank@ this domain."),
    BOOL_KEY("join", "strict", join_strict, "no", true,
             "sign: segments wait until the PASSporT of the whole message is published; otherwise they go on at once "
             "and the last one publishes it."),
    INT_KEY("join", "timeout_ms", join_timeout_ms, "15000", 100, 3600000, true,
            "How long segments are remembered, or wait, for the rest of their message."),
    INT_KEY("join", "messages_per_peer", join_messages_per_peer, "1000", 1, 1000000, true,
            "Messages of one system_id, in each direction, that are not complete; beyond it they go on unjoined."),
    INT_KEY("join", "bytes_per_peer", join_bytes_per_peer, "1048576", 65536, INT64_C(1) << 40, true,
            "The same in octets."),
    INT_KEY("join", "messages", join_messages, "20000", 1, 100000000, true, "The same for all together."),
    INT_KEY("join", "bytes", join_bytes, "67108864", 65536, INT64_C(1) << 40, true, "The same for all in octets."),
    NUMBERING_KEYS(numbering, "(TON 2, or unknown ones that look national)"),
    STRING_KEY(
        "numbers", "table", numbers_table, "", 0, true,
        "Whose numbers are, and at which CPS: a file with lines prefix,spc[,cps_url], the longest prefix counts; "
        "several URLs of one CPS with | between. Empty: none."),
    STRING_KEY(
        "cps", "url", cps_url, "", 0, true,
        "The CPS: https://host[:port]. Needed to sign and to verify. Several with commas between are servers of one "
        "CPS, in order of preference: one that fails is left alone for a while."),
    BOOL_KEY("cps", "route_by_record", cps_route_by_record, "no", true,
             "A destination's key record also says at which CPS to publish with a key of recipients_dir, and where to "
             "look for what was sent to our own numbers: it is asked for first. Otherwise the CPS is that of [numbers] "
             "table, or url."),
    BOOL_KEY("cps", "record_allow_private", cps_record_allow_private, "no", true,
             "A key record may name a CPS at a private or loopback address: for tests and closed networks."),
    STRING_KEY("cps", "ca", cps_ca, "", 0, true, "Who may vouch for the CPS, PEM. Empty: the system's authorities."),
    STRING_KEY("cps", "certificate", cps_certificate, "", 0, true,
               "A client certificate for the CPS, PEM, with private_key. Empty: none."),
    STRING_KEY("cps", "private_key", cps_private_key, "", 0, true, "The private key that belongs to it, PEM."),
    STRING_KEY(
        "cps", "auth_certificate", cps_auth_certificate, "", 0, true,
        "An STI certificate, PEM, leaf first, that vouches for us to the CPS: each request carries a bearer token "
        "of its own (ATIS-1000105). A CPS asks for one wherever its policy is not open. Empty: none."),
    STRING_KEY("cps", "auth_private_key", cps_auth_private_key, "", 0, true,
               "Its private key: a file (PEM, DER, JWK) or a URI of an OpenSSL provider (pkcs11:)."),
    STRING_KEY("cps", "auth_x5u", cps_auth_x5u, "", 0, true,
               "The https URL where the CPS finds that certificate. Empty: it travels in each token."),
    STRING_KEY("cps", "auth_spc", cps_auth_spc, "", 0, true,
               "The service provider code to act as. Empty: the first of the certificate's."),
    STRING_KEY("cps", "auth_audience", cps_auth_audience, "", 0, true,
               "What the CPS is called in tokens. Empty: the host of url."),
    BOOL_KEY(
        "cps", "holder", cps_holder, "no", true,
        "The credential holds the destinations whose messages are verified: their boxes are read without dummies."),
    BOOL_KEY("cps", "claim", cps_claim, "no", true,
             "The PASSporT of a message that passes is taken out of its box first, which one host alone can do: for "
             "several hosts that verify for the same destinations. Needs a credential that holds them."),
    INT_KEY("cps", "connect_timeout_ms", cps_connect_timeout_ms, "3000", 10, 600000, true,
            "For connecting to the CPS."),
    INT_KEY("cps", "request_timeout_ms", cps_request_timeout_ms, "5000", 10, 600000, true, "For its answer."),
    INT_KEY("cps", "max_connections", cps_max_connections, "16", 1, 1024, true, "Connections to it, kept alive."),
    INT_KEY("cps", "max_in_flight", cps_max_in_flight, "4096", 1, 1000000, true,
            "Messages whose PASSporT is being published or looked for; what comes beyond waits its turn."),
    STRING_KEY("trust", "roots", trust_roots, "", 0, true, "The STI roots, PEM. Needed to verify."),
    LIST_KEY("trust", "crl", trust_crl, "", true, "Revocation lists, PEM or DER; they may be indirect."),
    STRING_KEY("trust", "crl_issuer", trust_crl_issuer, "", 0, true,
               "Certificates of the issuers of indirect lists, PEM, if they are not among the roots."),
    BOOL_KEY("trust", "crl_required", trust_crl_required, "no", true,
             "A certificate without a current list that covers it is not trusted."),
    STRING_KEY("trust", "x5u_dir", trust_x5u_dir, "", 0, true,
               "A directory of certificates that stands in for fetching them. Empty: they are fetched."),
    STRING_KEY("trust", "x5u_ca", trust_x5u_ca, "", 0, true,
               "Who may vouch for the hosts of certificates, PEM. Empty: the system's authorities."),
    LIST_KEY("trust", "x5u_ports", trust_x5u_ports, "443, 8443", true, "Ports that certificates are fetched from."),
    BOOL_KEY("trust", "x5u_allow_private", trust_x5u_allow_private, "no", true,
             "Fetch certificates from private and loopback addresses too: for tests and closed networks."),
    BOOL_KEY("trust", "allow_spc", trust_allow_spc, "no", true,
             "A service provider code in a certificate suffices for any number."),
    BOOL_KEY("trust", "require_msgi", trust_require_msgi, "yes", true,
             "A PASSporT without the digest of the text does not pass."),
    INT_KEY("trust", "max_age_s", trust_max_age_s, "60", 1, 259200, true, "How old a PASSporT may be."),
    INT_KEY("trust", "clock_skew_s", trust_clock_skew_s, "60", 0, 3600, true,
            "How far ahead of our clock it may have been issued."),
    ENUM_KEY("trust", "replay", trust_replay, "memory", replays, true,
             "Where used PASSporTs are remembered: memory, sqlite (a file that processes of a host share), none."),
    STRING_KEY("trust", "replay_file", trust_replay_file, "", 0, true, "The file, with sqlite."),
    INT_KEY("trust", "replay_max", trust_replay_max, "1000000", 1000, 100000000, true, "How many are remembered."),
    STRING_KEY(
        "keys", "dir", keys_dir, "", 0, true,
        "Our private keys, with which envelopes are opened: a directory of PEM, DER or JWK files. A file's name up "
        "to its first dot says for whom: a number, what numbers begin with and *, or * for all (also: default). "
        "The longest that fits counts; NUMBER.old.jwk is one more key of NUMBER."),
    STRING_KEY("keys", "recipients_dir", keys_recipients_dir, "", 0, true,
               "Public keys of destinations, to which PASSporTs are encrypted: files named as in dir."),
    BOOL_KEY(
        "keys", "find", keys_find, "no", true,
        "A destination without a key in recipients_dir, which may then be left out: its key record is asked for at "
        "its CPS and verified with [trust] roots. A provider's record counts for the numbers that [numbers] table "
        "gives it. Without a record a message goes on unsigned."),
    STRING_KEY("tenants", "dir", tenants_dir, "", 0, true,
               "A directory with one file NAME.conf for each tenant that is signed for, read again on SIGHUP: section "
               "[tenant], keys key, certificate, x5u, numbers, names, system_id (NAME if it is not given)."),
    STRING_KEY("spool", "file", spool_file, "", 0, false,
               "SQLite file of PASSporTs that wait to be published. Empty: what cannot be published is lost."),
    INT_KEY("spool", "messages", spool_messages, "100000", 1, 100000000, true, "How many may wait."),
    INT_KEY("spool", "bytes", spool_bytes, "268435456", 65536, INT64_C(1) << 40, true, "The same in octets."),
    STRING_KEY("admin", "address", admin_address, "127.0.0.1:8082", 0, false,
               "Where /metrics and /health are served over HTTP, for local use: address:port. Empty: nowhere."),
    ENUM_KEY("log", "level", log_level, "notice", stir_log_levels, true,
             "The most verbose records that are written: error, warning, notice, info, debug."),
    ENUM_KEY("log", "format", log_format, "text", stir_log_formats, true,
             "text, json, or journal (for systemd: level prefix, no time)."),
    STRING_KEY("log", "judged", log_judged, "-", 0, true,
               "Where each judged message gives a line of JSON: a file, or - for standard output. Empty: nowhere."),
    BOOL_KEY("log", "numbers", log_numbers, "no", true, "Write numbers in clear there instead of as a keyed hash."),
};
const size_t gw_config_count = sizeof(gw_config_table) / sizeof(gw_config_table[0]);

/* ---- checks ---- */

static bool read_number(uint32_t *out, const char *text, uint32_t max)
{
    char *end = NULL;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long number = strtoul(text, &end, hex ? 16 : 10);
    if (*end || errno || number > max) {
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

static enum stir_code read_status(uint32_t *out, const char *key, const char *text, struct stir_error *err)
{
    uint32_t status = 0;
    if (!(read_number(&status, text, UINT32_MAX) || smpp_status_of_name(&status, text)) || status == SMPP_ROK) {
        return stir_fail(err, STIR_E_CONFIG, "%s: no command_status of an error, by name or number", key);
    }
    *out = status;
    return STIR_OK;
}

static enum stir_code read_tag(uint16_t *out, const char *key, const char *text, struct stir_error *err)
{
    uint32_t tag = 0;
    if (!read_number(&tag, text, UINT16_MAX) || tag < SMPP_TLV_VENDOR_FIRST || tag > SMPP_TLV_VENDOR_LAST) {
        return stir_fail(err, STIR_E_CONFIG, "%s: must be a vendor's tag, 0x1400 to 0x3fff", key);
    }
    *out = (uint16_t)tag;
    return STIR_OK;
}

static enum stir_code read_numbers(struct gw_config *config, struct stir_error *err)
{
    enum stir_code code =
        read_status(&config->status.sign_reject, "[sign] reject_status", config->sign_reject_status, err);
    if (code == STIR_OK) {
        code = read_status(&config->status.verify_reject, "[verify] reject_status", config->verify_reject_status, err);
    }
    if (code == STIR_OK) {
        code = read_tag(&config->tag.verdict, "[verify] verdict_tlv", config->verify_verdict_tlv, err);
    }
    if (code == STIR_OK) {
        code = read_tag(&config->tag.signer, "[verify] signer_tlv", config->verify_signer_tlv, err);
    }
    if (code == STIR_OK && config->tag.verdict == config->tag.signer) {
        code = stir_fail(err, STIR_E_CONFIG, "[verify] verdict_tlv and signer_tlv are the same");
    }
    return code;
}

/* Keys that go together, and what one asks of another. */
static enum stir_code check_pairs(const struct gw_config *config, struct stir_error *err)
{
    const struct {
        bool good;
        const char *text;
    } rules[] = {
        {!config->listen_certificate[0] == !config->listen_private_key[0],
         "[listen] certificate and private_key go together"},
        {!config->listen_client_ca[0] || config->listen_certificate[0], "[listen] client_ca needs a certificate"},
        {!config->peer_certificate[0] == !config->peer_private_key[0],
         "[peer] certificate and private_key go together"},
        {!config->cps_certificate[0] == !config->cps_private_key[0], "[cps] certificate and private_key go together"},
        {!config->cps_auth_certificate[0] == !config->cps_auth_private_key[0],
         "[cps] auth_certificate and auth_private_key go together"},
        {config->cps_auth_certificate[0] || !(config->cps_auth_x5u[0] || config->cps_auth_spc[0]),
         "[cps] auth_x5u and auth_spc need auth_certificate"},
        {config->cps_auth_certificate[0] || config->cps_certificate[0] || !(config->cps_holder || config->cps_claim),
         "[cps] holder and claim need auth_certificate or certificate"},
        {config->listen_address[0] != '\0', "[listen] address names no address"},
        {config->held_messages <= config->held_messages_total, "[limits] held_messages is over held_messages_total"},
        {config->held_bytes <= config->held_bytes_total, "[limits] held_bytes is over held_bytes_total"},
        {config->alphanumeric == GW_ALPHANUMERIC_UNSIGNED || config->alphanumeric_domain[0],
         "[sender] alphanumeric = domain needs alphanumeric_domain"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!rules[i].good) {
            return stir_fail(err, STIR_E_CONFIG, "%s", rules[i].text);
        }
    }
    return stir_conf_numbering_check(&config->numbering, err);
}

static bool is_verdict(const char *name)
{
    for (int i = 0; i < STIR_VERDICT_COUNT; i++) {
        if (strcmp(stir_verdict_name((enum stir_verdict)i), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Every verdict is in one list at most. */
static enum stir_code check_verdicts(const struct gw_config *config, struct stir_error *err)
{
    const char *const lists[] = {config->verify_deliver, config->verify_tag, config->verify_reject};
    const char *const names[] = {"deliver", "tag", "reject"};
    struct stir_buf seen = {.limit = 65536};
    enum stir_code code = STIR_OK;
    char item[64], word[66];
    for (size_t i = 0; i < 3; i++) {
        for (size_t pos = 0; code == STIR_OK && stir_conf_next(lists[i], &pos, item, sizeof(item));) {
            (void)snprintf(word, sizeof(word), " %s ", item);
            if (!is_verdict(item)) {
                code = stir_fail(err, STIR_E_CONFIG, "[verify] %s: \"%s\" is no verdict", names[i], item);
            } else if (seen.ptr && strstr(seen.ptr, word)) {
                code = stir_fail(err, STIR_E_CONFIG, "[verify] %s: %s is listed twice", names[i], item);
            }
            stir_buf_puts(&seen, word);
        }
    }
    stir_buf_free(&seen);
    return code;
}

static enum stir_code check(void *conf, struct stir_error *err)
{
    struct gw_config *config = conf;
    enum stir_code code = check_pairs(config, err);
    if (code == STIR_OK) {
        code = read_numbers(config, err);
    }
    return code == STIR_OK ? check_verdicts(config, err) : code;
}

/* ---- loading ---- */

enum stir_code gw_config_load(struct gw_config *out, const char *path, const struct stir_conf_overrides *overrides,
                              struct stir_error *err)
{
    struct gw_config config = {0};
    enum stir_code code = stir_conf_read(&config, gw_config_table, gw_config_count, path, overrides, check, err);
    if (code == STIR_OK) {
        *out = config;
    }
    return code;
}

void gw_config_clear(struct gw_config *config)
{
    stir_conf_clear(config, gw_config_table, gw_config_count);
}
