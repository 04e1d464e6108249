/*
 * An SMSC for tests, demo and measurements on 127.0.0.1: accepts every bind and message.
 *
 *     smsc [--port N] [--show] [--status N [--refuse-each N]] [--bind-status N] [--delay MS]
 *          [--text TEXT --from NUMBER --to NUMBER [--tlv HEX]]
 *          [--count N | --seconds S [--window 100] [--octets 100] [--pairs 1000] [--rate N] [--pid N]]
 *
 * Says "listening on 127.0.0.1:PORT" first. --show prints a line of JSON for each message that comes. Messages are
 * answered with --status: all, or with --refuse-each each so manieth, the others being taken. With --text it
 * delivers that message to each that binds to receive, with --count or --seconds a load of messages, and tells about it
 * in a line of JSON. --delay holds answers to messages back. On SIGTERM it tells what it has had, and ends.
 */
#include "tests/tools/smpp/options.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

enum { CONNECTIONS_MAX = 2048, DELAYED_MAX = 65536 };

struct conn {
    struct wire wire;
    struct load load;
    bool loading, used;
    uint64_t generation;
};

/* An answer that is held back. */
struct delayed {
    uint64_t due_ns, generation;
    unsigned conn;
    struct smpp_header request;
};

struct smsc {
    struct conn conns[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX + 1];
    unsigned at[CONNECTIONS_MAX + 1]; /* which connection a pollfd is of */
    struct delayed delayed[DELAYED_MAX];
    unsigned delayed_first, delayed_count;
    int listener;
    bool show;
    uint32_t status, refuse_each, bind_status, delay_ms;
    struct options options;
    uint64_t end_ns, generation;
    double cpu_s;
    uint32_t sequence;
    unsigned long long binds, messages, answers;
};

static volatile sig_atomic_t stopped;

static void on_term(int signum)
{
    (void)signum;
    stopped = 1;
}

/* ---- answers ---- */

static void answer_message(struct smsc *smsc, struct conn *conn, const struct smpp_header *request)
{
    char id[16];
    (void)snprintf(id, sizeof(id), "%llx", ++smsc->answers);
    bool refused = smsc->status != SMPP_ROK && (smsc->refuse_each == 0 || smsc->answers % smsc->refuse_each == 0);
    struct smpp_pdu resp = {.header = {.command = request->command | SMPP_RESP,
                                       .status = refused ? smsc->status : SMPP_ROK,
                                       .sequence = request->sequence},
                            .no_body = refused,
                            .message_id = stir_view_str(id)};
    wire_put_pdu(&conn->wire, &resp);
}

static void answer_later(struct smsc *smsc, unsigned at, const struct smpp_header *request)
{
    if (smsc->delayed_count == DELAYED_MAX) {
        die("too many answers are held back");
    }
    unsigned slot = (smsc->delayed_first + smsc->delayed_count++) % DELAYED_MAX;
    smsc->delayed[slot] = (struct delayed){.due_ns = now_ns() + smsc->delay_ms * UINT64_C(1000000),
                                           .generation = smsc->conns[at].generation,
                                           .conn = at,
                                           .request = *request};
}

static void answer_due(struct smsc *smsc)
{
    while (smsc->delayed_count && smsc->delayed[smsc->delayed_first].due_ns <= now_ns()) {
        struct delayed *delayed = &smsc->delayed[smsc->delayed_first];
        struct conn *conn = &smsc->conns[delayed->conn];
        if (conn->used && conn->generation == delayed->generation) {
            answer_message(smsc, conn, &delayed->request);
        }
        smsc->delayed_first = (smsc->delayed_first + 1) % DELAYED_MAX;
        smsc->delayed_count--;
    }
}

static void begin_to_deliver(struct smsc *smsc, struct conn *conn)
{
    if (smsc->options.sms.text) {
        (void)sms_put(&conn->wire, &smsc->options.sms, &smsc->sequence);
    }
    if (smsc->options.load.window) {
        conn->load = smsc->options.load;
        conn->loading = true;
        smsc->cpu_s = load_cpu_s(smsc->options.pid);
        smsc->end_ns = options_end_ns(&smsc->options);
        load_begin(&conn->load);
    }
}

static void answer_bind(struct smsc *smsc, struct conn *conn, const struct smpp_header *request)
{
    struct smpp_pdu resp = {.header = {.command = request->command | SMPP_RESP,
                                       .status = smsc->bind_status,
                                       .sequence = request->sequence},
                            .no_body = smsc->bind_status != SMPP_ROK,
                            .system_id = stir_view_str("smsc")};
    wire_put_pdu(&conn->wire, &resp);
    smsc->binds++;
    if (smsc->bind_status == SMPP_ROK && request->command != SMPP_BIND_TRANSMITTER) {
        begin_to_deliver(smsc, conn);
    }
}

/* ---- what comes ---- */

static void take_message(struct smsc *smsc, unsigned at, const char *octets, size_t n)
{
    struct smpp_header header = smpp_header_read(octets);
    smsc->messages++;
    if (smsc->show) {
        struct smpp_pdu pdu;
        struct stir_buf line = {0};
        if (smpp_pdu_read(&pdu, octets, n, NULL) == SMPP_OK) {
            sms_show(&line, &pdu);
        }
        (void)fputs(line.ptr ? line.ptr : "{\"command\":\"malformed\"}\n", stdout);
        (void)fflush(stdout);
        stir_buf_free(&line);
    }
    if (smsc->delay_ms) {
        answer_later(smsc, at, &header);
    } else {
        answer_message(smsc, &smsc->conns[at], &header);
    }
}

static void take(struct smsc *smsc, unsigned at, const char *octets, size_t n)
{
    struct conn *conn = &smsc->conns[at];
    struct smpp_header header = smpp_header_read(octets);
    switch (header.command) {
    case SMPP_BIND_RECEIVER:
    case SMPP_BIND_TRANSMITTER:
    case SMPP_BIND_TRANSCEIVER:
        answer_bind(smsc, conn, &header);
        break;
    case SMPP_SUBMIT_SM:
    case SMPP_DATA_SM:
    case SMPP_DELIVER_SM:
    case SMPP_SUBMIT_MULTI:
        take_message(smsc, at, octets, n);
        break;
    default:
        if (conn->loading && load_take(&conn->load, &header) && load_done(&conn->load)) {
            load_print(&conn->load, 1, smsc->options.pid, smsc->cpu_s);
            load_clear(&conn->load);
            conn->loading = false;
        } else if (smpp_command_has_response(header.command)) {
            wire_put_header(&conn->wire, header.command | SMPP_RESP, SMPP_ROK, header.sequence);
        } else if (!smpp_command_name(header.command)) {
            wire_put_header(&conn->wire, SMPP_GENERIC_NACK, SMPP_RINVCMDID, header.sequence);
        }
    }
}

static void drop(struct conn *conn)
{
    if (conn->loading) {
        load_clear(&conn->load);
    }
    wire_close(&conn->wire);
    conn->used = conn->loading = false;
}

static void turn(struct smsc *smsc, unsigned at, short events)
{
    struct conn *conn = &smsc->conns[at];
    const char *pdu = NULL;
    size_t n = 0;
    bool alive = !(events & (POLLIN | POLLHUP | POLLERR)) || wire_fill(&conn->wire);
    while (alive && wire_next(&conn->wire, &pdu, &n)) {
        take(smsc, at, pdu, n);
    }
    if (conn->loading) {
        conn->load.over = now_ns() >= smsc->end_ns;
        load_put(&conn->load, &conn->wire);
    }
    if (!alive || !wire_flush(&conn->wire)) {
        drop(conn);
    }
}

static void accept_all(struct smsc *smsc)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct conn *conn = &smsc->conns[i];
        if (!conn->used) {
            if (!wire_accept(&conn->wire, smsc->listener)) {
                return;
            }
            conn->used = true;
            conn->generation = ++smsc->generation;
        }
    }
}

static uint64_t next_due(const struct smsc *smsc)
{
    uint64_t wait = 100000000, now = now_ns();
    if (smsc->delayed_count) {
        uint64_t due = smsc->delayed[smsc->delayed_first].due_ns;
        wait = due <= now ? 0 : due - now < wait ? due - now : wait;
    }
    for (unsigned i = 0; smsc->options.load.window && i < CONNECTIONS_MAX; i++) {
        if (smsc->conns[i].loading) {
            uint64_t due = load_due_ns(&smsc->conns[i].load);
            wait = due < wait ? due : wait;
        }
    }
    return wait;
}

static void run(struct smsc *smsc)
{
    while (!stopped) {
        nfds_t count = 1;
        smsc->polls[0] = (struct pollfd){.fd = smsc->listener, .events = POLLIN};
        for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
            if (smsc->conns[i].used) {
                smsc->polls[count] =
                    (struct pollfd){.fd = smsc->conns[i].wire.fd, .events = wire_events(&smsc->conns[i].wire)};
                smsc->at[count++] = i;
            }
        }
        if (!wire_wait(smsc->polls, count, next_due(smsc))) {
            continue;
        }
        answer_due(smsc);
        for (nfds_t i = 1; i < count; i++) {
            turn(smsc, smsc->at[i], smsc->polls[i].revents);
        }
        if (smsc->polls[0].revents) {
            accept_all(smsc);
        }
    }
}

/* ---- options ---- */

static const struct option own[] = {
    {"show", no_argument, NULL, 'S'},
    {"status", required_argument, NULL, 'u'},
    {"refuse-each", required_argument, NULL, 'e'},
    {"bind-status", required_argument, NULL, 'b'},
    {"delay", required_argument, NULL, 'y'},
    {NULL, 0, NULL, 0},
};

static bool set(void *arg, int option, const char *value)
{
    struct smsc *smsc = arg;
    switch (option) {
    case 'S':
        smsc->show = true;
        break;
    case 'u':
        smsc->status = options_number(value, UINT32_MAX);
        break;
    case 'e':
        smsc->refuse_each = options_number(value, UINT32_MAX);
        break;
    case 'b':
        smsc->bind_status = options_number(value, UINT32_MAX);
        break;
    case 'y':
        smsc->delay_ms = options_number(value, 3600000);
        break;
    default:
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct smsc smsc = {
        .options = {.sms = {.command = SMPP_DELIVER_SM, .from = "+12155551213", .to = "+12155551212"},
                    .load = {.command = SMPP_DELIVER_SM, .octets = 100, .pairs = 1000}},
        .sequence = 1,
    };
    options_read(&smsc.options, argc, argv, own, set, &smsc);
    struct sigaction action = {.sa_handler = on_term};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)prctl(PR_SET_TIMERSLACK, 1000);
    smsc.listener = wire_listen(&smsc.options.port);
    printf("listening on 127.0.0.1:%u\n", smsc.options.port);
    (void)fflush(stdout);
    run(&smsc);
    printf("{\"binds\":%llu,\"messages\":%llu}\n", smsc.binds, smsc.messages);
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        if (smsc.conns[i].used) {
            drop(&smsc.conns[i]);
        }
    }
    return 0;
}
