/* SPDX-License-Identifier: Apache-2.0 */
/* Regions: nested, left open at a return, inside a recursion, in threads. */
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

int main(void)
{
	pthread_t threads[2];

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
