/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proofs of a module's functions. Functions that call each other are followed again and again, each taking for granted
 * what was found out about the others, until an iteration finds nothing new: then what was assumed is what was found.
 */
#include "symbols/purity_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/image.h"

#define DEPTH_MAX      300u
#define ITERATIONS_MAX 24u

enum hst_status hst_purity_open(
	struct hst_image *image, struct hst_purity **ret_purity, struct hst_diag *diag)
{
	struct hst_purity *purity = calloc(1, sizeof *purity);
	enum hst_status status;

	if (purity == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "no memory for proofs of purity");
	}
	purity->image = image;
	status = hst_module_open(hst_image_elf(image), &purity->module);
	if (status == HST_OK && purity->module.text_relocated) {
		status = HST_E_UNSUPPORTED;
	}
	if (status == HST_OK &&
		!ZYAN_SUCCESS(ZydisFormatterInit(&purity->formatter, ZYDIS_FORMATTER_STYLE_ATT))) {
		status = HST_E_UNSUPPORTED;
	}
	if (status != HST_OK) {
		hst_purity_close(purity);
		return hst_diag_set(diag, status,
			status == HST_E_MEMORY
				? "no memory for proofs of purity"
				: "no proof of purity: the file is not x86-64, or its text is relocated when it is loaded");
	}
	*ret_purity = purity;
	return HST_OK;
}

void hst_purity_close(struct hst_purity *purity)
{
	if (purity == NULL) {
		return;
	}
	for (size_t i = 0; i < purity->functions.count; i++) {
		struct hst_pfunction *function = purity->functions.items[i];

		hst_vec_finish(&function->rests);
		hst_vec_finish(&function->slots);
		hst_vec_finish(&function->calls);
		free(function);
	}
	hst_vec_finish(&purity->functions);
	hst_vec_finish(&purity->provisional);
	hst_vec_finish(&purity->never_rests);
	hst_map_finish(&purity->number_of);
	hst_map_finish(&purity->returns);
	hst_module_close(&purity->module);
	hst_arena_finish(&purity->arena);
	free(purity);
}

uint64_t hst_purity_work(const struct hst_purity *purity)
{
	return purity->work;
}

bool hst_purity_asks_fp_status(const struct hst_purity *purity)
{
	return purity->module.fp_status != NULL;
}

struct hst_pfunction *hst_pfunction_get(struct hst_purity *purity, uint64_t entry)
{
	struct hst_pfunction *function;
	uint32_t number;

	if (hst_map_get(&purity->number_of, entry, &number)) {
		return purity->functions.items[number];
	}
	function = calloc(1, sizeof *function);
	if (function == NULL ||
		hst_map_put(&purity->number_of, entry, (uint32_t)purity->functions.count) !=
			HST_OK ||
		!hst_vec_push(&purity->functions, function)) {
		free(function);
		purity->no_memory = true;
		return NULL;
	}
	function->entry = entry;
	return function;
}

static void refuse(struct hst_pfunction *function, enum hst_purity_reason reason)
{
	function->stage = HST_PSTAGE_REFUTED;
	function->offence = (struct hst_purity_offence){
		.reason = reason, .address = function->entry, .function = function->entry
	};
}

static void keep(struct hst_pfunction *function)
{
	function->stage = HST_PSTAGE_PROVEN;
	if (!function->facts.returns) {
		refuse(function, HST_PURITY_NEVER_RETURNS);
	}
}

/* What was assumed of others is forgotten: they are followed again when they are called. */
static void renew(struct hst_purity *purity, size_t from, bool facts)
{
	for (size_t i = from; i < purity->provisional.count; i++) {
		struct hst_pfunction *other = purity->functions.items[purity->provisional.items[i]];

		if (other->stage == HST_PSTAGE_PROVISIONAL) {
			other->stage = HST_PSTAGE_NEW;
			if (facts) {
				memset(&other->facts, 0, sizeof other->facts);
			}
		}
	}
	purity->provisional.count = from;
}

static void iterate(struct hst_purity *purity, struct hst_pfunction *function, size_t from,
	uint32_t *ret_lowest)
{
	for (unsigned i = 0; i < ITERATIONS_MAX; i++) {
		uint64_t changes = purity->changes;
		uint32_t lowest = UINT32_MAX;

		function->stage = HST_PSTAGE_WORKING;
		hst_pflow_run(purity, function, &lowest);
		*ret_lowest = lowest < *ret_lowest ? lowest : *ret_lowest;
		if (purity->no_memory || function->stage == HST_PSTAGE_REFUTED) {
			renew(purity, from, true);
			return;
		}
		if (lowest < function->depth) {
			uint32_t number;

			function->stage = HST_PSTAGE_PROVISIONAL;
			/* Others take it for granted until the topmost is stable. */
			function->depth = lowest;
			if (!hst_map_get(&purity->number_of, function->entry, &number) ||
				!hst_vec_push(&purity->provisional, number)) {
				purity->no_memory = true;
			}
			return;
		}
		if (changes == purity->changes) {
			for (size_t j = from; j < purity->provisional.count; j++) {
				keep(purity->functions.items[purity->provisional.items[j]]);
			}
			purity->provisional.count = from;
			keep(function);
			return;
		}
		renew(purity, from, false);
	}
	refuse(function, HST_PURITY_LIMIT);
	renew(purity, from, true);
}

static void clear(struct hst_pfunction *function)
{
	memset(&function->facts, 0, sizeof function->facts);
	function->rests.count = 0;
	function->slots.count = 0;
	function->calls.count = 0;
	function->stage = HST_PSTAGE_NEW;
}

void hst_pfunction_analyse(struct hst_purity *purity, struct hst_pfunction *function,
	uint32_t depth, uint32_t *ret_lowest)
{
	size_t from = purity->provisional.count;

	if (depth > DEPTH_MAX) {
		refuse(function, HST_PURITY_LIMIT);
		return;
	}
	function->depth = depth;
	iterate(purity, function, from, ret_lowest);
	if (function->stage == HST_PSTAGE_REFUTED && !function->wide && !purity->no_memory &&
		function->offence.reason == HST_PURITY_UNWRITTEN_REG) {
		/* Vectors come in whole registers: then all of those is part of the key. */
		struct hst_purity_offence before = function->offence;

		clear(function);
		function->wide = true;
		function->depth = depth;
		iterate(purity, function, from, ret_lowest);
		if (function->stage == HST_PSTAGE_REFUTED) {
			function->offence = before;
		}
	}
}

static const char *reason_text(enum hst_purity_reason reason)
{
	static const char *const texts[] = {
		"",
#define HST_PURITY_REASON(NAME, word, text) text,
#include "symbols/purity_reasons.def"
#undef HST_PURITY_REASON
	};

	return reason < HST_PURITY_REASONS ? texts[reason] : "?";
}

const char *hst_purity_word(enum hst_purity_reason reason)
{
	static const char *const words[] = {
		"",
#define HST_PURITY_REASON(NAME, word, text) word,
#include "symbols/purity_reasons.def"
#undef HST_PURITY_REASON
	};

	return reason < HST_PURITY_REASONS ? words[reason] : "?";
}

static void describe(struct hst_purity *purity, struct hst_purity_offence *offence)
{
	const char *text = reason_text(offence->reason);
	const char *hole = strstr(text, "%s");
	struct hst_insn insn;

	if (hole == NULL) {
		snprintf(offence->sentence, sizeof offence->sentence, "%s", text);
	} else {
		snprintf(offence->sentence, sizeof offence->sentence, "%.*s%s%s",
			(int)(hole - text), text, offence->detail, hole + 2);
	}
	if (hst_code_decode(&purity->module.code, offence->address, UINT64_MAX, &insn)) {
		(void)ZydisFormatterFormatInstruction(&purity->formatter, &insn.info, insn.operands,
			insn.info.operand_count_visible, offence->insn, sizeof offence->insn,
			offence->address, NULL);
	}
	if (!hst_image_line(purity->image, offence->address, &offence->file, &offence->line)) {
		offence->file = NULL;
		offence->line = 0;
	}
}

static int span_by_lo(const void *a, const void *b)
{
	const struct hst_span *x = a;
	const struct hst_span *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static int stack_by_offset(const void *a, const void *b)
{
	const struct hst_purity_stack *x = a;
	const struct hst_purity_stack *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

struct gathered {
	HST_VEC(struct hst_span) rests;
	HST_VEC(struct hst_purity_slot) slots;
	HST_VEC(uint32_t) todo;
	struct hst_map seen;
};

static bool gather_slot(struct gathered *all, const struct hst_purity_slot *slot)
{
	for (size_t i = 0; i < all->slots.count; i++) {
		if (all->slots.items[i].slot == slot->slot) {
			return true;
		}
	}
	return hst_vec_push(&all->slots, *slot);
}

/* Code and slots of the function and all that it calls. false: no memory */
static bool gather(struct hst_purity *purity, uint32_t number, struct gathered *all)
{
	bool good = hst_vec_push(&all->todo, number);

	while (good && all->todo.count > 0) {
		const struct hst_pfunction *function;
		uint32_t known;

		number = all->todo.items[--all->todo.count];
		if (hst_map_get(&all->seen, number, &known)) {
			continue;
		}
		function = purity->functions.items[number];
		good = hst_map_put(&all->seen, number, 1) == HST_OK;
		for (size_t i = 0; i < function->rests.count && good; i++) {
			good = hst_vec_push(&all->rests, function->rests.items[i]);
		}
		for (size_t i = 0;
			function->rests_on_never && i < purity->never_rests.count && good; i++) {
			good = hst_vec_push(&all->rests, purity->never_rests.items[i]);
		}
		for (size_t i = 0; i < function->slots.count && good; i++) {
			good = gather_slot(all, &function->slots.items[i]);
		}
		for (size_t i = 0; i < function->calls.count && good; i++) {
			good = hst_vec_push(&all->todo, function->calls.items[i]);
		}
	}
	return good;
}

static size_t merge(struct hst_span *spans, size_t count)
{
	size_t kept = 0;

	if (count > 1) {
		qsort(spans, count, sizeof *spans, span_by_lo);
	}
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && spans[i].lo <= spans[kept - 1].hi) {
			spans[kept - 1].hi =
				spans[i].hi > spans[kept - 1].hi ? spans[i].hi : spans[kept - 1].hi;
		} else {
			spans[kept++] = spans[i];
		}
	}
	return kept;
}

static bool fill_key(struct hst_purity *purity, const struct hst_pfunction *function,
	struct hst_purity_proof *proof)
{
	const struct hst_pfacts *facts = &function->facts;
	struct hst_purity_reg regs[HST_REGS];
	struct hst_purity_stack *stack;

	for (int i = 0; i < 14; i++) {
		unsigned bytes = hst_deps_bytes(facts->deps, i);

		if (bytes != 0) {
			regs[proof->reg_count++] =
				(struct hst_purity_reg){ .reg = (uint8_t)hst_deps_reg(i),
					.bytes = (uint8_t)bytes };
		}
	}
	proof->regs = hst_arena_copy(&purity->arena, regs, proof->reg_count * sizeof regs[0]);
	stack = hst_arena_copy(
		&purity->arena, facts->stack, facts->stack_count * sizeof facts->stack[0]);
	if (proof->regs == NULL || stack == NULL) {
		return false;
	}
	if (facts->stack_count > 1) {
		qsort(stack, facts->stack_count, sizeof *stack, stack_by_offset);
	}
	proof->stack = stack;
	proof->stack_count = facts->stack_count;
	return true;
}

static void fill_results(const struct hst_purity *purity, const struct hst_pfacts *facts,
	struct hst_purity_proof *proof)
{
	static const uint8_t regs[HST_PURITY_RESULTS] = { HST_REG_RAX, HST_REG_RDX, HST_REG_XMM0,
		HST_REG_XMM0 + 1 };

	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		struct hst_purity_result *result = &proof->results[i];

		result->reg = regs[i];
		result->bytes = facts->results[i];
		result->run_specific =
			!purity->module.fixed && (facts->specific[i] || facts->by_address);
		for (int j = 0; j < 14; j++) {
			result->more[hst_deps_reg(j)] = (uint8_t)hst_deps_bytes(facts->more[i], j);
		}
	}
}

/* false: no memory */
static bool fill(struct hst_purity *purity, struct hst_pfunction *function, uint32_t number,
	struct hst_purity_proof *proof)
{
	struct gathered all = { 0 };
	uint64_t calls[64];
	bool good;

	proof->proven = true;
	proof->uses_fp = function->facts.uses_fp;
	proof->recursive = function->recursive;
	fill_results(purity, &function->facts, proof);
	good = fill_key(purity, function, proof) && gather(purity, number, &all);
	if (good) {
		proof->rest_count = merge(all.rests.items, all.rests.count);
		proof->rests = hst_arena_copy(&purity->arena, all.rests.items,
			proof->rest_count * sizeof all.rests.items[0]);
		proof->slot_count = all.slots.count;
		proof->slots = all.slots.count == 0
				       ? NULL
				       : hst_arena_copy(&purity->arena, all.slots.items,
						 all.slots.count * sizeof all.slots.items[0]);
		for (size_t i = 0; i < function->calls.count && proof->call_count < 64; i++) {
			calls[proof->call_count++] =
				purity->functions.items[function->calls.items[i]]->entry;
		}
		proof->calls =
			hst_arena_copy(&purity->arena, calls, proof->call_count * sizeof calls[0]);
		good = proof->rests != NULL && proof->calls != NULL &&
		       (proof->slot_count == 0 || proof->slots != NULL);
	}
	hst_vec_finish(&all.rests);
	hst_vec_finish(&all.slots);
	hst_vec_finish(&all.todo);
	hst_map_finish(&all.seen);
	return good;
}

/* Nothing that it leaves behind can be its result. Those that call it may be proven all the same. */
static bool has_no_result(const struct hst_pfunction *function)
{
	const struct hst_pfacts *facts = &function->facts;
	int own = hst_deps_number(HST_REG_XMM0);

	return facts->results[HST_PURITY_RAX] == 0 &&
	       (facts->results[HST_PURITY_XMM0] == 0 ||
		       hst_deps_bytes(facts->more[HST_PURITY_XMM0], own) >
			       hst_deps_bytes(facts->deps, own));
}

const struct hst_purity_proof *hst_purity_prove(struct hst_purity *purity, uint64_t entry)
{
	struct hst_pfunction *function = hst_pfunction_get(purity, entry);
	struct hst_purity_proof proof = { .proven = false };
	uint32_t lowest = UINT32_MAX;
	uint32_t number;

	if (function == NULL || !hst_map_get(&purity->number_of, entry, &number)) {
		return NULL;
	}
	purity->work = 0;
	if (function->proof != NULL) {
		return function->proof;
	}
	if (function->stage == HST_PSTAGE_NEW) {
		hst_pfunction_analyse(purity, function, 1, &lowest);
	}
	if (purity->no_memory) {
		return NULL;
	}
	if (function->stage == HST_PSTAGE_PROVEN && has_no_result(function)) {
		proof.offence = (struct hst_purity_offence){
			.reason = function->leak != HST_PURITY_NO_REASON ? function->leak
									 : HST_PURITY_NO_RESULT,
			.address = function->leak != HST_PURITY_NO_REASON ? function->leaks_at
									  : function->entry,
			.function = function->entry
		};
		describe(purity, &proof.offence);
	} else if (function->stage == HST_PSTAGE_PROVEN) {
		if (!fill(purity, function, number, &proof)) {
			return NULL;
		}
	} else {
		describe(purity, &function->offence);
		proof.offence = function->offence;
	}
	function->proof = hst_arena_copy(&purity->arena, &proof, sizeof proof);
	return function->proof;
}

size_t hst_purity_key(
	const struct hst_purity_proof *proof, unsigned results, struct hst_purity_reg *ret_regs)
{
	uint8_t bytes[HST_REGS] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < proof->reg_count; i++) {
		bytes[proof->regs[i].reg] = proof->regs[i].bytes;
	}
	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		for (unsigned j = 0; j < HST_REGS && (results >> i & 1) != 0; j++) {
			if (proof->results[i].more[j] > bytes[j]) {
				bytes[j] = proof->results[i].more[j];
			}
		}
	}
	for (unsigned j = 0; j < HST_REGS; j++) {
		if (bytes[j] != 0) {
			ret_regs[count++] =
				(struct hst_purity_reg){ .reg = (uint8_t)j, .bytes = bytes[j] };
		}
	}
	return count;
}

const char *hst_purity_register(unsigned reg, unsigned bytes)
{
	static const char *const names[16][4] = { { "al", "ax", "eax", "rax" },
		{ "dl", "dx", "edx", "rdx" }, { "cl", "cx", "ecx", "rcx" },
		{ "bl", "bx", "ebx", "rbx" }, { "sil", "si", "esi", "rsi" },
		{ "dil", "di", "edi", "rdi" }, { "bpl", "bp", "ebp", "rbp" },
		{ "spl", "sp", "esp", "rsp" }, { "r8b", "r8w", "r8d", "r8" },
		{ "r9b", "r9w", "r9d", "r9" }, { "r10b", "r10w", "r10d", "r10" },
		{ "r11b", "r11w", "r11d", "r11" }, { "r12b", "r12w", "r12d", "r12" },
		{ "r13b", "r13w", "r13d", "r13" }, { "r14b", "r14w", "r14d", "r14" },
		{ "r15b", "r15w", "r15d", "r15" } };
	static const char *const vectors[16] = { "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
		"xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
		"xmm15" };

	if (reg < HST_REG_GENERAL) {
		return names[reg][bytes >= 8 ? 3 : bytes >= 4 ? 2 : bytes >= 2 ? 1 : 0];
	}
	return reg >= HST_REG_XMM0 && reg < HST_REGS ? vectors[reg - HST_REG_XMM0] : "?";
}
