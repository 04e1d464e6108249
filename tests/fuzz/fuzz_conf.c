/* SPDX-License-Identifier: MIT */
#include "common/base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct settings {
    int64_t number;
    bool flag;
    char *text;
    int choice;
    char *list;
};

static const char *const choices[] = {"one", "two", NULL};
static const struct stir_conf_key table[] = {
    {"a", "number", STIR_CONF_INT, offsetof(struct settings, number), "1", -5, 5, NULL, false, "A number."},
    {"a", "flag", STIR_CONF_BOOL, offsetof(struct settings, flag), "no", 0, 0, NULL, false, "A flag."},
    {"a", "text", STIR_CONF_STRING, offsetof(struct settings, text), "x", 1, 0, NULL, false, "A text."},
    {"b", "choice", STIR_CONF_ENUM, offsetof(struct settings, choice), "one", 0, 0, choices, false, "A choice."},
    {"b", "list", STIR_CONF_LIST, offsetof(struct settings, list), "", 0, 0, NULL, false, "A list."},
};
#define COUNT (sizeof(table) / sizeof(*table))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void walk(const char *list)
{
    char item[16];
    size_t pos = 0;
    while (stir_conf_next(list, &pos, item, sizeof(item))) {
        expect(*item && !strpbrk(item, " ,\t\n"));
    }
}

static void check(const struct settings *conf)
{
    expect(conf->number >= -5 && conf->number <= 5);
    expect(conf->choice == 0 || conf->choice == 1);
    expect(*conf->text != '\0');
    for (const char *p = conf->text; *p; p++) {
        expect((unsigned char)*p >= 0x20);
    }
    walk(conf->list);
}

/* Whatever a file holds, what is loaded is within the table's bounds, and a refusal says why in one line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings conf = {0};
    struct stir_error err = {0};
    char path[64];
    int fd = memfd_create("conf", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || stir_conf_defaults(&conf, table, COUNT, &err) != STIR_OK) {
        abort();
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    enum stir_code code = stir_conf_load(&conf, table, COUNT, path, &err);
    expect(code == STIR_OK || (*err.text && !strchr(err.text, '\n')));
    check(&conf);
    close(fd);
    char text[64] = {0};
    memcpy(text, data ? data : (const uint8_t *)"", size < sizeof(text) ? size : sizeof(text) - 1);
    (void)!stir_conf_set(&conf, table, COUNT, text, "1", NULL);
    (void)!stir_conf_set(&conf, table, COUNT, "list", text, NULL);
    check(&conf);
    stir_conf_clear(&conf, table, COUNT);
    return 0;
}
