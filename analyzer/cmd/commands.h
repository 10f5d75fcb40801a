/* SPDX-License-Identifier: Apache-2.0 */
/* The sub-commands: argv[0] is the command's name, the result is the exit status of hasten. */
#ifndef HST_CMD_COMMANDS_H
#define HST_CMD_COMMANDS_H

/* Exit statuses of the reading commands; `run` has its own (125, 126, 127, or the program's), `verify` 3 and 125 in addition. */
enum {
	HST_EXIT_OK = 0,
	HST_EXIT_CHECK_FAILED = 1, /* a check that was asked for failed */
	HST_EXIT_USAGE = 2,        /* wrong usage, or input that cannot be read */
};

#define HST_COMMAND(name, group, arguments, summary) int hst_cmd_##name(int argc, char **argv);
#define HST_COMMAND_LATER(name)
#include "cmd/commands.def"
#undef HST_COMMAND
#undef HST_COMMAND_LATER

#endif
