/* SPDX-License-Identifier: MIT */
/* TLS session tickets: which keys read which tickets, as time goes by. */
#include "cps/server/tls_tickets.h"

#include "cps/server/tls.h"
#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

#define HOUR 3600u

struct clock {
    uint64_t s;
};

static uint64_t read_clock(void *arg)
{
    return ((struct clock *)arg)->s;
}

struct world {
    struct clock clock;
    struct cpsd_tls_tickets *tickets;
    SSL_CTX *servers[2], *client; /* two workers' */
    SSL_SESSION *session;         /* the newest that the client got */
};

static void make_world(struct world *w, int version)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY *ca_key = NULL;
    X509 *ca = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &ca_key);
    X509 *cert = certs_make((struct stir_cert_spec){.common_name = "server", .issuer = ca, .issuer_key = ca_key}, &key);
    *w = (struct world){.clock = {.s = 1000}};
    w->tickets = cpsd_tls_tickets_new(read_clock, &w->clock);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->tickets);
    for (int i = 0; i < 2; i++) {
        struct stir_error err = {0};
        w->servers[i] = SSL_CTX_new(TLS_server_method());
        UNIT_CODE(cpsd_tls_harden(w->servers[i], w->tickets, &err), STIR_OK, err.text);
        UNIT_CODE(cpsd_tls_client_setup(w->servers[i], &err), STIR_OK, err.text);
        CU_ASSERT_EQUAL(SSL_CTX_use_cert_and_key(w->servers[i], cert, key, NULL, 1), 1);
    }
    w->client = SSL_CTX_new(TLS_client_method());
    CU_ASSERT_EQUAL(SSL_CTX_set_min_proto_version(w->client, version), 1);
    CU_ASSERT_EQUAL(SSL_CTX_set_max_proto_version(w->client, version), 1);
}

static void end_world(struct world *w)
{
    SSL_SESSION_free(w->session);
    SSL_CTX_free(w->client);
    SSL_CTX_free(w->servers[0]);
    SSL_CTX_free(w->servers[1]);
    cpsd_tls_tickets_free(w->tickets);
    certs_end();
}

/* Connects to a worker with `session` (or NULL). Returns whether the session was resumed; w->session is the new one. */
static bool resumes(struct world *w, size_t worker, SSL_SESSION *session)
{
    SSL *server = SSL_new(w->servers[worker]), *client = SSL_new(w->client);
    BIO *one = NULL, *other = NULL;
    CU_ASSERT_EQUAL_FATAL(BIO_new_bio_pair(&one, 0, &other, 0), 1);
    SSL_set_bio(server, one, one);
    SSL_set_bio(client, other, other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    CU_ASSERT_TRUE(!session || SSL_set_session(client, session) == 1);
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    CU_ASSERT_TRUE(SSL_is_init_finished(client) && SSL_is_init_finished(server));
    char octet = 'x';
    (void)SSL_write(server, &octet, 1);
    CU_ASSERT_EQUAL(SSL_read(client, &octet, 1), 1); /* with TLS 1.3 the ticket comes after the handshake */
    bool resumed = SSL_session_reused(client);
    SSL_SESSION_free(w->session);
    w->session = SSL_get1_session(client);
    (void)SSL_shutdown(client);
    (void)SSL_shutdown(server);
    SSL_free(server);
    SSL_free(client);
    return resumed;
}

/* A ticket of time 0 is good as long as its key is the current or the previous one, at every worker. */
static void check_life(int version)
{
    static const struct {
        unsigned hours;
        bool resumed;
    } rows[] = {{0, true}, {11, true}, {12, true}, {23, true}, {24, false}, {36, false}, {24 * 365, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct world w;
        make_world(&w, version);
        CU_ASSERT_FALSE(resumes(&w, 0, NULL));
        SSL_SESSION *first = w.session;
        CU_ASSERT_PTR_NOT_NULL_FATAL(first);
        w.session = NULL;
        for (unsigned hour = 0; hour < rows[i].hours; hour++) { /* a process that runs, and nobody connects */
            w.clock.s += HOUR;
            cpsd_tls_tickets_rotate(w.tickets);
        }
        UNIT_CHECK(resumes(&w, 1, first) == rows[i].resumed, "after %u hours", rows[i].hours);
        SSL_SESSION_free(first);
        end_world(&w);
    }
}

static void test_s17_keys_are_replaced(void)
{
    check_life(TLS1_2_VERSION);
    check_life(TLS1_3_VERSION);
}

/* The clock jumped (a machine that slept): the old key is not kept as the previous one beyond its time. */
static void test_s17_sleep(void)
{
    struct world w;
    make_world(&w, TLS1_3_VERSION);
    CU_ASSERT_FALSE(resumes(&w, 0, NULL));
    SSL_SESSION *first = w.session;
    w.session = NULL;
    w.clock.s += 25 * HOUR;
    CU_ASSERT_FALSE(resumes(&w, 0, first));
    CU_ASSERT_TRUE(resumes(&w, 1, w.session));
    SSL_SESSION_free(first);
    end_world(&w);
}

/* A ticket of the previous key is replaced by one of the current key. */
static void test_s17_renewed(void)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct world w;
        make_world(&w, version);
        CU_ASSERT_FALSE(resumes(&w, 0, NULL));
        for (int days = 0; days < 6; days++) {
            SSL_SESSION *last = w.session;
            w.session = NULL;
            w.clock.s += 13 * HOUR;
            UNIT_CHECK(resumes(&w, 0, last), "version %x, half-day %d", version, days);
            SSL_SESSION_free(last);
            CU_ASSERT_PTR_NOT_NULL_FATAL(w.session);
        }
        end_world(&w);
    }
}

UNIT_MAIN("tickets", {"S17: the keys of tickets are replaced every 12 hours", test_s17_keys_are_replaced},
          {"S17: a process that slept", test_s17_sleep},
          {"S17: a resumed session gets a ticket of the new key", test_s17_renewed})
