/* SPDX-License-Identifier: MIT */
#include "client/cps_smpp.h"
#include "client/smpp/command.h"

#define KIND_LIST(X)                                                                                                   \
    X(CPS_SMPP_OTHER)                                                                                                  \
    X(CPS_SMPP_MESSAGE)                                                                                                \
    X(CPS_SMPP_WAITS)                                                                                                  \
    X(CPS_SMPP_DUPLICATE)                                                                                              \
    X(CPS_SMPP_LOOSE)                                                                                                  \
    X(CPS_SMPP_INCOMPLETE)                                                                                             \
    X(CPS_SMPP_RECEIPT)                                                                                                \
    X(CPS_SMPP_MALFORMED)                                                                                              \
    X(CPS_SMPP_REPLACE)

#define REASON_LIST(X)                                                                                                 \
    X(CPS_SMPP_NO_MESSAGE, "no message")                                                                               \
    X(CPS_SMPP_FIT, "may be signed or verified")                                                                       \
    X(CPS_SMPP_UNFINISHED, "some of its segments have not arrived")                                                    \
    X(CPS_SMPP_UNREADABLE, "the PDU is malformed")                                                                     \
    X(CPS_SMPP_AMBIGUOUS, "it has two texts or two segment numberings, and receivers differ in which they use")        \
    X(CPS_SMPP_CANNED, "its text is kept at the SMSC (sm_default_msg_id)")                                             \
    X(CPS_SMPP_ALPHANUMERIC, "its sender is alphanumeric, and no alphanumeric_domain is set")                          \
    X(CPS_SMPP_BAD_ORIG, "source_addr is not a telephone number")                                                      \
    X(CPS_SMPP_BAD_DEST, "destination_addr is not a telephone number")                                                 \
    X(CPS_SMPP_DISTRIBUTION_LIST, "it goes to a distribution list that the SMSC keeps")                                \
    X(CPS_SMPP_MANY_DESTS, "it has more destinations than a PASSporT may name")                                        \
    X(CPS_SMPP_CODING, "its alphabet is not known to this machine's iconv")                                            \
    X(CPS_SMPP_OVER, "not joined: a limit of the peer's, or of memory, is reached")                                    \
    X(CPS_SMPP_NO_MEMORY, "out of memory")                                                                             \
    X(CPS_SMPP_CONTESTED, "not joined: another unfinished message has the same addresses, reference and total")

static const char *const kinds[] = {
#define KIND_ROW(kind) [kind] = #kind,
    KIND_LIST(KIND_ROW)
#undef KIND_ROW
};

static const struct {
    const char *name;
    const char *text;
} reasons[] = {
#define REASON_ROW(reason, words) [reason] = {#reason, words},
    REASON_LIST(REASON_ROW)
#undef REASON_ROW
};

const char *cps_smpp_kind_name(enum cps_smpp_kind kind)
{
    return (size_t)kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : "unknown";
}

const char *cps_smpp_reason_name(enum cps_smpp_reason reason)
{
    return (size_t)reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason].name : "unknown";
}

const char *cps_smpp_reason_text(enum cps_smpp_reason reason)
{
    return (size_t)reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason].text : "unknown reason";
}

const char *cps_smpp_status_name(uint32_t command_status)
{
    const char *name = smpp_status_name(command_status);
    return name ? name : "unknown";
}
