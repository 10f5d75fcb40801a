/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a log begin with a date: as seconds since 1970. */
#include "gain.h"

#include <string.h>

static int number_at(const char *text, int digits)
{
	int number = 0;

	for (int i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return -1;
		}
		number = 10 * number + (text[i] - '0');
	}
	return number;
}

CALLED long parse_date(const char *text)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = number_at(text, 4);
	int month = number_at(text + 5, 2);
	int day = number_at(text + 8, 2);
	long sum = day - 1;

	for (int i = 1970; i < year; i++) {
		sum += 365 + ((i % 4 == 0 && i % 100 != 0) || i % 400 == 0);
	}
	for (int i = 1; i < month; i++) {
		sum += days[i - 1] + (i == 2 && year % 4 == 0);
	}
	return sum * 86400;
}

int main(int argc, char **argv)
{
	unsigned int state = 2;
	long sum = 0;
	int rounds = rounds_of(argc, argv);
	char text[16];

	for (int i = 0; i < rounds; i++) {
		unsigned int day = often(&state, 900);

		snprintf(text, sizeof text, "%04u-%02u-%02u", 2024 - day / 336, 1 + day / 28 % 12,
			1 + day % 28);
		sum += parse_date(text) % 1000;
	}
	printf("%ld\n", sum);
	return 0;
}
