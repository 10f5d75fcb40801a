/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the table of functions, and what the suffixes of symbols mean. */
#include "symbols/functions.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
/* Ranges looked at for one address; only in a damaged file do more than a few overlap. */
#define OVERLAP_MAX 65536

static bool only_digits_until_dot(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && *p >= '0' && *p <= '9') {
		p++;
	}
	return p > s && (p == end || *p == '.');
}

size_t hst_functions_piece(const char *name)
{
	size_t length = strlen(name);
	const char *part = strstr(name, ".part.");
	const char *cold = strstr(name, ".cold");

	if (part != NULL && part > name && only_digits_until_dot(part + 6, name + length)) {
		length = (size_t)(part - name);
	}
	if (cold != NULL && cold > name && (size_t)(cold - name) < length &&
		(cold[5] == '\0' || cold[5] == '.')) {
		length = (size_t)(cold - name);
	}
	return length;
}

size_t hst_functions_clone(const char *name)
{
	static const char *const suffixes[] = { ".constprop.", ".isra.", ".lto_priv.", ".llvm.",
		".localalias", ".clone.", ".ipa." };
	size_t length = hst_functions_piece(name);

	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		const char *at = strstr(name, suffixes[i]);

		if (at != NULL && at > name && (size_t)(at - name) < length) {
			length = (size_t)(at - name);
		}
	}
	return length;
}

void hst_functions_finish(struct hst_functions *functions)
{
	free(functions->items);
	free(functions->sources);
	free(functions->ranges);
	free(functions->body_order);
	*functions = (struct hst_functions){ 0 };
}

uint32_t hst_functions_entry(const struct hst_functions *functions, uint64_t address)
{
	size_t lo = 0;
	size_t hi = functions->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (functions->items[mid].address < address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo < functions->count && functions->items[lo].address == address ? (uint32_t)lo
										: NONE;
}

uint32_t hst_functions_at(const struct hst_functions *functions, uint64_t address)
{
	uint32_t entry = hst_functions_entry(functions, address);
	size_t lo = 0;
	size_t hi = functions->range_count;

	if (entry != NONE) {
		return entry;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (functions->ranges[mid].lo <= address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	for (int i = 0; i < OVERLAP_MAX && lo > 0 && functions->ranges[lo - 1].max_hi > address;
		i++) {
		lo--;
		if (address < functions->ranges[lo].hi) {
			return functions->ranges[lo].function;
		}
	}
	return NONE;
}
