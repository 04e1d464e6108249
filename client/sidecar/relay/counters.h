/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* The counters of all relays together since start, on one thread. X(name, help) */
#define SC_COUNTER_LIST(X)                                                                                             \
    X(pdus_from_esme, "PDUs received from ESMEs")                                                                      \
    X(pdus_from_peer, "PDUs received from the peer")                                                                   \
    X(bytes_from_esme, "Octets of the PDUs received from ESMEs")                                                       \
    X(bytes_from_peer, "Octets of the PDUs received from the peer")                                                    \
    X(offered, "Messages offered to the filter")                                                                       \
    X(passed, "Messages that the filter let pass unchanged")                                                           \
    X(edited, "Messages that the filter let pass edited")                                                              \
    X(answered, "Messages that the filter answered with an error")                                                     \
    X(abandoned, "Messages undecided when their connection ended")                                                     \
    X(dropped, "Requests left unanswered because the sidecar was stopping or a leg had ended")                         \
    X(nacked, "Requests answered with an error by the sidecar itself, not by the filter")                              \
    X(malformed, "Connections closed because their octets were not SMPP or had lost their framing")                    \
    X(binds, "Binds that the peer accepted")                                                                           \
    X(binds_refused, "Binds that the peer refused")                                                                    \
    X(binds_failed, "Binds that the sidecar answered with an error: over the limit, or no peer")                       \
    X(timeouts, "Connections closed because a side was silent or too slow")                                            \
    X(stalls, "Number of times reading stopped because too many messages were held")                                   \
    X(enquiries, "enquire_link requests sent by the sidecar itself")

struct sc_counters {
#define SC_COUNTER_FIELD(name, help) uint64_t name;
    SC_COUNTER_LIST(SC_COUNTER_FIELD)
#undef SC_COUNTER_FIELD
};
