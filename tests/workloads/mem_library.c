/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library that takes memory and goes while its blocks stay: `mem_library PATH [deep]` loads it, or, with WORKLOAD_LIBRARY, is it.
 */
#include "mem.h"

void *library_takes(int i);
void library_drops(void *block);

#ifdef WORKLOAD_LIBRARY

NOINLINE void *library_takes(int i)
{
	return kept(malloc(300 + (size_t)i));
}

NOINLINE void library_drops(void *block)
{
	free(block);
	sink++;
}

/* Its blocks live as long as the library. */
static void *own;

NOINLINE static void library_begins(void)
{
	own = kept(malloc(2000));
}

__attribute__((constructor)) static void begin(void)
{
	library_begins();
	sink++;
}

__attribute__((destructor)) static void end(void)
{
	library_drops(own);
	sink++;
}

#else

# include <dlfcn.h>

static void *blocks[300];

NOHOOK static void *symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);

	CHECK(found != NULL);
	return found;
}

/* Ten blocks each time, of which four are left when the library goes. */
NOHOOK static void phase(const char *path, int from, int flags)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | flags);
	void *(*takes)(int);
	void (*drops)(void *);
	void *found;

	CHECK(library != NULL);
	found = symbol(library, "library_takes");
	memcpy(&takes, &found, sizeof takes);
	found = symbol(library, "library_drops");
	memcpy(&drops, &found, sizeof drops);
	for (int i = 0; i < 10; i++) {
		blocks[from + i] = takes(i);
	}
	for (int i = 0; i < 6; i++) {
		drops(blocks[from + i]);
		blocks[from + i] = NULL;
	}
	CHECK(dlclose(library) == 0);
}

NOINLINE static void free_rest(void)
{
	for (size_t i = 0; i < COUNT_OF(blocks); i++) {
		if (i % 10 != 9) {
			free(blocks[i]);
		}
	}
	sink++;
}

NOHOOK int main(int argc, char **argv)
{
	int flags = argc > 2 ? RTLD_DEEPBIND : 0;

	CHECK(argc > 1);
	for (int i = 0; i < 30; i++) {
		phase(argv[1], 10 * i, flags);
	}
	free_rest();
	say("library gone");
	return 0;
}

#endif
