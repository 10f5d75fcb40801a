/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that asks all the time whether there is seccomp, by a filter without an address, while
 * threads begin: whoever held signals back must give back the mask that the program had.
 */
#include "workload.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#define MAKERS  2
#define THREADS 2000

static atomic_int makers = MAKERS;
static atomic_ulong all_blocked;
static atomic_ulong own_opened;
static atomic_ulong not_expected;

NOINLINE static void leaf(void)
{
	sink++;
}

NOHOOK static void *body(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	leaf();
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	all_blocked += (unsigned long)sigismember(&set, SIGTERM);
	own_opened += !sigismember(&set, SIGUSR2);
	return arg;
}

NOHOOK static void *maker(void *arg)
{
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, body, NULL) != 0) {
			die("pthread_create");
		}
		pthread_join(thread, NULL);
	}
	atomic_fetch_sub(&makers, 1);
	return arg;
}

NOHOOK int main(void)
{
	pthread_t threads[MAKERS];

	for (int i = 0; i < MAKERS; i++) {
		if (pthread_create(&threads[i], NULL, maker, NULL) != 0) {
			die("pthread_create");
		}
	}
	while (atomic_load(&makers) != 0) {
		for (int i = 0; i < 20; i++) {
			errno = 0;
			not_expected +=
				prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) != -1 ||
				(errno != EFAULT && errno != EACCES);
		}
		sched_yield();
	}
	for (int i = 0; i < MAKERS; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("blocked %lu, opened %lu, not expected %lu\n", all_blocked, own_opened,
		not_expected);
	return 0;
}
