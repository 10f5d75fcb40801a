/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The known truth: 37 blocks of 1184 bytes that leak at one line, 1000 temporary blocks, and a peak in `summit`, called by `hill`.
 */
#include "mem.h"

#define LEAKS 37
#define BASE  8
#define STEPS 100

static void *leaks[LEAKS];
static void *base[BASE];
static void *steps[STEPS];

NOINLINE static void leaky(void)
{
	for (int i = 0; i < LEAKS; i++) {
		leaks[i] = kept(malloc(1184)); /* leaks here */
		fill(leaks[i], 1184, i);
	}
}

NOINLINE static void take_base(void)
{
	for (int i = 0; i < BASE; i++) {
		base[i] = kept(malloc(500));
	}
}

NOINLINE static void drop_base(void)
{
	for (int i = 0; i < BASE; i++) {
		free(base[i]);
	}
}

NOINLINE static void temporary(void)
{
	for (int i = 0; i < 1000; i++) {
		char *block = kept(malloc(64 + (size_t)i % 8));

		fill(block, 64, i);
		free(kept(block));
	}
}

/* The program's peak is when this one has its block. */
NOINLINE static void *summit(void)
{
	void *block = kept(malloc(100000));

	fill(block, 100000, 7);
	return kept(block);
}

NOINLINE static void hill(void)
{
	void *top;

	for (int i = 0; i < STEPS; i++) {
		steps[i] = kept(malloc(4096));
	}
	top = summit();
	free(top);
	for (int i = 0; i < STEPS; i++) {
		free(steps[i]);
	}
	sink++;
}

/* A block larger than any other, but lower than the peak. */
NOINLINE static void lower(void)
{
	void *block = kept(malloc(300000));

	fill(block, 300000, 8);
	free(kept(block));
	sink++;
}

int main(void)
{
	take_base();
	leaky();
	temporary();
	hill();
	lower();
	drop_base();
	for (int i = 0; i < LEAKS; i++) {
		check_filled(leaks[i], 1184, i);
	}
	say("known");
	return 0;
}
