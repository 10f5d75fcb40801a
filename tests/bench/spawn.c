/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a program takes from its start to its end, in several environments by turns.
 *
 *   spawn RUNS PROGRAM VARIANT...   VARIANT: NAME=VALUE,NAME=VALUE or "-"; %d is the run's number
 *
 * Prints one line per run: the ns of every variant. The order within a run changes.
 */
#include "times.h"

#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
	VARIANTS_MAX = 8,
	WORDS_MAX = 8,
	WORD_BYTES = 1024
};

static void put_number(char *out, const char *word, int run)
{
	const char *mark = strstr(word, "%d");

	if (mark == NULL) {
		snprintf(out, WORD_BYTES, "%s", word);
	} else {
		snprintf(out, WORD_BYTES, "%.*s%d%s", (int)(mark - word), word, run, mark + 2);
	}
}

static uint64_t run_once(const char *program, const char *variant, int run)
{
	static char words[WORDS_MAX][WORD_BYTES];
	char copy[WORD_BYTES];
	char *environment[WORDS_MAX + 1] = { NULL };
	char *arguments[] = { (char *)(uintptr_t)program, NULL };
	char *rest = NULL;
	size_t count = 0;
	uint64_t start;
	pid_t pid;
	int status = 0;

	if (strcmp(variant, "-") != 0) {
		snprintf(copy, sizeof(copy), "%s", variant);
		for (char *word = strtok_r(copy, ",", &rest); word != NULL && count < WORDS_MAX;
			word = strtok_r(NULL, ",", &rest)) {
			put_number(words[count], word, run);
			environment[count] = words[count];
			count++;
		}
	}
	start = now();
	if (posix_spawn(&pid, program, NULL, NULL, arguments, environment) != 0 ||
		waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "spawn: %s fails\n", program);
		exit(1);
	}
	return now() - start;
}

int main(int argc, char **argv)
{
	int runs = argc > 3 ? atoi(argv[1]) : 0;
	int variants = argc - 3;
	uint64_t took[VARIANTS_MAX];

	if (runs <= 0 || variants > VARIANTS_MAX) {
		fputs("usage: spawn RUNS PROGRAM VARIANT...\n", stderr);
		return 2;
	}
	for (int run = 0; run < runs; run++) {
		for (int i = 0; i < variants; i++) {
			int which = (i + run) % variants;

			took[which] = run_once(argv[2], argv[3 + which], run);
		}
		for (int i = 0; i < variants; i++) {
			printf("%lu%c", (unsigned long)took[i], i + 1 < variants ? ' ' : '\n');
		}
	}
	return 0;
}
