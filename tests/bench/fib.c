/* SPDX-License-Identifier: Apache-2.0 */
/* `fib N [TIMES]` */
#include <stdio.h>
#include <stdlib.h>

static int fib(int n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv)
{
	int times = argc > 2 ? atoi(argv[2]) : 1;

	while (times-- > 0) {
		printf("%d\n", fib(argc > 1 ? atoi(argv[1]) : 33));
	}
	return 0;
}
