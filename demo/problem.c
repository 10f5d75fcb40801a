/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Problem files: "problem NAME", then blocks "submission NAME ... end" and "test", where a test has
 * one line "in NUMBERS" and lines "out TEXT", up to "end".
 */
#include "grader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	FILE *file;
	char line[256];
};

/* Every line becomes a copy of its own that lives until the next one is read. */
static char *trimmed_copy(const char *line)
{
	size_t start = strspn(line, " \t");
	size_t length = strlen(line + start);
	char *copy = malloc(length + 1);

	while (length > 0 && strchr(" \t\r\n", line[start + length - 1]) != NULL) {
		length--;
	}
	memcpy(copy, line + start, length);
	copy[length] = '\0';
	return copy;
}

static char *next_line(struct reader *reader)
{
	while (fgets(reader->line, sizeof reader->line, reader->file) != NULL) {
		char *line = trimmed_copy(reader->line);

		if (line[0] != '\0' && line[0] != '#') {
			return line;
		}
		free(line);
	}
	return NULL;
}

static int starts_with(const char *line, const char *word)
{
	size_t length = strlen(word);

	return strncmp(line, word, length) == 0 && (line[length] == ' ' || line[length] == '\0');
}

static char *appended(char *text, const char *line)
{
	size_t old = text == NULL ? 0 : strlen(text);
	size_t more = strlen(line);
	char *longer = realloc(text, old + more + 2);

	memcpy(longer + old, line, more);
	memcpy(longer + old + more, "\n", 2);
	return longer;
}

static int read_submission(struct reader *reader, struct problem *problem, const char *name)
{
	struct submission *submission = &problem->submissions[problem->submission_count];
	char *line;

	if (problem->submission_count == SUBMISSIONS_MAX) {
		return -1;
	}
	snprintf(submission->name, sizeof submission->name, "%s", name);
	submission->source = NULL;
	while ((line = next_line(reader)) != NULL) {
		if (strcmp(line, "end") == 0) {
			free(line);
			problem->submission_count++;
			return 0;
		}
		submission->source = appended(submission->source, line);
		free(line);
	}
	return -1;
}

static size_t read_numbers(const char *text, long *numbers)
{
	size_t count = 0;
	char *end;

	while (count < NUMBERS_MAX) {
		long number = strtol(text, &end, 10);

		if (end == text) {
			break;
		}
		numbers[count++] = number;
		text = end;
	}
	return count;
}

static int read_test(struct reader *reader, struct problem *problem)
{
	struct test *test = &problem->tests[problem->test_count];
	char *line;

	if (problem->test_count == TESTS_MAX) {
		return -1;
	}
	test->expected = NULL;
	test->inputs = 0;
	while ((line = next_line(reader)) != NULL) {
		if (strcmp(line, "end") == 0) {
			free(line);
			problem->test_count++;
			return 0;
		}
		if (starts_with(line, "in")) {
			test->inputs = read_numbers(line + 2, test->input);
		} else if (starts_with(line, "out")) {
			test->expected = appended(test->expected, line + 4);
		}
		free(line);
	}
	return -1;
}

static int read_blocks(struct reader *reader, struct problem *problem)
{
	char *line;
	int result = 0;

	while (result == 0 && (line = next_line(reader)) != NULL) {
		if (starts_with(line, "problem")) {
			snprintf(problem->name, sizeof problem->name, "%s", line + 8);
		} else if (starts_with(line, "submission")) {
			result = read_submission(reader, problem, line + 11);
		} else if (starts_with(line, "test")) {
			result = read_test(reader, problem);
		} else {
			result = -1;
		}
		free(line);
	}
	return result;
}

int problem_load(const char *path, struct problem *problem)
{
	struct reader reader = { fopen(path, "r"), "" };
	int result;

	memset(problem, 0, sizeof *problem);
	if (reader.file == NULL) {
		return -1;
	}
	result = read_blocks(&reader, problem);
	fclose(reader.file);
	return problem->test_count == 0 ? -1 : result;
}
