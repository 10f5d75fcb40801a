/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs in constant stack without the flag, since its recursion is a tail call; with the exit hook
 * behind the call it needs a frame per step and overflows its stack.
 */
#include "workload.h"

#include <sys/resource.h>

NOINLINE static unsigned long countdown(unsigned long n, unsigned long sum)
{
	if (n == 0) {
		return sum;
	}
	return countdown(n - 1, sum + n);
}

int main(void)
{
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	printf("%lu\n", countdown(20000000, 0));
	return 0;
}
