#include "tests/tools/smpp/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 100, OWN_MAX = 16 };

static const struct option shared[] = {
    {"port", required_argument, NULL, 'p'},    {"text", required_argument, NULL, 't'},
    {"from", required_argument, NULL, 'f'},    {"to", required_argument, NULL, 'd'},
    {"tlv", required_argument, NULL, 'v'},     {"count", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 's'}, {"window", required_argument, NULL, 'W'},
    {"octets", required_argument, NULL, 'o'},  {"pairs", required_argument, NULL, 'P'},
    {"rate", required_argument, NULL, 'R'},    {"pid", required_argument, NULL, 'k'},
};

enum { SHARED = sizeof(shared) / sizeof(shared[0]) };

void options_usage(void)
{
    die("usage: see the beginning of tests/tools/%s.c", program_invocation_short_name);
}

unsigned options_number(const char *text, unsigned max)
{
    char *end = NULL;
    bool hexadecimal = text[0] == '0' && text[1] == 'x';
    unsigned long value = strtoul(text, &end, hexadecimal ? 16 : 10);
    if (*text < '0' || *text > '9' || *end || value > max) {
        die("%s: %s: not a number up to %u", program_invocation_short_name, text, max);
    }
    return (unsigned)value;
}

static bool set_message(struct options *options, int option, const char *value)
{
    switch (option) {
    case 't':
        options->sms.text = value;
        break;
    case 'f':
        options->sms.from = value;
        break;
    case 'd':
        options->sms.to = value;
        break;
    case 'v':
        options->sms.tlvs = value;
        break;
    default:
        return false;
    }
    return true;
}

static bool set_load(struct options *options, int option, const char *value)
{
    struct load *load = &options->load;
    switch (option) {
    case 'n':
        load->count = options_number(value, UINT32_MAX);
        break;
    case 's':
        options->seconds = strtod(value, NULL);
        break;
    case 'W':
        load->window = options_number(value, 1 << 20);
        break;
    case 'o':
        load->octets = options_number(value, 254);
        break;
    case 'P':
        load->pairs = options_number(value, 9999999);
        break;
    case 'R':
        load->rate = strtod(value, NULL);
        break;
    case 'k':
        options->pid = (int)options_number(value, INT32_MAX);
        break;
    default:
        return false;
    }
    return true;
}

void options_read(struct options *options, int argc, char **argv, const struct option *own,
                  bool (*set)(void *arg, int option, const char *value), void *arg)
{
    struct option table[SHARED + OWN_MAX + 1] = {0};
    memcpy(table, shared, sizeof(shared));
    for (size_t i = 0; i < OWN_MAX && own[i].name; i++) {
        table[SHARED + i] = own[i];
    }
    for (int option; (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (option == 'p') {
            options->port = (uint16_t)options_number(optarg, UINT16_MAX);
        } else if (!set_message(options, option, optarg) && !set_load(options, option, optarg) &&
                   !set(arg, option, optarg)) {
            options_usage();
        }
    }
    if (optind != argc || options->load.pairs == 0) {
        options_usage();
    }
    bool load = options->load.count || options->seconds > 0;
    options->load.window = load && !options->load.window ? WINDOW : load ? options->load.window : 0;
}

uint64_t options_end_ns(const struct options *options)
{
    return options->seconds > 0 ? now_ns() + (uint64_t)(options->seconds * 1e9) : UINT64_MAX;
}
