/* SPDX-License-Identifier: MIT */
#include "client/smpp/text/reading.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

const char *smpp_reading_name(enum smpp_reading reading)
{
    static const char *const names[SMPP_READINGS] = {
        [SMPP_READ_AS_SENT] = "as-sent", [SMPP_READ_MARK] = "mark",       [SMPP_READ_NO_NUL] = "no-nul",
        [SMPP_READ_FILL] = "fill",       [SMPP_READ_CEDILLA] = "cedilla", [SMPP_READ_NFC] = "nfc",
        [SMPP_READ_NFD] = "nfd",
    };
    return (unsigned)reading < SMPP_READINGS ? names[reading] : "";
}

void smpp_readings_clear(struct smpp_readings *readings)
{
    for (size_t i = 0; i < readings->count; i++) {
        stir_buf_cleanse(&readings->items[i].body);
    }
    readings->count = 0;
}

static bool reading_is_known(const struct stir_buf *text, struct stir_view other)
{
    return text->len == other.len && (other.len == 0 || memcmp(text->ptr, other.ptr, other.len) == 0);
}

/* The message whose readings are made. */
struct source {
    struct stir_view body;
    const struct smpp_part *parts;
    size_t count;
};

/* Takes a text over where it is new and not too long, otherwise frees it. STIR_E_NOMEM. */
static enum stir_code readings_add(struct smpp_readings *out, enum smpp_reading reading, struct stir_buf *text,
                                   const struct source *source, struct stir_error *err)
{
    enum stir_code code = stir_buf_state(text);
    bool known = code != STIR_OK || reading_is_known(text, source->body);
    for (size_t i = 0; i < out->count && !known; i++) {
        known = reading_is_known(text, stir_view(out->items[i].body.ptr, out->items[i].body.len));
    }
    if (known) {
        stir_buf_cleanse(text);
    } else {
        out->items[out->count].reading = reading;
        out->items[out->count++].body = *text;
    }
    return code == STIR_E_NOMEM ? stir_fail(err, code, "out of memory for a reading of a text") : STIR_OK;
}

/* ---- decoding in another way ---- */

/* Adds what these parts are with these decodings, where that is text. */
static enum stir_code reading_decode(struct smpp_readings *out, enum smpp_reading reading, unsigned decoding,
                                     const struct smpp_part *parts, const struct source *source, struct stir_error *err)
{
    struct stir_buf text = {.limit = SMPP_READ_OCTETS_MAX};
    enum smpp_body kind = SMPP_BODY_MALFORMED;
    enum stir_code code = smpp_body_decode(&text, &kind, parts, source->count, decoding, NULL);
    if (code == STIR_OK && kind == SMPP_BODY_TEXT) {
        return readings_add(out, reading, &text, source, err);
    }
    stir_buf_cleanse(&text);
    return code == STIR_E_NOMEM ? stir_fail(err, code, "out of memory for a reading of a text") : STIR_OK;
}

/* Whether a part can be decoded in this way with another result. */
static bool reading_applies(const struct smpp_part *part, unsigned decoding)
{
    struct stir_view octets = part->octets;
    switch (decoding) {
    case SMPP_DECODE_MARK:
        return smpp_mark_len(part->alphabet, octets) > 0;
    case SMPP_DECODE_FILL:
        return part->filled;
    default:
        return part->alphabet == SMPP_GSM7 && octets.len && memchr(octets.ptr, 0x09, octets.len);
    }
}

static enum stir_code decode_where(struct smpp_readings *out, enum smpp_reading reading, unsigned decoding,
                                   const struct source *source, struct stir_error *err)
{
    for (size_t i = 0; i < source->count; i++) {
        if (reading_applies(&source->parts[i], decoding)) {
            return reading_decode(out, reading, decoding, source->parts, source, err);
        }
    }
    return STIR_OK;
}

/* Half of a U+0000: the text was counted with the NUL of a C string. */
static enum stir_code cut_half(struct smpp_readings *out, const struct source *source, struct stir_error *err)
{
    struct smpp_part parts[UINT8_MAX];
    const struct smpp_part *last = &source->parts[source->count - 1];
    size_t len = last->octets.len;
    if (last->alphabet != SMPP_UTF16 || len == 0 || last->octets.ptr[len - 1] != '\0' || source->count > UINT8_MAX) {
        return STIR_OK;
    }
    memcpy(parts, source->parts, source->count * sizeof(parts[0]));
    parts[source->count - 1].octets.len--;
    return reading_decode(out, SMPP_READ_NO_NUL, SMPP_DECODE_AS_SENT, parts, source, err);
}

/* ---- changing the text ---- */

static enum stir_code cut_nul(struct smpp_readings *out, const struct source *source, struct stir_error *err)
{
    struct stir_buf text = {.limit = SMPP_READ_OCTETS_MAX};
    struct stir_view kept = source->body;
    while (kept.len && kept.ptr[kept.len - 1] == '\0') {
        kept.len--;
    }
    stir_buf_put(&text, kept.ptr, kept.len);
    return readings_add(out, SMPP_READ_NO_NUL, &text, source, err);
}

/* utf8proc's only failure with well-formed UTF-8 is that memory is out. */
static enum stir_code reading_normalize(struct smpp_readings *out, enum smpp_reading reading,
                                        const struct source *source, struct stir_error *err)
{
    struct stir_buf text = {.limit = SMPP_READ_OCTETS_MAX};
    utf8proc_option_t form = reading == SMPP_READ_NFC ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)source->body.ptr, (utf8proc_ssize_t)source->body.len,
                                      &made, (utf8proc_option_t)(UTF8PROC_STABLE | form));
    if (n < 0) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory while normalizing a text");
    }
    stir_buf_put(&text, made, (size_t)n);
    OPENSSL_cleanse(made, (size_t)n);
    free(made);
    return readings_add(out, reading, &text, source, err);
}

static bool is_ascii(struct stir_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* Each reading is looked for only where something in the message can make it differ: most texts have no other. */
static enum stir_code make_all(struct smpp_readings *out, const struct source *source, struct stir_error *err)
{
    struct stir_view body = source->body;
    bool ascii = is_ascii(body);
    enum stir_code code = decode_where(out, SMPP_READ_MARK, SMPP_DECODE_MARK, source, err);
    if (code == STIR_OK && body.len && body.ptr[body.len - 1] == '\0') {
        code = cut_nul(out, source, err);
    }
    if (code == STIR_OK) {
        code = decode_where(out, SMPP_READ_FILL, SMPP_DECODE_FILL, source, err);
    }
    if (code == STIR_OK) {
        code = decode_where(out, SMPP_READ_CEDILLA, SMPP_DECODE_CEDILLA, source, err);
    }
    if (code == STIR_OK && !ascii) {
        code = reading_normalize(out, SMPP_READ_NFC, source, err);
    }
    if (code == STIR_OK && !ascii) {
        code = reading_normalize(out, SMPP_READ_NFD, source, err);
    }
    return code;
}

enum stir_code smpp_readings_make(struct smpp_readings *out, struct stir_view body, enum smpp_body kind,
                                  const struct smpp_part *parts, size_t count, struct stir_error *err)
{
    struct source source = {body, parts, count};
    struct smpp_readings readings = {0};
    enum stir_code code = STIR_OK;
    bool short_enough = count > 0 && body.len <= SMPP_READ_OCTETS_MAX;
    if (short_enough && kind == SMPP_BODY_TEXT) {
        code = make_all(&readings, &source, err);
    } else if (short_enough && kind == SMPP_BODY_MALFORMED) {
        code = cut_half(&readings, &source, err);
    }
    if (code != STIR_OK) {
        smpp_readings_clear(&readings);
    }
    *out = readings;
    return code;
}
