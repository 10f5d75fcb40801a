/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence that a function's result hangs on its key alone: from its code; else from the user. What is proven rests on the code of all
 * that it calls, and its key is what this code reads at entry.
 */
#include "cmd/optimize_plan.h"

#include "symbols/purity.h"
#include "symbols/recipes_code.h"

#include <stdlib.h>
#include <string.h>

struct hst_optimize_proofs {
	struct hst_purity *purity; /* NULL: no proof can be made */
	char trouble[HST_CANDIDATE_TEXT];
	struct hst_arena arena; /* what wishes point to */
};

void hst_optimize_proofs_finish(struct hst_optimize_image *image)
{
	if (image->proofs != NULL) {
		hst_purity_close(image->proofs->purity);
		hst_arena_finish(&image->proofs->arena);
		free(image->proofs);
		image->proofs = NULL;
	}
}

static enum hst_status open_proofs(struct hst_optimize_image *image)
{
	struct hst_diag diag = { "" };
	enum hst_status status;

	if (image->proofs != NULL) {
		return HST_OK;
	}
	image->proofs = calloc(1, sizeof *image->proofs);
	if (image->proofs == NULL) {
		return HST_E_MEMORY;
	}
	status = hst_purity_open(image->image, &image->proofs->purity, &diag);
	if (status != HST_OK) {
		image->proofs->purity = NULL;
		(void)snprintf(
			image->proofs->trouble, sizeof image->proofs->trouble, "%.500s", diag.text);
	}
	return status == HST_E_MEMORY ? status : HST_OK;
}

/* "it calls rand ...: call rand@plt (a.c:12)" */
static void take_offence(
	const struct hst_purity_offence *offence, struct hst_optimize_candidate *candidate)
{
	size_t at = (size_t)snprintf(candidate->why, sizeof candidate->why,
		"not proven to be pure: %.200s: %.100s at 0x%llx", offence->sentence, offence->insn,
		(unsigned long long)offence->address);

	if (offence->file != NULL && at < sizeof candidate->why) {
		(void)snprintf(candidate->why + at, sizeof candidate->why - at, " (%.100s:%u)",
			hst_base_name(offence->file), offence->line);
	}
	candidate->choice = HST_MEMO_CHOICE_UNPROVEN;
}

/* A part of the stack in pieces of 8, 4, 2 and 1 bytes. Returns how many; `live` may be NULL. */
static size_t split(const struct hst_purity_stack *stack, struct hst_memo_live *live)
{
	uint32_t at = 0;
	size_t count = 0;

	while (at < stack->bytes) {
		uint32_t width = 8;

		while (width > stack->bytes - at) {
			width /= 2;
		}
		if (live != NULL) {
			live[count] = (struct hst_memo_live){ .reg = HST_REGS,
				.width = (uint8_t)width,
				.stack = (int64_t)stack->offset + at };
		}
		at += width;
		count++;
	}
	return count;
}

/*
 * The key, for a result in rax as for one in xmm0: the code alone does not say which of them the caller looks at, and what is in
 * the key without need makes no result wrong. false: out of memory.
 */
static bool take_key(
	struct hst_arena *arena, const struct hst_purity_proof *proof, struct hst_memo_wish *wish)
{
	struct hst_purity_reg regs[HST_REGS];
	size_t reg_count =
		hst_purity_key(proof, 1u << HST_PURITY_RAX | 1u << HST_PURITY_XMM0, regs);
	size_t count = reg_count;
	struct hst_memo_live *live;

	for (size_t i = 0; i < proof->stack_count; i++) {
		count += split(&proof->stack[i], NULL);
	}
	live = hst_arena_alloc(arena, (count + 1) * sizeof *live);
	if (live == NULL) {
		return false;
	}
	for (size_t i = 0; i < reg_count; i++) {
		live[i] = (struct hst_memo_live){ .reg = regs[i].reg, .width = regs[i].bytes };
	}
	count = reg_count;
	for (size_t i = 0; i < proof->stack_count; i++) {
		count += split(&proof->stack[i], live + count);
	}
	wish->by_live = true;
	wish->live = live;
	wish->live_count = count;
	return true;
}

/* false: one leads to another file, which nobody looks after. *ret_memory: there was none. */
static bool take_slots(struct hst_arena *arena, const struct hst_purity_proof *proof,
	struct hst_memo_wish *wish, bool *ret_memory)
{
	struct hst_plan_slot *slots =
		hst_arena_alloc(arena, (proof->slot_count + 1) * sizeof *slots);

	*ret_memory = slots != NULL;
	for (size_t i = 0; slots != NULL && i < proof->slot_count; i++) {
		if (proof->slots[i].target == 0) {
			return false;
		}
		slots[i] = (struct hst_plan_slot){ proof->slots[i].slot, proof->slots[i].target };
	}
	wish->slots = slots;
	wish->slot_count = proof->slot_count;
	return true;
}

static enum hst_status take_proof(struct hst_optimize_image *image,
	const struct hst_purity_proof *proof, struct hst_optimize_candidate *candidate)
{
	struct hst_memo_wish *wish = &candidate->wish;
	bool memory = true;

	if (proof->uses_fp && hst_purity_asks_fp_status(image->proofs->purity)) {
		candidate->choice = HST_MEMO_CHOICE_CANNOT;
		(void)snprintf(candidate->why, sizeof candidate->why,
			"it computes in floating point, and the program asks which exceptions that raised");
		return HST_OK;
	}
	if (!take_slots(&image->proofs->arena, proof, wish, &memory)) {
		candidate->choice = HST_MEMO_CHOICE_CANNOT;
		(void)snprintf(candidate->why, sizeof candidate->why,
			"its proof rests on a function of another file (%.100s)",
			proof->slots[0].symbol == NULL ? "?" : proof->slots[0].symbol);
		return HST_OK;
	}
	wish->mxcsr = proof->uses_fp;
	wish->code = proof->rests;
	wish->code_count = proof->rest_count;
	wish->decided_rax = proof->results[HST_PURITY_RAX].bytes;
	wish->decided_xmm0 = proof->results[HST_PURITY_XMM0].bytes;
	candidate->evidence = wish->evidence = HST_PLAN_PROVEN;
	if (!memory || !take_key(&image->proofs->arena, proof, wish)) {
		return HST_E_MEMORY;
	}
	return HST_OK;
}

/* By word of the user: the key is the arguments, and the mode of floating point in any case. */
static void take_word(struct hst_optimize_candidate *candidate)
{
	candidate->wish.mxcsr = true;
	candidate->evidence = candidate->wish.evidence = HST_PLAN_DECLARED;
	candidate->choice = HST_MEMO_CHOICE_PLANNED;
	candidate->why[0] = '\0';
}

/* The proof, or what speaks against it. */
static enum hst_status look_at_code(
	struct hst_optimize_image *image, struct hst_optimize_candidate *candidate)
{
	const struct hst_purity_proof *proof;

	if (image->proofs->purity == NULL) {
		candidate->choice = HST_MEMO_CHOICE_UNPROVEN;
		(void)snprintf(candidate->why, sizeof candidate->why, "%s", image->proofs->trouble);
		return HST_OK;
	}
	proof = hst_purity_prove(image->proofs->purity, candidate->entry);
	if (proof == NULL) {
		return HST_E_MEMORY;
	}
	if (proof->proven) {
		return take_proof(image, proof, candidate);
	}
	take_offence(&proof->offence, candidate);
	return HST_OK;
}

enum hst_status hst_optimize_prove(
	struct hst_optimize_image *image, struct hst_optimize_candidate *candidate)
{
	HST_TRY(open_proofs(image));
	HST_TRY(look_at_code(image, candidate));
	if (candidate->choice != HST_MEMO_CHOICE_PLANNED && candidate->declared) {
		memset(&candidate->wish, 0, sizeof candidate->wish);
		candidate->wish.fn = candidate->entry;
		take_word(candidate);
	}
	return HST_OK;
}
