/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/spool/spool_sqlite.h"

#include <sqlite3.h>

/* What the files share that use SQLite. */
#define CPS_SPOOL_KEY 32

enum cps_spool_statement {
    SPOOL_BEGIN,
    SPOOL_COMMIT,
    SPOOL_ROLLBACK,
    SPOOL_PUT,
    SPOOL_HAS,
    SPOOL_LEND,
    SPOOL_SEARCH,
    SPOOL_REMOVE,
    SPOOL_DEFER,
    SPOOL_DEFER_BOX,
    SPOOL_PURGE,
    SPOOL_RECORD,
    SPOOL_TRIM,
    SPOOL_ADD,
    SPOOL_TOTALS,
    SPOOL_NEXT,
    SPOOL_UNSTICK,
    SPOOL_STATEMENTS
};

struct cps_spool_db {
    sqlite3 *db;
    sqlite3_stmt *statements[SPOOL_STATEMENTS];
    uint8_t hash_key[CPS_SPOOL_KEY];
    uint32_t max;
    uint32_t octets_max;
    bool alone; /* opened so that no other process can use the file */
};

extern const char *const cps_spool_sql[SPOOL_STATEMENTS];
extern const char cps_spool_schema[];

/* Records SQLite's last failure and returns its code. */
enum cps_code cps_spool_db_fail(const struct cps_spool_db *db, struct cps_error *err);
