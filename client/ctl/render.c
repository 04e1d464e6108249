/* SPDX-License-Identifier: MIT */
/* JSON values for a person to read. */
#include "client/ctl/render.h"

#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH_MAX 20

/* C0, DEL and C1 (U+0080..U+009F, C2 80..C2 9F in UTF-8), and what turns the direction of writing (U+202A..U+202E,
 * U+2066..U+2069): returns the octets that they take, 0 if what stands here is harmless. */
static size_t render_is_control(const unsigned char *c, unsigned *code_point)
{
    if (*c < 0x20 || *c == 0x7f) {
        *code_point = *c;
        return 1;
    }
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
        *code_point = c[1];
        return 2;
    }
    if (c[0] == 0xe2 &&
        ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) || (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9))) {
        *code_point = 0x2000U + (c[1] - 0x80U) * 0x40U + (c[2] - 0x80U);
        return 3;
    }
    return 0;
}

void ctl_put_safe(struct stir_buf *out, const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    while (*c) {
        unsigned code_point = 0;
        size_t n = render_is_control(c, &code_point);
        if (n > 0) {
            stir_buf_printf(out, "\\u%04x", code_point);
            c += n;
        } else {
            stir_buf_put(out, c, 1);
            c++;
        }
    }
}

static void render_scalar(struct stir_buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        ctl_put_safe(out, json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    ctl_put_safe(out, text ? text : "?");
    free(text);
}

static bool render_is_plain_array(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (json_is_object(item) || json_is_array(item)) {
            return false;
        }
    }
    return json_is_array(value);
}

static bool render_is_line(const json_t *value)
{
    return !json_is_object(value) && (!json_is_array(value) || render_is_plain_array(value));
}

static void render_line(struct stir_buf *out, const json_t *value)
{
    if (!json_is_array(value)) {
        render_scalar(out, value);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        stir_buf_puts(out, i ? ", " : "");
        render_scalar(out, json_array_get(value, i));
    }
}

static int render_name_width(const json_t *object)
{
    const char *name;
    json_t *value;
    size_t width = 0;
    json_object_foreach((json_t *)object, name, value)
    {
        size_t len = strlen(name);
        if (render_is_line(value) && len > width && len <= NAME_WIDTH_MAX) {
            width = len;
        }
    }
    return (int)width;
}

/* Our own names read better without underscores; those of tokens and keys are shown as they are. */
static void render_name(struct stir_buf *out, const char *name, bool ours)
{
    size_t start = out->len;
    ctl_put_safe(out, name);
    for (size_t i = start; ours && i < out->len; i++) {
        if (out->ptr[i] == '_') {
            out->ptr[i] = ' ';
        }
    }
}

static void render_members(struct stir_buf *out, const json_t *object, int indent, bool ours);

/* The items of an array that are not plain, each under its own headline. */
static void render_items(struct stir_buf *out, const char *name, const json_t *array, int indent, bool ours)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        const char *kind = ours ? json_string_value(json_object_get(item, "kind")) : NULL;
        stir_buf_printf(out, "%*s%zu. ", indent, "", i + 1);
        if (kind) {
            ctl_put_safe(out, kind);
        } else {
            render_name(out, name, ours);
        }
        stir_buf_puts(out, "\n");
        if (json_is_object(item)) {
            render_members(out, item, indent + 2, ours);
        } else {
            stir_buf_printf(out, "%*s", indent + 2, "");
            render_scalar(out, item);
            stir_buf_puts(out, "\n");
        }
    }
}

/* ours: the members are cpsctl's, not those of a token: "kind" was the headline. */
static void render_members(struct stir_buf *out, const json_t *object, int indent, bool ours)
{
    const char *name;
    json_t *value;
    int width = render_name_width(object);
    json_object_foreach((json_t *)object, name, value)
    {
        /* The caller printed "kind" as the headline. */
        if (ours && strcmp(name, "kind") == 0) {
            continue;
        }
        if (json_is_array(value) && !render_is_plain_array(value)) {
            render_items(out, name, value, indent, ours);
            continue;
        }
        stir_buf_printf(out, "%*s", indent, "");
        render_name(out, name, ours);
        /* The members of an object come from a token, so their names are printed as they are. */
        if (json_is_object(value)) {
            stir_buf_puts(out, "\n");
            render_members(out, value, indent + 2, false);
            continue;
        }
        int pad = width - (int)strlen(name);
        stir_buf_printf(out, "%*s  ", pad > 0 ? pad : 0, "");
        render_line(out, value);
        stir_buf_puts(out, "\n");
    }
}

void ctl_render(struct stir_buf *out, const json_t *object)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    if (kind) {
        ctl_put_safe(out, kind);
        stir_buf_puts(out, "\n");
    }
    render_members(out, object, kind ? 2 : 0, true);
}
