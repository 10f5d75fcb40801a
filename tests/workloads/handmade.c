/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that no compiler makes: `handmade switch` stacks that are switched by the program's own
 * instructions, with regions on both; `misaligned` calls with a stack pointer that is no multiple
 * of 16; `small` functions on a stack of two pages above a forbidden one, first in a process,
 * first in a forked child, and a hundred thousand times.
 */
#include "switch.h"
#include "workload.h"

#include <hasten/region.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

#define STACK_BYTES 65536
#define SMALL_BYTES 8192
#define PAGE_BYTES  4096
#define ROUNDS      100

static void *main_stack;
static void *other_stack;
static ucontext_t main_context;
static ucontext_t small_context;

NOINLINE static void leaf_main(void)
{
	sink++;
}

NOINLINE static void leaf_other(void)
{
	sink++;
}

NOINLINE static void inner(void)
{
	leaf_other();
	switch_to(&other_stack, main_stack);
	hasten_begin("there");
	leaf_other();
	switch_to(&other_stack, main_stack);
	leaf_other();
	hasten_end();
}

NOINLINE static void other_entry(void)
{
	for (;;) {
		inner();
	}
}

NOINLINE static void main_round(void)
{
	switch_to(&main_stack, other_stack);
	hasten_begin("here");
	leaf_main();
	hasten_end();
	switch_to(&main_stack, other_stack);
	leaf_main();
}

NOHOOK static char *new_stack(size_t bytes)
{
	char *map = mmap(NULL, bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map, PAGE_BYTES, PROT_NONE) != 0) {
		die("stack");
	}
	return map + PAGE_BYTES;
}

NOINLINE static void switches(void)
{
	void **top = (void **)(new_stack(STACK_BYTES) + STACK_BYTES);

	/* The entry's address where a return looks for it; above it what a call would have left. */
	top--;
	*--top = NULL;
	*--top = NULL;
	*--top = (void *)(size_t)other_entry;
	top -= 6;
	other_stack = top;
	for (int i = 0; i < ROUNDS; i++) {
		main_round();
	}
}

NOINLINE __attribute__((used)) static int odd(int n)
{
	leaf_main();
	return n + 1;
}

NOHOOK static int call_misaligned(int n)
{
	int result;

	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "sub $128, %%rsp\n\t"
			 "and $-16, %%rsp\n\t"
			 "sub $8, %%rsp\n\t"
			 "call odd\n\t"
			 "mov %%rbx, %%rsp"
			 : "=a"(result), "+D"(n)
			 :
			 : "rbx", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
	return result;
}

NOHOOK static void small_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		leaf_other();
		_exit(4);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		die("child");
	}
	sink += (unsigned long)status;
}

NOHOOK static void small_body(void)
{
	for (int i = 0; i < 100000; i++) {
		leaf_main();
	}
	small_child();
	for (int i = 0; i < 100000; i++) {
		leaf_main();
	}
}

NOHOOK static void small(void)
{
	getcontext(&small_context);
	small_context.uc_stack.ss_sp = new_stack(SMALL_BYTES);
	small_context.uc_stack.ss_size = SMALL_BYTES;
	small_context.uc_link = &main_context;
	makecontext(&small_context, small_body, 0);
	swapcontext(&main_context, &small_context);
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "switch";
	int sum = 0;

	if (strcmp(mode, "switch") == 0) {
		switches();
	} else if (strcmp(mode, "misaligned") == 0) {
		for (int i = 0; i < 1000; i++) {
			sum += call_misaligned(i);
		}
	} else {
		small();
	}
	printf("done %d\n", sum);
	return 0;
}
