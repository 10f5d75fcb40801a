/* SPDX-License-Identifier: Apache-2.0 */
/* Options of `hasten build`, and what it has to say. */
#ifndef HST_CMD_BUILD_H
#define HST_CMD_BUILD_H

#include "cmd/build_calls.h"
#include "cmd/run_say.h"
#include "util/status.h"

#include <stdbool.h>
#include <stdio.h>

struct hst_build_options {
	const char *directory; /* keep the data here; NULL: nowhere */
	const char *flags;     /* as given; NULL ours */
	const char *json;      /* file, NULL none */
	bool quiet, help;
	enum hst_say_color color;
	char **program; /* borrowed from argv, NULL-terminated; [0] NULL: none was named */
};

/* argv[0] is "build". Parsing ends at the first argument that is no option, or behind "--". HST_E_USAGE with a sentence. */
HST_NODISCARD enum hst_status hst_build_options_parse(
	int argc, char **argv, struct hst_build_options *ret_options, struct hst_diag *diag);
void hst_build_options_help(FILE *out);

/*
 * Words as a shell splits them ('...', "...", \), each with a newline behind it: the value of HASTEN_BUILD_FLAGS. malloc'd. HST_E_USAGE
 * with a sentence: an open quote, none, too many or too long.
 */
HST_NODISCARD enum hst_status hst_build_flags(
	const char *text, char **ret_lines, struct hst_diag *diag);

struct hst_build_report {
	const struct hst_build_options *options;
	const struct hst_processes *processes;
	const struct hst_build *build;
	int status;        /* of the build */
	const char *flags; /* lines of the user's flags; NULL: ours */
};

/* The closing lines on stderr. */
void hst_build_say(const struct hst_say *say, const struct hst_build_report *report);
/* The whole list, into a file of its own. HST_E_IO with a sentence. */
HST_NODISCARD enum hst_status hst_build_write_json(
	const struct hst_build_report *report, struct hst_diag *diag);

/* The program to try next: the last one linked that has hooks; NULL none. Borrowed from the build. */
const char *hst_build_program(const struct hst_build *build);

#endif
