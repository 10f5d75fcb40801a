/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unified diff from places where text is replaced: what changes is known, so nothing is searched for. Changes stand in
 * the order of the text and share no line.
 */
#include "plan/memo.h"

#include <stdlib.h>
#include <string.h>

#define CONTEXT     3u
#define CHANGES_MAX 4u

/* Text from `begin` to `end` becomes `text`. */
struct change {
	size_t begin, end;
	char *text; /* owned */
	size_t bytes;
	/* The whole lines that it touches, and how many there are before and after it. */
	size_t from, to;
	size_t line, old_lines, new_lines;
};

struct diff {
	FILE *out;
	const struct hst_memo_source *source;
	struct change changes[CHANGES_MAX];
	size_t count;
};

static size_t line_begin(const struct hst_memo_source *source, size_t at)
{
	while (at > 0 && source->text[at - 1] != '\n') {
		at--;
	}
	return at;
}

/* Behind the end of the line that `at` is in. */
static size_t line_end(const struct hst_memo_source *source, size_t at)
{
	while (at < source->bytes && source->text[at] != '\n') {
		at++;
	}
	return at < source->bytes ? at + 1 : at;
}

static size_t count_lines(const char *text, size_t bytes)
{
	size_t lines = 0;

	for (size_t i = 0; i < bytes; i++) {
		lines += text[i] == '\n';
	}
	return lines + (bytes > 0 && text[bytes - 1] != '\n');
}

/* Each line with a mark before it. */
static void print_lines(FILE *out, char mark, const char *text, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		const char *end = memchr(text + at, '\n', bytes - at);
		size_t length = end == NULL ? bytes - at : (size_t)(end - text) - at;

		(void)fprintf(out, "%c%.*s\n", mark, (int)length, text + at);
		if (end == NULL) {
			(void)fprintf(out, "\\ No newline at end of file\n");
			break;
		}
		at += length + 1;
	}
}

/* Makes whole lines of the change. false: no memory. */
static bool widen(struct diff *diff, struct change *change)
{
	const struct hst_memo_source *source = diff->source;
	bool inserts = change->begin == change->end &&
		       change->begin == line_begin(source, change->begin) && change->bytes > 0 &&
		       change->text[change->bytes - 1] == '\n';
	size_t before;
	size_t after;
	char *whole;

	change->from = line_begin(source, change->begin);
	change->to = inserts ? change->begin : line_end(source, change->end);
	before = change->begin - change->from;
	after = change->to - change->end;
	whole = malloc(before + change->bytes + after + 1);
	if (whole == NULL) {
		return false;
	}
	memcpy(whole, source->text + change->from, before);
	memcpy(whole + before, change->text, change->bytes);
	memcpy(whole + before + change->bytes, source->text + change->end, after);
	free(change->text);
	change->text = whole;
	change->bytes += before + after;
	change->line = count_lines(source->text, change->from);
	change->old_lines = count_lines(source->text + change->from, change->to - change->from);
	change->new_lines = count_lines(change->text, change->bytes);
	return true;
}

/* `lines` lines back or ahead of a place at the beginning of a line. */
static size_t lines_back(const struct hst_memo_source *source, size_t at, size_t lines)
{
	while (lines-- > 0 && at > 0) {
		at = line_begin(source, at - 1);
	}
	return at;
}

static size_t lines_ahead(const struct hst_memo_source *source, size_t at, size_t lines)
{
	while (lines-- > 0 && at < source->bytes) {
		at = line_end(source, at);
	}
	return at;
}

/* The changes from `first` on that are near enough to be shown together; the number of the next one. */
static size_t hunk_end(const struct diff *diff, size_t first)
{
	size_t last = first;

	while (last + 1 < diff->count && lines_ahead(diff->source, diff->changes[last].to,
						 2 * CONTEXT) >= diff->changes[last + 1].from) {
		last++;
	}
	return last + 1;
}

/* "12,7"; an empty part counts from the line before it. */
static void print_range(FILE *out, char mark, size_t line, size_t lines)
{
	(void)fprintf(out, "%c%zu,%zu ", mark, lines == 0 ? line : line + 1, lines);
}

static void print_hunk(const struct diff *diff, size_t first, size_t end, size_t shift)
{
	const struct hst_memo_source *source = diff->source;
	size_t from = lines_back(source, diff->changes[first].from, CONTEXT);
	size_t to = lines_ahead(source, diff->changes[end - 1].to, CONTEXT);
	size_t line = count_lines(source->text, from);
	size_t old_lines = count_lines(source->text + from, to - from);
	size_t new_lines = old_lines;
	size_t at = from;

	for (size_t i = first; i < end; i++) {
		new_lines += diff->changes[i].new_lines - diff->changes[i].old_lines;
	}
	(void)fprintf(diff->out, "@@ ");
	print_range(diff->out, '-', line, old_lines);
	print_range(diff->out, '+', line + shift, new_lines);
	(void)fprintf(diff->out, "@@\n");
	for (size_t i = first; i < end; i++) {
		const struct change *change = &diff->changes[i];

		print_lines(diff->out, ' ', source->text + at, change->from - at);
		print_lines(diff->out, '-', source->text + change->from, change->to - change->from);
		print_lines(diff->out, '+', change->text, change->bytes);
		at = change->to;
	}
	print_lines(diff->out, ' ', source->text + at, to - at);
}

/* Takes the text over; lines end as in the file. false: no memory. */
static bool add_change(struct diff *diff, size_t begin, size_t end, char *text, size_t bytes)
{
	struct change *change = &diff->changes[diff->count++];

	*change = (struct change){ .begin = begin, .end = end, .text = text, .bytes = bytes };
	if (diff->source->returns) {
		char *with = malloc(2 * bytes + 1);
		size_t length = 0;

		for (size_t i = 0; with != NULL && i < bytes; i++) {
			if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) {
				with[length++] = '\r';
			}
			with[length++] = text[i];
		}
		free(text);
		change->text = with;
		change->bytes = length;
	}
	return change->text != NULL && widen(diff, change);
}

/* The head of the renamed function, with a declaration of the new one before it if the body calls it. */
static void write_head(FILE *out, const struct hst_memo *memo, const struct hst_memo_source *source)
{
	const char *text = source->text;
	size_t at = source->head;

	if (source->calls_itself) {
		(void)fprintf(out, "%.*s;\n\n", (int)(source->head_end - source->head),
			text + source->head);
	}
	if (!source->is_static) {
		(void)fprintf(out, "static ");
	}
	if (source->linkage_bytes > 0) {
		size_t behind = source->linkage + source->linkage_bytes;

		(void)fprintf(out, "%.*s", (int)(source->linkage - at), text + at);
		at = behind + strspn(text + behind, " \t");
	}
	(void)fprintf(out, "%.*s%s", (int)(source->name - at), text + at, memo->uncached);
	at = source->name + strlen(memo->prototype->name);
	(void)fprintf(out, "%.*s", (int)(source->head_end - at), text + at);
}

static bool change_head(struct diff *diff, const struct hst_memo *memo)
{
	const struct hst_memo_source *source = diff->source;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (out == NULL) {
		return false;
	}
	write_head(out, memo, source);
	if (fclose(out) != 0) {
		free(text);
		return false;
	}
	return add_change(diff, source->head, source->head_end, text, bytes);
}

static bool add_code(struct diff *diff, const struct hst_memo *memo)
{
	const struct hst_memo_source *source = diff->source;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	size_t at = line_end(source, source->end);
	bool open_line = at > 0 && source->text[at - 1] != '\n';

	if (out == NULL) {
		return false;
	}
	(void)fprintf(out, open_line ? "\n\n" : "\n");
	hst_memo_code(out, memo, source->text + source->head, source->head_end - source->head);
	if (fclose(out) != 0) {
		free(text);
		return false;
	}
	return add_change(diff, at, at, text, bytes);
}

static bool add_include(struct diff *diff)
{
	const struct hst_memo_source *source = diff->source;
	size_t at = source->include == 0 ? 0 : line_end(source, source->include);
	char *text = strdup("#include <time.h>\n");

	return text != NULL && add_change(diff, at, at, text, strlen(text));
}

enum hst_status hst_memo_diff(FILE *out, const struct hst_memo *memo,
	const struct hst_memo_source *source, const char *name)
{
	struct diff diff = { .out = out, .source = source };
	bool good = (memo->ttl_ns == 0 || add_include(&diff)) && change_head(&diff, memo) &&
		    add_code(&diff, memo);
	size_t shift = 0;

	if (good) {
		(void)fprintf(out, "--- a/%s\n+++ b/%s\n", name, name);
	}
	for (size_t i = 0; good && i < diff.count;) {
		size_t end = hunk_end(&diff, i);

		print_hunk(&diff, i, end, shift);
		for (; i < end; i++) {
			shift += diff.changes[i].new_lines - diff.changes[i].old_lines;
		}
	}
	for (size_t i = 0; i < diff.count; i++) {
		free(diff.changes[i].text);
	}
	return good ? HST_OK : HST_E_MEMORY;
}
