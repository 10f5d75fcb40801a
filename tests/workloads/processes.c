/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: `processes fork | threaded | _Fork | raw | chain | vfork-exec | vfork-exit | exec N |
 * spawn | system | empty-env`. Parent and child both go on calling functions.
 */
#include "workload.h"

#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

static char *self;
static atomic_int stop;

NOINLINE static void common(void)
{
	sink++;
}

NOINLINE static void parent_work(int n)
{
	for (int i = 0; i < n; i++) {
		common();
	}
}

NOINLINE static void child_work(int n)
{
	for (int i = 0; i < n; i++) {
		common();
	}
}

NOHOOK static void reap(pid_t pid)
{
	int status = 0;

	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		die("child");
	}
	printf("child %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

NOINLINE static void in_child(int n, int status)
{
	child_work(n);
	_exit(status);
}

static void *bystander(void *arg)
{
	while (!atomic_load(&stop)) {
		usleep(200);
	}
	common();
	return arg;
}

/* `how`: 0 fork, 1 _Fork, 2 the bare system call. Children end by exit and by _exit. */
NOINLINE static void forks(int how)
{
	fflush(stdout);
	for (int i = 0; i < 4; i++) {
		pid_t pid = how == 0 ? fork() : how == 1 ? _Fork() : (pid_t)syscall(SYS_fork);

		if (pid == 0) {
			in_child(1000 * i, i);
		}
		parent_work(100);
		reap(pid);
	}
}

NOINLINE static void threaded(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++) {
		if (pthread_create(&threads[i], NULL, bystander, NULL) != 0) {
			die("pthread_create");
		}
	}
	forks(0);
	atomic_store(&stop, 1);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* Each child forks the next one and returns through all frames that it has from its parents. */
NOINLINE static void chain(int n)
{
	pid_t pid;

	common();
	if (n == 0) {
		return;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		chain(n - 1);
		return;
	}
	reap(pid);
}

NOINLINE static void vforks(int execs)
{
	char *args[] = { self, (char *)"leaf", NULL };

	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			common();
			if (execs) {
				execv(self, args);
			}
			_exit(i);
		}
		parent_work(10);
		reap(pid);
	}
}

NOINLINE static void spawn(void)
{
	char *args[] = { self, (char *)"leaf", NULL };
	pid_t pid = -1;

	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		if (posix_spawn(&pid, self, NULL, NULL, args, environ) != 0) {
			die("posix_spawn");
		}
		reap(pid);
	}
}

NOINLINE static void by_shell(void)
{
	char command[4200];

	snprintf(command, sizeof command, "'%s' leaf; exit 11", self);
	fflush(stdout);
	printf("%d\n", WEXITSTATUS(system(command)));
}

NOINLINE static void exec_self(const char *count)
{
	char next[16];
	char *args[] = { self, (char *)"exec", next, NULL };
	int n = atoi(count);

	parent_work(10);
	snprintf(next, sizeof next, "%d", n - 1);
	fflush(stdout);
	if (n > 0) {
		execv(self, args);
	}
}

NOINLINE static void empty_environment(void)
{
	char *args[] = { self, (char *)"leaf", NULL };
	char *none[] = { NULL };

	fflush(stdout);
	execve(self, args, none);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "fork";

	self = argv[0];
	printf("%s\n", mode);
	if (strcmp(mode, "fork") == 0) {
		forks(0);
	} else if (strcmp(mode, "_Fork") == 0) {
		forks(1);
	} else if (strcmp(mode, "raw") == 0) {
		forks(2);
	} else if (strcmp(mode, "threaded") == 0) {
		threaded();
	} else if (strcmp(mode, "chain") == 0) {
		chain(4);
	} else if (strcmp(mode, "vfork-exec") == 0) {
		vforks(1);
	} else if (strcmp(mode, "vfork-exit") == 0) {
		vforks(0);
	} else if (strcmp(mode, "spawn") == 0) {
		spawn();
	} else if (strcmp(mode, "system") == 0) {
		by_shell();
	} else if (strcmp(mode, "exec") == 0) {
		exec_self(argc > 2 ? argv[2] : "3");
	} else if (strcmp(mode, "empty-env") == 0) {
		empty_environment();
	} else {
		common();
	}
	return 0;
}
