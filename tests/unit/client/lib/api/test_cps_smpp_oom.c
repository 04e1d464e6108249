/* SPDX-License-Identifier: MIT */
#include "client/cps_smpp.h"
#include "tests/unit/cps_smpp_peer.h"
#include "tests/unit/oom.h"

/*
 * Every allocation fails in turn: nothing leaks, every token that was taken comes back once, and a message that is
 * called fit is whole.
 */

enum { PARTS = 3, PART = 120 };

static struct cps *cps;
static unsigned data_coding;
static const char *octet;     /* in hexadecimal; the text is of this one */
static bool there[PARTS + 1]; /* which tokens the peer has */

static void come_back(const struct cps_smpp_segment *segments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned number = (unsigned)(uintptr_t)segments[i].token;
        UNIT_CHECK(number == segments[i].number && number <= PARTS && there[number], "token %u came back", number);
        there[number] = false;
    }
}

static void take_result(struct cps_smpp_result *result, unsigned number)
{
    peer_coherent(result, "without memory");
    there[number] = result->kind == CPS_SMPP_MESSAGE || result->kind == CPS_SMPP_WAITS;
    come_back(result->segments, result->segment_count);
    come_back(result->given_up, result->given_up_count);
    UNIT_CHECK(result->reason != CPS_SMPP_FIT || result->message.body_len >= PARTS * PART, "%zu octets are not whole",
               result->message.body_len);
    cps_smpp_result_clear(result);
}

static enum cps_code take_part(struct cps_smpp *peer, unsigned number)
{
    uint8_t octets[MAKE_MAX];
    char body[1024];
    struct cps_smpp_result result = {.total = 77};
    size_t n =
        (size_t)snprintf(body, sizeof(body),
                         "00 0500 'Bank' 00 0101 '4912345678' 00 40 00 00 00 00 01 00 %02x 00 %02x 0500030703%02x",
                         data_coding, 6 + PART, number);
    for (int i = 0; i < PART; i++) {
        n += (size_t)snprintf(body + n, sizeof(body) - n, "%s", octet);
    }
    size_t len = make_pdu(octets, SMPP_SUBMIT_SM, 0, body);
    enum cps_code code = cps_smpp_take(peer, octets, len, number, (void *)(uintptr_t)number, &result, NULL);
    if (code == CPS_OK) {
        take_result(&result, number);
    } else {
        UNIT_CHECK(oom_failed() && code == CPS_E_NOMEM && result.total == 77, "%s", cps_error_name(code));
    }
    return code;
}

static void run(const struct cps_smpp_options *options)
{
    struct cps_smpp *peer = NULL;
    struct cps_smpp_result result;
    enum cps_code code = cps_smpp_new(&peer, cps, options, NULL);
    if (code != CPS_OK) {
        UNIT_CHECK(oom_failed() && !peer && code == CPS_E_NOMEM, "%s", cps_error_name(code));
        return;
    }
    for (unsigned number = 1; number <= PARTS; number++) {
        code = take_part(peer, number);
        if (code == CPS_E_NOMEM) {
            code = take_part(peer, number); /* the same PDU again */
        }
        UNIT_CHECK(code == CPS_OK, "again: %s", cps_error_name(code));
    }
    while ((code = cps_smpp_expire(peer, UINT64_MAX, &result, NULL)) != CPS_E_NOT_FOUND) {
        if (code == CPS_OK) {
            come_back(result.given_up, result.given_up_count);
            cps_smpp_result_clear(&result);
        } else {
            UNIT_CHECK(oom_failed() && code == CPS_E_NOMEM, "expire: %s", cps_error_name(code));
        }
    }
    for (unsigned number = 1; number <= PARTS; number++) {
        UNIT_CHECK(!there[number], "token %u is lost", number);
    }
    cps_smpp_free(peer);
}

static void sweep(struct cps_smpp_options options, unsigned coding, const char *of, unsigned long at_least)
{
    options.size = sizeof(options);
    options.from = CPS_SMPP_FROM_ESME;
    cps = peer_cps((struct cps_options){0});
    data_coding = coding;
    octet = of;
    for (unsigned long n = 0;; n++) {
        oom_begin(n);
        run(&options);
        if (!oom_end()) {
            UNIT_CHECK(n >= at_least, "only %lu allocations", n);
            break;
        }
    }
    cps_free(cps);
}

static void test_gsm(void)
{
    sweep((struct cps_smpp_options){.alphanumeric_domain = "example.org"}, 0, "41", 10);
}

static void test_packed(void)
{
    sweep((struct cps_smpp_options){.packed = true, .alphanumeric_domain = "example.org"}, 0, "41", 11);
}

static void test_iconv(void)
{
    sweep((struct cps_smpp_options){.alphanumeric_domain = "example.org"}, 10, "41", 10);
}

static void test_readings(void)
{
    sweep((struct cps_smpp_options){.alphanumeric_domain = "example.org"}, 0, "09", 14);
}

UNIT_MAIN("cps_smpp without memory", {"GSM 03.38", test_gsm}, {"readings", test_readings}, {"packed", test_packed},
          {"by iconv", test_iconv})
