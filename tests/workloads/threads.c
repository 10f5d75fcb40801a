/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads. `threads short`: 2,000 that live shortly; `detached`: four that are alive at exit;
 * `main-exits`: main leaves by pthread_exit; `cancel`: threads that are cancelled; `small`: a
 * thread on the smallest stack; `tsd`: destructors of thread-specific data that call functions;
 * `newest`: much work by all, then a little by all.
 */
#include "workload.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

static atomic_int ready;
static pthread_key_t key;
static pthread_barrier_t all_have_worked;

NOINLINE static void leaf(void)
{
	sink++;
}

static void *brief(void *arg)
{
	for (int i = 0; i < 10; i++) {
		leaf();
	}
	return arg;
}

static void *resident(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		leaf();
	}
	atomic_fetch_add(&ready, 1);
	for (;;) {
		pause();
	}
	return arg;
}

NOINLINE static void wait_here(void)
{
	for (;;) {
		pause();
	}
}

static void *cancelled(void *arg)
{
	leaf();
	atomic_fetch_add(&ready, 1);
	wait_here();
	return arg;
}

static void farewell(void *value)
{
	size_t rounds = (size_t)value;

	leaf();
	if (rounds > 1) {
		pthread_setspecific(key, (void *)(rounds - 1));
	}
}

static void *keeper(void *arg)
{
	pthread_setspecific(key, (void *)(size_t)3);
	leaf();
	return arg;
}

NOINLINE static void old_leaf(void)
{
	sink++;
}

NOINLINE static void new_leaf(void)
{
	sink++;
}

static void *newest(void *arg)
{
	for (int i = 0; i < 100000; i++) {
		old_leaf();
	}
	pthread_barrier_wait(&all_have_worked);
	for (int i = 0; i < 1000; i++) {
		new_leaf();
	}
	return arg;
}

NOHOOK static void start(pthread_t *ret_thread, void *(*body)(void *), size_t stack)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	if (stack != 0) {
		pthread_attr_setstacksize(&attr, stack);
	}
	if (pthread_create(ret_thread, &attr, body, NULL) != 0) {
		die("pthread_create");
	}
	pthread_attr_destroy(&attr);
}

NOHOOK static void run_and_join(void *(*body)(void *), int count, int at_once, size_t stack)
{
	pthread_t threads[50];

	for (int done = 0; done < count; done += at_once) {
		for (int i = 0; i < at_once; i++) {
			start(&threads[i], body, stack);
		}
		for (int i = 0; i < at_once; i++) {
			pthread_join(threads[i], NULL);
		}
	}
}

NOHOOK static void run_and_leave(void *(*body)(void *), int cancel)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		start(&threads[i], body, 0);
	}
	while (atomic_load(&ready) < 4) {
		usleep(1000);
	}
	for (int i = 0; i < 4; i++) {
		if (cancel) {
			pthread_cancel(threads[i]);
			pthread_join(threads[i], NULL);
		} else {
			pthread_detach(threads[i]);
		}
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "short";
	pthread_t thread;

	printf("%s\n", mode);
	fflush(stdout);
	if (strcmp(mode, "short") == 0) {
		run_and_join(brief, 2000, 10, 0);
	} else if (strcmp(mode, "detached") == 0) {
		run_and_leave(resident, 0);
	} else if (strcmp(mode, "cancel") == 0) {
		run_and_leave(cancelled, 1);
	} else if (strcmp(mode, "small") == 0) {
		run_and_join(brief, 20, 1, (size_t)PTHREAD_STACK_MIN);
	} else if (strcmp(mode, "newest") == 0) {
		pthread_barrier_init(&all_have_worked, NULL, 8);
		run_and_join(newest, 8, 8, 0);
		truth_range("old_leaf", 1, 800000);
		truth_range("newest", 0, 8);
		truth_range("main", 0, 1);
	} else if (strcmp(mode, "tsd") == 0) {
		pthread_key_create(&key, farewell);
		run_and_join(keeper, 50, 5, 0);
	} else {
		start(&thread, brief, 0);
		pthread_exit(NULL);
	}
	return 0;
}
