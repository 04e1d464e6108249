/*
 * The text of short messages and its joining: any data_coding, any user data header, any order of segments. The first
 * octets choose settings, the rest is segments, each with its length in front.
 */
#include "client/smpp/address.h"
#include "client/smpp/join.h"
#include "client/smpp/segment.h"
#include "client/smpp/text_utf8.h"
#include "tests/fuzz/must.h"

#include <stdint.h>
#include <string.h>

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t octet(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

static struct stir_view octets(struct input *in, size_t n)
{
    n = n < in->left ? n : in->left;
    struct stir_view view = stir_view((const char *)in->at, n);
    in->at += n;
    in->left -= n;
    return view;
}

static struct stir_buf body_of(enum smpp_alphabet alphabet, const struct smpp_part *parts, size_t count,
                               enum smpp_body *kind)
{
    struct stir_buf body = {0};
    MUST(smpp_body_make(&body, kind, alphabet, parts, count, NULL) == STIR_OK);
    MUST(*kind != SMPP_BODY_TEXT || smpp_utf8_valid(body.ptr, body.len));
    MUST((*kind == SMPP_BODY_OCTETS) == (alphabet == SMPP_OCTETS));
    return body;
}

/* One part, and the same cut in two, make the same body. */
static void check_cut(const struct smpp_segment *segment, size_t cut)
{
    struct smpp_part halves[2] = {segment->part, segment->part};
    size_t len = segment->part.octets.len;
    cut = len ? cut % (len + 1) : 0;
    halves[0].octets.len = cut;
    halves[1].octets = stir_view(segment->part.octets.ptr + cut, len - cut);
    enum smpp_body kind;
    enum smpp_body kind_of_halves;
    struct stir_buf whole = body_of(segment->alphabet, &segment->part, 1, &kind);
    struct stir_buf joined = body_of(segment->alphabet, halves, 2, &kind_of_halves);
    MUST(kind == kind_of_halves && whole.len == joined.len);
    MUST(whole.len == 0 || memcmp(whole.ptr, joined.ptr, whole.len) == 0);
    stir_buf_free(&whole);
    stir_buf_free(&joined);
}

/* A message that left the joiner has the segments that it says, and a body. */
static void check_message(struct smpp_joined *message, enum smpp_alphabet alphabet, const void *token)
{
    struct stir_buf body = {0};
    enum smpp_body kind;
    unsigned here = 0;
    size_t len = 0;
    for (unsigned number = 0; number <= smpp_joined_total(message) + 1; number++) {
        struct smpp_part part;
        void *its = NULL;
        if (smpp_joined_segment(message, number, &part, &its)) {
            MUST(its == token);
            here++;
            len += part.octets.len;
        }
    }
    MUST(here > 0 && smpp_joined_is_complete(message) == (here == smpp_joined_total(message)));
    MUST(smpp_joined_body(message, alphabet, &body, &kind, NULL) == STIR_OK);
    MUST(kind == SMPP_BODY_TEXT || body.len == len);
    stir_buf_free(&body);
    smpp_joined_free(message);
}

static void check_address(struct stir_view addr, uint8_t ton, uint8_t npi)
{
    static const struct smpp_addressing how = {
        .numbering = {.max_digits = 15, .country_code = "44", .national_prefix = "0", .international_prefix = "00"},
        .national_ton = true,
        .alphanumeric_domain = "example.com"};
    struct smpp_address address = {ton, npi, addr};
    struct stir_identity id = {0};
    struct stir_error err = {0};
    if (smpp_address_identity(&id, &address, &how, &err) != STIR_OK) {
        MUST(err.text[0] && id.len == 0);
        return;
    }
    bool uri = id.kind == STIR_IDENTITY_URI;
    MUST(uri == smpp_address_is_alphanumeric(&address));
    MUST(uri ? strncmp(id.text, "sip:", 4) == 0 && strchr(id.text, '@') == strrchr(id.text, '@')
             : stir_tn_is_canonical(id.text, id.len, 15));
}

static void run(struct input *in, struct smpp_join *join, struct smpp_join_peer *peer)
{
    uint8_t choice = octet(in);
    uint8_t data_coding = octet(in);
    static const enum smpp_alphabet zero[] = {SMPP_GSM7, SMPP_ASCII, SMPP_LATIN1, SMPP_UTF8};
    struct smpp_text_settings settings = {.data_coding_0 = zero[choice & 3], .packed = choice & 4};
    enum smpp_alphabet alphabet = smpp_alphabet_of(data_coding, &settings);
    struct stir_buf unpacked = {0};
    uint64_t now = 0;
    while (in->left > 0) {
        uint8_t esm_class = octet(in);
        struct smpp_sar sar = {.present = esm_class & 1};
        if (sar.present) {
            sar = (struct smpp_sar){true, octet(in), octet(in), octet(in)};
        }
        struct stir_view text = octets(in, octet(in));
        struct smpp_segment segment;
        check_address(text, esm_class, choice);
        if (smpp_segment_read(&segment, esm_class, data_coding, text, &sar, &settings, &unpacked, NULL) != STIR_OK) {
            continue;
        }
        MUST(segment.place.number >= 1 && segment.place.number <= segment.place.total);
        MUST((segment.place.kind == SMPP_REF_NONE) == (segment.place.total == 1));
        check_cut(&segment, esm_class);
        struct smpp_join_key key = {.peer = peer,
                                    .orig = stir_view_str("1"),
                                    .dest = stir_view_str("2"),
                                    .place = segment.place,
                                    .data_coding = data_coding};
        struct smpp_join_outcome done = smpp_join_add(join, &key, &segment.part, peer, now++);
        MUST(done.result != SMPP_JOIN_COMPLETE || smpp_joined_is_complete(done.message));
        MUST((done.result == SMPP_JOIN_DUPLICATE) == (done.held != NULL));
        if (done.message) {
            check_message(done.message, alphabet, peer);
        }
        for (struct smpp_joined *late; (late = smpp_join_expire(join, now));) {
            MUST(!smpp_joined_is_complete(late));
            check_message(late, alphabet, peer);
        }
    }
    stir_buf_free(&unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct smpp_join_limits limits = {.all = {8, 20, 40000}, .peer = {7, 16, 30000}, .timeout_ms = 40};
    struct input in = {data, size};
    struct smpp_join_peer peer = {0};
    struct smpp_join *join = NULL;
    MUST(smpp_join_new(&join, &limits) == STIR_OK);
    run(&in, join, &peer);
    struct smpp_join_bounds held = smpp_join_held(join);
    MUST(memcmp(&held, &peer.held, sizeof(held)) == 0);
    MUST(held.messages <= 7 && held.segments <= 16 && held.octets <= 30000);
    while (held.messages-- > 0) {
        smpp_joined_free(smpp_join_take(join, &peer));
    }
    MUST(smpp_join_take(join, NULL) == NULL && peer.held.octets == 0 && peer.held.segments == 0);
    smpp_join_free(join);
    return 0;
}
