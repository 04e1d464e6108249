/* SPDX-License-Identifier: MIT */
/*
 * PDUs of a peer through libcps's public interface: whatever comes, each token that was taken comes back once, and only
 * a whole message is fit. The first octet chooses settings; then PDUs, each with its length in two octets, 0xffff being
 * time that passes. Lengths within the PDUs are put right half of the time, so that mutations get behind them.
 */
#include "client/cps_smpp.h"
#include "tests/fuzz/must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOKENS = 256, STEP_MS = 40 };

struct run {
    struct cps_smpp *peer;
    bool there[TOKENS];
    unsigned next;
    uint64_t now_ms;
};

static void come_back(struct run *run, const struct cps_smpp_segment *segments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t token = (size_t)(uintptr_t)segments[i].token;
        MUST(token < TOKENS && run->there[token]);
        MUST(i == 0 || segments[i].number > segments[i - 1].number);
        run->there[token] = false;
    }
}

static void check_fit(const struct cps_smpp_result *result)
{
    bool fit = result->reason == CPS_SMPP_FIT;
    MUST(fit == (result->message.orig != NULL) && fit == (result->text[0] == '\0'));
    MUST(!fit || (result->kind == CPS_SMPP_MESSAGE && result->message.dest_count > 0 && result->message.body));
    bool refused = result->kind == CPS_SMPP_MALFORMED || result->kind == CPS_SMPP_REPLACE;
    MUST(refused == (result->command_status != 0));
    for (size_t i = 0; i < result->message.dest_count; i++) {
        MUST(result->message.dest[i][0]);
    }
}

static void expire(struct run *run, uint64_t now_ms)
{
    struct cps_smpp_result result;
    while (cps_smpp_expire(run->peer, now_ms, &result, NULL) == CPS_OK) {
        MUST(result.kind == CPS_SMPP_INCOMPLETE && result.given_up_count > 0 && result.given_up_count < result.total);
        come_back(run, result.given_up, result.given_up_count);
        cps_smpp_result_clear(&result);
    }
    MUST(cps_smpp_next_ms(run->peer, now_ms) > 0);
}

static void take(struct run *run, const uint8_t *pdu, size_t len)
{
    struct cps_smpp_result result;
    unsigned token = run->next;
    if (token == TOKENS) {
        return;
    }
    MUST(cps_smpp_take(run->peer, pdu, len, run->now_ms, (void *)(uintptr_t)token, &result, NULL) == CPS_OK);
    check_fit(&result);
    if (result.kind == CPS_SMPP_MESSAGE || result.kind == CPS_SMPP_WAITS || result.kind == CPS_SMPP_DUPLICATE) {
        run->there[token] = true;
        run->next++;
    }
    MUST(result.kind != CPS_SMPP_MESSAGE || result.segment_count == result.total);
    come_back(run, result.segments, result.segment_count);
    come_back(run, result.given_up, result.given_up_count);
    cps_smpp_result_clear(&result);
}

static void take_all(struct run *run, const uint8_t *data, size_t size, bool mend)
{
    static uint8_t pdu[65536];
    while (size >= 2) {
        size_t n = (size_t)(data[0] << 8 | data[1]);
        data += 2;
        size -= 2;
        if (n == 0xffff) {
            run->now_ms += STEP_MS;
            expire(run, run->now_ms);
            continue;
        }
        n = n < size ? n : size;
        memcpy(pdu, data, n);
        if (mend && n >= 4) {
            pdu[0] = 0;
            pdu[1] = 0;
            pdu[2] = (uint8_t)(n >> 8);
            pdu[3] = (uint8_t)n;
        }
        take(run, pdu, n);
        data += n;
        size -= n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cps *handles[2]; /* kept: most of the time went into making them */
    uint8_t how = size ? data[0] : 0;
    bool national = how & 0x10;
    struct cps_options options = {.size = sizeof(options), .country_code = national ? "49" : NULL};
    struct cps_smpp_options peer = {.size = sizeof(peer),
                                    .from = how & 0x80 ? CPS_SMPP_FROM_SMSC : CPS_SMPP_FROM_ESME,
                                    .alphabet = (enum cps_smpp_alphabet)(how & 3),
                                    .alphabet_1 = (enum cps_smpp_alphabet)(how >> 1 & 3),
                                    .packed = how & 4,
                                    .alphanumeric_domain = how & 8 ? "sms.example.org" : NULL,
                                    .join_messages = 3,
                                    .join_segments = 5,
                                    .join_timeout_ms = 100};
    struct run run = {0};
    MUST(handles[national] || cps_new(&handles[national], &options, NULL) == CPS_OK);
    MUST(cps_smpp_new(&run.peer, handles[national], &peer, NULL) == CPS_OK);
    if (size) {
        take_all(&run, data + 1, size - 1, how & 0x40);
    }
    expire(&run, UINT64_MAX);
    for (size_t token = 0; token < TOKENS; token++) {
        MUST(!run.there[token]);
    }
    cps_smpp_free(run.peer);
    return 0;
}
