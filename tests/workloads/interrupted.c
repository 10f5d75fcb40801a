/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signal after a certain system call that a hook makes. A tracer follows a child and sends it a
 * signal when the call with a certain number has been made, counted from a mark on; the next child
 * is interrupted one call later, until there are none left. The handler leaves by siglongjmp
 * (`jump`), so that nothing after it in the hook is done, or calls functions (`call`).
 */
#include "workload.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DEPTH 3000
#define CALLS 20000
#define AFTER 20000
/* There are about 40 system calls in one child. */
#define CHILDREN_MAX 100

static volatile int jumping;
static volatile unsigned long deep_calls;
static volatile unsigned long leaf_calls;
static volatile unsigned long handled;
static sigjmp_buf home;

NOINLINE static void handler_leaf(void)
{
	sink++;
}

NOINLINE static void handler_work(void)
{
	handler_leaf();
	handler_leaf();
}

NOHOOK static void on_signal(int number)
{
	(void)number;
	handled++;
	if (jumping) {
		siglongjmp(home, 1);
	}
	handler_work();
}

NOINLINE static void leaf(void)
{
	leaf_calls++;
}

NOINLINE static unsigned long deep(unsigned long n)
{
	deep_calls++;
	return n == 0 ? 0 : deep(n - 1) + 1;
}

NOINLINE static void after(void)
{
	sink++;
}

/* Nobody but the tracer understands this call; to the kernel it is one that only asks. */
NOHOOK static void mark(void)
{
	raw_call(SYS_getpgid, -1, 0, 0);
}

NOHOOK static void between_marks(void)
{
	mark();
	sink += deep(DEPTH);
	for (int i = 0; i < CALLS; i++) {
		leaf();
	}
	sink += deep(DEPTH);
}

/* The call that was cut off in its first hook is perhaps counted by one side only. */
NOHOOK static void child(void)
{
	struct sigaction action = { 0 };

	action.sa_handler = on_signal;
	sigaction(SIGUSR1, &action, NULL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
		_exit(WORKLOAD_SKIP);
	}
	raise(SIGSTOP);
	if (sigsetjmp(home, 1) == 0) {
		between_marks();
	}
	mark();
	for (int i = 0; i < AFTER; i++) {
		after();
	}
	/* A few may be needed to find out that the hook which was left is not coming back. */
	truth_range("after", AFTER - 8, AFTER);
	truth_range("leaf", leaf_calls, leaf_calls + 1);
	truth_range("deep", deep_calls, deep_calls + 1);
	truth("handler_work", jumping ? 0 : handled);
	truth("handler_leaf", jumping ? 0 : 2 * handled);
	_exit(0);
}

/* Lets the child run to its next stop, with a signal or without. */
NOHOOK static int go_on(pid_t pid, int number)
{
	int status = 0;

	if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(size_t)number) != 0 ||
		waitpid(pid, &status, __WALL) != pid) {
		die("ptrace");
	}
	return status;
}

/*
 * Follows the child to its end, with a signal after the call of this number. Whether there was one.
 */
NOHOOK static int follow(pid_t pid, unsigned long wanted)
{
	unsigned long calls = 0;
	int marks = 0;
	int sent = 0;
	int status = 0;

	if (waitpid(pid, &status, __WALL) != pid) {
		die("waitpid");
	}
	if (WIFEXITED(status)) {
		skip("ptrace is not allowed here");
	}
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	status = go_on(pid, 0);
	while (WIFSTOPPED(status)) {
		struct __ptrace_syscall_info info = { 0 };
		int number = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);

		if (number == 0) {
			ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_getpgid) {
				marks++;
			} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && marks == 1 &&
				   calls++ == wanted + 1) {
				syscall(SYS_tgkill, pid, pid, SIGUSR1);
				sent = 1;
			}
		}
		status = go_on(pid, number);
	}
	if (status != 0) {
		printf("child %lu: status %x\n", wanted, (unsigned)status);
	}
	return sent;
}

NOHOOK int main(int argc, char **argv)
{
	int sent = 1;

	jumping = argc < 2 || strcmp(argv[1], "call") != 0;
	for (unsigned long i = 0; sent && i < CHILDREN_MAX; i++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid < 0) {
			die("fork");
		}
		if (pid == 0) {
			child();
		}
		sent = follow(pid, i);
	}
	printf("done\n");
	return 0;
}
