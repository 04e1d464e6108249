/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"
#include "common/number/identity.h"

/*
 * An SMPP address as an identity of a PASSporT. type_of_number decides:
 * - 1 international: the digits, country code first; an international prefix that begins with 0 is dropped;
 * - 2 national: the country code goes in front, and a national prefix is dropped, of a number that has national_digits;
 *   where those are not set, of one that has the prefix or does not begin with the country code. All others are read as
 *   unknown ones: senders mark any number national, Kannel by default;
 * - 5 alphanumeric, and any other with a letter in it (senders mark names 1 or 3, too): no TN. It is
 *   sip:<address, percent-encoded>@alphanumeric_domain, where one is set; never a TN, though it look like one;
 * - others: by the numbering (short codes, national prefix, number lengths: common/number/tn.h).
 * A numbering_plan_indicator that names no telephone numbers (data, telex, IMSI, Internet, WAP) makes no identity.
 */
struct smpp_addressing {
    struct stir_numbering numbering;
    const char *alphanumeric_domain; /* NULL or "": alphanumeric addresses are no identity, and so never signed */
};

/* Tells whether an address is a name: by its type_of_number, or because there is a letter in it. */
bool smpp_address_is_alphanumeric(const struct smpp_address *address);

/* STIR_E_TN: no telephone number, and no domain for what else it is; STIR_E_URI, STIR_E_TOO_BIG: an alphanumeric one
 * that fits no URI. err shows nothing of the address. */
enum stir_code smpp_address_identity(struct stir_identity *out, const struct smpp_address *address,
                                     const struct smpp_addressing *how, struct stir_error *err) STIR_MUST_CHECK;
