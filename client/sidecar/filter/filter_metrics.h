/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "client/sidecar/filter/expectation.h"
#include "client/sidecar/filter/message.h"
#include "client/sidecar/policy/policy.h"
#include "common/base/buf.h"

/* The counters of the filter since start, on the loop's thread, and the names of what they count. */

/* Why a message was forwarded unsigned or rejected, in addition to SC_UNFIT_LIST. X(value, label in metrics and
 * records, what its system_id does, for a warning: `system_id "kannel" has no tenant: 1,203 messages unsigned`). */
#define SC_UNSIGNED_LIST(X)                                                                                            \
    X(TENANT, "no-tenant", "has no tenant")                                                                            \
    X(OUTSIDE, "outside", "sends from senders outside its tenant's numbers and names")                                 \
    X(NOT_COVERED, "uncovered", "sends from senders that its tenant's certificate does not cover")                     \
    X(NO_KEY, "no-key", "sends to destinations without a known key")                                                   \
    X(FAILED, "failed", "has messages whose PASSporT could not be made or published")                                  \
    X(TIMEOUT, "timeout", "has messages whose PASSporT was not published within [sign] timeout_ms")                    \
    X(INCOMPLETE, "incomplete", "sends long messages without some of their segments")                                  \
    X(CONTESTED, "contested", "sends two long messages at the same time with the same addresses, reference and total") \
    X(OVERFLOW, "overflow", "sends more segments of incomplete messages than [join] allows")

enum sc_unsigned {
    SC_UNSIGNED_FIRST = SC_UNFIT_COUNT - 1,
#define SC_UNSIGNED_ENUM(value, label, does) SC_UNSIGNED_##value,
    SC_UNSIGNED_LIST(SC_UNSIGNED_ENUM)
#undef SC_UNSIGNED_ENUM
        SC_UNSIGNED_COUNT
};

/* What a signing direction did with a message. X(value, name in metrics and records) */
#define SC_OUTCOME_LIST(X)                                                                                             \
    X(SIGNED, "signed")     /* its PASSporT is at the CPS */                                                           \
    X(SPOOLED, "spooled")   /* its PASSporT waits in the spool */                                                      \
    X(UNSIGNED, "unsigned") /* forwarded, and has no PASSporT */                                                       \
    X(REFUSED, "refused")   /* not forwarded */

enum sc_outcome {
#define SC_OUTCOME_ENUM(value, name) SC_OUTCOME_##value,
    SC_OUTCOME_LIST(SC_OUTCOME_ENUM)
#undef SC_OUTCOME_ENUM
        SC_OUTCOME_COUNT
};

const char *sc_outcome_name(enum sc_outcome outcome);

/* "receipt", "replace_sm", "broadcast_sm", "unknown", "other". */
const char *sc_exempt_name(enum sc_exempt kind);

/* Return the name of a reason and what its system_id does; why: SC_UNFIT_... or SC_UNSIGNED_.... Never NULL. */
const char *sc_unsigned_name(unsigned why);
const char *sc_unsigned_does(unsigned why);

enum { SC_WAITED_BUCKETS = 14 }; /* bucket i counts up to 2^i ms, the last one everything above */

struct sc_waited {
    uint64_t bucket[SC_WAITED_BUCKETS];
    uint64_t sum_ms;
};

/* X(field, name and labels after "cps_smpp_", help, or NULL for a further row of the previous name) */
#define SC_FILTER_COUNTER_LIST(X)                                                                                      \
    X(published, "signed_total{outcome=\"published\"}", "Messages forwarded signed, by where the PASSporT was.")       \
    X(spooled, "signed_total{outcome=\"spooled\"}", NULL)                                                              \
    X(beside, "signed_total{outcome=\"beside\"}", NULL)                                                                \
    X(late_published, "late_total{outcome=\"published\"}",                                                             \
      "Messages forwarded before their PASSporT was published, by the result of publishing.")                          \
    X(late_spooled, "late_total{outcome=\"spooled\"}", NULL)                                                           \
    X(late_lost, "late_total{outcome=\"lost\"}", NULL)                                                                 \
    X(joined, "joined_total{outcome=\"complete\"}", "Long messages, by how joining their segments ended.")             \
    X(join_expired, "joined_total{outcome=\"expired\"}", NULL)                                                         \
    X(join_contested, "joined_total{outcome=\"contested\"}", NULL)                                                     \
    X(join_overflows, "joined_total{outcome=\"overflow\"}", NULL)                                                      \
    X(duplicates, "duplicate_segments_total", "Segments that arrived more than once.")                                 \
    X(released, "released_segments_total",                                                                             \
      "Segments forwarded before their message was complete, so that their sender sends the rest.")                    \
    X(reject_tagged, "reject_tagged_total",                                                                            \
      "Long messages with a verdict of [verify] reject that were not held whole: their last segment was tagged.")      \
    X(repeats, "repeated_total",                                                                                       \
      "Messages that arrived again after their connection had ended, and continued from there.")                       \
    X(again_lost, "sent_again_total{after=\"loss\"}",                                                                  \
      "Messages sent again that passed with the PASSporT they had used, by what happened before.")                     \
    X(again_refused, "sent_again_total{after=\"refusal\"}", NULL)                                                      \
    X(again_stopped, "sent_again_total{after=\"stop\"}", NULL)                                                         \
    X(repeat_unsaved, "repeat_unsaved_total", "Messages without room in [repeat] file.")                               \
    X(again_over, "sent_again_over_total",                                                                             \
      "Messages sent again after a lost connection more often than [repeat] max allows.")                              \
    X(signed_again, "signed_again_total", "Messages sent again that got a new PASSporT because the first was old.")    \
    X(scheduled_long, "scheduled_total{life=\"longer\"}",                                                              \
      "Messages to be delivered later than [sign] life_s, by how long their PASSporT lives.")                          \
    X(scheduled_short, "scheduled_total{life=\"default\"}", NULL)                                                      \
    X(planted, "planted_tags_total", "Messages that arrived with a planted verdict, which was removed.")               \
    X(prefix_left_out, "prefix_left_out_total",                                                                        \
      "Messages whose text had no room for the prefix, or whose alphabet lacks its letters.")                          \
    X(untagged, "untagged_total", "Messages forwarded without their tag, for lack of room.")                           \
    X(judged_lost, "judged_lost_total", "Lines of the record of verified messages that could not be written.")         \
    X(signed_lost, "signed_lost_total", "Lines of the record of signed messages that could not be written.")

struct sc_filter_counters {
#define SC_FILTER_COUNTER_FIELD(field, name, help) uint64_t field;
    SC_FILTER_COUNTER_LIST(SC_FILTER_COUNTER_FIELD)
#undef SC_FILTER_COUNTER_FIELD
    uint64_t waits[SC_EXPECTED_COUNT];
    uint64_t unsigned_[SC_UNSIGNED_COUNT];
    uint64_t rejected[SC_UNSIGNED_COUNT];
    uint64_t exempt[SC_EXEMPT_COUNT];  /* forwarded without being signed or judged; not of SC_EXEMPT_OTHER */
    uint64_t refused[SC_EXEMPT_COUNT]; /* of SC_EXEMPT_REPLACE and SC_EXEMPT_BROADCAST */
    uint64_t verdicts[STIR_VERDICT_COUNT][SC_TREATMENT_COUNT];
    struct sc_waited waited_sign, waited_verify;
};

void sc_waited_add(struct sc_waited *waited, uint64_t ms);

struct sc_outcomes; /* client/sidecar/filter/sign_outcomes.h */

/* What it is at this moment. */
struct sc_filter_gauges {
    size_t queued, under_way; /* operations of libcps */
    size_t undecided;         /* messages */
    size_t join_messages, join_segments, join_octets;
    size_t tenants, recipients; /* of the policy in use */
    bool has_spool;
    struct cps_spool_stats spool;
    bool has_cps;
    struct cps_away_status cps;
    const struct sc_outcomes *outcomes;
};

/* Appends the Prometheus text form (version 0.0.4). */
void sc_filter_metrics_render(struct stir_buf *out, const struct sc_filter_counters *counters,
                              const struct sc_filter_gauges *gauges);

/* Appends the state of the handle's revocation lists and lists of roots, in the same form. cps may be NULL. */
void sc_filter_lists_render(struct stir_buf *out, const struct cps *cps);

/* Appends a sentence for each list that was never loaded or has expired. */
void sc_filter_lists_advise(struct stir_buf *out, const struct cps *cps);
