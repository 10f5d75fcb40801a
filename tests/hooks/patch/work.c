/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work whose result shows any register, flag or branch that a changed call site would spoil. Built as a library with hooks by
 * several compilers and flags. Functions with a result call their exit hook; `patch_stir` jumps to it.
 */
#include <stddef.h>
#include <stdint.h>

uint64_t patch_work(uint64_t seed);
void patch_stir(uint64_t value);

static volatile uint64_t pot[64];

__attribute__((noinline)) static uint64_t mix(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (a ^ (b << 7)) + (c ^ (d >> 3)) * 0x9e3779b97f4a7c15ull;
}

__attribute__((noinline)) static double wave(double x, unsigned n)
{
	return n == 0 ? x : wave(x * 0.75 + 1.0, n - 1) * 0.5 + x;
}

/* A name that others see: its size can be asked for. */
__attribute__((noinline)) void patch_stir(uint64_t value)
{
	uint64_t local[64];

	for (size_t i = 0; i < 64; i++) {
		local[i] = value * (i + 1);
	}
	(void)local[value % 64];
	pot[value % 64] = value;
}

static inline uint64_t fold(uint64_t value)
{
	return (value >> 33) ^ value;
}

__attribute__((noinline)) static uint64_t fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

__attribute__((noinline)) static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

uint64_t patch_work(uint64_t seed)
{
	uint64_t state = seed;

	for (unsigned i = 0; i < 20; i++) {
		state = mix(state, i, seed, fib(i % 8));
		state += (uint64_t)(int64_t)compare(state, seed);
		state ^= (uint64_t)wave((double)(state >> 40), i % 5);
		state = fold(state);
		patch_stir(state);
	}
	return state;
}
