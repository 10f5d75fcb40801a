/* SPDX-License-Identifier: Apache-2.0 */
/* A plan (hasten/plan.h) while it is put together, and how it gets to its place. */
#ifndef HST_PLAN_PLAN_FILE_H
#define HST_PLAN_PLAN_FILE_H

#include "hasten/plan.h"

#include "util/status.h"
#include "util/vec.h"

struct hst_plan_part {
	struct hst_plan_section section; /* offset and count are filled in when it is written */
	void *items;                     /* malloc'd, owned */
	uint64_t count, bytes;
};

/* { 0 } is an empty plan. */
struct hst_plan_file {
	HST_VEC(struct hst_plan_part) parts;
	uint64_t bytes; /* of all items */
};

/* Adds a section; `items` (malloc'd, may be NULL if there are none) are taken over, also when it fails. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_plan_file_add(struct hst_plan_file *plan,
	const struct hst_plan_section *section, void *items, uint64_t count, size_t item_bytes);
/* Is it small enough to be accepted? */
bool hst_plan_file_fits(const struct hst_plan_file *plan);
/*
 * Writes the plan to `path`: mode 0600, under a temporary name first, then renamed. HST_E_IO, HST_E_MEMORY
 * with a sentence.
 */
HST_NODISCARD enum hst_status hst_plan_file_write(
	const struct hst_plan_file *plan, const char *path, struct hst_diag *diag);
void hst_plan_file_finish(struct hst_plan_file *plan);

#endif
