/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/ctl/ctl.h"

/* The subcommands; each is the file cmd_<name>.c, and its run follows ctl.h. */
extern const struct ctl_command ctl_cmd_pki;
extern const struct ctl_command ctl_cmd_keygen;
extern const struct ctl_command ctl_cmd_sign;
extern const struct ctl_command ctl_cmd_encrypt;
extern const struct ctl_command ctl_cmd_decrypt;
extern const struct ctl_command ctl_cmd_inspect;
extern const struct ctl_command ctl_cmd_publish;
extern const struct ctl_command ctl_cmd_retrieve;
extern const struct ctl_command ctl_cmd_verify;
extern const struct ctl_command ctl_cmd_send;
extern const struct ctl_command ctl_cmd_receive;
extern const struct ctl_command ctl_cmd_health;
extern const struct ctl_command ctl_cmd_stat;
extern const struct ctl_command ctl_cmd_box;
extern const struct ctl_command ctl_cmd_keys_make; /* cmd_keys_make.c; the other two are cmd_keys.c */
extern const struct ctl_command ctl_cmd_keys_put;
extern const struct ctl_command ctl_cmd_keys_get;
