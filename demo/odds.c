/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In how many ways chance alone passes at least so many of so many tests: odds TESTS PASSED. The number of ways to choose is
 * computed by plain recursion, which asks the same few hundred questions millions of times.
 */
#include <stdio.h>
#include <stdlib.h>

static unsigned long ways(unsigned tests, unsigned passed)
{
	if (passed == 0 || passed == tests) {
		return 1;
	}
	return ways(tests - 1, passed - 1) + ways(tests - 1, passed);
}

int main(int argc, char **argv)
{
	unsigned tests = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
	unsigned least = argc > 2 ? (unsigned)atoi(argv[2]) : tests / 2;
	unsigned long sum = 0;

	for (unsigned passed = least; passed <= tests; passed++) {
		sum += ways(tests, passed);
	}
	printf("chance passes %u or more of %u tests in %lu of %lu cases\n", least, tests, sum,
		1ul << tests);
	return 0;
}
