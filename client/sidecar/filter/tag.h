/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/policy/policy.h"
#include "client/smpp/segment.h"

/*
 * The tags of a verified message: its verdict and who signed it, in two vendor TLVs as text without a NUL at the end.
 * TLVs with these tags are always removed from an arriving message, because nobody may write their own verdict.
 */
struct sc_tag {
    enum sc_treatment treatment;
    const char *verdict;
    const char *signer; /* "": unknown, no TLV */
    bool with_prefix;   /* a whole message: its text may get the prefix */
    const struct smpp_text_settings *settings;
};

struct sc_tag_outcome {
    bool rejected;        /* answered with an error */
    bool planted;         /* it arrived with one of our tags, which was removed */
    bool prefix_left_out; /* the prefix did not fit, or the alphabet lacks its letters */
    bool untagged;        /* it was forwarded without its tag: no room, or it cannot be read */
};

/* Fills in the edit that removes from a PDU what only we may write: TLVs with our tags, and a damaged end in which a
 * reader might find one. `out` points into the policy. Returns true if there is something to remove. */
bool sc_tag_clean(struct smpp_edit *out, const struct smpp_pdu *pdu, const struct sc_policy *policy);

/* Decides a message by its tag. A message that cannot carry its tag (no room, or a mandatory field cannot be read) is
 * forwarded without it if all verdicts are only tagged. Otherwise it is rejected, because a missing tag would then be
 * taken for a good verdict. */
struct sc_tag_outcome sc_tag_decide(struct sc_held *held, const struct sc_policy *policy, const struct sc_tag *tag);

/* Puts the prefix before a text, in the coding of the text and with the verdict in place of %v. Appends the new body
 * (user data header, byte order mark, prefix, text) to out. Returns false, with out unchanged, if the alphabet of the
 * text lacks the letters, or if the text would not fit into one short message any more. */
bool sc_tag_prefix(struct stir_buf *out, const struct smpp_pdu *pdu, const struct smpp_text_settings *settings,
                   const char *prefix, const char *verdict);
