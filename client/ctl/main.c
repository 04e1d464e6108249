/* cpsctl: what a person or a script does with PASSporTs and a Call Placement Service. */
#include "client/ctl/commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* In the order in which a message goes its way. */
static const struct ctl_command *const commands[] = {
    &ctl_cmd_pki,      &ctl_cmd_keygen,  &ctl_cmd_sign,      &ctl_cmd_encrypt,  &ctl_cmd_publish,  &ctl_cmd_send,
    &ctl_cmd_retrieve, &ctl_cmd_decrypt, &ctl_cmd_verify,    &ctl_cmd_receive,  &ctl_cmd_inspect,  &ctl_cmd_health,
    &ctl_cmd_stat,     &ctl_cmd_box,     &ctl_cmd_keys_make, &ctl_cmd_keys_put, &ctl_cmd_keys_get,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char about[] =
    "\n"
    "cpsctl COMMAND --help says more of one. An option's value follows it, as --dest 12155551212 or\n"
    "--dest=12155551212; numbers may be written in any visual form.\n"
    "\n"
    "Environment: CPS_URL, CPS_CA, CPS_TRUST, CPS_X5U_DIR, CPS_TENANTS and CPS_ADMIN stand for --cps, --ca,\n"
    "--trust, --x5u-dir, --tenants and --admin; CPS_AUTH_CERT, CPS_AUTH_KEY, CPS_AUTH_X5U, CPS_AUTH_SPC and\n"
    "CPS_AUTH_AUDIENCE for --auth-cert and its like.\n"
    "\n"
    "Exit status:\n"
    "  0  it is done; the verdict is passed\n"
    "  1  no: the verdict is another than passed; decrypt, no envelope opens with these keys; retrieve --id, no such\n"
    "     envelope is in the box\n"
    "  2  the command, or something that it was given, cannot be used: an unknown option, a file that is missing or\n"
    "     malformed, a key or certificate that does not fit, an orig that the certificate does not cover, a file that\n"
    "     cannot be written\n"
    "  3  no CPS could be reached: no connection, no TLS, no answer in time, or an answer that is not a CPS's\n"
    "  4  the CPS answered and refused (HTTP 4xx and 5xx)\n"
    "Statuses 2, 3 and 4 come with one line on standard error, \"cpsctl: FILE OR OPTION: REASON\", and with --json "
    "also\n"
    "as {\"error\":{\"code\",\"text\"}} on standard output.\n";

static void help_put_overview(struct stir_buf *out)
{
    stir_buf_puts(out,
                  "usage: cpsctl COMMAND [option...]\n\n"
                  "Signs, encrypts, stores, fetches and verifies the PASSporTs of text messages at a Call Placement\n"
                  "Service (RFC 8816, RFC 9475).\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        stir_buf_printf(out, "  %-10s %s\n", commands[i]->syntax.name, commands[i]->syntax.text);
    }
    stir_buf_printf(out, "  %-10s %s\n", "help", "this, or with the name of a command what that one takes");
    stir_buf_printf(out, "  %-10s %s\n", "version", "the version of cpsctl");
    stir_buf_puts(out, about);
}

static const struct ctl_command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->syntax.name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

/* A command of two words, "keys put", or of one; *used becomes how many of argv they are. */
static const struct ctl_command *command_find_words(int argc, char *const *argv, int *used)
{
    char words[64];
    *used = 2;
    if (argc > 1 && (size_t)snprintf(words, sizeof(words), "%s %s", argv[0], argv[1]) < sizeof(words)) {
        const struct ctl_command *command = command_find(words);
        if (command) {
            return command;
        }
    }
    *used = 1;
    return command_find(argv[0]);
}

static enum ctl_exit command_unknown(struct ctl *ctl, const char *name)
{
    const char *names[COMMANDS + 2];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i]->syntax.name;
    }
    names[COMMANDS] = "help";
    names[COMMANDS + 1] = "version";
    if (strcmp(name, "keys") == 0) {
        return ctl_usage(ctl, "keys: is followed by make, put or get");
    }
    const char *nearest = ctl_nearest(name, names, COMMANDS + 2);
    return nearest ? ctl_usage(ctl, "%.40s: no such command; did you mean %s?", name, nearest)
                   : ctl_usage(ctl, "%.40s: no such command; see cpsctl help", name);
}

static enum ctl_exit help_answer(struct ctl *ctl, const struct ctl_command *command)
{
    if (command) {
        ctl_options_help(&ctl->text, &command->syntax);
    } else {
        help_put_overview(&ctl->text);
    }
    return ctl_answer(ctl, json_pack("{s:s*}", "help", ctl->text.ptr));
}

static enum ctl_exit command_run(struct ctl *ctl, const struct ctl_command *command, int argc, char *const *argv)
{
    struct stir_error err = {0};
    ctl->args.json = ctl_options_ask_json(argc, argv);
    if (ctl_options_parse(&ctl->args, &command->syntax, argc, argv, &err) != STIR_OK) {
        return ctl_fail(ctl, &err);
    }
    return ctl->args.help ? help_answer(ctl, command) : command->run(ctl);
}

static enum ctl_exit main_help(struct ctl *ctl, int argc, char *const *argv)
{
    const struct ctl_command *command = NULL;
    ctl->args.json = ctl_options_ask_json(argc, argv);
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            continue;
        }
        if (command) {
            return ctl_usage(ctl, "help: takes the name of one command");
        }
        int used;
        command = command_find_words(argc - i, argv + i, &used);
        if (!command) {
            return command_unknown(ctl, argv[i]);
        }
        i += used - 1;
    }
    return help_answer(ctl, command);
}

static enum ctl_exit main_dispatch(struct ctl *ctl, int argc, char *const *argv)
{
    if (argc < 2) {
        return ctl_usage(ctl, "a command is missing; see cpsctl help");
    }
    const char *name = argv[1];
    int used;
    const struct ctl_command *command = command_find_words(argc - 1, argv + 1, &used);
    if (command) {
        return command_run(ctl, command, argc - 1 - used, argv + 1 + used);
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return main_help(ctl, argc - 2, argv + 2);
    }
    ctl->args.json = ctl_options_ask_json(argc - 1, argv + 1);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        stir_buf_printf(&ctl->text, "cpsctl %s\n", cps_version());
        return ctl_answer(ctl, json_pack("{s:s}", "version", cps_version()));
    }
    return command_unknown(ctl, name);
}

int main(int argc, char **argv)
{
    struct ctl ctl = {0};
    /* A reader that went away is a write that fails, and said so. */
    (void)signal(SIGPIPE, SIG_IGN);
    enum ctl_exit status = ctl_finish(&ctl, main_dispatch(&ctl, argc, argv));
    ctl_args_clear(&ctl.args);
    return (int)status;
}
