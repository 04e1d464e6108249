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
#include "tests/tools/smpp/load.h"
#include "tests/tools/smpp/sms.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum { CONNECTIONS_MAX = 512, ANSWER_S = 30 };

struct esme {
    struct wire wires[CONNECTIONS_MAX];
    struct load loads[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX];
    unsigned connections;
    const char *system_id, *password, *bind;
    struct sms sms;
    struct load load;
    double seconds, listen_s;
    uint16_t port;
    int pid;
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
    bool load = esme->load.window > 0;
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
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    (void)ppoll(esme->polls, esme->connections, &t, NULL);
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
    double cpu_s = load_cpu_s(esme->pid);
    uint64_t end = esme->seconds > 0 ? now_ns() + (uint64_t)(esme->seconds * 1e9) : UINT64_MAX;
    unsigned done = 0;
    (void)prctl(PR_SET_TIMERSLACK, 1000);
    for (unsigned i = 0; i < esme->connections; i++) {
        esme->loads[i] = esme->load;
        esme->loads[i].count = esme->load.count / esme->connections;
        esme->loads[i].rate = esme->load.rate / esme->connections;
        load_begin(&esme->loads[i]);
    }
    while (done < esme->connections) {
        uint64_t wait = 100000000;
        done = 0;
        for (unsigned i = 0; i < esme->connections; i++) {
            if (!turn_load(esme, i)) {
                load_print(esme->loads, esme->connections, esme->pid, cpu_s);
                die("the connection has ended");
            }
            uint64_t due = load_due_ns(&esme->loads[i]);
            wait = due < wait ? due : wait;
            esme->loads[i].over = now_ns() >= end;
            done += load_done(&esme->loads[i]);
        }
        wait_for(esme, wait);
    }
    load_print(esme->loads, esme->connections, esme->pid, cpu_s);
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
    if (esme->sms.text) {
        esme->unanswered = sms_put(wire, &esme->sms, &esme->sequence);
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

static const struct option options[] = {
    {"port", required_argument, NULL, 'p'},     {"system-id", required_argument, NULL, 'i'},
    {"password", required_argument, NULL, 'w'}, {"bind", required_argument, NULL, 'b'},
    {"text", required_argument, NULL, 't'},     {"from", required_argument, NULL, 'f'},
    {"to", required_argument, NULL, 'd'},       {"tlv", required_argument, NULL, 'v'},
    {"receipt", no_argument, NULL, 'r'},        {"reference", required_argument, NULL, 'e'},
    {"count", required_argument, NULL, 'n'},    {"seconds", required_argument, NULL, 's'},
    {"window", required_argument, NULL, 'W'},   {"octets", required_argument, NULL, 'o'},
    {"pairs", required_argument, NULL, 'P'},    {"rate", required_argument, NULL, 'R'},
    {"pid", required_argument, NULL, 'k'},      {"connections", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, 'l'},   {NULL, 0, NULL, 0},
};

static unsigned number(const char *text, unsigned max)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value > max) {
        die("esme: %s: not a number up to %u", text, max);
    }
    return (unsigned)value;
}

static void set_load(struct esme *esme, int option, const char *value)
{
    struct load *load = &esme->load;
    switch (option) {
    case 'n':
        load->count = number(value, UINT32_MAX);
        break;
    case 's':
        esme->seconds = strtod(value, NULL);
        break;
    case 'W':
        load->window = number(value, 1 << 20);
        break;
    case 'o':
        load->octets = number(value, 254);
        break;
    case 'P':
        load->pairs = number(value, 9999999);
        break;
    case 'R':
        load->rate = strtod(value, NULL);
        break;
    case 'k':
        esme->pid = (int)number(value, INT32_MAX);
        break;
    case 'c':
        esme->connections = number(value, CONNECTIONS_MAX);
        break;
    default:
        die("usage: see the beginning of tests/tools/esme.c");
    }
}

static void set(struct esme *esme, int option, const char *value)
{
    switch (option) {
    case 'p':
        esme->port = (uint16_t)number(value, 65535);
        break;
    case 'i':
        esme->system_id = value;
        break;
    case 'w':
        esme->password = value;
        break;
    case 'b':
        esme->bind = value;
        break;
    case 't':
        esme->sms.text = value;
        break;
    case 'f':
        esme->sms.from = value;
        break;
    case 'd':
        esme->sms.to = value;
        break;
    case 'v':
        esme->sms.tlvs = value;
        break;
    case 'r':
        esme->sms.receipt = true;
        break;
    case 'e':
        esme->sms.reference = (uint8_t)number(value, 255);
        break;
    case 'l':
        esme->listen_s = strtod(value, NULL);
        break;
    default:
        set_load(esme, option, value);
    }
}

int main(int argc, char **argv)
{
    static struct esme esme = {.connections = 1,
                               .system_id = "esme",
                               .password = "secret",
                               .bind = "transceiver",
                               .sms = {.command = SMPP_SUBMIT_SM, .from = "+12155551212", .to = "+12155551213"},
                               .load = {.command = SMPP_SUBMIT_SM, .octets = 100, .pairs = 1000},
                               .sequence = 2};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        set(&esme, option, optarg);
    }
    if (optind != argc || esme.port == 0 || esme.load.pairs == 0 || esme.connections == 0) {
        die("usage: see the beginning of tests/tools/esme.c");
    }
    bool load = esme.load.count || esme.seconds > 0;
    esme.load.window = load && !esme.load.window ? 100 : load ? esme.load.window : 0;
    for (unsigned i = 0; i < esme.connections; i++) {
        wire_connect(&esme.wires[i], esme.port);
        bind_one(&esme, &esme.wires[i]);
    }
    if (load) {
        run_load(&esme);
    } else {
        run_messages(&esme);
    }
    unbind(&esme);
    return esme.refused ? 3 : 0;
}
