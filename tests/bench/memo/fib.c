/* SPDX-License-Identifier: Apache-2.0 */
/* fib N, by plain recursion. -DNOINLINE: it is not inlined into itself. */
#include <stdio.h>
#include <stdlib.h>

#ifdef NOINLINE
__attribute__((noinline))
#endif
static long
fib(int n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv)
{
	printf("%ld\n", fib(argc > 1 ? atoi(argv[1]) : 30));
	return 0;
}
