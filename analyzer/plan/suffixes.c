/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorts all ends of a text by induction (Nong, Zhang, Chan 2009): an end is "small" if it comes before the one behind it, else
 * "large"; where a small one follows a large one, a piece begins. The pieces are sorted, named by their rank, and, if two have one name, the text of names is sorted
 * the same way; from the order of the pieces that of all ends follows in two passes.
 */
#include "plan/substrings.h"

#include <stdlib.h>
#include <string.h>

struct suffixes {
	const int32_t *text;
	int32_t *order;
	int32_t count, alphabet;
	bool *small;
	int32_t *buckets;
};

static bool begins_piece(const struct suffixes *sort, int32_t at)
{
	return at > 0 && sort->small[at] && !sort->small[at - 1];
}

/* Where the ends that begin with each character begin, or end. */
static void find_buckets(struct suffixes *sort, bool ends)
{
	int32_t sum = 0;

	memset(sort->buckets, 0, (size_t)sort->alphabet * sizeof *sort->buckets);
	for (int32_t i = 0; i < sort->count; i++) {
		sort->buckets[sort->text[i]]++;
	}
	for (int32_t i = 0; i < sort->alphabet; i++) {
		int32_t size = sort->buckets[i];

		sum += size;
		sort->buckets[i] = ends ? sum : sum - size;
	}
}

/* From the pieces in `order`, at the ends of their buckets, all others. */
static void induce(struct suffixes *sort)
{
	find_buckets(sort, false);
	for (int32_t i = 0; i < sort->count; i++) {
		int32_t before = sort->order[i] - 1;

		if (before >= 0 && !sort->small[before]) {
			sort->order[sort->buckets[sort->text[before]]++] = before;
		}
	}
	find_buckets(sort, true);
	for (int32_t i = sort->count - 1; i >= 0; i--) {
		int32_t before = sort->order[i] - 1;

		if (before >= 0 && sort->small[before]) {
			sort->order[--sort->buckets[sort->text[before]]] = before;
		}
	}
}

static void clear(struct suffixes *sort, int32_t from)
{
	for (int32_t i = from; i < sort->count; i++) {
		sort->order[i] = -1;
	}
}

static bool same_piece(const struct suffixes *sort, int32_t a, int32_t b)
{
	for (int32_t i = 0;; i++) {
		bool end_a = i > 0 && begins_piece(sort, a + i);
		bool end_b = i > 0 && begins_piece(sort, b + i);

		/* The last character is in one piece alone: neither runs over the end. */
		if (end_a || end_b) {
			return end_a && end_b && sort->text[a + i] == sort->text[b + i];
		}
		if (sort->text[a + i] != sort->text[b + i]) {
			return false;
		}
	}
}

/* Pieces in the order that induce() left go to the front, their names to behind them, in the order of the text. Returns how many names. */
static int32_t name_pieces(struct suffixes *sort, int32_t *ret_pieces)
{
	int32_t pieces = 0;
	int32_t names = 0;
	int32_t last = -1;
	int32_t end = sort->count;

	for (int32_t i = 0; i < sort->count; i++) {
		if (begins_piece(sort, sort->order[i])) {
			sort->order[pieces++] = sort->order[i];
		}
	}
	clear(sort, pieces);
	for (int32_t i = 0; i < pieces; i++) {
		int32_t at = sort->order[i];

		names += last < 0 || !same_piece(sort, last, at);
		last = at;
		/* Pieces begin at every second character at most. */
		sort->order[pieces + at / 2] = names - 1;
	}
	for (int32_t i = sort->count - 1; i >= pieces; i--) {
		if (sort->order[i] >= 0) {
			sort->order[--end] = sort->order[i];
		}
	}
	*ret_pieces = pieces;
	return names;
}

/* The order of the pieces, from their names behind them. */
static enum hst_status order_pieces(struct suffixes *sort, int32_t pieces, int32_t names)
{
	int32_t *named = sort->order + sort->count - pieces;

	if (names < pieces) {
		return hst_suffixes_sort(named, sort->order, pieces, names);
	}
	for (int32_t i = 0; i < pieces; i++) {
		sort->order[named[i]] = i;
	}
	return HST_OK;
}

/* Pieces from the front, as numbers, to the ends of their buckets, as places. */
static void spread_pieces(struct suffixes *sort, int32_t pieces)
{
	int32_t *places = sort->order + sort->count - pieces;

	for (int32_t i = 1, next = 0; i < sort->count; i++) {
		if (begins_piece(sort, i)) {
			places[next++] = i;
		}
	}
	for (int32_t i = 0; i < pieces; i++) {
		sort->order[i] = places[sort->order[i]];
	}
	clear(sort, pieces);
	find_buckets(sort, true);
	for (int32_t i = pieces - 1; i >= 0; i--) {
		int32_t at = sort->order[i];

		sort->order[i] = -1;
		sort->order[--sort->buckets[sort->text[at]]] = at;
	}
}

static enum hst_status sort_all(struct suffixes *sort)
{
	int32_t pieces;
	int32_t names;

	sort->small[sort->count - 1] = true;
	for (int32_t i = sort->count - 2; i >= 0; i--) {
		sort->small[i] = sort->text[i] < sort->text[i + 1] ||
				 (sort->text[i] == sort->text[i + 1] && sort->small[i + 1]);
	}
	clear(sort, 0);
	find_buckets(sort, true);
	for (int32_t i = 1; i < sort->count; i++) {
		if (begins_piece(sort, i)) {
			sort->order[--sort->buckets[sort->text[i]]] = i;
		}
	}
	induce(sort);
	names = name_pieces(sort, &pieces);
	HST_TRY(order_pieces(sort, pieces, names));
	spread_pieces(sort, pieces);
	induce(sort);
	return HST_OK;
}

enum hst_status hst_suffixes_sort(
	const int32_t *text, int32_t *ret_order, int32_t count, int32_t alphabet)
{
	struct suffixes sort = {
		.text = text, .order = ret_order, .count = count, .alphabet = alphabet
	};
	enum hst_status status = HST_E_MEMORY;

	if (count == 1) {
		ret_order[0] = 0;
		return HST_OK;
	}
	sort.small = calloc((size_t)count, sizeof *sort.small);
	sort.buckets = calloc((size_t)alphabet, sizeof *sort.buckets);
	if (sort.small != NULL && sort.buckets != NULL) {
		status = sort_all(&sort);
	}
	free(sort.small);
	free(sort.buckets);
	return status;
}
