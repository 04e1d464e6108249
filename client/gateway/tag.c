#include "client/gateway/tag.h"

#include "client/smpp/tlv.h"

#define PREFIXED_MAX 65535

static bool has_planted(const struct smpp_pdu *pdu, const struct gw_policy *policy)
{
    struct smpp_tlv found;
    return smpp_tlv_find(&found, pdu->tlvs, policy->verify.verdict_tag) ||
           smpp_tlv_find(&found, pdu->tlvs, policy->verify.signer_tag);
}

/* What stands behind the last thing that could be read of a PDU cannot be searched for tags. */
static struct gw_tag_outcome decide_unreadable(struct gw_held *held, const struct gw_policy *policy,
                                               const struct gw_tag *tag)
{
    uint32_t status = tag->treatment == GW_TREAT_REJECT ? policy->verify.reject_status
                                                        : smpp_status_of(held->fault, held->flaw.field);
    gw_held_answer(held, status);
    return (struct gw_tag_outcome){.rejected = true};
}

static enum stir_code edit_tagged(struct gw_held *held, const struct gw_policy *policy, const struct gw_tag *tag,
                                  const struct stir_view *body)
{
    const uint16_t drop[] = {policy->verify.verdict_tag, policy->verify.signer_tag};
    const struct smpp_tlv append[] = {{policy->verify.verdict_tag, stir_view_str(tag->verdict)},
                                      {policy->verify.signer_tag, stir_view_str(tag->signer)}};
    struct smpp_edit edit = {
        .body = body, .drop = drop, .drop_count = 2, .append = append, .append_count = tag->signer[0] ? 2 : 1};
    return gw_held_edit(held, &edit);
}

/* True: decided. */
static bool tag_with_prefix(struct gw_held *held, const struct gw_policy *policy, const struct gw_tag *tag)
{
    struct stir_buf body = {.limit = PREFIXED_MAX};
    bool good = gw_tag_prefix(&body, &held->pdu, tag->settings, policy->verify.text_prefix, tag->verdict);
    if (good) {
        struct stir_view view = stir_view(body.ptr, body.len);
        good = edit_tagged(held, policy, tag, &view) == STIR_OK;
    }
    stir_buf_free(&body);
    return good;
}

static struct gw_tag_outcome reject(struct gw_held *held, uint32_t status, struct gw_tag_outcome outcome)
{
    gw_held_answer(held, status);
    outcome.rejected = true;
    return outcome;
}

struct gw_tag_outcome gw_tag_decide(struct gw_held *held, const struct gw_policy *policy, const struct gw_tag *tag)
{
    const uint16_t drop[] = {policy->verify.verdict_tag, policy->verify.signer_tag};
    struct smpp_edit clean = {.drop = drop, .drop_count = 2};
    if (held->fault != SMPP_OK) {
        return decide_unreadable(held, policy, tag);
    }
    struct gw_tag_outcome outcome = {.planted = has_planted(&held->pdu, policy)};
    if (tag->treatment == GW_TREAT_REJECT) {
        return reject(held, policy->verify.reject_status, outcome);
    }
    enum stir_code code = STIR_OK;
    if (tag->treatment == GW_TREAT_TAG) {
        if (policy->verify.text_prefix[0]) {
            if (tag->with_prefix && tag_with_prefix(held, policy, tag)) {
                return outcome;
            }
            outcome.prefix_left_out = true;
        }
        code = edit_tagged(held, policy, tag, NULL);
    } else if (outcome.planted) {
        code = gw_held_edit(held, &clean);
    } else {
        gw_held_pass(held);
    }
    if (code == STIR_OK) {
        return outcome;
    }
    return reject(held, code == STIR_E_TOO_BIG ? SMPP_RINVMSGLEN : SMPP_RSYSERR, outcome);
}
