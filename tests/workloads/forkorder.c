/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a forked child does first: `forkorder new-thread` its first hooks come from a thread of its
 * own, only later from the one that forked; `at-once` from four threads at the same time; `idle`
 * the parent had threads that ended before; `thread-forks` a thread that is not the first one
 * forks; `loader` another thread of the parent holds the loader's lock for ever; `loader-long` the
 * same, and the child's events fill chunks.
 */
#include "workload.h"

#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define CHILD_THREADS 4
#define PATIENCE_S    20

static int threads_at_once = 1;
static pthread_barrier_t together;
static sem_t lock_is_held;
static sem_t never;

NOINLINE static void parent_leaf(void)
{
	sink++;
}

NOINLINE static void child_leaf(void)
{
	sink++;
}

NOINLINE static void parent_work(int n)
{
	for (int i = 0; i < n; i++) {
		parent_leaf();
	}
}

NOINLINE static void child_work(int n)
{
	for (int i = 0; i < n; i++) {
		child_leaf();
	}
}

static void *parent_thread(void *arg)
{
	parent_work(1000);
	return arg;
}

/* The wait is not instrumented: after it, all begin at once. */
NOINLINE static void child_begins(void)
{
	child_work(3000);
}

NOHOOK static void *child_thread(void *arg)
{
	pthread_barrier_wait(&together);
	child_begins();
	return arg;
}

NOHOOK static void run_threads(void *(*body)(void *), int count)
{
	pthread_t threads[CHILD_THREADS];

	pthread_barrier_init(&together, NULL, (unsigned)count);
	for (int i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, body, NULL) != 0) {
			die("pthread_create");
		}
	}
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* Waits for the child's end; one that hangs is ended and said to hang. */
NOHOOK static void reap(pid_t pid)
{
	struct timespec patience = { PATIENCE_S, 0 };
	sigset_t set;
	int status = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (pid < 0) {
		die("fork");
	}
	if (waitpid(pid, &status, WNOHANG) == 0 && sigtimedwait(&set, NULL, &patience) < 0) {
		kill(pid, SIGKILL);
		printf("the child hangs\n");
	}
	waitpid(pid, &status, 0);
	printf("child %x\n", (unsigned)status);
}

NOHOOK static void child_of_threads(void)
{
	for (int i = 0; i < CHILD_THREADS; i += threads_at_once) {
		run_threads(child_thread, threads_at_once);
	}
	child_work(2000);
	_exit(0);
}

NOINLINE static void forks(void)
{
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			child_of_threads();
		}
		parent_work(1000);
		reap(pid);
		parent_work(1000);
	}
}

static void *forking_thread(void *arg)
{
	forks();
	return arg;
}

/* The parent's streams of ended threads are the child's to take; then the parent goes on with
 * its own. */
NOINLINE static void idle_streams(void)
{
	run_threads(parent_thread, CHILD_THREADS);
	forks();
	run_threads(parent_thread, CHILD_THREADS);
}

NOHOOK static int keep_lock(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)info;
	(void)size;
	(void)data;
	sem_post(&lock_is_held);
	sem_wait(&never);
	return 1;
}

NOHOOK static void *lock_keeper(void *arg)
{
	dl_iterate_phdr(keep_lock, NULL);
	return arg;
}

NOINLINE static void forks_with_lock(int calls)
{
	pthread_t thread;
	pid_t pid;

	if (pthread_create(&thread, NULL, lock_keeper, NULL) != 0) {
		die("pthread_create");
	}
	sem_wait(&lock_is_held);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		child_work(calls);
		_exit(0);
	}
	reap(pid);
	sem_post(&never);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "new-thread";
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sem_init(&lock_is_held, 0, 0);
	sem_init(&never, 0, 0);
	parent_work(10);
	if (strcmp(mode, "new-thread") == 0) {
		forks();
	} else if (strcmp(mode, "idle") == 0) {
		idle_streams();
	} else if (strcmp(mode, "thread-forks") == 0) {
		if (pthread_create(&thread, NULL, forking_thread, NULL) != 0) {
			die("pthread_create");
		}
		pthread_join(thread, NULL);
	} else if (strcmp(mode, "at-once") == 0) {
		threads_at_once = CHILD_THREADS;
		forks();
	} else {
		forks_with_lock(strcmp(mode, "loader-long") == 0 ? 200000 : 1000);
	}
	return 0;
}
