/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it takes to start a program and to wait for its end, out of a parent with so much memory.
 *
 *   spawner OUT RUNS MIB PROGRAM
 *
 * Writes two numbers into OUT: ns of the fastest quarter's median, and of the median, per start.
 */
#include "times.h"

#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static uint64_t start_and_wait(char *program)
{
	char *arguments[] = { program, NULL };
	uint64_t start = now();
	int status = 0;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, arguments, environ) != 0 ||
		waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "spawner: %s fails\n", program);
		exit(1);
	}
	return now() - start;
}

int main(int argc, char **argv)
{
	size_t runs = argc == 5 ? strtoul(argv[2], NULL, 10) : 0;
	size_t bytes = argc == 5 ? strtoul(argv[3], NULL, 10) << 20 : 0;
	uint64_t *took = calloc(runs + 1, sizeof(*took));
	char *memory = malloc(bytes + 1);
	FILE *out;

	if (runs < 8 || took == NULL || memory == NULL) {
		fputs("usage: spawner OUT RUNS MIB PROGRAM (8 runs or more)\n", stderr);
		return 2;
	}
	memset(memory, 1, bytes + 1);
	for (size_t i = 0; i < runs; i++) {
		took[i] = start_and_wait(argv[4]);
	}
	qsort(took, runs, sizeof(*took), compare);
	out = fopen(argv[1], "w");
	if (out == NULL || fprintf(out, "%llu %llu\n", (unsigned long long)took[runs / 8],
				   (unsigned long long)took[runs / 2]) < 0 ||
		fclose(out) != 0) {
		perror(argv[1]);
		return 1;
	}
	free(took);
	free(memory);
	return 0;
}
