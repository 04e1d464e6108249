#include "client/ctl/groups.h"

#include "client/cps.h"

static const struct ctl_option message[] = {
    {"orig", CTL_TEXT, "WHO", CTL_AT(orig), .text = "who sends: a number, or a tel:, sip: or other URI"},
    {"dest", CTL_LIST, "WHO", CTL_AT(dest), .text = "who receives, likewise"},
    {"text", CTL_TEXT, "TEXT", CTL_AT(text), .text = "the message, whole, as UTF-8"},
    {"body", CTL_TEXT, "FILE", CTL_AT(body), .text = "the message from a file, octet for octet; - is standard input"},
};
const struct ctl_group ctl_group_message = CTL_GROUP("The message", message);

static const struct ctl_option signer[] = {
    {"key", CTL_TEXT, "FILE", CTL_AT(signer_key), .text = "the signer's private key, P-256: PEM, JWK or a pkcs11: URI"},
    {"cert", CTL_TEXT, "FILE", CTL_AT(cert), .text = "the signer's certificate chain, PEM, leaf first"},
    {"x5u", CTL_TEXT, "URL", CTL_AT(x5u), .text = "where verifiers find that chain (https)"},
    {"iat", CTL_TIME, "TIME", CTL_AT(iat), .text = "when the PASSporT is issued; now if not given"},
};
const struct ctl_group ctl_group_signer = CTL_GROUP("The signer", signer);

static const struct ctl_option tenant[] = {
    {"tenants", CTL_TEXT, "PATH", CTL_AT(tenants),
     .text = "who may be signed for: a file, or a directory of files NAME.conf, as cps-smpp has them",
     .env = "CPS_TENANTS"},
    {"tenant", CTL_TEXT, "NAME", CTL_AT(tenant), .text = "which of them sends, in place of --key, --cert and --x5u"},
    {"alphanumeric-domain", CTL_TEXT, "HOST", CTL_AT(alphanumeric_domain),
     .text = "a tenant's alphanumeric senders are signed for as sip:SENDER@HOST"},
};
const struct ctl_group ctl_group_tenant = CTL_GROUP("A tenant instead", tenant);

static const struct ctl_option cps[] = {
    {"cps", CTL_TEXT, "URL", CTL_AT(cps), .text = "the CPS, https://HOST[:PORT]; several with commas",
     .env = "CPS_URL"},
    {"ca", CTL_TEXT, "FILE", CTL_AT(ca),
     .text = "PEM, who vouches for the CPS's TLS certificate; else the system's authorities", .env = "CPS_CA"},
    {"tls-cert", CTL_TEXT, "FILE", CTL_AT(tls_cert), .text = "PEM, our own TLS certificate"},
    {"tls-key", CTL_TEXT, "FILE", CTL_AT(tls_key), .text = "PEM, its key"},
    {"auth-cert", CTL_TEXT, "FILE", CTL_AT(auth_cert),
     .text = "PEM, leaf first: the STI certificate that vouches for us with a token in each request",
     .env = "CPS_AUTH_CERT"},
    {"auth-key", CTL_TEXT, "FILE", CTL_AT(auth_key), .text = "its key: PEM, JWK or a pkcs11: URI",
     .env = "CPS_AUTH_KEY"},
    {"auth-x5u", CTL_TEXT, "URL", CTL_AT(auth_x5u),
     .text = "where the CPS finds that certificate (https); else it travels in the token", .env = "CPS_AUTH_X5U"},
    {"auth-spc", CTL_TEXT, "SPC", CTL_AT(auth_spc),
     .text = "the provider to act as; else the certificate's first SPC, or number", .env = "CPS_AUTH_SPC"},
    {"auth-audience", CTL_TEXT, "HOST", CTL_AT(auth_audience),
     .text = "what the CPS is called in tokens, if not by the host of its URL", .env = "CPS_AUTH_AUDIENCE"},
    {"holder", CTL_FLAG, NULL, CTL_AT(holder),
     .text = "our credential holds the box that is read: it is read without dummies"},
    {"timeout", CTL_NUMBER, "SECONDS", CTL_AT(timeout_s), .text = "for one request", .initial = CTL_TIMEOUT_S, .min = 1,
     .max = 3600},
};
const struct ctl_group ctl_group_cps = CTL_GROUP("The CPS", cps);

static const struct ctl_option trust[] = {
    {"trust", CTL_TEXT, "FILE", CTL_AT(trust), .text = "PEM, the STI roots that are trusted", .env = "CPS_TRUST"},
    {"crl", CTL_LIST, "FILE", CTL_AT(crl), .text = "a revocation list, PEM or DER"},
    {"crl-url", CTL_LIST, "URL", CTL_AT(crl_url), .text = "a revocation list that is fetched first (https)"},
    {"crl-ca", CTL_TEXT, "FILE", CTL_AT(crl_ca), .text = "PEM, who vouches for the servers of --crl-url"},
    {"crl-issuer", CTL_TEXT, "FILE", CTL_AT(crl_issuer), .text = "PEM, who issues an indirect revocation list"},
    {"crl-signer-roots", CTL_TEXT, "FILE", CTL_AT(crl_signer_roots),
     .text = "PEM, roots for issuers of indirect lists alone, beside --trust"},
    {"crl-required", CTL_FLAG, NULL, CTL_AT(crl_required), .text = "trust nothing that no current list covers"},
    {"list-files", CTL_LIST, "FILE", CTL_AT(list_files),
     .text = "a signed list of roots, such as the STI-PA's, that are trusted in addition to those of --trust"},
    {"list-urls", CTL_LIST, "URL", CTL_AT(list_urls),
     .text = "such a list that is fetched first (https; --crl-ca vouches for its server)"},
    {"list-signer-roots", CTL_TEXT, "FILE", CTL_AT(list_signer_roots),
     .text = "PEM, the root that the lists' signer leads to, and perhaps the signer's certificate"},
    {"list-state-dir", CTL_TEXT, "DIR", CTL_AT(list_state_dir),
     .text = "keep the last good list here, and refuse an older one"},
    {"list-grace-s", CTL_NUMBER, "SECONDS", CTL_AT(list_grace_s), .text = "how long a list is used after its exp",
     .initial = 604800, .min = 0, .max = 31536000},
    {"x5u-dir", CTL_TEXT, "DIR", CTL_AT(x5u_dir),
     .text = "take certificates from this directory instead of fetching them", .env = "CPS_X5U_DIR"},
    {"x5u-ca", CTL_TEXT, "FILE", CTL_AT(x5u_ca), .text = "PEM, who vouches for the hosts of certificates"},
    {"x5u-port", CTL_LIST, "PORT", CTL_AT(x5u_port),
     .text = "ports to fetch certificates from, instead of 443 and 8443"},
    {"x5u-allow-private", CTL_FLAG, NULL, CTL_AT(x5u_allow_private),
     .text = "fetch certificates from private and loopback addresses too"},
    {"clock-skew", CTL_NUMBER, "SECONDS", CTL_AT(clock_skew_s), .text = "how far in the future it may be",
     .initial = 60, .min = 0, .max = 3600},
    {"max-age", CTL_NUMBER, "SECONDS", CTL_AT(max_age_s),
     .text = "how old a PASSporT may be; above 60 needs --replay-file", .initial = CPS_MAX_AGE_CALL_S, .min = 1,
     .max = CPS_MAX_AGE_LIMIT_S},
    {"at", CTL_TIME, "TIME", CTL_AT(at), .text = "judge as of this time instead of now"},
    {"accept-types", CTL_TEXT, "TYPES", CTL_AT(accept_types),
     .text = "which PASSporTs verify a message: msg; also, though made for calls, shaken (attestation A) and baseline; "
             "msg if not given"},
    {"msgi-optional", CTL_FLAG, NULL, CTL_AT(msgi_optional),
     .text = "a PASSporT without a digest of the message (msgi) passes too, whatever the text is"},
    {"replay-file", CTL_TEXT, "FILE", CTL_AT(replay_file),
     .text = "remember here which PASSporTs were used, so that none passes twice"},
};
const struct ctl_group ctl_group_trust = CTL_GROUP("Whom to trust", trust);

/* For those who verify key records and no message: the rows up to --clock-skew. */
const struct ctl_group ctl_group_roots = {"Whom to trust", trust, 17};

static const struct ctl_option authority[] = {
    {"numbers", CTL_TEXT, "FILE", CTL_AT(numbers_file),
     .text =
         "the number table, lines of prefix,spc[,cps_url]: which provider a number belongs to, and so which numbers "
         "a provider's certificate covers; and the CPS",
     .env = "CPS_NUMBERS"},
    {"allow-spc", CTL_FLAG, NULL, CTL_AT(allow_spc),
     .text = "without --numbers: a certificate of any provider covers every number"},
};
const struct ctl_group ctl_group_authority = CTL_GROUP("Providers and their numbers", authority);

/* For those who neither sign nor verify a message: --numbers. */
const struct ctl_group ctl_group_table = {"Providers and their numbers", authority, 1};

static const struct ctl_option finding[] = {
    {"pinned", CTL_TEXT, "FILE", CTL_AT(pinned),
     .text = "keys that are known: JSON, {\"12155551212\": [JWK], \"1215555*\": JWK Set}"},
    {"route-by-record", CTL_FLAG, NULL, CTL_AT(route_by_record),
     .text = "ask the destination's key record for its CPS before --cps is used"},
    {"record-allow-private", CTL_FLAG, NULL, CTL_AT(record_allow_private),
     .text = "a record may name a CPS at a private or loopback address"},
};
const struct ctl_group ctl_group_finding = CTL_GROUP("Finding keys and CPSs", finding);

static const struct ctl_option numbers[] = {
    {"country-code", CTL_TEXT, "DIGITS", CTL_AT(country_code), .text = "put before national numbers"},
    {"national-prefix", CTL_TEXT, "DIGITS", CTL_AT(national_prefix), .text = "dropped before that"},
    {"international-prefix", CTL_TEXT, "DIGITS", CTL_AT(international_prefix), .text = "stands for +"},
    {"national-digits", CTL_NUMBER, "N", CTL_AT(national_digits),
     .text = "how long a national number is without its prefix; 0 if that varies", .min = 0, .max = 32},
    {"max-digits", CTL_NUMBER, "N", CTL_AT(max_digits), .text = "the longest number", .initial = 15, .min = 1,
     .max = 32},
};
const struct ctl_group ctl_group_numbers = CTL_GROUP("Numbers", numbers);
