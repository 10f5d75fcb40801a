/* SPDX-License-Identifier: Apache-2.0 */
/* Is it prime? Asked again and again for the same numbers. */
#include "gain.h"

CALLED int is_prime(unsigned int number)
{
	int prime = number % 2 == 1 || number == 2;

	for (unsigned int i = 3; prime && i <= number / i; i += 2) {
		prime = number % i != 0;
	}
	return prime;
}

int main(int argc, char **argv)
{
	unsigned int state = 1;
	unsigned int found = 0;
	int rounds = rounds_of(argc, argv);

	for (int i = 0; i < rounds; i++) {
		found += (unsigned int)is_prime(1000003u + 2 * often(&state, 3000));
	}
	printf("%u\n", found);
	return 0;
}
