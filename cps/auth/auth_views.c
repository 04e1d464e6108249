/* SPDX-License-Identifier: MIT */
#include "cps/auth/auth_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A request that waits outlives the octets that it came in, so its views get a copy of what they point to. */

/* Copies what a view points to, to *to, which is advanced. Returns the view of the copy. */
static struct stir_view views_move(char **to, struct stir_view view)
{
    char *at = *to;
    if (view.len) {
        memcpy(at, view.ptr, view.len);
        *to += view.len;
    }
    return stir_view(at, view.len);
}

/* Returns the view at the same place of `new` for a view into `old`; other views as they are. */
static struct stir_view views_shift(struct stir_view view, struct stir_view old, struct stir_view new)
{
    bool inside = view.len && view.ptr >= old.ptr && view.ptr + view.len <= old.ptr + old.len;
    return inside ? stir_view(new.ptr + (view.ptr - old.ptr), view.len) : view;
}

bool cpsd_auth_own_views(struct cpsd_auth *auth)
{
    struct cpsd_request *request = auth->request;
    size_t total = request->path.len + request->query.len + request->body.len;
    for (size_t i = 0; i < CPSD_FIELD_COUNT; i++) {
        total += request->fields[i].len;
    }
    char *at = malloc(total + 1);
    if (!at) {
        return false;
    }
    auth->copy = at;
    /* segments are views into the path, and the token's signing input is one into the Authorization field */
    struct stir_view path = views_move(&at, request->path);
    for (size_t i = 0; i < sizeof(request->segment) / sizeof(request->segment[0]); i++) {
        request->segment[i] = views_shift(request->segment[i], request->path, path);
    }
    request->path = path;
    request->query = views_move(&at, request->query);
    request->body = views_move(&at, request->body);
    for (size_t i = 0; i < CPSD_FIELD_COUNT; i++) {
        struct stir_view field = views_move(&at, request->fields[i]);
        if (i == CPSD_AUTHORIZATION) {
            auth->token.jws.signing_input = views_shift(auth->token.jws.signing_input, request->fields[i], field);
        }
        request->fields[i] = field;
    }
    assert((size_t)(at - auth->copy) == total);
    return true;
}
