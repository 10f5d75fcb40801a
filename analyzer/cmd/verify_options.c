/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `hasten verify`: one table for parser and help. */
#include "cmd/run_options.h"
#include "cmd/start_options.h"
#include "cmd/verify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define TIME_NS    UINT64_C(30000000000)
#define TIMEOUT_NS UINT64_C(60000000000)
#define SEED       1

static enum hst_status set_baseline(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_verify_options *options = asked;

	if (value[0] == '\0') {
		return hst_diag_set(
			diag, HST_E_USAGE, "verify: %s needs the name of a program", name);
	}
	options->baseline = value;
	return HST_OK;
}

static enum hst_status set_number(const char *name, const char *value, uint64_t least,
	uint64_t most, uint64_t *ret_number, struct hst_diag *diag)
{
	char *end = NULL;
	unsigned long long number;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || number < least ||
		number > most) {
		return hst_diag_set(diag, HST_E_USAGE,
			"verify: %s is a number from %llu to %llu, not \"%s\"", name,
			(unsigned long long)least, (unsigned long long)most, value);
	}
	*ret_number = number;
	return HST_OK;
}

static enum hst_status set_pairs(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_verify_options *options = asked;
	uint64_t pairs = 0;

	HST_TRY(set_number(name, value, HST_VERIFY_PAIRS_MIN, HST_VERIFY_PAIRS_MAX, &pairs, diag));
	options->pairs = (uint32_t)pairs;
	return HST_OK;
}

static enum hst_status set_seed(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_verify_options *options = asked;

	return set_number(name, value, 0, UINT64_MAX, &options->seed, diag);
}

static enum hst_status set_duration(
	const char *name, const char *value, uint64_t *ret_ns, struct hst_diag *diag)
{
	uint64_t ns;

	if (!hst_run_parse_time(value, false, &ns)) {
		return hst_diag_set(diag, HST_E_USAGE,
			"verify: %s is a time such as 30s, 500ms or 2m, not \"%s\"", name, value);
	}
	*ret_ns = ns;
	return HST_OK;
}

static enum hst_status set_time(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	return set_duration(name, value, &((struct hst_verify_options *)asked)->time_ns, diag);
}

static enum hst_status set_timeout(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	return set_duration(name, value, &((struct hst_verify_options *)asked)->timeout_ns, diag);
}

static enum hst_status add_file(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_verify_options *options = asked;

	if (value[0] == '\0' || options->file_count == HST_VERIFY_FILES_MAX) {
		return hst_diag_set(diag, HST_E_USAGE,
			"verify: %s needs the name of a file, and can be given %u times at most",
			name, HST_VERIFY_FILES_MAX);
	}
	options->files[options->file_count++] = value;
	return HST_OK;
}

static enum hst_status set_color(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_verify_options *options = asked;
	static const struct {
		const char *name;
		enum hst_say_color color;
	} colors[] = { { "always", HST_SAY_COLOR_ALWAYS }, { "never", HST_SAY_COLOR_NEVER },
		{ "auto", HST_SAY_COLOR_AUTO } };

	for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++) {
		if (value == NULL || strcmp(value, colors[i].name) == 0) {
			options->color = colors[i].color;
			return HST_OK;
		}
	}
	return hst_diag_set(
		diag, HST_E_USAGE, "verify: %s is auto, always or never, not \"%s\"", name, value);
}

#define FLAG(member) NULL, offsetof(struct hst_verify_options, member)

/* clang-format off */
static const struct hst_start_option rows[] = {
	{ "baseline", 0, HST_START_REQUIRED, set_baseline, 0, NULL, "PROG",
	  "compare with PROG and the same arguments (default: PROGRAM without hasten)" },
	{ "file", 0, HST_START_REQUIRED, add_file, 0, NULL, "FILE",
	  "compare also this file, which the program writes (up to 8 times)" },
	{ "pairs", 0, HST_START_REQUIRED, set_pairs, 0, NULL, "N",
	  "pairs of runs, 5 to 200 (as many as --time allows, 6 to 50)" },
	{ "time", 0, HST_START_REQUIRED, set_time, 0, NULL, "TIME",
	  "how long all runs together may take, about (30s)" },
	{ "timeout", 0, HST_START_REQUIRED, set_timeout, 0, NULL, "TIME",
	  "how long one run may take; then it is ended (60s)" },
	{ "seed", 0, HST_START_REQUIRED, set_seed, 0, NULL, "N",
	  "of the random numbers behind the intervals (1)" },
	{ "force", 0, HST_START_NONE, FLAG(force), NULL, NULL,
	  "also if PLAN has nothing for PROGRAM or its libraries" },
	{ "json", 0, HST_START_NONE, FLAG(json), NULL, NULL,
	  "JSON" },
	{ "quiet", 'q', HST_START_NONE, FLAG(quiet), NULL, NULL,
	  "the verdict only" },
	{ "color", 0, HST_START_OPTIONAL, set_color, 0, NULL, "WHEN",
	  "colour of what we say on stderr: auto, always, never" },
	{ "help", 'h', HST_START_NONE, FLAG(help), NULL, NULL,
	  "this text" },
};
/* clang-format on */

#undef FLAG

static const struct hst_start_table table = { "verify", "the program", rows,
	sizeof rows / sizeof rows[0], 22 };

enum hst_status hst_verify_options_parse(
	int argc, char **argv, struct hst_verify_options *ret_options, struct hst_diag *diag)
{
	struct hst_verify_options options = {
		.time_ns = TIME_NS,
		.timeout_ns = TIMEOUT_NS,
		.seed = SEED,
	};
	int rest;
	int more;

	HST_TRY(hst_start_options_parse(&table, argc, argv, &options, &rest, diag));
	if (rest < argc) {
		options.plan = argv[rest];
		/* The plan stands where the name of the command stood. */
		HST_TRY(hst_start_options_parse(
			&table, argc - rest, argv + rest, &options, &more, diag));
		rest += more;
	}
	options.program = argv + rest;
	*ret_options = options;
	return HST_OK;
}

void hst_verify_options_help(FILE *out)
{
	fputs("Usage: hasten verify PLAN [options] [--] PROGRAM [ARGUMENTS]\n\n"
	      "Runs PROGRAM with the plan and a baseline without it in turns, with the same input, and says\n"
	      "whether the plan makes it faster, and whether its output and exit status stay the same.\n\n"
	      "    hasten verify app.plan -- ./app args\n"
	      "    hasten verify app.plan --baseline ./app.plain -- ./app args < input\n\n"
	      "Options:\n",
		out);
	hst_start_options_help(&table, out);
	fputs("\nExit status: 0 accepted; 1 rejected: not faster, or not the same; 3 it cannot be said;\n"
	      "2 wrong usage or input; 125 hasten failed; 128+N interrupted by signal N.\n",
		out);
}
