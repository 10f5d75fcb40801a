/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of options is the only place where one is defined: parser, environment and help read
 * it. An option whose feature this version does not have is known, and refused by name.
 */
#include "cmd/run_options.h"

#include "cmd/start_options.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INTERVAL_MAX_NS UINT64_C(3600000000000)

/* Digits with at most one point, whatever the locale says about points; then the unit. */
static bool scale_number(const char *text, double (*unit)(const char *), uint64_t *ret_value)
{
	const char *p = text;
	double number = 0;
	double place = 1;
	double factor;

	for (; *p >= '0' && *p <= '9'; p++) {
		number = number * 10 + (*p - '0');
	}
	if (p == text) {
		return false;
	}
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			place /= 10;
			number += place * (*p - '0');
		}
	}
	factor = unit(p);
	/* Half a unit is a rounding error of the fraction, not less than the user said. */
	number = floor(number * factor + 1e-6);
	if (factor <= 0 || !(number >= 1) || number >= 9.2e18) {
		return false;
	}
	*ret_value = (uint64_t)number;
	return true;
}

static double size_unit(const char *text)
{
	static const char letters[] = "KMGT";
	const char *letter;
	double factor = 1;

	if (text[0] == '\0' || strcmp(text, "B") == 0) {
		return 1;
	}
	letter = strchr(letters, text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' + 'A' : text[0]);
	if (letter == NULL ||
		(text[1] != '\0' && strcmp(text + 1, "B") != 0 && strcmp(text + 1, "iB") != 0)) {
		return 0;
	}
	for (const char *p = letters; p <= letter; p++) {
		factor *= 1024;
	}
	return factor;
}

static double time_unit(const char *text)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 },
		{ "min", 60e9 }, { "h", 3600e9 } };

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strcmp(text, units[i].name) == 0) {
			return units[i].ns;
		}
	}
	return 0;
}

static double bare_time_unit(const char *text)
{
	return text[0] == '\0' ? 1 : time_unit(text);
}

bool hst_run_parse_size(const char *text, uint64_t *ret_bytes)
{
	return scale_number(text, size_unit, ret_bytes);
}

bool hst_run_parse_time(const char *text, bool bare, uint64_t *ret_ns)
{
	return scale_number(text, bare ? bare_time_unit : time_unit, ret_ns);
}

static enum hst_status set_directory(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;

	if (value[0] == '\0') {
		return hst_diag_set(
			diag, HST_E_USAGE, "run: %s needs the name of a directory", name);
	}
	options->directory = value;
	return HST_OK;
}

static enum hst_status set_mode(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;

	if (strcmp(value, "trace") != 0 && strcmp(value, "profile") != 0) {
		return hst_diag_set(
			diag, HST_E_USAGE, "run: %s is trace or profile, not \"%s\"", name, value);
	}
	options->mode = value;
	return HST_OK;
}

static enum hst_status set_limit(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;

	if (!hst_run_parse_size(value, &options->limit_bytes)) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: %s is a size such as 64M or 2G, not \"%s\"", name, value);
	}
	return HST_OK;
}

static enum hst_status set_last(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;

	/* The preload's own variable counts nanoseconds; on the command line a unit is needed. */
	if (!hst_run_parse_time(value, name[0] != '-', &options->last_ns)) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: %s is a time such as 10s or 500ms, not \"%s\"", name, value);
	}
	return HST_OK;
}

static enum hst_status set_filter(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;

	(void)name;
	(void)diag;
	options->filter = value;
	return HST_OK;
}

static enum hst_status set_args(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;

	(void)name;
	(void)diag;
	options->args = value == NULL || strcmp(value, "all") == 0 ? "" : value;
	return HST_OK;
}

static enum hst_status set_plan(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;

	if (value[0] == '\0') {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: %s needs the name of a file that hasten optimize -o wrote", name);
	}
	options->plan = value;
	return HST_OK;
}

static enum hst_status set_interval(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;
	bool bare = value[0] != '\0' && value[strspn(value, "0123456789.")] == '\0';
	uint64_t ns;

	/* A bare number counts milliseconds. */
	if (!hst_run_parse_time(value, bare, &ns) || ns > INTERVAL_MAX_NS / (bare ? 1000000 : 1)) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: %s is a time in milliseconds, or such as 100ms or 2s, at most 1h, not "
			"\"%s\"",
			name, value);
	}
	options->interval_ns = bare ? ns * 1000000 : ns;
	return HST_OK;
}

static enum hst_status set_json(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;
	struct stat file;
	struct stat theirs;

	if (value[0] == '\0') {
		return hst_diag_set(diag, HST_E_USAGE, "run: %s needs the name of a file", name);
	}
	if (strcmp(value, "-") == 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: %s - is not possible, because standard output belongs to the program: "
			"name a file",
			name);
	}
	for (int fd = 0; fd <= 2 && stat(value, &file) == 0; fd++) {
		if (!S_ISCHR(file.st_mode) && fstat(fd, &theirs) == 0 &&
			theirs.st_dev == file.st_dev && theirs.st_ino == file.st_ino) {
			return hst_diag_set(diag, HST_E_USAGE,
				"run: %s %s is standard %s, which belongs to the program: name another "
				"file",
				name, value,
				fd == 0   ? "input"
				: fd == 1 ? "output"
					  : "error");
		}
	}
	options->json = value;
	return HST_OK;
}

static enum hst_status set_unavailable(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	(void)asked;
	(void)value;
	return hst_diag_set(
		diag, HST_E_UNSUPPORTED, "run: %s is not available in this version", name);
}

static enum hst_status set_overhead(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;
	size_t whole = strspn(value, "0123456789");
	size_t length = whole;

	if (strcmp(value, "off") == 0) {
		options->overhead = NULL;
		return HST_OK;
	}
	length += value[length] == '.' ? 1 + strspn(value + length + 1, "0123456789") : 0;
	length += value[length] == '%';
	if (whole == 0 || whole > 4 || value[length] != '\0') {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: %s is a percentage such as 5%% or 0.5%%, or off, not \"%s\"", name,
			value);
	}
	options->overhead = value;
	return HST_OK;
}

static enum hst_status set_color(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_run_options *options = asked;

	if (value == NULL || strcmp(value, "always") == 0) {
		options->color = HST_SAY_COLOR_ALWAYS;
	} else if (strcmp(value, "never") == 0) {
		options->color = HST_SAY_COLOR_NEVER;
	} else if (strcmp(value, "auto") == 0) {
		options->color = HST_SAY_COLOR_AUTO;
	} else {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: %s is auto, always or never, not \"%s\"", name, value);
	}
	return HST_OK;
}

#define FLAG(member) NULL, offsetof(struct hst_run_options, member)

/* clang-format off */
static const struct hst_start_option rows[] = {
	{ "output", 'o', HST_START_REQUIRED, set_directory, 0, "HASTEN_DATA", "DIR",
	  "data directory (default hasten.data; an earlier one becomes .old)" },
	{ "mode", 0, HST_START_REQUIRED, set_mode, 0, "HASTEN_MODE", "trace|profile",
	  "keep every call, or only sums per calling context" },
	{ "limit", 0, HST_START_REQUIRED, set_limit, 0, "HASTEN_LIMIT", "SIZE",
	  "events kept per process, K M G; then sums only (256M)" },
	{ "last", 0, HST_START_REQUIRED, set_last, 0, "HASTEN_LAST", "TIME",
	  "flight recorder: keep the newest events only (10s, 500ms)" },
	{ "paused", 0, HST_START_NONE, FLAG(paused), "HASTEN_PAUSED", NULL,
	  "begin paused; hasten info --start DIR begins" },
	{ "filter", 0, HST_START_REQUIRED, set_filter, 0, "HASTEN_FILTER", "EXPR",
	  "record only, or all but, the functions, modules, files named" },
	{ "no-children", 0, HST_START_NONE, FLAG(no_children), NULL, NULL,
	  "leave out the programs and processes that the program starts" },
	{ "no-memory", 0, HST_START_NONE, FLAG(no_memory), NULL, NULL,
	  "leave out allocations" },
	{ "memory", 0, HST_START_NONE, FLAG(memory), NULL, NULL,
	  "record allocations also with --overhead (not within its limit)" },
	{ "no-cpu", 0, HST_START_NONE, FLAG(no_cpu), NULL, NULL,
	  "leave out CPU time: wall time only" },
	{ "memory-all", 0, HST_START_NONE, FLAG(memory_all), "HASTEN_MEMORY_ALL", NULL,
	  "record allocations also in programs of the system that it starts" },
	{ "no-system", 0, HST_START_NONE, FLAG(no_system), NULL, NULL,
	  "leave out the samples of the system and of processes" },
	{ "interval", 0, HST_START_REQUIRED, set_interval, 0, NULL, "MS",
	  "time between samples (500; some earlier at the beginning)" },
	{ "no-subreaper", 0, HST_START_NONE, FLAG(no_subreaper), NULL, NULL,
	  "orphans of the program go to init, not to hasten" },
	{ "overhead", 0, HST_START_REQUIRED, set_overhead, 0, "HASTEN_OVERHEAD", "PCT|off",
	  "what hooks may cost: functions over it are left out (off)" },
	{ "no-patch", 0, HST_START_NONE, FLAG(no_patch), NULL, NULL,
	  "for that, count calls and leave the program's code alone" },
	{ "no-functions", 0, HST_START_NONE, set_unavailable, 0, NULL, NULL,
	  "leave out function calls (not in this version)" },
	{ "args", 0, HST_START_OPTIONAL, set_args, 0, "HASTEN_ARGS", "NAMES",
	  "record keys of arguments and results (of these functions)" },
	{ "values", 0, HST_START_NONE, FLAG(values), "HASTEN_VALUES", NULL,
	  "with their values, which may be secret; implies --args" },
	{ "plan", 0, HST_START_REQUIRED, set_plan, 0, "HASTEN_PLAN", "FILE",
	  "answer calls from caches, as hasten optimize -o FILE planned" },
	{ "no-record", 0, HST_START_NONE, FLAG(no_record), NULL, NULL,
	  "record nothing but what came of --plan" },
	{ "json", 0, HST_START_REQUIRED, set_json, 0, NULL, "FILE",
	  "write a summary of the run for programs when it has ended" },
	{ "quiet", 'q', HST_START_NONE, FLAG(quiet), NULL, NULL,
	  "say nothing but errors" },
	{ "color", 0, HST_START_OPTIONAL, set_color, 0, NULL, "WHEN",
	  "colour of what we say on stderr: auto, always, never" },
	{ "help", 'h', HST_START_NONE, FLAG(help), NULL, NULL,
	  "this text" },
};
/* clang-format on */

#undef FLAG

static const struct hst_start_table table = { "run", "the program", rows,
	sizeof rows / sizeof rows[0], 26 };

static bool switched_on(const char *value)
{
	return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

static enum hst_status read_environment(struct hst_run_options *options, struct hst_diag *diag)
{
	const char *disable = getenv("HASTEN_DISABLE");
	const char *children = getenv("HASTEN_CHILDREN");
	const char *memory = getenv("HASTEN_MEMORY");
	const char *cpu = getenv("HASTEN_CPU");
	const char *patch = getenv("HASTEN_PATCH");
	const char *record = getenv("HASTEN_RECORD");

	/* "memo" is for the preload: no function is answered from a cache. */
	options->disabled = switched_on(disable) && strcmp(disable, "memo") != 0;
	if (options->disabled || getenv("HASTEN_LAUNCHER") != NULL) {
		return HST_OK;
	}
	options->no_children = children != NULL && strcmp(children, "0") == 0;
	options->no_memory = memory != NULL && strcmp(memory, "0") == 0;
	options->memory = switched_on(memory);
	options->no_cpu = cpu != NULL && strcmp(cpu, "0") == 0;
	options->no_patch = patch != NULL && strcmp(patch, "0") == 0;
	options->no_record = record != NULL && strcmp(record, "0") == 0;
	return hst_start_options_environment(&table, options, diag);
}

enum hst_status hst_run_options_parse(
	int argc, char **argv, struct hst_run_options *ret_options, struct hst_diag *diag)
{
	struct hst_run_options options = { .mode = "trace" };
	int rest;

	HST_TRY(read_environment(&options, diag));
	HST_TRY(hst_start_options_parse(&table, argc, argv, &options, &rest, diag));
	if (options.overhead != NULL && strcmp(options.mode, "profile") == 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: --overhead needs --mode=trace: with --mode=profile (HASTEN_MODE) nothing looks at the cost; "
			"leave one of them out, or name with --filter what to record");
	}
	if (options.values && options.args == NULL) {
		options.args = "";
	}
	if (options.args != NULL && strcmp(options.mode, "profile") == 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: --args needs --mode=trace (so does --values): sums per calling context have no room for arguments");
	}
	if (options.no_record && options.args != NULL) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: --no-record and --args (or --values) do not go together: leave one of them out");
	}
	if (options.no_record && options.plan == NULL) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: --no-record needs --plan FILE: without a plan and without a recording nothing is left to do");
	}
	options.no_memory |= options.no_record;
	options.no_system |= options.no_record;
	/* No limit to the hooks of functions takes away what allocations cost. */
	options.no_memory |= options.overhead != NULL && !options.memory && !options.memory_all;
	options.program = argv + rest;
	*ret_options = options;
	return HST_OK;
}

void hst_run_options_help(FILE *out)
{
	fputs("Usage: hasten run [options] [--] PROGRAM [ARGUMENTS]\n\n"
	      "Runs PROGRAM and records the calls of its functions. The program keeps its input, its\n"
	      "output and its exit status.\n\n"
	      "    hasten run ./app input.txt          record into hasten.data\n"
	      "    hasten run --mode=profile -- make check\n\n"
	      "Options:\n",
		out);
	hst_start_options_help(&table, out);
	fputs("\nExit status: the program's own; 128+N if signal N ended it; 125 hasten failed, 126 not\n"
	      "executable, 127 not found; 2 wrong usage.\n",
		out);
}
