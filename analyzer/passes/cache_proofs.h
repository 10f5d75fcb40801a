/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows of `hasten cache` are functions that are proven to be pure, from their machine code (symbols/purity.h). */
#ifndef HST_PASSES_CACHE_PROOFS_H
#define HST_PASSES_CACHE_PROOFS_H

#include "model/cache.h"
#include "model/profile.h"
#include "symbols/purity.h"
#include "util/vec.h"

/* Of one function of the cache, by its number there. */
struct hst_cache_proof {
	const struct hst_purity_proof *proof; /* NULL: none was tried, or the code cannot be read */
	struct hst_image *image;              /* that it lies in */
	const char *module;                   /* the image's path */
};

struct hst_cache_proofs {
	HST_VEC(struct hst_purity *) provers;
	struct hst_cache_proof *rows;
	size_t count;
	bool exhausted; /* some were not tried: it would have taken too long */
};

/*
 * Proves the functions of the cache that have repeats and no contradiction (`all`: every one), in their order, and sets the
 * purity of the proven ones that the user has not declared. A row that lies at several places is proven only if all of them are. HST_E_MEMORY. `proofs` must be
 * finished before the profile.
 */
HST_NODISCARD enum hst_status hst_cache_prove(const struct hst_profile *profile,
	struct hst_cache *cache, bool all, struct hst_cache_proofs *ret_proofs);
/* Accepts { 0 }. */
void hst_cache_proofs_finish(struct hst_cache_proofs *proofs);

#endif
