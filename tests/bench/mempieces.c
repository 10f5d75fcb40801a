/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocates and frees in pieces, each timed by itself: the fastest ones are those that nothing disturbed.
 *
 *   mempieces pair|random|threads N    pieces of N pairs (threads: like random, in two threads)
 *
 * Prints ns per pair: the fastest piece, and the median. Of two threads only the pieces count in which both of them work.
 */
#include "memwork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PIECES = 200
};

static struct table tables[2] = { { .state = 1 }, { .state = 2 } };
static uint64_t took[2 * PIECES];
static size_t taken[2];
static pthread_barrier_t ready;
static atomic_bool alone;

NOHOOK static void pieces(work *function, int which)
{
	struct table *table = &tables[which];

	while (taken[which] < PIECES) {
		uint64_t start = now();

		function(table, table->count);
		if (atomic_load(&alone)) {
			return;
		}
		took[which * PIECES + (int)taken[which]++] = now() - start;
	}
}

NOHOOK static void *thread_main(void *argument)
{
	replacements(&tables[argument != NULL], SLOTS * 8L);
	pthread_barrier_wait(&ready);
	pieces(replacements, argument != NULL);
	atomic_store(&alone, true);
	return NULL;
}

NOHOOK static void two_threads(void)
{
	pthread_t threads[2];

	pthread_barrier_init(&ready, NULL, 2);
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, thread_main, i == 0 ? NULL : &alone) != 0) {
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
	size_t all;

	tables[0].count = count;
	tables[1].count = count;
	if (count > 0 && strcmp(mode, "pair") == 0) {
		pieces(pairs, 0);
	} else if (count > 0 && strcmp(mode, "random") == 0) {
		replacements(&tables[0], SLOTS * 8L); /* the table is full, its pages are there */
		pieces(replacements, 0);
	} else if (count > 0 && strcmp(mode, "threads") == 0) {
		two_threads();
	} else {
		fputs("usage: mempieces pair|random|threads N\n", stderr);
		return 2;
	}
	memmove(took + taken[0], took + PIECES, taken[1] * sizeof(took[0]));
	all = taken[0] + taken[1];
	qsort(took, all, sizeof(took[0]), compare);
	printf("%.3f %.3f\n", (double)took[0] / (double)count,
		(double)took[all / 2] / (double)count);
	return 0;
}
