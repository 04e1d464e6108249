/* SPDX-License-Identifier: MIT */
#include "client/cps_smpp.h"
#include "tests/unit/cps_smpp_peer.h"
#include "tests/unit/fake_cps.h"

#include <syslog.h>

/* The example of cps_smpp.h: it is there as it is here, and here it runs. */
enum { EXAMPLE_BEGIN = __LINE__ };
/* clang-format off */
struct gateway {
    struct cps *cps;
    const struct cps_signer *signer;
    const struct cps_key *theirs;
    const struct cps_key *ours;
    struct cps_smpp *esme;
    struct cps_smpp *smsc;
};

static
enum cps_code on_submit(struct gateway *gw, const void *pdu, size_t len, uint64_t now_ms, struct cps_error *err)
{
    struct cps_smpp_result got;
    enum cps_code code = cps_smpp_take(gw->esme, pdu, len, now_ms, NULL, &got, err);
    if (code != CPS_OK) {
        return code;
    }
    if (got.reason == CPS_SMPP_FIT) {
        struct cps_recipient to = {got.message.dest[0], &gw->theirs, 1};
        code = cps_send(gw->cps, gw->signer, &got.message, &to, 1, 0, NULL, err);
    }
    cps_smpp_result_clear(&got);
    return code;
}

static
enum cps_verdict on_deliver(struct gateway *gw, const void *pdu, size_t len, uint64_t now_ms)
{
    enum cps_verdict verdict = CPS_CPS_UNAVAILABLE;
    struct cps_smpp_result got;
    struct cps_result judged;
    if (cps_smpp_take(gw->smsc, pdu, len, now_ms, NULL, &got, NULL) != CPS_OK) {
        return verdict;
    }
    if (got.reason == CPS_SMPP_FIT) {
        if (cps_receive(gw->cps, &got.message, &gw->ours, 1, 500, &judged) != CPS_OK) {
            syslog(LOG_NOTICE, "%s: %s", cps_verdict_name(judged.verdict), judged.error.text);
        }
        verdict = judged.verdict;
        cps_result_clear(&judged);
    }
    cps_smpp_result_clear(&got);
    return verdict;
}
/* clang-format on */
enum { EXAMPLE_END = __LINE__ };

/* A line without its indentation in the comment, a ' *' and five blanks; NULL outside of one. */
static const char *comment_line(const char *line)
{
    return strncmp(line, " *     ", 7) == 0 ? line + 7 : strcmp(line, " *\n") == 0 ? "\n" : NULL;
}

static void read_example(struct stir_buf *out, const char *path)
{
    char line[256];
    FILE *f = fopen(path, "r");
    UNIT_NEED(f);
    while (fgets(line, sizeof(line), f) && strcmp(line, " */\n") != 0) {
        const char *text = comment_line(line);
        if (text && (out->len || text[0] != '\n')) {
            stir_buf_puts(out, text);
        }
    }
    (void)fclose(f);
}

static void read_this(struct stir_buf *out, const char *path)
{
    char line[256];
    FILE *f = fopen(path, "r");
    UNIT_NEED(f);
    for (int number = 1; fgets(line, sizeof(line), f) && number < EXAMPLE_END - 1; number++) {
        if (number > EXAMPLE_BEGIN + 1 && strcmp(line, "static\n") != 0) {
            stir_buf_puts(out, line);
        }
    }
    (void)fclose(f);
}

static void test_same(void)
{
    struct stir_buf theirs = {0};
    struct stir_buf ours = {0};
    read_example(&theirs, TEST_DATA "/../../../client/cps_smpp.h");
    read_this(&ours, TEST_DATA "/../client/lib/api/test_cps_smpp_example.c");
    UNIT_CHECK(ours.len > 1000, "%zu octets", ours.len);
    UNIT_CHECK(theirs.len >= ours.len && memcmp(theirs.ptr, ours.ptr, ours.len) == 0 &&
                   theirs.ptr[ours.len + strspn(theirs.ptr + ours.len, "\n")] == '\0',
               "the header's comment has another example:\n%.400s", theirs.ptr ? theirs.ptr : "");
    stir_buf_free(&theirs);
    stir_buf_free(&ours);
}

static struct world world;
static struct fake_cps fake;

/* The box takes what is published. */
static void answer(struct peer *peer, const struct peer_request *request, struct stir_buf *out)
{
    if (strcmp(request->method, "POST") == 0) {
        fake_put_text(&fake, request->body);
        peer_reply(out, 201, "text/plain", "Location: /cps/x/ppts/y\r\n", "");
    } else {
        fake_answer(peer, request, out);
    }
}

#define FROM "00 0101 '12155551212' 00 0101 '12155551313' 00 "
#define UDH "40 00 00 00 00 01 00 00 00 "

static void submit(struct gateway *gw, const char *body, size_t stored)
{
    uint8_t octets[MAKE_MAX];
    struct cps_error err = {0};
    CODE_IS(on_submit(gw, octets, make_pdu(octets, SMPP_SUBMIT_SM, 0, body), 0, &err), CPS_OK, err);
    UNIT_CHECK(fake.count == stored, "%zu envelopes after %s", fake.count, body);
}

static void deliver(struct gateway *gw, const char *body, enum cps_verdict expected)
{
    uint8_t octets[MAKE_MAX];
    enum cps_verdict verdict = on_deliver(gw, octets, make_pdu(octets, SMPP_DELIVER_SM, 0, body), 0);
    UNIT_CHECK(verdict == expected, "%s: %s", body, cps_verdict_name(verdict));
}

/* Submitted in two segments of GSM 03.38, delivered as one message of UCS-2; then altered, from another, and again. */
static void test_run(void)
{
    fake_begin(&fake, &world, (struct cps_options){0});
    fake.peer.answer = answer;
    fake.never_waits = true;
    struct gateway gw = {.cps = world.cps,
                         .signer = world.signer,
                         .theirs = world.box_public,
                         .ours = world.box_private,
                         .esme = peer_new(world.cps, (struct cps_smpp_options){0}),
                         .smsc = peer_new(world.cps, (struct cps_smpp_options){0})};
    submit(&gw, FROM UDH "07 050003070202 00", 0);
    submit(&gw, FROM UDH "08 050003070201 'Hi'", 1);
    submit(&gw, "00 0500 'Bank' 00 0101 '12155551313' 00 " MAKE_FLAGS "02 'Hi'", 1);
    deliver(&gw, FROM "00 00 00 00 00 00 00 08 00 06 0048 0069 0041", CPS_MSGI_MISMATCH);
    deliver(&gw, "00 0101 '12155551414' 00 0101 '12155551313' 00 " MAKE_FLAGS "03 'Hi' 00", CPS_NO_PASSPORT);
    deliver(&gw, FROM "00 00 00 00 00 00 00 08 00 06 0048 0069 0040", CPS_PASSED);
    deliver(&gw, FROM "00 00 00 00 00 00 00 08 00 06 0048 0069 0040", CPS_REPLAYED);
    deliver(&gw, FROM "00 00 00", CPS_CPS_UNAVAILABLE);
    cps_smpp_free(gw.esme);
    cps_smpp_free(gw.smsc);
    fake_end(&fake, &world);
}

/* What is not fit is refused by all that take a message, also where nobody looked at the reason. */
static void test_refused(void)
{
    struct cps_error err = {0};
    struct cps_result judged;
    char *passport = NULL;
    world_begin(&world, NULL);
    struct cps_smpp *peer = peer_new(world.cps, (struct cps_smpp_options){0});
    struct cps_smpp_result got = peer_take_made(peer, SMPP_SUBMIT_SM, FROM MAKE_FLAGS "02 'Hi' 0424 0002 'Ho'");
    peer_result_is(&got, CPS_SMPP_MESSAGE, CPS_SMPP_AMBIGUOUS, "two texts");
    CODE_IS(cps_sign(world.cps, world.signer, &got.message, &passport, NULL, &err), CPS_E_INVAL, err);
    CU_ASSERT_PTR_NULL(passport);
    const struct cps_key *keys[] = {world.box_private};
    CU_ASSERT_EQUAL(cps_receive(world.cps, &got.message, keys, 1, 0, &judged), CPS_E_INVAL);
    VERDICT_IS(&judged, CPS_CPS_UNAVAILABLE, "two texts");
    cps_result_clear(&judged);
    cps_smpp_result_clear(&got);
    cps_smpp_free(peer);
    world_end(&world);
}

UNIT_MAIN("cps_smpp_example", {"the header's is this one", test_same}, {"it runs", test_run},
          {"what is not fit is refused", test_refused})
