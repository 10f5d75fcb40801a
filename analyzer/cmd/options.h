/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of the commands that read a data directory. Each command has a table; parser and --help
 * are made from it.
 */
#ifndef HST_CMD_OPTIONS_H
#define HST_CMD_OPTIONS_H

#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum hst_color_choice {
	HST_COLOR_AUTO,
	HST_COLOR_ALWAYS,
	HST_COLOR_NEVER,
};

#define HST_DIRS_ALSO 15u

/* All of them; a command's table says which it takes. Texts are borrowed from argv. */
struct hst_options {
	const char *dir;                 /* NULL: the newest here */
	const char *also[HST_DIRS_ALSO]; /* more of them, for commands that compare */
	size_t also_count;
	uint64_t rows; /* UINT64_MAX: not given */
	const char *sort;
	const char *columns;
	const char *filter;
	const char *of;
	const char *by;
	const char *names;
	const char *format;
	const char *output;
	const char *metric;
	const char *snapshot;
	const char *args;     /* of `info` */
	const char *overhead; /* of `optimize`, as the next ones */
	const char *keep;
	const char *compiler;
	const char *trust, *only, *without;
	uint64_t pid;
	uint64_t tid;
	uint64_t least_us; /* UINT64_MAX: not given */
	uint64_t events;   /* UINT64_MAX: not given */
	enum hst_color_choice color;
	bool reverse, json, csv, quiet, wide, no_pager, start, stop, help;
	bool instrumentation;
	bool automatic; /* --auto */
	bool force;     /* of `optimize` and `cache` */
	bool blocked, off_cpu;
	const char *explain, *pure, *patch, *baseline; /* of `cache`, as the next one */
	bool processes;
	bool leaks, peak, temporary, timeline, sites, paths;       /* views of `memory` */
	bool commands, languages, waste, critical, failed, system; /* views of `processes` */
};

enum hst_option_kind {
	HST_OPTION_FLAG,  /* bool */
	HST_OPTION_TEXT,  /* const char * */
	HST_OPTION_COUNT, /* uint64_t */
	HST_OPTION_COLOR,
	HST_OPTION_LATER, /* kept for a later version */
	HST_OPTION_DIRS,  /* the end of a table: more than one directory may be named */
};

struct hst_option {
	char letter; /* 0 none */
	const char *name;
	const char *argument; /* NULL none */
	enum hst_option_kind kind;
	size_t offset; /* in struct hst_options */
	const char *help;
};

#define HST_OPTION_AT(member) offsetof(struct hst_options, member)
#define HST_OPTION_TABLE_END              \
 {                                        \
  0, NULL, NULL, HST_OPTION_FLAG, 0, NULL \
 }

#define HST_OPTION_TABLE_END_DIRS         \
 {                                        \
  0, NULL, NULL, HST_OPTION_DIRS, 0, NULL \
 }

/* What all reading commands take: -q, -w, --color, --no-pager, --help. */
extern const struct hst_option hst_common_options[];

/*
 * Reads argv[1...] into `ret_options` by `table` (NULL-named row at its end) and the common one.
 * Options may stand before and behind the directory. HST_E_USAGE, HST_E_UNSUPPORTED with a sentence.
 */
HST_NODISCARD enum hst_status hst_options_parse(int argc, char **argv,
	const struct hst_option *table, struct hst_options *ret_options, struct hst_diag *diag);

/* Writes the help of a command: usage line, purpose, options, examples (may be NULL). */
void hst_options_help(FILE *out, const char *command, const char *arguments, const char *purpose,
	const struct hst_option *table, const char *examples);

#endif
