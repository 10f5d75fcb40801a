/* SPDX-License-Identifier: Apache-2.0 */
/* One caller with 500 callees, called in an order that is another in every round. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
#define CALLEE(n)                                                                                  \
	static __attribute__((noinline)) int callee_##n(int x)                                     \
	{                                                                                          \
		return x * n + 1;                                                                  \
	}
#define TEN(use, n)                                                                                \
	use(n##0) use(n##1) use(n##2) use(n##3) use(n##4)                                          \
	use(n##5) use(n##6) use(n##7) use(n##8) use(n##9)
#define HUNDRED(use, n)                                                                            \
	TEN(use, n##0) TEN(use, n##1) TEN(use, n##2) TEN(use, n##3) TEN(use, n##4)                 \
	TEN(use, n##5) TEN(use, n##6) TEN(use, n##7) TEN(use, n##8) TEN(use, n##9)
#define ALL(use) HUNDRED(use, 1) HUNDRED(use, 2) HUNDRED(use, 3) HUNDRED(use, 4) HUNDRED(use, 5)
#define NAME(n) callee_##n,
/* clang-format on */

ALL(CALLEE)

typedef int function(int);
static function *order[] = { ALL(NAME) };
enum {
	CALLEES = sizeof(order) / sizeof(order[0])
};

static inline __attribute__((always_inline, no_instrument_function)) uint64_t chance(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static __attribute__((noinline)) int caller(int rounds)
{
	int sum = 0;

	for (int round = 0; round < rounds; round++) {
		for (int i = CALLEES - 1; i > 0; i--) {
			int other = (int)(chance() % (uint64_t)(i + 1));
			function *swapped = order[i];

			order[i] = order[other];
			order[other] = swapped;
		}
		for (int i = 0; i < CALLEES; i++) {
			sum ^= order[i](sum);
		}
	}
	return sum;
}

int main(int argc, char **argv)
{
	printf("%d\n", caller(argc > 1 ? atoi(argv[1]) : 8000));
	return 0;
}
