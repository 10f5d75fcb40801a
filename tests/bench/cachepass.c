/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache pass over calls made up here: `cachepass CALLS KEYS FUNCTIONS` prints seconds of the analysis, seconds of filling the
 * logs, and KiB of the peak. Keys are drawn evenly, so that no cache of a CPU helps. Of no functions only the stack distances are
 * found, of calls that have each key at least once.
 */
#include "passes/cache_pass.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

static int fill(struct hst_cache_log *logs, uint64_t calls, uint64_t keys, uint64_t functions)
{
	for (uint64_t i = 0; i < calls; i++) {
		uint64_t key = mix(mix(i + 1) % keys);
		struct hst_cache_call call = { .key = key,
			.result = key,
			.has_result = 1,
			.start_ns = i * 100,
			.end_ns = i * 100 + 60,
			.cost_ns = 60 };

		if (hst_cache_log_add(&logs[mix(i) % functions], &call, 0) != HST_OK) {
			return 1;
		}
	}
	return 0;
}

static int find_distances(uint64_t calls, uint64_t keys)
{
	uint32_t *numbers = malloc((calls + 1) * sizeof *numbers);
	uint32_t *distances = malloc((calls + 1) * sizeof *distances);
	struct rusage usage;
	uint64_t repeats = 0;
	double begin;
	double end;

	if (numbers == NULL || distances == NULL || keys > calls) {
		(void)fputs("cachepass: out of memory, or more keys than calls\n", stderr);
		return 2;
	}
	for (uint64_t i = 0; i < calls; i++) {
		numbers[i] = (uint32_t)(i < keys ? i : mix(i) % keys);
	}
	/* Every other one of the first half goes behind the second. */
	for (uint64_t i = 1; i < keys; i += 2) {
		uint64_t other = mix(i * 3) % calls;
		uint32_t number = numbers[i];

		numbers[i] = numbers[other];
		numbers[other] = number;
	}
	begin = seconds();
	if (hst_cache_distances(numbers, NULL, calls, keys, 1, distances) != HST_OK) {
		return 1;
	}
	end = seconds();
	for (uint64_t i = 0; i < calls; i++) {
		repeats += distances[i] != 0;
	}
	free(numbers);
	free(distances);
	if (repeats != calls - keys) {
		(void)fputs("cachepass: not every key was found again\n", stderr);
		return 1;
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	printf("%.3f %.3f %ld\n", end - begin, 0.0, usage.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct hst_cache_costs costs = { { { 1, 5, 15 } }, 1, 5 };
	struct hst_cache_options options = { .costs = &costs, .seed = 1 };
	uint64_t calls = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t keys = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	uint64_t functions = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	struct hst_cache_log *logs = functions == 0 ? NULL : calloc(functions, sizeof *logs);
	struct hst_cache cache = { 0 };
	struct rusage usage;
	double begin = seconds();
	double filled;

	if (functions == 0 && keys != 0) {
		return find_distances(calls, keys);
	}
	if (keys == 0 || logs == NULL || fill(logs, calls, keys, functions) != 0) {
		(void)fputs("usage: cachepass CALLS KEYS FUNCTIONS (or out of memory)\n", stderr);
		return 2;
	}
	filled = seconds();
	if (hst_cache_analyse(logs, functions, &options, &cache) != HST_OK ||
		cache.calls != calls) {
		(void)fputs("cachepass: the analysis failed\n", stderr);
		return 1;
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	printf("%.3f %.3f %ld\n", seconds() - filled, filled - begin, usage.ru_maxrss);
	hst_cache_finish(&cache);
	for (uint64_t i = 0; i < functions; i++) {
		hst_cache_log_finish(&logs[i]);
	}
	free(logs);
	return 0;
}
