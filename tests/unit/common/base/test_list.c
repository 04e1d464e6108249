/* SPDX-License-Identifier: MIT */
#include "common/base/list.h"
#include "tests/unit/unit.h"

struct item {
    char name;
    struct stir_list_node node;
};

/* The names of a list's items from front to back, checked from back to front as well. */
static const char *names_of(const struct stir_list *list, char out[16])
{
    size_t n = 0;
    for (struct stir_list_node *node = stir_list_first(list); node; node = stir_list_next(list, node)) {
        out[n++] = STIR_LIST_ENTRY(node, struct item, node)->name;
    }
    out[n] = '\0';
    struct stir_list_node *last = stir_list_last(list);
    UNIT_CHECK(!last == (n == 0), "the last node of \"%s\"", out);
    UNIT_CHECK(!last || STIR_LIST_ENTRY(last, struct item, node)->name == out[n - 1], "the last node of \"%s\"", out);
    return out;
}

static void test_empty(void)
{
    struct stir_list list = {0};
    struct item a = {.name = 'a'};
    UNIT_CHECK(stir_list_is_empty(&list) && !stir_list_first(&list) && !stir_list_last(&list), "a zeroed list");
    UNIT_CHECK(!stir_list_pop_front(&list), "nothing to take");
    UNIT_CHECK(!stir_list_has(&a.node), "a zeroed node");
    stir_list_remove(&a.node);
    stir_list_push_back(&list, &a.node);
    stir_list_remove(&a.node);
    UNIT_CHECK(stir_list_is_empty(&list) && !stir_list_has(&a.node), "emptied again");
}

static void test_order(void)
{
    struct stir_list list = {0};
    struct item items[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    char names[16];
    stir_list_push_back(&list, &items[1].node);
    stir_list_push_back(&list, &items[3].node);
    stir_list_push_front(&list, &items[0].node);
    stir_list_insert_before(&items[3].node, &items[2].node);
    UNIT_CHECK(strcmp(names_of(&list, names), "abcd") == 0, "added: %s", names);
    stir_list_remove(&items[2].node);
    UNIT_CHECK(strcmp(names_of(&list, names), "abd") == 0, "one removed from the middle: %s", names);
    stir_list_remove(&items[2].node);
    stir_list_remove(&items[3].node);
    UNIT_CHECK(strcmp(names_of(&list, names), "ab") == 0, "the last removed: %s", names);
    UNIT_CHECK(stir_list_pop_front(&list) == &items[0].node, "the first taken");
    stir_list_push_back(&list, &items[0].node);
    UNIT_CHECK(strcmp(names_of(&list, names), "ba") == 0, "added again: %s", names);
}

/* Nodes can be removed while the list is walked, as long as the next one is taken before. */
static void test_remove_while_walking(void)
{
    struct stir_list list = {0};
    struct item items[6];
    char names[16];
    memset(items, 0, sizeof(items));
    for (size_t i = 0; i < 6; i++) {
        items[i].name = (char)('a' + i);
        stir_list_push_back(&list, &items[i].node);
    }
    for (struct stir_list_node *node = stir_list_first(&list), *next; node; node = next) {
        next = stir_list_next(&list, node);
        if ((STIR_LIST_ENTRY(node, struct item, node)->name - 'a') % 2 == 0) {
            stir_list_remove(node);
        }
    }
    UNIT_CHECK(strcmp(names_of(&list, names), "bdf") == 0, "every other one is left: %s", names);
}

UNIT_MAIN("list", {"an empty list", test_empty}, {"order", test_order},
          {"removing while walking", test_remove_while_walking})
