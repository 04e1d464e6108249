/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/base/caller.h"

#include <stdbool.h>

/*
 * Who may do what: a table of actions, each with the policy that the operator sets for it. Whether a caller may do
 * something is decided here and nowhere else.
 *
 * X(action, key in [policy], default, description). The configuration, its sample and the table in cps/README.md follow
 * from it.
 */
#define CPSD_ACTION_LIST(X)                                                                                            \
    X(PUBLISH, "publish", "token", "Who may put an envelope into a box (POST /cps/{dest}/ppts)")                       \
    X(LIST, "list", "open",                                                                                            \
      "Who may list a box (GET /cps/{dest}/ppts); envelopes are encrypted (RFC 8816 section 6.2). Without dummies "    \
      "(?dummies=no) only the holder may, whatever is set here")                                                       \
    X(FETCH, "fetch", "open", "Who may fetch one envelope (GET /cps/{dest}/ppts/{id})")                                \
    X(DELETE, "delete", "holder", "Who may take an envelope out (DELETE /cps/{dest}/ppts/{id})")                       \
    X(REPORT, "report", "holder", "Who may report a bogus envelope (POST /cps/{dest}/ppts/{id}/report)")               \
    X(REPORTS, "reports", "token", "Who may see the reports of what they published themselves (GET /cps/reports)")     \
    X(WAIT, "wait", "open", "Who may wait for an arrival in a box (Prefer: wait), if they may list it")                \
    X(FEED, "feed", "holder",                                                                                          \
      "Who may read everything that is published for a provider's numbers (GET /feed/{spc}, GET "                      \
      "/cps/{prefix}*/ppts), if [feeds] enabled is yes")                                                               \
    X(KEYS_PUT, "keys_put", "holder", "Who may put a key record (PUT /keys/{spc or tn})")                              \
    X(KEYS_GET, "keys_get", "open", "Who may get a key record (GET /keys/{dest})")                                     \
    X(ATIS_PUBLISH, "atis_publish", "token", "Who may publish through the ATIS interface (POST /passports/...)")       \
    X(ATIS_RETRIEVE, "atis_retrieve", "token", "Who may retrieve through the ATIS interface (GET /passports/...)")     \
    X(REPUBLISH, "republish", "token", "Which peers may republish what was published to them (POST /passports/...)")

enum cpsd_action {
    CPSD_ACT_NONE, /* nothing to decide: health, metrics */
#define CPSD_ACTION_ENUM(action, key, policy, text) CPSD_ACT_##action,
    CPSD_ACTION_LIST(CPSD_ACTION_ENUM)
#undef CPSD_ACTION_ENUM
        CPSD_ACTION_COUNT
};

enum cpsd_policy {
    CPSD_POLICY_OPEN,   /* everyone */
    CPSD_POLICY_TOKEN,  /* every authenticated caller: by bearer token or by client certificate */
    CPSD_POLICY_HOLDER, /* authenticated callers that hold the destination (cpsd_caller_holds) */
    CPSD_POLICY_NOBODY, /* switched off */
    CPSD_POLICY_COUNT,
};

extern const char *const cpsd_policy_names[]; /* NULL-terminated, indexed by enum cpsd_policy */

/* Returns the name of an action: "publish", "list", ...; NULL for CPSD_ACT_NONE. */
const char *cpsd_action_name(enum cpsd_action action);

/* Returns the default policy of an action. */
enum cpsd_policy cpsd_action_default(enum cpsd_action action);

/*
 * Decides whether the caller may do the action. dest is NULL if the action has none; then no caller holds it. table,
 * the number table, may be NULL. STIR_OK, STIR_E_UNAUTHORIZED (401: a credential is needed), STIR_E_FORBIDDEN (403:
 * this caller may not). err says why, for a problem's detail, without the destination.
 */
enum stir_code cpsd_policy_check(enum cpsd_policy policy, enum cpsd_action action, const struct cpsd_caller *caller,
                                 const struct stir_identity *dest, const struct stir_numtable *table,
                                 struct stir_error *err) STIR_MUST_CHECK;
