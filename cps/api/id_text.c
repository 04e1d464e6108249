/* SPDX-License-Identifier: MIT */
#include "cps/api/id_text.h"

#include "common/jose/b64.h"
#include "cps/http/problem.h"

#include <assert.h>

void cpsd_id_text(char *out, const uint8_t id[CPSD_ID_OCTETS])
{
    size_t len = stir_b64url_encode(out, id, CPSD_ID_OCTETS);
    assert(len == CPSD_ID_TEXT);
    (void)len;
}

bool cpsd_id_from_path(struct cpsd_request *request, uint8_t id[CPSD_ID_OCTETS])
{
    size_t len = 0;
    struct stir_view text = request->segment[1];
    if (text.len != CPSD_ID_TEXT || stir_b64url_decode(id, CPSD_ID_OCTETS, &len, text.ptr, text.len) != STIR_OK ||
        len != CPSD_ID_OCTETS) {
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND),
                     "the last part of the path is not the id of an envelope; take ids from a list of the box", 0,
                     NULL);
        return false;
    }
    return true;
}
