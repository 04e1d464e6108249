#pragma once

#include "client/cps.h"
#include "client/gateway/filter_policy.h"
#include "client/gateway/message.h"
#include "common/buf.h"

/*
 * What the filter counts, since start; on the loop's thread.
 */

/* Why a message went on unsigned, or was rejected instead: what GW_UNFIT_... says, and: X(value, label) */
#define GW_UNSIGNED_LIST(X)                                                                                            \
    X(TENANT, "no-tenant")      /* nobody has the bind's system_id */                                                  \
    X(OUTSIDE, "outside")       /* the sender is not among the tenant's */                                             \
    X(NOT_COVERED, "uncovered") /* the certificate does not cover the sender */                                        \
    X(NO_KEY, "no-key")         /* no key of any destination's is known */                                             \
    X(FAILED, "failed")         /* the CPS did not take it, or it could not be signed */                               \
    X(TIMEOUT, "timeout")       /* not published in time */                                                            \
    X(INCOMPLETE, "incomplete") /* the other segments did not come */                                                  \
    X(OVERFLOW, "overflow")     /* more segments than may be kept */

enum gw_unsigned {
    GW_UNSIGNED_FIRST = GW_UNFIT_COUNT - 1,
#define GW_UNSIGNED_ENUM(value, label) GW_UNSIGNED_##value,
    GW_UNSIGNED_LIST(GW_UNSIGNED_ENUM)
#undef GW_UNSIGNED_ENUM
        GW_UNSIGNED_COUNT
};

/* Of either kind; never NULL. */
const char *gw_unsigned_name(unsigned why);

enum { GW_WAITED_BUCKETS = 14 }; /* up to 1 ms * 2^i, the last is open */

struct gw_waited {
    uint64_t bucket[GW_WAITED_BUCKETS];
    uint64_t sum_ms;
};

/* X(field, name and labels behind "cps_smpp_", help, or NULL for a further row of the name before) */
#define GW_FILTER_COUNTER_LIST(X)                                                                                      \
    X(published, "signed_total{outcome=\"published\"}", "Messages that went on signed, by where the PASSporT was.")    \
    X(spooled, "signed_total{outcome=\"spooled\"}", NULL)                                                              \
    X(beside, "signed_total{outcome=\"beside\"}", NULL)                                                                \
    X(late_published, "late_total{outcome=\"published\"}",                                                             \
      "Messages that had gone on before their PASSporT was published, by what came of it.")                            \
    X(late_spooled, "late_total{outcome=\"spooled\"}", NULL)                                                           \
    X(late_lost, "late_total{outcome=\"lost\"}", NULL)                                                                 \
    X(joined, "joined_total{outcome=\"complete\"}", "Long messages, by how joining their segments ended.")             \
    X(join_expired, "joined_total{outcome=\"expired\"}", NULL)                                                         \
    X(join_given_up, "joined_total{outcome=\"replaced\"}", NULL)                                                       \
    X(join_overflows, "joined_total{outcome=\"overflow\"}", NULL)                                                      \
    X(duplicates, "duplicate_segments_total", "Segments that were there already.")                                     \
    X(repeats, "repeated_total", "Messages that came again after their connection had ended, and went on from there.") \
    X(planted, "planted_tags_total", "Messages that came with a verdict of their own, which was removed.")             \
    X(prefix_left_out, "prefix_left_out_total", "Messages whose text had no room or no letters for the prefix.")       \
    X(judged_lost, "judged_lost_total", "Lines of the record of judged messages that could not be written.")

struct gw_filter_counters {
#define GW_FILTER_COUNTER_FIELD(field, name, help) uint64_t field;
    GW_FILTER_COUNTER_LIST(GW_FILTER_COUNTER_FIELD)
#undef GW_FILTER_COUNTER_FIELD
    uint64_t unsigned_[GW_UNSIGNED_COUNT];
    uint64_t rejected[GW_UNSIGNED_COUNT];
    uint64_t verdicts[STIR_VERDICT_COUNT][GW_TREATMENT_COUNT];
    struct gw_waited waited_sign, waited_verify;
};

void gw_waited_add(struct gw_waited *waited, uint64_t ms);

/* What it is at this moment. */
struct gw_filter_gauges {
    size_t queued, under_way; /* operations of libcps */
    size_t undecided;         /* messages */
    size_t join_messages, join_segments, join_octets;
    size_t tenants, recipients; /* of the policy in use */
    bool has_spool;
    struct cps_spool_stats spool;
};

/* Appends the Prometheus text form (version 0.0.4). */
void gw_filter_metrics_render(struct stir_buf *out, const struct gw_filter_counters *counters,
                              const struct gw_filter_gauges *gauges);
