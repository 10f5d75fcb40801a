/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call patterns that are hard to predict or to keep a tree of: `shapes mutual` four mutually
 * recursive functions in random order, `shapes callees` one caller with 500 callees.
 */
#include "workload.h"

#include <errno.h>

static uint32_t state = 42;
static unsigned long counts[4];

static void step(int which, int depth);

#define MUTUAL(name, which)                             \
 NOINLINE static void name(int depth)                   \
 {                                                      \
  counts[which]++;                                      \
  while (depth > 0 && next_random(&state) % 100 < 49) { \
   step((int)(next_random(&state) % 4), depth - 1);     \
  }                                                     \
  sink++;                                               \
 }

MUTUAL(north, 0)
MUTUAL(east, 1)
MUTUAL(south, 2)
MUTUAL(west, 3)

NOHOOK static void step(int which, int depth)
{
	static void (*const all[4])(int) = { north, east, south, west };

	all[which](depth);
}

/* clang-format off */
#define CALLEE(n) NOINLINE static void c##n(void) { sink += 1##n; }
#define TEN(M, n) M(n##0) M(n##1) M(n##2) M(n##3) M(n##4) M(n##5) M(n##6) M(n##7) M(n##8) M(n##9)
#define HUNDRED(M, n) \
	TEN(M, n##0) TEN(M, n##1) TEN(M, n##2) TEN(M, n##3) TEN(M, n##4) \
	TEN(M, n##5) TEN(M, n##6) TEN(M, n##7) TEN(M, n##8) TEN(M, n##9)
#define FIVE_HUNDRED(M) HUNDRED(M, 0) HUNDRED(M, 1) HUNDRED(M, 2) HUNDRED(M, 3) HUNDRED(M, 4)
#define NAME(n) c##n,
/* clang-format on */

FIVE_HUNDRED(CALLEE)

NOINLINE static void caller(int calls)
{
	static void (*const all[])(void) = { FIVE_HUNDRED(NAME) };

	for (int i = 0; i < calls; i++) {
		all[(i * 7) % 500]();
	}
}

int main(int argc, char **argv)
{
	errno = 77;
	if (argc > 1 && strcmp(argv[1], "callees") == 0) {
		caller(100000);
	} else {
		for (int i = 0; i < 20000; i++) {
			step((int)(next_random(&state) % 4), 300);
		}
		truth("main", 1);
		truth("north", counts[0]);
		truth("east", counts[1]);
		truth("south", counts[2]);
		truth("west", counts[3]);
	}
	printf("errno %d\n", errno);
	return 0;
}
