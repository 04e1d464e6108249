/* SPDX-License-Identifier: MIT */
#include "client/peers/load.h"

#include "client/peers/sms.h"
#include "client/smpp/pdu_edit.h"
#include "client/smpp/pdu_write.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 1000, OCTETS_MAX = 254, LATENCIES = 1 << 20 };

static uint64_t load_limit(const struct load *load)
{
    return load->count ? load->count : UINT64_MAX;
}

/* Makes the PDU that each message is a copy of, and finds the digits in which the destinations differ. */
static void load_make_pdu(struct load *load)
{
    char text[OCTETS_MAX];
    memset(text, 'x', sizeof(text));
    struct smpp_pdu pdu = {.header = {.command = load->command},
                           .source = sms_address(load->from),
                           .dest = sms_address(load->to),
                           .has_short_message = true,
                           .short_message = stir_view(text, load->octets)};
    if (load->octets > OCTETS_MAX || smpp_pdu_write(load->pdu, sizeof(load->pdu), &load->pdu_len, &pdu) != STIR_OK) {
        peer_die(PEER_USAGE, "--octets is larger than %d, or a number is too long", OCTETS_MAX);
    }
    for (unsigned rest = load->pairs - 1; rest; rest /= 10) {
        load->digits++;
    }
    struct stir_view dest =
        smpp_pdu_read(&pdu, load->pdu, load->pdu_len, NULL) == SMPP_OK ? pdu.dest.addr : stir_view("", 0);
    size_t kept = dest.len > load->digits ? dest.len - load->digits : 0;
    if (dest.len < load->digits || strspn(dest.ptr + kept, "0123456789") < load->digits) {
        peer_die(PEER_USAGE, "--to %s does not end with the %zu digits that %u destinations need", load->to,
                 load->digits, load->pairs);
    }
    load->digits_at = (size_t)(dest.ptr - load->pdu) + kept;
}

void load_begin(struct load *load)
{
    load_make_pdu(load);
    load->ring = 1;
    while (load->ring < load->window) {
        load->ring *= 2;
    }
    load->sent_ns = calloc(load->ring, sizeof(*load->sent_ns));
    load->latency_room = LATENCIES;
    load->latency_ns = malloc(load->latency_room * sizeof(*load->latency_ns));
    if (!load->sent_ns || !load->latency_ns) {
        peer_die(PEER_FAILED, "out of memory for a load");
    }
    load->begin_ns = now_ns();
}

/* Gives the PDU its destination and its sequence number. */
static void load_stamp(struct load *load)
{
    uint64_t dest = load->sent % load->pairs;
    for (size_t i = load->digits; i-- > 0; dest /= 10) {
        load->pdu[load->digits_at + i] = (char)('0' + dest % 10);
    }
    smpp_set_sequence(load->pdu, (uint32_t)(FIRST + load->sent));
}

void load_put(struct load *load, struct wire *wire)
{
    uint64_t now = now_ns();
    uint64_t due = load->rate > 0 ? (uint64_t)((double)(now - load->begin_ns) * 1e-9 * load->rate) + 1 : UINT64_MAX;
    uint64_t stop = due < load_limit(load) ? due : load_limit(load);
    while (!load->over && load->sent < stop && load->sent - load->answered < load->window) {
        load_stamp(load);
        wire_put(wire, load->pdu, load->pdu_len);
        load->sent_ns[(FIRST + load->sent) & (load->ring - 1)] = now;
        load->sent++;
        load->put_ns = now;
    }
}

static void load_note(struct load *load, uint64_t ns)
{
    if (load->latency_count == load->latency_room) {
        load->latency_room *= 2;
        load->latency_ns = realloc(load->latency_ns, load->latency_room * sizeof(*load->latency_ns));
        if (!load->latency_ns) {
            peer_die(PEER_FAILED, "out of memory for the times of %zu answers", load->latency_room);
        }
    }
    load->latency_ns[load->latency_count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

bool load_take(struct load *load, const struct smpp_header *header)
{
    if (header->command != (load->command | SMPP_RESP)) {
        return false;
    }
    load->end_ns = now_ns();
    load->answered++;
    load->refused += header->status != SMPP_ROK;
    load_note(load, load->end_ns - load->sent_ns[header->sequence & (load->ring - 1)]);
    return true;
}

bool load_done(const struct load *load)
{
    return load->answered >= load_limit(load) || (load->over && load->answered >= load->sent);
}

bool load_stalled(const struct load *load, uint64_t ns)
{
    uint64_t last = load->put_ns > load->end_ns ? load->put_ns : load->end_ns;
    return load->answered < load->sent && now_ns() > last + ns;
}

uint64_t load_due_ns(const struct load *load)
{
    if (load->rate <= 0 || load->over || load->sent >= load_limit(load) ||
        load->sent - load->answered >= load->window) {
        return UINT64_MAX;
    }
    uint64_t at = load->begin_ns + (uint64_t)((double)load->sent * 1e9 / load->rate), now = now_ns();
    return at > now ? at - now : 0;
}

/* ---- the report ---- */

double load_cpu_s(int pid)
{
    char path[32], text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/schedstat", pid); /* nanoseconds on a processor */
    int fd = pid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return (double)strtoull(text, NULL, 10) * 1e-9;
}

static int load_by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double load_percentile_us(const uint32_t *sorted, size_t n, double part)
{
    return n ? (double)sorted[(size_t)((double)(n - 1) * part)] / 1000 : 0;
}

/* Appends the latencies of one load. */
static void load_add(struct load *all, const struct load *load)
{
    all->sent += load->sent;
    all->answered += load->answered;
    all->refused += load->refused;
    all->begin_ns = load->begin_ns < all->begin_ns ? load->begin_ns : all->begin_ns;
    all->end_ns = load->end_ns > all->end_ns ? load->end_ns : all->end_ns;
    all->latency_ns = realloc(all->latency_ns, (all->latency_count + load->latency_count + 1) * sizeof(uint32_t));
    if (!all->latency_ns) {
        peer_die(PEER_FAILED, "out of memory for the report");
    }
    memcpy(all->latency_ns + all->latency_count, load->latency_ns, load->latency_count * sizeof(uint32_t));
    all->latency_count += load->latency_count;
}

void load_print(const struct load *loads, size_t count, int pid, double cpu_s)
{
    struct load all = {.begin_ns = UINT64_MAX};
    for (size_t i = 0; i < count; i++) {
        load_add(&all, &loads[i]);
    }
    if (all.latency_ns) {
        qsort(all.latency_ns, all.latency_count, sizeof(uint32_t), load_by_value);
    }
    double seconds = all.end_ns > all.begin_ns ? (double)(all.end_ns - all.begin_ns) * 1e-9 : 0;
    double cpu = pid ? load_cpu_s(pid) - cpu_s : 0, answered = (double)all.answered;
    printf("{\"sent\":%llu,\"answered\":%llu,\"refused\":%llu,\"seconds\":%.3f,\"per_s\":%.0f,\"p50_us\":%.1f,"
           "\"p99_us\":%.1f,\"max_us\":%.1f,\"cpu_s\":%.3f,\"cpu_us\":%.3f}\n",
           (unsigned long long)all.sent, (unsigned long long)all.answered, (unsigned long long)all.refused, seconds,
           seconds > 0 ? answered / seconds : 0, load_percentile_us(all.latency_ns, all.latency_count, 0.5),
           load_percentile_us(all.latency_ns, all.latency_count, 0.99),
           load_percentile_us(all.latency_ns, all.latency_count, 1), cpu, answered > 0 ? cpu * 1e6 / answered : 0);
    (void)fflush(stdout);
    free(all.latency_ns);
}

void load_clear(struct load *load)
{
    free(load->sent_ns);
    free(load->latency_ns);
    load->sent_ns = NULL;
    load->latency_ns = NULL;
}
