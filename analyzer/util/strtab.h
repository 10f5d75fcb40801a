/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings by number: equal strings have equal numbers. Number 0 is the empty string. { 0 } is a
 * valid empty table. The text stays at its place until hst_strtab_finish. Not thread-safe.
 */
#ifndef HST_UTIL_STRTAB_H
#define HST_UTIL_STRTAB_H

#include "util/arena.h"
#include "util/status.h"

#include <stddef.h>
#include <stdint.h>

struct hst_strtab {
	struct hst_arena arena;
	const char **items; /* by number */
	uint32_t *hash;     /* numbers, 0 free */
	size_t count;       /* numbers given; item 0 included once anything was added */
	size_t capacity;    /* of items */
	size_t hash_capacity;
};

/* The number of `text` (NULL counts as empty) in *ret_id, added when new. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_strtab_add(
	struct hst_strtab *table, const char *text, uint32_t *ret_id);

/* The text of a number; "" for one that was never given. Borrowed from the table. */
const char *hst_strtab_get(const struct hst_strtab *table, uint32_t id);

/* Frees everything; empty afterwards. NULL is allowed. */
void hst_strtab_finish(struct hst_strtab *table);

#endif
