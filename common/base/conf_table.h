/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/conf.h"

#include <stddef.h>

/*
 * Rows of a table of keys, one macro for each type. Only for the file that holds the table, which says what the rows
 * are of: #define AT(field) offsetof(struct my_config, field)
 */
#define INT_KEY(section_, name_, field, default_, min_, max_, reload, text_)                                           \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_INT, .offset = AT(field), .default_value = default_,     \
        .min = (min_), .max = (max_), .reloadable = (reload), .text = text_                                            \
    }
#define STRING_KEY(section_, name_, field, default_, min_, reload, text_)                                              \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_STRING, .offset = AT(field), .default_value = default_,  \
        .min = (min_), .max = 4096, .reloadable = (reload), .text = text_                                              \
    }
#define LIST_KEY(section_, name_, field, default_, reload, text_)                                                      \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_LIST, .offset = AT(field), .default_value = default_,    \
        .max = 4096, .reloadable = (reload), .text = text_                                                             \
    }
#define ENUM_KEY(section_, name_, field, default_, choices_, reload, text_)                                            \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_ENUM, .offset = AT(field), .default_value = default_,    \
        .choices = choices_, .reloadable = (reload), .text = text_                                                     \
    }
#define BOOL_KEY(section_, name_, field, default_, reload, text_)                                                      \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_BOOL, .offset = AT(field), .default_value = default_,    \
        .reloadable = (reload), .text = text_                                                                          \
    }

/* A key that did something in an earlier release: any value is accepted and without effect, and stir_conf_outdated
 * finds it. Samples and manuals leave it out. The field is a char *. text_ says why nothing takes its place, or what
 * does. */
#define OBSOLETE_KEY(section_, name_, field, text_)                                                                    \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_OBSOLETE, .offset = AT(field), .default_value = "",      \
        .max = 4096, .reloadable = true, .text = text_                                                                 \
    }

/* The name that a key had in an earlier release: it sets [new_section_] new_name_, with a warning. Samples and manuals
 * leave it out. The field is a char *. */
#define RENAMED_KEY(section_, name_, field, new_section_, new_name_)                                                   \
    {                                                                                                                  \
        .section = section_, .name = name_, .type = STIR_CONF_RENAMED, .offset = AT(field), .default_value = "",       \
        .choices = (const char *const[]){new_section_, new_name_, NULL}, .reloadable = true, .text = ""                \
    }
