/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/box/operation.h"

/* Runs an operation; it completes with cpsd_op_complete or cpsd_op_fail, possibly before this returns. */
void redis_operation_run(struct cpsd_store *base, const struct cpsd_op *op, const struct cpsd_op_args *what);
