/* SPDX-License-Identifier: MIT */
#include "client/sidecar/policy/config.h"

#include "client/cps.h"
#include "client/smpp/command.h"
#include "client/smpp/tlv.h"
#include "common/base/conf_table.h"
#include "common/number/numbering_keys.h"
#include "common/passport/verdict.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const actions[] = {[SC_PASS] = "pass", [SC_SIGN] = "sign", [SC_VERIFY] = "verify", NULL};
static const char *const alphabets[] = {[SC_ALPHABET_GSM7] = "gsm7",
                                        [SC_ALPHABET_LATIN1] = "latin1",
                                        [SC_ALPHABET_ASCII] = "ascii",
                                        [SC_ALPHABET_UTF8] = "utf8",
                                        NULL};
static const char *const forwards[] = {[SC_FORWARD] = "forward", [SC_REJECT] = "reject", NULL};
static const char *const holds[] = {
    [SC_HOLD_WINDOW] = "window", [SC_HOLD_NEVER] = "never", [SC_HOLD_ALWAYS] = "always", NULL};
static const char *const adaptives[] = {
    [SC_ADAPTIVE_AUTO] = "auto", [SC_ADAPTIVE_YES] = "yes", [SC_ADAPTIVE_NO] = "no", NULL};
static const char *const sign_modes[] = {[SC_PUBLISH_FIRST] = "publish_first", [SC_PUBLISH_BESIDE] = "beside", NULL};
static const char *const alphanumerics[] = {
    [SC_ALPHANUMERIC_UNSIGNED] = "unsigned", [SC_ALPHANUMERIC_DOMAIN] = "domain", NULL};
static const char *const crl_policies[] = {[CPS_CRL_IF_PRESENT] = "if-present", [CPS_CRL_REQUIRED] = "required", NULL};
static const char *const replaces[] = {[SC_REPLACE_REFUSE] = "refuse", [SC_REPLACE_PASS] = "pass", NULL};
static const char *const replays[] = {
    [SC_REPLAY_MEMORY] = "memory", [SC_REPLAY_SQLITE] = "sqlite", [SC_REPLAY_NONE] = "none", NULL};

#define AT(field) offsetof(struct sc_config, field)

const struct stir_conf_key sc_config_table[] = {
    LIST_KEY("listen", "address", listen_address, "127.0.0.1:2775", false,
             "Addresses on which ESMEs bind: IPv4 address:port, [IPv6 address]:port, host:port, or *:port for "
             "all addresses of the machine. Separate several with commas."),
    STRING_KEY("listen", "certificate", listen_certificate, "", 0, true,
               "Certificate chain for TLS, PEM, leaf first. If it is set, ESMEs connect with TLS. Read again on "
               "SIGHUP."),
    STRING_KEY("listen", "private_key", listen_private_key, "", 0, true,
               "Private key of the certificate, PEM. Read again on SIGHUP."),
    STRING_KEY("listen", "client_ca", listen_client_ca, "", 0, true,
               "Certificate authorities, PEM. If it is set, an ESME must show a certificate that one of them "
               "issued. Needs certificate."),
    LIST_KEY("listen", "allow", listen_allow, "127.0.0.0/8, ::1", true,
             "Networks from which ESMEs may connect: 192.0.2.0/24, 2001:db8::/32, or single addresses. "
             "0.0.0.0/0, ::/0 allows every address. Connections from other addresses are closed at once."),
    INT_KEY("listen", "max_connections", max_connections, "1000", 1, 100000, true,
            "Maximum number of ESME connections. Further connections are closed at once."),
    INT_KEY("listen", "max_binds_per_system_id", max_binds_per_system_id, "32", 0, 100000, true,
            "Maximum number of simultaneous binds of one system_id. Further binds are answered "
            "ESME_RBINDFAIL. 0: no limit."),
    INT_KEY("listen", "max_handshakes", max_handshakes, "1000", 1, 100000, true,
            "Maximum number of ESME TLS handshakes in progress. A further handshake ends the oldest one."),
    INT_KEY("listen", "handshakes_by_address", handshakes_by_address, "250", 0, 100000, true,
            "Maximum number of TLS handshakes in progress from one address (IPv6: from one /64). Further "
            "connections are closed at once. 0: no limit."),
    INT_KEY("listen", "max_pdu_bytes", max_pdu_bytes, "65536", 1024, 16777216, true,
            "Maximum size of a PDU in octets, from either side. A longer PDU ends its connection."),
    STRING_KEY("peer", "address", peer_address, "127.0.0.1:2776", 1, true,
               "Address of the SMSC, or of the server to which the ESMEs bound before: host:port. The name is "
               "resolved for each bind."),
    BOOL_KEY("peer", "tls", peer_tls, "no", true,
             "Connect to the peer with TLS, and only if its certificate is valid."),
    STRING_KEY("peer", "ca", peer_ca, "", 0, true,
               "Certificate authorities for the peer's certificate, PEM. Empty: the system's authorities."),
    STRING_KEY("peer", "name", peer_name, "", 0, true,
               "Name that the peer's certificate must contain. Empty: the host in address."),
    STRING_KEY("peer", "certificate", peer_certificate, "", 0, true,
               "Client certificate chain for the peer, PEM. Needs private_key. Empty: no client certificate."),
    STRING_KEY("peer", "private_key", peer_private_key, "", 0, true, "Private key of the client certificate, PEM."),
    INT_KEY("timeouts", "connect_ms", connect_ms, "5000", 10, 600000, true,
            "Time in milliseconds to connect to the peer. After it the bind is answered ESME_RBINDFAIL."),
    INT_KEY("timeouts", "handshake_s", handshake_s, "5", 1, 3600, true,
            "Time in seconds for the TLS handshake of an ESME. After it the connection is closed."),
    INT_KEY("timeouts", "bind_s", bind_s, "10", 1, 3600, true,
            "Time in seconds for a new connection to bind, and for the peer to answer the bind."),
    INT_KEY("timeouts", "enquire_link_s", enquire_link_s, "60", 0, 86400, true,
            "Idle time in seconds after which an enquire_link is sent to a side. 0: never."),
    INT_KEY("timeouts", "answer_s", answer_s, "20", 1, 3600, true,
            "Time in seconds to answer an enquire_link. After it the side is considered dead and the "
            "connection is closed. A side that reads nothing for enquire_link_s and answer_s together is "
            "considered dead, too."),
    INT_KEY("timeouts", "pdu_s", pdu_s, "120", 1, 86400, true,
            "Time in seconds from the first octet of a PDU to its last. After it the connection is closed."),
    INT_KEY("timeouts", "idle_s", idle_s, "0", 0, 604800, true,
            "Time in seconds without any PDU but enquire_link after which a bind is ended. 0: never."),
    INT_KEY("timeouts", "unbind_s", unbind_s, "5", 1, 3600, true,
            "Time in seconds that an unbind waits for the messages before it, and that its sender waits for "
            "the answer."),
    INT_KEY("timeouts", "drain_s", drain_s, "10", 0, 3600, true,
            "Time in seconds after SIGTERM to finish the messages in progress."),
    INT_KEY("limits", "held_messages", held_messages, "1000", 1, 1000000, true,
            "Maximum number of messages that wait to be signed or verified, in each direction of one "
            "connection. At the limit, reading stops there until there is room."),
    INT_KEY("limits", "held_bytes", held_bytes, "2097152", 65536, INT64_C(1) << 40, true, "The same limit in octets."),
    INT_KEY("limits", "held_messages_total", held_messages_total, "50000", 1, 100000000, true,
            "Maximum number of waiting messages in all connections together. Each direction of each "
            "connection may always hold one."),
    INT_KEY("limits", "held_bytes_total", held_bytes_total, "134217728", 65536, INT64_C(1) << 40, true,
            "The same limit in octets."),
    INT_KEY("limits", "queue_bytes", queue_bytes, "1048576", 65536, INT64_C(1) << 30, true,
            "Octets queued for sending to one side of a connection. Above the limit, reading from the other "
            "side stops."),
    ENUM_KEY("submit", "action", submit.action, "pass", actions, true,
             "What to do with messages from ESMEs to the peer: pass (forward only), sign (publish a PASSporT "
             "at the CPS), verify (fetch the PASSporT and verify it)."),
    ENUM_KEY("submit", "alphabet", submit.alphabet, "gsm7", alphabets, true,
             "Meaning of data_coding 0 from the ESMEs: gsm7, latin1, ascii, utf8."),
    ENUM_KEY("submit", "alphabet_1", submit.alphabet_1, "ascii", alphabets, true,
             "Meaning of data_coding 1 from the ESMEs: ascii, gsm7, latin1, utf8. The npm package smpp needs "
             "gsm7."),
    BOOL_KEY("submit", "packed", submit.packed, "no", true,
             "GSM 7-bit text arrives as packed septets instead of one septet per octet."),
    ENUM_KEY("deliver", "action", deliver.action, "pass", actions, true,
             "What to do with messages from the peer to ESMEs: pass, sign, verify."),
    ENUM_KEY("deliver", "alphabet", deliver.alphabet, "gsm7", alphabets, true,
             "Meaning of data_coding 0 from the peer: gsm7, latin1, ascii, utf8."),
    ENUM_KEY("deliver", "alphabet_1", deliver.alphabet_1, "ascii", alphabets, true,
             "Meaning of data_coding 1 from the peer: ascii, gsm7, latin1, utf8."),
    BOOL_KEY("deliver", "packed", deliver.packed, "no", true,
             "GSM 7-bit text arrives as packed septets instead of one septet per octet."),
    ENUM_KEY("sign", "mode", sign_mode, "publish_first", sign_modes, true,
             "publish_first: forward a message after the CPS has accepted its PASSporT. beside: forward it at "
             "once and publish the PASSporT meanwhile."),
    ENUM_KEY("sign", "on_failure", sign_on_failure, "forward", forwards, true,
             "If the CPS does not accept the PASSporT: forward the message and publish later from the spool, "
             "or reject the message."),
    ENUM_KEY("sign", "outside", sign_outside, "forward", forwards, true,
             "If the sender is outside the tenant's numbers, or the bind has no tenant: forward the message "
             "unsigned, or reject it."),
    STRING_KEY("sign", "reject_status", sign_reject_status, "ESME_RSUBMITFAIL", 1, true,
               "The command_status with which messages are rejected: a name or a number."),
    INT_KEY("sign", "timeout_ms", sign_timeout_ms, "3000", 10, 600000, true,
            "Maximum time in milliseconds that a message waits until its PASSporT is published."),
    INT_KEY("sign", "ttl_s", sign_ttl_s, "0", 0, 259200, true,
            "Time in seconds for which the CPS is asked to keep a PASSporT. 0: the CPS decides."),
    BOOL_KEY("sign", "ussd_waits", sign_ussd_waits, "no", true,
             "A message of a USSD session (service_type USSD, or with a ussd_service_op) waits until its "
             "PASSporT is published, like other messages. no: it is forwarded at once, as with mode = beside."),
    INT_KEY("sign", "life_s", sign_life_s, "60", 1, 259200, true,
            "Time in seconds for which verifiers accept a PASSporT (their max_age_s). A message that is sent "
            "again when its PASSporT is older than a quarter of that is signed again."),
    INT_KEY("sign", "scheduled_life_s", sign_scheduled_life_s, "0", 0, 259200, true,
            "Longest life in seconds that the CPS (its ttl_max_s) and the verifiers (their max_age_s) allow "
            "the PASSporT of a message with a schedule_delivery_time. A message due within that time gets a "
            "PASSporT that lives until then. 0: no PASSporT lives longer than life_s, and a message due "
            "later is counted as scheduled and logged."),
    BOOL_KEY("sign", "with_chain", sign_with_chain, "no", true,
             "Put the certificate chain into the envelope, for receivers that cannot fetch it."),
    ENUM_KEY("sign", "replace", sign_replace, "refuse", replaces, true,
             "replace_sm and broadcast_sm carry a text but no destination address, so their text cannot be "
             "signed: refuse them with ESME_RREPLACEFAIL or ESME_RBCASTFAIL, or pass them."),
    INT_KEY("verify", "wait_ms", verify_wait_ms, "500", 0, 600000, true,
            "Maximum time in milliseconds that a message waits for its PASSporT to arrive."),
    INT_KEY("verify", "grace_ms", verify_grace_ms, "200", 0, 60000, true,
            "Additional time in milliseconds for the verdict, on a busy machine. Without a verdict by then "
            "it is timeout."),
    ENUM_KEY("verify", "adaptive", verify_adaptive, "auto", adaptives, true,
             "yes: a message waits for its PASSporT only if its sender had one within the last day, or if the "
             "sender is new and one message in eight on its system_id has one. Other messages are judged by "
             "what is at the CPS when they arrive; a few of them wait as a probe. no: every message waits. "
             "auto: yes, unless the list reject contains no-passport."),
    STRING_KEY("verify", "adaptive_file", verify_adaptive_file, "", 0, true,
               "File that keeps what was learned about senders over a restart, as keyed hashes. Empty: the file "
               "senders in the directory that systemd gives (StateDirectory), otherwise memory only."),
    BOOL_KEY("verify", "ussd_waits", verify_ussd_waits, "no", true,
             "A message of a USSD session waits for its PASSporT, like other messages. no: it is judged by "
             "what is at the CPS when it arrives."),
    LIST_KEY("verify", "deliver", verify_deliver, "", true,
             "Verdicts with which a message is delivered without a tag. A verdict that is in no list: tag."),
    LIST_KEY("verify", "tag", verify_tag, "", true, "Verdicts with which a message is delivered with a tag."),
    LIST_KEY("verify", "reject", verify_reject, "", true, "Verdicts with which a message is rejected."),
    STRING_KEY("verify", "reject_status", verify_reject_status, "ESME_RX_R_APPN", 1, true,
               "The command_status with which messages are rejected: a name or a number."),
    STRING_KEY("verify", "verdict_tlv", verify_verdict_tlv, "0x1501", 1, true,
               "The TLV that carries the verdict as text. TLVs with this tag are removed from arriving messages."),
    STRING_KEY("verify", "signer_tlv", verify_signer_tlv, "0x1502", 1, true,
               "The TLV that carries who signed: SPC or TN. TLVs with this tag are removed from arriving "
               "messages."),
    STRING_KEY("verify", "text_prefix", verify_text_prefix, "", 0, true,
               "Text to put before the text of tagged messages, for peers that cannot read TLVs; %v stands for "
               "the verdict. Quotes around it keep spaces. It is left out of segments and where it does not "
               "fit. Empty: the text stays as it is."),
    ENUM_KEY("verify", "replace", verify_replace, "refuse", replaces, true,
             "replace_sm and broadcast_sm carry a text but no destination address, so no PASSporT can vouch "
             "for it: refuse them with ESME_RREPLACEFAIL or ESME_RBCASTFAIL, or pass them without a verdict."),
    INT_KEY("repeat", "max", repeat_max, "2", 0, 1000, true,
            "How many times a message may pass again with one PASSporT after its connection was lost before "
            "the answer. After that it is verified again and found replayed; where messages are signed it "
            "gets a new PASSporT. A message that the peer refused may be sent again without limit."),
    STRING_KEY("repeat", "file", repeat_file, "", 0, false,
               "File that notes verified messages that may be sent again, so that the next process recognises "
               "them after this one is killed: digests and signers, 16 MiB, one file per process. Empty: the "
               "file repeats in the directory that systemd gives (StateDirectory), otherwise no file."),
    ENUM_KEY("sender", "alphanumeric", alphanumeric, "unsigned", alphanumerics, true,
             "What to do with an alphanumeric sender (TON 5, or any other with a letter), which is not a "
             "telephone number: unsigned, or domain to use a SIP URI in alphanumeric_domain."),
    STRING_KEY("sender", "alphanumeric_domain", alphanumeric_domain, "", 0, true,
               "With alphanumeric = domain, the sender \"Bank\" becomes sip:Bank@ this domain."),
    BOOL_KEY("join", "strict", join_strict, "no", true,
             "sign: segments wait until the PASSporT of the whole message is published. no: they are "
             "forwarded at once, and the last segment publishes the PASSporT."),
    ENUM_KEY("join", "hold", join_hold, "window", holds, true,
             "verify (and strict): how long the segments of a long message are held until it is complete. "
             "window: while more messages arrive on their connection. If none arrives for 200 ms, or after "
             "600 ms, they are forwarded, because their sender may be waiting for the answers. From then on "
             "only the last segment is held; it is judged with the whole text and tagged. never: all segments "
             "but the last are forwarded at once. always: until the message is complete, for timeout_ms at "
             "most. A sender that waits for each answer then cannot send a long message. Only a message that "
             "was held whole can be rejected; otherwise its last segment is tagged."),
    INT_KEY("join", "timeout_ms", join_timeout_ms, "3000", 100, 3600000, true,
            "With hold = always, time in milliseconds for which segments are held for the next segment of "
            "their message. After it the segments that arrived are forwarded with the verdict timeout, or "
            "unsigned. The text of forwarded segments is remembered five times as long."),
    INT_KEY("join", "messages_per_peer", join_messages_per_peer, "1000", 1, 1000000, true,
            "Maximum number of incomplete messages of one system_id in each direction. Segments above the "
            "limit are forwarded without being joined."),
    INT_KEY("join", "bytes_per_peer", join_bytes_per_peer, "1048576", 65536, INT64_C(1) << 40, true,
            "The same limit in octets."),
    INT_KEY("join", "messages", join_messages, "20000", 1, 100000000, true,
            "The same limit for all system_ids together."),
    INT_KEY("join", "bytes", join_bytes, "67108864", 65536, INT64_C(1) << 40, true,
            "The same limit for all system_ids together, in octets."),
    NUMBERING_KEYS(numbering, "(TON 2, or unknown ones that look national)"),
    STRING_KEY("numbers", "table", numbers_table, "", 0, true,
               "File that says which provider a number belongs to, and its CPS: lines prefix,spc[,cps_url]; the "
               "longest prefix counts; separate several URLs of one CPS with |. The table decides which numbers "
               "are covered by a certificate that names only a provider, as nearly all STI certificates do. "
               "Empty: no table."),
    STRING_KEY("cps", "url", cps_url, "", 0, true,
               "URL of the CPS: https://host[:port]. Needed to sign and to verify. Several URLs, separated with "
               "commas, are servers of one CPS in order of preference; a server that fails is not used for a "
               "while."),
    BOOL_KEY("cps", "route_by_record", cps_route_by_record, "no", true,
             "Ask for a destination's key record first. It also says at which CPS to publish for a key of "
             "recipients_dir, and where to look for messages to our own numbers. no: the CPS is that of "
             "[numbers] table, or url."),
    BOOL_KEY("cps", "record_allow_private", cps_record_allow_private, "no", true,
             "A key record may name a CPS at a private or loopback address: for tests and closed networks."),
    STRING_KEY("cps", "ca", cps_ca, "", 0, true,
               "Certificate authorities for the certificate of the CPS, PEM. Empty: the system's authorities."),
    STRING_KEY("cps", "certificate", cps_certificate, "", 0, true,
               "Client certificate for the CPS, PEM. Needs private_key. Empty: no client certificate."),
    STRING_KEY("cps", "private_key", cps_private_key, "", 0, true, "Private key of the client certificate, PEM."),
    STRING_KEY("cps", "auth_certificate", cps_auth_certificate, "", 0, true,
               "STI certificate that authenticates us at the CPS, PEM, leaf first: each request carries its own "
               "bearer token (ATIS-1000105). A CPS asks for a token wherever its policy is not open. Empty: no "
               "token."),
    STRING_KEY("cps", "auth_private_key", cps_auth_private_key, "", 0, true,
               "Private key of auth_certificate: a file (PEM, DER, JWK) or the pkcs11: URI of a key in a token "
               "or HSM."),
    STRING_KEY("cps", "auth_x5u", cps_auth_x5u, "", 0, true,
               "The https URL where the CPS fetches auth_certificate. Empty: each token contains it."),
    STRING_KEY("cps", "auth_spc", cps_auth_spc, "", 0, true,
               "Service provider code to act as. Empty: the first one in the certificate."),
    STRING_KEY("cps", "auth_audience", cps_auth_audience, "", 0, true,
               "Name of the CPS in tokens. Empty: the host of url."),
    BOOL_KEY("cps", "holder", cps_holder, "no", true,
             "The credential holds the destinations whose messages are verified: their boxes are read without "
             "dummies."),
    BOOL_KEY("cps", "claim", cps_claim, "no", true,
             "Before a message passes, its PASSporT is taken out of its box, which only one host can do: for "
             "several hosts that verify for the same destinations. Needs a credential that holds the "
             "destinations."),
    INT_KEY("cps", "connect_timeout_ms", cps_connect_timeout_ms, "3000", 10, 600000, true,
            "Time in milliseconds to connect to the CPS."),
    INT_KEY("cps", "request_timeout_ms", cps_request_timeout_ms, "5000", 10, 600000, true,
            "Time in milliseconds for the answer of the CPS."),
    INT_KEY("cps", "max_connections", cps_max_connections, "16", 1, 1024, true,
            "Maximum number of connections to the CPS, which are kept alive."),
    INT_KEY("cps", "max_in_flight", cps_max_in_flight, "4096", 1, 1000000, true,
            "Maximum number of messages whose PASSporT is being published or looked for. Further messages "
            "wait for their turn."),
    STRING_KEY("trust", "roots", trust_roots, "", 0, true,
               "The STI root certificates, PEM. Verifying needs these, list_files or list_urls."),
    LIST_KEY("trust", "list_files", trust_list_files, "", true,
             "Files with signed lists of STI roots as the STI-PA publishes them (sticaList.jwt), in addition "
             "to roots. Read again when they change."),
    LIST_KEY("trust", "list_urls", trust_list_urls, "", true,
             "The https URLs of signed lists of STI roots. A new list that is invalid, or has a lower "
             "sequence, is not used: the previous list stays in force."),
    STRING_KEY("trust", "list_signer_roots", trust_list_signer_roots, "", 0, true,
               "Root certificate to which the signer of these lists must lead (that of the STI-PA), PEM. The "
               "signer's own certificate may be in the same file; otherwise it is fetched from the x5u of the "
               "list. The root is trusted for nothing else."),
    STRING_KEY("trust", "list_state_dir", trust_list_state_dir, "", 0, true,
               "Directory, used by this program only, that keeps the last valid list of each name and its "
               "sequence. After a restart the sequence cannot fall, and the list is in force before its server "
               "answers. Empty: lists are not kept."),
    INT_KEY("trust", "list_refresh_s", trust_list_refresh_s, "3600", 1, 604800, true,
            "Interval in seconds at which list_urls are fetched and list_files are checked. A failed fetch "
            "is repeated every minute."),
    INT_KEY("trust", "list_grace_s", trust_list_grace_s, "604800", 0, 31536000, true,
            "Time in seconds for which the last valid list stays in force after its exp if there is no newer "
            "list. After it, its roots are no longer trusted."),
    LIST_KEY("trust", "crl_files", trust_crl_files, "", true,
             "Certificate revocation lists, PEM or DER, direct or indirect. A changed file is read again "
             "every crl_refresh_s. A new list that is invalid is not used: the previous list stays in force."),
    STRING_KEY("trust", "crl_issuer_file", trust_crl_issuer_file, "", 0, true,
               "Certificate that signs indirect revocation lists, PEM, if it is not among the roots, and the "
               "authorities between it and its root."),
    STRING_KEY("trust", "crl_signer_roots", trust_crl_signer_roots, "", 0, true,
               "Roots for the issuers of indirect revocation lists, PEM, in addition to the STI roots. They are "
               "trusted for revocation lists only: a certificate below them cannot sign a PASSporT."),
    LIST_KEY("trust", "crl_urls", trust_crl_urls, "", true,
             "The https URLs of certificate revocation lists, in addition to crl_files. A new list that is "
             "invalid is not used: the previous list stays in force."),
    INT_KEY("trust", "crl_refresh_s", trust_crl_refresh_s, "3600", 1, 604800, true,
            "Interval in seconds at which crl_urls are fetched and crl_files are checked. A failed fetch is "
            "repeated every minute."),
    STRING_KEY("trust", "crl_ca_file", trust_crl_ca_file, "", 0, true,
               "Certificate authorities for the servers of crl_urls and list_urls, PEM. Empty: the system's "
               "authorities."),
    ENUM_KEY("trust", "crl_policy", trust_crl_policy, "if-present", crl_policies, true,
             "if-present: a certificate that a list names is refused; a missing or stale list is ignored. "
             "required: each certificate needs a current list that covers its issuer."),
    STRING_KEY("trust", "x5u_dir", trust_x5u_dir, "", 0, true,
               "Directory of certificates that are used instead of fetching them. Empty: certificates are "
               "fetched."),
    STRING_KEY("trust", "x5u_ca_file", trust_x5u_ca_file, "", 0, true,
               "Certificate authorities for the servers of certificates, PEM. Empty: the system's authorities."),
    RENAMED_KEY("trust", "x5u_ca", old_x5u_ca, "trust", "x5u_ca_file"),
    LIST_KEY("trust", "x5u_ports", trust_x5u_ports, "443, 8443", true, "Ports from which certificates may be fetched."),
    BOOL_KEY("trust", "x5u_allow_private", trust_x5u_allow_private, "no", true,
             "Fetch certificates also from private and loopback addresses: for tests and closed networks."),
    BOOL_KEY("trust", "allow_spc", trust_allow_spc, "no", true,
             "Without [numbers] table: the certificate of any provider can sign for every number. With a "
             "table this has no effect: the table says which provider a number belongs to."),
    STRING_KEY("trust", "accept_types", trust_accept_types, "msg", 0, true,
               "Types of PASSporT that verify a message: msg; after a comma also shaken (attestation A only) "
               "and baseline, which are made for calls and do not cover the text."),
    BOOL_KEY("trust", "msgi_optional", trust_msgi_optional, "no", true,
             "A PASSporT without the digest of the text (msgi) passes, too, whatever the text is."),
    INT_KEY("trust", "max_age_s", trust_max_age_s, "60", 1, 259200, true, "Maximum age of a PASSporT in seconds."),
    INT_KEY("trust", "clock_skew_s", trust_clock_skew_s, "60", 0, 3600, true,
            "How many seconds in the future a PASSporT may have been issued, by our clock."),
    ENUM_KEY("trust", "replay", trust_replay, "memory", replays, true,
             "Where used PASSporTs are remembered: memory, sqlite (a file that the processes of a host "
             "share), none."),
    STRING_KEY("trust", "replay_file", trust_replay_file, "", 0, true, "The SQLite file, with replay = sqlite."),
    INT_KEY("trust", "replay_max", trust_replay_max, "1000000", 1000, 100000000, true,
            "Maximum number of used PASSporTs that are remembered."),
    STRING_KEY("keys", "dir", keys_dir, "", 0, true,
               "Directory with our private keys, which open envelopes: PEM, DER, JWK or JWK Set files. The "
               "file's name up to its first dot says for which numbers: a number, a prefix of numbers followed "
               "by *, or * for all (also: default). The longest match counts. NUMBER.old.jwk is a further key "
               "of NUMBER."),
    STRING_KEY("keys", "recipients_dir", keys_recipients_dir, "", 0, true,
               "Directory with the public keys of destinations, to which PASSporTs are encrypted. Files are "
               "named as in dir."),
    BOOL_KEY("keys", "find", keys_find, "no", true,
             "For a destination without a key in recipients_dir, ask its CPS for key records and verify them "
             "with [trust] roots; recipients_dir may then be left out. The PASSporT is encrypted to the keys "
             "of all records. A provider's record counts for the numbers that [numbers] table assigns to the "
             "provider. Without a record the message is forwarded unsigned."),
    BOOL_KEY("keys", "allow_readable", keys_allow_readable, "no", true,
             "The check (-t) accepts files of private keys and secrets that every account of the machine can "
             "read or change."),
    STRING_KEY("tenants", "dir", tenants_dir, "", 0, true,
               "Directory with one file NAME.conf for each tenant that is signed for, read again on SIGHUP: "
               "section [tenant], keys key, certificate, x5u, numbers, names, system_id (default: NAME)."),
    STRING_KEY("spool", "file", spool_file, "", 0, false,
               "SQLite file with PASSporTs that wait to be published. Empty: a PASSporT that cannot be "
               "published is lost."),
    INT_KEY("spool", "messages", spool_messages, "100000", 1, 100000000, true,
            "Maximum number of PASSporTs in the spool."),
    INT_KEY("spool", "bytes", spool_bytes, "268435456", 65536, INT64_C(1) << 40, true, "The same limit in octets."),
    STRING_KEY("admin", "listen", admin_listen, "127.0.0.1:8082", 0, false,
               "Address for /metrics, /health and /ready over HTTP, for local use: address:port. Empty: not "
               "served."),
    RENAMED_KEY("admin", "address", old_admin_address, "admin", "listen"),
    STRING_KEY("log", "file", log_file, "", 0, true,
               "File to which log lines are appended. It is opened again on SIGHUP and SIGUSR1, so that it can "
               "be rotated. Empty: standard error, which systemd's journal reads."),
    ENUM_KEY("log", "level", log_level, "notice", stir_log_levels, true,
             "The most verbose level that is written: error, warning, notice, info, debug."),
    INT_KEY("log", "alike_per_s", log_alike_per_s, "10", 0, 1000000, true,
            "Maximum number of lines per second for one kind of refusal, which strangers can cause at will. "
            "One more line says how many lines were left out. 0: no limit."),
    ENUM_KEY("log", "format", log_format, "text", stir_log_formats, true,
             "text, json, or journal (for systemd: with level prefix, without time)."),
    STRING_KEY("log", "judged", log_judged, "-", 0, true,
               "Where to write one line of JSON for each verified message: a file, or - for standard output. "
               "Empty: nowhere."),
    STRING_KEY("log", "signed", log_signed, "-", 0, true,
               "Where to write one line of JSON for each message of a signing direction, with its status: "
               "signed, spooled, unsigned or refused. A file, or - for standard output. Empty: nowhere."),
    STRING_KEY("log", "number_key_file", log_number_key_file, "", 0, true,
               "File with the key of the hashes that stand for telephone numbers in both records: 16 octets or "
               "more, created at the first start if it is missing. With the same file, a number has the same "
               "hash after a restart and on other hosts. Empty: the file number-key in the directory that "
               "systemd gives (StateDirectory), otherwise a new key at each start."),
    BOOL_KEY("log", "numbers", log_numbers, "no", true,
             "Write telephone numbers in both records in clear instead of as keyed hashes."),
    BOOL_KEY("log", "exempt", log_exempt, "yes", true,
             "Also write a line in the records for each PDU that passes without a verdict or a PASSporT: "
             "delivery receipts and unknown commands in a verifying direction, and messages that replace = "
             "pass lets through."),
};
const size_t sc_config_count = sizeof(sc_config_table) / sizeof(sc_config_table[0]);

/* ---- checks ---- */

static bool config_read_number(uint32_t *out, const char *text, uint32_t max)
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

static enum stir_code config_read_status(uint32_t *out, const char *key, const char *text, struct stir_error *err)
{
    uint32_t status = 0;
    if (!(config_read_number(&status, text, UINT32_MAX) || smpp_status_of_name(&status, text)) || status == SMPP_ROK) {
        return stir_fail(
            err, STIR_E_CONFIG,
            "%s: \"%s\" is not the command_status of an error; give a name such as ESME_RSUBMITFAIL, or a number", key,
            text);
    }
    *out = status;
    return STIR_OK;
}

static enum stir_code config_read_tag(uint16_t *out, const char *key, const char *text, struct stir_error *err)
{
    uint32_t tag = 0;
    if (!config_read_number(&tag, text, UINT16_MAX) || tag < SMPP_TLV_VENDOR_FIRST || tag > SMPP_TLV_VENDOR_LAST) {
        return stir_fail(err, STIR_E_CONFIG, "%s: \"%s\" is not a vendor tag; give a number from 0x1400 to 0x3fff", key,
                         text);
    }
    *out = (uint16_t)tag;
    return STIR_OK;
}

static void config_read_numbers(struct sc_config *config, struct stir_faults *faults)
{
    struct stir_error err = {0};
    stir_faults_take(faults,
                     config_read_status(&config->status.sign_reject, "[sign] reject_status", config->sign_reject_status,
                                        &err),
                     &err);
    stir_faults_take(faults,
                     config_read_status(&config->status.verify_reject, "[verify] reject_status",
                                        config->verify_reject_status, &err),
                     &err);
    stir_faults_take(faults,
                     config_read_tag(&config->tag.verdict, "[verify] verdict_tlv", config->verify_verdict_tlv, &err),
                     &err);
    stir_faults_take(faults,
                     config_read_tag(&config->tag.signer, "[verify] signer_tlv", config->verify_signer_tlv, &err),
                     &err);
    if (config->tag.verdict && config->tag.verdict == config->tag.signer) {
        stir_faults_add(faults, STIR_E_CONFIG, "[verify] verdict_tlv and signer_tlv must be different");
    }
}

/* Checks settings that need each other. */
static void config_check_pairs(const struct sc_config *config, struct stir_faults *faults)
{
    const struct {
        bool good;
        const char *text;
    } rules[] = {
        /* certificates and their keys */
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
        /* addresses and limits */
        {config->listen_address[0] != '\0', "[listen] address is empty; give at least one address"},
        {config->held_messages <= config->held_messages_total,
         "[limits] held_messages must not be greater than held_messages_total"},
        {config->held_bytes <= config->held_bytes_total,
         "[limits] held_bytes must not be greater than held_bytes_total"},
        {!config->join_strict || config->join_hold != SC_HOLD_NEVER,
         "[join] strict = yes holds segments: it needs hold = window or always"},
        {config->alphanumeric == SC_ALPHANUMERIC_UNSIGNED || config->alphanumeric_domain[0],
         "[sender] alphanumeric = domain needs alphanumeric_domain"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!rules[i].good) {
            stir_faults_add(faults, STIR_E_CONFIG, "%s", rules[i].text);
        }
    }
    struct stir_error err = {0};
    stir_faults_take(faults, stir_conf_numbering_check(&config->numbering, &err), &err);
}

static bool config_is_verdict(const char *name)
{
    for (int i = 0; i < STIR_VERDICT_COUNT; i++) {
        if (strcmp(stir_verdict_name((enum stir_verdict)i), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Checks that each verdict is in one list at most. */
static void config_check_verdicts(const struct sc_config *config, struct stir_faults *faults)
{
    const char *const lists[] = {config->verify_deliver, config->verify_tag, config->verify_reject};
    const char *const names[] = {"deliver", "tag", "reject"};
    struct stir_buf seen = {.limit = 65536};
    char item[64], word[66];
    for (size_t i = 0; i < 3; i++) {
        for (size_t pos = 0; stir_conf_next(lists[i], &pos, item, sizeof(item));) {
            (void)snprintf(word, sizeof(word), " %s ", item);
            if (!config_is_verdict(item)) {
                stir_faults_add(faults, STIR_E_CONFIG, "[verify] %s: \"%s\" is not a verdict", names[i], item);
            } else if (seen.ptr && strstr(seen.ptr, word)) {
                stir_faults_add(faults, STIR_E_CONFIG, "[verify] %s: %s is listed twice", names[i], item);
            }
            stir_buf_puts(&seen, word);
        }
    }
    stir_buf_free(&seen);
}

static void config_check(void *conf, struct stir_faults *faults)
{
    config_check_pairs(conf, faults);
    config_read_numbers(conf, faults);
    config_check_verdicts(conf, faults);
}

/* ---- loading ---- */

enum stir_code sc_config_load(struct sc_config *out, const char *path, const struct stir_conf_overrides *overrides,
                              struct stir_error *err)
{
    struct sc_config config = {0};
    enum stir_code code = stir_conf_read(&config, sc_config_table, sc_config_count, path, overrides, config_check, err);
    if (code == STIR_OK) {
        *out = config;
    }
    return code;
}

void sc_config_clear(struct sc_config *config)
{
    stir_conf_clear(config, sc_config_table, sc_config_count);
}
