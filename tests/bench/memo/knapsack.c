/* SPDX-License-Identifier: Apache-2.0 */
/* 0/1 knapsack of the first N things, by plain recursion; weights and values lie in read-only data. */
#include <stdio.h>
#include <stdlib.h>

static const int weights[32] = { 3, 4, 5, 9, 14, 2, 7, 8, 6, 11, 5, 3, 4, 7, 9, 12, 1, 6, 8, 4, 5,
	7, 9, 3, 6, 2, 8, 5, 4, 7, 3, 6 };
static const int values[32] = { 3, 4, 4, 10, 15, 2, 7, 9, 6, 12, 5, 2, 4, 8, 9, 13, 1, 6, 9, 4, 5,
	8, 9, 3, 7, 2, 8, 6, 4, 7, 3, 5 };

static int best(int things, int room)
{
	int without;
	int with;

	if (things == 0) {
		return 0;
	}
	without = best(things - 1, room);
	if (weights[things - 1] > room) {
		return without;
	}
	with = values[things - 1] + best(things - 1, room - weights[things - 1]);
	return with > without ? with : without;
}

int main(int argc, char **argv)
{
	printf("%d\n", best(argc > 1 ? atoi(argv[1]) : 16, 90));
	return 0;
}
