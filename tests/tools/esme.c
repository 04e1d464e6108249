/*
 * An ESME for tests, demo and measurements: binds to 127.0.0.1, then sends one message, or a load of them, or listens.
 *
 *     esme --port N [--system-id TEXT] [--password TEXT] [--bind transceiver|transmitter|receiver]
 *          [--text TEXT --from NUMBER --to NUMBER [--tlv HEX] [--receipt] [--reference N]]
 *          [--count N | --seconds S [--window 100] [--octets 100] [--pairs 1000] [--rate N] [--connections N] [--pid
 * N]]
 *          [--listen SECONDS]
 *
 * Prints a line of JSON for each answer and each message that comes, or one about the load. Exit status: 0 if all was
 * answered without an error, 3 if something was refused, 1 if the connection failed.
 */
#include "client/smpp/pdu_write.h"
#include "tests/tools/smpp/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum { CONNECTIONS_MAX = 512, ANSWER_S = 30 };

struct esme {
    struct wire wires[CONNECTIONS_MAX];
    struct load loads[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX];
    unsigned connections;
    const char *system_id, *password, *bind;
    struct options options;
    double listen_s;
    uint32_t sequence;
    unsigned unanswered;
    unsigned refused;
};

static void show_answer(struct esme *esme, const struct smpp_header *header, const char *pdu, size_t n)
{
    struct smpp_pdu read = {0};
    const char *name = smpp_command_name(header->command), *status = smpp_status_name(header->status);
    bool readable = smpp_pdu_read(&read, pdu, n, NULL) == SMPP_OK;
    printf("{\"command\":\"%s\",\"sequence\":%u,\"command_status\":%u,\"status\":\"%s\",\"message_id\":\"%.*s\"}\n",
           name ? name : "?", (unsigned)header->sequence, (unsigned)header->status, status ? status : "",
           readable ? (int)read.message_id.len : 0, readable && read.message_id.ptr ? read.message_id.ptr : "");
    esme->refused += header->status != SMPP_ROK;
    esme->unanswered -= esme->unanswered > 0;
}

static void show_message(const struct smpp_pdu *pdu)
{
    struct stir_buf line = {0};
    sms_show(&line, pdu);
    (void)fputs(line.ptr ? line.ptr : "", stdout);
    stir_buf_free(&line);
}

/* What comes besides the answers to a load. */
static void take(struct esme *esme, struct wire *wire, const char *octets, size_t n)
{
    struct smpp_header header = smpp_header_read(octets);
    struct smpp_pdu pdu;
    bool load = esme->options.load.window > 0;
    if (smpp_command_is_response(header.command)) {
        if (!load) {
            show_answer(esme, &header, octets, n);
        }
        return;
    }
    if (!load && (header.command == SMPP_DELIVER_SM || header.command == SMPP_DATA_SM) &&
        smpp_pdu_read(&pdu, octets, n, NULL) == SMPP_OK) {
        show_message(&pdu);
    }
    if (header.command == SMPP_DELIVER_SM || header.command == SMPP_DATA_SM) {
        char answer[SMPP_HEADER_LEN + 1] = {0};
        struct smpp_header resp = {sizeof(answer), header.command | SMPP_RESP, SMPP_ROK, header.sequence};
        smpp_header_write(answer, &resp);
        wire_put(wire, answer, sizeof(answer));
    } else if (smpp_command_has_response(header.command)) {
        wire_put_header(wire, header.command | SMPP_RESP, SMPP_ROK, header.sequence);
    }
    (void)fflush(stdout);
}

/* Waits until something can be done, at most so long. */
static void wait_for(struct esme *esme, uint64_t ns)
{
    for (unsigned i = 0; i < esme->connections; i++) {
        esme->polls[i] = (struct pollfd){.fd = esme->wires[i].fd, .events = wire_events(&esme->wires[i])};
    }
    (void)wire_wait(esme->polls, esme->connections, ns);
}

static void bind_one(struct esme *esme, struct wire *wire)
{
    const char *pdu = NULL;
    size_t n = 0;
    uint64_t until = now_ns() + UINT64_C(1000000000) * ANSWER_S;
    sms_put_bind(wire, esme->bind, esme->system_id, esme->password, 1);
    while (now_ns() < until) {
        struct pollfd poll_for = {.fd = wire->fd, .events = wire_events(wire)};
        if (!wire_flush(wire)) {
            break;
        }
        (void)poll(&poll_for, 1, 100);
        if ((poll_for.revents & POLLIN) && !wire_fill(wire)) {
            break;
        }
        if (wire_next(wire, &pdu, &n)) {
            struct smpp_header header = smpp_header_read(pdu);
            const char *name = smpp_status_name(header.status);
            if (header.status != SMPP_ROK) {
                die("bind: %s (0x%x)", name ? name : "refused", (unsigned)header.status);
            }
            return;
        }
    }
    die("bind: no answer");
}

/* ---- a load ---- */

static bool turn_load(struct esme *esme, unsigned i)
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
            take(esme, wire, pdu, n);
        }
    }
    load_put(load, wire);
    return wire_flush(wire);
}

static void run_load(struct esme *esme)
{
    double cpu_s = load_cpu_s(esme->options.pid);
    uint64_t end = options_end_ns(&esme->options);
    unsigned done = 0;
    (void)prctl(PR_SET_TIMERSLACK, 1000);
    for (unsigned i = 0; i < esme->connections; i++) {
        esme->loads[i] = esme->options.load;
        esme->loads[i].count = esme->options.load.count / esme->connections;
        esme->loads[i].rate = esme->options.load.rate / esme->connections;
        load_begin(&esme->loads[i]);
    }
    while (done < esme->connections) {
        uint64_t wait = 100000000;
        done = 0;
        for (unsigned i = 0; i < esme->connections; i++) {
            if (!turn_load(esme, i)) {
                load_print(esme->loads, esme->connections, esme->options.pid, cpu_s);
                die("the connection has ended");
            }
            uint64_t due = load_due_ns(&esme->loads[i]);
            wait = due < wait ? due : wait;
            esme->loads[i].over = now_ns() >= end;
            done += load_done(&esme->loads[i]);
        }
        wait_for(esme, wait);
    }
    load_print(esme->loads, esme->connections, esme->options.pid, cpu_s);
    for (unsigned i = 0; i < esme->connections; i++) {
        esme->refused += esme->loads[i].refused > 0;
        load_clear(&esme->loads[i]);
    }
}

/* ---- one message ---- */

static void run_messages(struct esme *esme)
{
    struct wire *wire = &esme->wires[0];
    const char *pdu = NULL;
    size_t n = 0;
    uint64_t until = now_ns() + UINT64_C(1000000000) * ANSWER_S;
    uint64_t listen_until = now_ns() + (uint64_t)(esme->listen_s * 1e9);
    if (esme->options.sms.text) {
        esme->unanswered = sms_put(wire, &esme->options.sms, &esme->sequence);
    }
    while ((esme->unanswered && now_ns() < until) || now_ns() < listen_until) {
        if (!wire_flush(wire)) {
            die("the connection has ended");
        }
        wait_for(esme, 50000000);
        if ((esme->polls[0].revents & POLLIN) && !wire_fill(wire)) {
            die("the connection has ended");
        }
        while (wire_next(wire, &pdu, &n)) {
            take(esme, wire, pdu, n);
        }
    }
    if (esme->unanswered) {
        die("no answer");
    }
}

static void unbind(struct esme *esme)
{
    for (unsigned i = 0; i < esme->connections; i++) {
        struct wire *wire = &esme->wires[i];
        wire_put_header(wire, SMPP_UNBIND, SMPP_ROK, 0x7ffffff0);
        const char *pdu = NULL;
        size_t n = 0;
        for (unsigned tries = 0; tries < 100 && wire_flush(wire); tries++) {
            struct pollfd poll_for = {.fd = wire->fd, .events = wire_events(wire)};
            (void)poll(&poll_for, 1, 50);
            if (poll_for.revents && !wire_fill(wire)) {
                break;
            }
            bool answered = false;
            while (wire_next(wire, &pdu, &n)) {
                answered |= smpp_header_read(pdu).command == (SMPP_UNBIND | SMPP_RESP);
            }
            if (answered) {
                break;
            }
        }
        wire_close(wire);
    }
}

/* ---- options ---- */

static const struct option own[] = {
    {"system-id", required_argument, NULL, 'i'}, {"password", required_argument, NULL, 'w'},
    {"bind", required_argument, NULL, 'b'},      {"receipt", no_argument, NULL, 'r'},
    {"reference", required_argument, NULL, 'e'}, {"connections", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, 'l'},    {NULL, 0, NULL, 0},
};

static bool set(void *arg, int option, const char *value)
{
    struct esme *esme = arg;
    switch (option) {
    case 'i':
        esme->system_id = value;
        break;
    case 'w':
        esme->password = value;
        break;
    case 'b':
        esme->bind = value;
        break;
    case 'r':
        esme->options.sms.receipt = true;
        break;
    case 'e':
        esme->options.sms.reference = (uint8_t)options_number(value, UINT8_MAX);
        break;
    case 'c':
        esme->connections = options_number(value, CONNECTIONS_MAX);
        break;
    case 'l':
        esme->listen_s = strtod(value, NULL);
        break;
    default:
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct esme esme = {
        .connections = 1,
        .system_id = "esme",
        .password = "secret",
        .bind = "transceiver",
        .options = {.sms = {.command = SMPP_SUBMIT_SM, .from = "+12155551212", .to = "+12155551213"},
                    .load = {.command = SMPP_SUBMIT_SM, .octets = 100, .pairs = 1000}},
        .sequence = 2,
    };
    options_read(&esme.options, argc, argv, own, set, &esme);
    if (esme.options.port == 0 || esme.connections == 0) {
        options_usage();
    }
    for (unsigned i = 0; i < esme.connections; i++) {
        wire_connect(&esme.wires[i], esme.options.port);
        bind_one(&esme, &esme.wires[i]);
    }
    if (esme.options.load.window) {
        run_load(&esme);
    } else {
        run_messages(&esme);
    }
    unbind(&esme);
    return esme.refused ? 3 : 0;
}
