/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan that somebody gives us. Its file is hostile: everything is copied and checked, by rules of our own, before it is looked at. What is not
 * sound is refused whole, with a sentence.
 */
#ifndef HST_PLAN_PLAN_READ_H
#define HST_PLAN_PLAN_READ_H

#include "hasten/plan.h"

#include "plan/plan_file.h"
#include "util/status.h"
#include "util/vec.h"

#include <stdbool.h>

/* Functions of one file that are answered from caches; all indices are sound. Borrowed. */
struct hst_memo_module {
	const uint8_t *build_id;
	uint32_t build_id_bytes;
	const struct hst_plan_memo *memos;
	size_t memo_count;
	const struct hst_plan_memo_exit *exits;
	const struct hst_plan_piece *pieces;
	const struct hst_plan_code *codes;
	const struct hst_plan_slot *slots;
	const char *path; /* of the file when the plan was made; NULL: the plan does not say */
	const char *const *names; /* linkage names of the memos; NULL with `path` */
};

struct hst_plan_content {
	uint64_t *words; /* the whole file */
	size_t bytes;
	const struct hst_plan_section *sections;
	uint32_t section_count;
	HST_VEC(struct hst_memo_module) modules;
	HST_VEC(const char *) texts; /* all `names` */
	uint16_t major, minor;
	HST_VEC(struct hst_plan_revoked) revoked; /* of the file beside it */
	const char
		*revoked_trouble; /* why that file was not read; NULL: it was, or there is none */
};

/*
 * Reads the plan at `path`. HST_E_IO, HST_E_NOT_OURS, HST_E_VERSION (another one), HST_E_DAMAGED, HST_E_PERMISSION (the preload would not
 * trust the file), HST_E_MEMORY; with a sentence that names it and says what to do. The caller finishes *ret_content after success.
 */
HST_NODISCARD enum hst_status hst_plan_content_read(
	const char *path, struct hst_plan_content *ret_content, struct hst_diag *diag);
/* Accepts a zeroed object. */
void hst_plan_content_finish(struct hst_plan_content *content);

/* Has it anything for the file of this build-id, or for any file? */
bool hst_plan_content_is_for(
	const struct hst_plan_content *content, const uint8_t *build_id, size_t build_id_bytes);

/* Was the function found wrong by an earlier run? NULL: no. */
const struct hst_plan_revoked *hst_plan_content_revoked(
	const struct hst_plan_content *content, const struct hst_memo_module *module, uint64_t fn);

/* Which of the functions of a plan to copy; NULL: all. */
typedef bool hst_memo_choice(
	void *context, const struct hst_memo_module *module, const struct hst_plan_memo *memo);
/* Adds the sections about the chosen functions to another plan. *ret_count: how many they are. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_plan_content_copy(const struct hst_plan_content *content,
	hst_memo_choice *choice, void *context, struct hst_plan_file *plan, size_t *ret_count);

#endif
