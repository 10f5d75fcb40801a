/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the sub-command in the table, and helps those who did not name one that is there. */
#include "cmd/commands.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/version.h"
#include "hasten/trace.h"
#include "writers/table.h"

struct command {
	const char *name;
	int (*function)(int argc, char **argv); /* NULL: not in this version */
	int group;
	const char *arguments;
	const char *summary;
};

static const struct command commands[] = {
#define HST_COMMAND(name, group, arguments, summary) \
 { #name, hst_cmd_##name, group, arguments, summary },
#define HST_COMMAND_LATER(name) { #name, NULL, 0, NULL, NULL },
#include "cmd/commands.def"
#undef HST_COMMAND
#undef HST_COMMAND_LATER
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void print_group(FILE *out, int group)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].function != NULL && commands[i].group == group) {
			fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
		}
	}
}

static void print_help(FILE *out)
{
	fputs("hasten shows where a C or C++ program spends its time.\n"
	      "\n"
	      "  hasten build -- make       build it with hooks (or add -finstrument-functions -g)\n"
	      "  hasten run -- ./app args   record\n"
	      "  hasten report              see who costs what\n"
	      "\n"
	      "usage: hasten COMMAND [OPTIONS]\n"
	      "\n"
	      "first:\n",
		out);
	print_group(out, 1);
	fputs("then:\n", out);
	print_group(out, 2);
	fputs("\n"
	      "hasten COMMAND --help lists the options of a command; hasten --version the version.\n",
		out);
}

static int print_version(void)
{
	printf("hasten %s\n", HST_VERSION);
	printf("trace format: %d.%d (reads %d.x)\n", HST_TRACE_MAJOR, HST_TRACE_MINOR,
		HST_TRACE_MAJOR);
	printf("libsmartcols: %s\n", hst_table_library());
	return HST_EXIT_OK;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

/* Edit distance with insertion, deletion and exchange; names longer than the table give a miss. */
static size_t distance(const char *a, const char *b)
{
	size_t row[16];
	size_t a_length = strlen(a);
	size_t b_length = strlen(b);

	if (b_length >= sizeof row / sizeof row[0] || a_length > 32) {
		return SIZE_MAX;
	}
	for (size_t j = 0; j <= b_length; j++) {
		row[j] = j;
	}
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[b_length];
}

static int unknown(const char *name)
{
	const struct command *near = NULL;
	size_t least = 3;

	for (size_t i = 0; i < COMMANDS; i++) {
		size_t now = distance(name, commands[i].name);

		if (commands[i].function != NULL && now < least) {
			near = &commands[i];
			least = now;
		}
	}
	if (near != NULL) {
		fprintf(stderr, "hasten: there is no command '%s'; did you mean '%s'?\n", name,
			near->name);
	} else if (access(name, X_OK) == 0) {
		fprintf(stderr,
			"hasten: there is no command '%s'; to record it: hasten run -- %s\n", name,
			name);
	} else {
		fprintf(stderr, "hasten: there is no command '%s'; hasten --help lists them\n",
			name);
	}
	return HST_EXIT_USAGE;
}

static int help_of(int argc, char **argv)
{
	static char option[] = "--help";
	const struct command *command;
	char *arguments[3];

	if (argc < 2) {
		print_help(stdout);
		return HST_EXIT_OK;
	}
	command = find(argv[1]);
	if (command == NULL || command->function == NULL) {
		return command == NULL ? unknown(argv[1]) : HST_EXIT_USAGE;
	}
	arguments[0] = argv[1];
	arguments[1] = option;
	arguments[2] = NULL;
	return command->function(2, arguments);
}

/* A full disk must not look like success; a reader that went away is none of our business. */
static int flushed(int status)
{
	if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE) {
		fprintf(stderr, "hasten: cannot write the output: %s\n", strerror(errno));
		return status == HST_EXIT_OK ? HST_EXIT_USAGE : status;
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command;

	/* Names are bytes and may be UTF-8; numbers are always written in the C locale. */
	(void)setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_help(stderr);
		return HST_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return flushed(HST_EXIT_OK);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		return flushed(print_version());
	}
	if (strcmp(argv[1], "help") == 0) {
		return flushed(help_of(argc - 1, argv + 1));
	}
	command = find(argv[1]);
	if (command == NULL) {
		return unknown(argv[1]);
	}
	if (command->function == NULL) {
		fprintf(stderr, "hasten: %s: not available in this version\n", command->name);
		return HST_EXIT_USAGE;
	}
	return flushed(command->function(argc - 1, argv + 1));
}
