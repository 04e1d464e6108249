/* SPDX-License-Identifier: MIT */
#include "client/smpp/address.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static const struct smpp_addressing britain = {.numbering = {.max_digits = 15,
                                                             .min_digits = 2,
                                                             .country_code = "44",
                                                             .national_prefix = "0",
                                                             .international_prefix = "00",
                                                             .short_code_digits = 6,
                                                             .national_digits = 10},
                                               .alphanumeric_domain = "sms.example.net"};

static const struct smpp_addressing america = {.numbering = {.max_digits = 15,
                                                             .min_digits = 2,
                                                             .country_code = "1",
                                                             .international_prefix = "011",
                                                             .short_code_digits = 6,
                                                             .national_digits = 10}};

static const struct smpp_addressing trusting = {
    .numbering = {.max_digits = 15, .country_code = "44", .national_prefix = "0", .short_code_digits = 6}};

static const struct smpp_addressing plain = {.numbering = STIR_NUMBERING_DEFAULT};

#define NPI_ISDN 1

static const struct {
    const struct smpp_addressing *how;
    uint8_t ton;
    uint8_t npi;
    const char *addr;
    enum stir_code code;
    const char *identity; /* "" for a failure */
} addresses[] = {
    /* international */
    {&britain, 1, NPI_ISDN, "447900000001", STIR_OK, "447900000001"},
    {&britain, 1, NPI_ISDN, "+447900000001", STIR_OK, "447900000001"},
    {&britain, 1, NPI_ISDN, "00447900000001", STIR_OK, "447900000001"},
    {&britain, 1, NPI_ISDN, "7900000001", STIR_OK, "7900000001"}, /* 10 digits, and still Russian */
    {&america, 1, NPI_ISDN, "2155551212", STIR_OK, "2155551212"},
    {&america, 1, NPI_ISDN, "01144790000001", STIR_OK, "44790000001"},
    {&britain, 1, 0, "12345", STIR_OK, "12345"},
    {&britain, 1, NPI_ISDN, "00", STIR_E_TN, ""},
    {&britain, 1, NPI_ISDN, "+", STIR_E_TN, ""},
    {&britain, 1, NPI_ISDN, "++447900000001", STIR_E_TN, ""},
    {&britain, 1, NPI_ISDN, "4479000000010000", STIR_E_TN, ""},
    {&britain, 1, NPI_ISDN, "44790000\x30\x30\x01", STIR_E_TN, ""},
    /* national, said by senders that mark any number so */
    {&britain, 2, NPI_ISDN, "447900000001", STIR_OK, "447900000001"},
    {&britain, 2, NPI_ISDN, "07900000001", STIR_OK, "447900000001"},
    {&britain, 2, NPI_ISDN, "7900000001", STIR_OK, "447900000001"},
    {&britain, 2, NPI_ISDN, "12345", STIR_OK, "12345"},
    {&plain, 2, NPI_ISDN, "447900000001", STIR_OK, "447900000001"},
    /* F21: TON 2 gets the country code */
    {&trusting, 2, NPI_ISDN, "7700900123", STIR_OK, "447700900123"},
    {&trusting, 2, NPI_ISDN, "07700900123", STIR_OK, "447700900123"},
    {&trusting, 2, 0, "7700900123", STIR_OK, "447700900123"},
    {&trusting, 0, NPI_ISDN, "7700900123", STIR_OK, "7700900123"},     /* of unknown type: it lacks the prefix */
    {&trusting, 2, NPI_ISDN, "447700900123", STIR_OK, "447700900123"}, /* Kannel marks every number so */
    {&trusting, 2, NPI_ISDN, "+447700900123", STIR_OK, "447700900123"},
    {&trusting, 2, NPI_ISDN, "*100#777", STIR_OK, "*100#777"},
    {&britain, 2, NPI_ISDN, "33123456789", STIR_OK, "33123456789"}, /* not of ten digits: French */
    {&britain, 2, NPI_ISDN, "0033123456789", STIR_OK, "33123456789"},
    {&britain, 2, NPI_ISDN, "4479000000", STIR_OK, "444479000000"},
    /* national */
    {&america, 2, NPI_ISDN, "2155551212", STIR_OK, "12155551212"},
    {&america, 2, NPI_ISDN, "72727", STIR_OK, "72727"},
    {&america, 2, NPI_ISDN, "+12155551212", STIR_OK, "12155551212"},
    {&america, 2, NPI_ISDN, "21555512120000", STIR_OK, "21555512120000"},
    {&trusting, 2, NPI_ISDN, "4479000000", STIR_OK, "4479000000"},
    {&trusting, 2, NPI_ISDN, "07900000001", STIR_OK, "447900000001"},
    {&trusting, 2, NPI_ISDN, "0000000", STIR_OK, "44000000"},
    /* unknown, network specific, subscriber, abbreviated */
    {&britain, 0, 0, "447900000001", STIR_OK, "447900000001"},
    {&britain, 0, 0, "00447900000001", STIR_OK, "447900000001"},
    {&britain, 0, 0, "+447900000001", STIR_OK, "447900000001"},
    {&britain, 0, 0, "07900000001", STIR_OK, "447900000001"},
    {&britain, 0, 9, "12345", STIR_OK, "12345"},
    {&britain, 3, NPI_ISDN, "2277", STIR_OK, "2277"},
    {&britain, 6, 0, "2277", STIR_OK, "2277"},
    {&britain, 4, NPI_ISDN, "7900000001", STIR_OK, "447900000001"},
    {&britain, 0, 0, "*100#", STIR_OK, "*100#"},
    {&america, 0, 0, "2155551212", STIR_OK, "12155551212"},
    {&britain, 255, 255, "12345", STIR_OK, "12345"},
    {&britain, 0, 0, "1", STIR_E_TN, ""},
    {&britain, 0, 0, "", STIR_E_TN, ""},
    {&britain, 1, NPI_ISDN, "", STIR_E_TN, ""},
    {&britain, 5, 0, "", STIR_E_TN, ""},
    {&britain, 0, 0, "12345678901234567890123456789012345678901234567890123456789012345", STIR_E_TN, ""},
    {&britain, 1, 0, "12345678901234567890123456789012345678901234567890123456789012345", STIR_E_TN, ""},
    {&britain, 1, 0, "123456789012345678901234567890123456789012345678901234567890123456", STIR_E_TN, ""},
    {&trusting, 2, 0, "12345678901234567890123456789012345678901234567890123456789012345", STIR_E_TN, ""},
    /* numbering plans of other things than telephones */
    {&britain, 1, 3, "447900000001", STIR_E_TN, ""},
    {&britain, 1, 4, "447900000001", STIR_E_TN, ""},
    {&britain, 1, 6, "234150000000001", STIR_E_TN, ""},
    {&britain, 0, 14, "192", STIR_E_TN, ""},
    {&britain, 0, 18, "447900000001", STIR_E_TN, ""},
    {&britain, 1, 8, "447900000001", STIR_OK, "447900000001"},
    /* alphanumeric */
    {&britain, 5, 0, "MyBrand", STIR_OK, "sip:mybrand@sms.example.net"},
    {&britain, 0, 0, "MyBrand", STIR_OK, "sip:mybrand@sms.example.net"},
    {&britain, 1, NPI_ISDN, "MyBrand", STIR_OK, "sip:mybrand@sms.example.net"},
    {&britain, 2, NPI_ISDN, "MyBrand", STIR_OK, "sip:mybrand@sms.example.net"},
    {&britain, 3, NPI_ISDN, "MyBrand", STIR_OK, "sip:mybrand@sms.example.net"},
    {&britain, 1, NPI_ISDN, "4pets", STIR_OK, "sip:4pets@sms.example.net"},
    {&plain, 1, NPI_ISDN, "MyBrand", STIR_E_TN, ""},
    {&plain, 3, NPI_ISDN, "MyBrand", STIR_E_TN, ""},
    {&britain, 5, 0, "My Brand", STIR_OK, "sip:my%20brand@sms.example.net"},
    {&britain, 5, 0, "a@evil.example", STIR_OK, "sip:a%40evil.example@sms.example.net"},
    {&britain, 5, 0, "a;user=phone", STIR_OK, "sip:a%3Buser%3Dphone@sms.example.net"},
    {&britain, 5, 0, "a:b", STIR_OK, "sip:a%3Ab@sms.example.net"},
    {&britain, 5, 0, "<a>", STIR_OK, "sip:%3Ca%3E@sms.example.net"},
    {&britain, 5, 0, "\"a", STIR_OK, "sip:%22a@sms.example.net"},
    {&britain, 5, 0, "100%", STIR_OK, "sip:100%25@sms.example.net"},
    {&britain, 5, 0, "%31", STIR_OK, "sip:%2531@sms.example.net"},
    {&britain, 5, 0, "Caf\xe9", STIR_OK, "sip:caf%E9@sms.example.net"},
    {&britain, 0, 0, "Caf\xe9", STIR_OK, "sip:caf%E9@sms.example.net"},
    {&britain, 5, 0, "12345", STIR_OK, "sip:12345@sms.example.net"},
    {&britain, 5, 0, "447900000001", STIR_OK, "sip:447900000001@sms.example.net"},
    /* it may look like a number: it is none, so it must not become one */
    {&britain, 5, 0, "+447900000001", STIR_E_TN, ""},
    {&britain, 5, 0, "+44 7900 000001", STIR_E_TN, ""},
    {&britain, 5, 0, "a\nb", STIR_E_URI, ""},
    {&britain, 5, 0, "a\x7f", STIR_E_URI, ""},
    {&britain, 5, 0,
     "\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9"
     "\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9"
     "\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9",
     STIR_E_TOO_BIG, ""},
    /* and without a domain for them, never signed */
    {&plain, 5, 0, "MyBrand", STIR_E_TN, ""},
    {&plain, 0, 0, "MyBrand", STIR_E_TN, ""},
    {&plain, 5, 0, "447900000001", STIR_E_TN, ""},
};

static void test_identities(void)
{
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        char label[128];
        struct stir_error err = {0};
        struct stir_identity id;
        size_t n = strlen(addresses[i].addr);
        char *exact = n ? malloc(n) : NULL; /* so that a sanitizer sees a read past the end */
        if (exact) {
            memcpy(exact, addresses[i].addr, n);
        }
        memset(&id, 0xee, sizeof(id));
        struct smpp_address address = {addresses[i].ton, addresses[i].npi, stir_view(exact, n)};
        (void)snprintf(label, sizeof(label), "row %zu: TON %u NPI %u %s", i, address.ton, address.npi,
                       addresses[i].addr);
        enum stir_code code = smpp_address_identity(&id, &address, addresses[i].how, &err);
        UNIT_CODE(code, addresses[i].code, label);
        if (code == STIR_OK) {
            UNIT_STR(id.text, addresses[i].identity, label);
            bool uri = strncmp(addresses[i].identity, "sip:", 4) == 0;
            UNIT_CHECK(id.kind == (uri ? STIR_IDENTITY_URI : STIR_IDENTITY_TN), "%s: kind", label);
            UNIT_CHECK(id.len == strlen(id.text), "%s: len", label);
        } else {
            UNIT_CHECK((unsigned char)id.text[0] == 0xee && err.text[0], "%s: out touched, or no reason", label);
            UNIT_CHECK(!strstr(err.text, "7900") && !strstr(err.text, "Brand"), "%s: \"%s\"", label, err.text);
        }
        free(exact);
    }
}

static void test_kind(void)
{
    for (unsigned ton = 0; ton < 8; ton++) {
        struct smpp_address letters = {(uint8_t)ton, 0, stir_view_str("Brand1")};
        struct smpp_address digits = {(uint8_t)ton, 0, stir_view_str("12345")};
        struct smpp_address none = {(uint8_t)ton, 0, stir_view("", 0)};
        UNIT_CHECK(smpp_address_is_alphanumeric(&letters), "TON %u, letters", ton);
        UNIT_CHECK(smpp_address_is_alphanumeric(&digits) == (ton == 5), "TON %u, digits", ton);
        UNIT_CHECK(smpp_address_is_alphanumeric(&none) == (ton == 5), "TON %u, empty", ton);
    }
}

UNIT_MAIN("smpp_address", {"identities", test_identities}, {"alphanumeric or not", test_kind})
