/* SPDX-License-Identifier: Apache-2.0 */
/* Colours of an image with few of them, from sRGB to lightness. */
#include "gain.h"

#include <math.h>

struct colour {
	int red, green, blue;
};

static double linear(int value)
{
	double share = value / 255.0;

	return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4);
}

CALLED double lightness(int red, int green, int blue)
{
	double y = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
	double result = y <= 216.0 / 24389 ? y * 24389 / 27 : cbrt(y) * 116 - 16;

	return result;
}

int main(int argc, char **argv)
{
	unsigned int state = 6;
	double sum = 0;
	int rounds = rounds_of(argc, argv);

	for (int i = 0; i < rounds; i++) {
		unsigned int number = often(&state, 4096);
		struct colour colour = { (int)(number & 15) * 17, (int)(number >> 4 & 15) * 17,
			(int)(number >> 8) * 17 };
		double light = lightness(colour.red, colour.green, colour.blue);

		sum += light;
	}
	printf("%.6f\n", sum);
	return 0;
}
