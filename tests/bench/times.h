/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and sorting times, for the programs of the benchmark. */
#ifndef TIMES_H
#define TIMES_H

#include <stdint.h>
#include <time.h>

#define NOHOOK __attribute__((no_instrument_function, unused))

/* ns */
NOHOOK static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* For qsort: ascending. */
NOHOOK static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

#endif
