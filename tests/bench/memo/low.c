/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of which three in ten repeat one of 64: low CALLS STEPS. STEPS is the length of the body, in multiplications. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static uint64_t work(uint64_t a, uint32_t steps)
{
	uint64_t sum = a;

	for (uint32_t i = 0; i < steps; i++) {
		sum = sum * 6364136223846793005ull + i;
	}
	__asm__("" : "+r"(sum)); /* known before the exit hook is called */
	return sum;
}

int main(int argc, char **argv)
{
	uint64_t calls = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
	uint32_t steps = argc > 2 ? (uint32_t)atoi(argv[2]) : 20;
	uint64_t state = 1;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < calls; i++) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		sum += work((state >> 33) % 10 < 3 ? state >> 58 : i + 1000, steps);
	}
	printf("%" PRIu64 "\n", sum);
	return 0;
}
