/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/message_log_line.h"

#include "client/sidecar/filter/filter_core.h"
#include "common/jose/json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void sc_line_put_text(struct stir_buf *out, const char *name, const char *text)
{
    stir_buf_printf(out, ",\"%s\":", name);
    stir_json_quote(out, text, strlen(text));
}

static void line_put_text_if_any(struct stir_buf *out, const char *name, const char *text)
{
    if (text && text[0]) {
        sc_line_put_text(out, name, text);
    }
}

static void line_put_number(struct stir_buf *out, const struct sc_number_key *key, const char *name, const char *number,
                            bool clear)
{
    char hashed[SC_NUMBER_HASH];
    if (number && !clear) {
        sc_number_hash(key, number, hashed);
    }
    if (number) {
        sc_line_put_text(out, name, clear ? number : hashed);
    }
}

static void line_put_signer(struct stir_buf *out, const struct sc_number_key *key, const char *signer, bool clear)
{
    char hashed[3 + SC_NUMBER_HASH] = "tn:";
    if (!clear && strncmp(signer, "tn:", 3) == 0) {
        sc_number_hash(key, signer + 3, hashed + 3);
        signer = hashed;
    }
    sc_line_put_text(out, "signer", signer);
}

static void line_put_time(struct stir_buf *out)
{
    struct timespec now;
    struct tm tm;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    stir_buf_printf(out, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
                    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

/* Begins a line: time, direction, system_id, numbers. */
static void line_put_subject(struct stir_buf *out, const struct sc_number_key *key,
                             const struct sc_line_subject *subject)
{
    line_put_time(out);
    sc_line_put_text(out, "direction", subject->from == SC_ESME ? "submit" : "deliver");
    sc_line_put_text(out, "system_id", subject->system_id);
    line_put_number(out, key, "orig", subject->orig, subject->numbers);
    line_put_number(out, key, "dest", subject->dest, subject->numbers);
    if (subject->dest_count > 1) {
        stir_buf_printf(out, ",\"dests\":%zu", subject->dest_count);
    }
}

static void line_put_times(struct stir_buf *out, uint64_t waited_ms, unsigned segments)
{
    stir_buf_printf(out, ",\"waited_ms\":%" PRIu64 ",\"segments\":%u", waited_ms, segments);
}

void sc_line_write_judged(struct stir_buf *out, const struct sc_number_key *key, const struct sc_judged *judged)
{
    line_put_subject(out, key, &judged->subject);
    sc_line_put_text(out, "verdict", stir_verdict_name(judged->verdict));
    sc_line_put_text(out, "reason", judged->reason);
    line_put_signer(out, key, judged->signer, judged->subject.numbers);
    line_put_text_if_any(out, "ppt", judged->ppt);
    line_put_text_if_any(out, "attest", judged->attest);
    line_put_text_if_any(out, "reading", judged->reading);
    sc_line_put_text(out, "action", sc_treatment_name(judged->treatment));
    line_put_times(out, judged->waited_ms, judged->segments);
}

void sc_line_write_signed(struct stir_buf *out, const struct sc_number_key *key, const struct sc_signed *line)
{
    line_put_subject(out, key, &line->subject);
    line_put_text_if_any(out, "tenant", line->tenant);
    sc_line_put_text(out, "status", sc_outcome_name(line->outcome));
    if (line->outcome == SC_OUTCOME_UNSIGNED || line->outcome == SC_OUTCOME_REFUSED) {
        sc_line_put_text(out, "reason", sc_unsigned_name(line->why));
    }
    line_put_text_if_any(out, "detail", line->detail);
    line_put_times(out, line->waited_ms, line->segments);
}

void sc_line_write_exempted(struct stir_buf *out, const struct sc_number_key *key, const struct sc_exempted *exempted)
{
    line_put_subject(out, key, &exempted->subject);
    sc_line_put_text(out, "exempt", exempted->kind);
    sc_line_put_text(out, "action", exempted->action);
}

/*
 * Lines that wait for the answer to their message, which brings its message_id: complaints name the message_id, and
 * it finds the line. A line is written when its text is known and each of its PDUs was answered, was refused here,
 * or has lost its connection; after 5 s at the latest, and at once if too many lines wait. A process that is killed
 * loses the waiting lines; senders without an answer send those messages again.
 */
enum {
    LINE_OCTETS = 4096, /* octets; the longest line that the writing thread accepts */
    LINE_WAIT_MS = 5000,
    LINES_MAX = 20000, /* maximum number of waiting PDUs */
};

struct sc_line_pdu {
    struct stir_map_node node; /* first member: a node is its PDU; in by_sequence while its answer is awaited */
    struct sc_line *line;
    uint32_t sequence;
    uint32_t status;
    char message_id[SC_MESSAGE_ID_MAX + 1];
};

struct sc_line {
    struct sc_filter_core *core;
    struct sc_message_log *log;
    struct sc_line *before, *after; /* ordered by time, while `open` */
    uint64_t due_ms;
    uint64_t connection;
    enum sc_leg from;
    struct stir_buf text; /* without what the answers add */
    bool said;
    size_t open, count, capacity; /* PDUs: without an answer, all, room for */
    struct sc_line_pdu pdus[];
};

/* ---- waiting ---- */

static uint64_t line_pdu_hash(const struct sc_filter_core *core, uint64_t connection, enum sc_leg from,
                              uint32_t sequence)
{
    const uint64_t key[] = {connection, (uint64_t)from << 32 | sequence};
    return stir_map_hash(&core->lines.by_sequence, key, sizeof(key), NULL, 0);
}

static void lines_append(struct sc_line *line)
{
    struct sc_lines *lines = &line->core->lines;
    line->after = NULL;
    line->before = lines->last;
    *(lines->last ? &lines->last->after : &lines->first) = line;
    lines->last = line;
    lines->waiting += line->count;
}

/* Removes a line from those that wait for answers. */
static void lines_remove(struct sc_lines *lines, struct sc_line *line)
{
    *(line->before ? &line->before->after : &lines->first) = line->after;
    *(line->after ? &line->after->before : &lines->last) = line->before;
    assert(lines->waiting >= line->count);
    lines->waiting -= line->count;
    for (size_t i = 0; i < line->count; i++) {
        stir_map_remove(&lines->by_sequence, &line->pdus[i].node);
    }
    line->open = 0;
}

/* ---- writing ---- */

static void line_put_pdu(struct stir_buf *out, const struct sc_line_pdu *pdu)
{
    stir_buf_printf(out, "\"sequence\":%u", (unsigned)pdu->sequence);
    if (pdu->message_id[0]) {
        sc_line_put_text(out, "message_id", pdu->message_id);
    }
    if (pdu->status) {
        stir_buf_printf(out, ",\"command_status\":%u", (unsigned)pdu->status);
    }
}

static void line_put_answers(struct stir_buf *out, const struct sc_line *line)
{
    struct stir_buf parts = {.limit = LINE_OCTETS};
    stir_buf_printf(out, ",\"connection\":%llu,", (unsigned long long)line->connection);
    line_put_pdu(out, &line->pdus[0]);
    for (size_t i = 0; i < line->count && line->count > 1; i++) {
        stir_buf_puts(&parts, i ? ",{" : ",\"parts\":[{");
        line_put_pdu(&parts, &line->pdus[i]);
        stir_buf_puts(&parts, i + 1 == line->count ? "}]" : "}");
    }
    /* for a message of very many segments, only the first segment is written */
    if (parts.len && stir_buf_state(&parts) == STIR_OK && out->len + parts.len < LINE_OCTETS - 4) {
        stir_buf_put(out, parts.ptr, parts.len);
    }
    stir_buf_free(&parts);
}

static void line_write(struct sc_message_log *log, struct stir_buf *text)
{
    stir_buf_puts(text, "}\n");
    sc_message_log_put(log, text);
}

static void line_end_if_done(struct sc_line *line)
{
    if (line->said && !line->open) {
        line_put_answers(&line->text, line);
        line_write(line->log, &line->text);
        free(line);
    }
}

static void line_stop_waiting(struct sc_lines *lines, struct sc_line *line)
{
    lines_remove(lines, line);
    line_end_if_done(line);
}

/* ---- the beginning ---- */

static struct sc_line *line_new(struct sc_filter_core *core, struct sc_message_log *log, const struct sc_held *first,
                                size_t count)
{
    struct sc_line *line =
        log->on && first && count ? calloc(1, sizeof(*line) + count * sizeof(struct sc_line_pdu)) : NULL;
    if (line) {
        line->core = core;
        line->log = log;
        line->connection = first->bind->connection;
        line->from = first->from;
        line->capacity = count;
        line->due_ms = sc_now(core) + LINE_WAIT_MS;
        line->text.limit = LINE_OCTETS - 1;
    }
    return line;
}

static void line_add_pdu(struct sc_line *line, const struct sc_held *held)
{
    if (held->bind->connection == line->connection && held->from == line->from) {
        assert(line->count < line->capacity);
        struct sc_line_pdu *pdu = &line->pdus[line->count++];
        pdu->line = line;
        pdu->sequence = held->pdu.header.sequence;
        stir_map_put(&line->core->lines.by_sequence, &pdu->node,
                     line_pdu_hash(line->core, line->connection, line->from, pdu->sequence));
    }
}

static struct sc_line *line_begin(struct sc_line *line)
{
    struct sc_lines *lines = &line->core->lines;
    line->open = line->count;
    lines_append(line);
    while (lines->waiting > LINES_MAX && lines->first != line) {
        line_stop_waiting(lines, lines->first);
    }
    return line;
}

struct sc_line *sc_line_of_held(struct sc_filter_core *core, struct sc_message_log *log, const struct sc_held *held)
{
    struct sc_line *line = line_new(core, log, held, 1);
    if (line) {
        line_add_pdu(line, held);
    }
    return line ? line_begin(line) : NULL;
}

struct sc_line *sc_line_of_parts(struct sc_filter_core *core, struct sc_message_log *log, const struct sc_part *parts)
{
    struct sc_line *line = line_new(core, log, sc_parts_held(parts), sc_parts_count(parts));
    for (; line && parts; parts = parts->next) {
        if (parts->held) {
            line_add_pdu(line, parts->held);
        }
    }
    return line ? line_begin(line) : NULL;
}

void sc_line_say(struct sc_line *line, struct sc_message_log *log, struct stir_buf *text, bool forwarded)
{
    if (!line) {
        line_write(log, text);
        return;
    }
    stir_buf_put(&line->text, text->ptr ? text->ptr : "", text->len);
    if (stir_buf_state(text) != STIR_OK) {
        line->text.failed = text->failed;
    }
    stir_buf_free(text);
    line->said = true;
    if (!forwarded && line->open) {
        lines_remove(&line->core->lines, line);
    }
    line_end_if_done(line);
}

void sc_line_drop(struct sc_line *line)
{
    if (line) {
        if (line->open) {
            lines_remove(&line->core->lines, line);
        }
        stir_buf_free(&line->text);
        free(line);
    }
}

/* ---- the answers ---- */

static void line_take_answer(struct sc_filter_core *core, struct sc_line_pdu *pdu, uint32_t status, struct stir_view id)
{
    struct sc_line *line = pdu->line;
    size_t n = id.len < SC_MESSAGE_ID_MAX ? id.len : SC_MESSAGE_ID_MAX;
    stir_map_remove(&core->lines.by_sequence, &pdu->node);
    pdu->status = status;
    if (n) {
        memcpy(pdu->message_id, id.ptr, n);
    }
    assert(line->open > 0);
    line->open--;
    if (!line->open) {
        line_stop_waiting(&core->lines, line);
    }
}

void sc_lines_answered(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence,
                       uint32_t status, struct stir_view message_id)
{
    struct stir_map_node *node =
        core->lines.waiting
            ? stir_map_first(&core->lines.by_sequence, line_pdu_hash(core, bind->connection, from, sequence))
            : NULL;
    for (; node; node = stir_map_next(node)) {
        struct sc_line_pdu *pdu = (struct sc_line_pdu *)node;
        if (pdu->sequence == sequence && pdu->line->connection == bind->connection && pdu->line->from == from) {
            line_take_answer(core, pdu, status, message_id);
            return;
        }
    }
}

void sc_lines_ended(struct sc_filter_core *core, const struct sc_bind *bind)
{
    for (struct sc_line *line = core->lines.first, *next; line; line = next) {
        next = line->after;
        if (line->connection == bind->connection) {
            line_stop_waiting(&core->lines, line);
        }
    }
}

/* ---- time ---- */

void sc_lines_expire(struct sc_filter_core *core)
{
    while (core->lines.first && core->lines.first->due_ms <= sc_now(core)) {
        line_stop_waiting(&core->lines, core->lines.first);
    }
}

uint64_t sc_lines_due(const struct sc_filter_core *core)
{
    return core->lines.first ? core->lines.first->due_ms : UINT64_MAX;
}

void sc_lines_end(struct sc_filter_core *core)
{
    for (struct sc_line *line = core->lines.first, *next; line; line = next) {
        next = line->after;
        line_stop_waiting(&core->lines, line);
    }
}
