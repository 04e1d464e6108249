#pragma once

#include "cps/http/request.h"

/* GET /health, for everybody: 200 {"status":200,"message":"OK"} if envelopes can be published and retrieved now, else
 * 503. */
void cpsd_admin_health(struct cpsd_request *request);

/* GET /ready, on the admin listener: 200 if this server should be sent requests, 503 while it drains or its store is
 * away. */
void cpsd_admin_ready(struct cpsd_request *request);

/* GET /metrics, on the admin listener: Prometheus text. */
void cpsd_admin_metrics(struct cpsd_request *request);

/* GET /boxes/{dest}, on the admin listener: what is really in a box, for the operator: {"now_us", "envelopes": [{"id",
 * "arrived_us", "expires_us", "octets"}], "octets", "more"}. Without dummies and without contents. */
void cpsd_admin_box(struct cpsd_request *request);
