/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"
#include "common/base/view.h"
#include "common/number/tn.h"

/*
 * What the user gives: files, messages, keys. Each function records its failure in ctl, naming the file or option, and
 * returns CTL_GOOD or the exit status.
 */
#define CTL_FILE_MAX ((size_t)16 << 20) /* octets of a file with tokens: a whole box */
#define CTL_BODY_MAX ((size_t)1 << 20)  /* octets of a message's body */

/* A file as people call it: "standard input" for "-". */
const char *ctl_file_name(const char *path);

enum ctl_exit ctl_file_read(struct ctl *ctl, struct stir_buf *out, const char *path, size_t limit);

/* Tokens of a file, one a line; empty lines and white space around them do not count. At least one. */
struct ctl_tokens {
    struct stir_buf file;
    struct stir_view *items;
    size_t count;
};
enum ctl_exit ctl_tokens_read(struct ctl *ctl, struct ctl_tokens *out, const char *path);
enum ctl_exit ctl_tokens_split(struct ctl *ctl, struct ctl_tokens *out, const char *path); /* of out->file */
void ctl_tokens_clear(struct ctl_tokens *tokens);

/* Names token i in an error: "FILE", or "FILE, line 3" where there are several. */
struct ctl_place {
    char text[256];
};
struct ctl_place ctl_token_place(const struct ctl_tokens *tokens, size_t i, const char *path);

/* The message of --orig, --dest, --text or --body. orig and dest are checked here, so that what is wrong with them is
 * said of the option. The body may be missing. */
struct ctl_message {
    struct cps_message message; /* borrows from ctl->args and body */
    struct stir_buf body;
};
enum ctl_exit ctl_message_read(struct ctl *ctl, struct ctl_message *out);
void ctl_message_clear(struct ctl_message *message);

/* The numbering that --country-code and its like describe. */
enum ctl_exit ctl_numbering(struct ctl *ctl, struct stir_numbering *out);

/* Checks that text is a number or a URI; option names it in the error. */
enum ctl_exit ctl_check_identity(struct ctl *ctl, const char *option, const char *text);

/* Encryption keys from files, in their order: all keys of a JWK Set. */
struct ctl_keys {
    struct cps_key **items;
    size_t *file_of; /* of each key: the index of its file */
    size_t count;
};
enum ctl_exit ctl_keys_load(struct ctl *ctl, struct ctl_keys *out, const struct ctl_list *files, bool want_private);
void ctl_keys_clear(struct ctl_keys *keys);
