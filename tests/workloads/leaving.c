/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames left by longjmp, and what is called in their place: `leaving same-call` one call
 * instruction calls all functions; `leaving thread` a thread leaves by pthread_exit in the middle.
 */
#include "workload.h"

#include <pthread.h>
#include <setjmp.h>

#define ROUNDS 200

typedef void (*function)(void);

static jmp_buf home;

NOINLINE static void bad(void)
{
	longjmp(home, 1);
}

NOINLINE static void good(void)
{
	sink++;
}

NOINLINE static void outer(void)
{
	good();
	sink++;
}

NOINLINE static void bad_below(void)
{
	bad();
	sink++;
}

static function volatile tests[] = { bad, good, outer, bad_below, outer, bad, bad, good };

#define TESTS ((int)(sizeof tests / sizeof tests[0]))

NOINLINE static void runner(void)
{
	for (volatile int i = 0; i < TESTS; i++) {
		if (setjmp(home) == 0) {
			tests[i]();
		}
	}
}

NOINLINE static void leave_thread(void)
{
	good();
	pthread_exit(NULL);
}

NOINLINE static void *body(void *arg)
{
	good();
	leave_thread();
	return arg;
}

int main(int argc, char **argv)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;

		if (argc > 1 && strcmp(argv[1], "thread") == 0) {
			if (pthread_create(&thread, NULL, body, NULL) != 0) {
				die("pthread_create");
			}
			pthread_join(thread, NULL);
		} else {
			runner();
		}
	}
	printf("done\n");
	return 0;
}
