/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/faults.h"

/*
 * Checks whether the account of this process can use a file as a daemon will. `name` is the setting that names the file
 * ("[spool] file"); the text of a fault begins with it. An empty path means that the setting is not used, and is never
 * a fault.
 */

/* Records a fault unless lines can be appended to the file, which may be missing. */
void stir_path_check_append(struct stir_faults *faults, const char *name, const char *path);

/* Records a fault unless the file, which may be missing, can be read and written, and files can be made beside it, as
 * SQLite does. */
void stir_path_check_database(struct stir_faults *faults, const char *name, const char *path);

/* Records a fault unless files can be made in the directory. */
void stir_path_check_directory(struct stir_faults *faults, const char *name, const char *path);

/* Records a fault unless the file can be read, or files in the directory can be opened by their names. */
void stir_path_check_readable(struct stir_faults *faults, const char *name, const char *path);

/* Records a fault if every account of the machine can read or write this file with a private key. pkcs11: URIs and
 * missing files are not checked; reading them reports the fault. */
void stir_path_check_secret(struct stir_faults *faults, const char *name, const char *path);
