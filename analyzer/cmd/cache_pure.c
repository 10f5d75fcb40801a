/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --pure: who says that a function's result hangs on its arguments alone. A list, one GLOB a line, or what gcc printed with
 * -Wsuggest-attribute=pure -Wsuggest-attribute=const:
 *
 *   a.c: In function 'square':
 *   a.c:2:5: warning: function might be candidate for attribute 'const' [-Wsuggest-attribute=const]
 */
#include "cmd/cache.h"

#include "cmd/commands.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 65536
#define NAME_BYTES     1024

#define CANDIDATE "function might be candidate for attribute "

/* What one line says. */
struct claim {
	char name[NAME_BYTES]; /* GLOB, or the last part of a function's name */
	char file[NAME_BYTES]; /* "": a GLOB */
	uint32_t line;
};

/* Colours and links that a compiler writes for a terminal. */
static void strip_escapes(char *line)
{
	char *to = line;

	for (const char *at = line; *at != '\0'; at++) {
		if (*at != '\x1b') {
			*to++ = *at;
			continue;
		}
		at++;
		if (*at == '[') {
			at += strcspn(at, "mK");
		} else if (*at == ']') {
			at += strcspn(at, "\a\x1b");
			at += *at == '\x1b' && at[1] == '\\';
		}
		if (*at == '\0') {
			break;
		}
	}
	*to = '\0';
}

/* Behind the quote that stands there: ' or the two of UTF-8. NULL: there is none. */
static const char *behind_quote(const char *text)
{
	static const char left[] = "\xe2\x80\x98";

	if (*text == '\'') {
		return text + 1;
	}
	return strncmp(text, left, sizeof left - 1) == 0 ? text + sizeof left - 1 : NULL;
}

/* The last part of a name: of "int ns::A::get(int) const" it is "get". */
static void last_part(char name[NAME_BYTES], const char *text, size_t bytes)
{
	size_t end = strcspn(text, "(<'");
	size_t begin;

	end = end < bytes ? end : bytes;
	begin = end;
	while (begin > 0 && strchr(" :*&", text[begin - 1]) == NULL) {
		begin--;
	}
	(void)snprintf(name, NAME_BYTES, "%.*s", (int)(end - begin), text + begin);
}

/* "a.c: In function 'square':" names the function that the next warnings are about. */
static void note_function(struct claim *claim, const char *line)
{
	static const char right[] = "\xe2\x80\x99";
	const char *at = strstr(line, ": In ");
	const char *name;
	const char *end;

	at = at == NULL ? NULL : strstr(at, "function ");
	name = at == NULL ? NULL : behind_quote(at + strlen("function "));
	if (name == NULL) {
		return;
	}
	end = strstr(name, right);
	end = end == NULL ? strrchr(name, '\'') : end;
	last_part(claim->name, name, end == NULL ? strlen(name) : (size_t)(end - name));
}

/* Is this the warning, of one of the two attributes? */
static bool note_candidate(struct claim *claim, const char *line)
{
	const char *said = strstr(line, CANDIDATE);
	const char *attribute = said == NULL ? NULL : behind_quote(said + strlen(CANDIDATE));
	const char *colon = strchr(line, ':');
	char *end;
	unsigned long number;

	if (attribute == NULL || colon == NULL || colon > said ||
		(strncmp(attribute, "pure", 4) != 0 && strncmp(attribute, "const", 5) != 0)) {
		return false;
	}
	number = strtoul(colon + 1, &end, 10);
	(void)snprintf(claim->file, sizeof claim->file, "%.*s", (int)(colon - line), line);
	claim->line = *end == ':' && number <= UINT32_MAX ? (uint32_t)number : 0;
	return claim->name[0] != '\0';
}

static bool is_named(const struct hst_function_row *row, const struct claim *claim)
{
	char name[NAME_BYTES];

	if (claim->file[0] == '\0') {
		return fnmatch(claim->name, row->name, 0) == 0 ||
		       fnmatch(claim->name, row->full, 0) == 0 ||
		       fnmatch(claim->name, row->linkage, 0) == 0;
	}
	last_part(name, row->name, strlen(row->name));
	if (strcmp(name, claim->name) != 0) {
		return false;
	}
	/* Functions that are static may share a name. */
	return row->file == NULL
		       ? strcmp(row->linkage, claim->name) == 0
		       : row->line == claim->line &&
				 strcmp(hst_base_name(row->file), hst_base_name(claim->file)) == 0;
}

/* Marks the logs of the functions that are meant; false: there are none. */
static bool declare(const struct hst_cache_pure *pure, const struct claim *claim)
{
	bool any = false;

	for (size_t i = 0; i < pure->count; i++) {
		if (is_named(&pure->rows[pure->logs[i].row], claim)) {
			pure->logs[i].declared = true;
			any = true;
		}
	}
	return any;
}

static bool read_line(FILE *file, char line[LINE_MAX_BYTES])
{
	if (fgets(line, LINE_MAX_BYTES, file) == NULL) {
		return false;
	}
	line[strcspn(line, "\r\n")] = '\0';
	strip_escapes(line);
	return true;
}

static bool is_log(FILE *file, char line[LINE_MAX_BYTES])
{
	bool found = false;

	while (!found && read_line(file, line)) {
		found = strstr(line, CANDIDATE) != NULL;
	}
	rewind(file);
	return found;
}

static void read_log(const struct hst_cache_pure *pure, FILE *file, char line[LINE_MAX_BYTES])
{
	struct claim claim = { .line = 0 };
	size_t candidates = 0;
	bool any = false;

	while (read_line(file, line)) {
		note_function(&claim, line);
		if (note_candidate(&claim, line)) {
			candidates++;
			any = declare(pure, &claim) || any;
		}
	}
	if (!any) {
		(void)hst_reading_fail(pure->reading,
			"--pure: the compiler names %zu functions, none of which was called with arguments here; "
			"is the log of this program, built without -finstrument-functions (with it no function is pure)?",
			candidates);
	}
}

static void read_list(const struct hst_cache_pure *pure, FILE *file, char line[LINE_MAX_BYTES])
{
	struct claim claim = { .line = 0 };

	while (read_line(file, line)) {
		(void)snprintf(claim.name, sizeof claim.name, "%s", line);
		if (line[0] != '\0' && line[0] != '#' && !declare(pure, &claim)) {
			(void)hst_reading_fail(pure->reading,
				"--pure: '%s' names no function that was called with arguments",
				line);
		}
	}
}

int hst_cache_read_pure(const struct hst_cache_pure *pure, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = malloc(LINE_MAX_BYTES);

	if (file == NULL || line == NULL) {
		int status = hst_reading_fail(pure->reading,
			"--pure: '%s' can not be read: %s; name a file with one function a line, or what gcc "
			"printed with -Wsuggest-attribute=pure -Wsuggest-attribute=const",
			path, strerror(errno));

		if (file != NULL) {
			(void)fclose(file);
		}
		free(line);
		return status;
	}
	if (is_log(file, line)) {
		read_log(pure, file, line);
	} else {
		read_list(pure, file, line);
	}
	(void)fclose(file);
	free(line);
	return HST_EXIT_OK;
}
