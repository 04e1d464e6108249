/* SPDX-License-Identifier: MIT */
#include "client/smpp/address.h"

#include "common/base/buf.h"

#include <ctype.h>

enum {
    TON_INTERNATIONAL = 1,
    TON_NATIONAL = 2,
    TON_ALPHANUMERIC = 5,
};

enum {
    NPI_DATA = 3, /* X.121 */
    NPI_TELEX = 4,
    NPI_LAND_MOBILE = 6, /* E.212 */
    NPI_INTERNET = 14,
    NPI_WAP = 18,
};

enum { NUMBER_MAX = 65 }; /* digits that are looked at; an address of data_sm has up to 64 octets */

bool smpp_address_is_alphanumeric(const struct smpp_address *address)
{
    bool letter = false;
    for (size_t i = 0; i < address->addr.len && !letter; i++) {
        unsigned char c = (unsigned char)address->addr.ptr[i];
        letter = c >= 0x80 || isalpha(c);
    }
    return address->ton == TON_ALPHANUMERIC || letter;
}

static enum stir_code address_put_alphanumeric(struct stir_identity *out, struct stir_view text, const char *domain,
                                               struct stir_error *err)
{
    struct stir_buf uri = {.limit = 1024};
    struct stir_identity id;
    stir_buf_puts(&uri, "sip:");
    /* Percent-encode all but the unreserved characters (RFC 3986 section 2.3). */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = c < 0x80 && (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~');
        stir_buf_printf(&uri, plain ? "%c" : "%%%02X", c);
    }
    stir_buf_printf(&uri, "@%s", domain);
    enum stir_code code = stir_buf_state(&uri);
    if (code != STIR_OK) {
        (void)stir_fail(err, code, "an alphanumeric address");
    } else {
        code = stir_identity_parse_canonical(&id, uri.ptr, uri.len, 0, err);
    }
    /* sip:+12155551212@domain would be a telephone number: a name must not pass for one. */
    if (code == STIR_OK && id.kind == STIR_IDENTITY_TN) {
        code = stir_fail(err, STIR_E_TN, "an alphanumeric address that reads as a telephone number");
    }
    if (code == STIR_OK) {
        *out = id;
    }
    stir_buf_free(&uri);
    return code;
}

static bool is_telephony(uint8_t npi)
{
    return npi != NPI_DATA && npi != NPI_TELEX && npi != NPI_LAND_MOBILE && npi != NPI_INTERNET && npi != NPI_WAP;
}

/* The length of the prefix if the digits begin with it and continue after it, else 0. */
static size_t prefix_len(struct stir_view digits, const char *prefix)
{
    size_t n = strlen(prefix);
    return n < digits.len && memcmp(digits.ptr, prefix, n) == 0 ? n : 0;
}

static bool has_only_digits(struct stir_view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

/* Whether the country code belongs in front of a number with TON 2. Senders mark international numbers so too (Kannel
 * does by default), so the length decides where national numbers have one; elsewhere, a leading country code. */
static bool is_national(struct stir_view digits, const struct stir_numbering *numbering)
{
    if (numbering->country_code[0] == '\0' || digits.len <= numbering->short_code_digits || !has_only_digits(digits) ||
        prefix_len(digits, numbering->international_prefix)) {
        return false;
    }
    size_t prefix = prefix_len(digits, numbering->national_prefix);
    if (numbering->national_digits) {
        return digits.len == numbering->national_digits ||
               (prefix && digits.len - prefix == numbering->national_digits);
    }
    return prefix || !prefix_len(digits, numbering->country_code);
}

/* Returns the number with "+" and, for a national one, the country code in front where the type of number says that
 * they are meant; else the number as it is. */
static struct stir_view address_globalize(char text[NUMBER_MAX + 16], const struct smpp_address *address,
                                          const struct stir_numbering *numbering)
{
    struct stir_view digits = address->addr;
    if (digits.len == 0 || digits.len > NUMBER_MAX || digits.ptr[0] == '+') {
        return digits;
    }
    /* Only TON 1 and 2 say what kind of number it is. */
    bool national = address->ton == TON_NATIONAL && is_national(digits, numbering);
    if (!national && address->ton != TON_INTERNATIONAL) {
        return digits;
    }
    /* Remove the national prefix (0), or an international one such as 00 that repeats the TON. */
    size_t drop = 0;
    if (national && digits.len != numbering->national_digits) {
        drop = prefix_len(digits, numbering->national_prefix);
    } else if (!national && numbering->international_prefix[0] == '0') {
        drop = prefix_len(digits, numbering->international_prefix);
    }
    size_t n = 0;
    /* The bound of NUMBER_MAX digits and the country code of at most 7 fit the buffer. */
    text[n++] = '+';
    for (const char *c = numbering->country_code; national && *c; c++) {
        text[n++] = *c;
    }
    memcpy(text + n, digits.ptr + drop, digits.len - drop);
    return stir_view(text, n + digits.len - drop);
}

static enum stir_code address_put_number(struct stir_identity *out, const struct smpp_address *address,
                                         const struct smpp_addressing *how, struct stir_error *err)
{
    char text[NUMBER_MAX + 16];
    struct stir_view digits = address_globalize(text, address, &how->numbering);
    struct stir_tn tn;
    enum stir_code code = stir_tn_parse_user(&tn, digits.ptr, digits.len, &how->numbering, err);
    if (code == STIR_OK) {
        *out = (struct stir_identity){.kind = STIR_IDENTITY_TN, .len = tn.len};
        memcpy(out->text, tn.digits, tn.len);
    }
    return code;
}

enum stir_code smpp_address_identity(struct stir_identity *out, const struct smpp_address *address,
                                     const struct smpp_addressing *how, struct stir_error *err)
{
    const char *domain = how->alphanumeric_domain;
    if (address->addr.len == 0) {
        return stir_fail(err, STIR_E_TN, "an empty address");
    }
    if (smpp_address_is_alphanumeric(address)) {
        return domain && domain[0] ? address_put_alphanumeric(out, address->addr, domain, err)
                                   : stir_fail(err, STIR_E_TN, "an alphanumeric address, and no domain for those");
    }
    if (!is_telephony(address->npi)) {
        return stir_fail(err, STIR_E_TN, "an address of numbering plan %u, which is not telephony", address->npi);
    }
    return address_put_number(out, address, how, err);
}
