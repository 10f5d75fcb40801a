/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realloc as a malloc, a copy and a free. DHAT books what a realloc adds to the place that allocated
 * the block first; with this library before it, to the place that calls realloc, as hasten does.
 */
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *realloc(void *old, size_t bytes)
{
	size_t known;
	void *block;

	if (old != NULL && bytes == 0) {
		free(old);
		return NULL;
	}
	block = malloc(bytes);
	if (old == NULL || block == NULL) {
		return block;
	}
	known = malloc_usable_size(old);
	memcpy(block, old, known < bytes ? known : bytes);
	free(old);
	return block;
}
