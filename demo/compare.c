/* SPDX-License-Identifier: Apache-2.0 */
/* Answers are compared without regard to white space at the ends of lines and to empty lines. */
#include "grader.h"

#include <stdlib.h>
#include <string.h>

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A normal form of the answer; the caller frees it. */
static char *normalised(const char *answer)
{
	char *result = malloc(strlen(answer) + 2);
	size_t used = 0;

	for (size_t i = 0; answer[i] != '\0'; i++) {
		if (answer[i] == '\n') {
			while (used > 0 && is_blank(result[used - 1])) {
				used--;
			}
			if (used == 0 || result[used - 1] == '\n') {
				continue;
			}
		}
		result[used++] = answer[i];
	}
	result[used] = '\0';
	return result;
}

static unsigned long mixed(unsigned long hash, unsigned char byte)
{
	return (hash ^ byte) * 1099511628211ul;
}

/* A slow and thorough checksum. The answers that it is asked for are few and never change. */
unsigned long answer_checksum(const char *answer)
{
	char *normal = normalised(answer);
	unsigned long hash = 14695981039346656037ul;

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; normal[i] != '\0'; i++) {
			hash = mixed(hash, (unsigned char)normal[i]);
		}
	}
	free(normal);
	return hash;
}

int answers_equal(const char *expected, const char *printed)
{
	return answer_checksum(expected) == answer_checksum(printed);
}
