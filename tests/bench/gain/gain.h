/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs here share: a source of numbers, and draws in which some come often and most seldom. */
#ifndef HST_BENCH_GAIN_H
#define HST_BENCH_GAIN_H

#include <stdio.h>
#include <stdlib.h>

/* The functions of a larger program are in files of their own, and are called. */
#define CALLED __attribute__((noinline))
#define QUIET  __attribute__((no_instrument_function)) static inline

QUIET unsigned int draw(unsigned int *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Below `most`, small ones more often. */
QUIET unsigned int often(unsigned int *state, unsigned int most)
{
	double share = draw(state) / 16777216.0;

	return (unsigned int)(share * share * share * most);
}

QUIET int rounds_of(int argc, char **argv)
{
	return argc > 1 ? atoi(argv[1]) : 1;
}

#endif
