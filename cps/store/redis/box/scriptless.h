/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/box/operation.h"

/*
 * What needs no script: listing a short box (list_short.h), and a put into a box that is not there (put_new.h). Both
 * are tried where they are likely to succeed. Where they do not, the script follows.
 *
 * A box that had something in it when one more came is remembered for as long as that lives: the next put asks the
 * script at once, at whichever worker. Where most boxes have something in them, puts without a script are tried only
 * now and then at the others: one that fails costs Redis half of what the script does, one that succeeds saves two
 * thirds.
 */

/* Runs the operation without a script. False if that does not suit it: nothing was done. */
bool redis_scriptless_run(struct redis_store *store, const struct cpsd_op *op, const struct cpsd_op_args *what);
