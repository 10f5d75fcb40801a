/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CPU is disturbed least at the moment? Other machines on the same cores slow one down by half without leaving a trace in any
 * counter of ours, but not all alike. Prints for each CPU that we may use: its number, and the median time of equal
 * pieces of work in ns.
 */
#include "times.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	PIECES = 2000,
	STEPS = 6000
};

/* Independent additions: another thread on the same core takes its share of the units that do them. */
static uint64_t piece(void)
{
	uint64_t start = now();
	uint64_t a = 0;
	uint64_t b = 0;
	uint64_t c = 0;
	uint64_t d = 0;

	for (int i = 0; i < STEPS; i++) {
		__asm__ volatile("add $1, %0\n\tadd $1, %1\n\tadd $1, %2\n\tadd $1, %3\n\t"
				 "add $1, %0\n\tadd $1, %1\n\tadd $1, %2\n\tadd $1, %3"
				 : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	}
	return now() - start;
}

int main(void)
{
	static uint64_t took[PIECES];
	cpu_set_t all;

	if (sched_getaffinity(0, sizeof(all), &all) != 0) {
		return 1;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!CPU_ISSET(cpu, &all) || sched_setaffinity(0, sizeof(one), &one) != 0) {
			continue;
		}
		for (int i = 0; i < PIECES; i++) {
			took[i] = piece();
		}
		qsort(took, PIECES, sizeof(took[0]), compare);
		printf("%d %lu\n", cpu, (unsigned long)took[PIECES / 2]);
	}
	return 0;
}
