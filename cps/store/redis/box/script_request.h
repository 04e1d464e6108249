/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/box/operation.h"

/*
 * Operations as requests that run a script.
 */

/* Returns the request, to be sent with redis_script_send. form: the form that the envelope has already; NULL: it is as
 * it came. NULL without memory: the operation is completed. */
struct redis_op *redis_script_make(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                                   const char *form);

/* Sends it, with at least half of a request's time for the script. */
void redis_script_send(struct redis_op *made);

/* Both in one. */
void redis_script_run(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what,
                      const char *form);
