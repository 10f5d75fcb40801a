/* SPDX-License-Identifier: Apache-2.0 */
/* Rounding comes before the choice of the unit: 999.6 us is 1.00 ms, not 1000 us. */
#include "writers/units.h"

#include <stdio.h>

struct unit {
	double size;
	const char *name;
};

/* Three significant digits of a number below 1000 (or of the largest unit). */
static void digits(char buffer[HST_UNITS_BYTES], double value, const char *name)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	(void)snprintf(buffer, HST_UNITS_BYTES, "%.*f %s", decimals, value, name);
}

static void scale(
	char buffer[HST_UNITS_BYTES], double value, const struct unit *units, size_t count)
{
	size_t i = 0;

	while (i + 1 < count && value / units[i].size >= 999.5) {
		i++;
	}
	if (i == 0) {
		(void)snprintf(buffer, HST_UNITS_BYTES, "%.0f %s", value, units[0].name);
		return;
	}
	digits(buffer, value / units[i].size, units[i].name);
}

void hst_units_ns(char buffer[HST_UNITS_BYTES], double ns)
{
	static const struct unit units[] = { { 1, "ns" }, { 1e3, "us" }, { 1e6, "ms" },
		{ 1e9, "s" } };

	scale(buffer, ns, units, sizeof units / sizeof units[0]);
}

void hst_units_count(char buffer[HST_UNITS_BYTES], uint64_t count)
{
	if (count < 1000000) {
		(void)snprintf(buffer, HST_UNITS_BYTES, "%llu", (unsigned long long)count);
	} else if (count < 999500000) {
		digits(buffer, (double)count / 1e6, "M");
	} else {
		digits(buffer, (double)count / 1e9, "G");
	}
}

void hst_units_bytes(char buffer[HST_UNITS_BYTES], uint64_t bytes)
{
	static const struct unit units[] = { { 1, "B" }, { 1024, "KiB" }, { 1048576, "MiB" },
		{ 1073741824, "GiB" }, { 1099511627776, "TiB" } };

	scale(buffer, (double)bytes, units, sizeof units / sizeof units[0]);
}

void hst_units_percent(char buffer[HST_UNITS_BYTES], double part, double whole)
{
	double percent = whole > 0 ? 100 * part / whole : 0;

	if (!(whole > 0)) {
		(void)snprintf(buffer, HST_UNITS_BYTES, "-");
		return;
	}
	(void)snprintf(buffer, HST_UNITS_BYTES, "%.*f",
		percent < 9.995   ? 2
		: percent < 99.95 ? 1
				  : 0,
		percent);
}
