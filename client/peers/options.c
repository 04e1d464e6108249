/* SPDX-License-Identifier: MIT */
#include "client/peers/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 100, WINDOW_MAX = 1 << 20, PAIRS_MAX = 9999999, OWN_MAX = 16, YEAR_S = 366 * 86400 };
enum {
    HOST = OPTIONS_SHARED,
    PORT,
    TEXT,
    FROM,
    TO,
    TLV,
    COUNT,
    SECONDS,
    LOAD_WINDOW,
    OCTETS,
    PAIRS,
    RATE,
    PID,
    HELP,
    VERSION,
};

static const struct option shared[] = {
    {"host", required_argument, NULL, HOST},
    {"port", required_argument, NULL, PORT},
    {"text", required_argument, NULL, TEXT},
    {"from", required_argument, NULL, FROM},
    {"to", required_argument, NULL, TO},
    {"tlv", required_argument, NULL, TLV},
    {"count", required_argument, NULL, COUNT},
    {"seconds", required_argument, NULL, SECONDS},
    {"window", required_argument, NULL, LOAD_WINDOW},
    {"octets", required_argument, NULL, OCTETS},
    {"pairs", required_argument, NULL, PAIRS},
    {"rate", required_argument, NULL, RATE},
    {"pid", required_argument, NULL, PID},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
};

enum { SHARED = sizeof(shared) / sizeof(shared[0]) };

unsigned options_number(const char *name, const char *text, unsigned max)
{
    char *end = NULL;
    bool hexadecimal = text[0] == '0' && text[1] == 'x';
    errno = 0;
    unsigned long value = strtoul(text, &end, hexadecimal ? 16 : 10);
    if (*text < '0' || *text > '9' || *end || errno || value > max) {
        peer_die(PEER_USAGE, "--%s: \"%s\" is not a number from 0 to %u", name, text, max);
    }
    return (unsigned)value;
}

double options_real(const char *name, const char *text, double max)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end || !(value > 0 && value <= max)) {
        peer_die(PEER_USAGE, "--%s: \"%s\" is not a number above 0 and up to %.0f", name, text, max);
    }
    return value;
}

static void options_set_message(struct options *options, int option, const char *value)
{
    switch (option) {
    case HOST:
        options->host = value;
        break;
    case PORT:
        options->port = (uint16_t)options_number("port", value, UINT16_MAX);
        break;
    case TEXT:
        options->sms.text = value;
        break;
    case FROM:
        options->sms.from = options->load.from = value;
        break;
    case TO:
        options->sms.to = options->load.to = value;
        break;
    default:
        options->sms.tlvs = value;
    }
}

static void options_set_load(struct options *options, int option, const char *value)
{
    struct load *load = &options->load;
    /* The letters are those of the table of options. */
    switch (option) {
    case COUNT:
        load->count = options_number("count", value, UINT32_MAX);
        break;
    case SECONDS:
        options->seconds = options_real("seconds", value, YEAR_S);
        break;
    case LOAD_WINDOW:
        load->window = options_number("window", value, WINDOW_MAX);
        break;
    case OCTETS:
        load->octets = options_number("octets", value, UINT8_MAX);
        break;
    case PAIRS:
        load->pairs = options_number("pairs", value, PAIRS_MAX);
        break;
    case RATE:
        load->rate = options_real("rate", value, 1e9);
        break;
    default:
        options->pid = (int)options_number("pid", value, INT32_MAX);
    }
}

static void options_print(const char *text, const char *more)
{
    exit(printf("%s%s", text, more) < 0 || fflush(stdout) != 0 ? PEER_FAILED : PEER_OK);
}

static void options_usage(void)
{
    (void)fprintf(stderr, "Try \"%s --help\".\n", program_invocation_short_name);
    exit(PEER_USAGE);
}

/* What the options say together. */
static void options_complete(struct options *options)
{
    bool load = options->load.count || options->seconds > 0;
    if (options->load.pairs == 0) {
        peer_die(PEER_USAGE, "--pairs must be at least 1");
    }
    if (load && options->sms.text) {
        peer_die(PEER_USAGE, "--text sends one message and --count or --seconds a load: use one of them");
    }
    options->load.window = load && !options->load.window ? WINDOW : load ? options->load.window : 0;
}

void options_read(struct options *options, int argc, char **argv, const struct option *own,
                  void (*set)(void *arg, int option, const char *value), void *arg)
{
    struct option table[SHARED + OWN_MAX + 1] = {0};
    memcpy(table, shared, sizeof(shared));
    for (size_t i = 0; i < OWN_MAX && own[i].name; i++) {
        table[SHARED + i] = own[i];
    }
    for (int option; (option = getopt_long(argc, argv, "hV", table, NULL)) != -1;) {
        if (option == HELP || option == 'h') {
            options_print(options->help, "");
        } else if (option == VERSION || option == 'V') {
            options_print(program_invocation_short_name, " " CPS_VERSION "\n");
        } else if (option == '?') { /* getopt_long has said why */
            options_usage();
        } else if (option >= COUNT) {
            options_set_load(options, option, optarg);
        } else if (option >= OPTIONS_SHARED) {
            options_set_message(options, option, optarg);
        } else {
            set(arg, option, optarg);
        }
    }
    if (optind != argc) {
        (void)fprintf(stderr, "%s: unexpected argument \"%s\"\n", program_invocation_short_name, argv[optind]);
        options_usage();
    }
    options_complete(options);
}

uint64_t options_end_ns(const struct options *options)
{
    return options->seconds > 0 ? now_ns() + (uint64_t)(options->seconds * 1e9) : UINT64_MAX;
}
