/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one plan into another one: what belongs to those that are left out is left out, too. */
#include "plan/memo_names.h"
#include "plan/plan_read.h"

#include <stdlib.h>
#include <string.h>

struct tables {
	HST_VEC(struct hst_plan_memo) memos;
	HST_VEC(struct hst_plan_memo_exit) exits;
	HST_VEC(struct hst_plan_piece) pieces;
	HST_VEC(struct hst_plan_code) codes;
	HST_VEC(struct hst_plan_slot) slots;
	struct hst_memo_names names;
};

static void finish_tables(struct tables *tables)
{
	hst_vec_finish(&tables->memos);
	hst_vec_finish(&tables->exits);
	hst_vec_finish(&tables->pieces);
	hst_vec_finish(&tables->codes);
	hst_vec_finish(&tables->slots);
	hst_memo_names_finish(&tables->names);
}

/* Appends `count` items from `first` on; *first is where they are then. */
#define MOVE(to, from, first, number)                      \
 do {                                                      \
  uint32_t move_first = (uint32_t)(to)->count;             \
                                                           \
  for (uint32_t move_i = 0; move_i < (number); move_i++) { \
   if (!hst_vec_push((to), (from)[*(first) + move_i])) {   \
    return HST_E_MEMORY;                                   \
   }                                                       \
  }                                                        \
  *(first) = move_first;                                   \
 } while (0)

static enum hst_status take_memo(struct tables *tables, const struct hst_memo_module *module,
	const struct hst_plan_memo *from)
{
	struct hst_plan_memo memo = *from;

	MOVE(&tables->exits, module->exits, &memo.first_exit, memo.exits);
	MOVE(&tables->pieces, module->pieces, &memo.first_piece, memo.pieces);
	MOVE(&tables->codes, module->codes, &memo.first_code, memo.codes);
	MOVE(&tables->slots, module->slots, &memo.first_slot, memo.slots);
	return hst_vec_push(&tables->memos, memo) ? HST_OK : HST_E_MEMORY;
}

/* The plan takes the table over. */
#define GIVE(number, vec)                                                                   \
 do {                                                                                       \
  void *give_items = (vec)->items;                                                          \
  uint64_t give_count = (vec)->count;                                                       \
                                                                                            \
  (vec)->items = NULL;                                                                      \
  section.kind = (number);                                                                  \
  HST_TRY(hst_plan_file_add(plan, &section, give_items, give_count, sizeof *(vec)->items)); \
 } while (0)

static enum hst_status give_tables(
	struct tables *tables, const struct hst_memo_module *module, struct hst_plan_file *plan)
{
	struct hst_plan_section section = { .build_id_bytes = module->build_id_bytes };

	memcpy(section.build_id, module->build_id, module->build_id_bytes);
	GIVE(HST_PLAN_MEMO, &tables->memos);
	GIVE(HST_PLAN_MEMO_EXIT, &tables->exits);
	GIVE(HST_PLAN_MEMO_PIECES, &tables->pieces);
	GIVE(HST_PLAN_MEMO_CODE, &tables->codes);
	GIVE(HST_PLAN_MEMO_SLOT, &tables->slots);
	return module->path == NULL ? HST_OK : hst_memo_names_give(&tables->names, section, plan);
}

static enum hst_status copy_module(const struct hst_memo_module *module, hst_memo_choice *choice,
	void *context, struct hst_plan_file *plan, size_t *count)
{
	struct tables tables = { 0 };
	enum hst_status status = HST_OK;

	if (module->path != NULL && !hst_memo_names_add(&tables.names, module->path)) {
		status = HST_E_MEMORY;
	}
	for (size_t i = 0; i < module->memo_count && status == HST_OK; i++) {
		if (choice != NULL && !choice(context, module, &module->memos[i])) {
			continue;
		}
		status = take_memo(&tables, module, &module->memos[i]);
		if (status == HST_OK && module->path != NULL &&
			!hst_memo_names_add(&tables.names, module->names[i])) {
			status = HST_E_MEMORY;
		}
	}
	*count += tables.memos.count;
	if (status == HST_OK && tables.memos.count > 0) {
		status = give_tables(&tables, module, plan);
	}
	finish_tables(&tables);
	return status;
}

enum hst_status hst_plan_content_copy(const struct hst_plan_content *content,
	hst_memo_choice *choice, void *context, struct hst_plan_file *plan, size_t *ret_count)
{
	*ret_count = 0;
	for (size_t i = 0; i < content->modules.count; i++) {
		HST_TRY(copy_module(&content->modules.items[i], choice, context, plan, ret_count));
	}
	return HST_OK;
}
