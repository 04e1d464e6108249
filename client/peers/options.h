/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/peers/load.h"
#include "client/peers/sms.h"

#include <getopt.h>

/* What both programs take on their command lines: an address, a message to send, a load of messages. */
struct options {
    const char *help; /* what --help prints */
    const char *host;
    uint16_t port;
    struct sms sms;   /* text NULL: no message */
    struct load load; /* window 0: no load */
    double seconds;   /* duration of the load; 0: until all of its count is sent */
    int pid;          /* process whose processor time is part of the report on the load; 0: none */
};

/* What --help says of the options of both. */
#define OPTIONS_HELP_LOAD                                                                                              \
    "  --count N              N messages, or\n"                                                                        \
    "  --seconds S            messages for S seconds\n"                                                                \
    "  --from NUMBER          (+12155551212)\n"                                                                        \
    "  --to NUMBER            the first destination; its last digits count up (+44200000000)\n"                        \
    "  --pairs N              number of destinations (1000)\n"                                                         \
    "  --rate N               messages per second (as fast as the window allows)\n"                                    \
    "  --window N             unanswered messages per connection (100)\n"                                              \
    "  --octets N             length of each text (100)\n"                                                             \
    "  --pid N                report the processor time of this process\n"
#define OPTIONS_HELP_END                                                                                               \
    "\n"                                                                                                               \
    "  -V, --version          print the version\n"                                                                     \
    "  -h, --help             print this help\n"                                                                       \
    "\n"

/* The load that --help describes. */
#define OPTIONS_LOAD(command_)                                                                                         \
    {                                                                                                                  \
        .command = command_, .from = "+12155551212", .to = "+44200000000", .octets = 100, .pairs = 1000                \
    }

/* Options of one program have letters; those of both have numbers from here on. */
enum { OPTIONS_SHARED = 256 };

/*
 * Reads the command line into `options`, which has the defaults; texts stay argv's. `own` are the options of this
 * program, ended by an empty row; `set` gets each of them. What cannot be understood ends the program with PEER_USAGE
 * and a message, --help and --version with PEER_OK.
 */
void options_read(struct options *options, int argc, char **argv, const struct option *own,
                  void (*set)(void *arg, int option, const char *value), void *arg);

/* Reads a number up to max, with 0x as a hexadecimal one. `name` is the option without its dashes. Ends the program
 * with PEER_USAGE if it is not one. */
unsigned options_number(const char *name, const char *text, unsigned max);

/* Likewise a positive number with a fraction. */
double options_real(const char *name, const char *text, double max);

/* Returns when a load that begins now is over, on the clock of now_ns(); UINT64_MAX if all of its count is sent. */
uint64_t options_end_ns(const struct options *options);
