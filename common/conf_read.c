#include "common/conf.h"

#include <string.h>

static enum stir_code override(void *conf, const struct stir_conf_key *table, size_t count, const char *text,
                               struct stir_error *err)
{
    char key[128];
    const char *equals = strchr(text, '=');
    if (!equals || (size_t)(equals - text) >= sizeof(key)) {
        return stir_fail(err, STIR_E_CONFIG, "-o %s: not section.key=value", text);
    }
    memcpy(key, text, (size_t)(equals - text));
    key[equals - text] = '\0';
    return stir_conf_set(conf, table, count, key, equals + 1, err);
}

enum stir_code stir_conf_read(void *conf, const struct stir_conf_key *table, size_t count, const char *path,
                              const struct stir_conf_overrides *overrides, stir_conf_checker *check,
                              struct stir_error *err)
{
    enum stir_code code = stir_conf_defaults(conf, table, count, err);
    if (code == STIR_OK && path) {
        code = stir_conf_load(conf, table, count, path, err);
    }
    for (size_t i = 0; code == STIR_OK && overrides && i < overrides->count; i++) {
        code = override(conf, table, count, overrides->text[i], err);
    }
    if (code == STIR_OK && check) {
        code = check(conf, err);
        if (code != STIR_OK && path) {
            code = stir_fail_prefix(err, code, "%s", path);
        }
    }
    if (code != STIR_OK) {
        stir_conf_clear(conf, table, count);
    }
    return code;
}
