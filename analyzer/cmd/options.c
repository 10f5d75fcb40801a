/* SPDX-License-Identifier: Apache-2.0 */
/* One parser for all tables: --name VALUE, --name=VALUE, -n VALUE, -nVALUE. */
#include "cmd/options.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct hst_option hst_common_options[] = {
	{ 'q', "quiet", NULL, HST_OPTION_FLAG, HST_OPTION_AT(quiet),
		"no notes and no hints; losses are always said" },
	{ 'w', "wide", NULL, HST_OPTION_FLAG, HST_OPTION_AT(wide),
		"do not shorten names to the width of the terminal" },
	{ 0, "color", "WHEN", HST_OPTION_COLOR, HST_OPTION_AT(color), "auto, always or never" },
	{ 0, "no-pager", NULL, HST_OPTION_FLAG, HST_OPTION_AT(no_pager),
		"write to the terminal without a pager" },
	{ 'h', "help", NULL, HST_OPTION_FLAG, HST_OPTION_AT(help), "this text" },
	HST_OPTION_TABLE_END,
};

static const struct hst_option *find_in(
	const struct hst_option *table, const char *name, size_t length, char letter)
{
	for (; table->name != NULL; table++) {
		if (letter != 0 && table->letter == letter) {
			return table;
		}
		if (letter == 0 && strlen(table->name) == length &&
			strncmp(table->name, name, length) == 0) {
			return table;
		}
	}
	return NULL;
}

static const struct hst_option *find(
	const struct hst_option *table, const char *name, size_t length, char letter)
{
	const struct hst_option *option = find_in(table, name, length, letter);

	return option != NULL ? option : find_in(hst_common_options, name, length, letter);
}

static enum hst_status set_count(
	const struct hst_option *option, void *place, const char *value, struct hst_diag *diag)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
		number == UINT64_MAX) {
		return hst_diag_set(
			diag, HST_E_USAGE, "--%s needs a number, not '%s'", option->name, value);
	}
	*(uint64_t *)place = number;
	return HST_OK;
}

static enum hst_status set_color(void *place, const char *value, struct hst_diag *diag)
{
	enum hst_color_choice *color = place;

	if (strcmp(value, "auto") == 0) {
		*color = HST_COLOR_AUTO;
	} else if (strcmp(value, "always") == 0) {
		*color = HST_COLOR_ALWAYS;
	} else if (strcmp(value, "never") == 0) {
		*color = HST_COLOR_NEVER;
	} else {
		return hst_diag_set(
			diag, HST_E_USAGE, "--color takes auto, always or never, not '%s'", value);
	}
	return HST_OK;
}

static enum hst_status set(const struct hst_option *option, struct hst_options *options,
	const char *value, struct hst_diag *diag)
{
	char *place = (char *)options + option->offset;

	/* The tables give all of these an argument. */
	assert(value != NULL ||
		(option->kind != HST_OPTION_COUNT && option->kind != HST_OPTION_COLOR));
	switch (option->kind) {
	case HST_OPTION_FLAG:
		*(bool *)(void *)place = true;
		return HST_OK;
	case HST_OPTION_TEXT:
		*(const char **)(void *)place = value;
		return HST_OK;
	case HST_OPTION_COUNT:
		return set_count(option, place, value, diag);
	case HST_OPTION_COLOR:
		return set_color(place, value, diag);
	case HST_OPTION_LATER:
	case HST_OPTION_DIRS:
	default:
		return hst_diag_set(diag, HST_E_UNSUPPORTED, "--%s: not available in this version",
			option->name);
	}
}

/* Handles argv[*at]; moves *at when the value is the next argument. */
static enum hst_status parse_one(char **argv, int *at, const struct hst_option *table,
	struct hst_options *options, struct hst_diag *diag)
{
	const char *argument = argv[*at];
	bool is_long = argument[1] == '-';
	const char *name = argument + (is_long ? 2 : 1);
	size_t length = is_long ? strcspn(name, "=") : 1;
	const char *value = name[length] == '\0' ? NULL : name + length + (is_long ? 1 : 0);
	const struct hst_option *option = find(table, name, length, is_long ? (char)0 : name[0]);

	if (option == NULL) {
		return hst_diag_set(diag, HST_E_USAGE, "there is no option '%.*s'; see --help",
			(int)(length + (is_long ? 2 : 1)), argument);
	}
	if (option->argument == NULL) {
		if (value != NULL) {
			return hst_diag_set(diag, HST_E_USAGE, "--%s takes no value", option->name);
		}
	} else if (value == NULL && option->kind != HST_OPTION_LATER) {
		value = argv[*at + 1];
		if (value == NULL) {
			return hst_diag_set(diag, HST_E_USAGE, "--%s needs a value: %s",
				option->name, option->argument);
		}
		(*at)++;
	}
	return set(option, options, value, diag);
}

static enum hst_status set_directory(struct hst_options *options, const struct hst_option *table,
	const char *dir, struct hst_diag *diag)
{
	while (table->name != NULL) {
		table++;
	}
	if (options->dir != NULL && table->kind == HST_OPTION_DIRS) {
		if (options->also_count == HST_DIRS_ALSO) {
			return hst_diag_set(diag, HST_E_USAGE,
				"at most %u data directories at a time", HST_DIRS_ALSO + 1);
		}
		options->also[options->also_count++] = dir;
		return HST_OK;
	}
	if (options->dir != NULL) {
		return hst_diag_set(diag, HST_E_USAGE,
			"one data directory at a time: '%s' and '%s'", options->dir, dir);
	}
	options->dir = dir;
	return HST_OK;
}

enum hst_status hst_options_parse(int argc, char **argv, const struct hst_option *table,
	struct hst_options *ret_options, struct hst_diag *diag)
{
	struct hst_options options = {
		.rows = UINT64_MAX, .events = UINT64_MAX, .least_us = UINT64_MAX
	};
	bool ended = false;

	for (int i = 1; i < argc; i++) {
		const char *argument = argv[i];
		enum hst_status status = HST_OK;

		if (!ended && strcmp(argument, "--") == 0) {
			ended = true;
		} else if (!ended && argument[0] == '-' && argument[1] != '\0') {
			status = parse_one(argv, &i, table, &options, diag);
		} else {
			status = set_directory(&options, table, argument, diag);
		}
		HST_TRY(status);
	}
	*ret_options = options;
	return HST_OK;
}

static void help_table(FILE *out, const struct hst_option *table)
{
	for (; table->name != NULL; table++) {
		char left[64];

		if (table->kind == HST_OPTION_LATER) {
			continue;
		}
		(void)snprintf(left, sizeof left, "%c%c%c --%s%s%s", table->letter != 0 ? '-' : ' ',
			table->letter != 0 ? table->letter : ' ', table->letter != 0 ? ',' : ' ',
			table->name, table->argument != NULL ? "=" : "",
			table->argument != NULL ? table->argument : "");
		fprintf(out, "  %-24s %s\n", left, table->help);
	}
}

void hst_options_help(FILE *out, const char *command, const char *arguments, const char *purpose,
	const struct hst_option *table, const char *examples)
{
	fprintf(out, "usage: hasten %s %s\n\n%s\n", command, arguments, purpose);
	if (examples != NULL) {
		fprintf(out, "\n%s", examples);
	}
	fputs("\noptions:\n", out);
	help_table(out, table);
	help_table(out, hst_common_options);
	fputs("\nDIR is a data directory; without it the newest one here is read.\n", out);
}
