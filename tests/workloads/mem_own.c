/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with its own malloc in the executable: who is preloaded never sees a call, and must say so.
 */
#include "mem.h"

#include <stddef.h>

static _Alignas(max_align_t) unsigned char pool[1 << 20];
static size_t used;
static unsigned long calls;

NOHOOK static void *give(size_t bytes)
{
	size_t at = used;

	calls++;
	used += (bytes + 31) / 16 * 16;
	if (used > sizeof pool) {
		errno = ENOMEM;
		return NULL;
	}
	memcpy(pool + at, &bytes, sizeof bytes);
	return pool + at + 16;
}

NOHOOK void *malloc(size_t bytes)
{
	return give(bytes);
}

NOHOOK void free(void *block)
{
	calls += block != NULL;
}

NOHOOK void *calloc(size_t count, size_t bytes)
{
	return give(count * bytes); /* the pool is zero, and given out once */
}

NOHOOK void *realloc(void *block, size_t bytes)
{
	void *moved = give(bytes);
	size_t before = 0;

	if (block != NULL && moved != NULL) {
		memcpy(&before, (char *)block - 16, sizeof before);
		memcpy(moved, block, before < bytes ? before : bytes);
	}
	return moved;
}

NOINLINE static void work(void)
{
	for (int i = 0; i < 100; i++) {
		char *block = kept(malloc(100));

		fill(block, 100, i);
		block = kept(realloc(block, 120));
		check_filled(block, 100, i);
		free(block);
	}
	sink++;
}

int main(void)
{
	unsigned long before = calls;

	work();
	say("own malloc: %lu calls", calls - before);
	return 0;
}
