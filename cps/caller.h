#pragma once

#include <netinet/in.h>
#include <stdbool.h>

/*
 * Who asks: one value, whatever way of authenticating produced it. The policy (cps/policy.h) looks at nothing else.
 * More kinds, an SPC and numbers join it with the ways of authenticating that can tell them.
 */
enum cpsd_caller_kind {
    CPSD_ANYBODY, /* showed no credential */
    CPSD_LOCAL,   /* came in through the admin listener */
};

struct cpsd_caller {
    enum cpsd_caller_kind kind;
    struct in6_addr address; /* IPv4 mapped; all zero on a unix socket */
};
