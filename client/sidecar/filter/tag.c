#include "client/sidecar/filter/tag.h"

#include "client/smpp/tlv.h"

#define PREFIXED_MAX 65535

/* True if a tag's two octets stand anywhere in these: a reader that is less strict might find a TLV there. */
static bool tag_occurs_in(struct stir_view octets, uint16_t tag)
{
    for (size_t i = 0; i + 1 < octets.len; i++) {
        if ((uint8_t)octets.ptr[i] == tag >> 8 && (uint8_t)octets.ptr[i + 1] == (tag & 0xff)) {
            return true;
        }
    }
    return false;
}

bool sc_tag_clean(struct smpp_edit *out, const struct smpp_pdu *pdu, const struct sc_policy *policy)
{
    struct smpp_tlv found;
    bool planted = false;
    *out = (struct smpp_edit){.drop = policy->verify.tags, .drop_count = SC_TAGS};
    for (size_t i = 0; i < SC_TAGS; i++) {
        planted |= smpp_tlv_find(&found, pdu->tlvs, policy->verify.tags[i]);
        out->drop_tail |= tag_occurs_in(pdu->tail, policy->verify.tags[i]);
    }
    return planted || out->drop_tail;
}

/* No tag can be written into it, and nobody can find a planted one. Where messages are only tagged it is forwarded. */
static struct sc_tag_outcome tag_decide_unreadable(struct sc_held *held, const struct sc_policy *policy,
                                                   const struct sc_tag *tag)
{
    if (policy->verify.only_tags) {
        sc_held_pass(held);
        return (struct sc_tag_outcome){.untagged = true};
    }
    uint32_t status = tag->treatment == SC_TREAT_REJECT ? policy->verify.reject_status
                                                        : smpp_status_of(held->fault, held->flaw.field);
    sc_held_answer(held, status);
    return (struct sc_tag_outcome){.rejected = true};
}

static enum stir_code tag_edit(struct sc_held *held, const struct sc_policy *policy, const struct sc_tag *tag,
                               const struct stir_view *body)
{
    const struct smpp_tlv append[] = {{policy->verify.tags[SC_TAG_VERDICT], stir_view_str(tag->verdict)},
                                      {policy->verify.tags[SC_TAG_SIGNER], stir_view_str(tag->signer)}};
    struct smpp_edit edit;
    (void)sc_tag_clean(&edit, &held->pdu, policy);
    edit.body = body;
    edit.append = append;
    edit.append_count = tag->signer[0] ? 2 : 1;
    return sc_held_edit(held, &edit);
}

/* True: decided. */
static bool tag_edit_with_prefix(struct sc_held *held, const struct sc_policy *policy, const struct sc_tag *tag)
{
    struct stir_buf body = {.limit = PREFIXED_MAX};
    bool good = sc_tag_prefix(&body, &held->pdu, tag->settings, policy->verify.text_prefix, tag->verdict);
    if (good) {
        struct stir_view view = stir_view(body.ptr, body.len);
        good = tag_edit(held, policy, tag, &view) == STIR_OK;
    }
    stir_buf_free(&body);
    return good;
}

static struct sc_tag_outcome tag_reject(struct sc_held *held, uint32_t status, struct sc_tag_outcome outcome)
{
    sc_held_answer(held, status);
    outcome.rejected = true;
    return outcome;
}

/* It is forwarded without a tag, and without a planted one. */
static enum stir_code tag_forward_clean(struct sc_held *held, const struct smpp_edit *clean, bool planted)
{
    if (planted) {
        return sc_held_edit(held, clean);
    }
    sc_held_pass(held);
    return STIR_OK;
}

struct sc_tag_outcome sc_tag_decide(struct sc_held *held, const struct sc_policy *policy, const struct sc_tag *tag)
{
    struct smpp_edit clean;
    if (held->fault != SMPP_OK) {
        return tag_decide_unreadable(held, policy, tag);
    }
    struct sc_tag_outcome outcome = {.planted = sc_tag_clean(&clean, &held->pdu, policy)};
    if (tag->treatment == SC_TREAT_REJECT) {
        return tag_reject(held, policy->verify.reject_status, outcome);
    }
    enum stir_code code = STIR_OK;
    if (tag->treatment == SC_TREAT_TAG) {
        if (policy->verify.text_prefix[0]) {
            if (tag->with_prefix && tag_edit_with_prefix(held, policy, tag)) {
                return outcome;
            }
            outcome.prefix_left_out = true;
        }
        code = tag_edit(held, policy, tag, NULL);
        if (code != STIR_OK && policy->verify.only_tags) {
            outcome.untagged = true;
            code = tag_forward_clean(held, &clean, outcome.planted);
        }
    } else {
        code = tag_forward_clean(held, &clean, outcome.planted);
    }
    if (code == STIR_OK) {
        return outcome;
    }
    outcome.untagged = false;
    return tag_reject(held, code == STIR_E_TOO_BIG ? SMPP_RINVMSGLEN : SMPP_RSYSERR, outcome);
}
