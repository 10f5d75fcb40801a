/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory before and after main: the functions of .preinit_array (before all constructors), constructors of a library that run
 * before the preload is initialised, of the program, handlers of atexit and on_exit, and destructors, of which the library's
 * run when the preload's have run.
 */
#include "mem.h"

#ifdef WORKLOAD_LIBRARY

void library_exchange(void);

static void *library_kept[5];

NOINLINE static void library_early(void)
{
	for (int i = 0; i < 5; i++) {
		library_kept[i] = kept(calloc(1, 100));
	}
}

NOINLINE static void library_late(void)
{
	char *block = kept(malloc(600));

	fill(block, 600, 1);
	block = kept(realloc(block, 700));
	free(block);
	for (int i = 0; i < 4; i++) {
		free(library_kept[i]);
	}
	library_kept[0] = kept(malloc(601)); /* the last of all, leaked */
}

__attribute__((constructor)) static void library_constructor(void)
{
	library_early();
}

__attribute__((destructor)) static void library_destructor(void)
{
	library_late();
}

NOINLINE void library_exchange(void)
{
	for (int i = 0; i < 5; i++) {
		library_kept[i] = kept(realloc(library_kept[i], 200));
	}
}

#else

void library_exchange(void);

static void *held[6];

NOINLINE static void before_all(void)
{
	held[0] = kept(malloc(77));
	held[1] = kept(malloc(78));
	free(held[1]);
	sink++;
}

NOHOOK static void preinit(void)
{
	before_all();
	sink++;
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit_entry)(void) = preinit;

NOINLINE static void early(void)
{
	held[1] = kept(malloc(79));
	held[2] = kept(malloc(80));
}

__attribute__((constructor(101))) static void constructor_early(void)
{
	early();
	sink++;
}

NOINLINE static void late(void)
{
	free(held[1]); /* of the constructor */
	free(kept(malloc(81)));
	held[1] = kept(malloc(82)); /* leaked */
}

__attribute__((destructor(101))) static void destructor_late(void)
{
	late();
	sink++;
}

NOINLINE static void at_exit(void)
{
	free(held[0]); /* of before all */
	free(kept(malloc(83)));
	sink++;
}

NOINLINE static void take_two(void)
{
	held[0] = kept(malloc(84)); /* leaked */
	free(kept(malloc(85)));
	sink++;
}

static void on_the_exit(int status, void *argument)
{
	(void)status;
	free(argument);
	take_two();
	sink++;
}

NOINLINE static void *for_the_exit(void)
{
	return kept(malloc(86));
}

int main(void)
{
	atexit(at_exit);
	on_exit(on_the_exit, for_the_exit());
	library_exchange();
	say("around main");
	return 0;
}

#endif
