/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames whose return address lies not at a fixed distance from the stack pointer: locals aligned
 * to 64 and to 4096 bytes, large arrays, spilled AVX registers, alloca of changing sizes, and their mixture;
 * recursion through all of them.
 */
#include "workload.h"

#include <alloca.h>

#define ROUNDS 1000
#define DEPTH  20

typedef float vector __attribute__((vector_size(32)));

#define AVX __attribute__((target("avx")))

NOINLINE static void leaf(volatile void *memory)
{
	*(volatile char *)memory = 1;
}

NOINLINE static unsigned long aligned_64(unsigned long n)
{
	_Alignas(64) volatile char room[192];

	leaf(room);
	room[n % sizeof room] = (char)n;
	leaf(room);
	return (unsigned long)room[n % sizeof room] + (unsigned long)room % 64;
}

NOINLINE static unsigned long aligned_4096(unsigned long n)
{
	_Alignas(4096) volatile char room[4096];

	leaf(room);
	room[n % sizeof room] = (char)n;
	return (unsigned long)room[n % sizeof room] + aligned_64(n) + (unsigned long)room % 4096;
}

/* More live vectors than registers are kept over a call. */
AVX NOINLINE static unsigned long spilling(unsigned long n)
{
	vector values[6];
	vector sum = { 0 };

	for (int i = 0; i < 6; i++) {
		values[i] = (vector){ (float)i, (float)n, 1, 2, 3, 4, 5, 6 };
	}
	leaf(&n);
	for (int i = 0; i < 6; i++) {
		sum += values[i];
	}
	leaf(&n);
	return (unsigned long)(sum[0] + sum[7]);
}

AVX NOINLINE static unsigned long aligned_alloca(unsigned long n)
{
	_Alignas(64) vector room = { (float)n, 1, 2, 3, 4, 5, 6, 7 };
	volatile char *more = alloca(16 + n % 700);

	leaf(more);
	room += (vector){ 1, 1, 1, 1, 1, 1, 1, 1 };
	more[n % 16] = 2;
	leaf(more);
	return (unsigned long)room[n % 8] + (unsigned long)more[n % 16];
}

/* Arguments on the stack are reached through the frame's own pointer. */
NOINLINE static unsigned long many_arguments(unsigned long a, unsigned long b, unsigned long c,
	unsigned long d, unsigned long e, unsigned long f, unsigned long g, unsigned long h)
{
	_Alignas(128) volatile unsigned long room[16];

	room[a % 16] = b + c + d;
	leaf(room);
	return room[a % 16] + e + f + g + h;
}

static inline void step(volatile char *room, unsigned long n)
{
	room[n % 100] = (char)n;
}

/* Its return address lies far from the stack pointer; another instance is inlined in it. */
NOINLINE static unsigned long large(unsigned long n)
{
	volatile char room[200u << 10];

	step(room, n);
	leaf(room);
	step(room + 1000, n);
	return (unsigned long)room[n % 100] + (unsigned long)room[1000 + n % 100];
}

NOINLINE static unsigned long aligned_recursion(unsigned long n)
{
	_Alignas(64) volatile char room[64];

	room[n] = (char)n;
	if (n == 0) {
		return aligned_alloca(n) + spilling(n);
	}
	return (unsigned long)room[n] + (n % 2 == 0 ? aligned_64(n) : 0) + aligned_recursion(n - 1);
}

AVX NOINLINE static void round_of_all(unsigned long n)
{
	vector kept = { (float)n, 2, 3, 4, 5, 6, 7, 8 };

	sink += aligned_64(n);
	sink += aligned_4096(n);
	sink += spilling(n);
	sink += aligned_alloca(n);
	sink += many_arguments(n, 1, 2, 3, 4, 5, 6, 7);
	sink += aligned_recursion(DEPTH);
	sink += large(n);
	sink += (unsigned long)kept[n % 8];
}

int main(void)
{
	if (!__builtin_cpu_supports("avx")) {
		skip("the processor has no AVX");
	}
	for (unsigned long i = 0; i < ROUNDS; i++) {
		round_of_all(i);
	}
	printf("%lu\n", sink);
	return 0;
}
