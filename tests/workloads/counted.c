/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many system calls the kernel sees of a program that only calls functions. From the middle on
 * a filter sends a signal for each call that changes the signal mask, or opens or maps something,
 * and the handler counts it. The filter is installed without libc, so that nobody can stand back
 * for it. `counted` makes 300,000 calls; the number is said only where it should be next to
 * nothing.
 */
#include "workload.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define CALLS 300000

static volatile unsigned long seen;

NOINLINE static void leaf(void)
{
	sink++;
}

/* The call was not made: to its caller it failed. */
NOHOOK static void on_call(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	seen++;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

static struct sock_filter rules[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
};

NOHOOK int main(void)
{
	struct sock_fprog program = { sizeof rules / sizeof rules[0], rules };
	struct sigaction action = { 0 };

	leaf();
	action.sa_sigaction = on_call;
	action.sa_flags = SA_SIGINFO | SA_NODEFER;
	sigaction(SIGSYS, &action, NULL);
	if (raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0) != 0 ||
		raw_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&program) != 0) {
		skip("no seccomp filter here");
	}
	for (int i = 0; i < CALLS; i++) {
		leaf();
	}
	if (seen > 100) {
		printf("%lu system calls\n", seen);
	}
	printf("done\n");
	fflush(stdout);
	_exit(0);
}
