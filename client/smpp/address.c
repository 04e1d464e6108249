#include "client/smpp/address.h"

#include "common/buf.h"

#include <ctype.h>

enum {
    TON_UNKNOWN = 0,
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
    return address->ton == TON_ALPHANUMERIC || (address->ton == TON_UNKNOWN && letter);
}

static enum stir_code alphanumeric(struct stir_identity *out, struct stir_view text, const char *domain,
                                   struct stir_error *err)
{
    struct stir_buf uri = {.limit = 1024};
    struct stir_identity id;
    stir_buf_puts(&uri, "sip:");
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
        code = stir_identity_parse(&id, uri.ptr, uri.len, NULL, err);
    }
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

static bool drop_prefix(struct stir_view *digits, const char *prefix)
{
    size_t n = strlen(prefix);
    if (n == 0 || digits->len <= n || memcmp(digits->ptr, prefix, n) != 0) {
        return false;
    }
    *digits = stir_view(digits->ptr + n, digits->len - n);
    return true;
}

/* Puts "+" and the country code in front where the type of number says that they are meant. */
static struct stir_view globalize(char text[NUMBER_MAX + 16], const struct smpp_address *address,
                                  const struct smpp_addressing *how)
{
    struct stir_view digits = address->addr;
    const struct stir_numbering *numbering = &how->numbering;
    bool national = address->ton == TON_NATIONAL && how->national_ton && numbering->country_code[0] != '\0' &&
                    digits.len > numbering->short_code_digits;
    if ((address->ton != TON_INTERNATIONAL && !national) || digits.len > NUMBER_MAX || digits.len == 0 ||
        digits.ptr[0] == '+') {
        return digits;
    }
    if (national) {
        (void)drop_prefix(&digits, numbering->national_prefix);
    } else if (numbering->international_prefix[0] == '0') {
        (void)drop_prefix(&digits, numbering->international_prefix);
    }
    size_t n = 0;
    text[n++] = '+';
    for (const char *c = numbering->country_code; national && *c; c++) {
        text[n++] = *c;
    }
    memcpy(text + n, digits.ptr, digits.len);
    return stir_view(text, n + digits.len);
}

static enum stir_code number(struct stir_identity *out, const struct smpp_address *address,
                             const struct smpp_addressing *how, struct stir_error *err)
{
    char text[NUMBER_MAX + 16];
    struct stir_view digits = globalize(text, address, how);
    struct stir_tn tn;
    enum stir_code code = stir_tn_parse(&tn, digits.ptr, digits.len, &how->numbering, err);
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
        return domain && domain[0] ? alphanumeric(out, address->addr, domain, err)
                                   : stir_fail(err, STIR_E_TN, "an alphanumeric address, and no domain for those");
    }
    if (!is_telephony(address->npi)) {
        return stir_fail(err, STIR_E_TN, "an address of numbering plan %u, which is not telephony", address->npi);
    }
    return number(out, address, how, err);
}
