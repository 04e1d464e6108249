/* SPDX-License-Identifier: MIT */
#include "cps/server/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Tickets as OpenSSL makes its own (RFC 5077 section 4): AES-256 in CBC mode, then HMAC-SHA-256. */
enum { NAME = 16, SECRET = 32 };

struct ticket_key {
    unsigned char name[NAME];
    unsigned char aes[SECRET], mac[SECRET];
};

struct cpsd_tls_tickets {
    pthread_mutex_t lock;
    struct ticket_key current, previous;
    bool has_previous;
    uint64_t since_s; /* when `current` became the current key */
    uint64_t (*now_s)(void *arg);
    void *arg;
};

static uint64_t tickets_boot_time_s(void *arg)
{
    struct timespec now = {0};
    (void)arg;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec;
}

struct cpsd_tls_tickets *cpsd_tls_tickets_new(uint64_t (*now_s)(void *arg), void *arg)
{
    struct cpsd_tls_tickets *tickets = calloc(1, sizeof(*tickets));
    if (!tickets || RAND_priv_bytes((unsigned char *)&tickets->current, sizeof(tickets->current)) != 1) {
        free(tickets);
        return NULL;
    }
    (void)pthread_mutex_init(&tickets->lock, NULL);
    tickets->now_s = now_s ? now_s : tickets_boot_time_s;
    tickets->arg = arg;
    tickets->since_s = tickets->now_s(arg);
    return tickets;
}

void cpsd_tls_tickets_free(struct cpsd_tls_tickets *tickets)
{
    if (tickets) {
        (void)pthread_mutex_destroy(&tickets->lock);
        OPENSSL_cleanse(tickets, sizeof(*tickets));
        free(tickets);
    }
}

/* Replaces the current key if its time is over. Without randomness it stays, and the next call tries again. With the
 * lock held. */
static void tickets_rotate(struct cpsd_tls_tickets *tickets)
{
    struct ticket_key fresh;
    uint64_t now = tickets->now_s(tickets->arg), age = now - tickets->since_s;
    if (age < CPSD_TLS_TICKET_KEY_S || RAND_priv_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1) {
        return;
    }
    /* after a long pause even the time of the current key as the previous one is over */
    tickets->has_previous = age < 2 * (uint64_t)CPSD_TLS_TICKET_KEY_S;
    if (tickets->has_previous) {
        tickets->previous = tickets->current;
    } else {
        OPENSSL_cleanse(&tickets->previous, sizeof(tickets->previous));
    }
    tickets->current = fresh;
    tickets->since_s = now;
    OPENSSL_cleanse(&fresh, sizeof(fresh));
}

void cpsd_tls_tickets_rotate(struct cpsd_tls_tickets *tickets)
{
    (void)pthread_mutex_lock(&tickets->lock);
    tickets_rotate(tickets);
    (void)pthread_mutex_unlock(&tickets->lock);
}

static bool tickets_set_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* Encrypts a new ticket with the current key. */
static int tickets_seal(struct cpsd_tls_tickets *tickets, unsigned char name[NAME], unsigned char *iv,
                        EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct ticket_key *key = &tickets->current;
    memcpy(name, key->name, NAME);
    bool good = RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
                EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key->aes, iv, NULL) == 1 && tickets_set_mac(mac, key);
    return good ? 1 : -1;
}

/* Decrypts a ticket: 1 with the current key, 2 with the previous one (the client gets a new ticket), 0 with neither. */
static int tickets_unseal(struct cpsd_tls_tickets *tickets, const unsigned char name[NAME], const unsigned char *iv,
                          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    bool current = CRYPTO_memcmp(name, tickets->current.name, NAME) == 0;
    const struct ticket_key *key = current ? &tickets->current : &tickets->previous;
    if (!current && (!tickets->has_previous || CRYPTO_memcmp(name, tickets->previous.name, NAME) != 0)) {
        return 0;
    }
    bool good = EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key->aes, iv, NULL) == 1 && tickets_set_mac(mac, key);
    return !good ? -1 : current ? 1 : 2;
}

/* The index under which a context keeps its tickets. OpenSSL gives out each index once per process. */
static pthread_once_t tickets_index_once = PTHREAD_ONCE_INIT;
static int tickets_ctx_index = -1;

static void tickets_make_index(void)
{
    tickets_ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static int tickets_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                             int encrypt)
{
    struct cpsd_tls_tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_ctx_index);
    (void)pthread_mutex_lock(&tickets->lock);
    tickets_rotate(tickets);
    /* the previous key is valid for one period after it was the current one; tickets_rotate sees to that */
    int result =
        encrypt ? tickets_seal(tickets, name, iv, cipher, mac) : tickets_unseal(tickets, name, iv, cipher, mac);
    (void)pthread_mutex_unlock(&tickets->lock);
    return result;
}

bool cpsd_tls_tickets_use(struct cpsd_tls_tickets *tickets, SSL_CTX *ctx)
{
    (void)pthread_once(&tickets_index_once, tickets_make_index);
    return tickets_ctx_index >= 0 && SSL_CTX_set_ex_data(ctx, tickets_ctx_index, tickets) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tickets_on_ticket) == 1;
}
