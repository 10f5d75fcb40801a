/* SPDX-License-Identifier: Apache-2.0 */
/* burn STEPS: arithmetic that depends on itself, STEPS million times. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	uint64_t steps = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000;
	uint64_t state = 1;

	for (uint64_t i = 0; i < steps; i++) {
		state = state * 6364136223846793005ull + i;
	}
	printf("%llu\n", (unsigned long long)state);
	return 0;
}
