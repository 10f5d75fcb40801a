/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plug-in whose constructor waits for a thread that throws for the first time in the process,
 * while the loader's lock is held: `throwing LIBRARY` loads it. Built as both, the program and the
 * library (WORKLOAD_LIBRARY).
 */
#include "workload.h"

#include <dlfcn.h>
#include <pthread.h>

#ifdef WORKLOAD_LIBRARY

NOHOOK static void *throw_and_catch(void *arg)
{
	try {
		throw 1;
	} catch (int) {
		sink++;
	}
	return arg;
}

NOHOOK __attribute__((constructor)) static void begin()
{
	pthread_t thread;

	if (pthread_create(&thread, nullptr, throw_and_catch, nullptr) != 0) {
		die("pthread_create");
	}
	pthread_join(thread, nullptr);
}

#else

NOINLINE static void leaf()
{
	sink++;
}

/* On a hang the alarm ends the process. */
int main(int argc, char **argv)
{
	alarm(20);
	leaf();
	if (argc < 2 || dlopen(argv[1], RTLD_NOW) == nullptr) {
		fprintf(stderr, "%s\n", dlerror());
		return 98;
	}
	try {
		throw 1;
	} catch (int) {
		leaf();
	}
	printf("done\n");
	return 0;
}

#endif
