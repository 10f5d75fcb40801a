/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four mutually recursive functions: the number of calling contexts grows with the calls, and what
 * a function calls next is hard to foresee.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	FUNCTIONS = 4
};

static uint64_t state = 88172645463325252u;
static long budget;

typedef long function(int depth);
static function *const table[FUNCTIONS];

static inline __attribute__((always_inline, no_instrument_function)) uint64_t chance(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

#define BODY(name, own)                                 \
 static __attribute__((noinline)) long name(int depth)  \
 {                                                      \
  long sum = own;                                       \
                                                        \
  while (depth > 0 && budget > 0 && chance() % 8 < 5) { \
   budget--;                                            \
   sum += table[chance() % FUNCTIONS](depth - 1);       \
  }                                                     \
  return sum;                                           \
 }

BODY(ping, 1)
BODY(pong, 2)
BODY(pang, 3)
BODY(pung, 4)
static function *const table[FUNCTIONS] = { ping, pong, pang, pung };

int main(int argc, char **argv)
{
	long sum = 0;

	budget = argc > 1 ? atol(argv[1]) : 4000000;
	while (budget > 0) {
		budget--;
		sum += ping(24);
	}
	printf("%ld\n", sum);
	return 0;
}
