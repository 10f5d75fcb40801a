/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the cache model. */
#include "model/cache.h"

#include <stdlib.h>

#define TEXT(name, text) text,
static const char *const kinds[] = { HST_CACHE_KIND_LIST(TEXT) };
static const char *const growths[] = { HST_CACHE_GROWTH_LIST(TEXT) };
static const char *const purities[] = { HST_CACHE_PURITY_LIST(TEXT) };
static const char *const verdicts[] = { HST_CACHE_VERDICT_LIST(TEXT) };
#undef TEXT

const char *hst_cache_kind_text(enum hst_cache_kind value)
{
	return value < HST_CACHE_KINDS ? kinds[value] : "?";
}

const char *hst_cache_growth_text(enum hst_cache_growth_state value)
{
	return value < HST_CACHE_GROWTHS ? growths[value] : "?";
}

const char *hst_cache_purity_text(enum hst_cache_purity value)
{
	return value < HST_CACHE_PURITIES ? purities[value] : "?";
}

const char *hst_cache_verdict_text(enum hst_cache_verdict value)
{
	return value < HST_CACHE_VERDICTS ? verdicts[value] : "?";
}

void hst_cache_finish(struct hst_cache *cache)
{
	for (size_t i = 0; cache->functions != NULL && i < cache->count; i++) {
		free(cache->functions[i].sums);
	}
	free(cache->functions);
	*cache = (struct hst_cache){ 0 };
}
