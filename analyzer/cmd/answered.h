/* SPDX-License-Identifier: Apache-2.0 */
/* What came of functions that a plan had answered from caches: the same in report, cache and info. */
#ifndef HST_CMD_ANSWERED_H
#define HST_CMD_ANSWERED_H

#include "cmd/common.h"

/* A wrong result, as the first thing that is said; nothing without one. */
void hst_answered_alarm(const struct hst_reading *reading, const struct hst_profile *profile);
/* A table, and what its figures mean; nothing where no plan was in force. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_answered_text(
	const struct hst_reading *reading, const struct hst_profile *profile);
/* The member "answered" of the open object: an array. */
void hst_answered_json(struct hst_json *json, const struct hst_profile *profile);

#endif
