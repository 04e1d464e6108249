/* SPDX-License-Identifier: MIT */
#include "client/smpp/command.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
    uint32_t command;
    bool answer;
    const char *name;
    const char *response;
} commands[] = {
#define SMPP_COMMAND_ROW(command, number, name, answer) {number, answer, name, name "_resp"},
    SMPP_COMMAND_LIST(SMPP_COMMAND_ROW)
#undef SMPP_COMMAND_ROW
};

static const struct {
    uint32_t status;
    const char *name;
} statuses[] = {
#define SMPP_STATUS_ROW(status, number) {number, "ESME_" #status},
    SMPP_STATUS_LIST(SMPP_STATUS_ROW)
#undef SMPP_STATUS_ROW
};

const char *smpp_command_name(uint32_t command)
{
    if (command == SMPP_GENERIC_NACK) {
        return "generic_nack";
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].command == (command & ~SMPP_RESP)) {
            bool response = smpp_command_is_response(command);
            return !response ? commands[i].name : commands[i].answer ? commands[i].response : NULL;
        }
    }
    return NULL;
}

bool smpp_command_has_response(uint32_t command)
{
    return !smpp_command_is_response(command) && smpp_command_name(command | SMPP_RESP) && command != 0;
}

const char *smpp_status_name(uint32_t status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status) {
            return statuses[i].name;
        }
    }
    return NULL;
}

bool smpp_status_of_name(uint32_t *out, const char *name)
{
    const size_t prefix = sizeof("ESME_") - 1;
    const char *bare = strncasecmp(name, "ESME_", prefix) == 0 ? name + prefix : name;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strcasecmp(statuses[i].name + prefix, bare) == 0) {
            *out = statuses[i].status;
            return true;
        }
    }
    return false;
}
