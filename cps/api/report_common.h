#pragma once

#include "cps/auth/publisher.h"

/* Shared by cps/api/report.c and cps/api/report_list.c. An entry of a publisher's reports is the members of a JSON
 * object: "dest", "id" and, where they are known, "holder" and "reason". */

/* The box of a publisher's reports. */
void cpsd_reports_box(struct stir_identity *out, struct stir_view publisher);
