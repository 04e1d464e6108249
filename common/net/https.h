/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One HTTPS request on a libcurl easy handle: the settings that every request of this project has, and what is read
 * from the answer. The owner runs the handle (curl_multi_*) and decides about threads, queues and retries.
 *
 * Every request uses https with a verified TLS 1.2 or later, HTTP/1.1, no redirect and no proxy. A URL can come from a
 * stranger (x5u, RFC 8225): with `refused` set, it cannot be used to reach addresses in the own network. The address is
 * checked when the connection is made, after name resolution, so that a name that resolves differently each time does
 * not evade the check.
 */

#define STIR_HTTPS_HEAD_MAX 32768 /* octets of an answer's head, where they are counted */

struct stir_https_request {
    const char *url;
    const char *method;        /* NULL: GET, or POST with a body */
    const char *body;          /* NULL: no body. Not copied: stays in place during the transfer */
    size_t body_len;           /* octets */
    struct curl_slist *fields; /* header fields (stir_https_add_field). Not copied either */
    const char *user_agent;
    const char *ca_file;     /* authorities that the server's certificate must lead to, PEM; NULL: the system's */
    const char *certificate; /* PEM files that authenticate the client; NULL: none */
    const char *private_key; /* belongs to certificate */
    size_t answer_max;       /* octets of the answer's body; a larger answer ends with STIR_E_TOO_BIG */
    uint32_t timeout_ms;     /* for the whole transfer */
    uint32_t connect_timeout_ms;
    bool own_connection; /* neither uses a kept-alive connection nor leaves one behind */

    /* Written while the transfer runs; these stay in place until it has ended. */
    struct stir_buf *answer; /* the body of the answer; its limit is set to answer_max */
    size_t *head_octets;     /* counts the octets of the head, up to STIR_HTTPS_HEAD_MAX; NULL: libcurl's own limit */
    bool *refused;           /* connect to public addresses only; set to true if one is not. NULL: to any address */
    char *error_text;        /* CURL_ERROR_SIZE octets; libcurl's text if the transfer fails */
    void *owner;             /* for CURLINFO_PRIVATE */
};

/* What an answer says besides its body. */
struct stir_https_answer {
    int status;
    int64_t max_age_s;     /* how long it may be kept (Cache-Control less Age, RFC 9111); -1: not said */
    int64_t retry_after_s; /* Retry-After in seconds; 0: not said */
    char content_type[64]; /* media type without parameters, in lower case; "": not said */
};

/* Initializes libcurl once in the process. Any thread. STIR_E_UNAVAILABLE. */
enum stir_code stir_https_init(struct stir_error *err) STIR_MUST_CHECK;

/* Appends "NAME: VALUE" to a list of header fields; an empty value removes a field that libcurl adds by itself. Free
 * the list with curl_slist_free_all. Returns false if memory is used up; the list is unchanged then. */
bool stir_https_add_field(struct curl_slist **fields, const char *name, const char *value);

/* Applies the request to a handle that is new or was reset. Returns false if memory is used up or libcurl lacks a
 * feature; the handle must not be used then. */
bool stir_https_prepare(CURL *easy, const struct stir_https_request *request);

/* Returns the code of a result: STIR_OK, STIR_E_TIMEOUT, STIR_E_TLS, STIR_E_PROTOCOL, STIR_E_TOO_BIG (the answer is
 * larger than answer_max, or its head too large), STIR_E_NOMEM, or STIR_E_CONNECT for everything else. */
enum stir_code stir_https_code(CURLcode result);

/* Returns true if the transfer got a connection to the host, new or kept alive, whatever followed. */
bool stir_https_connected(CURL *easy);

/* Returns the value of the answer's first field of this name, or NULL. Valid until the handle is used again. */
const char *stir_https_field(CURL *easy, const char *name);

/* Reads the answer of a transfer that ended with CURLE_OK. */
void stir_https_read_answer(CURL *easy, struct stir_https_answer *out);
