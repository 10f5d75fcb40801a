/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What spans a change of how is recorded: `mem_mode limit | pause`. With `pause` recording begins, by the tool, when the program
 * has said "ready" and before the line comes that it waits for.
 */
#include "mem.h"

#define BLOCKS 400
#define ROUNDS 100000

static void *early[BLOCKS];
static void *late[BLOCKS];

NOINLINE static void takes_early(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		early[i] = kept(malloc(90));
		fill(early[i], 90, i);
	}
}

NOINLINE static void drops_early(int from, int to)
{
	for (int i = from; i < to; i++) {
		check_filled(early[i], 90, i);
		free(early[i]);
	}
	sink++;
}

NOINLINE static void churn(int i)
{
	void *block = kept(malloc(50 + (size_t)i % 50));
	void *other = kept(calloc(2, 25));

	block = kept(realloc(block, 200));
	free(other);
	free(block);
	sink++;
}

NOINLINE static void takes_late(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		late[i] = kept(malloc(110));
	}
}

NOINLINE static void drops_late(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		if (i % 8 != 0) {
			free(late[i]);
		}
	}
	sink++;
}

NOHOOK static void wait_for_line(void)
{
	char byte;

	say("ready");
	CHECK(read(0, &byte, 1) == 1);
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	takes_early();
	if (strcmp(mode, "pause") == 0) {
		wait_for_line();
		drops_early(0, BLOCKS / 2);
		early[0] = kept(realloc(early[BLOCKS - 1], 500));
		free(early[0]);
		takes_late();
		drops_late();
		drops_early(BLOCKS / 2, BLOCKS - 1);
	} else if (strcmp(mode, "limit") == 0) {
		for (int i = 0; i < ROUNDS; i++) {
			churn(i);
		}
		drops_early(0, BLOCKS / 2);
		takes_late();
		drops_late();
	} else {
		return 2;
	}
	say("%s done", mode);
	return 0;
}
