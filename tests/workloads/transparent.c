/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall(2) as a program may use it: six arguments, errors, a child that returns on another
 * stack, prctl with its five arguments. What came of each is printed, and so is what the kernel
 * saw of one: its arguments, and how far the stack pointer was from its caller's.
 */
#include "workload.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#define STACK_BYTES 65536
#define PAGE_BYTES  4096

static volatile int child_was_here;

NOINLINE static void leaf(void)
{
	sink++;
}

/* On its own stack, with its parent's thread pointer: no libc, no hook. */
NOHOOK __attribute__((noreturn)) static void child_entry(void)
{
	child_was_here = 1;
	for (;;) {
		raw_call(SYS_exit, 7, 0, 0);
	}
}

/* The child comes back from the call on a stack that holds nothing but the address where it goes
 * on. */
NOHOOK static void child_on_stack(void)
{
	char *stack =
		mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void **top = (void **)(stack + STACK_BYTES);
	int status = 0;
	long pid;

	if (stack == MAP_FAILED) {
		die("mmap");
	}
	*--top = NULL;
	*--top = (void *)(size_t)child_entry;
	pid = syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, top, NULL, NULL, NULL);
	if (pid < 0 || waitpid((pid_t)pid, &status, 0) != (pid_t)pid) {
		die("clone");
	}
	printf("child %d %d\n", child_was_here, WEXITSTATUS(status));
}

NOHOOK static void six_arguments(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char direct[16] = "";
	char *map;

	map = (char *)syscall(
		SYS_mmap, NULL, (size_t)PAGE_BYTES, PROT_READ, MAP_PRIVATE, fd, (long)PAGE_BYTES);
	if (map == MAP_FAILED || pread(fd, direct, sizeof direct, PAGE_BYTES) != sizeof direct) {
		die("mmap");
	}
	printf("mapped %d\n", memcmp(map, direct, sizeof direct));
	close(fd);
}

/* The sixth argument decides: a wait for no bit at all is invalid, one for any bit finds another
 * value. */
NOHOOK static void futexes(void)
{
	struct timespec soon = { 0, 1000 };
	int word = 1;

	for (unsigned i = 0; i < 4; i++) {
		unsigned mask = i % 2 == 0 ? 0 : ~0u;
		long got;

		errno = 0;
		/* 9 is FUTEX_WAIT_BITSET. */
		got = syscall(SYS_futex, &word, 9, i < 2 ? 0 : 1, &soon, NULL, mask);
		printf("futex %ld %d\n", got, errno);
		leaf();
	}
}

NOHOOK static void errors(void)
{
	errno = 0;
	printf("close %ld", syscall(SYS_close, 12345));
	printf(" %d\n", errno);
	errno = 33;
	printf("getppid %d %d\n", syscall(SYS_getppid) == (long)getppid(), errno);
	errno = 0;
	printf("prctl %d", prctl(PR_SET_DUMPABLE, 7, 0, 0, 0));
	printf(" %d %d\n", errno, prctl(PR_GET_DUMPABLE));
	errno = 0;
	printf("prctl %d", prctl(PR_CAPBSET_READ, 1000, 0, 0, 0));
	printf(" %d\n", errno);
	errno = 0;
	printf("seccomp %ld", syscall(SYS_seccomp, 99, 0, NULL));
	printf(" %d\n", errno);
}

/* No kernel knows this number. The filter sends a signal for it. */
#define UNKNOWN_CALL 5000

static struct sock_filter rules[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UNKNOWN_CALL, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static unsigned long caller_sp __attribute__((used));
static greg_t seen[NGREG];

NOHOOK static void on_call(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	memcpy(seen, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof seen);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 77;
}

/* By hand, so that the distance is known: syscall(UNKNOWN_CALL, 1, 2, 3, 4, 5, 6). */
NOHOOK static long call_unknown(void)
{
	long result;

	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "sub $128, %%rsp\n\t"
			 "and $-16, %%rsp\n\t"
			 "push $8\n\t"
			 "push $6\n\t"
			 "mov %%rsp, caller_sp(%%rip)\n\t"
			 "mov $1, %%esi\n\t"
			 "mov $2, %%edx\n\t"
			 "mov $3, %%ecx\n\t"
			 "mov $4, %%r8d\n\t"
			 "mov $5, %%r9d\n\t"
			 "call syscall@PLT\n\t"
			 "mov %%rbx, %%rsp"
			 : "=a"(result)
			 : "D"((long)UNKNOWN_CALL)
			 : "rbx", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
	return result;
}

NOHOOK static void what_the_kernel_sees(void)
{
	struct sock_fprog program = { sizeof rules / sizeof rules[0], rules };
	struct sigaction action = { 0 };
	long result;

	action.sa_sigaction = on_call;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGSYS, &action, NULL);
	if (raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0) != 0 ||
		raw_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&program) != 0) {
		skip("no seccomp filter here");
	}
	result = call_unknown();
	printf("seen %ld: %lld %lld %lld %lld %lld %lld, stack %ld\n", result, seen[REG_RDI],
		seen[REG_RSI], seen[REG_RDX], seen[REG_R10], seen[REG_R8], seen[REG_R9],
		(long)(caller_sp - (unsigned long)seen[REG_RSP]));
}

NOHOOK int main(int argc, char **argv)
{
	(void)argc;
	leaf();
	six_arguments(argv[0]);
	futexes();
	errors();
	fflush(stdout);
	child_on_stack();
	what_the_kernel_sees();
	leaf();
	return 0;
}
