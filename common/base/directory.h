/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

/* Calls `take` with every regular file of a directory, but for dot files, in the order of their names by octets; the
 * first failure ends it. STIR_E_IO names the directory; STIR_E_NOMEM. Thread-safe. */
enum stir_code stir_directory_each(const char *dir,
                                   enum stir_code (*take)(void *arg, const char *path, const char *name,
                                                          struct stir_error *err),
                                   void *arg, struct stir_error *err) STIR_MUST_CHECK;
