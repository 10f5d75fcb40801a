/* SPDX-License-Identifier: Apache-2.0 */
/* A recursive function that gcc inlines into itself. Lines are asserted by test_image.c. */
#include <stdio.h>

int fib(int n) /* line 5 */
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv)
{
	(void)argv;
	fprintf(stderr, "%d\n", fib(20 + argc));
	return 0;
}
