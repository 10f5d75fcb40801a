/* SPDX-License-Identifier: Apache-2.0 */
/* Names against patterns with stars. */
#include "gain.h"

#include <stdbool.h>

static bool match(const char *pattern, const char *text)
{
	for (; *pattern != '\0'; pattern++, text++) {
		if (*pattern == '*') {
			for (const char *at = text;; at++) {
				if (match(pattern + 1, at)) {
					return true;
				}
				if (*at == '\0') {
					return false;
				}
			}
		}
		if (*text == '\0' || (*pattern != '?' && *pattern != *text)) {
			return false;
		}
	}
	return *text == '\0';
}

CALLED bool is_wanted(const char *name, int group)
{
	static const char *const patterns[] = { "lib*e*o*.so*", "*a*n*a*t*", "core_??_*st*t*",
		"*_*_*_end" };
	bool wanted = false;

	for (int i = 0; i < 4 && !wanted; i++) {
		wanted = match(patterns[(i + group) % 4], name);
	}
	return wanted;
}

int main(int argc, char **argv)
{
	unsigned int state = 5;
	unsigned int sum = 0;
	int rounds = rounds_of(argc, argv);
	char name[64];

	for (int i = 0; i < rounds; i++) {
		unsigned int which = often(&state, 700);

		snprintf(name, sizeof name, "core_%02u_a_name_that_is_tested_%u", which % 100,
			which);
		sum += is_wanted(name, (int)(which % 4));
	}
	printf("%u\n", sum);
	return 0;
}
