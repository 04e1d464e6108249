/* SPDX-License-Identifier: MIT */
#include "client/ctl/verdict.h"

#include "client/ctl/date.h"
#include "client/ctl/render.h"
#include "common/passport/passport.h"

#include <stdio.h>
#include <string.h>

/* Writes "sha256 ok", "none" if the PASSporT has no digest, or "not compared" if there was no body. */
static void verdict_describe_msgi(char out[32], const struct cps_result *result)
{
    struct stir_passport *passport = NULL;
    const char *text = "none";
    char named[32];
    if (result->passport &&
        stir_passport_parse(&passport, result->passport, result->passport_len, STIR_TN_MAX, NULL) == STIR_OK &&
        passport->msgi) {
        text = "not compared";
        if (result->msgi_checked) {
            (void)snprintf(named, sizeof(named), "%.*s ok", (int)strcspn(passport->msgi, "-"), passport->msgi);
            text = named;
        }
    }
    (void)snprintf(out, 32, "%s", text);
    stir_passport_free(passport);
}

/* Sets a member, unless the text is empty. */
static void verdict_put_text(json_t *json, const char *name, const char *text)
{
    if (text[0]) {
        (void)json_object_set_new(json, name, json_string(text));
    }
}

static json_t *verdict_json(const struct cps_result *result, const char *iat, const char *msgi)
{
    bool passed = result->verdict == CPS_PASSED;
    int sip = cps_verdict_sip(result->verdict);
    json_t *json = json_pack("{s:s}", "verdict", cps_verdict_name(result->verdict));
    if (!json) {
        return NULL;
    }
    if (sip) {
        (void)json_object_set_new(json, "sip", json_integer(sip));
    }
    /* A reason is given for every verdict but passed. */
    if (!passed) {
        verdict_put_text(json, "code", cps_error_name(result->error.code));
        (void)json_object_set_new(json, "reason", json_string(result->error.text));
    }
    verdict_put_text(json, "signer", result->signer);
    verdict_put_text(json, "ppt", result->ppt);
    verdict_put_text(json, "attest", result->attest);
    if (result->iat) {
        (void)json_object_set_new(json, "iat", json_integer(result->iat));
        (void)json_object_set_new(json, "issued", json_string(iat));
    }
    /* These are known only after a complete verification. */
    if (passed) {
        (void)json_object_set_new(json, "msgi", json_string(msgi));
        (void)json_object_set_new(json, "by_spc", json_boolean(result->by_spc));
    }
    verdict_put_text(json, "envelope", result->envelope_id);
    verdict_put_text(json, "passport", result->passport ? result->passport : "");
    return json;
}

static const char *verdict_reason(const struct cps_result *result)
{
    return result->error.text[0] ? result->error.text : cps_strerror(result->error.code);
}

/* Returns a note for a PASSporT that was made for a call and not for this message; "" for others. */
static const char *verdict_call_type(const struct cps_result *result)
{
    return strcmp(result->ppt, "shaken") == 0     ? "  ppt shaken (a call's), attestation A"
           : strcmp(result->ppt, "baseline") == 0 ? "  ppt baseline (a call's)"
                                                  : "";
}

enum ctl_exit ctl_verdict(struct ctl *ctl, const struct cps_result *result)
{
    char iat[CTL_DATE_MAX];
    char msgi[32];
    (void)ctl_date_text(iat, result->iat);
    verdict_describe_msgi(msgi, result);
    stir_buf_printf(&ctl->text, "%s  ", cps_verdict_name(result->verdict));
    if (result->verdict == CPS_PASSED) {
        stir_buf_puts(&ctl->text, "signer ");
        ctl_put_safe(&ctl->text, result->signer);
        stir_buf_printf(&ctl->text, "  iat %s  msgi %s%s\n", iat, msgi, verdict_call_type(result));
    } else {
        ctl_put_safe(&ctl->text, verdict_reason(result));
        stir_buf_puts(&ctl->text, "\n");
    }
    enum ctl_exit status = ctl_answer(ctl, verdict_json(result, iat, msgi));
    if (status != CTL_GOOD || result->verdict == CPS_PASSED) {
        return status;
    }
    /* A verdict about the PASSporT is an answer; failing to reach the CPS is an error as well. */
    if (result->verdict != CPS_CPS_UNAVAILABLE && result->verdict != CPS_TIMEOUT) {
        return CTL_NO;
    }
    ctl->keep = true;
    return ctl_fail_cps(ctl, &result->error);
}
