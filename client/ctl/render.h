/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <jansson.h>

/*
 * Text for a terminal. What comes from a token, a certificate or a server may hold anything: control characters are
 * escaped (\u001b), so that it cannot move the cursor or make a second line. Appends; failures stick in the buffer.
 */
void ctl_put_safe(struct stir_buf *out, const char *text);

/* An object as aligned lines, members of objects indented below their name, arrays of texts in one line. A member
 * "kind" of the object becomes its headline. */
void ctl_render(struct stir_buf *out, const json_t *object);
