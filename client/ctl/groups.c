/* SPDX-License-Identifier: MIT */
#include "client/ctl/groups.h"

#include "client/cps.h"

static const struct ctl_option message[] = {
    {"orig", CTL_TEXT, "WHO", CTL_AT(orig), .text = "the sender: a number, or a tel:, sip: or other URI"},
    {"dest", CTL_LIST, "WHO", CTL_AT(dest), .text = "the recipient: a number or a URI"},
    {"text", CTL_TEXT, "TEXT", CTL_AT(text), .text = "the complete text of the message, in UTF-8"},
    {"body", CTL_TEXT, "FILE", CTL_AT(body),
     .text = "a file with the message, used byte for byte; - reads standard input"},
};
const struct ctl_group ctl_group_message = CTL_GROUP("The message", message);

static const struct ctl_option signer[] = {
    {"key", CTL_TEXT, "FILE", CTL_AT(signer_key), .text = "the signer's private key, P-256: PEM, JWK or a pkcs11: URI"},
    {"cert", CTL_TEXT, "FILE", CTL_AT(cert), .text = "the signer's certificate chain, PEM, leaf first"},
    {"x5u", CTL_TEXT, "URL", CTL_AT(x5u), .text = "the https URL where verifiers fetch that chain"},
    {"iat", CTL_TIME, "TIME", CTL_AT(iat), .text = "the time of issue (iat) of the PASSporT; default: now"},
};
const struct ctl_group ctl_group_signer = CTL_GROUP("The signer", signer);

static const struct ctl_option tenant[] = {
    {"tenants", CTL_TEXT, "PATH", CTL_AT(tenants),
     .text = "the tenants: a file, or a directory of NAME.conf files, in the format of cps-smpp", .env = "CPS_TENANTS"},
    {"tenant", CTL_TEXT, "NAME", CTL_AT(tenant), .text = "the tenant that sends, instead of --key, --cert and --x5u"},
    {"alphanumeric-domain", CTL_TEXT, "HOST", CTL_AT(alphanumeric_domain),
     .text = "sign for a tenant's alphanumeric senders as sip:SENDER@HOST"},
};
const struct ctl_group ctl_group_tenant = CTL_GROUP("A tenant as the signer", tenant);

static const struct ctl_option cps[] = {
    {"cps", CTL_TEXT, "URL", CTL_AT(cps), .text = "the CPS, https://HOST[:PORT]; separate several with commas",
     .env = "CPS_URL"},
    {"ca", CTL_TEXT, "FILE", CTL_AT(ca),
     .text = "PEM, the CAs for the TLS certificate of the CPS; default: the system's CAs", .env = "CPS_CA"},
    {"tls-cert", CTL_TEXT, "FILE", CTL_AT(tls_cert), .text = "PEM, the TLS client certificate"},
    {"tls-key", CTL_TEXT, "FILE", CTL_AT(tls_key), .text = "PEM, the key of --tls-cert"},
    {"auth-cert", CTL_TEXT, "FILE", CTL_AT(auth_cert),
     .text = "PEM, leaf first: the STI certificate for the bearer token in each request", .env = "CPS_AUTH_CERT"},
    {"auth-key", CTL_TEXT, "FILE", CTL_AT(auth_key), .text = "the key of --auth-cert: PEM, JWK or a pkcs11: URI",
     .env = "CPS_AUTH_KEY"},
    {"auth-x5u", CTL_TEXT, "URL", CTL_AT(auth_x5u),
     .text = "the https URL where the CPS fetches --auth-cert; default: the token contains it", .env = "CPS_AUTH_X5U"},
    {"auth-spc", CTL_TEXT, "SPC", CTL_AT(auth_spc),
     .text = "the provider to act as; default: the first SPC or number in the certificate", .env = "CPS_AUTH_SPC"},
    {"auth-audience", CTL_TEXT, "HOST", CTL_AT(auth_audience),
     .text = "the name of the CPS in tokens (aud); default: the host in its URL", .env = "CPS_AUTH_AUDIENCE"},
    {"holder", CTL_FLAG, NULL, CTL_AT(holder),
     .text = "read the box as its holder, with the credential of --auth-cert: without dummies"},
    {"timeout", CTL_NUMBER, "SECONDS", CTL_AT(timeout_s), .text = "the time limit for one request",
     .initial = CTL_TIMEOUT_S, .min = 1, .max = 3600},
};
const struct ctl_group ctl_group_cps = CTL_GROUP("The CPS", cps);

static const struct ctl_option trust[] = {
    {"trust", CTL_TEXT, "FILE", CTL_AT(trust), .text = "PEM, the trusted STI roots", .env = "CPS_TRUST"},
    {"crl", CTL_LIST, "FILE", CTL_AT(crl), .text = "a certificate revocation list, PEM or DER"},
    {"crl-url", CTL_LIST, "URL", CTL_AT(crl_url), .text = "the https URL of a revocation list, fetched first"},
    {"crl-ca", CTL_TEXT, "FILE", CTL_AT(crl_ca),
     .text = "PEM, the CAs for the TLS certificates of the --crl-url servers"},
    {"crl-issuer", CTL_TEXT, "FILE", CTL_AT(crl_issuer), .text = "PEM, the issuer of an indirect revocation list"},
    {"crl-signer-roots", CTL_TEXT, "FILE", CTL_AT(crl_signer_roots),
     .text = "PEM, additional roots that are trusted only for issuers of indirect lists"},
    {"crl-required", CTL_FLAG, NULL, CTL_AT(crl_required),
     .text = "reject a certificate that no current revocation list covers"},
    {"list-files", CTL_LIST, "FILE", CTL_AT(list_files),
     .text = "a signed list of roots, such as the STI-PA's; trusted in addition to --trust"},
    {"list-urls", CTL_LIST, "URL", CTL_AT(list_urls),
     .text = "the https URL of such a list, fetched first; --crl-ca applies to its server"},
    {"list-signer-roots", CTL_TEXT, "FILE", CTL_AT(list_signer_roots),
     .text = "PEM, the root of the signer of these lists, and optionally the signer's certificate"},
    {"list-state-dir", CTL_TEXT, "DIR", CTL_AT(list_state_dir),
     .text = "keep the last valid list in this directory, and reject an older list"},
    {"list-grace-s", CTL_NUMBER, "SECONDS", CTL_AT(list_grace_s), .text = "how long to use a list after it has expired",
     .initial = 604800, .min = 0, .max = 31536000},
    {"x5u-dir", CTL_TEXT, "DIR", CTL_AT(x5u_dir),
     .text = "take certificates from this directory instead of fetching them", .env = "CPS_X5U_DIR"},
    {"x5u-ca", CTL_TEXT, "FILE", CTL_AT(x5u_ca), .text = "PEM, the CAs for the TLS certificates of x5u hosts"},
    {"x5u-port", CTL_LIST, "PORT", CTL_AT(x5u_port), .text = "an allowed port in x5u, instead of 443 and 8443"},
    {"x5u-allow-private", CTL_FLAG, NULL, CTL_AT(x5u_allow_private),
     .text = "also fetch certificates from private and loopback addresses"},
    {"clock-skew", CTL_NUMBER, "SECONDS", CTL_AT(clock_skew_s), .text = "how far in the future iat may be",
     .initial = 60, .min = 0, .max = 3600},
    {"max-age", CTL_NUMBER, "SECONDS", CTL_AT(max_age_s),
     .text = "the maximum age of a PASSporT; more than 60 requires --replay-file", .initial = CPS_MAX_AGE_CALL_S,
     .min = 1, .max = CPS_MAX_AGE_LIMIT_S},
    {"at", CTL_TIME, "TIME", CTL_AT(at), .text = "verify as if it were this time; default: now"},
    {"accept-types", CTL_TEXT, "TYPES", CTL_AT(accept_types),
     .text = "the accepted types of PASSporTs, separated by commas: msg, and those made for calls, shaken (with "
             "attestation A) and baseline; default: msg"},
    {"msgi-optional", CTL_FLAG, NULL, CTL_AT(msgi_optional),
     .text = "also accept a PASSporT without a digest of the message (msgi); the text is then not verified"},
    {"replay-file", CTL_TEXT, "FILE", CTL_AT(replay_file),
     .text = "record used PASSporTs in this file, so that none is accepted twice"},
};
const struct ctl_group ctl_group_trust = CTL_GROUP("Trust", trust);

/* For commands that verify key records but no message: the rows up to --clock-skew. */
const struct ctl_group ctl_group_roots = {"Trust", trust, 17};

static const struct ctl_option authority[] = {
    {"numbers", CTL_TEXT, "FILE", CTL_AT(numbers_file),
     .text =
         "the number table, with lines prefix,spc[,cps_url]: the provider of each number, which decides the numbers "
         "that a provider's certificate covers, and optionally the provider's CPS",
     .env = "CPS_NUMBERS"},
    {"allow-spc", CTL_FLAG, NULL, CTL_AT(allow_spc),
     .text = "if there is no --numbers: accept the certificate of any provider for every number"},
};
const struct ctl_group ctl_group_authority = CTL_GROUP("Providers and their numbers", authority);

/* For commands that neither sign nor verify a message: --numbers alone. */
const struct ctl_group ctl_group_table = {"Providers and their numbers", authority, 1};

static const struct ctl_option finding[] = {
    {"pinned", CTL_TEXT, "FILE", CTL_AT(pinned),
     .text = "known encryption keys: JSON, {\"12155551212\": [JWK], \"1215555*\": JWK Set}"},
    {"route-by-record", CTL_FLAG, NULL, CTL_AT(route_by_record),
     .text = "use the CPS that the destination's key record names, and --cps only if it names none"},
    {"record-allow-private", CTL_FLAG, NULL, CTL_AT(record_allow_private),
     .text = "allow a key record to name a CPS at a private or loopback address"},
};
const struct ctl_group ctl_group_finding = CTL_GROUP("Finding keys and CPSs", finding);

static const struct ctl_option numbers[] = {
    {"country-code", CTL_TEXT, "DIGITS", CTL_AT(country_code), .text = "the prefix to add to national numbers"},
    {"national-prefix", CTL_TEXT, "DIGITS", CTL_AT(national_prefix),
     .text = "the digits to remove before the country code is added"},
    {"international-prefix", CTL_TEXT, "DIGITS", CTL_AT(international_prefix),
     .text = "the digits that mean +, as 00 or 011"},
    {"national-digits", CTL_NUMBER, "N", CTL_AT(national_digits),
     .text = "the length of a national number without its prefix; 0: varies", .min = 0, .max = 32},
    {"max-digits", CTL_NUMBER, "N", CTL_AT(max_digits), .text = "the maximum length of a number", .initial = 15,
     .min = 1, .max = 32},
};
const struct ctl_group ctl_group_numbers = CTL_GROUP("Numbers", numbers);
