/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of the commands that start a program: those of ours stand before its name, all behind it are its own. One table is what
 * the parser, the environment and the help read.
 */
#ifndef HST_CMD_START_OPTIONS_H
#define HST_CMD_START_OPTIONS_H

#include "util/status.h"

#include <stddef.h>
#include <stdio.h>

enum hst_start_value {
	HST_START_NONE,
	HST_START_REQUIRED,
	HST_START_OPTIONAL, /* only as --name=VALUE */
};

/* `name` is how the user wrote it: "--limit", "-o", or the variable; `value` is NULL if there is none. Borrowed from argv. */
typedef enum hst_status (*hst_start_set)(
	void *options, const char *name, const char *value, struct hst_diag *diag);

struct hst_start_option {
	const char *name; /* without the dashes */
	char letter;      /* 0 none */
	enum hst_start_value value;
	hst_start_set set;    /* NULL: sets the bool at `flag` */
	size_t flag;          /* in the struct of options */
	const char *variable; /* of the environment, NULL none */
	const char *placeholder;
	const char *help;
};

struct hst_start_table {
	const char *command; /* "run" */
	const char *starts;  /* "the program" */
	const struct hst_start_option *rows;
	size_t count;
	int help_width; /* of the left column */
};

/*
 * Reads options up to the name of the program, "--" or the end; *ret_rest is the index in argv behind them, argc at most.
 * HST_E_USAGE with a sentence, or what a setter says.
 */
HST_NODISCARD enum hst_status hst_start_options_parse(const struct hst_start_table *table, int argc,
	char **argv, void *options, int *ret_rest, struct hst_diag *diag);

/* Takes what the variables of the environment say. "" is as if it were not set, and so is 0 for an option without value. */
HST_NODISCARD enum hst_status hst_start_options_environment(
	const struct hst_start_table *table, void *options, struct hst_diag *diag);

/* A line for each option. */
void hst_start_options_help(const struct hst_start_table *table, FILE *out);

#endif
