/* SPDX-License-Identifier: MIT */
/* cps-esme: an ESME to try a link with; see deploy/man/cps-esme.1.scd. */
#include "client/peers/options.h"
#include "client/peers/show.h"
#include "client/smpp/pdu_write.h"
#include "common/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum { CONNECTIONS_MAX = 512, TIMEOUT_S = 30, UNBIND_MS = 2000, PASSWORD_MAX = 256, DAY_S = 86400 };
enum { FIRST_SEQUENCE = 2, UNBIND_SEQUENCE = 0x7ffffff0 };

struct esme {
    struct wire wires[CONNECTIONS_MAX];
    struct load loads[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX];
    unsigned connections;
    struct sms_bind bind;
    struct stir_buf password; /* what --password-file holds */
    struct options options;
    double listen_s, timeout_s;
    uint32_t sequence;
    unsigned unanswered;
    bool refused;
};

static bool esme_has_load(const struct esme *esme)
{
    return esme->options.load.window > 0;
}

static uint64_t esme_timeout_ns(const struct esme *esme)
{
    return (uint64_t)(esme->timeout_s * 1e9);
}

/* Ends the program if the connection carries something that is not SMPP. */
static void esme_check(const struct wire *wire)
{
    if (wire->fault != SMPP_OK) {
        peer_die(PEER_FAILED, "the peer sent octets that are not SMPP: %s", smpp_fault_text(wire->fault));
    }
}

static void esme_check_end(bool alive)
{
    if (!alive) {
        peer_die(PEER_FAILED, "the peer closed the connection");
    }
}

/* ---- what arrives ---- */

static void esme_take_answer(struct esme *esme, const struct smpp_header *header, const char *octets, size_t n)
{
    show_answer(octets, n);
    esme->refused |= header->status != SMPP_ROK;
    esme->unanswered -= esme->unanswered > 0;
}

static void esme_answer_message(struct wire *wire, const struct smpp_header *header)
{
    char answer[SMPP_HEADER_LEN + 1] = {0}; /* with an empty message_id */
    struct smpp_header resp = {sizeof(answer), header->command | SMPP_RESP, SMPP_ROK, header->sequence};
    smpp_header_write(answer, &resp);
    wire_put(wire, answer, sizeof(answer));
}

/* Takes a PDU that is not the answer to a message of a load. */
static void esme_take(struct esme *esme, struct wire *wire, const char *octets, size_t n)
{
    struct smpp_header header = smpp_header_read(octets);
    if (smpp_command_is_response(header.command)) {
        if (!esme_has_load(esme)) {
            esme_take_answer(esme, &header, octets, n);
        }
    } else if (header.command == SMPP_DELIVER_SM || header.command == SMPP_DATA_SM) {
        if (!esme_has_load(esme)) {
            show_message(octets, n);
        }
        esme_answer_message(wire, &header);
    } else if (smpp_command_has_response(header.command)) {
        wire_put_header(wire, header.command | SMPP_RESP, SMPP_ROK, header.sequence);
    }
}

/* Waits until a connection can be read or written, for at most ns nanoseconds. */
static void esme_wait(struct esme *esme, uint64_t ns)
{
    for (unsigned i = 0; i < esme->connections; i++) {
        esme->polls[i] = (struct pollfd){.fd = esme->wires[i].fd, .events = wire_events(&esme->wires[i])};
    }
    (void)wire_wait(esme->polls, esme->connections, ns);
}

/* ---- bind and unbind ---- */

/* Sends what is waiting on one connection and reads what has arrived, for at most ms milliseconds. */
static bool esme_exchange(struct wire *wire, int ms)
{
    struct pollfd poll_for = {.fd = wire->fd, .events = wire_events(wire)};
    if (!wire_flush(wire)) {
        return false;
    }
    poll_for.events = wire_events(wire);
    (void)poll(&poll_for, 1, ms);
    return !(poll_for.revents & (POLLIN | POLLHUP | POLLERR)) || wire_fill(wire);
}

/* Ends the program with PEER_REFUSED if the answer to the bind is an error. */
static void esme_take_bound(const struct esme *esme, const char *octets, size_t n)
{
    struct smpp_header header = smpp_header_read(octets);
    const char *name = smpp_status_name(header.status);
    if (!esme_has_load(esme)) {
        show_answer(octets, n);
    }
    if (header.status != SMPP_ROK) {
        peer_die(PEER_REFUSED, "the bind as \"%s\" was refused: %s (0x%x)", esme->bind.system_id,
                 name ? name : "a status that SMPP does not name", (unsigned)header.status);
    }
}

static void esme_bind(const struct esme *esme, struct wire *wire)
{
    const char *pdu = NULL;
    size_t n = 0;
    uint64_t until = now_ns() + esme_timeout_ns(esme);
    sms_put_bind(wire, &esme->bind, 1);
    while (now_ns() < until) {
        esme_check_end(esme_exchange(wire, 100));
        if (wire_next(wire, &pdu, &n)) {
            esme_take_bound(esme, pdu, n);
            return;
        }
        esme_check(wire);
    }
    peer_die(PEER_FAILED, "the bind was not answered in %g s", esme->timeout_s);
}

static void esme_unbind(struct wire *wire)
{
    const char *pdu = NULL;
    size_t n = 0;
    bool answered = false;
    uint64_t until = now_ns() + UNBIND_MS * UINT64_C(1000000);
    wire_put_header(wire, SMPP_UNBIND, SMPP_ROK, UNBIND_SEQUENCE);
    while (!answered && now_ns() < until && esme_exchange(wire, 100) && wire->fault == SMPP_OK) {
        while (wire_next(wire, &pdu, &n)) {
            answered |= smpp_header_read(pdu).command == (SMPP_UNBIND | SMPP_RESP);
        }
    }
    wire_close(wire);
}

/* ---- a load ---- */

/* Divides the load among the connections. */
static void esme_begin_loads(struct esme *esme)
{
    const struct load *all = &esme->options.load;
    for (unsigned i = 0; i < esme->connections; i++) {
        struct load *load = &esme->loads[i];
        *load = *all;
        load->count = all->count / esme->connections + (i < all->count % esme->connections);
        load->rate = all->rate / esme->connections;
        load_begin(load);
    }
}

/* Reads and writes one connection. Returns false if it has ended. */
static bool esme_turn_load(struct esme *esme, unsigned i)
{
    struct wire *wire = &esme->wires[i];
    struct load *load = &esme->loads[i];
    const char *pdu = NULL;
    size_t n = 0;
    if ((esme->polls[i].revents & (POLLIN | POLLHUP | POLLERR)) && !wire_fill(wire)) {
        return false;
    }
    while (wire_next(wire, &pdu, &n)) {
        struct smpp_header header = smpp_header_read(pdu);
        if (!load_take(load, &header)) {
            esme_take(esme, wire, pdu, n);
        }
    }
    esme_check(wire);
    load_put(load, wire);
    return wire_flush(wire);
}

/* Ends the program if the load cannot continue, after what was reached was printed. */
static void esme_check_load(const struct esme *esme, unsigned i, bool alive, double cpu_s)
{
    bool stalled = load_stalled(&esme->loads[i], esme_timeout_ns(esme));
    if (!alive || stalled) {
        load_print(esme->loads, esme->connections, esme->options.pid, cpu_s);
    }
    esme_check_end(alive);
    if (stalled) {
        peer_die(PEER_FAILED, "no answer in %g s", esme->timeout_s);
    }
}

static void esme_run_load(struct esme *esme)
{
    double cpu_s = load_cpu_s(esme->options.pid);
    uint64_t end = options_end_ns(&esme->options);
    /* Wake up when the first connection has to send, and at least every 100 ms for --seconds. */
    unsigned done = 0;
    /* Send at the exact rate: the default timer slack is 50 us. */
    (void)prctl(PR_SET_TIMERSLACK, 1000);
    esme_begin_loads(esme);
    while (done < esme->connections) {
        uint64_t wait = 100000000;
        done = 0;
        for (unsigned i = 0; i < esme->connections; i++) {
            bool alive = esme_turn_load(esme, i);
            esme_check_load(esme, i, alive, cpu_s);
            uint64_t due = load_due_ns(&esme->loads[i]);
            wait = due < wait ? due : wait;
            esme->loads[i].over = now_ns() >= end;
            done += load_done(&esme->loads[i]);
        }
        esme_wait(esme, done < esme->connections ? wait : 0);
    }
    /* All connections are done: print the result, then free the latencies. */
    load_print(esme->loads, esme->connections, esme->options.pid, cpu_s);
    for (unsigned i = 0; i < esme->connections; i++) {
        esme->refused |= esme->loads[i].refused > 0;
        load_clear(&esme->loads[i]);
    }
}

/* ---- one message ---- */

/* Sends the message, if there is one, and shows what arrives until it is answered and --listen is over. */
static void esme_run_message(struct esme *esme)
{
    struct wire *wire = &esme->wires[0];
    const char *pdu = NULL;
    size_t n = 0;
    uint64_t until = now_ns() + esme_timeout_ns(esme);
    uint64_t listen_until = now_ns() + (uint64_t)(esme->listen_s * 1e9);
    if (esme->options.sms.text) {
        esme->unanswered = sms_put(wire, &esme->options.sms, &esme->sequence);
    }
    while ((esme->unanswered && now_ns() < until) || now_ns() < listen_until) {
        esme_check_end(esme_exchange(wire, 50));
        while (wire_next(wire, &pdu, &n)) {
            esme_take(esme, wire, pdu, n);
        }
        esme_check(wire);
    }
    if (esme->unanswered) {
        peer_die(PEER_FAILED, "%u PDUs were not answered in %g s", esme->unanswered, esme->timeout_s);
    }
}

/* ---- options ---- */

static const struct option own[] = {
    {"system-id", required_argument, NULL, 'i'},
    {"password", required_argument, NULL, 'w'},
    {"system-type", required_argument, NULL, 'y'},
    {"password-file", required_argument, NULL, 'f'},
    {"bind", required_argument, NULL, 'b'},
    {"receipt", no_argument, NULL, 'r'},
    {"reference", required_argument, NULL, 'e'},
    {"connections", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, 'l'},
    {"timeout", required_argument, NULL, 't'},
    {NULL, 0, NULL, 0},
};

/* Reads the password, without the end of its line. */
static void esme_read_password(struct esme *esme, const char *path)
{
    struct stir_error err = {0};
    if (stir_read_file(&esme->password, path, PASSWORD_MAX, &err) != STIR_OK) {
        peer_die(PEER_USAGE, "cannot read the password: %s", err.text);
    }
    if (esme->password.ptr) {
        esme->password.ptr[strcspn(esme->password.ptr, "\r\n")] = '\0';
    }
    esme->bind.password = esme->password.ptr ? esme->password.ptr : "";
}

static void esme_set(void *arg, int option, const char *value)
{
    struct esme *esme = arg;
    /* The letters are those of the table above; getopt_long returns them. */
    switch (option) {
    case 'i':
        esme->bind.system_id = value;
        break;
    case 'w':
        esme->bind.password = value;
        break;
    case 'f':
        esme_read_password(esme, value);
        break;
    case 'y':
        esme->bind.system_type = value;
        break;
    case 'b':
        esme->bind.command = sms_bind_command(value);
        if (!esme->bind.command) {
            peer_die(PEER_USAGE, "--bind: \"%s\" is not transceiver, transmitter or receiver", value);
        }
        break;
    case 'r':
        esme->options.sms.receipt = true;
        break;
    case 'e':
        esme->options.sms.reference = (uint8_t)options_number("reference", value, UINT8_MAX);
        break;
    case 'c':
        esme->connections = options_number("connections", value, CONNECTIONS_MAX);
        break;
    case 'l':
        esme->listen_s = options_real("listen", value, 365.0 * (double)DAY_S);
        break;
    default:
        esme->timeout_s = options_real("timeout", value, DAY_S);
    }
}

/* Ends the program if the options do not make sense together. */
static void esme_check_options(const struct esme *esme)
{
    uint64_t count = esme->options.load.count;
    if (esme->options.port == 0) {
        peer_die(PEER_USAGE, "--port is missing: the port of the SMSC or of cps-smpp");
    }
    if (esme->connections == 0 || (count && count < esme->connections)) {
        peer_die(PEER_USAGE, "--connections must be from 1 to --count");
    }
    if (esme->connections > 1 && !esme_has_load(esme)) {
        peer_die(PEER_USAGE, "--connections is for a load: --count or --seconds is missing");
    }
}

static const char help[] =
    "usage: cps-esme --port N [option...]\n"
    "An ESME to try an SMPP link with: binds, then sends one message or a load, or shows what arrives.\n"
    "\n"
    "  --host HOST            the SMSC or cps-smpp (127.0.0.1)\n"
    "  --port N               its port\n"
    "  --system-id TEXT       (esme)\n"
    "  --password TEXT        (secret)\n"
    "  --password-file FILE   a file with the password on its first line\n"
    "  --system-type TEXT     (empty)\n"
    "  --bind KIND            transceiver (the default), transmitter or receiver\n"
    "  --timeout SECONDS      the longest wait for a connection and for an answer (30)\n"
    "  --listen SECONDS       show messages that arrive in this time\n"
    "\n"
    "One message:\n"
    "  --text TEXT            its text\n"
    "  --from NUMBER          +12155551212, or a name (+12155551212)\n"
    "  --to NUMBER            (+12155551213)\n"
    "  --receipt              ask for a delivery receipt\n"
    "  --reference N          the reference of a long message's segments (0)\n"
    "  --tlv HEX              append these TLVs\n"
    "\n"
    "A load, for test systems only:\n" OPTIONS_HELP_LOAD "  --connections N        (1)\n" OPTIONS_HELP_END
    "Prints a line of JSON per answer and message, or one about the load. Exit status: 0 if everything was answered\n"
    "without an error, 1 if the connection failed, 2 for a wrong command line, 3 if a bind or message was refused.\n";

int main(int argc, char **argv)
{
    static struct esme esme = {
        .connections = 1,
        .bind = {.command = SMPP_BIND_TRANSCEIVER, .system_id = "esme", .password = "secret", .system_type = ""},
        .options = {.help = help,
                    .host = "127.0.0.1",
                    .sms = {.command = SMPP_SUBMIT_SM, .from = "+12155551212", .to = "+12155551213"},
                    .load = OPTIONS_LOAD(SMPP_SUBMIT_SM)},
        .timeout_s = TIMEOUT_S,
        .sequence = FIRST_SEQUENCE,
    };
    options_read(&esme.options, argc, argv, own, esme_set, &esme);
    esme_check_options(&esme);
    /* Bind all connections before the first message is sent. */
    for (unsigned i = 0; i < esme.connections; i++) {
        wire_connect(&esme.wires[i], esme.options.host, esme.options.port, esme.timeout_s);
        esme_bind(&esme, &esme.wires[i]);
    }
    /* A load measures; one message shows what arrives. */
    if (esme_has_load(&esme)) {
        esme_run_load(&esme);
    } else {
        esme_run_message(&esme);
    }
    for (unsigned i = 0; i < esme.connections; i++) {
        esme_unbind(&esme.wires[i]);
    }
    stir_buf_cleanse(&esme.password);
    return esme.refused ? PEER_REFUSED : PEER_OK;
}
