/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and processes: `mem_processes fork | busy | grandchild | vfork | spawn | exec N | daemon | kill | kill-other | limit`.
 */
#include "mem.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define INHERITED 100
#define OWN       50
#define MANY      50000

extern char **environ;

static char *self;
static void *inherited[INHERITED];
static void *own[OWN];
static void *many[MANY];

NOHOOK static void reap(pid_t pid)
{
	int status = 0;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	say("child %d", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

NOINLINE static void take_inherited(void)
{
	for (int i = 0; i < INHERITED; i++) {
		inherited[i] = kept(malloc(128));
		fill(inherited[i], 128, i);
	}
}

/* Of those that are still there. */
NOHOOK static void free_inherited(int from, int to)
{
	for (int i = from; i < to; i++) {
		check_filled(inherited[i], 128, i);
		free(inherited[i]);
		inherited[i] = NULL;
	}
}

/* Leaks 20 of its 50 blocks. */
NOINLINE static void child_takes(void)
{
	for (int i = 0; i < OWN; i++) {
		own[i] = kept(malloc(32));
	}
	for (int i = 0; i < 30; i++) {
		free(own[i]);
	}
	sink++;
}

NOINLINE static void parent_takes(void)
{
	own[0] = kept(malloc(33));
	own[1] = kept(malloc(34));
	free(own[0]);
	sink++;
}

/* fork: other threads wait meanwhile, one of them within its own function with a block of its own. */
static pthread_barrier_t begun;
static pthread_barrier_t ended;

NOINLINE static void *bystander(void *arg)
{
	void *block = kept(malloc(64));

	pthread_barrier_wait(&begun);
	pthread_barrier_wait(&ended);
	free(block);
	return arg;
}

NOHOOK static void forks(void)
{
	pthread_t threads[3];
	pid_t pid;

	pthread_barrier_init(&begun, NULL, 4);
	pthread_barrier_init(&ended, NULL, 4);
	take_inherited();
	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&threads[i], NULL, bystander, NULL) == 0);
	}
	pthread_barrier_wait(&begun);
	pid = fork();
	if (pid == 0) {
		free_inherited(0, 60);
		child_takes();
		_exit(3);
	}
	parent_takes();
	reap(pid);
	pthread_barrier_wait(&ended);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
	}
	free_inherited(0, INHERITED);
}

/* busy: forks while other threads take and give back memory. */
NOINLINE static void churns(int i)
{
	void *block = kept(malloc(20 + (size_t)i % 1000));

	block = kept(realloc(block, 1500));
	free(block);
	sink++;
}

NOHOOK static void *busy_body(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		churns(i);
	}
	return arg;
}

NOHOOK static void busy(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++) {
		CHECK(pthread_create(&threads[i], NULL, busy_body, NULL) == 0);
	}
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			child_takes();
			_exit(0);
		}
		reap(pid);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* grandchild: three generations; each frees ten of the blocks of the first and resizes one. */
NOINLINE static void resize(int i)
{
	inherited[i] = kept(realloc(inherited[i], 256));
	check_filled(inherited[i], 128, i);
}

NOHOOK static void generations(int n)
{
	pid_t pid;

	if (n == 0) {
		return;
	}
	pid = fork();
	if (pid == 0) {
		free_inherited(10 * n, 10 * n + 10);
		resize(90 + n);
		child_takes();
		generations(n - 1);
		exit(n);
	}
	reap(pid);
}

/* vfork: the child may only exec, fail to, and leave. */
NOHOOK static void vforks(void)
{
	char *args[] = { (char *)"none", NULL };

	for (volatile int i = 0; i < 3; i++) {
		pid_t pid;

		parent_takes();
		pid = vfork();
		if (pid == 0) {
			execv("/nonexistent/program", args);
			_exit(40 + i);
		}
		parent_takes();
		reap(pid);
	}
}

NOHOOK static void spawn(void)
{
	char *args[] = { self, (char *)"leaf", NULL };
	pid_t pid = -1;

	for (int i = 0; i < 3; i++) {
		CHECK(posix_spawn(&pid, self, NULL, NULL, args, environ) == 0);
		parent_takes();
		reap(pid);
	}
	CHECK(posix_spawn(&pid, "/nonexistent/program", NULL, NULL, args, environ) == ENOENT);
	parent_takes();
}

/* exec: what is there then is no leak, for nobody can give it back. */
NOHOOK static void exec_self(const char *count)
{
	int n = atoi(count);
	char next[16];
	char *args[] = { self, (char *)"exec", next, NULL };
	char *failing[] = { (char *)"none", NULL };

	take_inherited();
	snprintf(next, sizeof next, "%d", n - 1);
	if (n > 0) {
		execv("/nonexistent/program", failing);
		parent_takes();
		execv(self, args);
	}
	free_inherited(0, INHERITED);
}

/* daemon: a session of its own, no descriptors at all, and a long life after that. */
NOHOOK static void daemonize(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(setsid() > 0 && chdir("/") == 0);
		for (int fd = 0; fd < 1024; fd++) {
			close(fd);
		}
		for (int i = 0; i < 400; i++) {
			child_takes();
		}
		exit(5);
	}
	reap(pid);
}

/* kill: what had returned is recorded. */
NOINLINE static void take_many(void)
{
	for (int i = 0; i < MANY; i++) {
		many[i] = kept(malloc(16 + (size_t)i % 100));
		if (i % 4 == 3) {
			free(many[i]);
		}
	}
	kill(getpid(), SIGKILL);
	_exit(1);
}

struct shared {
	atomic_ulong taken;
	atomic_ulong freed;
};

/* kill-other: somewhere in the middle, by a parent that knows how much had returned. */
NOINLINE static void take_for_ever(struct shared *shared)
{
	for (size_t i = 0;; i++) {
		void *block = kept(malloc(40));

		atomic_store(&shared->taken, i + 1);
		if (i >= MANY / 2) {
			free(many[i % (MANY / 2)]);
			atomic_store(&shared->freed, i + 1 - MANY / 2);
		}
		many[i % (MANY / 2)] = block;
	}
}

NOHOOK static void kill_other(void)
{
	struct shared *shared = mmap(
		NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	CHECK(shared != MAP_FAILED);
	if (pid == 0) {
		take_for_ever(shared);
	}
	while (atomic_load(&shared->taken) < 2 * MANY) {
		sched_yield();
	}
	kill(pid, SIGKILL);
	reap(pid);
	truth_range("take_for_ever.allocs", shared->taken, shared->taken + 1);
	truth_range("take_for_ever.bytes", 40 * shared->taken, 40 * shared->taken + 40);
	truth_range("take_for_ever.frees", shared->freed, shared->freed + 1);
}

/* limit: until there is no more. */
NOINLINE static size_t take_all(void)
{
	size_t n = 0;

	errno = 0;
	while (n < MANY && (many[n] = kept(malloc(20000))) != NULL) {
		n++;
	}
	CHECK(n > 1000 && n < MANY && errno == ENOMEM);
	return n;
}

NOINLINE static void free_all(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(many[i]);
	}
	sink++;
}

NOHOOK static void limited(void)
{
	struct rlimit limit = { 400u << 20, 400u << 20 };
	size_t n;

	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	n = take_all();
	free_all(n);
	truth("take_all.allocs", n);
	truth("take_all.bytes", 20000 * n);
	truth("take_all.frees", n);
	parent_takes();
	say("no memory, and then there is some");
	n = take_all();
	truth("take_all.allocs", n);
	truth("take_all.bytes", 20000 * n);
	abort();
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	self = argv[0];
	if (strcmp(mode, "fork") == 0) {
		forks();
	} else if (strcmp(mode, "busy") == 0) {
		busy();
	} else if (strcmp(mode, "grandchild") == 0) {
		take_inherited();
		generations(3);
		free_inherited(0, INHERITED);
	} else if (strcmp(mode, "vfork") == 0) {
		vforks();
	} else if (strcmp(mode, "spawn") == 0) {
		spawn();
	} else if (strcmp(mode, "exec") == 0) {
		exec_self(argc > 2 ? argv[2] : "3");
	} else if (strcmp(mode, "daemon") == 0) {
		daemonize();
	} else if (strcmp(mode, "kill") == 0) {
		take_many();
	} else if (strcmp(mode, "kill-other") == 0) {
		kill_other();
	} else if (strcmp(mode, "limit") == 0) {
		limited();
	} else if (strcmp(mode, "leaf") == 0) {
		child_takes();
	} else {
		return 2;
	}
	say("%s done", mode);
	return 0;
}
