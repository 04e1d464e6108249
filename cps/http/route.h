/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/base/policy.h"
#include "cps/http/request.h"

/*
 * One row of the table of routes: method, path, action for the policy, handler. A pattern is compared segment by
 * segment; {x} matches one non-empty segment, {x}* one that ends with an asterisk.
 */
struct cpsd_route {
    enum cpsd_method method;
    const char *pattern;
    enum cpsd_action action;
    enum cpsd_route_id id;
    /* Reads the destination in the path into request->dest, before the policy is asked. Returns false after answering.
     * NULL: the path has no destination. */
    bool (*dest)(struct cpsd_request *request);
    void (*handler)(struct cpsd_request *request);
    bool local; /* on the admin listener only */
};
