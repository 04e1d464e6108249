/* SPDX-License-Identifier: MIT */
/* cpsctl, the command line tool for PASSporTs and a Call Placement Service: finds the command and runs it. */
#include "client/ctl/commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* In the order in which they are used for a message. */
static const struct ctl_command *const commands[] = {
    &ctl_cmd_pki,      &ctl_cmd_keygen,  &ctl_cmd_sign,      &ctl_cmd_encrypt,  &ctl_cmd_publish,  &ctl_cmd_send,
    &ctl_cmd_retrieve, &ctl_cmd_decrypt, &ctl_cmd_verify,    &ctl_cmd_receive,  &ctl_cmd_inspect,  &ctl_cmd_health,
    &ctl_cmd_stat,     &ctl_cmd_box,     &ctl_cmd_keys_make, &ctl_cmd_keys_put, &ctl_cmd_keys_get,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char about[] =
    "\n"
    "cpsctl COMMAND --help describes a command. Write the value of an option as --dest 12155551212 or\n"
    "--dest=12155551212. Numbers may contain the usual separators, as in \"+1 (215) 555-1212\".\n"
    "\n"
    "Environment: CPS_URL, CPS_CA, CPS_TRUST, CPS_X5U_DIR, CPS_NUMBERS, CPS_TENANTS and CPS_ADMIN set --cps, --ca,\n"
    "--trust, --x5u-dir, --numbers, --tenants and --admin. CPS_AUTH_CERT, CPS_AUTH_KEY, CPS_AUTH_X5U, CPS_AUTH_SPC\n"
    "and CPS_AUTH_AUDIENCE set --auth-cert, --auth-key, --auth-x5u, --auth-spc and --auth-audience.\n"
    "\n"
    "Exit status:\n"
    "  0  success; for verify and receive: the verdict is passed\n"
    "  1  the answer is no: the verdict is not passed; decrypt: no envelope can be opened with these keys;\n"
    "     retrieve --id: the box does not contain this envelope\n"
    "  2  the command or its input is invalid: an unknown option, a missing or malformed file, an unsuitable key or\n"
    "     certificate, an orig that the certificate does not cover, a file that cannot be written\n"
    "  3  no CPS could be reached: the connection, TLS or a timeout failed, or the server is not a CPS\n"
    "  4  the CPS refused the request (HTTP 4xx or 5xx)\n"
    "With status 2, 3 or 4, standard error contains one line, \"cpsctl: FILE OR OPTION: REASON\". With --json, "
    "standard\n"
    "output also contains {\"error\":{\"code\",\"text\"}}.\n";

static void help_put_overview(struct stir_buf *out)
{
    stir_buf_puts(out,
                  "usage: cpsctl COMMAND [option...]\n\n"
                  "Signs, encrypts, stores, fetches and verifies the PASSporTs of text messages at a Call Placement\n"
                  "Service (RFC 8816, RFC 9475).\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        stir_buf_printf(out, "  %-10s %s\n", commands[i]->syntax.name, commands[i]->syntax.text);
    }
    stir_buf_printf(out, "  %-10s %s\n", "help", "show this overview, or the options of a command");
    stir_buf_printf(out, "  %-10s %s\n", "version", "show the version of cpsctl");
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

/* A command of two words, "keys put", or of one; Sets *used to the number of words. */
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
        return ctl_usage(ctl, "keys: the subcommand is missing or unknown; use keys make, keys put or keys get");
    }
    const char *nearest = ctl_nearest(name, names, COMMANDS + 2);
    return nearest ? ctl_usage(ctl, "%.40s: no such command; did you mean %s?", name, nearest)
                   : ctl_usage(ctl, "%.40s: no such command; \"cpsctl help\" lists them", name);
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
            return ctl_usage(ctl, "help: expects the name of one command only");
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
        return ctl_usage(ctl, "a command is missing; \"cpsctl help\" lists them");
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
    /* If the reader of standard output is gone, report a failed write instead of ending with a signal. */
    (void)signal(SIGPIPE, SIG_IGN);
    enum ctl_exit status = ctl_finish(&ctl, main_dispatch(&ctl, argc, argv));
    ctl_args_clear(&ctl.args);
    return (int)status;
}
