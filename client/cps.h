/*
 * libcps: the client of a Call Placement Service (RFC 8816) for text messages.
 *
 * A sender's gateway signs each message with a "msg" PASSporT (RFC 8225, RFC 9475), encrypts it to the destination and
 * publishes it at the CPS (authentication service); the receiver's gateway retrieves, decrypts and verifies it against
 * the message that arrived by other means (verification service). Installed as <stir-cps/cps.h>; link with -lcps.
 *
 * Conventions, the same for every function here:
 * - A function that can fail returns an enum cps_code, CPS_OK only on full success. `err` is filled on failure and may
 *   be NULL. Outputs are written on success only, but for struct cps_result, which always holds a verdict.
 * - Pointers given to a function are read during the call only; keys and signers that an operation in the background
 *   needs are kept alive by it. What a function hands out belongs to the caller and is freed as stated beside it.
 *   Freeing NULL and clearing a zeroed struct do nothing.
 * - A handle, keys and signers may be used by any number of threads at once. Signing, encrypting and decrypting happen
 *   in the calling thread; the network is one I/O thread of the handle, started when first needed; a spool and
 *   revocation lists have a thread each from cps_new on: a process that forks to become a daemon does so before.
 * - Operations that use the network have a blocking form and a form with a callback (_async). The latter returns
 *   CPS_OK if the operation was taken on: then the callback is called exactly once, on the I/O thread, with a result
 *   that is valid during the call only. With any other code the callback is never called. A callback must not block;
 *   it may start other _async operations, while a blocking form gives CPS_E_IN_CALLBACK there.
 * - Times are seconds (_s, since 1970-01-01 UTC where a moment is meant) or milliseconds (_ms).
 * - Telephone numbers are taken in any visual form, as are tel:, sip: and other URIs. A number without '+' counts as
 *   written by a person or a device: it is read with the numbering of the handle (country_code and the options beside
 *   it), once. A number with '+' is canonical (RFC 8224 section 8.3) under every numbering: only the '+' and separators
 *   are removed. An application that has a canonical number, as from a PASSporT's claim, puts '+' before it, or uses a
 *   handle without a numbering. What libcps reads by itself (PASSporTs, key records, numbers_file, pinned_file,
 * tenants) is canonical and never read with the numbering.
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

/* What went wrong. The values are fixed: new codes get new ones. */
enum cps_code {
    CPS_OK = 0,
    CPS_E_INVAL = 1,     /* an argument is outside what the function takes */
    CPS_E_NOMEM = 2,     /* out of memory */
    CPS_E_CRYPTO = 3,    /* the cryptographic library failed */
    CPS_E_IO = 4,        /* a file could not be read or written */
    CPS_E_TOO_BIG = 5,   /* larger than the limit */
    CPS_E_NOT_FOUND = 6, /* there is no such thing */
    CPS_E_CONFIG = 7,    /* the options are wrong, or lack what this call needs */
    CPS_E_USAGE = 8,     /* the command is wrong (cpsctl) */
    /* text and encodings */
    CPS_E_BASE64 = 20,
    CPS_E_UTF8 = 21,
    CPS_E_JSON = 22,
    CPS_E_TN = 23,  /* not a telephone number */
    CPS_E_URI = 24, /* not a usable URI */
    /* keys, signatures, envelopes */
    CPS_E_KEY = 40,       /* not a usable key */
    CPS_E_JWS = 41,       /* not a signed token in compact form */
    CPS_E_ALG = 42,       /* the algorithm is not one that is accepted */
    CPS_E_CRIT = 43,      /* the token demands an extension that is not understood */
    CPS_E_SIGNATURE = 44, /* the signature does not verify */
    CPS_E_JWE = 45,       /* not an envelope */
    CPS_E_DECRYPT = 46,   /* the envelope cannot be opened with these keys (another's, or a dummy) */
    CPS_E_PLAINTEXT = 47, /* the envelope holds something else than a PASSporT */
    /* PASSporT */
    CPS_E_PASSPORT = 60,      /* not a PASSporT */
    CPS_E_PPT = 61,           /* a PASSporT of this type, or without msgi, does not vouch for the message */
    CPS_E_STALE = 62,         /* too old */
    CPS_E_FUTURE = 63,        /* issued in the future */
    CPS_E_MSGI = 64,          /* not a message digest */
    CPS_E_MSGI_MISMATCH = 65, /* the message is not the one that was signed */
    CPS_E_ORIG_MISMATCH = 66, /* from another sender */
    CPS_E_DEST_MISMATCH = 67, /* for another destination */
    CPS_E_REPLAYED = 68,      /* used before */
    CPS_E_NO_PASSPORT = 69,   /* there is none for this message */
    /* certificates */
    CPS_E_CERT = 80,            /* not a usable STIR certificate */
    CPS_E_CERT_TIME = 81,       /* a certificate is not valid at that time */
    CPS_E_CERT_UNTRUSTED = 82,  /* does not lead to a trusted root */
    CPS_E_CERT_REVOKED = 83,    /* a certificate is revoked */
    CPS_E_CRL = 84,             /* not a usable revocation list */
    CPS_E_CERT_SCOPE = 85,      /* does not cover this identity */
    CPS_E_CERT_CONSTRAINT = 86, /* its claim constraints forbid this PASSporT */
    CPS_E_X5U = 87,             /* the certificate URL is not allowed */
    CPS_E_X5U_FETCH = 88,       /* the certificate could not be fetched */
    /* the CPS and the way to it */
    CPS_E_CONNECT = 100,      /* could not connect */
    CPS_E_TLS = 101,          /* the TLS connection failed */
    CPS_E_TIMEOUT = 102,      /* no answer in time */
    CPS_E_PROTOCOL = 103,     /* the answer makes no sense */
    CPS_E_REFUSED = 104,      /* the CPS refused the request: 400, 411, 413, 415, 422 */
    CPS_E_UNAUTHORIZED = 105, /* 401 */
    CPS_E_FORBIDDEN = 106,    /* 403 */
    CPS_E_BOX_FULL = 107,     /* 429: the destination's box is full, or too many requests; retry later */
    CPS_E_UNAVAILABLE = 108,  /* 503 and other 5xx; retry later */
    /* of the library alone */
    CPS_E_BUSY = 120,         /* max_in_flight operations are under way: wait for one to end */
    CPS_E_IN_CALLBACK = 121,  /* a blocking form was called from a callback */
    CPS_E_CLOSED = 122,       /* cps_free ended the operation */
    CPS_E_REPLAY_FULL = 123,  /* the replay memory has no room: the PASSporT is not accepted, because it could not be
                                 remembered */
    CPS_E_REPLAY_STORE = 124, /* the replay memory's file cannot be used */
    CPS_E_SPOOL_FULL = 125,   /* the spool, or the disk it is on, has no room: the envelope is not kept */
    CPS_E_SPOOL_STORE = 126,  /* the spool's file cannot be used */
    CPS_E_OUTSIDE = 127,      /* the tenant may not send from this number or name: not signed */
    CPS_E_AWAY = 128 /* the CPS does not answer, as earlier requests found: this one was not sent. See cps_away */
};

/* A failure in full. Put one on the stack and pass its address. */
struct cps_error {
    enum cps_code code;
    int http_status;        /* what the CPS answered, 0 if it was not asked or did not answer */
    unsigned retry_after_s; /* what the CPS asked for with 429 or 503; 0 if nothing */
    char text[256];         /* one line for a person: names the file, the member, the reason; cut if longer */
};

/* The fixed text and the name ("CPS_E_JSON") of a code; never NULL, also for a number outside the list. */
CPS_API const char *cps_strerror(enum cps_code code);
CPS_API const char *cps_error_name(enum cps_code code);

/* ---- Verdicts ---------------------------------------------------------------------------------------------------- */

/* The result of verifying one message. Ordered: of several PASSporTs that say something about a message the smallest
 * value is the verdict (RFC 8816 section 8.2's order of steps). What each proves is described at cps_receive. The
 * values are fixed. */
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
    CPS_TIMEOUT = 14,         /* the CPS did not answer a request in time: nobody knows */
    CPS_CPS_UNAVAILABLE = 15, /* the CPS could not be asked, or the verifier could not do its work */
    CPS_VERDICT_COUNT
};

/* "passed", "no-passport", ...; never NULL. The SIP response code of RFC 8224, 0 where the RFCs name none. */
CPS_API const char *cps_verdict_name(enum cps_verdict verdict);
CPS_API int cps_verdict_sip(enum cps_verdict verdict);

/* The one map from a cause to a verdict; total. */
CPS_API enum cps_verdict cps_verdict_of(enum cps_code code);

/* ---- The handle -------------------------------------------------------------------------------------------------- */

enum cps_replay {
    CPS_REPLAY_MEMORY, /* in this process: the default */
    CPS_REPLAY_SQLITE, /* in a file that several processes of a host share */
    CPS_REPLAY_NONE,   /* a PASSporT may be used again while it is fresh; only with max_age_s of at most 60 */
};

enum cps_crl_policy {
    CPS_CRL_IF_PRESENT = 0, /* a certificate that a list names is not trusted; a list that is missing or stale is not
                               held against the others */
    CPS_CRL_REQUIRED = 1    /* a certificate without a current list that covers its issuer is not trusted */
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
 * Zero or NULL means the default everywhere, so that designated initializers suffice:
 *     struct cps_options options = {.size = sizeof(options), .cps_url = "https://cps.example.com"};
 * Everything is copied by cps_new.
 */
struct cps_options {
    size_t size; /* sizeof(struct cps_options) of the caller: fields that it does not have are at their default */

    /* The CPS. */
    const char *cps_url;          /* https://host[:port][/prefix] of the CPS for destinations whose CPS is not known
                                     otherwise (see below); up to 8 with commas between: servers of one CPS, in order of
                                     preference. NULL: only what needs no CPS works */
    const char *tls_ca_file;      /* PEM; who may vouch for the CPS; NULL: the system's authorities */
    const char *tls_cert_file;    /* PEM; our client certificate, with tls_key_file; NULL: none */
    const char *tls_key_file;     /* PEM */
    uint32_t connect_timeout_ms;  /* 3,000 */
    uint32_t request_timeout_ms;  /* 5,000; a waiting retrieve may take its waiting time longer */
    uint32_t max_connections;     /* 16 to the CPS, kept alive */
    uint32_t max_in_flight;       /* 1,024 operations; one more is CPS_E_BUSY */
    uint32_t max_response_octets; /* 8,388,608 */

    /* Whom to trust. */
    const char *trust_file; /* PEM, the STI roots; NULL: nothing can be verified (CPS_E_CONFIG). A root that cannot be
                               used is skipped with a warning in the log; CPS_E_CERT if none is left */
    /* Signed lists of roots as the STI-PA publishes them (sticaList.jwt), in addition to trust_file or in its place.
     * They are read and fetched like revocation lists, see below; the sequence of a list never falls. A list stays in
     * force for list_grace_s after its exp if no newer one is there, with a warning in the log. While a list was never
     * loaded or is no longer in force, a certificate that leads to no root gives CPS_E_UNAVAILABLE. */
    const char *const *list_files;
    size_t list_file_count; /* at most 16 */
    const char *const *list_urls;
    size_t list_url_count;              /* at most 16 */
    const char *list_signer_roots_file; /* PEM, the root that the signers of the lists lead to, and perhaps the signer's
                                           own certificate, which is otherwise fetched from the list's x5u, like x5u of
                                           a PASSporT. Anchors nothing else. Needed where lists are named */
    const char *list_state_dir;         /* a directory for this program alone, in which the last good list of each name
                                           and its sequence are kept, so that neither is lost when the program is
                                           started again; NULL: not kept */
    uint32_t list_refresh_s;            /* 3,600 */
    int64_t list_grace_s;               /* 604,800 (0); -1: not at all */

    /* Revocation lists, PEM or DER, direct or indirect. A thread of the handle reads them again while it runs: a file
     * that changed, and each URL (https), every crl_refresh_s; a fetch that fails is tried again after a minute. A new
     * list that is no good is logged and leaves the one before in force. */
    const char *const *crl_files; /* have to be there when cps_new is called */
    size_t crl_file_count;        /* at most 64 */
    const char *const *crl_urls;  /* are fetched from cps_new on; see cps_crls_refresh */
    size_t crl_url_count;         /* at most 16 */
    uint32_t crl_refresh_s;       /* 3,600 */
    const char *crl_ca_file;      /* PEM; who may vouch for the servers of crl_urls and list_urls; NULL: the system's
                                     authorities */
    const char *crl_issuer_file;  /* PEM, certificates of the issuers of indirect lists, if not among the roots, and of
                                     the authorities between them and their roots */
    const char *crl_signer_roots_file; /* PEM, roots that issuers of indirect lists may lead to in addition to those of
                                          trust_file. They count for lists alone, not for PASSporTs or key records */
    enum cps_crl_policy crl_policy;
    const struct cps *crls_from; /* the handle that the new one is to follow: what it fetched from the same URLs is used
                                    until something newer is there. With CPS_CRL_REQUIRED and a URL that it did not
                                    have, its roots and lists stay in force until the first fetch of that URL has ended.
                                    Read by cps_new only. NULL: none */

    /* A PASSporT whose header has the chain itself (x5c) is judged by that, and its x5u is not fetched; an x5c that is
     * not good is CPS_E_CERT, whatever is at x5u.
     *
     * Certificates at x5u. https only, no userinfo, query, fragment or redirect, 16 KiB, one GET. */
    /* x5u_dir stands in for the network: the certificates of an x5u are in the file of this directory that is named
     * <SHA-256 of the URL, lower case hex>.pem or, where that is missing, as the last segment of the URL's path
     * (letters, digits, '.', '_', '-'; no leading '.'). Nothing is fetched then. */
    const char *x5u_dir;
    const char *x5u_ca_file;   /* PEM; who may vouch for certificate hosts; NULL: the system's authorities */
    const uint16_t *x5u_ports; /* NULL: 443 and 8443 */
    size_t x5u_port_count;
    bool x5u_allow_private;  /* also connect to special-purpose addresses (loopback, private, link-local, ...), which
                                are refused otherwise; for tests and closed networks */
    uint32_t x5u_timeout_ms; /* 3,000 for all of it */
    uint32_t x5u_cache_max;  /* 4,096 certificate chains */
    uint32_t x5u_max_age_s;  /* 86,400: keep no longer than this, whatever Cache-Control and validity allow */
    uint32_t x5u_negative_s; /* 30: for so long a failure is not tried again */
    /* If a PASSporT does not verify with a chain that was kept, its x5u is asked again, at most once in 10 s. */

    /* What is accepted. */
    int64_t max_age_s;    /* 60; up to CPS_MAX_AGE_LIMIT_S */
    int64_t clock_skew_s; /* 60: how far iat may be ahead; -1: not at all */
    /* Whether a certificate that names only SPCs covers a number is decided by the number table (numbers_file), when
     * signing and when verifying: the number has to belong to one of them. Without a table no SPC covers a number,
     * unless allow_spc is set: then any SPC covers every number, as in SHAKEN, which is logged as a warning. With a
     * table allow_spc changes nothing, and a warning says so. */
    bool allow_spc;
    /* Which types of PASSporT verify a message, with commas between them: "msg" (RFC 9475), which has to be among them,
     * "shaken" (RFC 8588, attestation A only), "baseline" (RFC 8225, no type). The latter two are made for calls and
     * say nothing of a text. NULL: "msg". Others are unsupported. */
    const char *accept_types;
    bool msgi_optional; /* a "msg" PASSporT without msgi verifies a message with a body too, whatever the body is; the
                           result says msgi_checked = false. Otherwise it is unsupported */
    enum cps_replay replay;
    const char *replay_file;       /* for CPS_REPLAY_SQLITE; made if missing. Processes that share it have the same
                                      max_age_s */
    uint32_t replay_max;           /* 1,000,000 PASSporTs remembered; with more CPS_E_REPLAY_FULL */
    const struct cps *replay_from; /* CPS_REPLAY_MEMORY: shares the memory of this handle, which the new one is to
                                      follow (a reload must forget nothing); both may be freed in any order. NULL: a
                                      memory of its own */

    /* The numbering: how numbers without '+' are read that the application gives to a function. */
    const char *country_code;         /* put before national numbers, "1"; NULL: all are global */
    const char *national_prefix;      /* dropped before that, "0" */
    const char *international_prefix; /* stands for '+', "00" */
    uint32_t tn_max_digits;           /* 15, at most 32 */
    uint32_t short_code_digits;       /* 6: numbers up to this length are short codes, kept as they are */
    uint32_t national_digits;         /* 0 or how long a national number is without its prefix, 10 with "1": tells one
                                         from a foreign number that lacks its '+' */

    /* What cps_receive remembers of boxes between calls. */
    uint32_t box_max;        /* 1,024 boxes */
    uint32_t box_entry_max;  /* 65,536 opened PASSporTs in all boxes together */
    uint32_t box_octets_max; /* 67,108,864, likewise */

    /* The spool: envelopes that the CPS could not take yet, in a file. See cps_spool_put. */
    const char *spool_file;      /* NULL: none. Made if missing, mode 0600, on a local disk; needs cps_url. Processes of
                                    one user may share it. If its disk is full, one that is there is used by this
                                    handle alone */
    const char *spool_hash_key;  /* up to 256 octets; under it the spool's record names who did not get one; NULL: a
                                    random one for each handle */
    uint32_t spool_max;          /* 100,000 envelopes */
    uint32_t spool_octets_max;   /* 268,435,456, of envelopes; the file may be twice as large */
    uint32_t spool_parallel;     /* 8 at a time are published from the spool while the CPS takes them */
    uint32_t spool_retry_min_ms; /* 250: the first pause is at most this long, ... */
    uint32_t spool_retry_max_ms; /* 10,000: ... later ones, each at most twice as long, never longer than this */
    bool spool_sync;             /* what was spooled survives a loss of power too (SQLite's synchronous=FULL), at the
                                    price of waiting for the disk; otherwise (NORMAL) it survives the end of the
                                    process in any way, but a loss of power may take the last seconds */

    /* Hooks; called on any thread, must not block and must not call back into the library. */
    void (*log)(void *arg, enum cps_log_level level, const char *line); /* NULL: silence. No numbers, no content */
    void *log_arg;
    int64_t (*now)(void *arg); /* the clock, seconds; NULL: the system's. For tests */
    void *now_arg;

    /*
     * Finding a destination's keys and CPS.
     *
     * Keys: those of pinned_file; else those of all the destination's key records (RFC 8816 section 8.1 step 3), which
     * are asked for at its CPS's directory (GET /keys/{dest}), that of the number table's CPS or else of cps_url. The
     * number's own record does not hide its provider's. Each record is verified against trust_file as of now, and has
     * to be about the number itself, or about the provider that numbers_file gives it to; one that is not good is
     * logged and left out. A record that is older than one of the same issuer that was seen before is not used. At most
     * CPS_RECORDS_MAX records and CPS_FOUND_KEYS keys are used, every record's first key before any record's second.
     *
     * CPS: an envelope goes to the CPS of the record that its key is of. For a record that names the number or its
     * range that is the CPS that the record names, else the number table's, else cps_url; for a provider's record it is
     * the number table's, else the record's, else cps_url. Boxes are read at the number table's CPS, else at that of
     * the most specific record (with route_by_record), else at cps_url. Where a route has several URLs, a server that
     * fails is left alone for a while (1 s, then longer, up to 30 s, and asked how it is before it is used again) and
     * the next one asked, within the same request_timeout_ms. When no server of a route answers, see cps_away.
     */
    const char *numbers_file; /* CSV: prefix,spc[,cps_url], longest prefix first; several URLs with '|' between. Also
                                 decides which numbers a certificate covers that names only SPCs, and which such a CA
                                 can delegate (RFC 9060). NULL: no number belongs to a provider */
    const char *pinned_file;  /* JSON: {"12155551212": [JWK, ...], "1215555*": {"keys": [...]}, "*": [...]}: the number,
                                 the longest beginning, all; an array or a JWK Set; NULL: none */
    bool route_by_record;     /* the destination's record also says where to publish with keys that are given, where to
                                 retrieve and to receive: it is found first. Where keys are found it always does */
    bool record_allow_private; /* a record's CPS may be at a special-purpose address (loopback, private, ...), which is
                                  refused otherwise; for tests and closed networks */
    uint32_t key_cache_max;    /* 4,096 destinations */
    uint32_t key_max_age_s;    /* 3,600: a record is asked for again after this, whatever Cache-Control allows */
    uint32_t key_negative_s;   /* 30: for so long a failure is not tried again */

    /* Who we are to the CPS: with an STI certificate each request carries a bearer token of its own (ATIS-1000096,
     * ATIS-1000105), made when it is sent. A carrier's CPS asks for one wherever its policy is not `open`; a client
     * certificate for TLS (tls_cert_file) is another way. */
    const char *auth_cert_file; /* PEM, leaf first, with auth_key_file; NULL: no tokens */
    const char *auth_key_file;  /* file or URI, as in cps_key_load */
    const char *auth_x5u;       /* https URL of the same chain; NULL: the chain travels in each token (x5c) */
    const char *auth_spc;       /* the provider that we act as; NULL: the certificate's first SPC, or else its number */
    const char *auth_audience;  /* what the CPS is called in tokens; NULL: the host of the URL that is asked */
    bool shared_passport;       /* cps_send: one PASSporT names all destinations of a message, and each learns of the
                                   others. Default: one for each */
    bool holder;                /* the credential holds the boxes that are read: they are read without dummies */
    bool claim;                 /* cps_receive takes the envelope of a message that passes out of its box, and is the
                                   only one to do so: hosts that receive for the same numbers share their memory of what
                                   was used. The credential holds the boxes; see cps_receive */
};

struct cps;

/* Makes a handle: reads the files, checks the options. CPS_E_INVAL, CPS_E_CONFIG names the option, CPS_E_IO,
 * CPS_E_CERT, CPS_E_CERT_UNTRUSTED and CPS_E_CRL name the file, CPS_E_REPLAY_STORE, CPS_E_SPOOL_STORE, CPS_E_NOMEM. */
CPS_API enum cps_code cps_new(struct cps **out, const struct cps_options *options,
                              struct cps_error *err) CPS_MUST_CHECK;

/* Ends the I/O thread and frees the handle. Operations under way end with CPS_E_CLOSED, their callbacks are called
 * before this returns. Not while another thread is in a function with this handle, and not from a callback (it does
 * nothing there but log). */
CPS_API void cps_free(struct cps *cps);

CPS_API const char *cps_version(void); /* "1.0.0" */

/* Reads and fetches all revocation lists and lists of roots now, and waits until that is done (30 s at most for each
 * URL).
 * CPS_OK if every list is good, or if no list is configured; otherwise the first failure, and the list before it, if
 * any, stays in force. CPS_E_IO, CPS_E_CRL, CPS_E_CERT_UNTRUSTED (its issuer), CPS_E_CONNECT, CPS_E_TLS, CPS_E_TIMEOUT,
 * CPS_E_PROTOCOL, CPS_E_IN_CALLBACK, CPS_E_CLOSED. */
CPS_API enum cps_code cps_crls_refresh(struct cps *cps, struct cps_error *err) CPS_MUST_CHECK;

/* How one list is doing. */
struct cps_crl_status {
    char name[256]; /* path or URL; cut if longer */
    bool is_url;
    bool is_roots;     /* a list of roots; else a revocation list */
    bool in_force;     /* a good one is in use */
    int64_t exp;       /* when the list in use ends, seconds since the epoch: exp of a list of roots, the earliest
                          nextUpdate of a revocation list; 0: no list is in use */
    int64_t good_at;   /* when a good one was last read or fetched; 0: never */
    uint64_t failures; /* attempts that failed, since cps_new */
    char error[256];   /* why the last attempt failed; "": it did not */
};

/* Fills in the state of up to cap lists, revocation lists first, and returns the number of all lists. Never waits for
 * the network.
 */
CPS_API size_t cps_crls_status(const struct cps *cps, struct cps_crl_status *out, size_t cap);

/* ---- Keys and signers -------------------------------------------------------------------------------------------- */

/* An encryption key of a destination, X25519 or P-256, public or private. Decoded once, used many times. */
struct cps_key;

/* Opens a key: a file (PEM, DER, JWK, of a JWK Set the first key that can be used) or a URI that an OpenSSL provider
 * knows. A key in a token (pkcs11:) can only sign: see cps_signer_open. A JWK whose "use", "key_ops" or "alg" says that
 * it is for something else than encrypting is not used. CPS_E_KEY, CPS_E_IO. */
CPS_API enum cps_code cps_key_load(struct cps_key **out, const char *uri, bool want_private,
                                   struct cps_error *err) CPS_MUST_CHECK;

#define CPS_KEYS_MAX 64 /* keys of one recipient, or of one receiver */

/* Opens all keys of a file: of a JWK Set each that is for encrypting (RFC 7517 section 5), otherwise the one that
 * cps_key_load opens. Writes up to max (at most CPS_KEYS_MAX) keys to out, each freed with cps_key_free, and their
 * number, at least 1, to *count. CPS_E_KEY also if there are more; CPS_E_IO, CPS_E_INVAL. */
CPS_API enum cps_code cps_keys_load(struct cps_key **out, size_t max, size_t *count, const char *uri, bool want_private,
                                    struct cps_error *err) CPS_MUST_CHECK;

/* As cps_key_load, from a JWK's text. CPS_E_JSON, CPS_E_KEY. */
CPS_API enum cps_code cps_key_from_jwk(struct cps_key **out, const char *jwk, size_t len, bool want_private,
                                       struct cps_error *err) CPS_MUST_CHECK;
CPS_API void cps_key_free(struct cps_key *key);

/* Who signs: a P-256 private key, its certificate chain, and where verifiers find the latter. */
struct cps_signer;

struct cps_signer_options {
    size_t size;     /* sizeof(struct cps_signer_options) */
    const char *key; /* a file, or the URI of a key in a token or HSM (pkcs11:token=...;object=...?pin-source=...,
                        RFC 7512), through OpenSSL's provider or engine for PKCS#11 */
    const char *chain_file; /* PEM, leaf first; the leaf holds the key's public half */
    const char *x5u;        /* https URL of the same chain */
    bool with_chain;        /* put the chain into envelopes, for receivers that read them after it has expired from x5u
                               (RFC 9475 section 4) or cannot fetch */
};

/* Opens a signer once for many messages. CPS_E_KEY (also if key and certificate do not belong together), CPS_E_CERT,
 * CPS_E_X5U, CPS_E_IO, CPS_E_INVAL. */
CPS_API enum cps_code cps_signer_open(struct cps_signer **out, const struct cps_signer_options *options,
                                      struct cps_error *err) CPS_MUST_CHECK;
CPS_API void cps_signer_free(struct cps_signer *signer);

/* ---- Tenants ----------------------------------------------------------------------------------------------------- */

/*
 * Who may be signed for. An authentication service signs only what its customer may claim (RFC 8816 section 8.1 step
 * 2): a tenant is a customer, known by a name that the caller vouches for (an SMPP bind's system_id, an account), with
 * a certificate, its key, and the numbers and names that it may originate from. What lies outside is not signed
 * (CPS_E_OUTSIDE), whatever the certificate covers.
 *
 * A table of tenants may be used by any number of threads at once and changed meanwhile: what was begun with a tenant
 * goes on with the key, the certificate and the numbers that it had then.
 */
struct cps_tenants;

struct cps_tenants_options {
    size_t size;                     /* sizeof(struct cps_tenants_options) */
    const char *alphanumeric_domain; /* an alphanumeric sender is signed for as sip:<sender>@<this>; NULL or "": none
                                        is, and a tenant's senders count for nothing */
    bool with_chain;                 /* as in struct cps_signer_options, for all */
};

struct cps_tenant {
    size_t size;              /* sizeof(struct cps_tenant) */
    const char *const *names; /* what the tenant is known by: at least one, of 1 to 63 octets each */
    size_t name_count;
    const char *key; /* as in struct cps_signer_options, as are the next two */
    const char *chain_file;
    const char *x5u;
    const char *numbers; /* in canonical form, with white space or commas between them: single ones (12155551212),
                            ranges (12155551000-12155551999), all that begin with something (1215555*); NULL: none */
    const char *senders; /* alphanumeric senders, with commas between them ("Parcel Co, Bank"); NULL: none. Upper
                            and lower case are the same */
};

/* Makes a table without tenants. options may be NULL. CPS_E_INVAL, CPS_E_NOMEM. */
CPS_API enum cps_code cps_tenants_new(struct cps_tenants **out, const struct cps_tenants_options *options,
                                      struct cps_error *err) CPS_MUST_CHECK;
CPS_API void cps_tenants_free(struct cps_tenants *tenants);

/*
 * Reads tenants from a file, or from the files NAME.conf of a directory: a section [tenant] with key, certificate, x5u,
 * numbers, names (alphanumeric senders) and system_id (what the tenant is known by; without it, the file's name less
 * .conf). They take the place of all that the table holds; on failure it stays as it was. CPS_E_CONFIG and CPS_E_IO
 * name the file and the key in it, also two tenants of one name; else as cps_signer_open.
 */
CPS_API enum cps_code cps_tenants_load(struct cps_tenants *tenants, const char *path,
                                       struct cps_error *err) CPS_MUST_CHECK;

/* Adds a tenant; one that is known by one of its names is known by that no more. CPS_E_INVAL, CPS_E_CONFIG (numbers,
 * senders), else as cps_signer_open. */
CPS_API enum cps_code cps_tenants_put(struct cps_tenants *tenants, const struct cps_tenant *tenant,
                                      struct cps_error *err) CPS_MUST_CHECK;

/* How many tenants there are, whatever number of names each has. */
CPS_API size_t cps_tenants_count(struct cps_tenants *tenants);

/* The signer of a tenant, for cps_sign, cps_send and their like, which refuse with CPS_E_OUTSIDE what is not the
 * tenant's. It is the caller's, freed with cps_signer_free. CPS_E_NOT_FOUND: nobody is known by this name. */
CPS_API enum cps_code cps_tenants_signer(struct cps_tenants *tenants, const char *name, struct cps_signer **out,
                                         struct cps_error *err) CPS_MUST_CHECK;

/* ---- Messages, PASSporTs, envelopes ------------------------------------------------------------------------------ */

#define CPS_ID_LEN 22 /* characters of an envelope's id: base64url of the first 16 octets of its SHA-256 */

#define CPS_READINGS_MAX 7 /* with the body itself, eight */
#define CPS_READING_NAME 16

/* Another body that the message may have had where it was signed, because a network has changed the octets but not the
 * text: <stir-cps/cps_smpp.h> makes them, and lists which. */
struct cps_reading {
    const char *name; /* for records: "nfc"; less than CPS_READING_NAME octets */
    const void *body;
    size_t body_len;
};

/* A message. The body is the whole MIME body as RFC 9475 digests it: for SMS the text as UTF-8, all segments joined. It
 * is digested octet by octet: no function changes it first. */
struct cps_message {
    const char *orig;
    const char *const *dest; /* at least one; for verifying, where the message arrived */
    size_t dest_count;
    const void *body; /* NULL: no body, hence no msgi; a body of no octets is not NULL */
    size_t body_len;
    int64_t iat;                        /* signing: when it is issued; 0: now */
    const struct cps_reading *readings; /* verifying: a PASSporT of one of these bodies vouches for the message, too.
                                           Signing does not read them; needs a body */
    size_t reading_count;               /* 0..CPS_READINGS_MAX */
    bool announced;                     /* cps_receive: cps_announce was called for it, and is taken back */
};

/* Signs a "msg" PASSporT (RFC 8816 section 8.1 steps 1, 2 and 4). Refuses an orig that the signer's certificate does
 * not cover (CPS_E_CERT_SCOPE) or whose claim constraints forbid the claims (CPS_E_CERT_CONSTRAINT), and a certificate
 * that is not valid at iat (CPS_E_CERT_TIME). CPS_E_TN, CPS_E_URI, CPS_E_INVAL, CPS_E_TOO_BIG. *passport is
 * NUL-terminated, freed with cps_text_free; len may be NULL. */
CPS_API enum cps_code cps_sign(struct cps *cps, const struct cps_signer *signer, const struct cps_message *message,
                               char **passport, size_t *len, struct cps_error *err) CPS_MUST_CHECK;
CPS_API void cps_text_free(char *text);

/* As cps_sign, for a tenant of that name. Also CPS_E_NOT_FOUND and CPS_E_OUTSIDE. */
CPS_API enum cps_code cps_sign_as(struct cps *cps, struct cps_tenants *tenants, const char *tenant,
                                  const struct cps_message *message, char **passport, size_t *len,
                                  struct cps_error *err) CPS_MUST_CHECK;

struct cps_envelope {
    char id[CPS_ID_LEN + 1];
    char *text; /* JWE in compact form, NUL-terminated */
    size_t len;
    /* From cps_retrieve, where the CPS tells the holder of the box (options holder, claim). */
    bool taken;     /* a holder took it out: its PASSporT was used */
    int64_t age_ms; /* how long ago it reached the CPS, -1: not said */
};

struct cps_envelopes {
    struct cps_envelope *items;
    size_t count;
    char *cursor; /* from cps_retrieve: give it as `after` to get only what comes later; else NULL */
};

CPS_API void cps_envelopes_clear(struct cps_envelopes *envelopes);

/* The id of an envelope, NUL-terminated. */
CPS_API enum cps_code cps_envelope_id(char out[CPS_ID_LEN + 1], const char *envelope, size_t len,
                                      struct cps_error *err) CPS_MUST_CHECK;

/* Encrypts a PASSporT: one envelope a key, in the keys' order. chain_of: the signer whose chain travels along, or NULL.
 * CPS_E_INVAL, CPS_E_PASSPORT (not in full form), CPS_E_TOO_BIG (with the chain more than 8,192 octets), CPS_E_KEY. */
CPS_API enum cps_code cps_seal(struct cps *cps, const char *passport, size_t len, const struct cps_signer *chain_of,
                               const struct cps_key *const *keys, size_t key_count, struct cps_envelopes *out,
                               struct cps_error *err) CPS_MUST_CHECK;

/* A certificate in DER. */
struct cps_der {
    const uint8_t *ptr;
    size_t len;
};

#define CPS_CHAIN_MAX 8

struct cps_opened {
    char *passport; /* NUL-terminated; not parsed, not verified */
    size_t passport_len;
    struct cps_der x5c[CPS_CHAIN_MAX]; /* the chain that travelled along, leaf first */
    size_t x5c_count;
    size_t key_index; /* which key opened it */
    void *owned;      /* private */
};

/* Decrypts an envelope with whichever of the private keys fits. CPS_E_DECRYPT, CPS_E_JWE, CPS_E_ALG, CPS_E_PLAINTEXT,
 * CPS_E_BASE64, CPS_E_JSON, CPS_E_TOO_BIG. Cleared with cps_opened_clear, which overwrites it. */
CPS_API enum cps_code cps_open(struct cps *cps, const char *envelope, size_t len, const struct cps_key *const *keys,
                               size_t key_count, struct cps_opened *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API void cps_opened_clear(struct cps_opened *opened);

/* ---- Authentication service: publishing -------------------------------------------------------------------------- */

#define CPS_LOCATION_MAX 1024

struct cps_published {
    struct cps_error error;
    bool existed;                    /* the CPS had this very envelope already */
    char location[CPS_LOCATION_MAX]; /* as the CPS gave it, relative to its URL or absolute */
};
typedef void (*cps_published_cb)(void *arg, const struct cps_published *result);

/* Stores one envelope in the box of dest. ttl_s 0: as long as the CPS likes. out may be NULL. When it returns CPS_OK
 * the CPS has it: now the message may be sent. Repeating it is harmless. CPS_E_CONNECT, CPS_E_TLS, CPS_E_TIMEOUT,
 * CPS_E_PROTOCOL, CPS_E_REFUSED, CPS_E_UNAUTHORIZED, CPS_E_FORBIDDEN, CPS_E_BOX_FULL, CPS_E_UNAVAILABLE, CPS_E_AWAY,
 * CPS_E_BUSY, CPS_E_TN, CPS_E_URI, CPS_E_TOO_BIG. */
CPS_API enum cps_code cps_publish(struct cps *cps, const char *dest, const char *envelope, size_t len, uint32_t ttl_s,
                                  struct cps_published *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_publish_async(struct cps *cps, const char *dest, const char *envelope, size_t len,
                                        uint32_t ttl_s, cps_published_cb callback, void *arg,
                                        struct cps_error *err) CPS_MUST_CHECK;

/* A destination and all its public keys. */
struct cps_recipient {
    const char *dest; /* one of the message's */
    const struct cps_key *const *keys;
    size_t key_count; /* 0: they are found (see struct cps_options), and so is the CPS */
};

struct cps_sent {
    struct cps_error error; /* the first failure, if any */
    char *passport;         /* of the message's first destination, NUL-terminated */
    size_t passport_len;
    size_t passports;             /* made: one for each destination, or one for all */
    size_t envelopes;             /* made: one per key of each recipient */
    size_t published;             /* of those, how many the CPS has */
    size_t octets;                /* of the envelopes together */
    size_t spooled;               /* cps_send_with_spool: how many wait in the spool */
    struct cps_error spooled_for; /* and why the first of those could not be published, if that was tried */
};
typedef void (*cps_sent_cb)(void *arg, const struct cps_sent *result);

/* Signs, seals and publishes: RFC 8816 section 8.1 whole. One PASSporT for each dest of the message, so that recipients
 * do not learn of each other, unless the option shared_passport is set; one envelope a key, each in the box of its
 * dest. CPS_OK only if all were stored. What cps_sign, cps_seal and cps_publish return. out is always filled, may be
 * NULL, and is cleared with cps_sent_clear. The callback form signs before it returns, and seals where keys are given.
 * A recipient whose keys cannot be found gets nothing, the others do: what cps_find_keys returns, but CPS_E_KEY in
 * place of CPS_E_CERT_SCOPE, which is said of the sender's certificate. */
CPS_API enum cps_code cps_send(struct cps *cps, const struct cps_signer *signer, const struct cps_message *message,
                               const struct cps_recipient *recipients, size_t recipient_count, uint32_t ttl_s,
                               struct cps_sent *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_send_async(struct cps *cps, const struct cps_signer *signer,
                                     const struct cps_message *message, const struct cps_recipient *recipients,
                                     size_t recipient_count, uint32_t ttl_s, cps_sent_cb callback, void *arg,
                                     struct cps_error *err) CPS_MUST_CHECK;
CPS_API void cps_sent_clear(struct cps_sent *sent);

/* ---- The spool --------------------------------------------------------------------------------------------------- */

/*
 * A handle with a spool_file keeps envelopes that the CPS cannot take at the moment and publishes them later, in the
 * background, from cps_new on: also those that an earlier process left in the file, however that ended. Only envelopes
 * are kept, with the dest that they go to, and with the CPS where that is one that the record of a key names; nothing
 * secret is in the file in clear.
 *
 * While the CPS is away one envelope at a time is tried, with pauses of random length whose bound doubles from
 * spool_retry_min_ms to spool_retry_max_ms, none shorter than the CPS's Retry-After (at most an hour of that). When it
 * answers again the rest follows, first one at a time, then more, up to spool_parallel. An answer that concerns one
 * box (429) defers that box alone, and one of a CPS that a record names defers that envelope alone. An envelope leaves
 * the spool when the CPS has it, when it is no longer fresh, or when the CPS refuses it for good; the latter two are
 * counted and written to the record (table `dropped`: minute, reason, keyed hash of dest, count). Publishing twice is
 * harmless, so nothing is ever lost for fear of repeating it.
 *
 * While the disk is full, or fails, nothing more can be spooled; what is in the file is published all the same, and
 * the result is written down when the disk takes it.
 *
 * Processes that share a file share its work: an envelope is lent to one of them for a little more than
 * request_timeout_ms, and goes to another if nothing was heard of it by then.
 */

/* Why an envelope was dropped. */
enum cps_spool_reason {
    CPS_SPOOL_STALE = 0,    /* its time had passed before the CPS took it */
    CPS_SPOOL_REFUSED = 1,  /* the CPS refused it in a way that does not pass */
    CPS_SPOOL_FULL = 2,     /* spool_max or spool_octets_max was reached: CPS_E_SPOOL_FULL told so */
    CPS_SPOOL_UNUSABLE = 3, /* the file's entry is damaged */
    CPS_SPOOL_NO_DISK = 4,  /* the disk could not take it: CPS_E_SPOOL_FULL or CPS_E_SPOOL_STORE told so */
    CPS_SPOOL_REASON_COUNT
};

/* "stale", "refused", "full", "unusable", "disk"; never NULL. */
CPS_API const char *cps_spool_reason_name(enum cps_spool_reason reason);

/* Whether the spool's file can be written. */
enum cps_spool_disk {
    CPS_SPOOL_DISK_GOOD = 0,
    CPS_SPOOL_DISK_FULL = 1,    /* the disk has no room: what comes is not kept */
    CPS_SPOOL_DISK_FAILING = 2, /* another failure: likewise */
};

/* Counts are those of the file since it was made, by all processes that use it, and of what this handle could not write
 * there yet. */
struct cps_spool_stats {
    uint64_t queued;          /* envelopes that wait now */
    uint64_t octets;          /* of those */
    int64_t oldest_s;         /* age of the one that waits longest; 0: none waits */
    uint64_t published;       /* from the spool */
    uint64_t dropped[8];      /* by enum cps_spool_reason */
    unsigned under_way;       /* this handle is publishing now */
    bool away;                /* this handle found that the CPS does not answer */
    enum cps_spool_disk disk; /* what this handle's last attempt to write came to */
};

/* How the spool is, as of its last use (a second ago at most): never blocks, may be called anywhere. CPS_E_INVAL,
 * CPS_E_CONFIG (there is no spool). */
CPS_API enum cps_code cps_spool_stats(const struct cps *cps, struct cps_spool_stats *out,
                                      struct cps_error *err) CPS_MUST_CHECK;

struct cps_spooled {
    struct cps_error error;
};
typedef void (*cps_spooled_cb)(void *arg, const struct cps_spooled *result);

/*
 * Puts an envelope into the spool, to be published in the box of dest as soon as the CPS takes it. fresh_until: when it
 * is of no more use, at most 72 h from now; 0: ttl_s, or else max_age_s, from now. ttl_s: for how long from now the CPS
 * is to keep it (what is left of that is asked for when it is published); 0: as long as the CPS likes. When it returns
 * CPS_OK the file has it. An envelope that is in the spool already is not doubled.
 *
 * CPS_E_CONFIG (there is no spool), CPS_E_SPOOL_FULL (spool_max, spool_octets_max or the disk, when what is stale has
 * been dropped), CPS_E_SPOOL_STORE, CPS_E_STALE, CPS_E_BUSY (4,096 others wait for the disk), CPS_E_TN, CPS_E_URI,
 * CPS_E_JWE and what else makes it no envelope, CPS_E_INVAL, CPS_E_NOMEM, CPS_E_CLOSED.
 */
CPS_API enum cps_code cps_spool_put(struct cps *cps, const char *dest, const char *envelope, size_t len, uint32_t ttl_s,
                                    int64_t fresh_until, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_spool_put_async(struct cps *cps, const char *dest, const char *envelope, size_t len,
                                          uint32_t ttl_s, int64_t fresh_until, cps_spooled_cb callback, void *arg,
                                          struct cps_error *err) CPS_MUST_CHECK;

enum cps_spooling {
    CPS_SPOOL_NEVER = 0,      /* as cps_send */
    CPS_SPOOL_ON_FAILURE = 1, /* publishes; spools what the CPS cannot take now, for a reason that may pass:
                                 CPS_E_CONNECT, CPS_E_TLS, CPS_E_TIMEOUT, CPS_E_UNAVAILABLE, CPS_E_AWAY, CPS_E_BOX_FULL,
                                 CPS_E_BUSY, CPS_E_CLOSED, CPS_E_CERT_TIME (of the credential for the CPS). Does not
                                 wait for a CPS that is known to be away: spools at once */
    CPS_SPOOL_FIRST = 2,      /* spools, and is done when the file has it: publishing follows at once, and is not
                                 forgotten if the process ends before it */
};

/* As cps_send, with the spool behind it. CPS_OK if the CPS or the spool has every envelope: out->published and
 * out->spooled tell them apart. They are fresh for ttl_s or else max_age_s from the message's iat. Also what
 * cps_spool_put returns, where an envelope could be neither published nor spooled. */
CPS_API enum cps_code cps_send_with_spool(struct cps *cps, const struct cps_signer *signer,
                                          const struct cps_message *message, const struct cps_recipient *recipients,
                                          size_t recipient_count, uint32_t ttl_s, enum cps_spooling spooling,
                                          struct cps_sent *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_send_with_spool_async(struct cps *cps, const struct cps_signer *signer,
                                                const struct cps_message *message,
                                                const struct cps_recipient *recipients, size_t recipient_count,
                                                uint32_t ttl_s, enum cps_spooling spooling, cps_sent_cb callback,
                                                void *arg, struct cps_error *err) CPS_MUST_CHECK;

/* As cps_send_with_spool, for a tenant of that name. Also CPS_E_NOT_FOUND and CPS_E_OUTSIDE. For the callback form
 * give cps_tenants_signer's to cps_send_with_spool_async: the operation keeps what it needs of it. */
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

/* Takes all that is in the box of dest out of it, unread, as its holder (DELETE of the box): for a box that somebody
 * has filled. What was taken before stays known as taken. Codes as cps_publish; CPS_E_FORBIDDEN for whoever is not the
 * holder. Repeating it is harmless. */
CPS_API enum cps_code cps_empty(struct cps *cps, const char *dest, struct cps_error *err) CPS_MUST_CHECK;

/* Reads the box of dest, in order of arrival: real envelopes and dummies alike. after: a cursor, or NULL for all.
 * wait_ms: how long the CPS may wait for the next one if there is none (rounded up to seconds). Codes as cps_publish.
 */
CPS_API enum cps_code cps_retrieve(struct cps *cps, const char *dest, const char *after, uint32_t wait_ms,
                                   struct cps_envelopes *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_retrieve_async(struct cps *cps, const char *dest, const char *after, uint32_t wait_ms,
                                         cps_retrieved_cb callback, void *arg, struct cps_error *err) CPS_MUST_CHECK;

#define CPS_SIGNER_MAX 128
#define CPS_PPT_MAX 32
#define CPS_AUTHORITY_MAX 40

/* What is known of a message. Cleared with cps_result_clear. */
struct cps_result {
    enum cps_verdict verdict;
    struct cps_error error; /* CPS_OK only if the verdict is passed; otherwise the cause, and the reason as text */
    char *passport;         /* the PASSporT that the verdict is about, NUL-terminated; NULL if there is none */
    size_t passport_len;
    char ppt[CPS_PPT_MAX];       /* its type: "msg", "shaken", ...; "baseline" if it has none; "" if there is no
                                    PASSporT. Cut if longer */
    char attest[2];              /* "A", "B" or "C": the attestation level of a "shaken" PASSporT; else "" */
    int64_t iat;                 /* its time, 0 if unknown */
    char signer[CPS_SIGNER_MAX]; /* whom the certificate names: its first SPC as "spc:1234", else its common name; "" as
                                    long as the certificate was not found trustworthy */
    char authority[CPS_AUTHORITY_MAX]; /* what the certificate speaks for, for machines: its first SPC as "spc:1234",
                                          else its first number (a range's first) as "tn:12155551212"; "" as signer */
    bool by_spc;                       /* the signer's authority over orig rests on an SPC: by the number table, or by
                                          allow_spc */
    bool msgi_checked;                 /* the body was compared with the PASSporT's digest */
    char reading[CPS_READING_NAME];    /* the name of the message's reading that the digest is of; "": of the body */
    char envelope_id[CPS_ID_LEN + 1];  /* cps_receive: which envelope it came in; "" else */
    size_t candidates;                 /* cps_receive: PASSporTs of the box from orig, also those of other messages; not
                                          counted if it passed */
};
typedef void (*cps_result_cb)(void *arg, const struct cps_result *result);

CPS_API void cps_result_clear(struct cps_result *result);

/*
 * Verifies one PASSporT against a message, in RFC 8816 section 8.2's order: type, orig, credentials (the chain x5c,
 * else that of x5u; trusted as of iat; authority over orig; claim constraints), freshness, signature; then dest, msgi,
 * and last whether it was used before: only a PASSporT that passes is remembered as used. message NULL: what concerns
 * the PASSporT alone, and nothing is remembered. CPS_OK only if the verdict is passed, otherwise the cause; out always
 * holds the verdict.
 */
CPS_API enum cps_code cps_verify_passport(struct cps *cps, const char *passport, size_t len, const struct cps_der *x5c,
                                          size_t x5c_count, const struct cps_message *message,
                                          struct cps_result *out) CPS_MUST_CHECK;
CPS_API enum cps_code cps_verify_passport_async(struct cps *cps, const char *passport, size_t len,
                                                const struct cps_der *x5c, size_t x5c_count,
                                                const struct cps_message *message, cps_result_cb callback, void *arg,
                                                struct cps_error *err) CPS_MUST_CHECK;

/*
 * Verifies a message that arrived: reads the box of its (one) dest, opens the envelopes that were not opened yet with
 * the private keys, the newest first, and verifies the PASSporTs whose orig is the message's; the best verdict counts.
 * Only `passed` ends it early: otherwise it waits up to wait_ms for more to arrive (0: reads the box once). Requests to
 * the CPS and to certificate hosts may take it request_timeout_ms and x5u_timeout_ms longer.
 *
 * A PASSporT is evidence about one message only:
 * - passed: orig, dest and text are as signed. It uses up one PASSporT of each signer that vouches for the same orig,
 * dest and text, those nearest in iat (RFC 8816 section 5: a message may have PASSporTs of several signers). A PASSporT
 * that names several destinations is good once at each.
 * - replayed: it fits in orig, dest and text, and was used before.
 * - msgi-mismatch: nothing has the message's text; but a PASSporT from orig to dest is good in everything else, was not
 *   used, was fresh when the message arrived, had reached the CPS before the message arrived, and is accounted for by
 * no other message that arrived. A message that arrived and for which no PASSporT was found (no-passport, timeout,
 * cps-unavailable, or announced with cps_announce) may account for any that was issued before it arrived: so there have
 * to be more such PASSporTs from orig to dest than such messages, or the verdict is no-passport. The PASSporT then
 * counts as this message's, and is no evidence about a third one.
 * - other verdicts about a PASSporT: it has the message's text, or says nothing of one.
 * - malformed: an envelope opens and holds no PASSporT; its sender and text, as far as they are readable, are this
 *   message's; the rest as for msgi-mismatch.
 * - no-passport: the box was read, wait_ms included, and there is no such evidence. timeout: the CPS was reached but
 * did not answer. cps-unavailable: it could not be asked. Once the box was read, a later failure to read it does not
 * change the verdict. That a PASSporT had reached the CPS before the message is what the CPS tells a holder (options
 * holder, claim); otherwise it is taken from the first reading of the box after the message arrived, and from iat.
 *
 * With the option claim a PASSporT that passes is taken out of its box first (DELETE): one holder alone can, so of
 * several hosts that receive for a destination one passes it and the others say replayed. If the CPS does not have it
 * and it is less than 90 s old, nobody took it; an older one is stale then. If the CPS does not say whose it is, that
 * is the verdict (cps-unavailable, timeout), and the PASSporT may be tried again.
 *
 * The handle remembers, for each dest and set of keys, the cursor, the PASSporTs that it opened, as long as they are
 * fresh and within box_*, and envelopes that no message has needed yet (in a quarter of box_octets_max): each is
 * fetched once and decrypted at most once, whatever number of messages is waiting. Returns as cps_verify_passport. In
 * the callback form decrypting and verifying happen on the I/O thread.
 */
CPS_API enum cps_code cps_receive(struct cps *cps, const struct cps_message *message, const struct cps_key *const *keys,
                                  size_t key_count, uint32_t wait_ms, struct cps_result *out) CPS_MUST_CHECK;
CPS_API enum cps_code cps_receive_async(struct cps *cps, const struct cps_message *message,
                                        const struct cps_key *const *keys, size_t key_count, uint32_t wait_ms,
                                        cps_result_cb callback, void *arg, struct cps_error *err) CPS_MUST_CHECK;

/*
 * Tells the handle of a message from orig to dest that arrived and that cps_receive is not asked about, or not yet: its
 * text is not known, or not complete. Its PASSporT, if it has one, is then not taken for evidence that the text of
 * another message was changed (msgi-mismatch). This is remembered as long as a PASSporT is fresh. If the message is
 * received after all, set `announced` in its struct cps_message. CPS_E_INVAL, CPS_E_TN, CPS_E_URI, CPS_E_NOMEM.
 */
CPS_API enum cps_code cps_announce(struct cps *cps, const char *orig, const char *dest,
                                   struct cps_error *err) CPS_MUST_CHECK;

/*
 * Says since when the handle knows of all messages that arrived, in seconds by its clock: PASSporTs that were issued up
 * to then may belong to messages that another process received, and are no evidence that a text was changed. To be
 * called by a process that continues the work of another one, before the first cps_receive.
 */
CPS_API void cps_set_evidence_since(struct cps *cps, int64_t since);

/* ---- Key records ------------------------------------------------------------------------------------------------- */

#define CPS_RECORD_KEYS 8 /* keys of one record */
#define CPS_RECORDS_MAX 8 /* records of one destination */
#define CPS_FOUND_KEYS 16 /* keys of all its records that are used */

/* One verified record of a destination. */
struct cps_found_record {
    char signer[CPS_SIGNER_MAX]; /* whom the record's certificate names */
    char *record;                /* as it was signed, NUL-terminated */
    char *cps_url;               /* the CPS that it names; NULL: none */
    int64_t issued, expires;
};

/* A destination's keys: those of every record that covers it. Cleared with cps_found_keys_clear. */
struct cps_found_keys {
    struct cps_error error;               /* of the callback form */
    struct cps_key *keys[CPS_FOUND_KEYS]; /* public; those that are current */
    char thumbprints[CPS_FOUND_KEYS][44]; /* theirs, RFC 7638 */
    size_t record_of[CPS_FOUND_KEYS];     /* which record each is of: an index of records */
    size_t key_count;
    bool pinned;                                      /* from pinned_file: there are no records */
    struct cps_found_record records[CPS_RECORDS_MAX]; /* the most specific first */
    size_t record_count;
};
typedef void (*cps_found_keys_cb)(void *arg, const struct cps_found_keys *result);

CPS_API void cps_found_keys_clear(struct cps_found_keys *keys);

/* Finds the keys of a destination as cps_send does. A record that is not good is logged and left out; if none is good,
 * the code is that of the first. CPS_E_NOT_FOUND: there is no record; CPS_E_CERT_SCOPE: it does not cover the
 * destination; CPS_E_STALE: it has expired, or is older than one seen before; CPS_E_KEY: none of its keys is current;
 * CPS_E_SIGNATURE, CPS_E_CERT_UNTRUSTED and the like: it is not what it says; CPS_E_JWS: it is not a key record;
 * CPS_E_PROTOCOL: the answer lists no records; CPS_E_CONFIG: no trust_file, or no CPS to ask; what cps_publish and x5u
 * give. */
CPS_API enum cps_code cps_find_keys(struct cps *cps, const char *dest, struct cps_found_keys *out,
                                    struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_find_keys_async(struct cps *cps, const char *dest, cps_found_keys_cb callback, void *arg,
                                          struct cps_error *err) CPS_MUST_CHECK;

/* Gives a key record to the directory of the CPS (PUT /keys/{subject}): subject is an SPC or a canonical number that it
 * is about; the numbering is not applied.
 * Codes as cps_publish; CPS_E_REFUSED also if the CPS has a newer one. Repeating it is harmless. */
CPS_API enum cps_code cps_put_keys(struct cps *cps, const char *subject, const char *record, size_t len,
                                   struct cps_error *err) CPS_MUST_CHECK;

/* ---- The CPS itself ---------------------------------------------------------------------------------------------- */

struct cps_health_status {
    struct cps_error error;
    char text[256]; /* what the CPS says of itself */
};
typedef void (*cps_health_cb)(void *arg, const struct cps_health_status *result);

/* Asks the CPS how it is (GET /health). CPS_OK if it answers 200, CPS_E_UNAVAILABLE on 503; else as cps_publish. out
 * may be NULL. */
CPS_API enum cps_code cps_health(struct cps *cps, struct cps_health_status *out, struct cps_error *err) CPS_MUST_CHECK;
CPS_API enum cps_code cps_health_async(struct cps *cps, cps_health_cb callback, void *arg,
                                       struct cps_error *err) CPS_MUST_CHECK;

/* The CPS of cps_url, and others, as the requests to them found them. */
struct cps_away_status {
    bool away;              /* the CPS of cps_url is away */
    int64_t away_ms;        /* for how long by now */
    struct cps_error cause; /* the last failure */
    size_t others;          /* CPSs of the number table and of key records that are wanted and away */
    uint64_t lost;          /* how often a CPS went away, since cps_new */
};

/*
 * Tells which CPSs are away. When a request fails because a CPS cannot be reached, does not answer in time or answers
 * 5xx, and no other URL of it is good, it is asked how it is (GET /health?for=read, within 2 s, or 0.5 s after a
 * time-out). If that fails as well the CPS is away: requests to it fail at once with CPS_E_AWAY, and it is asked again
 * in the background, with pauses of 0.1 to 1 s, until it answers. Never blocks.
 */
CPS_API void cps_away(const struct cps *cps, struct cps_away_status *out);

#ifdef __cplusplus
}
#endif

#endif
