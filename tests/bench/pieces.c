/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same recursion in pieces of a fraction of a millisecond, each timed by itself: the fastest ones are those that nothing
 * disturbed. Prints ns per call: the fastest piece, and the median.
 */
#include "times.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	PIECES = 300,
	NUMBER = 19,
	CALLS = 13529 /* of fib(19) */
};

static __attribute__((noinline)) unsigned fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

NOHOOK int main(void)
{
	static uint64_t took[PIECES];
	unsigned sum = 0;

	for (int i = 0; i < PIECES; i++) {
		uint64_t start = now();

		sum += fib(NUMBER);
		took[i] = now() - start;
	}
	qsort(took, PIECES, sizeof(took[0]), compare);
	printf("%.3f %.3f %u\n", (double)took[0] / CALLS, (double)took[PIECES / 2] / CALLS, sum);
	return 0;
}
