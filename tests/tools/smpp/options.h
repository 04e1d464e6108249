#pragma once

#include "tests/tools/smpp/load.h"
#include "tests/tools/smpp/sms.h"

#include <getopt.h>

/* What every tool takes on its command line: --port, a message to send, a load of messages. */
struct options {
    uint16_t port;
    struct sms sms;   /* text NULL: no message */
    struct load load; /* window 0: no load */
    double seconds;   /* that the load lasts; 0: until all of its count is sent */
    int pid;          /* whose processor time is told */
};

/* Reads the command line. `options` has the defaults, and the texts stay argv's. `own` are the options that this tool
 * has besides, with letters that options.c has not taken, ended by an empty row; `set` gets each of them that comes,
 * and returns false if it knows no such option. What cannot be understood ends the program. */
void options_read(struct options *options, int argc, char **argv, const struct option *own,
                  bool (*set)(void *arg, int option, const char *value), void *arg);

/* A number, 0x for a hexadecimal one, or the end of the program. */
unsigned options_number(const char *text, unsigned max);

/* Ends the program with a word on how it is called. */
void options_usage(void) __attribute__((noreturn));

/* When a load that begins now is over; UINT64_MAX: when all is sent. */
uint64_t options_end_ns(const struct options *options);
