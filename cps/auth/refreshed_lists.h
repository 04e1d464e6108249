/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/file_stamp.h"
#include "common/base/log.h"
#include "common/cert/list_refresh.h"
#include "cps/auth/trusted.h"
#include "cps/net/fetch.h"

/*
 * Lists that trust depends on, kept up to date while the server runs: each is a file or an https URL that is read or
 * fetched at start, once in an interval, and again after a minute where that failed. The last good list of each name
 * stays in force until a newer good one is there. What a list is, and when it is good, is the user's: crls.c and
 * root_lists.c. Main thread only, whose loop serves no request.
 */
#define CPSD_REFRESHED_MAX CPSD_CRLS_MAX /* lists of one user; there are more revocation lists than lists of roots */
#define CPSD_REFRESHED_NAME 4096         /* octets of a name and a NUL */

struct cpsd_refreshed_lists;

/* One list. The first member of the user's structure. */
struct cpsd_refreshed_list {
    struct cpsd_refreshed_lists *lists;
    char *name; /* path or URL */
    bool is_url;
    struct stir_list_refresh refresh; /* by the loop's clock */
    struct stir_file_stamp stamp;     /* of the file as it was read last */
    struct cpsd_fetch *fetch;         /* in progress; the list is not looked at meanwhile */
};

/* What the user knows of its lists. */
struct cpsd_refreshed_kind {
    const char *name;    /* "revocation list": log lines start with it */
    size_t size;         /* of the user's structure for one list */
    size_t max_octets;   /* of a list */
    bool unless_changed; /* read a file only if it has changed */

    /* Takes a list that was read or fetched into use. STIR_OK with list->fetch set: the user fetches something else
     * first, and calls cpsd_refreshed_list_end later. */
    enum stir_code (*take)(struct cpsd_refreshed_list *list, struct stir_view text, struct stir_error *err);
    bool (*in_force)(const struct cpsd_refreshed_list *list); /* a good one is in use */

    /* Called twice a second, before and after the list is looked at. NULL: nothing to do. */
    void (*before)(struct cpsd_refreshed_list *list);
    void (*after)(struct cpsd_refreshed_list *list);
    void (*ended)(struct cpsd_refreshed_list *list, bool first); /* after an attempt, the first one or not; NULL */
    void (*clear)(struct cpsd_refreshed_list *list);             /* frees what the user's structure holds */
};

/* The lists of one user. Embedded. */
struct cpsd_refreshed_lists {
    const struct cpsd_refreshed_kind *kind;
    uv_loop_t *loop;
    struct cpsd_fetcher *fetcher;
    const struct stir_log *log;
    struct cpsd_mailbox mailbox;
    uv_timer_t timer;
    struct cpsd_refreshed_list *all[CPSD_REFRESHED_MAX];
    size_t count;
    int64_t every_ms;
    char *ca_file; /* of the servers of lists; NULL or "": the system's authorities */
};

/* The lists of a configuration while it is being put into use: some are in use already, the others are new. */
struct cpsd_refreshed_set {
    struct cpsd_refreshed_list *all[CPSD_REFRESHED_MAX];
    size_t count;
};

/* Prepares `lists`, with no list in it yet. log is read at each use. STIR_E_NOMEM. */
enum stir_code cpsd_refreshed_lists_open(struct cpsd_refreshed_lists *lists, const struct cpsd_refreshed_kind *kind,
                                         uv_loop_t *loop, struct cpsd_fetcher *fetcher, const struct stir_log *log,
                                         struct stir_error *err) STIR_MUST_CHECK;

/* Adds the lists that `names` (an item list of the configuration) names to a set, each once. With `keep` a list that is
 * in use already is taken over; otherwise it is a new one, which is due now. STIR_E_NOMEM, STIR_E_CONFIG (too many). */
enum stir_code cpsd_refreshed_set_add(struct cpsd_refreshed_set *set, struct cpsd_refreshed_lists *lists,
                                      const char *names, bool is_url, bool keep,
                                      struct stir_error *err) STIR_MUST_CHECK;

/* Frees the lists of a set that are not in use: it will not be put into use. */
void cpsd_refreshed_set_abandon(const struct cpsd_refreshed_set *set, const struct cpsd_refreshed_lists *lists);

/* Puts a set into use in place of the lists before, which are freed unless the set has them. Takes ca_file over. */
void cpsd_refreshed_lists_use(struct cpsd_refreshed_lists *lists, const struct cpsd_refreshed_set *set,
                              int64_t every_ms, char *ca_file);

/* Returns the list of this name, or NULL. */
struct cpsd_refreshed_list *cpsd_refreshed_lists_find(const struct cpsd_refreshed_lists *lists, const char *name,
                                                      bool is_url);

/* Checks the answer to a fetch: an error, a status other than 200 and an empty body are failures. */
enum stir_code cpsd_refreshed_check_answer(const struct cpsd_fetch_result *result,
                                           struct stir_error *err) STIR_MUST_CHECK;

/* An attempt has ended. Logs a failure and sets when the next one is due. */
void cpsd_refreshed_list_end(struct cpsd_refreshed_list *list, enum stir_code code, const struct stir_error *err);

/* Ends fetches in progress, frees the lists and closes the handles, so that the loop can end. */
void cpsd_refreshed_lists_stop(struct cpsd_refreshed_lists *lists);

/* Frees the rest, after the loop has ended. */
void cpsd_refreshed_lists_clear(struct cpsd_refreshed_lists *lists);
