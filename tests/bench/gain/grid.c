/* SPDX-License-Identifier: Apache-2.0 */
/* Ways through a grid with obstacles, counted by recursion. */
#include "gain.h"

static int is_blocked(int x, int y)
{
	return (x * 7 + y * 3) % 11 == 5;
}

static unsigned long ways(int x, int y)
{
	unsigned long sum = 0;

	if (x < 0 || y < 0 || is_blocked(x, y)) {
		return 0;
	}
	if (x == 0 && y == 0) {
		return 1;
	}
	sum = ways(x - 1, y);
	sum += ways(x, y - 1);
	return sum;
}

int main(int argc, char **argv)
{
	int size = rounds_of(argc, argv);

	printf("%lu\n", ways(size, size + 2));
	return 0;
}
