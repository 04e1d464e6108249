/* SPDX-License-Identifier: MIT */
#include "client/smpp/text/text.h"

#include "client/smpp/text/gsm7_decode.h"
#include "client/smpp/text/latin1.h"
#include "client/smpp/text/text_iconv.h"
#include "client/smpp/text/text_utf8.h"

/* SMPP 5.0 section 4.7.7; 0 and 1 are the peer's settings. */
static enum smpp_alphabet of_smpp(uint8_t data_coding)
{
    switch (data_coding) {
    case 3:
        return SMPP_LATIN1;
    case 5:
        return SMPP_SHIFT_JIS;
    case 6:
        return SMPP_ISO_8859_5;
    case 7:
        return SMPP_ISO_8859_8;
    case 8:
        return SMPP_UTF16;
    case 10:
        return SMPP_ISO_2022_JP;
    case 13:
        return SMPP_EUC_JP;
    case 14:
        return SMPP_EUC_KR;
    default:
        return SMPP_OCTETS;
    }
}

/* Groups 00xx (general) and 01xx (marked for automatic deletion): bit 5 says compressed, bits 3 and 2 the alphabet. */
static enum smpp_alphabet of_general_group(uint8_t data_coding)
{
    static const enum smpp_alphabet alphabets[] = {SMPP_GSM7, SMPP_OCTETS, SMPP_UTF16, SMPP_GSM7};
    return data_coding & 0x20 ? SMPP_OCTETS : alphabets[data_coding >> 2 & 3];
}

enum smpp_alphabet smpp_alphabet_of(uint8_t data_coding, const struct smpp_text_settings *settings)
{
    if (data_coding < 2) {
        return data_coding == 0 ? settings->data_coding_0 : settings->data_coding_1;
    }
    if (data_coding < 0x10) {
        return of_smpp(data_coding);
    }
    if (data_coding < 0x80) {
        return of_general_group(data_coding);
    }
    switch (data_coding >> 4) {
    case 0xe: /* message waiting, UCS-2 */
        return SMPP_UTF16;
    case 0xf: /* message class: bit 2 says 8-bit */
        return data_coding & 4 ? SMPP_OCTETS : SMPP_GSM7;
    default: /* reserved, and message waiting */
        return SMPP_GSM7;
    }
}

static const char *charset_of(enum smpp_alphabet alphabet)
{
    switch (alphabet) {
    case SMPP_ISO_8859_5:
        return "ISO-8859-5";
    case SMPP_ISO_8859_8:
        return "ISO-8859-8";
    case SMPP_SHIFT_JIS:
        return "SHIFT_JIS";
    case SMPP_ISO_2022_JP:
        return "ISO-2022-JP";
    case SMPP_EUC_JP:
        return "EUC-JP";
    case SMPP_EUC_KR:
        return "EUC-KR";
    default:
        return NULL;
    }
}

/* ---- a run: parts of one alphabet that follow each other ---- */

struct run {
    enum smpp_alphabet alphabet;
    const struct smpp_part *parts;
    size_t count;
    unsigned decoding;
    size_t mark; /* octets at the beginning that are not decoded */
    bool little; /* the units of UTF-16 come with their low octet first */
};

size_t smpp_mark_len(enum smpp_alphabet alphabet, struct stir_view octets)
{
    const uint8_t *p = (const uint8_t *)octets.ptr;
    if (alphabet == SMPP_UTF16 && octets.len >= 2 &&
        ((p[0] == 0xfe && p[1] == 0xff) || (p[0] == 0xff && p[1] == 0xfe))) {
        return 2;
    }
    return alphabet == SMPP_UTF8 && octets.len >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf ? 3 : 0;
}

/* The octets of a part that are text. */
static struct stir_view text_of(const struct run *run, size_t index)
{
    const struct smpp_part *part = &run->parts[index];
    struct stir_view text = part->octets;
    if (part->filled && !(run->decoding & SMPP_DECODE_FILL)) {
        text.len--;
    }
    return index == 0 && run->mark ? stir_view(text.ptr + run->mark, text.len - run->mark) : text;
}

/* Takes the next run off the front of the parts. */
static struct run next_run(const struct smpp_part **parts, size_t *count, unsigned decoding)
{
    struct run run = {.alphabet = (*parts)->alphabet, .parts = *parts, .decoding = decoding};
    while (run.count < *count && run.parts[run.count].alphabet == run.alphabet) {
        run.count++;
    }
    *parts += run.count;
    *count -= run.count;
    struct stir_view first = run.parts[0].octets;
    size_t mark = smpp_mark_len(run.alphabet, first);
    run.little = mark == 2 && (uint8_t)first.ptr[0] == 0xff;
    run.mark = decoding & SMPP_DECODE_MARK ? 0 : mark;
    return run;
}

static void put_octets(struct stir_buf *out, const struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct stir_view text = text_of(run, i);
        stir_buf_put(out, text.ptr, text.len);
    }
}

static bool put_gsm7(struct stir_buf *out, const struct run *run)
{
    struct smpp_gsm gsm = {.other_cedilla = run->decoding & SMPP_DECODE_CEDILLA};
    for (size_t i = 0; i < run->count; i++) {
        const struct smpp_part *part = &run->parts[i];
        struct stir_view text = text_of(run, i);
        if (!smpp_gsm_put(&gsm, out, (const uint8_t *)text.ptr, text.len, part->locking, part->single)) {
            return false;
        }
    }
    smpp_gsm_end(&gsm, out);
    return true;
}

static bool put_latin1(struct stir_buf *out, const struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct stir_view text = text_of(run, i);
        for (size_t k = 0; k < text.len; k++) {
            smpp_utf8_put(out, smpp_latin1_character((uint8_t)text.ptr[k]));
        }
    }
    return true;
}

struct utf16 {
    uint32_t unit;
    uint32_t high; /* the first half of a surrogate pair, 0 if there is none */
    bool half;     /* the unit's first octet is there */
};

static bool put_unit(struct stir_buf *out, struct utf16 *state)
{
    uint32_t unit = state->unit;
    bool low = unit >= 0xdc00 && unit < 0xe000;
    if (low != (state->high != 0)) {
        return false;
    }
    if (low) {
        smpp_utf8_put(out, 0x10000 + ((state->high - 0xd800) << 10) + (unit - 0xdc00));
        state->high = 0;
    } else if (unit >= 0xd800 && unit < 0xdc00) {
        state->high = unit;
    } else {
        smpp_utf8_put(out, unit);
    }
    return true;
}

static bool put_utf16(struct stir_buf *out, const struct run *run)
{
    struct utf16 state = {0};
    for (size_t i = 0; i < run->count; i++) {
        struct stir_view text = text_of(run, i);
        for (size_t k = 0; k < text.len; k++) {
            uint32_t octet = (uint8_t)text.ptr[k];
            state.unit = (run->little ? state.unit >> 8 | octet << 8 : state.unit << 8 | octet) & 0xffff;
            state.half = !state.half;
            if (!state.half && !put_unit(out, &state)) {
                return false;
            }
        }
    }
    return !state.half && state.high == 0;
}

static bool all_ascii(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((uint8_t)text[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* ASCII and UTF-8 are the body that they are to become. */
static bool put_as_is(struct stir_buf *out, const struct run *run)
{
    size_t start = out->len;
    put_octets(out, run);
    if (out->failed || out->len == start) {
        return true;
    }
    const char *text = out->ptr + start;
    size_t n = out->len - start;
    return run->alphabet == SMPP_ASCII ? all_ascii(text, n) : smpp_utf8_valid(text, n);
}

static enum stir_code put_charset(struct stir_buf *out, bool *good, const char *charset, const struct run *run,
                                  struct stir_error *err)
{
    if (run->count == 1) {
        return smpp_iconv_put(out, good, charset, text_of(run, 0), err);
    }
    struct stir_buf joined = {0};
    put_octets(&joined, run);
    enum stir_code code = stir_buf_state(&joined);
    if (code != STIR_OK) {
        out->failed = code;
    } else {
        code = smpp_iconv_put(out, good, charset, stir_view(joined.ptr, joined.len), err);
    }
    stir_buf_free(&joined);
    return code;
}

static enum stir_code text_put_run(struct stir_buf *out, bool *good, const struct run *run, struct stir_error *err)
{
    const char *charset = charset_of(run->alphabet);
    if (charset) {
        return put_charset(out, good, charset, run, err);
    }
    switch (run->alphabet) {
    case SMPP_GSM7:
        *good = put_gsm7(out, run);
        break;
    case SMPP_LATIN1:
        *good = put_latin1(out, run);
        break;
    case SMPP_UTF16:
        *good = put_utf16(out, run);
        break;
    default:
        *good = put_as_is(out, run);
    }
    return stir_buf_state(out);
}

/* ---- the body ---- */

static void cut_to(struct stir_buf *buf, size_t len)
{
    if (buf->len > len) {
        buf->len = len;
        buf->ptr[len] = '\0';
    }
}

static bool has_octets(const struct smpp_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (parts[i].alphabet == SMPP_OCTETS) {
            return true;
        }
    }
    return false;
}

/* Run after run, until one is no text. Only STIR_E_CONFIG needs to be heeded: the others are in out. */
static enum stir_code put_runs(struct stir_buf *out, enum smpp_body *kind, const struct smpp_part *parts, size_t count,
                               unsigned decoding, struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    *kind = SMPP_BODY_TEXT;
    while (count > 0 && code == STIR_OK && *kind == SMPP_BODY_TEXT) {
        struct run run = next_run(&parts, &count, decoding);
        bool good = false;
        code = text_put_run(out, &good, &run, err);
        *kind = good ? SMPP_BODY_TEXT : SMPP_BODY_MALFORMED;
    }
    return code;
}

enum stir_code smpp_body_decode(struct stir_buf *out, enum smpp_body *kind, const struct smpp_part *parts, size_t count,
                                unsigned decoding, struct stir_error *err)
{
    size_t start = out->len;
    enum smpp_body body = SMPP_BODY_OCTETS;
    if (!has_octets(parts, count) && put_runs(out, &body, parts, count, decoding, err) == STIR_E_CONFIG) {
        cut_to(out, start);
        return STIR_E_CONFIG;
    }
    if (body != SMPP_BODY_TEXT) {
        struct run all = {.parts = parts, .count = count, .decoding = decoding};
        cut_to(out, start);
        put_octets(out, &all);
    }
    enum stir_code code = stir_buf_state(out);
    if (code != STIR_OK) {
        cut_to(out, start);
        return stir_fail(err, code, "a message's body");
    }
    *kind = body;
    return STIR_OK;
}

enum stir_code smpp_body_make(struct stir_buf *out, enum smpp_body *kind, const struct smpp_part *parts, size_t count,
                              struct stir_error *err)
{
    return smpp_body_decode(out, kind, parts, count, SMPP_DECODE_AS_SENT, err);
}
