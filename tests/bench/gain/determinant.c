/* SPDX-License-Identifier: Apache-2.0 */
/* Determinants of matrices that a number describes. */
#include "gain.h"

#include <math.h>

#define SIZE 12

CALLED double determinant(unsigned int number, double scale)
{
	double a[SIZE][SIZE];
	double product = 1;

	for (int i = 0; i < SIZE * SIZE; i++) {
		a[i / SIZE][i % SIZE] =
			scale * (double)((number * 2654435761u + (unsigned int)i * 40503u) % 97u) -
			20;
	}
	for (int i = 0; i < SIZE; i++) {
		double pivot = fabs(a[i][i]) < 1e-9 ? 1e-9 : a[i][i];

		product *= pivot;
		for (int row = i + 1; row < SIZE; row++) {
			double factor = a[row][i] / pivot;

			for (int column = i; column < SIZE; column++) {
				a[row][column] -= factor * a[i][column];
			}
		}
	}
	return product;
}

int main(int argc, char **argv)
{
	unsigned int state = 3;
	double sum = 0;
	int rounds = rounds_of(argc, argv);

	for (int i = 0; i < rounds; i++) {
		double one = determinant(often(&state, 500), 0.5 + (double)(draw(&state) % 3));

		sum += one > 0 ? 1 : -1;
	}
	printf("%g\n", sum);
	return 0;
}
