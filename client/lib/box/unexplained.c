/* SPDX-License-Identifier: MIT */
#include "client/lib/box/unexplained.h"

#include <stdlib.h>
#include <string.h>

struct cps_unexplained_message {
    struct stir_map_node by_pair; /* first: a node is its message */
    struct cps_unexplained_message *older, *newer;
    int64_t arrived; /* by the handle's clock */
    bool explained;
    size_t digest_count; /* 0: its text is not known */
    uint64_t digests[];
};

bool cps_unexplained_init(struct cps_unexplained *all, const struct cps_options *options)
{
    *all = (struct cps_unexplained){.max = options->box_entry_max,
                                    .life_s = options->max_age_s + options->clock_skew_s + CPS_CLOCKS_APART_S};
    return stir_map_init(&all->by_pair);
}

static void unexplained_drop(struct cps_unexplained *all, struct cps_unexplained_message *message)
{
    *(message->older ? &message->older->newer : &all->oldest) = message->newer;
    *(message->newer ? &message->newer->older : &all->newest) = message->older;
    stir_map_remove(&all->by_pair, &message->by_pair);
    all->count--;
    free(message);
}

void cps_unexplained_free(struct cps_unexplained *all)
{
    while (all->oldest) {
        unexplained_drop(all, all->oldest);
    }
    stir_map_free(&all->by_pair);
}

/* Returns a hash that stands for the two parties. It has 64 bits and a secret key, so nobody can find two pairs with
 * the same hash. */
static uint64_t unexplained_pair_hash(const struct cps_unexplained *all, const struct stir_identity *orig,
                                      const struct stir_identity *dest)
{
    char text[2 * STIR_IDENTITY_MAX + 1];
    memcpy(text, orig->text, orig->len);
    text[orig->len] = '\0';
    memcpy(text + orig->len + 1, dest->text, dest->len);
    return stir_map_hash(&all->by_pair, text, orig->len + 1 + dest->len, NULL, 0);
}

static uint64_t unexplained_digest_hash(const struct cps_unexplained *all, const char *digest)
{
    return stir_map_hash(&all->by_pair, digest, strlen(digest), NULL, 0);
}

static bool unexplained_has_digest(const struct cps_unexplained_message *message, uint64_t digest)
{
    for (size_t i = 0; i < message->digest_count; i++) {
        if (message->digests[i] == digest) {
            return true;
        }
    }
    return false;
}

static struct cps_unexplained_message *unexplained_first_of(const struct cps_unexplained *all, uint64_t pair)
{
    return (struct cps_unexplained_message *)stir_map_first(&all->by_pair, pair);
}

static struct cps_unexplained_message *unexplained_next_of(const struct cps_unexplained_message *message)
{
    return (struct cps_unexplained_message *)stir_map_next(&message->by_pair);
}

/* Makes room for one more message of a pair; first drops those to which no fresh PASSporT can belong. */
static void unexplained_make_room(struct cps_unexplained *all, uint64_t pair, int64_t now)
{
    struct cps_unexplained_message *last = NULL;
    size_t count = 0;
    while (all->oldest && all->oldest->arrived + all->life_s < now) {
        unexplained_drop(all, all->oldest);
    }
    for (struct cps_unexplained_message *one = unexplained_first_of(all, pair); one; one = unexplained_next_of(one)) {
        last = one; /* at the end the oldest of the pair: new ones are put in front */
        count++;
    }
    if (count >= CPS_UNEXPLAINED_EACH) {
        unexplained_drop(all, last);
    } else if (all->oldest && all->count >= all->max) {
        all->unsure_until = all->oldest->arrived + all->life_s;
        unexplained_drop(all, all->oldest);
    }
}

static struct cps_unexplained_message *unexplained_add_message(struct cps_unexplained *all, uint64_t pair,
                                                               size_t digest_count, int64_t now)
{
    unexplained_make_room(all, pair, now);
    struct cps_unexplained_message *message = calloc(1, sizeof(*message) + digest_count * sizeof(message->digests[0]));
    if (!message) {
        all->unsure_until = now + all->life_s;
        return NULL;
    }
    message->arrived = now;
    message->digest_count = digest_count;
    message->older = all->newest;
    *(all->newest ? &all->newest->newer : &all->oldest) = message;
    all->newest = message;
    all->count++;
    stir_map_put(&all->by_pair, &message->by_pair, pair);
    return message;
}

void cps_unexplained_add(struct cps_unexplained *all, const struct cps_arrival *arrival, int64_t now)
{
    uint64_t pair = unexplained_pair_hash(all, &arrival->message->orig, &arrival->message->dest[0]);
    uint64_t text = arrival->digest_count ? unexplained_digest_hash(all, arrival->digests[0]) : 0;
    struct cps_unexplained_message *message = unexplained_first_of(all, pair);
    while (message && !(arrival->digest_count && unexplained_has_digest(message, text))) {
        message = unexplained_next_of(message);
    }
    if (message) { /* sent again */
        unexplained_drop(all, message);
    }
    message = unexplained_add_message(all, pair, arrival->digest_count, now);
    for (size_t i = 0; message && i < arrival->digest_count; i++) {
        message->digests[i] = unexplained_digest_hash(all, arrival->digests[i]);
    }
}

void cps_unexplained_announce(struct cps_unexplained *all, const struct stir_identity *orig,
                              const struct stir_identity *dest, int64_t now)
{
    (void)unexplained_add_message(all, unexplained_pair_hash(all, orig, dest), 0, now);
}

void cps_unexplained_take_back(struct cps_unexplained *all, const struct stir_identity *orig,
                               const struct stir_identity *dest)
{
    struct cps_unexplained_message *message = unexplained_first_of(all, unexplained_pair_hash(all, orig, dest));
    while (message && message->digest_count) {
        message = unexplained_next_of(message);
    }
    if (message) {
        unexplained_drop(all, message);
    }
}

bool cps_unexplained_account(struct cps_unexplained *all, const struct stir_passport *passport,
                             const struct stir_identity *dest)
{
    bool found = false;
    uint64_t text = passport->msgi && all->count ? unexplained_digest_hash(all, passport->msgi) : 0;
    struct cps_unexplained_message *message =
        text ? unexplained_first_of(all, unexplained_pair_hash(all, &passport->orig, dest)) : NULL;
    for (; message; message = unexplained_next_of(message)) {
        if (unexplained_has_digest(message, text)) {
            message->explained = true;
            found = true;
        }
    }
    return found;
}

size_t cps_unexplained_count(struct cps_unexplained *all, const struct cps_arrival *arrival, int64_t iat, int64_t now)
{
    uint64_t own = arrival->digest_count ? unexplained_digest_hash(all, arrival->digests[0]) : 0;
    size_t count = 0;
    const struct cps_unexplained_message *message =
        unexplained_first_of(all, unexplained_pair_hash(all, &arrival->message->orig, &arrival->message->dest[0]));
    for (; message; message = unexplained_next_of(message)) {
        count += !message->explained && !(own && unexplained_has_digest(message, own)) &&
                 message->arrived + CPS_CLOCKS_APART_S >= iat && message->arrived + all->life_s >= now;
    }
    return count;
}
