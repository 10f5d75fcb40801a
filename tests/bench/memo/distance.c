/* SPDX-License-Identifier: Apache-2.0 */
/* Edit distance of the first N letters of two texts, by plain recursion on two lengths. */
#include <stdio.h>
#include <stdlib.h>

static const char one[] = "kitten sitting on the mat of the neighbour";
static const char other[] = "a sitting kitten in the hat of the other cat";

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int distance(int i, int j)
{
	if (i == 0 || j == 0) {
		return i + j;
	}
	return least(least(distance(i - 1, j), distance(i, j - 1)) + 1,
		distance(i - 1, j - 1) + (one[i - 1] != other[j - 1]));
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 8;

	printf("%d\n", distance(n, n));
	return 0;
}
