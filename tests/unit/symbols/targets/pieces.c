/* SPDX-License-Identifier: Apache-2.0 */
/* Functions with a cold part or a part split off, aliases, static functions that share a name. */
#include <stdio.h>
#include <stdlib.h>

__attribute__((cold, noinline)) void complain(int n)
{
	fprintf(stderr, "%d\n", n);
}

int other(int n);

__attribute__((noinline)) int split(int n)
{
	if (n > 1000) {
		complain(n);
		complain(n + 1);
		abort();
	}
	return n * 3;
}

__attribute__((noinline)) int plain_function(int n)
{
	return n ^ 5;
}
int al(int n) __attribute__((alias("plain_function")));
int a_weak_one(int n) __attribute__((weak, alias("plain_function")));

static __attribute__((noinline)) int same(int n)
{
	if (n > 2000) {
		complain(n);
		abort();
	}
	return n + 1;
}

volatile int sink;

/* Its test is inlined into the callers, the rest becomes lazy.part.0. */
int lazy(int n)
{
	if (n < 100) {
		return 0;
	}
	for (int i = 0; i < n; i++) {
		sink += i * n;
		sink ^= n / (i + 1);
		sink += printf("%d %d\n", i, n);
		sink -= printf("%d %d %d\n", i, n, sink);
	}
	return sink;
}

__attribute__((noinline)) int first_caller(int n)
{
	return lazy(n) + 1;
}

__attribute__((noinline)) int second_caller(int n)
{
	return lazy(n + 1) + 2;
}

int main(int argc, char **argv)
{
	(void)argv;
	sink = first_caller(argc) + second_caller(argc);
	return split(argc) + plain_function(argc) + same(argc) + other(argc) > 100000;
}
