/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said about a plan file before it is used: is it one, can the preload take it, for which files was it made. */
#ifndef HST_PLAN_PLAN_HEAD_H
#define HST_PLAN_PLAN_HEAD_H

#include "hasten/plan.h"
#include "util/status.h"

#include <stdbool.h>

struct hst_plan_head {
	struct hst_plan_section
		*sections; /* owned; their build-ids are checked, what they contain is not */
	size_t count;
};

/*
 * Reads the header and the table of sections. HST_E_NOT_FOUND, HST_E_IO, HST_E_NOT_OURS, HST_E_VERSION, HST_E_DAMAGED,
 * HST_E_PERMISSION (the preload refuses it: others may write to it), HST_E_EMPTY (no section), each with a sentence that begins with `path`.
 */
HST_NODISCARD enum hst_status hst_plan_head_read(
	const char *path, struct hst_plan_head *ret_head, struct hst_diag *diag);
void hst_plan_head_finish(struct hst_plan_head *head);

/* Has it a section for the file of this build-id, or one for any file? */
bool hst_plan_head_is_for(
	const struct hst_plan_head *head, const uint8_t *build_id, size_t build_id_bytes);

#endif
