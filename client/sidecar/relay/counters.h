#pragma once

#include <stdint.h>

/* What all relays of a sidecar count, since start; all on one thread. X(name, label pairs or "", help) */
#define SC_COUNTER_LIST(X)                                                                                             \
    X(pdus_from_esme, "PDUs that came from ESMEs")                                                                     \
    X(pdus_from_peer, "PDUs that came from the peer")                                                                  \
    X(bytes_from_esme, "Octets of these")                                                                              \
    X(bytes_from_peer, "Octets of these")                                                                              \
    X(offered, "Messages that the filter was asked about")                                                             \
    X(passed, "Of these, passed on as they came")                                                                      \
    X(edited, "Of these, passed on edited")                                                                            \
    X(answered, "Of these, answered with an error")                                                                    \
    X(abandoned, "Of these, undecided when their connection ended")                                                    \
    X(dropped, "Requests left unanswered because the sidecar was stopping or a leg had ended")                         \
    X(nacked, "Requests answered with an error by the sidecar itself, filter aside")                                   \
    X(malformed, "Connections closed because what they sent was not SMPP, or not to be framed")                        \
    X(binds, "Binds that the peer accepted")                                                                           \
    X(binds_refused, "Binds that the peer refused")                                                                    \
    X(binds_failed, "Binds that the sidecar answered itself: over the limit, or no peer")                              \
    X(timeouts, "Connections closed because a leg was silent, or too slow")                                            \
    X(stalls, "Times that reading stopped because too many messages were held")                                        \
    X(enquiries, "enquire_link sent by the sidecar itself")

struct sc_counters {
#define SC_COUNTER_FIELD(name, help) uint64_t name;
    SC_COUNTER_LIST(SC_COUNTER_FIELD)
#undef SC_COUNTER_FIELD
};
