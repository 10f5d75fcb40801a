/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `hasten build`: one table for parser and help. */
#include "cmd/build.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum value_kind {
	VALUE_NONE,
	VALUE_REQUIRED,
	VALUE_OPTIONAL,
};

typedef enum hst_status (*set_option)(
	struct hst_build_options *options, const char *value, struct hst_diag *diag);

struct option_row {
	const char *name;
	char letter; /* 0 none */
	enum value_kind value;
	set_option set; /* NULL: sets the bool at `flag` */
	size_t flag;
	const char *placeholder;
	const char *help;
};

static enum hst_status set_directory(
	struct hst_build_options *options, const char *value, struct hst_diag *diag)
{
	if (value[0] == '\0') {
		return hst_diag_set(
			diag, HST_E_USAGE, "build: --output needs the name of a directory");
	}
	options->directory = value;
	return HST_OK;
}

static enum hst_status set_flags(
	struct hst_build_options *options, const char *value, struct hst_diag *diag)
{
	(void)diag;
	options->flags = value;
	return HST_OK;
}

static enum hst_status set_json(
	struct hst_build_options *options, const char *value, struct hst_diag *diag)
{
	if (value[0] == '\0' || strcmp(value, "-") == 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"build: --json needs the name of a file: standard output belongs to the build");
	}
	options->json = value;
	return HST_OK;
}

static enum hst_status set_color(
	struct hst_build_options *options, const char *value, struct hst_diag *diag)
{
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
		diag, HST_E_USAGE, "build: --color is auto, always or never, not \"%s\"", value);
}

#define FLAG(member) NULL, offsetof(struct hst_build_options, member)

/* clang-format off */
static const struct option_row table[] = {
	{ "flags", 0, VALUE_REQUIRED, set_flags, 0, "FLAGS",
	  "add these to the compilers instead of hasten's own" },
	{ "output", 'o', VALUE_REQUIRED, set_directory, 0, "DIR",
	  "keep the data, for hasten processes; else it is removed" },
	{ "json", 0, VALUE_REQUIRED, set_json, 0, "FILE",
	  "write all compiler calls and object files to FILE" },
	{ "quiet", 'q', VALUE_NONE, FLAG(quiet), NULL,
	  "say nothing but errors and losses" },
	{ "color", 0, VALUE_OPTIONAL, set_color, 0, "WHEN",
	  "colour of what we say on stderr: auto, always, never" },
	{ "help", 'h', VALUE_NONE, FLAG(help), NULL,
	  "this text" },
};
/* clang-format on */

#undef FLAG

#define TABLE_ROWS (sizeof table / sizeof table[0])

static enum hst_status apply(struct hst_build_options *options, const struct option_row *row,
	const char *value, struct hst_diag *diag)
{
	if (row->set == NULL) {
		*(bool *)((char *)options + row->flag) = true;
		return HST_OK;
	}
	return row->set(options, value, diag);
}

static enum hst_status unknown(const char *option, struct hst_diag *diag)
{
	return hst_diag_set(diag, HST_E_USAGE,
		"build: unknown option %s; options of the build come behind its name "
		"(hasten build --help lists ours)",
		option);
}

static const struct option_row *find(const char *name, size_t length, char letter)
{
	for (size_t i = 0; i < TABLE_ROWS; i++) {
		if (letter != '\0' ? table[i].letter == letter
				   : strlen(table[i].name) == length &&
					     strncmp(table[i].name, name, length) == 0) {
			return &table[i];
		}
	}
	return NULL;
}

/* Takes "--name", "--name=value", "-n", "-nvalue", and the value behind it if it needs one. */
static enum hst_status take(
	struct hst_build_options *options, int argc, char **argv, int *index, struct hst_diag *diag)
{
	const char *text = argv[*index];
	bool is_long = text[1] == '-';
	size_t length = is_long ? strcspn(text + 2, "=") : 1;
	const char *rest = text + (is_long ? 2 : 1) + length;
	const char *value =
		is_long ? (rest[0] == '=' ? rest + 1 : NULL) : (rest[0] != '\0' ? rest : NULL);
	const struct option_row *row = find(text + 2, length, is_long ? '\0' : text[1]);

	if (row == NULL || (!is_long && row->value == VALUE_NONE && value != NULL)) {
		return unknown(text, diag);
	}
	if (row->value == VALUE_NONE && value != NULL) {
		return hst_diag_set(diag, HST_E_USAGE, "build: --%s takes no value", row->name);
	}
	if (row->value == VALUE_REQUIRED && value == NULL) {
		if (*index + 1 >= argc) {
			return hst_diag_set(diag, HST_E_USAGE, "build: --%s needs a value: %s",
				row->name, row->placeholder);
		}
		value = argv[++*index];
	}
	return apply(options, row, value, diag);
}

enum hst_status hst_build_options_parse(
	int argc, char **argv, struct hst_build_options *ret_options, struct hst_diag *diag)
{
	struct hst_build_options options = { 0 };
	int index = 1;

	for (; index < argc && argv[index][0] == '-' && argv[index][1] != '\0'; index++) {
		if (strcmp(argv[index], "--") == 0) {
			index++;
			break;
		}
		HST_TRY(take(&options, argc, argv, &index, diag));
	}
	options.program = argv + (index < argc ? index : argc);
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
	for (size_t i = 0; i < TABLE_ROWS; i++) {
		const struct option_row *row = &table[i];
		char left[64];

		snprintf(left, sizeof left, "%c%c%s --%s%s%s%s", row->letter != 0 ? '-' : ' ',
			row->letter != 0 ? row->letter : ' ', row->letter != 0 ? "," : " ",
			row->name,
			row->value == VALUE_NONE       ? ""
			: row->value == VALUE_OPTIONAL ? "[="
						       : "=",
			row->placeholder != NULL ? row->placeholder : "",
			row->value == VALUE_OPTIONAL ? "]" : "");
		fprintf(out, "  %-22s %s\n", left, row->help);
	}
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
