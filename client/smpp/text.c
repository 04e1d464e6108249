#include "client/smpp/text.h"

#include "client/smpp/gsm.h"
#include "client/smpp/text_iconv.h"
#include "client/smpp/text_utf8.h"

/* SMPP 5.0 section 4.7.7; 0 is the peer's setting. */
static enum smpp_alphabet of_smpp(uint8_t data_coding)
{
    switch (data_coding) {
    case 1:
        return SMPP_ASCII;
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
    if (data_coding == 0) {
        return settings->data_coding_0;
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

static void put_octets(struct stir_buf *out, const struct smpp_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        stir_buf_put(out, parts[i].octets.ptr, parts[i].octets.len);
    }
}

static bool put_gsm7(struct stir_buf *out, const struct smpp_part *parts, size_t count)
{
    struct smpp_gsm gsm = {0};
    for (size_t i = 0; i < count; i++) {
        const struct smpp_part *part = &parts[i];
        if (!smpp_gsm_put(&gsm, out, (const uint8_t *)part->octets.ptr, part->octets.len, part->locking,
                          part->single)) {
            return false;
        }
    }
    smpp_gsm_end(&gsm, out);
    return true;
}

static bool put_latin1(struct stir_buf *out, const struct smpp_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < parts[i].octets.len; k++) {
            smpp_utf8_put(out, (uint8_t)parts[i].octets.ptr[k]);
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

static bool put_utf16(struct stir_buf *out, const struct smpp_part *parts, size_t count)
{
    struct utf16 state = {0};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < parts[i].octets.len; k++) {
            state.unit = (state.unit << 8 | (uint8_t)parts[i].octets.ptr[k]) & 0xffff;
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
static bool put_as_is(struct stir_buf *out, enum smpp_alphabet alphabet, const struct smpp_part *parts, size_t count)
{
    size_t start = out->len;
    put_octets(out, parts, count);
    if (out->failed || out->len == start) {
        return true;
    }
    const char *text = out->ptr + start;
    size_t n = out->len - start;
    return alphabet == SMPP_ASCII ? all_ascii(text, n) : smpp_utf8_valid(text, n);
}

static enum stir_code put_charset(struct stir_buf *out, bool *good, const char *charset, const struct smpp_part *parts,
                                  size_t count, struct stir_error *err)
{
    if (count == 1) {
        return smpp_iconv_put(out, good, charset, parts[0].octets, err);
    }
    struct stir_buf joined = {0};
    put_octets(&joined, parts, count);
    enum stir_code code = stir_buf_state(&joined);
    if (code != STIR_OK) {
        out->failed = code;
    } else {
        code = smpp_iconv_put(out, good, charset, stir_view(joined.ptr, joined.len), err);
    }
    stir_buf_free(&joined);
    return code;
}

static enum stir_code put_text(struct stir_buf *out, bool *good, enum smpp_alphabet alphabet,
                               const struct smpp_part *parts, size_t count, struct stir_error *err)
{
    const char *charset = charset_of(alphabet);
    if (charset) {
        return put_charset(out, good, charset, parts, count, err);
    }
    switch (alphabet) {
    case SMPP_GSM7:
        *good = put_gsm7(out, parts, count);
        break;
    case SMPP_LATIN1:
        *good = put_latin1(out, parts, count);
        break;
    case SMPP_UTF16:
        *good = put_utf16(out, parts, count);
        break;
    default:
        *good = put_as_is(out, alphabet, parts, count);
    }
    return stir_buf_state(out);
}

static void cut_to(struct stir_buf *buf, size_t len)
{
    if (buf->len > len) {
        buf->len = len;
        buf->ptr[len] = '\0';
    }
}

enum stir_code smpp_body_make(struct stir_buf *out, enum smpp_body *kind, enum smpp_alphabet alphabet,
                              const struct smpp_part *parts, size_t count, struct stir_error *err)
{
    size_t start = out->len;
    enum smpp_body body = SMPP_BODY_OCTETS;
    if (alphabet != SMPP_OCTETS) {
        bool good = false;
        enum stir_code code = put_text(out, &good, alphabet, parts, count, err);
        if (code == STIR_E_CONFIG) {
            cut_to(out, start);
            return code;
        }
        body = good ? SMPP_BODY_TEXT : SMPP_BODY_MALFORMED;
    }
    if (body != SMPP_BODY_TEXT) {
        cut_to(out, start);
        put_octets(out, parts, count);
    }
    enum stir_code code = stir_buf_state(out);
    if (code != STIR_OK) {
        cut_to(out, start);
        return stir_fail(err, code, "a message's body");
    }
    *kind = body;
    return STIR_OK;
}
