/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs before and after main: constructors and destructors of the program and of a library
 * it needs (those run before the preload is initialised), atexit handlers, destructors of
 * thread-local data of the main thread.
 */
#include "workload.h"

NOINLINE static void work(void)
{
	sink++;
}

#ifdef WORKLOAD_LIBRARY

unsigned long library_call(void);

__attribute__((constructor)) static void library_constructor(void)
{
	for (int i = 0; i < 50; i++) {
		work();
	}
}

__attribute__((destructor)) static void library_destructor(void)
{
	work();
}

unsigned long library_call(void)
{
	work();
	return sink;
}

#else

unsigned long library_call(void);

__attribute__((constructor(101))) static void constructor_early(void)
{
	work();
}

__attribute__((constructor)) static void constructor(void)
{
	work();
}

__attribute__((destructor)) static void destructor(void)
{
	work();
}

__attribute__((destructor(101))) static void destructor_late(void)
{
	work();
}

static void handler(void)
{
	work();
	work();
}

static void handler_of_handler(void)
{
	atexit(handler);
	work();
}

int main(void)
{
	atexit(handler);
	atexit(handler_of_handler);
	printf("%lu\n", library_call());
	return 0;
}

#endif
