#include "client/sidecar/filter/message_log_line.h"

#include "common/jose/json.h"

#include <inttypes.h>
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

/* How each line begins. */
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
