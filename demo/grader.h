/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small grader: it reads problems, runs the submissions in an interpreter of its own, and
 * compares what they print with the expected answers. It works, but it wastes time and memory in
 * ways that real programs do; finding them is what hasten is for.
 */
#ifndef GRADER_H
#define GRADER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NAME_MAX_BYTES  32
#define TESTS_MAX       16
#define SUBMISSIONS_MAX 8
#define CODE_MAX        64
#define NUMBERS_MAX     64

struct test {
	long input[NUMBERS_MAX];
	size_t inputs;
	char *expected; /* lines, as in the file */
};

struct submission {
	char name[NAME_MAX_BYTES];
	char *source;
};

struct problem {
	char name[NAME_MAX_BYTES];
	struct submission submissions[SUBMISSIONS_MAX];
	size_t submission_count;
	struct test tests[TESTS_MAX];
	size_t test_count;
};

enum verdict {
	VERDICT_ACCEPTED,
	VERDICT_WRONG,
	VERDICT_CRASHED,
	VERDICT_TOO_SLOW,
	VERDICT_INVALID,
};

/* problem.c: 0, or -1 when the file is missing or no problem. */
int problem_load(const char *path, struct problem *problem);

/* vm.c: runs `source` on the numbers; what it prints is appended to `output`. */
struct text {
	char *bytes;
	size_t used;
	size_t room;
};

void text_add(struct text *text, const char *bytes, size_t count);
enum verdict vm_run(const char *source, const struct test *test, long limit, struct text *output);

/* compare.c */
unsigned long answer_checksum(const char *answer);
int answers_equal(const char *expected, const char *printed);

/* limits.cpp: the number behind `key` in the file of limits; `fallback` if there is none. */
long limit_of(const char *path, const char *key, long fallback);

/* archive.c: has another program pack the verdicts; its exit status, -1 if it cannot be run. */
int archive_results(const char *command);

#ifdef __cplusplus
}
#endif

#endif
