#pragma once

#include "cps/base/policy.h"
#include "cps/http/request.h"

/*
 * The interface as a table: method, path, who may, handler. A pattern is compared segment by segment; {x} stands for
 * one non-empty segment, {x}* for one that ends with an asterisk.
 */
struct cpsd_route {
    enum cpsd_method method;
    const char *pattern;
    enum cpsd_action action;
    enum cpsd_route_id id;
    /* Reads the destination that the path names into request->dest, before anything is decided; false: answered. NULL:
     * the path names none. */
    bool (*dest)(struct cpsd_request *request);
    void (*handler)(struct cpsd_request *request);
    bool local; /* on the admin listener only */
};
