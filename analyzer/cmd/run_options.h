/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of `hasten run`, one table (run_options.c). Each has an environment variable that gives
 * its default; the command line wins. Variables that an outer `hasten run` made for its own
 * program are not defaults: they are ignored.
 */
#ifndef HST_CMD_RUN_OPTIONS_H
#define HST_CMD_RUN_OPTIONS_H

#include "cmd/run_say.h"
#include "util/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct hst_run_options {
	const char *directory; /* as given; NULL: the default name */
	const char *mode;      /* "trace" or "profile" */
	const char *filter;    /* NULL none */
	const char *args;      /* functions whose arguments are recorded, "" all; NULL none */
	uint64_t limit_bytes;  /* 0: the preload's default */
	uint64_t last_ns;      /* 0: no flight recorder */
	uint64_t interval_ns;  /* of samples; 0: the default */
	const char *overhead;  /* a percentage, NULL: no limit */
	const char *json;      /* file for the summary, NULL none */
	bool values;           /* of those arguments, not only keys */
	const char *plan;      /* functions to be answered from caches, NULL none */
	bool no_record;        /* nothing but what came of the plan */
	bool paused;
	bool no_children;
	bool no_memory;
	bool memory; /* also with a limit to the hooks */
	bool no_cpu;
	bool memory_all;
	bool no_patch;
	bool no_system;
	bool no_subreaper;
	bool disabled; /* HASTEN_DISABLE */
	bool quiet;
	bool help;
	enum hst_say_color color;
	char **program; /* borrowed from argv, NULL-terminated; [0] NULL: none was named */
};

/*
 * Reads environment and command line; argv[0] is "run". Parsing ends at the first argument that is
 * no option, or behind "--". HST_E_USAGE and HST_E_UNSUPPORTED come with a sentence. All strings
 * are borrowed from argv or the environment.
 */
HST_NODISCARD enum hst_status hst_run_options_parse(
	int argc, char **argv, struct hst_run_options *ret_options, struct hst_diag *diag);

/* Writes the help text. */
void hst_run_options_help(FILE *out);

/* "64M", "1.5G", "4096": bytes, units of 1024; false if it is none, zero or too large. */
bool hst_run_parse_size(const char *text, uint64_t *ret_bytes);
/* "10s", "500ms", "2m", "1h"; a bare number only if `bare` (nanoseconds). */
bool hst_run_parse_time(const char *text, bool bare, uint64_t *ret_ns);

#endif
