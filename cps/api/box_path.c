/* SPDX-License-Identifier: MIT */
#include "cps/api/box_path.h"

#include "cps/http/problem.h"

bool cpsd_box_dest(struct cpsd_request *request)
{
    struct stir_error err = {0};
    enum stir_code code = stir_identity_from_path(&request->dest, request->segment[0].ptr, request->segment[0].len,
                                                  (unsigned)request->service->config->numbers_max_digits, &err);
    if (code != STIR_OK) {
        cpsd_problem(request, 400, "the path does not name a destination", err.text, 0, NULL);
        return false;
    }
    request->has_dest = true;
    return true;
}

void cpsd_box_path(struct stir_buf *out, const struct stir_identity *dest)
{
    char segment[3 * STIR_IDENTITY_MAX + 1];
    stir_buf_put(out, "/cps/", 5);
    stir_buf_put(out, segment, stir_identity_to_path(segment, dest));
    stir_buf_put(out, "/ppts", 5);
}
