/* SPDX-License-Identifier: Apache-2.0 */
/* Analyses of logs with stub costs, and rows of what came out. */
#ifndef HST_TESTS_ANALYSES_H
#define HST_TESTS_ANALYSES_H

#include "calls.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct hst_cache_options stub_options = { .costs = &stub_costs, .seed = 1 };

static inline void analyse(struct hst_cache_log *logs, size_t count, struct hst_cache *cache)
{
	for (size_t i = 0; i < count; i++) {
		logs[i].row = (uint32_t)i;
	}
	assert_int_equal(hst_cache_analyse(logs, count, &stub_options, cache), HST_OK);
	assert_int_equal(cache->count, count);
}

static inline void finish(struct hst_cache_log *logs, size_t count, struct hst_cache *cache)
{
	for (size_t i = 0; i < count; i++) {
		hst_cache_log_finish(&logs[i]);
	}
	hst_cache_finish(cache);
}

static inline const struct hst_cache_function *of_row(const struct hst_cache *cache, uint32_t row)
{
	for (size_t i = 0; i < cache->count; i++) {
		if (cache->functions[i].row == row) {
			return &cache->functions[i];
		}
	}
	fail();
	return cache->functions;
}

#endif
