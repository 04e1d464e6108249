/* SPDX-License-Identifier: MIT */
/* cps-smsc: an SMSC to try a link with; see deploy/man/cps-smsc.1.scd. */
#include "client/peers/options.h"
#include "client/peers/show.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

enum { CONNECTIONS_MAX = 2048, DELAYED_MAX = 65536, HOUR_MS = 3600000, ID_LEN = 17 };

struct conn {
    struct wire wire;
    struct load load;
    bool used;
    bool loading;        /* `load` is being delivered */
    uint64_t generation; /* differs for each connection that has had this place */
};

/* An answer that is held back (--delay). */
struct delayed {
    uint64_t due_ns;
    unsigned conn;
    uint64_t generation;
    struct smpp_header request;
};

struct smsc {
    struct conn conns[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX + 1];
    unsigned at[CONNECTIONS_MAX + 1];    /* the connection that each of `polls` is for */
    struct delayed delayed[DELAYED_MAX]; /* a ring, in the order of due_ns */
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

static volatile sig_atomic_t smsc_stopped;

static void smsc_on_signal(int signum)
{
    (void)signum;
    smsc_stopped = 1;
}

/* ---- answers ---- */

static void smsc_answer_message(struct smsc *smsc, struct conn *conn, const struct smpp_header *request)
{
    char id[ID_LEN];
    (void)snprintf(id, sizeof(id), "%llx", ++smsc->answers);
    bool refused = smsc->status != SMPP_ROK && (smsc->refuse_each == 0 || smsc->answers % smsc->refuse_each == 0);
    struct smpp_pdu resp = {.header = {.command = request->command | SMPP_RESP,
                                       .status = refused ? smsc->status : SMPP_ROK,
                                       .sequence = request->sequence},
                            .no_body = refused,
                            .message_id = stir_view_str(id)};
    wire_put_pdu(&conn->wire, &resp);
}

static void smsc_answer_later(struct smsc *smsc, unsigned at, const struct smpp_header *request)
{
    if (smsc->delayed_count == DELAYED_MAX) {
        peer_die(PEER_FAILED, "more than %d answers are held back: use a shorter --delay", DELAYED_MAX);
    }
    unsigned slot = (smsc->delayed_first + smsc->delayed_count++) % DELAYED_MAX;
    smsc->delayed[slot] = (struct delayed){.due_ns = now_ns() + smsc->delay_ms * UINT64_C(1000000),
                                           .generation = smsc->conns[at].generation,
                                           .conn = at,
                                           .request = *request};
}

static void smsc_answer_due(struct smsc *smsc)
{
    while (smsc->delayed_count && smsc->delayed[smsc->delayed_first].due_ns <= now_ns()) {
        struct delayed *delayed = &smsc->delayed[smsc->delayed_first];
        struct conn *conn = &smsc->conns[delayed->conn];
        if (conn->used && conn->generation == delayed->generation) {
            smsc_answer_message(smsc, conn, &delayed->request);
        }
        smsc->delayed_first = (smsc->delayed_first + 1) % DELAYED_MAX;
        smsc->delayed_count--;
    }
}

/* Delivers what the options say to somebody who has bound to receive. */
static void smsc_begin_to_deliver(struct smsc *smsc, struct conn *conn)
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

static void smsc_answer_bind(struct smsc *smsc, struct conn *conn, const char *octets, size_t n)
{
    struct smpp_header header = smpp_header_read(octets), *request = &header;
    struct smpp_pdu pdu;
    if (smsc->show && smpp_pdu_read(&pdu, octets, n, NULL) == SMPP_OK) {
        show_bind(&pdu, smsc->bind_status);
    }
    struct smpp_pdu resp = {.header = {.command = request->command | SMPP_RESP,
                                       .status = smsc->bind_status,
                                       .sequence = request->sequence},
                            .no_body = smsc->bind_status != SMPP_ROK,
                            .system_id = stir_view_str("smsc")};
    wire_put_pdu(&conn->wire, &resp);
    smsc->binds++;
    if (smsc->bind_status == SMPP_ROK && request->command != SMPP_BIND_TRANSMITTER) {
        smsc_begin_to_deliver(smsc, conn);
    }
}

/* ---- what arrives ---- */

static void smsc_take_message(struct smsc *smsc, unsigned at, const char *octets, size_t n)
{
    struct smpp_header header = smpp_header_read(octets);
    smsc->messages++;
    if (smsc->show) {
        show_message(octets, n);
    }
    if (smsc->delay_ms) {
        smsc_answer_later(smsc, at, &header);
    } else {
        smsc_answer_message(smsc, &smsc->conns[at], &header);
    }
}

static void smsc_take(struct smsc *smsc, unsigned at, const char *octets, size_t n)
{
    struct conn *conn = &smsc->conns[at];
    struct smpp_header header = smpp_header_read(octets);
    switch (header.command) {
    case SMPP_BIND_RECEIVER:
    case SMPP_BIND_TRANSMITTER:
    case SMPP_BIND_TRANSCEIVER:
        smsc_answer_bind(smsc, conn, octets, n);
        break;
    case SMPP_SUBMIT_SM:
    case SMPP_DATA_SM:
    case SMPP_DELIVER_SM:
    case SMPP_SUBMIT_MULTI:
        smsc_take_message(smsc, at, octets, n);
        break;
    default:
        /* The response to a message of the load; the last one ends it. */
        if (conn->loading && load_take(&conn->load, &header) && load_done(&conn->load)) {
            load_print(&conn->load, 1, smsc->options.pid, smsc->cpu_s);
            load_clear(&conn->load);
            conn->loading = false;
        } else if (smpp_command_has_response(header.command)) {
            /* enquire_link, unbind and other requests get a response with ESME_ROK. */
            wire_put_header(&conn->wire, header.command | SMPP_RESP, SMPP_ROK, header.sequence);
        } else if (!smpp_command_name(header.command)) {
            wire_put_header(&conn->wire, SMPP_GENERIC_NACK, SMPP_RINVCMDID, header.sequence);
        }
    }
}

static void smsc_drop(struct conn *conn)
{
    if (conn->loading) {
        load_clear(&conn->load);
    }
    wire_close(&conn->wire);
    conn->used = conn->loading = false;
}

/* Reads and writes one connection, which ends if it carries something that is not SMPP. */
static void smsc_turn(struct smsc *smsc, unsigned at, short events)
{
    struct conn *conn = &smsc->conns[at];
    const char *pdu = NULL;
    size_t n = 0;
    bool alive = !(events & (POLLIN | POLLHUP | POLLERR)) || wire_fill(&conn->wire);
    while (alive && wire_next(&conn->wire, &pdu, &n)) {
        smsc_take(smsc, at, pdu, n);
    }
    if (conn->wire.fault != SMPP_OK) {
        (void)fprintf(stderr, "%s: closed a connection that sent octets that are not SMPP: %s\n",
                      program_invocation_short_name, smpp_fault_text(conn->wire.fault));
        alive = false;
    }
    if (conn->loading) {
        conn->load.over = now_ns() >= smsc->end_ns;
        load_put(&conn->load, &conn->wire);
    }
    if (!alive || !wire_flush(&conn->wire)) {
        smsc_drop(conn);
    }
}

/* Accepts the waiting connections, as many as there are places. */
static void smsc_accept(struct smsc *smsc)
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

static uint64_t smsc_next_due_ns(const struct smsc *smsc)
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

/* Fills in what poll() waits for: the connections and, while there is a place for another one, the listener. */
static nfds_t smsc_make_polls(struct smsc *smsc)
{
    nfds_t count = 1;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        const struct wire *wire = &smsc->conns[i].wire;
        if (smsc->conns[i].used) {
            smsc->polls[count] = (struct pollfd){.fd = wire->fd, .events = wire_events(wire)};
            smsc->at[count++] = i;
        }
    }
    smsc->polls[0] = (struct pollfd){.fd = count <= CONNECTIONS_MAX ? smsc->listener : -1, .events = POLLIN};
    return count;
}

static void smsc_run(struct smsc *smsc)
{
    while (!smsc_stopped) {
        nfds_t count = smsc_make_polls(smsc);
        if (!wire_wait(smsc->polls, count, smsc_next_due_ns(smsc))) {
            continue;
        }
        smsc_answer_due(smsc);
        for (nfds_t i = 1; i < count; i++) {
            smsc_turn(smsc, smsc->at[i], smsc->polls[i].revents);
        }
        if (smsc->polls[0].revents) {
            smsc_accept(smsc);
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

/* Reads a command_status, by its number or its name. */
static uint32_t smsc_read_status(const char *name, const char *text)
{
    uint32_t status = 0;
    return smpp_status_of_name(&status, text) ? status : options_number(name, text, UINT32_MAX);
}

static void smsc_set(void *arg, int option, const char *value)
{
    struct smsc *smsc = arg;
    switch (option) {
    case 'S':
        smsc->show = true;
        break;
    case 'u':
        smsc->status = smsc_read_status("status", value);
        break;
    case 'e':
        smsc->refuse_each = options_number("refuse-each", value, UINT32_MAX);
        break;
    case 'b':
        smsc->bind_status = smsc_read_status("bind-status", value);
        break;
    default:
        smsc->delay_ms = options_number("delay", value, HOUR_MS);
    }
}

static const char help[] =
    "usage: cps-smsc [option...]\n"
    "An SMSC to try an SMPP link with: accepts every bind and every message, and delivers nothing by itself.\n"
    "\n"
    "  --host ADDRESS         the address to listen on (127.0.0.1)\n"
    "  --port N               (a free one)\n"
    "  --show                 print a line of JSON for each bind and each message\n"
    "  --status STATUS        answer messages with this command_status: a number or a name such as RTHROTTLED\n"
    "  --refuse-each N        only each Nth message\n"
    "  --bind-status STATUS   answer binds with this command_status\n"
    "  --delay MS             hold each answer to a message back for this time\n"
    "\n"
    "One message to each connection that binds as a receiver or transceiver:\n"
    "  --text TEXT            its text\n"
    "  --from NUMBER          +12155551213, or a name (+12155551213)\n"
    "  --to NUMBER            (+12155551212)\n"
    "  --tlv HEX              append these TLVs\n"
    "\n"
    "A load to each of them, for test systems only:\n" OPTIONS_HELP_LOAD OPTIONS_HELP_END
    "Prints \"listening on ADDRESS:PORT\" first and, on SIGTERM or SIGINT, the number of binds and messages. Exit "
    "status: 0\n"
    "after such a signal, 1 if it cannot listen, 2 for a wrong command line.\n";

static void smsc_listen(struct smsc *smsc)
{
    char name[WIRE_NAME_MAX];
    struct sigaction action = {.sa_handler = smsc_on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)prctl(PR_SET_TIMERSLACK, 1000);
    smsc->listener = wire_listen(smsc->options.host, smsc->options.port, name);
    printf("listening on %s\n", name);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct smsc smsc = {
        .options = {.help = help,
                    .host = "127.0.0.1",
                    .sms = {.command = SMPP_DELIVER_SM, .from = "+12155551213", .to = "+12155551212"},
                    .load = OPTIONS_LOAD(SMPP_DELIVER_SM)},
        .sequence = 1,
    };
    options_read(&smsc.options, argc, argv, own, smsc_set, &smsc);
    smsc_listen(&smsc);
    smsc_run(&smsc);
    printf("{\"binds\":%llu,\"messages\":%llu}\n", smsc.binds, smsc.messages);
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        if (smsc.conns[i].used) {
            smsc_drop(&smsc.conns[i]);
        }
    }
    return PEER_OK;
}
