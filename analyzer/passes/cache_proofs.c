/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to the places of their code, by the images that the profile has open, and these to proofs. */
#include "passes/cache_proofs.h"

#include "passes/rows.h"

#include <stdlib.h>

/* Instructions followed for one table: some seconds at most. */
#define WORK_MAX (UINT64_C(8) << 20)

struct proving {
	const struct hst_rows *rows;
	struct hst_cache *cache;
	struct hst_cache_proofs *proofs;
	struct hst_purity **prover_of; /* by image */
	bool *tried;                   /* by image */
	uint32_t *function_of;         /* by row: number in the cache, UINT32_MAX: none */
	bool *failed;                  /* by function: one of its places is not proven */
	uint64_t work;
};

/* The prover of an image, NULL: its code cannot be read. */
static enum hst_status prover_of(struct proving *at, uint32_t space, struct hst_purity **ret_prover)
{
	const struct hst_module_image *image = &at->rows->images.items[space];
	struct hst_diag diag = { "" };
	enum hst_status status;

	if (!at->tried[space] && image->image != NULL &&
		(hst_image_flags(image->image) & HST_IMAGE_BUILD_ID_DIFFERS) == 0) {
		status = hst_purity_open(image->image, &at->prover_of[space], &diag);
		if (status == HST_E_MEMORY) {
			return status;
		}
		if (status == HST_OK && !hst_vec_push(&at->proofs->provers, at->prover_of[space])) {
			hst_purity_close(at->prover_of[space]);
			at->prover_of[space] = NULL;
			return HST_E_MEMORY;
		}
	}
	at->tried[space] = true;
	*ret_prover = at->prover_of[space];
	return HST_OK;
}

/* One place of a row's code. */
static enum hst_status prove_place(
	struct proving *at, const struct hst_row_key *key, uint32_t function)
{
	struct hst_cache_proof *row = &at->proofs->rows[function];
	struct hst_purity *prover = NULL;
	const struct hst_purity_proof *proof;

	if (key->space < at->rows->images.count) {
		HST_TRY(prover_of(at, key->space, &prover));
	}
	if (prover == NULL) {
		at->failed[function] = true;
		return HST_OK;
	}
	if (at->work > WORK_MAX) {
		at->proofs->exhausted = true;
		at->failed[function] = true;
		return HST_OK;
	}
	proof = hst_purity_prove(prover, key->address);
	if (proof == NULL) {
		return HST_E_MEMORY;
	}
	at->work += hst_purity_work(prover);
	/* What speaks against it is shown, wherever it is. */
	if (row->proof == NULL || !proof->proven) {
		*row = (struct hst_cache_proof){ .proof = proof,
			.image = at->rows->images.items[key->space].image,
			.module = at->rows->images.items[key->space].path };
	}
	at->failed[function] |= !proof->proven;
	return HST_OK;
}

static bool matters(const struct hst_cache_function *function, bool all)
{
	return all || (function->repeats != 0 && function->contradicting == 0);
}

static enum hst_status prove_all(struct proving *at, size_t row_count, bool all)
{
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < row_count; i++) {
		at->function_of[i] = UINT32_MAX;
	}
	for (size_t i = 0; i < at->cache->count; i++) {
		const struct hst_cache_function *function = &at->cache->functions[i];

		if (function->row < row_count && matters(function, all)) {
			at->function_of[function->row] = (uint32_t)i;
		}
	}
	for (size_t i = 0; status == HST_OK && i < at->rows->keys.count; i++) {
		const struct hst_row_key *key = &at->rows->keys.items[i];
		uint32_t function = key->row < row_count ? at->function_of[key->row] : UINT32_MAX;

		if (function != UINT32_MAX && key->space != HST_ROWS_SOURCE) {
			status = prove_place(at, key, function);
		}
	}
	for (size_t i = 0; i < at->cache->count; i++) {
		struct hst_cache_function *function = &at->cache->functions[i];

		if (at->proofs->rows[i].proof != NULL && !at->failed[i] &&
			function->purity != HST_CACHE_PURITY_REFUTED &&
			function->purity != HST_CACHE_PURITY_DECLARED) {
			function->purity = HST_CACHE_PURITY_PROVEN;
		}
	}
	return status;
}

enum hst_status hst_cache_prove(const struct hst_profile *profile, struct hst_cache *cache,
	bool all, struct hst_cache_proofs *ret_proofs)
{
	const struct hst_rows *rows = profile->owner;
	struct proving at = { .rows = rows, .cache = cache, .proofs = ret_proofs };
	enum hst_status status = HST_E_MEMORY;

	*ret_proofs = (struct hst_cache_proofs){ .count = cache->count };
	ret_proofs->rows = calloc(cache->count + 1, sizeof *ret_proofs->rows);
	at.prover_of = calloc(rows->images.count + 1, sizeof(struct hst_purity *));
	at.tried = calloc(rows->images.count + 1, sizeof *at.tried);
	at.function_of = calloc(profile->function_count + 1, sizeof *at.function_of);
	at.failed = calloc(cache->count + 1, sizeof *at.failed);
	if (ret_proofs->rows != NULL && at.prover_of != NULL && at.tried != NULL &&
		at.function_of != NULL && at.failed != NULL) {
		status = prove_all(&at, profile->function_count, all);
	}
	free(at.prover_of);
	free(at.tried);
	free(at.function_of);
	free(at.failed);
	return status;
}

void hst_cache_proofs_finish(struct hst_cache_proofs *proofs)
{
	for (size_t i = 0; i < proofs->provers.count; i++) {
		hst_purity_close(proofs->provers.items[i]);
	}
	hst_vec_finish(&proofs->provers);
	free(proofs->rows);
	*proofs = (struct hst_cache_proofs){ 0 };
}
