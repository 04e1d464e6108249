/* SPDX-License-Identifier: MIT */
#include "client/smpp/join_message.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FOR = 4 }; /* segments of the first one's length that a new block has room for, at most */

static size_t head_size(uint8_t total, size_t key_len)
{
    return sizeof(struct smpp_joined) + total * sizeof(struct smpp_join_slot) + key_len;
}

size_t smpp_joined_size(uint8_t total, size_t key_len, size_t part_len)
{
    return head_size(total, key_len) + part_len * (total < ROOM_FOR ? total : ROOM_FOR);
}

struct smpp_joined *smpp_joined_new(size_t size, const struct smpp_join_key *key, const void *key_octets,
                                    size_t key_len)
{
    struct smpp_joined *message = malloc(size);
    if (!message) {
        return NULL;
    }
    uint8_t total = key->place.total;
    memset(message, 0, head_size(total, 0));
    message->peer = key->peer;
    message->size = size;
    message->total = total;
    message->key_len = (uint16_t)key_len;
    memcpy(&message->slots[total], key_octets, key_len);
    message->used = head_size(total, key_len);
    return message;
}

bool smpp_joined_has_key(const struct smpp_joined *message, const void *key, size_t key_len)
{
    return message->key_len == key_len && memcmp(&message->slots[message->total], key, key_len) == 0;
}

void smpp_joined_put(struct smpp_joined *message, unsigned number, const struct smpp_part *part, void *token)
{
    struct smpp_join_slot *slot = &message->slots[number - 1];
    *slot = (struct smpp_join_slot){.token = token,
                                    .offset = (uint32_t)message->used,
                                    .len = (uint32_t)part->octets.len,
                                    .alphabet = (uint8_t)part->alphabet,
                                    .filled = part->filled,
                                    .locking = part->locking,
                                    .single = part->single,
                                    .here = true};
    if (slot->len) {
        memcpy((char *)message + message->used, part->octets.ptr, slot->len);
    }
    message->used += slot->len;
    message->here++;
}

unsigned smpp_joined_total(const struct smpp_joined *message)
{
    return message->total;
}

unsigned smpp_joined_count(const struct smpp_joined *message)
{
    return message->here;
}

struct smpp_join_peer *smpp_joined_peer(const struct smpp_joined *message)
{
    return message->peer;
}

bool smpp_joined_is_complete(const struct smpp_joined *message)
{
    return message->here == message->total;
}

bool smpp_joined_segment(const struct smpp_joined *message, unsigned number, struct smpp_part *part, void **token)
{
    if (number < 1 || number > message->total || !message->slots[number - 1].here) {
        return false;
    }
    const struct smpp_join_slot *slot = &message->slots[number - 1];
    if (part) {
        *part = (struct smpp_part){.alphabet = (enum smpp_alphabet)slot->alphabet,
                                   .filled = slot->filled,
                                   .octets = stir_view((const char *)message + slot->offset, slot->len),
                                   .locking = slot->locking,
                                   .single = slot->single};
    }
    if (token) {
        *token = slot->token;
    }
    return true;
}

size_t smpp_joined_parts(const struct smpp_joined *message, struct smpp_part parts[UINT8_MAX])
{
    size_t count = 0;
    for (unsigned number = 1; number <= message->total; number++) {
        count += smpp_joined_segment(message, number, &parts[count], NULL);
    }
    return count;
}

void smpp_joined_free(struct smpp_joined *message)
{
    free(message);
}
