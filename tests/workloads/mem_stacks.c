/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks and other stacks: `mem_stacks coroutine | longjmp`.
 */
#include "mem.h"

#include <setjmp.h>
#include <ucontext.h>

#define ROUNDS 500

static ucontext_t main_context;
static ucontext_t contexts[2];
static char stacks[2][65536];
static void *left[2][ROUNDS];
static int given_back[2];
static jmp_buf back;
static void *held[ROUNDS];

/*
 * Takes a block, leaves its stack while it has it, takes another one on its return, which no hook has announced, and gives
 * back what the other stack left behind.
 */
#define STEP(name, self)                          \
 NOINLINE static void name(int n)                 \
 {                                                \
  void *mine = kept(malloc(100));                 \
  void *after;                                    \
                                                  \
  left[self][n] = kept(malloc(200));              \
  swapcontext(&contexts[self], &contexts[!self]); \
  after = kept(malloc(150));                      \
  give_back(!self);                               \
  free(mine);                                     \
  free(after);                                    \
  sink++;                                         \
 }

/* The oldest one that is there. */
NOHOOK static void give_back(int of)
{
	int n = given_back[of]++;

	free(left[of][n]);
}

STEP(step_a, 0)
STEP(step_b, 1)

NOINLINE static void body(int self)
{
	void *all = kept(malloc(300));

	for (int i = 0; i < ROUNDS; i++) {
		if (self == 0) {
			step_a(i);
		} else {
			step_b(i);
		}
	}
	free(all);
	sink++;
}

/* The stack itself is a block. */
NOINLINE static void coroutine(void)
{
	void *last;

	for (volatile int i = 0; i < 2; i++) {
		CHECK(getcontext(&contexts[i]) == 0);
		contexts[i].uc_stack.ss_sp = i == 0 ? stacks[0] : kept(malloc(sizeof stacks[1]));
		contexts[i].uc_stack.ss_size = sizeof stacks[1];
		contexts[i].uc_link = &main_context;
		makecontext(&contexts[i], (void (*)(void))body, 1, i);
	}
	last = contexts[1].uc_stack.ss_sp;
	CHECK(swapcontext(&main_context, &contexts[0]) == 0);
	give_back(0); /* the other one did not get so far */
	free(last);
	sink++;
}

/* Frames that have taken memory are left; what is taken next belongs to who is there now. No hook is between. */
NOINLINE static void thrower(int i)
{
	held[i] = kept(malloc(400));
	longjmp(back, 1);
}

NOINLINE static void passes(int i)
{
	held[i] = kept(malloc(401));
	free(held[i]);
	thrower(i);
	sink++;
}

NOINLINE static void catcher(int i)
{
	volatile int n = i;

	if (setjmp(back) == 0) {
		passes(i);
	}
	free(held[n]); /* not temporary: its owner's call is over */
	held[n] = kept(malloc(402));
}

NOINLINE static void drop_all(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		free(held[i]);
	}
	sink++;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "coroutine") == 0) {
		coroutine();
	} else if (strcmp(mode, "longjmp") == 0) {
		for (int i = 0; i < ROUNDS; i++) {
			catcher(i);
		}
		drop_all();
	} else {
		return 2;
	}
	say("%s done", mode);
	return 0;
}
