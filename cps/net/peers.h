#pragma once

#include "common/base/url.h"
#include "common/cert/tnauthlist.h"
#include "common/jose/key.h"
#include "cps/base/config.h"

#include <stdatomic.h>

/*
 * The CPSs that publications are handed on to, and the credential that speaks for this one to them. Read and checked as
 * a whole in the main thread, then immutable and shared by reference count; a reload makes another.
 */
#define CPSD_PEERS_MAX 16

struct cpsd_peer {
    char url[STIR_URL_MAX + 1]; /* without a slash at the end */
    char host[256];             /* the aud of tokens to it */
};

struct cpsd_peers {
    size_t count;
    struct cpsd_peer peer[CPSD_PEERS_MAX];
    EVP_PKEY *key;
    char spc[STIR_SPC_MAX + 1]; /* what the certificate says that this CPS is; in every token */
    char x5u[STIR_URL_MAX + 1]; /* where the certificate is to be had; "": it travels in the token */
    struct stir_buf *der;       /* the certificates, leaf first */
    struct stir_view *x5c;      /* views of them */
    size_t x5c_count;
    char *ca_file; /* "": the system's authorities */
    unsigned timeout_ms;
    size_t queue_max; /* deliveries of one worker that wait or are under way */
    _Atomic unsigned refs;
};

/* What [atis] peers and the keys beside it name. *out is NULL if no peer is configured, else it holds one reference.
 * STIR_E_CONFIG for a URL that is none, too many of them, a missing certificate or key, a key of another certificate or
 * a certificate without an SPC; STIR_E_IO, STIR_E_CERT, STIR_E_KEY, STIR_E_NOMEM. err names the key or the file. */
enum stir_code cpsd_peers_load(struct cpsd_peers **out, const struct cpsd_config *config,
                               struct stir_error *err) STIR_MUST_CHECK;

struct cpsd_peers *cpsd_peers_ref(struct cpsd_peers *peers); /* any thread; NULL is fine */
void cpsd_peers_unref(struct cpsd_peers *peers);             /* any thread; NULL is fine */
