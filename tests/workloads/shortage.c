/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is short for a while: `shortage files` no descriptor is to be had, then there are enough
 * again; `shortage size` threads write at once when the largest allowed file is nearly reached;
 * `shortage limit` one thread lowers and raises that limit all the time. The kernel's answer to a
 * write beyond it is a signal that ends the process.
 */
#include "workload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define THREADS 8

static pthread_barrier_t together;
static atomic_int running;

NOINLINE static void leaf(void)
{
	sink++;
}

NOHOOK static void set_limit(int what, rlim_t value)
{
	struct rlimit limit = { value, RLIM_INFINITY };

	if (getrlimit((__rlimit_resource_t)what, &limit) != 0) {
		die("getrlimit");
	}
	limit.rlim_cur = value;
	if (setrlimit((__rlimit_resource_t)what, &limit) != 0) {
		die("setrlimit");
	}
}

NOHOOK static void files(void)
{
	int open_files[64];
	int count = 0;

	leaf();
	set_limit(RLIMIT_NOFILE, 64);
	while ((open_files[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
		count++;
	}
	for (int i = 0; i < 40000; i++) {
		leaf();
	}
	while (count > 0) {
		close(open_files[--count]);
	}
	for (int i = 0; i < 300000; i++) {
		leaf();
	}
	/* One chunk of 64 KiB may have been begun in the time of shortage and end in better
	 * times. */
	truth_range("leaf", 260000, 340001);
}

NOHOOK static void *body(void *arg)
{
	pthread_barrier_wait(&together);
	for (int i = 0; i < 40000; i++) {
		leaf();
	}
	atomic_fetch_sub(&running, 1);
	return arg;
}

NOHOOK static void run_threads(int toggle)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&together, NULL, THREADS + 1);
	atomic_store(&running, THREADS);
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, body, NULL) != 0) {
			die("pthread_create");
		}
	}
	pthread_barrier_wait(&together);
	while (toggle && atomic_load(&running) != 0) {
		set_limit(RLIMIT_FSIZE, 4096);
		set_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* Each child has a file and a limit of its own. */
NOHOOK static void children(int toggle)
{
	for (int i = 0; i < 20; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			set_limit(RLIMIT_FSIZE, toggle ? RLIM_INFINITY : 200000 + 8192 * (rlim_t)i);
			run_threads(toggle);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid) {
			die("child");
		}
		if (status != 0) {
			printf("child %d: status %x\n", i, (unsigned)status);
		}
	}
	truth("leaf", 20 * THREADS * 40000);
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "files";

	if (strcmp(mode, "files") == 0) {
		files();
	} else {
		children(strcmp(mode, "limit") == 0);
	}
	printf("done\n");
	return 0;
}
