/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler makes of functions: inlined into themselves (fib) and into others, split into
 * a hot and a cold part, split so that an early return can be inlined, joined by tail calls, with
 * frames of changing size. The calls of each are those of the source text.
 */
#include "workload.h"

#include <alloca.h>

static unsigned long fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static inline unsigned long twice(unsigned long n)
{
	sink++;
	return 2 * n;
}

static inline unsigned long four_times(unsigned long n)
{
	return twice(twice(n));
}

__attribute__((always_inline)) static inline unsigned long forced(unsigned long n)
{
	return twice(n) + 1;
}

NOINLINE static unsigned long user_a(unsigned long n)
{
	return four_times(n) + forced(n);
}

NOINLINE static unsigned long user_b(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < 3; i++) {
		sum += forced(n + i);
	}
	return sum;
}

__attribute__((cold, noinline)) static void complain(const char *what)
{
	sink += strlen(what);
}

/* Its failure branch goes to .cold. */
NOINLINE static int check(unsigned long n)
{
	sink += n;
	if (__builtin_expect(n % 100 == 99, 0)) {
		complain("one of a hundred");
		complain("again");
		return -1;
	}
	return 0;
}

/* The test is inlined into its callers, the rest becomes .part.0. */
static void mostly_nothing(unsigned long n, unsigned long *table)
{
	if (n % 4 != 0) {
		return;
	}
	do {
		for (unsigned long i = 0; i < 16; i++) {
			table[i] += table[(i + n) % 16] * 3 + twice(i);
			table[(i * 7) % 16] ^= n;
		}
		complain("part");
		for (unsigned long i = 0; i < 16; i++) {
			table[i] -= table[(i * 5 + n) % 16] * 7;
			table[(i * 3) % 16] += 1;
		}
		n--;
	} while (n % 4 != 2);
}

#define CALLER(name, add)                                         \
 NOINLINE static void name(unsigned long n, unsigned long *table) \
 {                                                                \
  mostly_nothing(n + (add), table);                               \
  sink++;                                                         \
 }

CALLER(caller_1, 0)
CALLER(caller_2, 1)
CALLER(caller_3, 2)

NOINLINE static unsigned long tail_3(unsigned long n)
{
	sink++;
	return n + 3;
}

NOINLINE static unsigned long tail_2(unsigned long n)
{
	return tail_3(n + 2);
}

NOINLINE static unsigned long tail_1(unsigned long n)
{
	return n % 2 == 0 ? tail_2(n + 1) : tail_3(n);
}

/* No hooks of its own: its jump makes the callee appear in its caller's place. */
NOHOOK NOINLINE static unsigned long bare_jump(unsigned long n)
{
	return tail_1(n);
}

NOINLINE static unsigned long with_alloca(unsigned long n)
{
	unsigned char *room = alloca(16 + n % 2000);
	unsigned long sum = 0;

	memset(room, (int)n, 16 + n % 2000);
	for (unsigned long i = 0; i < 4; i++) {
		unsigned char *more = alloca(32 * (i + 1));

		more[0] = room[i];
		sum += twice(more[0]);
	}
	return sum + twice(n);
}

NOINLINE static unsigned long with_vla(unsigned long n)
{
	unsigned long sum = 0;

	for (unsigned long i = 1; i < 4; i++) {
		volatile unsigned char room[i * (n % 50 + 1)];

		room[0] = 1;
		sum += forced(room[0]);
	}
	return sum;
}

int main(void)
{
	unsigned long table[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	unsigned long sum = 0;

	sum += fib(20);
	for (unsigned long i = 0; i < 1000; i++) {
		sum += user_a(i) + user_b(i);
		sum += (unsigned long)(check(i) + 1);
		caller_1(i, table);
		caller_2(i, table);
		caller_3(i, table);
		sum += table[i % 16];
		sum += tail_1(i) + bare_jump(i);
		sum += with_alloca(i) + with_vla(i);
	}
	printf("%lu\n", sum);
	return 0;
}
