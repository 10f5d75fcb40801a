/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp, installed after the start: `sandbox strict` allows read, write, _exit and sigreturn;
 * `prctl` and `seccomp` install a filter that kills the process at every call with which a file
 * could be written or memory be got; `tsc` forbids only the reading of the time stamp counter (as
 * strict seccomp does, too). The program must live on and say so.
 */
#include "workload.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define CALLS 300000

NOINLINE static void leaf_a(void)
{
	sink++;
}

NOINLINE static void leaf_b(void)
{
	sink++;
}

NOINLINE static void work(int n)
{
	uint32_t state = 1;

	for (int i = 0; i < n; i++) {
		if (next_random(&state) % 2 == 0) {
			leaf_a();
			leaf_b();
		} else {
			leaf_b();
			leaf_a();
		}
	}
}

/* Only write, exit_group, exit and rt_sigreturn pass. */
static struct sock_filter rules[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 4, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

NOHOOK static void enter_sandbox(const char *how)
{
	struct sock_fprog program = { sizeof rules / sizeof rules[0], rules };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (strcmp(how, "tsc") == 0) {
		if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0) {
			skip("the time stamp counter cannot be forbidden here");
		}
	} else if (strcmp(how, "strict") == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
			skip("no strict seccomp here");
		}
	} else if (strcmp(how, "prctl") == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
			skip("no seccomp filter here");
		}
	} else if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
		skip("no seccomp filter here");
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "prctl";

	work(10);
	enter_sandbox(how);
	work(CALLS);
	if (write(1, "alive\n", 6) != 6) {
		return 1;
	}
	/* The strict mode has no exit_group. */
	syscall(SYS_exit, 0);
	return 0;
}
