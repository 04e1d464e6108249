#pragma once

#include "client/sidecar/policy/policy.h"
#include "client/smpp/segment.h"

/*
 * What a judged message is sent on with. Its verdict and who signed it are two TLVs of a vendor's: text, no NUL at the
 * end. Those that it came with are removed whatever becomes of it, as nobody may write his own verdict.
 */
struct sc_tag {
    enum sc_treatment treatment;
    const char *verdict;
    const char *signer; /* "": nobody, no TLV */
    bool with_prefix;   /* a whole message of its own: its text may get the prefix */
    const struct smpp_text_settings *settings;
};

struct sc_tag_outcome {
    bool rejected;        /* answered with an error */
    bool planted;         /* it came with a tag of ours, which was removed */
    bool prefix_left_out; /* it was to have one: no room, or not the letters */
    bool untagged;        /* it was to have a tag and was forwarded without: no room, or it cannot be read */
};

/* Fills in the edit that removes from a PDU what nobody but us may write: TLVs with our tags, and a damaged end in
 * which one might be found. `out` points into the policy. Returns true if there is something to remove. */
bool sc_tag_clean(struct smpp_edit *out, const struct smpp_pdu *pdu, const struct sc_policy *policy);

/* Decides a message. One that cannot carry its tag (no room, or a mandatory field that cannot be read) is forwarded
 * without where all verdicts are only tagged. Otherwise it is rejected: the lack of a tag says something there. */
struct sc_tag_outcome sc_tag_decide(struct sc_held *held, const struct sc_policy *policy, const struct sc_tag *tag);

/* The prefix of a text, in that text's own coding: the settings' with %v for the verdict. Appends the new body (its
 * user data header, a byte order mark, the prefix, the text) to out; false, out as it was, if the letters are not in
 * the text's alphabet, or what was one message's would not fit into one any more. */
bool sc_tag_prefix(struct stir_buf *out, const struct smpp_pdu *pdu, const struct smpp_text_settings *settings,
                   const char *prefix, const char *verdict);
