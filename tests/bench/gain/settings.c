/* SPDX-License-Identifier: Apache-2.0 */
/* Values of settings, looked up in the text of a file. */
#include "gain.h"

#include <string.h>

#define LINES 120

static char file[LINES * 32];

CALLED int setting(const char *name)
{
	size_t length = strlen(name);
	int value = -1;

	for (const char *line = file; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (strncmp(line, name, length) == 0 && line[length] == '=') {
			value = atoi(line + length + 1);
			break;
		}
	}
	return value;
}

int main(int argc, char **argv)
{
	unsigned int state = 7;
	size_t length = 0;
	int sum = 0;
	int rounds = rounds_of(argc, argv);
	char name[32];

	for (int i = 0; i < LINES; i++) {
		length += (size_t)snprintf(file + length, sizeof file - length,
			"option.%d.size=%d\n", i * 37 % LINES, i);
	}
	for (int i = 0; i < rounds; i++) {
		snprintf(name, sizeof name, "option.%u.size", often(&state, LINES));
		sum += setting(name);
	}
	printf("%d\n", sum);
	return 0;
}
