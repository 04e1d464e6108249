#pragma once

#include "client/cps.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A file of the verified messages that may be sent again, for the process that comes after this one: after a kill -9 it
 * must not call a replay what its sender could not know to have arrived. The file is mapped, so that noting a message
 * is a store to memory: no call, nothing that the loop could wait for. The kernel keeps what was stored when the
 * process ends in whatever way; nothing is synchronized to the disk, so a loss of power may lose it. It holds digests
 * of messages and their signers, no numbers and no texts.
 */
struct sc_repeat_file;

enum sc_repeat_state {
    SC_REPEAT_FREE = 0,
    SC_REPEAT_JUDGED = 1, /* its PASSporT was being looked for, and may have been used up */
    SC_REPEAT_PASSED = 2, /* it has passed, and was not answered, or refused */
    SC_REPEAT_UNREAD = 3, /* it has passed, and was answered just before its connection ended: to be judged again */
};

enum { SC_REPEAT_PRINT = 32 };

/* The record of one message; written by its owner, `state` last. */
struct sc_repeat_slot {
    uint32_t state;
    uint16_t losses;
    uint8_t refused;
    uint8_t answered; /* at since_s, and its connection has not ended: the answer may not have been read yet */
    int64_t since_s;  /* seconds since 1970 */
    uint8_t print[SC_REPEAT_PRINT];
    char signer[CPS_AUTHORITY_MAX];
    char ppt[CPS_PPT_MAX];
    char attest[2];
};

/*
 * Opens a file, or makes it, for this process alone. What it holds can be read with sc_repeat_file_each. STIR_E_IO and
 * STIR_E_CONFIG name the file: it cannot be opened or made, another process uses it, or it is something else.
 */
enum stir_code sc_repeat_file_open(struct sc_repeat_file **out, const char *path,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Closes it; what is in it stays. NULL is fine. */
void sc_repeat_file_close(struct sc_repeat_file *file);

/* Notes that the process is at work at this time (seconds since 1970), and returns when the one before it was: 0 if
 * there was none. */
void sc_repeat_file_set_used(struct sc_repeat_file *file, int64_t now_s);
int64_t sc_repeat_file_used(const struct sc_repeat_file *file);

/* Calls `take` for each record that is in use and sound. It keeps the slot if `take` returns true, and frees it
 * otherwise. To be called once, before sc_repeat_file_take. */
void sc_repeat_file_each(struct sc_repeat_file *file, bool (*take)(void *arg, struct sc_repeat_slot *slot), void *arg);

/* Returns a free slot, to be filled in and freed with sc_repeat_slot_free. NULL: too many are in use. */
struct sc_repeat_slot *sc_repeat_file_take(struct sc_repeat_file *file);

/* Frees a slot; NULL is fine. */
void sc_repeat_slot_free(struct sc_repeat_slot *slot);
