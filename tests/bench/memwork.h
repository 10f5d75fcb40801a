/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs do whose allocations are measured. */
#ifndef MEMWORK_H
#define MEMWORK_H

#include "times.h"

#include <stdint.h>
#include <stdlib.h>

enum {
	SLOTS = 8192, /* a power of two */
	SIZE_LEAST = 16,
	SIZE_RANGE = 1000,
	SMALL = 32
};

struct table {
	uint64_t state;
	long count; /* of pairs, for a thread */
	void *slots[SLOTS];
};

typedef void work(struct table *table, long count);

/* The compiler shall neither foresee nor leave out a block. */
NOHOOK static inline void keep(void *block)
{
	__asm__ volatile("" : : "r"(block) : "memory");
}

/* A tight malloc and free. */
NOHOOK static void pairs(struct table *table, long count)
{
	(void)table;
	for (long i = 0; i < count; i++) {
		void *block = malloc(SMALL);

		keep(block);
		free(block);
	}
}

/* One slot by chance gets another block of a size by chance. The block is written to: its first touch is the program's, whoever watches. */
NOHOOK static void replacements(struct table *table, long count)
{
	uint64_t state = table->state;

	for (long i = 0; i < count; i++) {
		size_t bytes;
		size_t slot;
		char *block;

		state = state * 6364136223846793005u + 1442695040888963407u;
		bytes = SIZE_LEAST + (size_t)(state >> 54) * SIZE_RANGE / 1024;
		slot = (size_t)(state >> 40) % SLOTS;
		free(table->slots[slot]);
		block = malloc(bytes);
		if (block == NULL) {
			abort();
		}
		*block = (char)i;
		keep(block);
		table->slots[slot] = block;
	}
	table->state = state;
}

#endif
