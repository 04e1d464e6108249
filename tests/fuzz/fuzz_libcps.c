/* SPDX-License-Identifier: MIT */
#include "client/lib/net/cps_http.h"
#include "client/lib/net/transport_curl.h"
#include "common/base/http_field.h"
#include "common/base/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a CPS or a certificate host says, and the URL that a stranger's PASSporT names. The first octet chooses. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const char *text, size_t n, int status)
{
    struct cps_response response = {.status = status, .body.limit = 65536};
    struct cps_envelopes listing = {0};
    struct cps_error err = {0};
    stir_buf_put(&response.body, text, n);
    if (cps_answer_listing(&listing, &response, &err) == CPS_OK) {
        for (size_t i = 0; i < listing.count; i++) {
            if (strlen(listing.items[i].id) != CPS_ID_LEN || strlen(listing.items[i].text) != listing.items[i].len) {
                abort();
            }
        }
        cps_envelopes_clear(&listing);
    } else if (err.code == CPS_OK || listing.items || strpbrk(err.text, "\r\n")) {
        abort();
    }
    stir_buf_free(&response.body);
}

static void url(const char *text, size_t n)
{
    struct stir_url parsed;
    if (stir_url_parse(&parsed, text, n, STIR_E_X5U, NULL) == STIR_OK &&
        (parsed.port == 0 || parsed.host.len == 0 || parsed.path.ptr + parsed.path.len != text + n)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 4) {
    case 0:
        answer(text, size - 1, 200);
        break;
    case 1:
        answer(text, size - 1, 429);
        break;
    case 2:
        url(text, size - 1);
        break;
    default:
        if (stir_max_age(text, size - 1, 10) < -1) {
            abort();
        }
    }
    return 0;
}
