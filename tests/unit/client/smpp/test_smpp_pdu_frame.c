/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_frame.h"
#include "tests/unit/kannel.h"
#include "tests/unit/smpp_make.h"

static void test_lengths(void)
{
    static const struct {
        const char *label;
        const char *hex;
        size_t max;
        enum smpp_fault fault;
        size_t len;
    } rows[] = {
        {"nothing", "", SMPP_PDU_MAX, SMPP_MORE, 16},
        {"three octets", "000000", SMPP_PDU_MAX, SMPP_MORE, 16},
        {"0", "00000000", SMPP_PDU_MAX, SMPP_F_SHORT, 99},
        {"1", "00000001", SMPP_PDU_MAX, SMPP_F_SHORT, 99},
        {"15", "0000000f", SMPP_PDU_MAX, SMPP_F_SHORT, 99},
        {"15, all there", "0000000f000000150000000000000001", SMPP_PDU_MAX, SMPP_F_SHORT, 99},
        {"16", "00000010", SMPP_PDU_MAX, SMPP_MORE, 16},
        {"16, one octet missing", "000000100000001500000000000000", SMPP_PDU_MAX, SMPP_MORE, 16},
        {"16, all there", "00000010000000150000000000000001", SMPP_PDU_MAX, SMPP_OK, 16},
        {"16, and more", "0000001000000015000000000000000100", SMPP_PDU_MAX, SMPP_OK, 16},
        {"the limit", "00010000", SMPP_PDU_MAX, SMPP_MORE, 65536},
        {"over the limit", "00010001", SMPP_PDU_MAX, SMPP_F_LONG, 99},
        {"a smaller limit", "00000101", 256, SMPP_F_LONG, 99},
        {"at a smaller limit", "00000100", 256, SMPP_MORE, 256},
        {"2^31", "80000000", SMPP_PDU_MAX, SMPP_F_LONG, 99},
        {"2^32 - 1", "ffffffff", SMPP_PDU_MAX, SMPP_F_LONG, 99},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t octets[64];
        size_t n = unit_unhex(octets, sizeof(octets), rows[i].hex);
        size_t len = 99;
        enum smpp_fault fault = smpp_frame(&len, octets, n, rows[i].max);
        UNIT_CHECK(fault == rows[i].fault, "%s: %s", rows[i].label, smpp_fault_name(fault));
        UNIT_CHECK(len == rows[i].len, "%s: %zu octets", rows[i].label, len);
        UNIT_CHECK(fault == SMPP_OK || smpp_status_of(fault, SMPP_FIELD_NONE) == SMPP_RINVCMDLEN, "%s", rows[i].label);
    }
}

static void test_strangers(void)
{
    static const struct {
        const char *octets;
        enum smpp_fault fault;
    } rows[] = {
        {"GET / HTTP/1.1\r\n", SMPP_F_HTTP},
        {"POST /x", SMPP_F_HTTP},
        {"PUT /x", SMPP_F_HTTP},
        {"HEAD /", SMPP_F_HTTP},
        {"OPTIONS *", SMPP_F_HTTP},
        {"DELETE /", SMPP_F_HTTP},
        {"PATCH /", SMPP_F_HTTP},
        {"CONNECT x:1", SMPP_F_HTTP},
        {"TRACE /", SMPP_F_HTTP},
        {"PRI * HTTP/2.0\r\n", SMPP_F_HTTP},
        {"HTTP/1.1 400", SMPP_F_HTTP},
        {"\x16\x03\x01\x02", SMPP_F_TLS},
        {"\x16\x03\x03\x01\xfe\x01", SMPP_F_TLS},
        {"\x16\x03\x05\x02", SMPP_F_LONG},
        {"\x16\x02\x01\x02", SMPP_F_LONG},
        {"GETX", SMPP_F_LONG},
        {"SSH-2.0-x", SMPP_F_LONG},
        {"EHLO x", SMPP_F_LONG},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = 0;
        for (size_t n = 0; n <= strlen(rows[i].octets); n++) {
            enum smpp_fault fault = smpp_frame(&len, rows[i].octets, n, SMPP_PDU_MAX);
            UNIT_CHECK(fault == (n < 4 ? SMPP_MORE : rows[i].fault), "row %zu, %zu octets: %s", i, n,
                       smpp_fault_name(fault));
        }
    }
}

/* One direction of a session, as octets; and the PDUs that are to come out. */
struct stream {
    const char *direction;
    size_t len;
    size_t count;
    size_t ends[256];
    uint8_t octets[65536];
};

static void collect(const struct kannel_pdu *vector, void *arg)
{
    struct stream *stream = arg;
    const char *direction = json_string_value(json_object_get(vector->line, "direction"));
    if (!direction || strcmp(direction, stream->direction) != 0) {
        return;
    }
    memcpy(stream->octets + stream->len, vector->octets, vector->len);
    stream->len += vector->len;
    stream->ends[stream->count++] = stream->len;
}

/* A reader that gets `step` octets at a time, as a session would. */
static void read_stream(const struct stream *stream, size_t step)
{
    size_t start = 0;
    size_t count = 0;
    for (size_t have = 0; have < stream->len;) {
        have = have + step < stream->len ? have + step : stream->len;
        size_t len = 0;
        enum smpp_fault fault;
        while ((fault = smpp_frame(&len, stream->octets + start, have - start, SMPP_PDU_MAX)) == SMPP_OK) {
            struct made made = made_of(stream->octets + start, len);
            start += len;
            CHECK_FAULT(made, SMPP_OK, stream->direction);
            UNIT_CHECK(count < stream->count && start == stream->ends[count], "step %zu: PDU %zu ends at %zu", step,
                       count, start);
            count++;
            made_free(&made);
        }
        UNIT_CHECK(fault == SMPP_MORE && len > have - start, "step %zu: %s", step, smpp_fault_name(fault));
    }
    UNIT_CHECK(count == stream->count && start == stream->len, "step %zu: %zu PDUs", step, count);
}

static void test_streams(void)
{
    static const char *directions[] = {"esme->smsc", "smsc->esme"};
    static struct stream stream;
    size_t total = 0;
    for (size_t i = 0; i < 2; i++) {
        memset(&stream, 0, sizeof(stream));
        stream.direction = directions[i];
        kannel_each(collect, &stream);
        read_stream(&stream, 1);
        read_stream(&stream, 7);
        read_stream(&stream, 1460);
        read_stream(&stream, stream.len);
        total += stream.count;
    }
    UNIT_CHECK(total == 168, "%zu PDUs", total);
}

UNIT_MAIN("smpp_pdu_frame", {"command_length", test_lengths}, {"what is not SMPP", test_strangers},
          {"a session in pieces, of one octet too", test_streams})
