/* SPDX-License-Identifier: MIT */
#include "client/ctl/admin.h"

#include <curl/curl.h>
#include <string.h>

#define ANSWER_MAX (16u << 20)

static size_t admin_append_body(char *data, size_t size, size_t count, void *arg)
{
    struct stir_buf *body = arg;
    stir_buf_put(body, data, size * count);
    return stir_buf_state(body) == STIR_OK ? size * count : 0;
}

/* "http://127.0.0.1:8081/path"; the host is not used with a unix socket. */
static bool admin_set_target(CURL *curl, const char *admin, const char *path)
{
    struct stir_buf url = {.limit = 8192};
    bool socket = strncmp(admin, "unix:", 5) == 0;
    stir_buf_printf(&url, "http://%s%s", socket ? "localhost" : admin, path);
    bool good = stir_buf_state(&url) == STIR_OK && curl_easy_setopt(curl, CURLOPT_URL, url.ptr) == CURLE_OK &&
                (!socket || curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, admin + 5) == CURLE_OK);
    stir_buf_free(&url);
    return good;
}

static bool admin_set_options(CURL *curl, const struct ctl *ctl, struct stir_buf *body)
{
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ctl->args.timeout_s) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, admin_append_body) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, body) == CURLE_OK;
}

/* Fails with the detail or the title of the problem document (RFC 7807) in the body. */
static enum ctl_exit admin_fail_refused(struct ctl *ctl, long status, const struct stir_buf *body)
{
    json_t *problem = json_loadb(body->ptr ? body->ptr : "", body->len, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *title = json_string_value(json_object_get(problem, "title"));
    enum ctl_exit code =
        ctl_fail_text(ctl, CTL_REFUSED, "CPS_E_REFUSED", "%s answered %ld: %s", ctl->args.admin, status,
                      detail  ? detail
                      : title ? title
                              : "no reason given");
    json_decref(problem);
    return code;
}

enum ctl_exit ctl_admin_get(struct ctl *ctl, const char *path, struct stir_buf *out)
{
    struct stir_buf body = {.limit = ANSWER_MAX};
    long status = 0;
    enum ctl_exit code = CTL_GOOD;
    CURL *curl = curl_easy_init();
    if (!curl || !admin_set_options(curl, ctl, &body) || !admin_set_target(curl, ctl->args.admin, path)) {
        code = ctl_no_memory(ctl);
    }
    if (code == CTL_GOOD) {
        /* No status line arrived: the listener could not be reached. */
        CURLcode got = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (got != CURLE_OK) {
            code =
                ctl_fail_text(ctl, CTL_UNREACHABLE, "CPS_E_CONNECT",
                              "%s: %s; --admin must be the \"listen\" address in [admin] of a running cpsd or cps-smpp",
                              ctl->args.admin, curl_easy_strerror(got));
        } else if (status != 200) {
            code = admin_fail_refused(ctl, status, &body);
        }
    }
    if (code == CTL_GOOD) {
        /* Append only a complete answer, so that a failure leaves out as it was. */
        stir_buf_put(out, body.ptr ? body.ptr : "", body.len);
    }
    curl_easy_cleanup(curl);
    stir_buf_free(&body);
    return code;
}

bool ctl_admin_segment(struct stir_buf *out, const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    stir_buf_puts(out, escaped ? escaped : "");
    bool good = escaped && stir_buf_state(out) == STIR_OK;
    curl_free(escaped);
    return good;
}
