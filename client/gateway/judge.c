#include "client/gateway/judge.h"

#include "common/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LINES_OCTETS = 1 << 20, /* kept while nobody reads */
    CHUNK = 4096,           /* a pipe that can be written takes so many without waiting */
    FLUSH_AT = 65536,
};

enum stir_code gw_judge_init(struct gw_judge *judge, struct stir_error *err)
{
    *judge = (struct gw_judge){.fd = -1, .lines = {.limit = LINES_OCTETS}};
    ERR_clear_error();
    return RAND_bytes((unsigned char *)judge->key, sizeof(judge->key)) == 1
               ? STIR_OK
               : stir_fail_openssl(err, STIR_E_CRYPTO, "no random octets");
}

static void close_fd(struct gw_judge *judge)
{
    if (judge->own) {
        (void)close(judge->fd);
    }
    judge->fd = -1;
    judge->own = false;
}

enum stir_code gw_judge_open(struct gw_judge *judge, const char *path, struct stir_error *err)
{
    struct stat st;
    bool own = path[0] && strcmp(path, "-") != 0;
    int fd = own       ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640)
             : path[0] ? STDOUT_FILENO
                       : -1;
    if (own && fd < 0) {
        return stir_fail(err, STIR_E_IO, "[log] judged: %s: %s", path, strerror(errno));
    }
    close_fd(judge);
    judge->fd = fd;
    judge->own = own;
    judge->pipe = fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode);
    return STIR_OK;
}

/* ---- a line ---- */

static void put_text(struct stir_buf *out, const char *name, const char *text)
{
    stir_buf_printf(out, ",\"%s\":", name);
    stir_json_quote(out, text, strlen(text));
}

/* Equal numbers can be told from each other, and not be had back without the key. */
static void hash(const struct gw_judge *judge, const char *text, char out[17])
{
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    unsigned len = 0;
    (void)HMAC(EVP_sha256(), judge->key, (int)sizeof(judge->key), (const unsigned char *)text, strlen(text), mac, &len);
    for (int i = 0; i < 8; i++) {
        (void)snprintf(out + (size_t)i * 2, 3, "%02x", mac[i]);
    }
}

static void put_number(struct stir_buf *out, const struct gw_judge *judge, const char *name, const char *number,
                       bool clear)
{
    char hashed[17];
    if (!number) {
        return;
    }
    if (!clear) {
        hash(judge, number, hashed);
    }
    put_text(out, name, clear ? number : hashed);
}

static void put_signer(struct stir_buf *out, const struct gw_judge *judge, const char *signer, bool clear)
{
    char hashed[24] = "tn:";
    if (!clear && strncmp(signer, "tn:", 3) == 0) {
        hash(judge, signer + 3, hashed + 3);
        signer = hashed;
    }
    put_text(out, "signer", signer);
}

static void put_time(struct stir_buf *out)
{
    struct timespec now;
    struct tm tm;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    stir_buf_printf(out, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
                    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

static void put_line(struct stir_buf *out, const struct gw_judge *judge, const struct gw_judged *judged)
{
    put_time(out);
    put_text(out, "direction", judged->from == GW_ESME ? "submit" : "deliver");
    put_text(out, "system_id", judged->system_id);
    put_number(out, judge, "orig", judged->orig, judged->numbers);
    put_number(out, judge, "dest", judged->dest, judged->numbers);
    if (judged->dest_count > 1) {
        stir_buf_printf(out, ",\"dests\":%zu", judged->dest_count);
    }
    put_text(out, "verdict", stir_verdict_name(judged->verdict));
    put_text(out, "reason", judged->reason);
    put_signer(out, judge, judged->signer, judged->numbers);
    put_text(out, "action", gw_treatment_name(judged->treatment));
    stir_buf_printf(out, ",\"waited_ms\":%" PRIu64 ",\"segments\":%u}\n", judged->waited_ms, judged->segments);
}

void gw_judge_add(struct gw_judge *judge, const struct gw_judged *judged, uint64_t *lost)
{
    if (judge->fd < 0) {
        return;
    }
    struct stir_buf line = {.limit = CHUNK};
    put_line(&line, judge, judged);
    if (stir_buf_state(&line) == STIR_OK) {
        stir_buf_put(&judge->lines, line.ptr, line.len);
    }
    if (stir_buf_state(&line) != STIR_OK || stir_buf_state(&judge->lines) != STIR_OK) {
        judge->lines.failed = STIR_OK; /* it is as it was */
        ++*lost;
    } else {
        judge->held++;
    }
    stir_buf_free(&line);
    if (judge->lines.len >= FLUSH_AT) {
        gw_judge_flush(judge, lost);
    }
}

/* ---- writing ---- */

static bool is_writable(const struct gw_judge *judge)
{
    struct pollfd ask = {.fd = judge->fd, .events = POLLOUT};
    return !judge->pipe || (poll(&ask, 1, 0) == 1 && (ask.revents & POLLOUT));
}

/* How much of the lines goes at once: whole lines, where a pipe has other writers too. */
static size_t next_chunk(const struct gw_judge *judge, const char *from, size_t left)
{
    if (!judge->pipe || left <= CHUNK) {
        return left;
    }
    const char *end = memrchr(from, '\n', CHUNK);
    return end ? (size_t)(end - from) + 1 : CHUNK;
}

static void drop_all(struct gw_judge *judge, uint64_t *lost)
{
    *lost += judge->held;
    judge->held = 0;
    judge->lines.len = 0;
}

void gw_judge_flush(struct gw_judge *judge, uint64_t *lost)
{
    size_t done = 0;
    bool broken = false;
    while (judge->fd >= 0 && done < judge->lines.len && !broken && is_writable(judge)) {
        const char *from = judge->lines.ptr + done;
        ssize_t n = write(judge->fd, from, next_chunk(judge, from, judge->lines.len - done));
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            broken = errno != EAGAIN;
            break;
        }
    }
    if (broken || judge->fd < 0) {
        drop_all(judge, lost);
    } else if (done) {
        judge->lines.len -= done;
        memmove(judge->lines.ptr, judge->lines.ptr + done, judge->lines.len);
        for (judge->held = 0, done = 0; done < judge->lines.len; done++) {
            judge->held += judge->lines.ptr[done] == '\n';
        }
    }
}

void gw_judge_close(struct gw_judge *judge)
{
    close_fd(judge);
    stir_buf_free(&judge->lines);
    OPENSSL_cleanse(judge->key, sizeof(judge->key));
}
