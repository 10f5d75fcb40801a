/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argcalls CALLS: nanoseconds per call of a function of two scalars with a result, whose hooks know where those lie
 * (argcalls_bench.py makes the plan from the labels behind their calls). 100 different arguments come by turns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PLAIN __attribute__((no_instrument_function))

long two(int a, long b);

/* clang-format off */
__asm__(".text\n.protected two\n.globl two, two_enter, two_exit\n.type two, @function\n.p2align 4\ntwo:\n"
	"push %rbp\nmov %rsp, %rbp\npush %rbx\npush %r12\nmov %edi, %ebx\nmov %rsi, %r12\n"
	"lea two(%rip), %rdi\nmov 8(%rbp), %rsi\ncall __cyg_profile_func_enter@PLT\ntwo_enter:\n"
	"movslq %ebx, %rax\nadd %rax, %r12\n"
	"lea two(%rip), %rdi\nmov 8(%rbp), %rsi\ncall __cyg_profile_func_exit@PLT\ntwo_exit:\n"
	"mov %r12, %rax\npop %r12\npop %rbx\npop %rbp\nret\n.size two, .-two\n");
/* clang-format on */

PLAIN static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

PLAIN int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 1000000;
	long sum = 0;
	double start;

	for (long i = 0; i < calls / 10; i++) {
		sum += two((int)(i % 10), i % 100);
	}
	start = now();
	for (long i = 0; i < calls; i++) {
		sum += two((int)(i % 10), i % 100);
	}
	printf("{\"ns\": %.3f, \"sum\": %ld}\n", (now() - start) / (double)calls, sum);
	return 0;
}
