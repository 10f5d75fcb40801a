/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions: nested, left open at a return, inside a recursion, in threads. `regions many` has more
 * names than there is room for; `regions contended` has threads that use the same new names at the
 * same time.
 */
#include "workload.h"

#include <hasten/region.h>
#include <pthread.h>

NOINLINE static void leaf(void)
{
	sink++;
}

NOINLINE static void phases(void)
{
	hasten_begin("parse");
	leaf();
	hasten_begin("parse: numbers");
	leaf();
	hasten_end();
	hasten_end();
	hasten_begin("solve");
	leaf();
	hasten_end();
}

/* Forgets to end its region: that happens when it returns. */
NOINLINE static void forgetful(void)
{
	hasten_begin("forgotten");
	leaf();
}

static void *thread_body(void *arg)
{
	for (int i = 0; i < 100; i++) {
		phases();
	}
	return arg;
}

NOINLINE static void many(void)
{
	char name[32];

	hasten_begin("outer");
	for (int i = 0; i < 4200; i++) {
		snprintf(name, sizeof name, "name %d", i);
		hasten_begin(name);
		hasten_end();
	}
	/* The ends of those without a name must not have ended this one. */
	leaf();
	hasten_end();
}

static pthread_barrier_t together;

static void *name_at_once(void *arg)
{
	char name[32];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "shared %d", i);
		pthread_barrier_wait(&together);
		hasten_begin(name);
		leaf();
		hasten_end();
	}
	return arg;
}

NOHOOK static void contend(void)
{
	pthread_t threads[4];

	pthread_barrier_init(&together, NULL, 4);
	for (int i = 0; i < 4; i++) {
		if (pthread_create(&threads[i], NULL, name_at_once, NULL) != 0) {
			die("pthread_create");
		}
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
}

NOHOOK static int variant(const char *mode)
{
	if (strcmp(mode, "many") == 0) {
		many();
	} else {
		contend();
	}
	printf("done\n");
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];

	if (argc > 1) {
		return variant(argv[1]);
	}

	/* One end too many has no effect. */
	hasten_end();
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&threads[i], NULL, thread_body, NULL) != 0) {
			die("pthread_create");
		}
	}
	for (int i = 0; i < 100; i++) {
		forgetful();
		phases();
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("done\n");
	return 0;
}
