/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that is inlined in two libraries, and has one address: that of the library which was loaded first. With PLACES, in so
 * many places that there are more call sites than hasten keeps. RUN: the name of what calls it.
 */
#include <stdint.h>

#define TEN(x) x x x x x x x x x x

uint64_t patch_inlined(uint64_t x);
uint64_t RUN(uint64_t x);

inline __attribute__((always_inline)) uint64_t patch_inlined(uint64_t x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + 1;
}

extern inline uint64_t patch_inlined(uint64_t x);

uint64_t RUN(uint64_t x)
{
#ifdef PLACES
	TEN(TEN(TEN(x = patch_inlined(x); x = patch_inlined(x); x = patch_inlined(x);)))
#else
	x = patch_inlined(x);
#endif
	return x;
}
