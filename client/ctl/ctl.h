/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "client/ctl/options.h"
#include "common/base/buf.h"

#include <jansson.h>

/*
 * What every subcommand of cpsctl shares. A subcommand reads ctl->args, puts its answer in both forms into ctl->text
 * and ctl->result, and returns how it ended; main prints one of them, and the error if there was one. So nothing is
 * half-written.
 */

/* Exit statuses; their texts are in main.c. */
enum ctl_exit {
    CTL_GOOD = 0,
    CTL_NO = 1,          /* the verdict is not passed; nothing there is for these keys */
    CTL_WRONG = 2,       /* the command, or something that it was given, cannot be used */
    CTL_UNREACHABLE = 3, /* no CPS could be reached */
    CTL_REFUSED = 4,     /* the CPS answered, and refused */
};

struct ctl {
    struct ctl_args args;
    bool opening;         /* a handle is being made: its warnings are about the options, and are shown */
    struct stir_buf text; /* for a person */
    json_t *result;       /* an object, for --json; NULL until there is something to say */
    bool keep;            /* what there is of text and result stands although the command failed */
    char error_code[40];  /* "CPS_E_JSON"; "" as long as nothing failed */
    char error_text[512]; /* one line, without "cpsctl: " */
};

struct ctl_command {
    struct ctl_syntax syntax;
    enum ctl_exit (*run)(struct ctl *ctl);
};

/* Record a failure and return the exit status that goes with it. The error's text must name the file or option. */
enum ctl_exit ctl_fail(struct ctl *ctl, const struct stir_error *err);
enum ctl_exit ctl_fail_cps(struct ctl *ctl, const struct cps_error *err);
enum ctl_exit ctl_fail_text(struct ctl *ctl, enum ctl_exit status, const char *code, const char *fmt, ...)
    STIR_PRINTF(4, 5);
enum ctl_exit ctl_usage(struct ctl *ctl, const char *fmt, ...) STIR_PRINTF(2, 3);
enum ctl_exit ctl_no_memory(struct ctl *ctl);

/* The one map from a code of libcps to an exit status. */
enum ctl_exit ctl_exit_of(const struct cps_error *err);

/* Takes over result (NULL: json_pack failed, out of memory) as what --json prints. */
enum ctl_exit ctl_answer(struct ctl *ctl, json_t *result);

/* As ctl_answer, and renders it for a person too. */
enum ctl_exit ctl_answer_rendered(struct ctl *ctl, json_t *result);

/* Prints text or result, and the error. Returns status, or CTL_WRONG if standard output takes nothing. */
enum ctl_exit ctl_finish(struct ctl *ctl, enum ctl_exit status);
