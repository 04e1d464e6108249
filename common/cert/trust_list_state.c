/* SPDX-License-Identifier: MIT */
#include "common/cert/trust_list_state.h"

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/cert/chain.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "stir-cps list of roots 1"
#define HEAD_OCTETS 128
#define FILE_OCTETS (HEAD_OCTETS + STIR_TRUST_LIST_OCTETS + STIR_CHAIN_OCTETS)

/* Writes the file's path: the directory, then SHA-256 over the signer's roots and the list's name. */
static enum stir_code list_state_path(struct stir_buf *out, const struct stir_trust_list_state *state,
                                      struct stir_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good =
        ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(ctx, state->name, strlen(state->name) + 1) == 1 &&
        EVP_DigestUpdate(ctx, state->signer_roots.ptr ? state->signer_roots.ptr : "", state->signer_roots.len) == 1 &&
        EVP_DigestFinal_ex(ctx, digest, &n) == 1;
    EVP_MD_CTX_free(ctx);
    if (!good) {
        return stir_fail(err, STIR_E_CRYPTO, "SHA-256 failed");
    }
    stir_buf_puts(out, state->dir);
    stir_buf_puts(out, "/");
    for (unsigned i = 0; i < n; i++) {
        stir_buf_printf(out, "%02x", digest[i]);
    }
    stir_buf_puts(out, ".list");
    enum stir_code code = stir_buf_state(out);
    return code == STIR_OK ? code : stir_fail(err, code, "the state of a list of roots");
}

/* Removes the white space around a JWS, so that it is one line. */
static struct stir_view list_state_trim(struct stir_view text)
{
    static const char space[] = " \t\r\n";
    while (text.len && memchr(space, text.ptr[0], sizeof(space) - 1)) {
        text.ptr++;
        text.len--;
    }
    while (text.len && memchr(space, text.ptr[text.len - 1], sizeof(space) - 1)) {
        text.len--;
    }
    return text;
}

enum stir_code stir_trust_list_state_save(const struct stir_trust_list_state *state, struct stir_view text,
                                          struct stir_view x5u_certs, int64_t sequence, int64_t now,
                                          struct stir_error *err)
{
    struct stir_buf path = {0}, content = {.limit = FILE_OCTETS};
    text = list_state_trim(text);
    stir_buf_printf(&content, MAGIC " %lld %lld\n", (long long)sequence, (long long)now);
    stir_buf_put(&content, text.ptr ? text.ptr : "", text.len);
    stir_buf_puts(&content, "\n");
    stir_buf_put(&content, x5u_certs.ptr ? x5u_certs.ptr : "", x5u_certs.len);
    enum stir_code code = stir_buf_state(&content);
    code = code == STIR_OK ? list_state_path(&path, state, err) : stir_fail(err, code, "the state of a list of roots");
    code = code == STIR_OK ? stir_write_file(path.ptr, content.ptr, content.len, 0600, err) : code;
    stir_buf_free(&path);
    stir_buf_free(&content);
    return code;
}

/* Takes the next line off the text. */
static struct stir_view list_state_next_line(struct stir_view *text)
{
    const char *end = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
    struct stir_view line = stir_view(text->ptr, end ? (size_t)(end - text->ptr) : text->len);
    size_t taken = end ? line.len + 1 : line.len;
    *text = stir_view(text->ptr + taken, text->len - taken);
    return line;
}

/* Takes a space and a decimal number of at most 18 digits off the text. */
static bool list_state_take_number(struct stir_view *text, int64_t *number)
{
    size_t n = 1;
    int64_t value = 0;
    while (n < text->len && n <= 18 && text->ptr[n] >= '0' && text->ptr[n] <= '9') {
        value = value * 10 + (text->ptr[n++] - '0');
    }
    if (n == 1 || text->ptr[0] != ' ') {
        return false;
    }
    *number = value;
    *text = stir_view(text->ptr + n, text->len - n);
    return true;
}

static bool list_state_read_head(struct stir_view line, int64_t *sequence, int64_t *saved_at)
{
    const size_t magic = sizeof(MAGIC) - 1;
    if (line.len < magic || memcmp(line.ptr, MAGIC, magic) != 0) {
        return false;
    }
    struct stir_view rest = stir_view(line.ptr + magic, line.len - magic);
    return list_state_take_number(&rest, sequence) && list_state_take_number(&rest, saved_at) && rest.len == 0;
}

static enum stir_code list_state_read_saved(struct stir_trust_list *out, int64_t *sequence, struct stir_view content,
                                            const struct stir_trust_list_state *state, int64_t now, int64_t grace_s,
                                            struct stir_error *err)
{
    char x5u[STIR_TRUST_LIST_X5U];
    int64_t saved_at = 0;
    struct stir_trust_list list = {0};
    if (!list_state_read_head(list_state_next_line(&content), sequence, &saved_at)) {
        return stir_fail(err, STIR_E_JSON, "the file is damaged: its first line is not \"" MAGIC " SEQUENCE TIME\"");
    }
    /* The signer is judged at the time when the list was verified first: its certificate may have expired since. */
    struct stir_trust_list_spec spec = {.signer_roots = state->signer_roots,
                                        .now = saved_at < now ? saved_at : now,
                                        .grace_s = grace_s,
                                        .least_sequence = *sequence};
    spec.text = list_state_next_line(&content);
    spec.x5u_certs = content;
    enum stir_code code = stir_trust_list_read(&list, x5u, &spec, err);
    /* The list itself is judged now. */
    if (code == STIR_OK && now - grace_s > list.exp) {
        code = stir_fail(err, STIR_E_STALE, "the list has expired, more than list_grace_s ago");
    }
    if (code == STIR_OK) {
        *out = list;
    } else {
        stir_trust_list_clear(&list);
    }
    return code;
}

enum stir_code stir_trust_list_state_load(struct stir_trust_list *out, int64_t *sequence,
                                          const struct stir_trust_list_state *state, int64_t now, int64_t grace_s,
                                          struct stir_error *err)
{
    struct stir_buf path = {0}, content = {.limit = FILE_OCTETS};
    *sequence = 0;
    enum stir_code code = list_state_path(&path, state, err);
    if (code == STIR_OK && access(path.ptr, F_OK) != 0) {
        code = stir_fail(err, STIR_E_NOT_FOUND, "no list was saved"); /* the first start */
    }
    code = code == STIR_OK ? stir_read_file(&content, path.ptr, content.limit, err) : code;
    if (code == STIR_OK) {
        code = list_state_read_saved(out, sequence, stir_view(content.ptr ? content.ptr : "", content.len), state, now,
                                     grace_s, err);
        code = code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", path.ptr);
    }
    stir_buf_free(&path);
    stir_buf_free(&content);
    return code;
}

enum stir_code stir_trust_list_check_file(const struct stir_trust_list_state *state, int64_t now, int64_t grace_s,
                                          struct stir_error *err)
{
    char x5u[STIR_TRUST_LIST_X5U];
    struct stir_trust_list list = {0};
    struct stir_buf text = {.limit = STIR_TRUST_LIST_OCTETS};
    enum stir_code code = stir_read_file(&text, state->name, text.limit, err);
    if (code != STIR_OK) {
        return code;
    }
    const struct stir_trust_list_spec spec = {.text = stir_view(text.ptr ? text.ptr : "", text.len),
                                              .signer_roots = state->signer_roots,
                                              .now = now,
                                              .grace_s = grace_s};
    code = stir_trust_list_read(&list, x5u, &spec, err);
    if (code == STIR_E_X5U_FETCH) {
        code = STIR_OK; /* its signer's certificate is fetched while the program runs */
    }
    stir_trust_list_clear(&list);
    stir_buf_free(&text);
    return code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", state->name);
}
