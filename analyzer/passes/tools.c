/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tools, and what the user adds to it. */
#include "passes/tools.h"

#include "util/config.h"
#include "util/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hst_tool builtin[] = {
#define HST_TOOL(pattern, name, language, rule, phase, options) \
 { pattern, name, language, HST_TOOL_##rule, HST_PROCESS_PHASE_##phase, options },
#include "passes/tools.def"
#undef HST_TOOL
};

struct hst_tools {
	HST_VEC(struct hst_tool) added; /* come before the table, the latest first */
	struct hst_arena *arena;
};

const struct hst_tool *hst_tools_builtin(size_t *ret_count)
{
	*ret_count = sizeof builtin / sizeof builtin[0];
	return builtin;
}

const char *hst_tools_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* "", "12", "-12", "3.11", "-9.2.1" */
static bool is_version(const char *text)
{
	if (*text == '\0') {
		return true;
	}
	text += *text == '-';
	for (;;) {
		size_t digits = strspn(text, "0123456789");

		if (digits == 0) {
			return false;
		}
		text += digits;
		if (*text == '\0') {
			return true;
		}
		if (*text != '.') {
			return false;
		}
		text++;
	}
}

/* Is `name` the pattern's `bytes`, perhaps with a version behind? */
static bool is_core(const char *pattern, size_t bytes, bool version, const char *name)
{
	return strncmp(name, pattern, bytes) == 0 &&
	       (version ? is_version(name + bytes) : name[bytes] == '\0');
}

/* What is behind CPU-KERNEL- or CPU-VENDOR-KERNEL-SYSTEM- and the like, in *ret_rest: the next candidate. */
static bool skip_triplet(const char *name, const char **ret_rest)
{
	unsigned parts = 0;

	for (const char *at = name; at < *ret_rest; at++) {
		parts += *at == '-';
	}
	for (;;) {
		const char *dash = strchr(*ret_rest, '-');

		if (dash == NULL) {
			return false;
		}
		*ret_rest = dash + 1;
		parts++;
		if (parts >= 2) {
			return true;
		}
	}
}

bool hst_tools_match(const char *pattern, const char *path)
{
	const char *name = hst_tools_base(path);
	const char *folder = strstr(pattern, "//");
	const char *rest;
	size_t bytes;
	bool version;
	char inner[64];

	if (folder != NULL) {
		if (snprintf(inner, sizeof inner, "/%.*s/", (int)(folder - pattern), pattern) >=
				(int)sizeof inner ||
			strstr(path, inner) == NULL) {
			return false;
		}
		pattern = folder + 2;
	}
	rest = strncmp(pattern, "*-", 2) == 0 ? name : NULL;
	pattern += rest != NULL ? 2 : 0;
	bytes = strlen(pattern);
	version = bytes != 0 && pattern[bytes - 1] == '#';
	bytes -= version;
	if (is_core(pattern, bytes, version, name)) {
		return true;
	}
	while (rest != NULL && skip_triplet(name, &rest)) {
		if (is_core(pattern, bytes, version, rest)) {
			return true;
		}
	}
	return false;
}

const struct hst_tool *hst_tools_find(const struct hst_tools *tools, const char *name)
{
	if (*name == '\0') {
		return NULL;
	}
	for (size_t i = tools == NULL ? 0 : tools->added.count; i-- > 0;) {
		if (hst_tools_match(tools->added.items[i].pattern, name)) {
			return &tools->added.items[i];
		}
	}
	for (size_t i = 0; i < sizeof builtin / sizeof builtin[0]; i++) {
		if (hst_tools_match(builtin[i].pattern, name)) {
			return &builtin[i];
		}
	}
	return NULL;
}

/* The name of a tool of the user: its pattern without the signs. */
static char *plain_name(struct hst_arena *arena, const char *pattern)
{
	const char *folder = strstr(pattern, "//");
	size_t bytes;

	pattern = folder != NULL ? folder + 2 : pattern;
	pattern += strncmp(pattern, "*-", 2) == 0 ? 2 : 0;
	bytes = strlen(pattern);
	bytes -= bytes != 0 && pattern[bytes - 1] == '#';
	return hst_arena_string_n(arena, pattern, bytes);
}

/* The phase of a word; HST_PROCESS_PHASES: none. */
static enum hst_process_phase phase_of(const char *word)
{
	for (unsigned i = 0; i < HST_PROCESS_PHASES; i++) {
		const char *text = hst_process_phase_text((enum hst_process_phase)i);

		if (strcmp(word, text) == 0 ||
			(i == HST_PROCESS_PHASE_BUILD && strcmp(word, "build") == 0) ||
			(i == HST_PROCESS_PHASE_PROBE && strcmp(word, "probe") == 0)) {
			return (enum hst_process_phase)i;
		}
	}
	return HST_PROCESS_PHASES;
}

#define WORDS 5u

/* Takes one line, which it cuts into words. */
static enum hst_status take_line(
	void *context, char *line, const char *name, unsigned number, struct hst_diag *diag)
{
	struct hst_tools *tools = context;
	char *words[WORDS];
	char *rest = line;
	unsigned count = 0;
	struct hst_tool row;

	while (count < WORDS && (words[count] = strtok_r(rest, " \t\r", &rest)) != NULL) {
		count++;
	}
	if (count == 0) {
		return HST_OK;
	}
	if (count != 4 || strcmp(words[0], "tool") != 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"'%s', line %u: expected 'tool PATTERN LANGUAGE PHASE', as in 'tool "
			"*-mycc# C compile'",
			name, number);
	}
	row = (struct hst_tool){
		.rule = HST_TOOL_FIXED, .phase = phase_of(words[3]), .options = ""
	};
	if (row.phase == HST_PROCESS_PHASES) {
		return hst_diag_set(diag, HST_E_USAGE,
			"'%s', line %u: '%.40s' is no phase: compile, assemble, link, archive, run, "
			"script, shell, build, probe, other",
			name, number, words[3]);
	}
	row.pattern = hst_arena_string(tools->arena, words[1]);
	row.language = hst_arena_string(tools->arena, strcmp(words[2], "-") == 0 ? "" : words[2]);
	if (row.pattern != NULL) {
		row.name = plain_name(tools->arena, row.pattern);
	}
	if (row.pattern == NULL || row.name == NULL || row.language == NULL ||
		!hst_vec_push(&tools->added, row)) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	if (*row.name == '\0') {
		return hst_diag_set(diag, HST_E_USAGE,
			"'%s', line %u: the pattern '%.40s' has no name in it", name, number,
			words[1]);
	}
	return HST_OK;
}

static const struct hst_config config = { "the file of tools", "HASTEN_TOOLS", "tools.conf",
	"'tool PATTERN LANGUAGE PHASE'", take_line };

enum hst_status hst_tools_parse(struct hst_tools *tools, const char *text, size_t bytes,
	const char *name, struct hst_diag *diag)
{
	return hst_config_parse(&config, text, bytes, name, tools, diag);
}

enum hst_status hst_tools_create(const char *path, struct hst_arena *arena,
	struct hst_tools **ret_tools, struct hst_diag *diag)
{
	struct hst_tools *tools = calloc(1, sizeof *tools);
	enum hst_status status;
	size_t bytes = 0;
	char *text;
	char *name;

	if (tools == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	tools->arena = arena;
	status = hst_config_read(&config, path, &text, &bytes, &name, diag);
	if (status == HST_OK && text != NULL) {
		status = hst_tools_parse(tools, text, bytes, name, diag);
	}
	free(text);
	free(name);
	if (status != HST_OK) {
		hst_tools_destroy(tools);
		return status;
	}
	*ret_tools = tools;
	return HST_OK;
}

void hst_tools_destroy(struct hst_tools *tools)
{
	if (tools == NULL) {
		return;
	}
	hst_vec_finish(&tools->added);
	free(tools);
}
