/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocates and frees.
 *
 *   memload pair N       N times malloc(32) and free
 *   memload random N     a table of blocks of 16 to 1015 bytes, N times one of them replaced, by chance
 *   memload threads N    the same in two threads with a table each, N/2 times
 *   memload called N     like pair, each of the two in a function of its own
 */
#include "memwork.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct table tables[2] = { { .state = 1 }, { .state = 2 } };

static __attribute__((noinline)) void *make(void)
{
	void *block = malloc(SMALL);

	keep(block);
	return block;
}

static __attribute__((noinline)) void drop(void *block)
{
	free(block);
}

NOHOOK static void called_pairs(long count)
{
	for (long i = 0; i < count; i++) {
		drop(make());
	}
}

NOHOOK static void *thread_main(void *argument)
{
	struct table *table = argument;

	replacements(table, table->count);
	return NULL;
}

NOHOOK static void two_threads(long count)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		tables[i].count = count / 2;
		if (pthread_create(&threads[i], NULL, thread_main, &tables[i]) != 0) {
			abort();
		}
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	long count = argc > 2 ? atol(argv[2]) : 0;

	if (strcmp(mode, "pair") == 0) {
		pairs(&tables[0], count);
	} else if (strcmp(mode, "random") == 0) {
		replacements(&tables[0], count);
	} else if (strcmp(mode, "threads") == 0) {
		two_threads(count);
	} else if (strcmp(mode, "called") == 0) {
		called_pairs(count);
	} else {
		fputs("usage: memload MODE N\n", stderr);
		return 2;
	}
	return 0;
}
