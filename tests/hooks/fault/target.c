/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fault injection runs: makes the preload use every system call that it knows (several
 * chunks of events, memory, a thread, a child, a library that comes and goes), and is quick.
 */
#include "../../workloads/workload.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

NOINLINE static void leaf(int n)
{
	sink += (unsigned long)n;
}

NOINLINE static void work(int n)
{
	for (int i = 0; i < n; i++) {
		leaf(i);
	}
}

/* Every block is as it was left, whatever became of its records. */
NOINLINE static void take(int n)
{
	static void *volatile held[16];

	for (int i = 0; i < n; i++) {
		char *block = malloc(100 + (size_t)i % 50);

		if (block == NULL) {
			_exit(90);
		}
		memset(block, i, 100);
		block = realloc(block, 200);
		if (block == NULL || block[99] != (char)i) {
			_exit(91);
		}
		free(held[i % 16]);
		held[i % 16] = block;
	}
}

NOINLINE static void map(void)
{
	void *range = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (range == MAP_FAILED || munmap(range, 65536) != 0) {
		_exit(92);
	}
}

static void *thread_body(void *arg)
{
	work(100);
	take(100);
	return arg;
}

/* Children that come to nothing, with an environment that lacks us. Returns how they ended. */
static int launch(void)
{
	char *list[] = { (char *)"none", NULL };
	char *empty[] = { NULL };
	siginfo_t info = { 0 };
	pid_t pid;

	if (posix_spawn(&pid, "/nonexistent/program", NULL, NULL, list, empty) != ENOENT) {
		_exit(93);
	}
	pid = vfork();
	if (pid == 0) {
		execve("/nonexistent/program", list, empty);
		_exit(6);
	}
	if (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 || info.si_pid != pid) {
		_exit(94);
	}
	return info.si_status;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	void *handle;
	int status = -1;
	pid_t pid;

	(void)argc;
	errno = 0;
	work(60000);
	take(3000);
	map();
	printf("errno %d\n", errno);
	fflush(stdout);
	if (pthread_create(&thread, NULL, thread_body, NULL) != 0) {
		return 1;
	}
	pthread_join(thread, NULL);
	pid = fork();
	if (pid == 0) {
		work(100);
		take(100);
		_exit(5);
	}
	waitpid(pid, &status, 0);
	handle = argv[1] == NULL ? NULL : dlopen(argv[1], RTLD_NOW);
	if (handle != NULL) {
		unsigned long (*function)(unsigned long);
		void *found = dlsym(handle, "alpha");

		memcpy(&function, &found, sizeof function);
		function(1);
		dlclose(handle);
	}
	work(100);
	take(100);
	printf("child %d errno %d\n", WEXITSTATUS(status), errno);
	printf("launched %d\n", launch());
	return 3;
}
