#pragma once

#include "cps/http/request.h"

/* Shared by cps/keys*.c. */
#define CPSD_KEYS_TYPE "application/jwt"
#define CPSD_KEYS_ETAG 32 /* octets of an entity tag with its quotes and NUL, or fewer */

/* "spc:CODE" as the name of a provider's record. */
void cpsd_keys_name_spc(struct stir_identity *out, const char *spc);

/* Writes the name of the record of a range under a number that is in it. */
void cpsd_keys_name_block(struct stir_identity *out, const struct stir_identity *tn);

/* The entity tag of an answer's text, with quotes. */
void cpsd_keys_etag(char out[CPSD_KEYS_ETAG], struct stir_view text);
