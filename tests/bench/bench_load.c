/* SPDX-License-Identifier: MIT */
/*
 * Publishes to a CPS or retrieves from it over kept-alive TLS connections, one request under way on each, and prints a
 * line of JSON: answers a second, their latency, and what processor time it took whom.
 *
 *     bench_load publish|retrieve --port N --ca FILE [--connections 32] [--seconds 2 | --count N] [--octets 1000]
 *                [--rate N] [--ttl S] [--base TN] [--boxes N] [--first N] [--answer OCTETS] [--pid PID[,PID]]...
 *     bench_load publish --token-key FILE --token-x5u URL --token-iss SPC --token-aud NAME --count N ...
 *     bench_load publish|retrieve --webdis PORT ...
 *
 * With --token-key each publish has a bearer token of its own, made before anything is measured.
 * With --rate, requests come at random times, on average this many per second, whether earlier ones were answered or
 * not. A latency counts from the time at which a request was due, so a server that stalls is charged for all waiting
 * requests. webdis is used without TLS.
 */
#include "tests/bench/load/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define ANSWER_MAX (2u << 20)
#define STALL_MS 10000 /* a server that is silent for this long is not measured */
#define LOOK_INTO 16   /* one in this number of answers to a retrieval is */

struct conn {
    int fd;
    SSL *ssl;
    struct stir_buf request;
    char *in;
    size_t in_len, in_cap;
    uint64_t sent_ns;
    bool waiting, want_write;
};

struct load {
    const struct load_options *options;
    struct load_requests requests;
    struct load_tally tally;
    struct load_pace pace;
    struct conn conns[CONNECTIONS_MAX];
    struct conn *idle[CONNECTIONS_MAX]; /* with --rate: a ring of those that wait for something to do */
    unsigned idle_first, idle_count;
    SSL_CTX *ctx;
    int epoll;
    unsigned under_way;
    uint64_t begin_ns, end_ns; /* end_ns: when it is over; 0: after count */
    bool over;
};

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_load: %s: %s\n", what, why);
    exit(1);
}

static void die_openssl(const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());
    die(what, why ? why : "the connection was closed");
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double own_cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- connections ---- */

static void watch(struct load *load, struct conn *conn, int operation, bool for_writing)
{
    struct epoll_event event = {.events = for_writing ? EPOLLOUT : EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(load->epoll, operation, conn->fd, &event) < 0) {
        die("epoll", strerror(errno));
    }
    conn->want_write = for_writing;
}

/* Connects and shakes hands, blocking: that is over before anything is measured. */
static void open_conn(struct load *load, struct conn *conn)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(load->options->port)};
    struct timeval patience = {.tv_sec = STALL_MS / 1000};
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
        connect(conn->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        die("connecting", strerror(errno));
    }
    conn->ssl = load->ctx ? SSL_new(load->ctx) : NULL;
    if (load->ctx && (!conn->ssl || SSL_set_fd(conn->ssl, conn->fd) != 1 || SSL_connect(conn->ssl) != 1)) {
        die_openssl("TLS");
    }
    int flags = fcntl(conn->fd, F_GETFL);
    if (flags < 0 || fcntl(conn->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        die("connecting", strerror(errno));
    }
    watch(load, conn, EPOLL_CTL_ADD, false);
}

static void close_conn(struct conn *conn)
{
    if (conn->ssl) {
        (void)SSL_shutdown(conn->ssl);
        SSL_free(conn->ssl);
    }
    (void)close(conn->fd);
    stir_buf_free(&conn->request);
    free(conn->in);
}

static void make_tls(struct load *load)
{
    load->ctx = SSL_CTX_new(TLS_client_method());
    if (!load->ctx || SSL_CTX_load_verify_file(load->ctx, load->options->ca) != 1) {
        die_openssl(load->options->ca);
    }
    SSL_CTX_set_verify(load->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(load->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(load->ctx, 1); /* one system call for a record, not two */
}

/* ---- requests and answers ---- */

/* Returns what was sent; -1 and *again: not now. */
static int conn_write(struct conn *conn, bool *again)
{
    int n = conn->ssl ? SSL_write(conn->ssl, conn->request.ptr, (int)conn->request.len)
                      : (int)send(conn->fd, conn->request.ptr, conn->request.len, MSG_NOSIGNAL);
    *again = n <= 0 && (conn->ssl ? SSL_get_error(conn->ssl, n) == SSL_ERROR_WANT_WRITE : errno == EAGAIN);
    return n;
}

static int conn_read(struct conn *conn, bool *again)
{
    char *to = conn->in + conn->in_len;
    size_t room = conn->in_cap - conn->in_len;
    int n = conn->ssl ? SSL_read(conn->ssl, to, (int)room) : (int)recv(conn->fd, to, room, 0);
    *again = n <= 0 && (conn->ssl ? SSL_get_error(conn->ssl, n) == SSL_ERROR_WANT_READ : n < 0 && errno == EAGAIN);
    return n;
}

static void write_request(struct load *load, struct conn *conn)
{
    bool again;
    int n = conn_write(conn, &again);
    if ((n <= 0 && !again) || (!conn->ssl && n > 0 && (size_t)n != conn->request.len)) {
        die_openssl("writing");
    }
    if (again != conn->want_write) {
        watch(load, conn, EPOLL_CTL_MOD, again);
    }
}

static void send_request(struct load *load, struct conn *conn, uint64_t due_ns)
{
    load_requests_put(&load->requests, &conn->request);
    if (stir_buf_state(&conn->request) != STIR_OK) {
        die("a request", "out of memory");
    }
    conn->waiting = true;
    conn->sent_ns = due_ns;
    load->under_way++;
    write_request(load, conn);
}

/* With --count: no more requests than that, and no more tokens. */
static bool all_sent(const struct load *load)
{
    const struct load_options *o = load->options;
    return load->over || (o->count && load->requests.next == o->first + o->count);
}

static void next_request(struct load *load, struct conn *conn)
{
    if (all_sent(load)) {
        return;
    }
    if (load->options->rate) {
        load->idle[(load->idle_first + load->idle_count++) % CONNECTIONS_MAX] = conn;
    } else {
        send_request(load, conn, now_ns());
    }
}

/* With --rate: sends what is due, as far as there are connections; returns the nanoseconds until the next. */
static uint64_t send_due(struct load *load)
{
    uint64_t now = now_ns();
    while (!all_sent(load) && load->idle_count && load->pace.due_ns <= now) {
        struct conn *conn = load->idle[load->idle_first];
        load->idle_first = (load->idle_first + 1) % CONNECTIONS_MAX;
        load->idle_count--;
        send_request(load, conn, load->pace.due_ns);
        load_pace_next(&load->pace);
        now = now_ns();
    }
    return !all_sent(load) && load->idle_count && load->pace.due_ns > now ? load->pace.due_ns - now
                                                                          : UINT64_C(1000000) * STALL_MS;
}

static void count_answer(struct load *load, struct conn *conn, int status, size_t len)
{
    struct load_tally *tally = &load->tally;
    uint64_t now = now_ns();
    conn->waiting = false;
    load->under_way--;
    if (load->over) {
        return;
    }
    if (!load_tally_add(tally, status, len, now - conn->sent_ns)) {
        die("counting", "out of memory");
    }
    if (load->options->kind == LOAD_RETRIEVE && tally->answers % LOOK_INTO == 0) {
        tally->sampled++;
        tally->envelopes += load_answer_envelopes(conn->in, len);
    }
}

/* TLS has things of its own to say to a connection that waits for nothing. */
static void read_nothing(struct conn *conn)
{
    char octet;
    if (conn->ssl && SSL_read(conn->ssl, &octet, 1) > 0) {
        die("an answer", "to no request");
    }
}

static void read_answer(struct load *load, struct conn *conn)
{
    int status = 0;
    long len = 0;
    if (!conn->waiting) {
        read_nothing(conn);
        return;
    }
    while (conn->waiting) {
        if (conn->in_cap - conn->in_len < 16384) {
            conn->in_cap = conn->in_cap ? 2 * conn->in_cap : 32768;
            conn->in = conn->in_cap <= ANSWER_MAX ? realloc(conn->in, conn->in_cap) : NULL;
            if (!conn->in) {
                die("an answer", "too large");
            }
        }
        bool again;
        int n = conn_read(conn, &again);
        if (again) {
            return;
        }
        if (n <= 0) {
            die_openssl("reading");
        }
        conn->in_len += (size_t)n;
        len = load_answer_parse(conn->in, conn->in_len, &status);
        if (len < 0 || (len && (size_t)len != conn->in_len)) {
            die("an answer", "it is no HTTP answer, or more than one");
        }
        if (len) {
            count_answer(load, conn, status, (size_t)len);
            conn->in_len = 0;
        }
    }
    next_request(load, conn);
}

/* ---- the run ---- */

static bool finished(struct load *load)
{
    const struct load_options *o = load->options;
    return o->count ? load->tally.answers >= o->count : now_ns() >= load->end_ns;
}

static void take_cpu(struct load *load, double sign)
{
    for (unsigned i = 0; i < load->options->pid_count; i++) {
        double cpu = load_cpu_s(load->options->pids[i]);
        if (cpu < 0) {
            die("processor time", "there is no such process");
        }
        load->tally.cpu_s[load->options->group[i]] += sign * cpu;
    }
    load->tally.own_s += sign * own_cpu_s();
}

/* Serves events until the run is over; draining, until nothing is under way any more. */
static void serve(struct load *load, bool draining)
{
    struct epoll_event events[64];
    while (draining ? load->under_way > 0 : !finished(load)) {
        uint64_t ns = load->options->rate ? send_due(load) : UINT64_C(1000000) * STALL_MS;
        struct timespec patience = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
        int n = epoll_pwait2(load->epoll, events, 64, &patience, NULL);
        if (n == 0 && patience.tv_sec) {
            die("the server", "it does not answer any more");
        }
        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn->want_write) {
                write_request(load, conn);
            } else {
                read_answer(load, conn);
            }
        }
    }
}

static void run(struct load *load)
{
    const struct load_options *o = load->options;
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (!o->webdis) {
        make_tls(load);
    }
    for (unsigned i = 0; i < o->connections; i++) {
        open_conn(load, &load->conns[i]);
    }
    take_cpu(load, -1);
    load->begin_ns = now_ns();
    load->end_ns = load->begin_ns + (uint64_t)(o->seconds * 1e9);
    if (o->rate) {
        load_pace_start(&load->pace, o->rate, load->begin_ns);
    }
    for (unsigned i = 0; i < o->connections; i++) {
        next_request(load, &load->conns[i]);
    }
    serve(load, false);
    load->tally.seconds = (double)(now_ns() - load->begin_ns) * 1e-9;
    take_cpu(load, 1);
    load->over = true;
    serve(load, true);
    for (unsigned i = 0; i < o->connections; i++) {
        close_conn(&load->conns[i]);
    }
    SSL_CTX_free(load->ctx);
    (void)close(load->epoll);
}

/* ---- the command ---- */

static int usage(void)
{
    (void)fputs("usage: bench_load publish|retrieve --port N --ca FILE [--connections N] [--seconds S | --count N]\n"
                "                  [--rate N] [--octets N] [--ttl S] [--base TN] [--boxes N] [--first N]\n"
                "                  [--answer OCTETS] [--pid PID[,PID]...]...\n"
                "       bench_load publish --token-key FILE --token-x5u URL --token-iss SPC --token-aud NAME\n"
                "                  --count N ...\n"
                "       bench_load publish|retrieve --webdis PORT ...\n",
                stderr);
    return 2;
}

/* A whole number within bounds. */
static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || n < min || n > max) {
        return false;
    }
    *out = n;
    return true;
}

static bool set_seconds(struct load_options *o, const char *value)
{
    char *end = NULL;
    o->seconds = strtod(value, &end);
    return end != value && !*end && o->seconds > 0 && o->seconds <= 3600;
}

/* Processes whose time is told as one: "12,34". */
static bool set_pids(struct load_options *o, const char *value)
{
    for (const char *p = value; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        long pid = strtol(p, NULL, 10);
        if (pid < 1 || pid > INT32_MAX || o->pid_count == LOAD_PIDS) {
            return false;
        }
        o->pids[o->pid_count] = (int)pid;
        o->group[o->pid_count++] = o->groups;
    }
    o->groups++;
    return true;
}

static bool set_text(struct load_options *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **at;
    } texts[] = {{"--ca", &o->ca},
                 {"--token-key", &o->token_key},
                 {"--token-x5u", &o->token_x5u},
                 {"--token-iss", &o->token_iss},
                 {"--token-aud", &o->token_aud}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].at = value;
            return true;
        }
    }
    return false;
}

static bool set(struct load_options *o, const char *name, const char *value)
{
    uint64_t n = 0;
    bool good = true;
    if (set_text(o, name, value)) {
        return true;
    }
    if (strcmp(name, "--seconds") == 0) {
        good = set_seconds(o, value);
    } else if (strcmp(name, "--port") == 0 && (good = number(value, 1, 65535, &n))) {
        o->port = (uint16_t)n;
    } else if (strcmp(name, "--connections") == 0 && (good = number(value, 1, CONNECTIONS_MAX, &n))) {
        o->connections = (unsigned)n;
    } else if (strcmp(name, "--octets") == 0 && (good = number(value, 1, 16384, &n))) {
        o->octets = (unsigned)n;
    } else if (strcmp(name, "--ttl") == 0 && (good = number(value, 1, 259200, &n))) {
        o->ttl_s = (unsigned)n;
    } else if (strcmp(name, "--answer") == 0 && (good = number(value, 64, 1u << 20, &n))) {
        o->answer = (unsigned)n;
    } else if (strcmp(name, "--webdis") == 0 && (good = number(value, 1, 65535, &n))) {
        o->port = (uint16_t)n;
        o->webdis = true;
    } else if (strcmp(name, "--pid") == 0) {
        good = set_pids(o, value);
    } else if (strcmp(name, "--rate") == 0) {
        good = number(value, 1, 10000000, &o->rate);
    } else if (strcmp(name, "--base") == 0) {
        good = number(value, 1, UINT64_C(100000000000000), &o->base);
    } else if (strcmp(name, "--boxes") == 0) {
        good = number(value, 1, 1000000000, &o->boxes);
    } else if (strcmp(name, "--first") == 0) {
        good = number(value, 0, UINT64_C(1) << 60, &o->first);
    } else if (strcmp(name, "--count") == 0) {
        good = number(value, 1, UINT64_C(1) << 40, &o->count);
    } else {
        good = false;
    }
    return good;
}

int main(int argc, char **argv)
{
    static struct load load;
    struct load_options options = {
        .connections = 32, .seconds = 2, .octets = 1000, .base = UINT64_C(12000000000), .boxes = 50000};
    struct stir_error err = {0};
    if (argc < 2 || (strcmp(argv[1], "publish") != 0 && strcmp(argv[1], "retrieve") != 0)) {
        return usage();
    }
    options.kind = strcmp(argv[1], "publish") == 0 ? LOAD_PUBLISH : LOAD_RETRIEVE;
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc || !set(&options, argv[i], argv[i + 1])) {
            return usage();
        }
    }
    if (!options.port || (!options.ca && !options.webdis) || (options.token_key && !options.count)) {
        return usage();
    }
    load.options = &options;
    if (load_requests_init(&load.requests, &options, &err) != STIR_OK) {
        die("envelopes", err.text);
    }
    run(&load);
    load_tally_print(&load.tally, &options);
    load_requests_clear(&load.requests);
    free(load.tally.latency_us);
    return 0;
}
