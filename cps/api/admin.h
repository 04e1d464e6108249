/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * Handlers for operators and load balancers. All but /health are served on the admin listener only.
 */

/* GET /health, also for the public: 200 {"status":200,"message":"OK"} if envelopes can be published and retrieved now,
 * otherwise 503. ?for=read tests reading only. */
void cpsd_admin_health(struct cpsd_request *request);

/* GET /ready: 200 if this server should get requests, 503 while it drains or its store cannot be reached. */
void cpsd_admin_ready(struct cpsd_request *request);

/* GET /metrics: counters in Prometheus' text format. */
void cpsd_admin_metrics(struct cpsd_request *request);

/* GET /boxes/{dest}: what is really in a box, for the operator: {"now_us", "envelopes": [{"id", "arrived_us",
 * "expires_us", "octets", "taken"}], "octets", "more"}. Without dummies and without the content of envelopes. */
void cpsd_admin_box(struct cpsd_request *request);
