/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks of one's own: `coroutine malloc` two ping-pong contexts on allocated stacks,
 * `coroutine static` the same on two stacks side by side, `coroutine generator` a producer that is
 * left in the middle, `coroutine setjmp` switches by _setjmp and _longjmp, `coroutine long` the same often enough that whatever is
 * done from time to time meets a stack that no hook has seen yet.
 */
#include "workload.h"

#include <setjmp.h>
#include <ucontext.h>

#define STACK_BYTES 65536
#define ROUNDS      1000
#define LONG        500000

static char side_by_side[2][STACK_BYTES] __attribute__((aligned(64)));
static ucontext_t main_context;
static ucontext_t contexts[2];
static jmp_buf jumps[3];
static int produced;
static int rounds = ROUNDS;

NOINLINE static void work_a(void)
{
	sink++;
}

NOINLINE static void work_b(void)
{
	sink++;
}

NOINLINE static void work_main(void)
{
	sink++;
}

NOINLINE static void pause_a(void)
{
	work_a();
	swapcontext(&contexts[0], &contexts[1]);
	work_a();
}

static void body_a(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pause_a();
	}
}

static void body_b(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		work_b();
		swapcontext(&contexts[1], &contexts[0]);
		work_b();
	}
}

NOINLINE static void yield(int value)
{
	produced = value;
	swapcontext(&contexts[0], &main_context);
}

static void produce(void)
{
	for (int i = 0;; i++) {
		work_a();
		yield(i);
	}
}

NOINLINE static void make(int i, void *stack, void (*body)(void))
{
	getcontext(&contexts[i]);
	contexts[i].uc_stack.ss_sp = stack;
	contexts[i].uc_stack.ss_size = STACK_BYTES;
	contexts[i].uc_link = &main_context;
	makecontext(&contexts[i], body, 0);
}

NOINLINE static int pull(void)
{
	swapcontext(&main_context, &contexts[0]);
	return produced;
}

static void jumper_a(void)
{
	for (int i = 0; i < rounds; i++) {
		work_a();
		if (_setjmp(jumps[0]) == 0) {
			_longjmp(jumps[2], 1);
		}
	}
	_longjmp(jumps[2], 2);
}

NOINLINE static void jump_rounds(void)
{
	volatile int turns = 0;
	int what;

	what = _setjmp(jumps[2]);
	if (what == 2) {
		printf("%d\n", turns);
		return;
	}
	/* Rounds of different length, so that the buffer is not full at the same place of each. */
	for (int i = turns % 5; i > 0; i--) {
		work_b();
	}
	work_main();
	turns++;
	if (turns == 1) {
		setcontext(&contexts[0]);
	}
	_longjmp(jumps[0], 1);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "malloc";
	char *first = strcmp(mode, "static") == 0 ? side_by_side[0] : malloc(STACK_BYTES);
	char *second = strcmp(mode, "static") == 0 ? side_by_side[1] : malloc(STACK_BYTES);

	if (strcmp(mode, "generator") == 0) {
		long sum = 0;

		make(0, first, produce);
		for (int i = 0; i < ROUNDS; i++) {
			sum += pull();
			work_main();
		}
		printf("%ld\n", sum);
	} else if (strcmp(mode, "setjmp") == 0 || strcmp(mode, "long") == 0) {
		rounds = strcmp(mode, "long") == 0 ? LONG : ROUNDS;
		make(0, first, jumper_a);
		jump_rounds();
		work_main();
	} else {
		make(0, first, body_a);
		make(1, second, body_b);
		swapcontext(&main_context, &contexts[0]);
		work_main();
		printf("back\n");
	}
	return 0;
}
