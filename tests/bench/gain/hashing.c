/* SPDX-License-Identifier: Apache-2.0 */
/* A slow hash of words. */
#include "gain.h"

#include <string.h>

CALLED unsigned int hash_word(const char *word, unsigned int length)
{
	unsigned int hash = 2166136261u;

	for (int round = 0; round < 12; round++) {
		for (unsigned int i = 0; i < length; i++) {
			hash = (hash ^ (unsigned char)word[i]) * 16777619u;
		}
	}
	return hash;
}

int main(int argc, char **argv)
{
	unsigned int state = 4;
	unsigned int sum = 0;
	int rounds = rounds_of(argc, argv);
	char word[40];

	for (int i = 0; i < rounds; i++) {
		int length = snprintf(word, sizeof word, "identifier_%u_name", often(&state, 2000));

		sum += hash_word(word, (unsigned int)length);
	}
	printf("%u\n", sum);
	return 0;
}
