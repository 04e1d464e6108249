#include "cps/store_redis_row.h"

#include "common/jwe_pack.h"
#include "cps/store_redis_script.h"

#include <string.h>

struct stir_view cpsd_redis_row_of(uint8_t room[STIR_JWE_MAX], const char **form, struct stir_view envelope)
{
    static const char plain[] = {CPSD_REDIS_PLAIN, 0};
    static const char packed[] = {CPSD_REDIS_PACKED, 0};
    size_t len = envelope.len <= STIR_JWE_MAX ? stir_jwe_pack(room, envelope.ptr, envelope.len) : 0;
    *form = len ? packed : plain;
    return len ? stir_view((const char *)room, len) : envelope;
}

static bool is_packed(const redisReply *row)
{
    return row->str[CPSD_REDIS_ROW_HEAD - 1] == CPSD_REDIS_PACKED;
}

static struct stir_view behind_head(const redisReply *row)
{
    return stir_view(row->str + CPSD_REDIS_ROW_HEAD, row->len - CPSD_REDIS_ROW_HEAD);
}

bool cpsd_redis_row_is(const redisReply *row, size_t *octets)
{
    if (row->type != REDIS_REPLY_STRING || row->len < CPSD_REDIS_ROW_HEAD) {
        return false;
    }
    size_t len = is_packed(row) ? stir_jwe_unpacked_len(behind_head(row)) : 0;
    *octets += len;
    return len || row->str[CPSD_REDIS_ROW_HEAD - 1] == CPSD_REDIS_PLAIN;
}

size_t cpsd_redis_row_text(const redisReply *row)
{
    struct stir_view envelope = behind_head(row);
    return is_packed(row) ? stir_jwe_unpacked_len(envelope) : envelope.len;
}

static int64_t read_time(const char *octets)
{
    int64_t us = 0;
    for (size_t i = 0; i < CPSD_REDIS_TIME_OCTETS; i++) {
        us = us << 8 | (unsigned char)octets[i];
    }
    return us;
}

void cpsd_redis_row_read(struct cpsd_entry *out, const redisReply *row, char **room)
{
    out->arrival_us = read_time(row->str);
    out->expires_us = read_time(row->str + CPSD_REDIS_TIME_OCTETS);
    memcpy(out->id, row->str + (ptrdiff_t)2 * CPSD_REDIS_TIME_OCTETS, sizeof(out->id));
    out->envelope = behind_head(row);
    if (is_packed(row)) {
        size_t len = stir_jwe_unpacked_len(out->envelope);
        stir_jwe_unpack(*room, out->envelope);
        out->envelope = stir_view(*room, len);
        *room += len;
    }
}
