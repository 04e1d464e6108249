/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A file with the verified messages that may be sent again, for the next process. After a kill -9 that process must not
 * call a message replayed if its sender cannot know that it arrived. The file is mapped, so that noting a message is a
 * store to memory for which the loop never waits. The kernel keeps the stores however the process ends; they are not
 * synchronised to disk, so a power failure may lose them. The file holds digests of messages and their signers, no
 * numbers and no texts.
 */
struct sc_repeat_file;

enum sc_repeat_state {
    SC_REPEAT_FREE = 0,
    SC_REPEAT_JUDGED = 1, /* its PASSporT was being looked for and may be used up */
    SC_REPEAT_PASSED = 2, /* it has passed, and has no answer or was refused */
    SC_REPEAT_UNREAD = 3, /* it has passed, but its answer may not have been read: it is to be judged again */
};

enum { SC_REPEAT_PRINT = 32 };

/* The record of one message; written by its owner, `state` last. */
struct sc_repeat_slot {
    uint32_t state;
    uint16_t losses;
    uint8_t refused;
    uint8_t answered; /* it was answered at since_s, and its connection had not ended */
    int64_t since_s;  /* seconds since 1970 */
    uint8_t print[SC_REPEAT_PRINT];
    char signer[CPS_AUTHORITY_MAX];
    char ppt[CPS_PPT_MAX];
    char attest[2];
};

/*
 * Opens or creates a file, and locks it for this process. sc_repeat_file_each reads what it holds. STIR_E_IO and
 * STIR_E_CONFIG name the file: it cannot be opened or created, another process uses it, or it is not ours.
 */
enum stir_code sc_repeat_file_open(struct sc_repeat_file **out, const char *path,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Closes a file; its content stays. file may be NULL. */
void sc_repeat_file_close(struct sc_repeat_file *file);

/* The first function notes that a process works with the file at this time, in seconds since 1970. The second returns
 * the last such time, 0 if there was none. */
void sc_repeat_file_set_used(struct sc_repeat_file *file, int64_t now_s);
int64_t sc_repeat_file_used(const struct sc_repeat_file *file);

/* Calls `take` for each record that is in use and valid. Keeps the slot if `take` returns true, and frees it otherwise.
 * Called once, before sc_repeat_file_take. */
void sc_repeat_file_each(struct sc_repeat_file *file, bool (*take)(void *arg, struct sc_repeat_slot *slot), void *arg);

/* Returns a free slot, which the caller fills in and frees with sc_repeat_slot_free; NULL if too many are in use. */
struct sc_repeat_slot *sc_repeat_file_take(struct sc_repeat_file *file);

/* Frees a slot. slot may be NULL. */
void sc_repeat_slot_free(struct sc_repeat_slot *slot);
