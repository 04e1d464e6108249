#include "cps/store_redis_item.h"

#include "common/jwe_pack.h"
#include "cps/store_redis_script.h"

#include <string.h>

struct stir_view cpsd_redis_item_of(uint8_t room[STIR_JWE_MAX], const char **form, struct stir_view envelope)
{
    static const char plain[] = {CPSD_REDIS_PLAIN, 0};
    static const char packed[] = {CPSD_REDIS_PACKED, 0};
    size_t len = envelope.len <= STIR_JWE_MAX ? stir_jwe_pack(room, envelope.ptr, envelope.len) : 0;
    *form = len ? packed : plain;
    return len ? stir_view((const char *)room, len) : envelope;
}

static struct stir_view behind_head(const redisReply *item)
{
    return stir_view(item->str + CPSD_REDIS_ITEM_HEAD, item->len - CPSD_REDIS_ITEM_HEAD);
}

bool cpsd_redis_item_is(const redisReply *item, size_t *octets)
{
    if (item->type != REDIS_REPLY_STRING || item->len < CPSD_REDIS_ITEM_HEAD) {
        return false;
    }
    size_t len = item->str[0] == CPSD_REDIS_PACKED ? stir_jwe_unpacked_len(behind_head(item)) : 0;
    *octets += len;
    return item->str[0] == CPSD_REDIS_PLAIN || len;
}

static int64_t read_time(const char *octets)
{
    int64_t us = 0;
    for (size_t i = 0; i < CPSD_REDIS_TIME_OCTETS; i++) {
        us = us << 8 | (unsigned char)octets[i];
    }
    return us;
}

void cpsd_redis_item_read(struct cpsd_entry *out, const void *id, const redisReply *item, char **room)
{
    memcpy(out->id, id, sizeof(out->id));
    out->arrival_us = read_time(item->str + 1);
    out->expires_us = read_time(item->str + 1 + CPSD_REDIS_TIME_OCTETS);
    out->envelope = behind_head(item);
    if (item->str[0] == CPSD_REDIS_PACKED) {
        size_t len = stir_jwe_unpacked_len(out->envelope);
        stir_jwe_unpack(*room, out->envelope);
        out->envelope = stir_view(*room, len);
        *room += len;
    }
}
