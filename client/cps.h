/* SPDX-License-Identifier: MIT */
/*
 * libcps: the client of a Call Placement Service (RFC 8816) for text messages.
 *
 * A sender's gateway signs each message with a "msg" PASSporT (RFC 8225, RFC 9475), encrypts it to the destination and
 * publishes it at the CPS (authentication service); the receiver's gateway retrieves, decrypts and verifies it against
 * the message that arrived by other means (verification service). Installed as <stir-cps/cps.h>; link with -lcps.
 *
 * Conventions, the same for every function here:
 * - A function that can fail returns an enum cps_code, CPS_OK only on full success. `err` is filled on failure and may
 *   be NULL. Outputs are written on success only; struct cps_result and struct cps_sent are always filled. Besides the
 *   codes that are listed, each function can return CPS_E_INVAL (a NULL pointer, a wrong size) and CPS_E_NOMEM.
 * - A function reads what the caller's pointers point to only during the call. An operation in the background keeps
 *   references to the keys and signers that it needs. What a function returns belongs to the caller and is freed as
 *   stated beside it. Freeing NULL and clearing a zeroed struct do nothing.
 * - A handle, keys and signers may be used by any number of threads at once. Signing, encrypting and decrypting happen
 *   in the calling thread. The network has one I/O thread of the handle, started when it is first needed. A spool and
 *   the revocation lists have a thread each from cps_new on, so a process that forks to become a daemon must do so
 *   before cps_new.
 * - Operations that use the network have a blocking form and a form with a callback (_async). The latter returns
 *   CPS_OK if the operation was begun: then the callback is called exactly once, on the I/O thread, with a result that
 *   is valid only during the callback. With any other code the callback is never called. A callback must not block. It
 *   may start other _async operations; a blocking form returns CPS_E_IN_CALLBACK there. Besides its own codes, the
 *   blocking form can return CPS_E_BUSY, the callback form CPS_E_BUSY and CPS_E_CLOSED.
 * - Times are in seconds (_s; a point in time counts from 1970-01-01 UTC) or milliseconds (_ms).
 * - Telephone numbers may have any visual form, and tel:, sip: and other URIs are accepted too. A number without '+' is
 *   taken as a person or a device writes it, and is converted once with the numbering of the handle (country_code and
 *   the options after it). A number with '+' is canonical (RFC 8224 section 8.3) under every numbering: only the '+'
 * and separators are removed. An application that has a canonical number, for example from a PASSporT's claim, puts '+'
 *   before it, or uses a handle without a numbering. What libcps reads by itself (PASSporTs, key records, numbers_file,
 *   pinned_file, tenants) is canonical and is never converted.
 */
#ifndef STIR_CPS_CPS_H
#define STIR_CPS_CPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CPS_API __attribute__((visibility("default")))
#define CPS_MUST_CHECK __attribute__((warn_unused_result))
#else
#define CPS_API
#define CPS_MUST_CHECK
#endif

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

/* The kinds of failure. The values are fixed; new codes get new values. */
enum cps_code {
    CPS_OK = 0,
    CPS_E_INVAL = 1,     /* an argument is not valid */
    CPS_E_NOMEM = 2,     /* out of memory */
    CPS_E_CRYPTO = 3,    /* the cryptographic library failed */
    CPS_E_IO = 4,        /* a file could not be read or written */
    CPS_E_TOO_BIG = 5,   /* larger than the limit */
    CPS_E_NOT_FOUND = 6, /* what was asked for does not exist */
    CPS_E_CONFIG = 7,    /* an option is not valid, or one that this call needs is not set */
    CPS_E_USAGE = 8,     /* wrong command line (cpsctl) */
    /* text and encodings */
    CPS_E_BASE64 = 20,
    CPS_E_UTF8 = 21,
    CPS_E_JSON = 22,
    CPS_E_TN = 23,  /* not a telephone number */
    CPS_E_URI = 24, /* not a usable URI */
    /* keys, signatures, envelopes */
    CPS_E_KEY = 40,       /* not a usable key */
    CPS_E_JWS = 41,       /* not a signed token in compact form */
    CPS_E_ALG = 42,       /* the algorithm is not accepted */
    CPS_E_CRIT = 43,      /* the token demands an extension that is not understood */
    CPS_E_SIGNATURE = 44, /* the signature does not verify */
    CPS_E_JWE = 45,       /* not an envelope */
    CPS_E_DECRYPT = 46,   /* no given key opens the envelope: it is for another key, or a dummy */
    CPS_E_PLAINTEXT = 47, /* the envelope opens but does not hold a PASSporT */
    /* PASSporT */
    CPS_E_PASSPORT = 60,      /* not a PASSporT */
    CPS_E_PPT = 61,           /* a PASSporT of this type, or without msgi, does not vouch for the message */
    CPS_E_STALE = 62,         /* too old */
    CPS_E_FUTURE = 63,        /* issued in the future */
    CPS_E_MSGI = 64,          /* not a message digest */
    CPS_E_MSGI_MISMATCH = 65, /* the message is not the one that was signed */
    CPS_E_ORIG_MISMATCH = 66, /* the PASSporT is from another sender */
    CPS_E_DEST_MISMATCH = 67, /* the PASSporT is for another destination */
    CPS_E_REPLAYED = 68,      /* the PASSporT was used before */
    CPS_E_NO_PASSPORT = 69,   /* the box has no PASSporT for this message */
    /* certificates */
    CPS_E_CERT = 80,            /* not a usable STIR certificate */
    CPS_E_CERT_TIME = 81,       /* a certificate is not valid at that time */
    CPS_E_CERT_UNTRUSTED = 82,  /* the chain does not lead to a trusted root */
    CPS_E_CERT_REVOKED = 83,    /* a certificate is revoked */
    CPS_E_CRL = 84,             /* not a usable revocation list */
    CPS_E_CERT_SCOPE = 85,      /* the certificate does not cover this identity */
    CPS_E_CERT_CONSTRAINT = 86, /* the certificate's claim constraints forbid this PASSporT */
    CPS_E_X5U = 87,             /* the certificate URL is not allowed */
    CPS_E_X5U_FETCH = 88,       /* the certificate could not be fetched */
    /* the CPS and the connection to it */
    CPS_E_CONNECT = 100,      /* could not connect */
    CPS_E_TLS = 101,          /* the TLS connection failed */
    CPS_E_TIMEOUT = 102,      /* no answer within the time limit */
    CPS_E_PROTOCOL = 103,     /* the answer does not follow the protocol */
    CPS_E_REFUSED = 104,      /* the CPS refused the request: 400, 411, 413, 415, 422 */
    CPS_E_UNAUTHORIZED = 105, /* 401 */
    CPS_E_FORBIDDEN = 106,    /* 403 */
    CPS_E_BOX_FULL = 107,     /* 429: the destination's box is full, or too many requests; retry later */
    CPS_E_UNAVAILABLE = 108,  /* 503 and other 5xx; retry later */
    /* codes of the library itself */
    CPS_E_BUSY = 120,         /* max_in_flight operations are under way: wait for one to end */
    CPS_E_IN_CALLBACK = 121,  /* a blocking form was called from a callback */
    CPS_E_CLOSED = 122,       /* cps_free ended the operation */
    CPS_E_REPLAY_FULL = 123,  /* the replay memory is full: the PASSporT is not accepted, because its use could not be
                                 recorded */
    CPS_E_REPLAY_STORE = 124, /* the replay memory's file cannot be used */
    CPS_E_SPOOL_FULL = 125,   /* the spool, or its disk, is full: the envelope is not kept */
    CPS_E_SPOOL_STORE = 126,  /* the spool's file cannot be used */
    CPS_E_OUTSIDE = 127,      /* the sender is not one of the tenant's numbers and names: not signed */
    CPS_E_AWAY = 128 /* earlier requests found that the CPS does not answer, so this one was not sent; see cps_away */
};

/* The details of a failure. Put one on the stack and pass its address. */
struct cps_error {
    enum cps_code code;
    int http_status;        /* status of the CPS's answer; 0 if it was not asked or did not answer */
    unsigned retry_after_s; /* from the CPS's answer with 429 or 503, in seconds; 0 if not given */
    char text[256];         /* one line for a person, with the file or member and the reason; cut if longer */
};

/* Return the fixed text and the name ("CPS_E_JSON") of a code; never NULL, also for a number outside the enum. */
CPS_API const char *cps_strerror(enum cps_code code);
CPS_API const char *cps_error_name(enum cps_code code);

/* ---- Verdicts ---------------------------------------------------------------------------------------------------- */

/* The result of verifying one message. If several PASSporTs concern the message, the smallest value is the verdict: the
 * order is that of the steps of RFC 8816 section 8.2. What each verdict proves is described at cps_receive. The values
 * are fixed. */
enum cps_verdict {
    CPS_PASSED = 0,
    CPS_REPLAYED = 1,
    CPS_MSGI_MISMATCH = 2,
    CPS_DEST_MISMATCH = 3,
    CPS_BAD_SIGNATURE = 4,
    CPS_STALE = 5,
    CPS_NOT_AUTHORIZED = 6,
    CPS_CERTIFICATE_UNREACHABLE = 7,
    CPS_UNTRUSTED_CERTIFICATE = 8,
    CPS_BAD_CERTIFICATE = 9,
    CPS_ORIG_MISMATCH = 10,
    CPS_UNSUPPORTED = 11,
    CPS_MALFORMED = 12,
    CPS_NO_PASSPORT = 13,     /* the box was read, and nothing in it is about this message */
    CPS_TIMEOUT = 14,         /* the CPS did not answer in time, so nothing is known of the message */
    CPS_CPS_UNAVAILABLE = 15, /* the CPS could not be asked, or verifying failed on our side */
    CPS_VERDICT_COUNT
};

/* Returns the name of a verdict: "passed", "no-passport", ...; never NULL. */
CPS_API const char *cps_verdict_name(enum cps_verdict verdict);

/* Returns the SIP response code of RFC 8224 for a verdict; 0 where the RFCs name none. */
CPS_API int cps_verdict_sip(enum cps_verdict verdict);

/* Returns the verdict that follows from a cause, for every code. */
CPS_API enum cps_verdict cps_verdict_of(enum cps_code code);

/* ---- The handle -------------------------------------------------------------------------------------------------- */

enum cps_replay {
    CPS_REPLAY_MEMORY, /* in the memory of this process; the default */
    CPS_REPLAY_SQLITE, /* in a file that several processes of a host share */
    CPS_REPLAY_NONE,   /* a PASSporT may be used again while it is fresh; only with max_age_s of at most 60 */
};

enum cps_crl_policy {
    CPS_CRL_IF_PRESENT = 0, /* a certificate on a list is not trusted; a missing or stale list makes no other
                               certificate untrusted */
    CPS_CRL_REQUIRED = 1    /* a certificate is not trusted unless a current list covers its issuer */
};

enum cps_log_level {
    CPS_LOG_ERROR,
    CPS_LOG_WARNING,
    CPS_LOG_NOTICE,
    CPS_LOG_INFO,
    CPS_LOG_DEBUG,
};

#define CPS_MAX_AGE_CALL_S 60      /* freshness of RFC 8816; more needs a replay memory */
#define CPS_MAX_AGE_LIMIT_S 259200 /* 72 h */

/*
 * The options of a handle. Zero or NULL selects the default everywhere, so that designated initializers suffice:
 *     struct cps_options options = {.size = sizeof(options), .cps_url = "https://cps.example.com"};
 * cps_new copies everything. Where a comment begins with a number, that is the default.
 */
struct cps_options {
    size_t size; /* sizeof(struct cps_options) as the caller was compiled; fields that it lacks have their default */

    /* The CPS. */
    const char *cps_url;          /* https://host[:port][/prefix] of the CPS for destinations whose CPS is not known
                                     otherwise (see below); up to 8 URLs with commas between them are servers of one
                                     CPS, in order of preference. NULL: only what needs no CPS works */
    const char *tls_ca_file;      /* PEM, the authorities for the CPS's TLS certificate; NULL: the system's */
    const char *tls_cert_file;    /* PEM; our client certificate, with tls_key_file; NULL: none */
    const char *tls_key_file;     /* PEM */
    uint32_t connect_timeout_ms;  /* 3,000 */
    uint32_t request_timeout_ms;  /* 5,000; a waiting retrieve may take longer, by its waiting time */
    uint32_t max_connections;     /* 16 to the CPS, kept alive */
    uint32_t max_in_flight;       /* 1,024 operations; beginning another gives CPS_E_BUSY */
    uint32_t max_response_octets; /* 8,388,608 */

    /* Trusted roots. */
    const char *trust_file; /* PEM, the STI roots; NULL: nothing can be verified (CPS_E_CONFIG). A root that cannot be
                               used is skipped with a warning in the log; CPS_E_CERT if none is left */
    /* Signed lists of roots as the STI-PA publishes them (sticaList.jwt), in addition to trust_file or in its place.
     * They are read and fetched like revocation lists, see below. A list with a lower sequence than the last one is
     * refused. Without a newer one, a list stays in force for list_grace_s after its exp, with a warning in the log.
     * While a list is not in force, a certificate that leads to no root gives CPS_E_UNAVAILABLE. */
    const char *const *list_files;
    size_t list_file_count; /* at most 16 */
    const char *const *list_urls;
    size_t list_url_count;              /* at most 16 */
    const char *list_signer_roots_file; /* PEM, the root of the lists' signers, and optionally the signer's own
                                           certificate, which is otherwise fetched from the list's x5u, as for a
                                           PASSporT. It vouches for nothing else. Required if lists are named */
    const char *list_state_dir;         /* a directory of this program alone, in which the last good list of each name
                                           and its sequence are kept for the next start; NULL: not kept */
    uint32_t list_refresh_s;            /* 3,600 */
    int64_t list_grace_s;               /* 604,800; -1: no grace */

    /* Revocation lists, PEM or DER, direct or indirect. A thread of the handle reads changed files and fetches each URL
     * (https) every crl_refresh_s. A fetch that fails is tried again after a minute. If a new list cannot be used, that
     * is logged, and the previous list stays in force. */
    const char *const *crl_files; /* must exist when cps_new is called */
    size_t crl_file_count;        /* at most 64 */
    const char *const *crl_urls;  /* are fetched after cps_new; see cps_crls_refresh */
    size_t crl_url_count;         /* at most 16 */
    uint32_t crl_refresh_s;       /* 3,600 */
    const char *crl_ca_file;      /* PEM, the authorities for the TLS certificates of the servers of crl_urls and
                                     list_urls; NULL: the system's */
    const char *crl_issuer_file;  /* PEM, certificates of the issuers of indirect lists that are not roots, and of the
                                     authorities between them and their roots */
    const char *crl_signer_roots_file; /* PEM, more roots for issuers of indirect lists, in addition to trust_file.
                                          They count for lists only, not for PASSporTs or key records */
    enum cps_crl_policy crl_policy;
    const struct cps *crls_from; /* the handle that the new one replaces: what it fetched from the same URLs is used
                                    until something newer arrives. With CPS_CRL_REQUIRED and a URL that it did not have,
                                    its roots and lists stay in force until the first fetch of that URL has ended. Used
                                    only during cps_new. NULL: none */

    /* Certificates at x5u: https only, no userinfo, query, fragment or redirect, 16 KiB, one GET. A PASSporT whose
     * header contains the chain (x5c) is judged by that, and its x5u is not fetched; a bad x5c gives CPS_E_CERT,
     * whatever is at x5u. */
    /* x5u_dir takes the place of the network: the certificates of an x5u are in the file of this directory that is
     * named <SHA-256 of the URL, lower case hex>.pem or, if that is missing, like the last segment of the URL's path
     * (letters, digits, '.', '_', '-'; no leading '.'). Nothing is fetched then. */
    const char *x5u_dir;
    const char *x5u_ca_file;   /* PEM, the authorities for the TLS certificates of x5u hosts; NULL: the system's */
    const uint16_t *x5u_ports; /* NULL: 443 and 8443 */
    size_t x5u_port_count;
    bool x5u_allow_private;  /* also connects to special-purpose addresses (loopback, private, link-local, ...), which
                                are refused otherwise; for tests and closed networks */
    uint32_t x5u_timeout_ms; /* 3,000 for the whole fetch */
    uint32_t x5u_cache_max;  /* 4,096 certificate chains */
    uint32_t x5u_max_age_s;  /* 86,400: a chain is kept no longer, whatever Cache-Control and its validity allow */
    uint32_t x5u_negative_s; /* 30: a failed fetch is not repeated for this time */
    /* If a PASSporT does not verify with a cached chain, its x5u is fetched again, at most once in 10 s. */

    /* Which PASSporTs are accepted. */
    int64_t max_age_s;    /* 60; up to CPS_MAX_AGE_LIMIT_S */
    int64_t clock_skew_s; /* 60: how far iat may be ahead; -1: not at all */
    /* The number table (numbers_file) decides whether a certificate that names only SPCs covers a number, when signing
     * and when verifying: the number must belong to one of these SPCs. Without a table no SPC covers a number, unless
     * allow_spc is set: then every SPC covers every number, as in SHAKEN, and a warning is logged. With a table
     * allow_spc has no effect, and a warning says so. */
    bool allow_spc;
    /* Which types of PASSporT verify a message, with commas between them: "msg" (RFC 9475), which must be among them,
     * "shaken" (RFC 8588, attestation A only), "baseline" (RFC 8225, no type). The latter two are made for calls and do
     * not cover a text. NULL: "msg". Other types get the verdict unsupported. */
    const char *accept_types;
    bool msgi_optional; /* a "msg" PASSporT without msgi also verifies a message with a body, whatever the body is; the
                           result then has msgi_checked = false. By default it is unsupported */
    enum cps_replay replay;
    const char *replay_file;       /* for CPS_REPLAY_SQLITE; created if missing. All processes that share it must have
                                      the same max_age_s */
    uint32_t replay_max;           /* 1,000,000 PASSporTs are remembered; more give CPS_E_REPLAY_FULL */
    const struct cps *replay_from; /* with CPS_REPLAY_MEMORY, the handle that the new one replaces: they share its
                                      memory, so that a reload forgets nothing, and may be freed in any order. NULL: a
                                      memory of its own */

    /* The numbering: how numbers without '+' that the application gives are converted. */
    const char *country_code;         /* put before national numbers, such as "1"; NULL: all numbers are global */
    const char *national_prefix;      /* removed from national numbers first, such as "0" */
    const char *international_prefix; /* stands for '+', such as "00" */
    uint32_t tn_max_digits;           /* 15, at most 32 */
    uint32_t short_code_digits;       /* 6: numbers up to this length are short codes, kept as they are */
    uint32_t national_digits;         /* 0, or the length of a national number without its prefix, such as 10 with "1":
                                         tells a national number from a foreign one that lacks its '+' */

    /* What cps_receive remembers of boxes between calls. */
    uint32_t box_max;        /* 1,024 boxes */
    uint32_t box_entry_max;  /* 65,536 opened PASSporTs in all boxes together */
    uint32_t box_octets_max; /* 67,108,864, likewise */

    /* The spool: envelopes that the CPS could not take yet, in a file. See cps_spool_put. */
    const char *spool_file;      /* NULL: none. Created if missing, with mode 0600, on a local disk; needs cps_url.
                                    Processes of one user may share it. If its disk is full, an existing file is used by
                                    this handle alone */
    const char *spool_hash_key;  /* up to 256 octets; the key of the hashes by which the spool's record names the
                                    destinations of dropped envelopes; NULL: a random key for each handle */
    uint32_t spool_max;          /* 100,000 envelopes */
    uint32_t spool_octets_max;   /* 268,435,456, of envelopes; the file may be twice as large */
    uint32_t spool_parallel;     /* 8 envelopes at a time are published from the spool while the CPS accepts them */
    uint32_t spool_retry_min_ms; /* 250: the first pause is at most this long, ... */
    uint32_t spool_retry_max_ms; /* 10,000: ... later ones, each at most twice as long, never longer than this */
    bool spool_sync;             /* spooled envelopes also survive a loss of power (SQLite's synchronous=FULL), at the
                                    price of waiting for the disk; otherwise (NORMAL) they survive any end of the
                                    process, but a loss of power may take those of the last seconds */

    /* Hooks. They are called on any thread, must not block, and must not call the library. */
    void (*log)(void *arg, enum cps_log_level level,
                const char *line); /* NULL: no log. Lines hold no numbers and no content */
    void *log_arg;
    int64_t (*now)(void *arg); /* the clock, seconds; NULL: the system's. For tests */
    void *now_arg;

    /*
     * How a destination's keys and CPS are found.
     *
     * Keys: those of pinned_file, else those of all key records of the destination (RFC 8816 section 8.1 step 3). The
     * records come from the directory (GET /keys/{dest}) of the number table's CPS, else of cps_url. A record of the
     * number does not hide that of its provider. Each record is verified against the trusted roots as of now, and must
     * be about the number itself, or about the provider to which numbers_file assigns it. A bad one is logged and left
     * out, and so is one that is older than a record of the same issuer that was seen before. At most CPS_RECORDS_MAX
     * records and CPS_FOUND_KEYS keys are used, every record's first key before any record's second one.
     *
     * CPS: an envelope goes to the CPS of the record that lists its key. For a record of the number or its range, that
     * is the CPS that the record names, else the number table's, else cps_url. For a provider's record it is the number
     * table's, else the record's, else cps_url. Boxes are read at the number table's CPS, else at that of the most
     * specific record (with route_by_record), else at cps_url. If a CPS has several URLs, a server that fails is left
     * alone for a while (1 s, then longer, up to 30 s, and until it answers GET /health), and the next one is asked
     * within the same request_timeout_ms. If none of them answers, see cps_away.
     */
    const char *numbers_file;  /* CSV: prefix,spc[,cps_url]; the longest prefix counts; several URLs with '|' between.
                                  Also decides which numbers a certificate that names only SPCs covers, and which ones
                                  such a CA can delegate (RFC 9060). NULL: no number belongs to a provider */
    const char *pinned_file;   /* JSON: {"12155551212": [JWK, ...], "1215555*": {"keys": [...]}, "*": [...]}: keys by
                                  number, by the longest prefix, or for all, as an array or a JWK Set; NULL: none */
    bool route_by_record;      /* the destination's record also decides, and is looked up first, where to publish with
                                  given keys, to retrieve and to receive. For keys that are found it always decides */
    bool record_allow_private; /* a record's CPS may be at a special-purpose address (loopback, private, ...), which is
                                  refused otherwise; for tests and closed networks */
    uint32_t key_cache_max;    /* 4,096 destinations */
    uint32_t key_max_age_s;    /* 3,600: a record is fetched again after this, whatever Cache-Control allows */
    uint32_t key_negative_s;   /* 30: a failed lookup is not repeated for this time */

    /* The credential for the CPS: with an STI certificate each request carries a bearer token of its own (ATIS-1000096,
     * ATIS-1000105), made when it is sent. A carrier's CPS demands one unless its policy is `open`. A TLS client
     * certificate (tls_cert_file) is an alternative. */
    const char *auth_cert_file; /* PEM, leaf first; needs auth_key_file; NULL: no tokens */
    const char *auth_key_file;  /* file or URI, as in cps_key_load */
    const char *auth_x5u;       /* https URL of the same chain; NULL: each token contains the chain (x5c) */
    const char *auth_spc;       /* the SPC to act as; NULL: the certificate's first SPC, else its first number */
    const char *auth_audience;  /* the audience of tokens; NULL: the host of the URL that is asked */
    bool shared_passport;       /* cps_send: one PASSporT names all destinations of a message, so that each learns of
                                   the others. Default: one PASSporT for each */
    bool holder;                /* the credential is that of the boxes' holder: boxes are read without dummies */
    bool claim;                 /* cps_receive takes the envelope of a message that passes out of its box, which the CPS
                                   lets only one caller do: so several hosts can receive for the same numbers without
                                   passing a message twice. Needs the holder's credential; see cps_receive */
};

struct cps;

/* Makes a handle: checks the options and reads the files. The caller frees *out with cps_free. CPS_E_CONFIG names the
 * option; CPS_E_IO, CPS_E_CERT, CPS_E_CERT_UNTRUSTED and CPS_E_CRL name the file; CPS_E_KEY, CPS_E_JSON, CPS_E_X5U,
 * CPS_E_CERT_SCOPE, CPS_E_TOO_BIG, CPS_E_REPLAY_STORE, CPS_E_SPOOL_STORE, CPS_E_UNAVAILABLE, CPS_E_INVAL,
 * CPS_E_NOMEM. */
CPS_API enum cps_code cps_new(struct cps **out, const struct cps_options *options,
                              struct cps_error *err) CPS_MUST_CHECK;

/* Ends the handle's threads and frees it. Operations in the background end with CPS_E_CLOSED, and their callbacks are
 * called before this returns. Must not be called while another thread is in a function with this handle, nor from a
 * callback, where it only logs an error. NULL is fine. */
CPS_API void cps_free(struct cps *cps);

/* Returns the version of the library, such as "1.0.0". */
CPS_API const char *cps_version(void);

/* Reads and fetches all revocation lists and lists of roots now, and waits until that is done, at most 30 s for each
 * URL. Returns CPS_OK if every list is good, or if none is configured; otherwise the first failure, and a list that
 * failed is replaced by nothing: the previous one stays in force. CPS_E_IO, CPS_E_CRL, CPS_E_CERT_UNTRUSTED (its
 * issuer), CPS_E_CONNECT, CPS_E_TLS, CPS_E_TIMEOUT, CPS_E_PROTOCOL, CPS_E_IN_CALLBACK, CPS_E_CLOSED. */
CPS_API enum cps_code cps_crls_refresh(struct cps *cps, struct cps_error *err) CPS_MUST_CHECK;

/* The state of one list. */
struct cps_crl_status {
    char name[256]; /* path or URL; cut if longer */
    bool is_url;
    bool is_roots;     /* a list of roots; else a revocation list */
    bool in_force;     /* a good one is in use */
    int64_t exp;       /* when the list in use expires, in seconds: exp of a list of roots, the earliest nextUpdate of
                          a revocation list; 0: no list is in use */
    int64_t good_at;   /* when a good list was last read or fetched, in seconds; 0: never */
    uint64_t failures; /* number of failed attempts since cps_new */
    char error[256];   /* why the last attempt failed; "" if it succeeded */
};

/* Writes the state of up to cap lists, revocation lists first, and returns the number of all lists. Never waits for the
 * network. */
CPS_API size_t cps_crls_status(const struct cps *cps, struct cps_crl_status *out, size_t cap);

/* ---- Keys and signers -------------------------------------------------------------------------------------------- */

/* An encryption key of a destination, X25519 or P-256, public or private. Decoded once, used many times. */
struct cps_key;

/* Opens a key: a file (PEM, DER, JWK, or a JWK Set, of which the first usable key is taken) or a URI that an OpenSSL
 * provider knows. A key in a token (pkcs11:) can only sign: see cps_signer_open. A JWK whose "use", "key_ops" or "alg"
 * excludes encryption is not used. The caller frees *out with cps_key_free. CPS_E_KEY, CPS_E_IO. */
CPS_API enum cps_code cps_key_load(struct cps_key **out, const char *uri, bool want_private,
                                   struct cps_error *err) CPS_MUST_CHECK;

#define CPS_KEYS_MAX 64 /* keys of one recipient, or of one receiver */

/* Opens all keys of a file: those of a JWK Set that are for encryption (RFC 7517 section 5), otherwise the one that
 * cps_key_load opens. Writes at most max keys (1 to CPS_KEYS_MAX) to out, and their number, at least 1, to *count. The
 * caller frees each with cps_key_free. CPS_E_KEY, also if the file has more than max; CPS_E_IO, CPS_E_INVAL. */
CPS_API enum cps_code cps_keys_load(struct cps_key **out, size_t max, size_t *count, const char *uri, bool want_private,
                                    struct cps_error *err) CPS_MUST_CHECK;

/* Makes a key from the text of a JWK, as cps_key_load does. CPS_E_JSON, CPS_E_KEY. */
CPS_API enum cps_code cps_key_from_jwk(struct cps_key **out, const char *jwk, size_t len, bool want_private,
                                       struct cps_error *err) CPS_MUST_CHECK;

/* Gives back the caller's reference; operations that still use the key keep their own. */
CPS_API void cps_key_free(struct cps_key *key);

/* A signer: a P-256 private key, its certificate chain, and the URL where verifiers find the chain. */
struct cps_signer;

struct cps_signer_options {
    size_t size;     /* sizeof(struct cps_signer_options) */
    const char *key; /* a file, or the URI of a key in a token or HSM (pkcs11:token=...;object=...?pin-source=...,
                        RFC 7512), through OpenSSL's provider or engine for PKCS#11 */
    const char *chain_file; /* PEM, leaf first; the leaf is the certificate of the key */
    const char *x5u;        /* https URL of the same chain */
    bool with_chain;        /* puts the chain into envelopes, for receivers that read them when x5u no longer serves it
                               (RFC 9475 section 4), or that cannot fetch */
};

/* Opens a signer, once for many messages. The caller frees *out with cps_signer_free. CPS_E_KEY (also if key and
 * certificate do not belong together), CPS_E_CERT, CPS_E_X5U, CPS_E_IO, CPS_E_INVAL. */
CPS_API enum cps_code cps_signer_open(struct cps_signer **out, const struct cps_signer_options *options,
                                      struct cps_error *err) CPS_MUST_CHECK;

/* Gives back the caller's reference; operations that still use the signer keep their own. */
CPS_API void cps_signer_free(struct cps_signer *signer);

/* ---- Tenants ----------------------------------------------------------------------------------------------------- */

/*
 * A table of tenants: the customers that may be signed for. An authentication service signs only what its customer may
 * claim (RFC 8816 section 8.1 step 2). A tenant is known by a name that the caller has authenticated, such as an SMPP
 * bind's system_id or an account. It has a certificate with its key, and the numbers and alphanumeric senders that it
 * may originate from. Anything else is not signed (CPS_E_OUTSIDE), whatever the certificate covers.
 *
 * Any number of threads may use a table at once, and change it: an operation that was begun with a tenant continues
 * with the key, the certificate and the numbers that the tenant had then.
 */
struct cps_tenants;

struct cps_tenants_options {
    size_t size;                     /* sizeof(struct cps_tenants_options) */
    const char *alphanumeric_domain; /* an alphanumeric sender is signed as sip:<sender>@<this>; NULL or "": it is not
                                        signed, and the tenants' senders have no effect */
    bool with_chain;                 /* as in struct cps_signer_options, for all tenants */
};

struct cps_tenant {
    size_t size;              /* sizeof(struct cps_tenant) */
    const char *const *names; /* the tenant's names: at least one, of 1 to 63 octets each */
    size_t name_count;
    const char *key; /* as in struct cps_signer_options, as are the next two */
    const char *chain_file;
    const char *x5u;
    const char *numbers; /* in canonical form, with white space or commas between them: numbers (12155551212), ranges
                            (12155551000-12155551999) and prefixes (1215555*); NULL: none */
    const char *senders; /* alphanumeric senders, with commas between them ("Parcel Co, Bank"), upper and lower case
                            alike; NULL: none */
};

/* Makes an empty table. options may be NULL. The caller frees *out with cps_tenants_free. CPS_E_INVAL, CPS_E_NOMEM. */
CPS_API enum cps_code cps_tenants_new(struct cps_tenants **out, const struct cps_tenants_options *options,
                                      struct cps_error *err) CPS_MUST_CHECK;

/* Frees the table. Signers that it has handed out stay valid. */
CPS_API void cps_tenants_free(struct cps_tenants *tenants);

/*
 * Reads tenants from a file, or from the files NAME.conf of a directory: a section [tenant] with key, certificate, x5u,
 * numbers, names (alphanumeric senders) and system_id (the tenant's names; by default the file's name without .conf).
 * They replace everything in the table; on failure it stays as it was. CPS_E_IO, and CPS_E_CONFIG (also for two tenants
 * of one name), name the file and the key in it; otherwise as cps_signer_open.
 */
CPS_API enum cps_code cps_tenants_load(struct cps_tenants *tenants, const char *path,
                                       struct cps_error *err) CPS_MUST_CHECK;

/* Adds a tenant. A name that another tenant has now belongs to the new one. CPS_E_INVAL, CPS_E_CONFIG (numbers,
 * senders), otherwise as cps_signer_open. */
CPS_API enum cps_code cps_tenants_put(struct cps_tenants *tenants, const struct cps_tenant *tenant,
                                      struct cps_error *err) CPS_MUST_CHECK;

/* Returns the number of tenants, whatever number of names each has. */
CPS_API size_t cps_tenants_count(struct cps_tenants *tenants);

/* Gets the signer of a tenant, for cps_sign, cps_send and the like, which then refuse a sender that is not the tenant's
 * with CPS_E_OUTSIDE. The caller frees *out with cps_signer_free. CPS_E_NOT_FOUND: no tenant has this name. */
CPS_API enum cps_code cps_tenants_signer(struct cps_tenants *tenants, const char *name, struct cps_signer **out,
                                         struct cps_error *err) CPS_MUST_CHECK;

/* ---- Messages, PASSporTs, envelopes ------------------------------------------------------------------------------ */

#define CPS_ID_LEN 22 /* characters of an envelope's id: base64url of the first 16 octets of its SHA-256 */

#define CPS_READINGS_MAX 7  /* readings of a message besides its body */
#define CPS_READING_NAME 16 /* octets of a reading's name with its NUL */

/* Another body that the message may have had when it was signed, because a network has changed the octets but not the
 * text. <stir-cps/cps_smpp.h> makes and lists them. */
struct cps_reading {
    const char *name; /* such as "nfc"; fewer than CPS_READING_NAME octets */
    const void *body;
    size_t body_len;
};

/* A message. The body is the whole MIME body, as RFC 9475 digests it: for SMS the text as UTF-8, with all segments
 * joined. It is digested octet by octet, without any change. */
struct cps_message {
    const char *orig;
    const char *const *dest; /* at least one; for verifying, where the message arrived */
    size_t dest_count;
    const void *body; /* NULL: no body, hence no msgi; an empty body is not NULL */
    size_t body_len;
    int64_t iat;                        /* signing: the time of issue, in seconds; 0: now */
    const struct cps_reading *readings; /* verifying: a PASSporT of one of these bodies vouches for the message too.
                                           They need a body. Not used for signing */
    size_t reading_count;               /* 0..CPS_READINGS_MAX */
    bool announced;                     /* cps_receive: cps_announce was called for this message, and is revoked */
};

/* Signs a "msg" PASSporT (RFC 8816 section 8.1 steps 1, 2 and 4). *passport is NUL-terminated, and the caller frees it
 * with cps_text_free; len may be NULL. Refuses an orig that the signer's certificate does not cover (CPS_E_CERT_SCOPE),
 * claims that its claim constraints forbid (CPS_E_CERT_CONSTRAINT), an iat at which it is not valid (CPS_E_CERT_TIME),
 * and an orig that is not the tenant's, for a tenant's signer (CPS_E_OUTSIDE). CPS_E_TN, CPS_E_URI, CPS_E_INVAL,
 * CPS_E_TOO_BIG. */
CPS_API enum cps_code cps_sign(struct cps *cps, const struct cps_signer *signer, const struct cps_message *message,
                               char **passport, size_t *len, struct cps_error *err) CPS_MUST_CHECK;

/* Frees a text that a function of this header has returned. */
CPS_API void cps_text_free(char *text);

/* Signs for the tenant of that name, as cps_sign does. Also CPS_E_NOT_FOUND and CPS_E_OUTSIDE. */
CPS_API enum cps_code cps_sign_as(struct cps *cps, struct cps_tenants *tenants, const char *tenant,
                                  const struct cps_message *message, char **passport, size_t *len,
                                  struct cps_error *err) CPS_MUST_CHECK;

/* An encrypted PASSporT. */
struct cps_envelope {
    char id[CPS_ID_LEN + 1];
    char *text; /* JWE in compact form, NUL-terminated */
    size_t len;
    /* From cps_retrieve; the CPS tells this to the holder of the box (options holder, claim). */
    bool taken;     /* a holder has taken it out of the box: its PASSporT was used */
    int64_t age_ms; /* time since it reached the CPS; -1: not known */
};

struct cps_envelopes {
    struct cps_envelope *items;
    size_t count;
    char *cursor; /* from cps_retrieve: pass it as `after` to get only what arrives later; else NULL */
};

/* Frees what the struct points to, and zeroes it. */
CPS_API void cps_envelopes_clear(struct cps_envelopes *envelopes);

/* Computes the id of an envelope, NUL-terminated. CPS_E_CRYPTO. */
CPS_API enum cps_code cps_envelope_id(char out[CPS_ID_LEN + 1], const char *envelope, size_t len,
                                      struct cps_error *err) CPS_MUST_CHECK;

/* Encrypts a PASSporT: one envelope for each key, in the order of the keys. chain_of: the signer whose certificate
 * chain goes into the envelopes, or NULL. The caller clears *out with cps_envelopes_clear. CPS_E_INVAL, CPS_E_PASSPORT
 * (not in full form), CPS_E_TOO_BIG (more than 8,192 octets with the chain), CPS_E_KEY. */
CPS_API enum cps_code cps_seal(struct cps *cps, const char *passport, size_t len, const struct cps_signer *chain_of,
                               const struct cps_key *const *keys, size_t key_count, struct cps_envelopes *out,
                               struct cps_error *err) CPS_MUST_CHECK;

/* A certificate in DER. */
struct cps_der {
    const uint8_t *ptr;
    size_t len;
};

#define CPS_CHAIN_MAX 8

/* A decrypted envelope. */
struct cps_opened {
    char *passport; /* NUL-terminated; neither parsed nor verified */
    size_t passport_len;
    struct cps_der x5c[CPS_CHAIN_MAX]; /* the certificate chain from the envelope, leaf first */
    size_t x5c_count;
    size_t key_index; /* index of the key that opened it */
    void *owned;      /* private */
};

/* Decrypts an envelope with the first of the private keys that fits. The caller clears *out with cps_opened_clear.
 * CPS_E_DECRYPT, CPS_E_JWE, CPS_E_ALG, CPS_E_PLAINTEXT, CPS_E_BASE64, CPS_E_JSON, CPS_E_TOO_BIG. */
CPS_API enum cps_code cps_open(struct cps *cps, const char *envelope, size_t len, const struct cps_key *const *keys,
                               size_t key_count, struct cps_opened *out, struct cps_error *err) CPS_MUST_CHECK;

/* Overwrites and frees what the struct points to, and zeroes it. */
CPS_API void cps_opened_clear(struct cps_opened *opened);

/* ---- Authentication service: publishing -------------------------------------------------------------------------- */

#define CPS_LOCATION_MAX 1024

struct cps_published {
    struct cps_error error;
    bool existed;                    /* the CPS already had this envelope */
    char location[CPS_LOCATION_MAX]; /* of the envelope, as the CPS gave it: relative to its URL, or absolute */
};
typedef void (*cps_published_cb)(void *arg, const struct cps_published *result);

/* Stores one envelope in the box of dest. ttl_s: how long the CPS keeps it; 0: as the CPS decides. out may be NULL.
 * After CPS_OK the CPS has the envelope, and the message may be sent. Repeating the call is harmless. CPS_E_CONNECT,
 * CPS_E_TLS, CPS_E_TIMEOUT, CPS_E_PROTOCOL, CPS_E_REFUSED, CPS_E_UNAUTHORIZED, CPS_E_FORBIDDEN, CPS_E_BOX_FULL,
 * CPS_E_UNAVAILABLE, CPS_E_AWAY, CPS_E_BUSY, CPS_E_TN, CPS_E_URI, CPS_E_TOO_BIG. */
CPS_API enum cps_code cps_publish(struct cps *cps, const char *dest, const char *envelope, size_t len, uint32_t ttl_s,
                                  struct cps_published *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_publish_async(struct cps *cps, const char *dest, const char *envelope, size_t len,
                                        uint32_t ttl_s, cps_published_cb callback, void *arg,
                                        struct cps_error *err) CPS_MUST_CHECK;

/* A destination and its public keys. */
struct cps_recipient {
    const char *dest; /* one of the message's destinations */
    const struct cps_key *const *keys;
    size_t key_count; /* 0: the keys and the CPS are found, see struct cps_options */
};

struct cps_sent {
    struct cps_error error; /* the first failure, if any */
    char *passport;         /* for the message's first destination, NUL-terminated */
    size_t passport_len;
    size_t passports;             /* PASSporTs signed: one for each destination, or one for all */
    size_t envelopes;             /* envelopes made: one for each key of each recipient */
    size_t published;             /* envelopes that the CPS has accepted */
    size_t octets;                /* of all envelopes together */
    size_t spooled;               /* cps_send_with_spool: envelopes that wait in the spool */
    struct cps_error spooled_for; /* why the first of those could not be published, if that was tried */
};
typedef void (*cps_sent_cb)(void *arg, const struct cps_sent *result);

/* Signs, seals and publishes: all of RFC 8816 section 8.1. Makes one PASSporT for each dest of the message, so that
 * recipients do not learn of each other, unless the option shared_passport is set, and one envelope for each key, in
 * the box of its dest. Returns CPS_OK only if all were stored, otherwise the first failure: what cps_sign, cps_seal,
 * cps_publish and cps_find_keys return, with CPS_E_KEY in place of CPS_E_CERT_SCOPE for a recipient's record. A
 * recipient whose keys cannot be found gets nothing, while the others do. out is always filled, may be NULL, and is
 * cleared with cps_sent_clear. The callback form signs before it returns, and seals too where keys are given. */
CPS_API enum cps_code cps_send(struct cps *cps, const struct cps_signer *signer, const struct cps_message *message,
                               const struct cps_recipient *recipients, size_t recipient_count, uint32_t ttl_s,
                               struct cps_sent *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_send_async(struct cps *cps, const struct cps_signer *signer,
                                     const struct cps_message *message, const struct cps_recipient *recipients,
                                     size_t recipient_count, uint32_t ttl_s, cps_sent_cb callback, void *arg,
                                     struct cps_error *err) CPS_MUST_CHECK;

/* Frees what the struct points to, and zeroes it. */
CPS_API void cps_sent_clear(struct cps_sent *sent);

/* ---- The spool --------------------------------------------------------------------------------------------------- */

/*
 * A handle with a spool_file keeps envelopes that the CPS cannot accept at the moment, and publishes them later in the
 * background. From cps_new on it also publishes those that an earlier process has left in the file, however that ended.
 * The file holds envelopes, the dest of each, and its CPS if a key record named one; nothing secret is in it in clear.
 *
 * While the CPS is away, one envelope at a time is tried, after pauses of random length. Their upper bound doubles from
 * spool_retry_min_ms to spool_retry_max_ms, and none is shorter than the CPS's Retry-After (up to an hour). When the
 * CPS answers again, the rest follows: first one at a time, then more, up to spool_parallel. An answer that concerns
 * one box (429) delays only that box, and one of a CPS that a record names delays only that envelope. An envelope
 * leaves the spool when the CPS has it, when it is no longer fresh, or when the CPS refuses it for good. The latter two
 * are counted and recorded (table `dropped`: minute, reason, keyed hash of dest, count). Publishing twice is harmless,
 * so an envelope is tried again whenever its outcome is not known.
 *
 * While the disk is full or fails, no more envelopes can be spooled. Those in the file are still published, and their
 * results are recorded when the disk can be written again.
 *
 * Processes that share a file share its work: an envelope is lent to one of them for a little more than
 * request_timeout_ms, and to another if it has no outcome by then.
 */

/* Why an envelope was dropped. */
enum cps_spool_reason {
    CPS_SPOOL_STALE = 0,    /* it was no longer fresh before the CPS accepted it */
    CPS_SPOOL_REFUSED = 1,  /* the CPS refused it for good */
    CPS_SPOOL_FULL = 2,     /* spool_max or spool_octets_max was reached; the caller got CPS_E_SPOOL_FULL */
    CPS_SPOOL_UNUSABLE = 3, /* its entry in the file is damaged */
    CPS_SPOOL_NO_DISK = 4,  /* the disk could not be written; the caller got CPS_E_SPOOL_FULL or CPS_E_SPOOL_STORE */
    CPS_SPOOL_REASON_COUNT
};

/* Returns the name of a reason: "stale", "refused", "full", "unusable" or "disk"; never NULL. */
CPS_API const char *cps_spool_reason_name(enum cps_spool_reason reason);

/* Whether the spool's file can be written. */
enum cps_spool_disk {
    CPS_SPOOL_DISK_GOOD = 0,
    CPS_SPOOL_DISK_FULL = 1,    /* the disk is full: new envelopes are not kept */
    CPS_SPOOL_DISK_FAILING = 2, /* writing fails otherwise: likewise */
};

/* The state of a spool. Counts are those of the file since it was created, by all processes that use it, plus what this
 * handle could not write there yet. */
struct cps_spool_stats {
    uint64_t queued;          /* envelopes that are waiting */
    uint64_t octets;          /* of those envelopes */
    int64_t oldest_s;         /* age of the oldest of those, in seconds; 0: none is waiting */
    uint64_t published;       /* envelopes that were published from the spool */
    uint64_t dropped[8];      /* envelopes dropped, by enum cps_spool_reason */
    unsigned under_way;       /* envelopes that this handle is publishing now */
    bool away;                /* this handle has found that the CPS does not answer */
    enum cps_spool_disk disk; /* the result of this handle's last attempt to write */
};

/* Gets the state of the spool, at most a second old. Never blocks; may be called anywhere, also in callbacks.
 * CPS_E_INVAL, CPS_E_CONFIG (the handle has no spool). */
CPS_API enum cps_code cps_spool_stats(const struct cps *cps, struct cps_spool_stats *out,
                                      struct cps_error *err) CPS_MUST_CHECK;

struct cps_spooled {
    struct cps_error error;
};
typedef void (*cps_spooled_cb)(void *arg, const struct cps_spooled *result);

/*
 * Puts an envelope into the spool, to be published in the box of dest as soon as the CPS accepts it. fresh_until: when
 * it is no longer of use, in seconds, at most 72 h from now; 0: in ttl_s, or if that is 0 in max_age_s. ttl_s: how long
 * from now the CPS is to keep it, of which the rest is asked for when it is published; 0: as the CPS decides. After
 * CPS_OK the file has the envelope. One that is in the spool already is not added again.
 *
 * CPS_E_CONFIG (the handle has no spool), CPS_E_SPOOL_FULL (spool_max, spool_octets_max or the disk, after stale
 * envelopes were dropped), CPS_E_SPOOL_STORE, CPS_E_STALE, CPS_E_BUSY (4,096 others wait for the disk), CPS_E_TN,
 * CPS_E_URI, CPS_E_JWE and the other codes for a text that is not an envelope, CPS_E_INVAL, CPS_E_NOMEM, CPS_E_CLOSED.
 */
CPS_API enum cps_code cps_spool_put(struct cps *cps, const char *dest, const char *envelope, size_t len, uint32_t ttl_s,
                                    int64_t fresh_until, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_spool_put_async(struct cps *cps, const char *dest, const char *envelope, size_t len,
                                          uint32_t ttl_s, int64_t fresh_until, cps_spooled_cb callback, void *arg,
                                          struct cps_error *err) CPS_MUST_CHECK;

/* How cps_send_with_spool uses the spool. */
enum cps_spooling {
    CPS_SPOOL_NEVER = 0,      /* as cps_send */
    CPS_SPOOL_ON_FAILURE = 1, /* publishes, and spools what fails for a reason that may pass: CPS_E_CONNECT, CPS_E_TLS,
                                 CPS_E_TIMEOUT, CPS_E_UNAVAILABLE, CPS_E_AWAY, CPS_E_BOX_FULL, CPS_E_BUSY, CPS_E_CLOSED,
                                 CPS_E_CERT_TIME (of the credential for the CPS). Spools at once while the CPS is known
                                 to be away */
    CPS_SPOOL_FIRST = 2,      /* spools, and ends when the file has the envelopes: they are published right afterwards,
                                 or later if the process ends before */
};

/* Sends as cps_send does, and spools envelopes that the CPS does not accept now. Returns CPS_OK if the CPS or the spool
 * has every envelope: out->published and out->spooled count them. Spooled envelopes are fresh for ttl_s, or if that is
 * 0 for max_age_s, from the message's iat. Also what cps_spool_put returns, if an envelope could be neither published
 * nor spooled. */
CPS_API enum cps_code cps_send_with_spool(struct cps *cps, const struct cps_signer *signer,
                                          const struct cps_message *message, const struct cps_recipient *recipients,
                                          size_t recipient_count, uint32_t ttl_s, enum cps_spooling spooling,
                                          struct cps_sent *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_send_with_spool_async(struct cps *cps, const struct cps_signer *signer,
                                                const struct cps_message *message,
                                                const struct cps_recipient *recipients, size_t recipient_count,
                                                uint32_t ttl_s, enum cps_spooling spooling, cps_sent_cb callback,
                                                void *arg, struct cps_error *err) CPS_MUST_CHECK;

/* Sends for the tenant of that name, as cps_send_with_spool does. Also CPS_E_NOT_FOUND and CPS_E_OUTSIDE. For the
 * callback form, pass the signer from cps_tenants_signer to cps_send_with_spool_async and free it at once: the
 * operation keeps what it needs. */
CPS_API enum cps_code cps_send_as(struct cps *cps, struct cps_tenants *tenants, const char *tenant,
                                  const struct cps_message *message, const struct cps_recipient *recipients,
                                  size_t recipient_count, uint32_t ttl_s, enum cps_spooling spooling,
                                  struct cps_sent *out, struct cps_error *err) CPS_MUST_CHECK;

/* ---- Verification service ---------------------------------------------------------------------------------------- */

struct cps_retrieved {
    struct cps_error error;
    struct cps_envelopes envelopes;
};
typedef void (*cps_retrieved_cb)(void *arg, const struct cps_retrieved *result);

/* Empties the box of dest, as its holder, without reading it (DELETE of the box): for a box that an attacker has
 * filled. The CPS still remembers which envelopes were taken before. Repeating the call is harmless. Blocking form
 * only. Codes as cps_publish; CPS_E_FORBIDDEN: the credential is not the holder's. */
CPS_API enum cps_code cps_empty(struct cps *cps, const char *dest, struct cps_error *err) CPS_MUST_CHECK;

/* Reads the box of dest, in order of arrival, real envelopes and dummies alike. after: a cursor from an earlier call,
 * or NULL for all. wait_ms: how long the CPS may wait for the next envelope if there is none, rounded up to seconds.
 * The caller clears *out with cps_envelopes_clear. Codes as cps_publish. */
CPS_API enum cps_code cps_retrieve(struct cps *cps, const char *dest, const char *after, uint32_t wait_ms,
                                   struct cps_envelopes *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_retrieve_async(struct cps *cps, const char *dest, const char *after, uint32_t wait_ms,
                                         cps_retrieved_cb callback, void *arg, struct cps_error *err) CPS_MUST_CHECK;

/* Octets of texts in a result, with their NUL. */
#define CPS_SIGNER_MAX 128
#define CPS_PPT_MAX 32
#define CPS_AUTHORITY_MAX 40

/* The result of verifying a message. The caller clears it with cps_result_clear. */
struct cps_result {
    enum cps_verdict verdict;
    struct cps_error error; /* CPS_OK only if the verdict is passed; otherwise the cause, with the reason as text */
    char *passport;         /* the PASSporT that the verdict is about, NUL-terminated; NULL if there is none */
    size_t passport_len;
    char ppt[CPS_PPT_MAX];       /* its type: "msg", "shaken", ...; "baseline" if it has none; "" if there is no
                                    PASSporT. Cut if longer */
    char attest[2];              /* "A", "B" or "C": the attestation level of a "shaken" PASSporT; else "" */
    int64_t iat;                 /* its time of issue, in seconds; 0 if unknown */
    char signer[CPS_SIGNER_MAX]; /* for people: the certificate's first SPC as "spc:1234", else its common name; ""
                                    unless the certificate was found trustworthy */
    char authority[CPS_AUTHORITY_MAX]; /* for programs: the certificate's first SPC as "spc:1234", else its first
                                          number (or that of a range) as "tn:12155551212"; "" as for signer */
    bool by_spc;                       /* the signer's authority over orig comes from an SPC, by the number table or by
                                          allow_spc */
    bool msgi_checked;                 /* the body was compared with the PASSporT's digest */
    char reading[CPS_READING_NAME];    /* name of the reading that has the PASSporT's digest; "": the body has it */
    char envelope_id[CPS_ID_LEN + 1];  /* cps_receive: the envelope that it came in; else "" */
    size_t candidates; /* cps_receive: number of PASSporTs from orig in the box, including those of other
                          messages; not counted if the message passed */
};
typedef void (*cps_result_cb)(void *arg, const struct cps_result *result);

/* Frees what the struct points to. It then holds no verdict that passes. */
CPS_API void cps_result_clear(struct cps_result *result);

/*
 * Verifies one PASSporT against a message, in the order of RFC 8816 section 8.2: type, orig, credentials (the chain in
 * x5c, else that at x5u; trusted as of iat; authority over orig; claim constraints), freshness, signature, dest, msgi,
 * and last whether it was used before. Only a PASSporT that passes is remembered as used. message NULL: checks only
 * what concerns the PASSporT alone, and remembers nothing. Returns CPS_OK only if the verdict is passed, otherwise the
 * cause. out always holds the verdict and may be NULL.
 */
CPS_API enum cps_code cps_verify_passport(struct cps *cps, const char *passport, size_t len, const struct cps_der *x5c,
                                          size_t x5c_count, const struct cps_message *message,
                                          struct cps_result *out) CPS_MUST_CHECK;
CPS_API enum cps_code cps_verify_passport_async(struct cps *cps, const char *passport, size_t len,
                                                const struct cps_der *x5c, size_t x5c_count,
                                                const struct cps_message *message, cps_result_cb callback, void *arg,
                                                struct cps_error *err) CPS_MUST_CHECK;

/*
 * Verifies a message that has arrived: reads the box of its only dest, opens the envelopes that were not opened yet
 * with the private keys, newest first, and verifies the PASSporTs whose orig is the message's. The best verdict counts.
 * Only `passed` ends the call early; otherwise it waits up to wait_ms for more envelopes (0: reads the box once).
 * Requests to the CPS and to certificate hosts can prolong the call by request_timeout_ms and x5u_timeout_ms.
 *
 * A PASSporT is evidence about one message only:
 * - passed: orig, dest and text are as signed. The message uses up one PASSporT of each signer that vouches for the
 * same orig, dest and text, those nearest in iat (RFC 8816 section 5: a message may have PASSporTs of several signers).
 * A PASSporT that names several destinations is valid once at each.
 * - replayed: the PASSporT fits in orig, dest and text, and was used before.
 * - msgi-mismatch: no PASSporT has the message's text, but one from orig to dest is good in everything else, unused,
 *   fresh when the message arrived, was at the CPS before the message arrived, and belongs to no other message that
 *   arrived. A message whose PASSporT was not found (no-passport, timeout, cps-unavailable, or announced with
 *   cps_announce) may be the one that it belongs to, if it was issued before that message arrived. So there must be
 * more such PASSporTs from orig to dest than such messages; otherwise the verdict is no-passport. The PASSporT then
 * counts as this message's, and is not evidence about a third one.
 * - other verdicts about a PASSporT: it has the message's text, or no digest of a text.
 * - malformed: an envelope opens but does not hold a PASSporT; its sender and text, as far as they can be read, are
 * this message's, and the other conditions of msgi-mismatch hold.
 * - no-passport: the box was read, for all of wait_ms, and there is no such evidence.
 * - timeout: the CPS was reached but did not answer. cps-unavailable: the CPS could not be asked. Once the box was
 * read, a later failure to read it does not change the verdict. Whether a PASSporT was at the CPS before the message,
 * the CPS tells the holder (options holder, claim). For others it is derived from the first read of the box after the
 * message arrived, and from iat.
 *
 * With the option claim, a PASSporT that passes is first taken out of its box (DELETE), which the CPS lets only one
 * caller do. Of several hosts that receive for a destination, one passes the message, and the others get replayed. If
 * the CPS does not have the PASSporT, nobody has taken it if it is less than 90 s old; an older one is stale. If the
 * CPS does not answer that question, the verdict is cps-unavailable or timeout, and the PASSporT may be tried again.
 *
 * The handle keeps, for each dest and set of keys, the cursor, the opened PASSporTs while they are fresh and within
 * box_*, and envelopes that no message has needed yet (in a quarter of box_octets_max): each is fetched once and
 * decrypted at most once, whatever number of messages is waiting. Returns as cps_verify_passport. In the callback form,
 * decrypting and verifying happen on the I/O thread.
 */
CPS_API enum cps_code cps_receive(struct cps *cps, const struct cps_message *message, const struct cps_key *const *keys,
                                  size_t key_count, uint32_t wait_ms, struct cps_result *out) CPS_MUST_CHECK;
CPS_API enum cps_code cps_receive_async(struct cps *cps, const struct cps_message *message,
                                        const struct cps_key *const *keys, size_t key_count, uint32_t wait_ms,
                                        cps_result_cb callback, void *arg, struct cps_error *err) CPS_MUST_CHECK;

/*
 * Announces a message from orig to dest that has arrived but is not given to cps_receive, or not yet, because its text
 * is not known or not complete. Its PASSporT is then not taken as evidence that the text of another message was changed
 * (msgi-mismatch). This is remembered for as long as a PASSporT can be fresh. If the message is received after all, set
 * `announced` in its struct cps_message. CPS_E_INVAL, CPS_E_TN, CPS_E_URI, CPS_E_NOMEM.
 */
CPS_API enum cps_code cps_announce(struct cps *cps, const char *orig, const char *dest,
                                   struct cps_error *err) CPS_MUST_CHECK;

/*
 * Sets since when the handle has known all messages that arrive, in seconds by its clock. PASSporTs that were issued
 * before may belong to messages that another process received, so they are not evidence that a text was changed. A
 * process that continues the work of another one calls it before the first cps_receive.
 */
CPS_API void cps_set_evidence_since(struct cps *cps, int64_t since);

/* ---- Key records ------------------------------------------------------------------------------------------------- */

#define CPS_RECORD_KEYS 8 /* keys of one record */
#define CPS_RECORDS_MAX 8 /* records of one destination */
#define CPS_FOUND_KEYS 16 /* keys that are used, of all records of one destination */

/* One verified record of a destination. */
struct cps_found_record {
    char signer[CPS_SIGNER_MAX]; /* as in struct cps_result, of the record's certificate */
    char *record;                /* as it was signed, NUL-terminated */
    char *cps_url;               /* the CPS that it names; NULL: none */
    int64_t issued, expires;     /* in seconds */
};

/* A destination's keys: those of every record that covers it. The caller clears it with cps_found_keys_clear. */
struct cps_found_keys {
    struct cps_error error;               /* in the callback form: the outcome */
    struct cps_key *keys[CPS_FOUND_KEYS]; /* the current public keys */
    char thumbprints[CPS_FOUND_KEYS][44]; /* of the keys (RFC 7638) */
    size_t record_of[CPS_FOUND_KEYS];     /* index in records of the record that lists each key */
    size_t key_count;
    bool pinned;                                      /* the keys are from pinned_file: there are no records */
    struct cps_found_record records[CPS_RECORDS_MAX]; /* the most specific first */
    size_t record_count;
};
typedef void (*cps_found_keys_cb)(void *arg, const struct cps_found_keys *result);

/* Frees the keys and texts, and zeroes the struct. */
CPS_API void cps_found_keys_clear(struct cps_found_keys *keys);

/* Finds the keys of a destination, as cps_send does. A bad record is logged and left out; if none is good, the code is
 * that of the first. CPS_E_NOT_FOUND: there is no record; CPS_E_CERT_SCOPE: it does not cover the destination;
 * CPS_E_STALE: it has expired, or is older than one seen before; CPS_E_KEY: none of its keys is current;
 * CPS_E_SIGNATURE, CPS_E_CERT_UNTRUSTED and other codes of certificates: it does not verify; CPS_E_JWS: it is not a key
 * record; CPS_E_PROTOCOL: the answer lists no records; CPS_E_CONFIG: no roots or no CPS are configured. Also what
 * cps_publish and fetching x5u fail with. */
CPS_API enum cps_code cps_find_keys(struct cps *cps, const char *dest, struct cps_found_keys *out,
                                    struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_find_keys_async(struct cps *cps, const char *dest, cps_found_keys_cb callback, void *arg,
                                          struct cps_error *err) CPS_MUST_CHECK;

/* Stores a key record in the directory of the CPS of cps_url (PUT /keys/{subject}). subject: an SPC or a canonical
 * number that the record is about; the numbering is not applied to it. Repeating the call is harmless. Blocking form
 * only. Codes as cps_publish; CPS_E_REFUSED also if the CPS has a newer record. */
CPS_API enum cps_code cps_put_keys(struct cps *cps, const char *subject, const char *record, size_t len,
                                   struct cps_error *err) CPS_MUST_CHECK;

/* ---- The CPS itself ---------------------------------------------------------------------------------------------- */

struct cps_health_status {
    struct cps_error error;
    char text[256]; /* the body of the CPS's answer; cut if longer */
};
typedef void (*cps_health_cb)(void *arg, const struct cps_health_status *result);

/* Asks the CPS of cps_url for its health (GET /health), even while it is away. Returns CPS_OK if it answers 200,
 * CPS_E_UNAVAILABLE on 503, otherwise as cps_publish. out may be NULL. */
CPS_API enum cps_code cps_health(struct cps *cps, struct cps_health_status *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_health_async(struct cps *cps, cps_health_cb callback, void *arg,
                                       struct cps_error *err) CPS_MUST_CHECK;

/* Which CPSs are away, as the requests to them have shown. */
struct cps_away_status {
    bool away;              /* the CPS of cps_url is away */
    int64_t away_ms;        /* for how long, in milliseconds */
    struct cps_error cause; /* the last failure */
    size_t others;          /* number of other CPSs that are away, of the number table and of key records */
    uint64_t lost;          /* how often a CPS has gone away since cps_new */
};

/*
 * Gets which CPSs are away. When a request fails because a CPS cannot be reached, does not answer in time or answers
 * 5xx, and no other URL of it is good, the CPS is probed (GET /health?for=read, with a time limit of 2 s, or 0.5 s
 * after a timeout). If that fails as well, the CPS is away: requests to it fail at once with CPS_E_AWAY, and it is
 * probed in the background, with pauses of 0.1 to 1 s, until it answers. Never blocks.
 */
CPS_API void cps_away(const struct cps *cps, struct cps_away_status *out);

#ifdef __cplusplus
}
#endif

#endif
