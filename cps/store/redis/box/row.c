/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/row.h"

#include "common/jose/jwe_pack.h"

#include <string.h>

struct stir_view cpsd_redis_row_of(uint8_t room[STIR_JWE_MAX], const char **form, struct stir_view envelope,
                                   struct stir_view publisher)
{
    static const char plain[][2] = {{BOX_FORM_PLAIN, 0}, {BOX_FORM_PLAIN_OF, 0}};
    static const char packed[][2] = {{BOX_FORM_PACKED, 0}, {BOX_FORM_PACKED_OF, 0}};
    size_t len = envelope.len <= STIR_JWE_MAX ? stir_jwe_pack(room, envelope.ptr, envelope.len) : 0;
    *form = len ? packed[publisher.len > 0] : plain[publisher.len > 0];
    return len ? stir_view((const char *)room, len) : envelope;
}

size_t cpsd_redis_row_tag(uint8_t tag[BOX_TAG_MAX], struct stir_view publisher)
{
    if (!publisher.len) {
        return 0;
    }
    tag[0] = (uint8_t)publisher.len;
    memcpy(tag + 1, publisher.ptr, publisher.len);
    return 1 + publisher.len;
}

bool cpsd_redis_row_split(struct stir_view *publisher, struct stir_view *envelope, char form, struct stir_view after)
{
    *publisher = stir_view("", 0);
    *envelope = after;
    if (form != BOX_FORM_PLAIN_OF && form != BOX_FORM_PACKED_OF) {
        return form == BOX_FORM_PLAIN || form == BOX_FORM_PACKED;
    }
    size_t len = after.len ? (unsigned char)after.ptr[0] : 0;
    if (len < CPSD_PUBLISHER_ID || len > CPSD_PUBLISHER_MAX || after.len < 1 + len) {
        return false;
    }
    *publisher = stir_view(after.ptr + 1, len);
    *envelope = stir_view(after.ptr + 1 + len, after.len - 1 - len);
    return true;
}

/* The parts of a row. */
struct parts {
    bool taken, packed;
    struct stir_view publisher, envelope;
};

/* Splits a row. The form of a taken envelope is in lower case. */
static bool row_parts(struct parts *out, const redisReply *row)
{
    char form = row->str[BOX_ROW_FORM];
    out->taken = form >= 'a';
    form = (char)(out->taken ? form - 'a' + 'A' : form);
    out->packed = form == BOX_FORM_PACKED || form == BOX_FORM_PACKED_OF;
    return cpsd_redis_row_split(&out->publisher, &out->envelope, form,
                                stir_view(row->str + BOX_ROW_HEAD, row->len - BOX_ROW_HEAD));
}

bool cpsd_redis_row_is(const redisReply *row, size_t *octets)
{
    struct parts parts;
    if (row->type != REDIS_REPLY_STRING || row->len < BOX_ROW_HEAD || !row_parts(&parts, row)) {
        return false;
    }
    size_t len = parts.packed ? stir_jwe_unpacked_len(parts.envelope) : 0;
    *octets += len;
    return len || !parts.packed;
}

size_t cpsd_redis_row_text(const redisReply *row)
{
    struct parts parts;
    (void)row_parts(&parts, row);
    return parts.packed ? stir_jwe_unpacked_len(parts.envelope) : parts.envelope.len;
}

static int64_t row_read_time(const char *octets)
{
    int64_t us = 0;
    for (size_t i = 0; i < BOX_TIME_OCTETS; i++) {
        us = us << 8 | (unsigned char)octets[i];
    }
    return us;
}

void cpsd_redis_row_read(struct cpsd_entry *out, const redisReply *row, char **room)
{
    out->arrival_us = row_read_time(row->str + BOX_ROW_ARRIVAL);
    out->expires_us = row_read_time(row->str + BOX_ROW_EXPIRES);
    memcpy(out->id, row->str + BOX_ROW_ID, sizeof(out->id));
    struct parts parts;
    (void)row_parts(&parts, row);
    out->taken = parts.taken;
    out->publisher = parts.publisher;
    out->envelope = parts.envelope;
    if (parts.packed) {
        size_t len = stir_jwe_unpacked_len(out->envelope);
        stir_jwe_unpack(*room, out->envelope);
        out->envelope = stir_view(*room, len);
        *room += len;
    }
}
