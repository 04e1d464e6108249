#pragma once

#include "cps/http/request.h"

/* Shared by the handlers of a box: reading the path, writing ids. Private to cps/ppts*.c. */
#define CPSD_ID_TEXT 22 /* base64url characters of an id */

/* Reads {id}. False: answered 404, since no envelope has a name of another form. */
bool cpsd_ppts_id(struct cpsd_request *request, uint8_t id[CPSD_ID_OCTETS]);

/* Writes CPSD_ID_TEXT characters, no NUL. */
void cpsd_ppts_id_text(char *out, const uint8_t id[CPSD_ID_OCTETS]);

/* Appends "/cps/{dest}/ppts". */
void cpsd_ppts_box_path(struct stir_buf *out, const struct stir_identity *dest);

/* Answers for a store that failed: 429, 503, 404 by the result's code. */
void cpsd_ppts_store_problem(struct cpsd_request *request, const struct cpsd_store_result *result);
