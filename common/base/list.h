/* SPDX-License-Identifier: MIT */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A doubly linked list of nodes that its owner embeds in its own structures. Every operation takes constant time and
 * needs no memory. The list is a ring through its head, so that a node can be removed without knowing its list.
 *
 *     struct job {
 *         struct stir_list_node node;
 *         ...
 *     };
 *     stir_list_push_back(&queue, &job->node);
 *     struct job *next = STIR_LIST_ENTRY(stir_list_first(&queue), struct job, node);
 *
 * A zeroed list is empty and a zeroed node is in no list. A list that has nodes must not be moved in memory. Debug
 * builds assert that the neighbours of a node point back at it. Not thread-safe: the owner has a lock.
 *
 * Ours instead of the macros of libbsd's queue.h: these functions check types and can be stepped through in a debugger,
 * removing a node that is in no list is harmless, and there is no dependency for 60 lines.
 */
struct stir_list_node {
    struct stir_list_node *prev, *next; /* both NULL: in no list */
};

struct stir_list {
    struct stir_list_node head; /* prev is the last node, next the first; both NULL or both the head: empty */
};

/* Returns the structure that embeds the node as its `member`; node must not be NULL. */
#define STIR_LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Returns true if the node is in a list. */
static inline bool stir_list_has(const struct stir_list_node *node)
{
    assert(!node->next == !node->prev);
    assert(!node->next || (node->next->prev == node && node->prev->next == node));
    return node->next != NULL;
}

static inline bool stir_list_is_empty(const struct stir_list *list)
{
    assert(!list->head.next || (list->head.next->prev == &list->head && list->head.prev->next == &list->head));
    return !list->head.next || list->head.next == &list->head;
}

/* Returns the first or the last node; NULL: the list is empty. */
static inline struct stir_list_node *stir_list_first(const struct stir_list *list)
{
    return stir_list_is_empty(list) ? NULL : list->head.next;
}

static inline struct stir_list_node *stir_list_last(const struct stir_list *list)
{
    return stir_list_is_empty(list) ? NULL : list->head.prev;
}

/* Returns the node after `node` in this list; NULL: `node` is the last. To remove nodes while walking, take the next
 * one before removing the current one. */
static inline struct stir_list_node *stir_list_next(const struct stir_list *list, const struct stir_list_node *node)
{
    assert(stir_list_has(node));
    return node->next == &list->head ? NULL : node->next;
}

/* Puts a node that is in no list between two neighbours. For the functions below. */
static inline void stir_list_link(struct stir_list_node *node, struct stir_list_node *prev, struct stir_list_node *next)
{
    assert(!stir_list_has(node));
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

/* Makes a zeroed head a ring of itself. For the functions below. */
static inline struct stir_list_node *stir_list_head(struct stir_list *list)
{
    if (!list->head.next) {
        list->head.prev = list->head.next = &list->head;
    }
    assert(stir_list_has(&list->head));
    return &list->head;
}

/* Adds a node, which must be in no list, at the front or at the back. */
static inline void stir_list_push_front(struct stir_list *list, struct stir_list_node *node)
{
    struct stir_list_node *head = stir_list_head(list);
    stir_list_link(node, head, head->next);
}

static inline void stir_list_push_back(struct stir_list *list, struct stir_list_node *node)
{
    struct stir_list_node *head = stir_list_head(list);
    stir_list_link(node, head->prev, head);
}

/* Adds a node before `place`, which is in a list. */
static inline void stir_list_insert_before(struct stir_list_node *place, struct stir_list_node *node)
{
    assert(stir_list_has(place));
    stir_list_link(node, place->prev, place);
}

/* Removes a node from its list; one that is in no list is left as it is. */
static inline void stir_list_remove(struct stir_list_node *node)
{
    if (stir_list_has(node)) {
        node->prev->next = node->next;
        node->next->prev = node->prev;
        node->prev = node->next = NULL;
    }
}

/* Removes and returns the first node; NULL: the list is empty. */
static inline struct stir_list_node *stir_list_pop_front(struct stir_list *list)
{
    struct stir_list_node *node = stir_list_first(list);
    if (node) {
        stir_list_remove(node);
    }
    return node;
}
