/* SPDX-License-Identifier: Apache-2.0 */
/* One small function, called often: the one that the filter excludes. */
#include <stdio.h>
#include <stdlib.h>

static __attribute__((noinline)) long tiny(long x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 50000000;
	long sum = 0;

	for (long i = 0; i < rounds; i++) {
		sum = tiny(sum);
	}
	printf("%ld\n", sum);
	return 0;
}
