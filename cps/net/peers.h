/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/url.h"
#include "common/cert/tnauthlist.h"
#include "common/jose/key.h"
#include "cps/base/config.h"

#include <stdatomic.h>

/*
 * The CPSs that publications are forwarded to, and the credential that authenticates this CPS to them. Read and checked
 * as a whole in the main thread, then immutable and shared by reference count; a reload makes a new one.
 */
#define CPSD_PEERS_MAX 16

struct cpsd_peer {
    char url[STIR_URL_MAX + 1]; /* without a slash at the end */
    char host[256];             /* the aud of tokens for it */
};

struct cpsd_peers {
    size_t count;
    struct cpsd_peer peer[CPSD_PEERS_MAX];
    EVP_PKEY *key;
    char spc[STIR_SPC_MAX + 1]; /* the provider that this CPS acts for, from the certificate; in every token */
    char x5u[STIR_URL_MAX + 1]; /* where the certificate can be fetched; "": it is in the token */
    struct stir_buf *der;       /* the certificates, leaf first */
    struct stir_view *x5c;      /* views of them */
    size_t x5c_count;
    char *ca_file; /* "": the system's authorities */
    unsigned timeout_ms;
    size_t queue_max; /* the largest number of deliveries of one worker that wait or are in progress */
    _Atomic unsigned refs;
};

/* Loads what [atis] peers and the other keys of [atis] name. *out is NULL if no peer is configured, otherwise it holds
 * one reference. STIR_E_CONFIG for an invalid URL, too many peers, a missing certificate or key, a key that belongs to
 * another certificate, or a certificate without an SPC; STIR_E_IO, STIR_E_CERT, STIR_E_KEY, STIR_E_NOMEM. err names the
 * setting or the file. */
enum stir_code cpsd_peers_load(struct cpsd_peers **out, const struct cpsd_config *config,
                               struct stir_error *err) STIR_MUST_CHECK;

struct cpsd_peers *cpsd_peers_ref(struct cpsd_peers *peers); /* any thread; NULL is fine */
void cpsd_peers_unref(struct cpsd_peers *peers);             /* any thread; NULL is fine */
