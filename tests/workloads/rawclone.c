/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child made by clone(CLONE_VM) without CLONE_THREAD and CLONE_SETTLS runs on its parent's thread
 * pointer. Its calls are a stated blind spot; the program must come through unharmed.
 */
#include "workload.h"

#include <sched.h>
#include <sys/wait.h>

static char stack[65536] __attribute__((aligned(64)));

NOINLINE static void child_work(void)
{
	sink++;
}

NOINLINE static void parent_work(void)
{
	sink++;
}

static int child(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++) {
		child_work();
	}
	return 7;
}

int main(void)
{
	int rounds = 5000;
	int status = 0;
	pid_t pid = clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, &rounds);

	if (pid < 0) {
		die("clone");
	}
	for (int i = 0; i < rounds; i++) {
		parent_work();
	}
	waitpid(pid, &status, 0);
	for (int i = 0; i < rounds; i++) {
		parent_work();
	}
	printf("%d\n", WEXITSTATUS(status));
	return 0;
}
