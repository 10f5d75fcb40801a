/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `hasten build`: one table for parser and help. */
#include "cmd/build.h"
#include "cmd/start_options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static enum hst_status set_directory(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_build_options *options = asked;

	(void)name;
	if (value[0] == '\0') {
		return hst_diag_set(
			diag, HST_E_USAGE, "build: --output needs the name of a directory");
	}
	options->directory = value;
	return HST_OK;
}

static enum hst_status set_flags(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_build_options *options = asked;

	(void)name;
	(void)diag;
	options->flags = value;
	return HST_OK;
}

static enum hst_status set_json(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_build_options *options = asked;

	(void)name;
	if (value[0] == '\0' || strcmp(value, "-") == 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"build: --json needs the name of a file: standard output belongs to the build");
	}
	options->json = value;
	return HST_OK;
}

static enum hst_status set_color(
	void *asked, const char *name, const char *value, struct hst_diag *diag)
{
	struct hst_build_options *options = asked;
	static const struct {
		const char *name;
		enum hst_say_color color;
	} colors[] = { { "always", HST_SAY_COLOR_ALWAYS }, { "never", HST_SAY_COLOR_NEVER },
		{ "auto", HST_SAY_COLOR_AUTO } };

	(void)name;
	for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++) {
		if (value == NULL || strcmp(value, colors[i].name) == 0) {
			options->color = colors[i].color;
			return HST_OK;
		}
	}
	return hst_diag_set(
		diag, HST_E_USAGE, "build: --color is auto, always or never, not \"%s\"", value);
}

#define FLAG(member) NULL, offsetof(struct hst_build_options, member)

/* clang-format off */
static const struct hst_start_option rows[] = {
	{ "flags", 0, HST_START_REQUIRED, set_flags, 0, NULL, "FLAGS",
	  "add these to the compilers instead of hasten's own" },
	{ "output", 'o', HST_START_REQUIRED, set_directory, 0, NULL, "DIR",
	  "keep the data, for hasten processes; else it is removed" },
	{ "json", 0, HST_START_REQUIRED, set_json, 0, NULL, "FILE",
	  "write all compiler calls and object files to FILE" },
	{ "quiet", 'q', HST_START_NONE, FLAG(quiet), NULL, NULL,
	  "say nothing but errors and losses" },
	{ "color", 0, HST_START_OPTIONAL, set_color, 0, NULL, "WHEN",
	  "colour of what we say on stderr: auto, always, never" },
	{ "help", 'h', HST_START_NONE, FLAG(help), NULL, NULL,
	  "this text" },
};
/* clang-format on */

#undef FLAG

static const struct hst_start_table table = { "build", "the build", rows,
	sizeof rows / sizeof rows[0], 22 };

enum hst_status hst_build_options_parse(
	int argc, char **argv, struct hst_build_options *ret_options, struct hst_diag *diag)
{
	struct hst_build_options options = { 0 };
	int rest;

	HST_TRY(hst_start_options_parse(&table, argc, argv, &options, &rest, diag));
	options.program = argv + rest;
	*ret_options = options;
	return HST_OK;
}

void hst_build_options_help(FILE *out)
{
	fputs("Usage: hasten build [options] [--] COMMAND [ARGUMENTS]\n\n"
	      "Runs a build and adds the flags of the hooks to each C and C++ compiler that it starts; no\n"
	      "file of the build is changed. Objects that are up to date are not made anew: clean first.\n\n"
	      "    hasten build -- make -j4\n"
	      "    hasten build -- sh -c './configure && make'\n"
	      "    hasten build -- cmake --build out --clean-first\n\n"
	      "Options:\n",
		out);
	hst_start_options_help(&table, out);
	fputs("\nExit status: the build's own; 128+N if signal N ended it; 125 hasten failed, 126 not\n"
	      "executable, 127 not found; 2 wrong usage.\n",
		out);
}

struct splitting {
	char *lines;
	size_t used;
	size_t words;
	char quote;  /* 0 none */
	bool inside; /* a word */
};

/* One character of the text; *at moves on behind what it means. false: a backslash at the end. */
static bool split_character(struct splitting *split, const char **at)
{
	char c = *(*at)++;

	if (split->quote != 0 && c == split->quote) {
		split->quote = 0;
		return true;
	}
	if (split->quote == 0 && (c == '\'' || c == '"')) {
		split->quote = c;
		split->inside = true;
		return true;
	}
	if (split->quote == 0 && strchr(" \t\n", c) != NULL) {
		if (split->inside) {
			split->lines[split->used++] = '\n';
			split->words++;
			split->inside = false;
		}
		return true;
	}
	if (c == '\\' && split->quote != '\'') {
		if (**at == '\0') {
			return false;
		}
		c = *(*at)++;
	}
	split->lines[split->used++] = c;
	split->inside = true;
	return true;
}

enum hst_status hst_build_flags(const char *text, char **ret_lines, struct hst_diag *diag)
{
	struct splitting split = { .lines = malloc(strlen(text) + 2) };
	bool whole = true;
	const char *at = text;

	if (split.lines == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "build: out of memory");
	}
	while (*at != '\0' && whole) {
		whole = split_character(&split, &at);
	}
	if (split.inside) {
		split.lines[split.used++] = '\n';
		split.words++;
	}
	split.lines[split.used] = '\0';
	if (whole && split.quote == 0 && split.words > 0 && split.words <= HST_COMPILER_ADDED_MAX &&
		split.used < HST_COMPILER_FLAGS_BYTES) {
		*ret_lines = split.lines;
		return HST_OK;
	}
	free(split.lines);
	if (!whole || split.quote != 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"build: --flags ends within a quote or with a backslash: %s", text);
	}
	if (split.words == 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"build: --flags names no flag; leave it out to add hasten's own");
	}
	return hst_diag_set(diag, HST_E_USAGE,
		"build: --flags takes at most %u flags of %u bytes together",
		HST_COMPILER_ADDED_MAX, HST_COMPILER_FLAGS_BYTES - 1);
}
