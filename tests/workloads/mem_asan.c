/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built with -fsanitize=address: `mem_asan clean | leak | bad`. The sanitizer must do its work whoever watches.
 */
#include "mem.h"

static void *volatile held;

NOINLINE static void work(void)
{
	for (int i = 0; i < 100; i++) {
		char *block = kept(malloc(100));

		fill(block, 100, i);
		free(block);
	}
	sink++;
}

NOINLINE static void leaks(void)
{
	held = malloc(321);
	held = NULL;
}

NOINLINE static int reads_freed(void)
{
	char *block = kept(malloc(10));

	fill(block, 10, 1);
	free(block);
	return block[3];
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "clean";

	work();
	say("%s", mode);
	if (strcmp(mode, "leak") == 0) {
		leaks();
	} else if (strcmp(mode, "bad") == 0) {
		say("%d", reads_freed());
	}
	return 0;
}
