/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/view.h"

#include <stdbool.h>

/* Appends the text, which is in this iconv charset, as UTF-8. *good is whether it was text in that charset; if not,
 * some of it was appended. STIR_E_CONFIG: no such charset here; failures of out stick there. */
enum stir_code smpp_iconv_put(struct stir_buf *out, bool *good, const char *charset, struct stir_view text,
                              struct stir_error *err) STIR_MUST_CHECK;
