/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of options that stand before the name of a program. */
#include "cmd/start_options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is read, and where. */
struct reading {
	const struct hst_start_table *table;
	void *options;
	int argc, index;
	char **argv;
	struct hst_diag *diag;
};

static enum hst_status apply(const struct reading *reading, const struct hst_start_option *row,
	const char *name, const char *value)
{
	if (row->set == NULL) {
		*(bool *)((char *)reading->options + row->flag) = true;
		return HST_OK;
	}
	return row->set(reading->options, name, value, reading->diag);
}

static const struct hst_start_option *find(
	const struct hst_start_table *table, const char *name, size_t length, char letter)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct hst_start_option *row = &table->rows[i];

		if (letter != '\0' ? row->letter == letter
				   : strlen(row->name) == length &&
					     strncmp(row->name, name, length) == 0) {
			return row;
		}
	}
	return NULL;
}

static enum hst_status unknown(const struct reading *reading, const char *option)
{
	const struct hst_start_table *table = reading->table;

	return hst_diag_set(reading->diag, HST_E_USAGE,
		"%s: unknown option %s; options of %s come behind its name "
		"(hasten %s --help lists ours)",
		table->command, option, table->starts, table->command);
}

/* The next word as the value of an option that has none yet. */
static enum hst_status take_next(
	struct reading *reading, const struct hst_start_option *row, const char *name)
{
	if (reading->index + 1 >= reading->argc) {
		return hst_diag_set(reading->diag, HST_E_USAGE, "%s: %s needs a value: %s",
			reading->table->command, name, row->placeholder);
	}
	return apply(reading, row, name, reading->argv[++reading->index]);
}

/* Takes "--name" or "--name=value" and the value behind it, if it needs one. */
static enum hst_status take_long(struct reading *reading)
{
	const char *word = reading->argv[reading->index];
	const char *text = word + 2;
	size_t length = strcspn(text, "=");
	const char *value = text[length] == '=' ? text + length + 1 : NULL;
	const struct hst_start_option *row = find(reading->table, text, length, '\0');
	char name[64];

	if (row == NULL) {
		return unknown(reading, word);
	}
	(void)snprintf(name, sizeof name, "--%s", row->name);
	if (row->value == HST_START_NONE && value != NULL) {
		return hst_diag_set(reading->diag, HST_E_USAGE, "%s: %s takes no value",
			reading->table->command, name);
	}
	if (row->value == HST_START_REQUIRED && value == NULL) {
		return take_next(reading, row, name);
	}
	return apply(reading, row, name, value);
}

/* Takes "-q", "-qo DIR", "-oDIR". */
static enum hst_status take_letters(struct reading *reading)
{
	const char *text = reading->argv[reading->index];
	enum hst_status status = HST_OK;

	for (const char *p = text + 1; *p != '\0' && status == HST_OK; p++) {
		const struct hst_start_option *row = find(reading->table, NULL, 0, *p);
		const char name[] = { '-', *p, '\0' };

		if (row == NULL) {
			return unknown(reading, text);
		}
		if (row->value == HST_START_REQUIRED) {
			return p[1] != '\0' ? apply(reading, row, name, p + 1)
					    : take_next(reading, row, name);
		}
		status = apply(reading, row, name, NULL);
	}
	return status;
}

enum hst_status hst_start_options_parse(const struct hst_start_table *table, int argc, char **argv,
	void *options, int *ret_rest, struct hst_diag *diag)
{
	struct reading reading = { table, options, argc, 1, argv, diag };

	for (; reading.index < argc; reading.index++) {
		const char *word = argv[reading.index];

		if (word[0] != '-' || word[1] == '\0') {
			break;
		}
		if (strcmp(word, "--") == 0) {
			reading.index++;
			break;
		}
		HST_TRY(word[1] == '-' ? take_long(&reading) : take_letters(&reading));
	}
	*ret_rest = reading.index < argc ? reading.index : argc;
	return HST_OK;
}

enum hst_status hst_start_options_environment(
	const struct hst_start_table *table, void *options, struct hst_diag *diag)
{
	const struct reading reading = { .table = table, .options = options, .diag = diag };

	for (size_t i = 0; i < table->count; i++) {
		const struct hst_start_option *row = &table->rows[i];
		const char *value = row->variable == NULL ? NULL : getenv(row->variable);

		if (value == NULL || value[0] == '\0' ||
			(row->value == HST_START_NONE && strcmp(value, "0") == 0)) {
			continue;
		}
		HST_TRY(apply(&reading, row, row->variable, value));
	}
	return HST_OK;
}

void hst_start_options_help(const struct hst_start_table *table, FILE *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct hst_start_option *row = &table->rows[i];
		const char *placeholder = row->placeholder != NULL ? row->placeholder : "";
		char left[64];

		if (row->letter != 0) {
			(void)snprintf(left, sizeof left, "-%c, --%s%s%s", row->letter, row->name,
				row->placeholder != NULL ? " " : "", placeholder);
		} else {
			(void)snprintf(left, sizeof left, "    --%s%s%s%s", row->name,
				row->value == HST_START_NONE       ? ""
				: row->value == HST_START_OPTIONAL ? "[="
								   : "=",
				placeholder, row->value == HST_START_OPTIONAL ? "]" : "");
		}
		fprintf(out, "  %-*s %s\n", table->help_width, left, row->help);
	}
}
