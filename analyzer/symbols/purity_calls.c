/* SPDX-License-Identifier: Apache-2.0 */
/* What a call does to the one who calls: the key of what is called is read, its result is data, the rest is gone. */
#include "symbols/purity_flow.h"

#include <string.h>

static const uint8_t result_regs[HST_PURITY_RESULTS] = { HST_REG_RAX, HST_REG_RDX, HST_REG_XMM0,
	HST_REG_XMM0 + 1 };

/* Whatever a call may overwrite. */
static void clobber(struct hst_pstate *state)
{
	for (unsigned i = 0; i < HST_REGS; i++) {
		if (i != HST_REG_RSP && !hst_reg_is_saved(i)) {
			state->regs[i] = hst_pval_none;
		}
	}
	state->flags = 0;
	state->compared = (struct hst_compared){ .width = 0 };
	hst_pstate_forget(state, INT32_MIN, state->regs[HST_REG_RSP].num);
}

static bool stack_is_known(const struct hst_pflow *flow)
{
	const struct hst_pval *rsp = &flow->walk.state.regs[HST_REG_RSP];

	return rsp->kind == HST_PVAL_FRAME && !rsp->wild;
}

/* The registers of a key are read. */
static bool use_registers(struct hst_pflow *flow, uint64_t deps)
{
	for (int i = 0; i < 14; i++) {
		unsigned bytes = hst_deps_bytes(deps, i);
		unsigned reg = hst_deps_reg(i);
		struct hst_pval value = flow->walk.state.regs[reg];

		if (bytes == 0) {
			continue;
		}
		if (value.kind == HST_PVAL_NONE) {
			value.reg = (uint8_t)(reg + 1);
		}
		if (!hst_pwalk_use(&flow->walk, &value, bytes)) {
			return false;
		}
		/* Its copies of an address of the module lead it to what depends on that. */
		flow->walk.facts.by_address |= value.kind == HST_PVAL_ADDRESS ||
					       value.kind == HST_PVAL_TARGET || value.tainted;
	}
	return true;
}

/* The slots of its key are read. Ours begin `base` above our call frame address. */
static bool use_stack(struct hst_pflow *flow, const struct hst_pfacts *callee, int64_t base)
{
	struct hst_pwalk *walk = &flow->walk;

	for (size_t i = 0; i < callee->stack_count; i++) {
		int64_t lo = base + callee->stack[i].offset;
		int64_t hi = lo + callee->stack[i].bytes;

		if (hst_pstate_check(&walk->state, lo, hi) != HST_FRAME_GOOD) {
			return hst_pwalk_refuse(walk, HST_PURITY_FRAME_OUTSIDE, NULL);
		}
		if (lo >= 0) {
			struct hst_pval value = hst_pstate_load(
				&walk->state, &walk->facts, (int32_t)lo, callee->stack[i].bytes);

			if (!hst_pwalk_use(walk, &value, value.pure)) {
				return false;
			}
			walk->facts.by_address |= value.tainted || value.kind == HST_PVAL_ADDRESS ||
						  value.kind == HST_PVAL_TARGET;
			if (value.pure < callee->stack[i].bytes) {
				return hst_pwalk_refuse(walk, HST_PURITY_UNWRITTEN_SLOT, NULL);
			}
		} else if (hi > 0 || !hst_pstate_is_written(&walk->state, &walk->facts, (int32_t)lo,
					     (int32_t)hi)) {
			return hst_pwalk_refuse(walk, HST_PURITY_UNWRITTEN_SLOT, NULL);
		}
	}
	return true;
}

/* What a result register holds afterwards. What was passed on untouched counts only if it is looked at. */
static struct hst_pval result_of(
	const struct hst_pstate *state, const struct hst_pfacts *callee, unsigned i)
{
	struct hst_pval result = hst_pval_data(callee->results[i]);

	if (callee->results[i] == 0) {
		return hst_pval_none;
	}
	result.tainted = callee->specific[i];
	for (int j = 0; j < 14; j++) {
		unsigned bytes = hst_deps_bytes(callee->more[i], j);
		const struct hst_pval *value = &state->regs[hst_deps_reg(j)];

		if (bytes == 0) {
			continue;
		}
		if (value->pure < bytes) {
			return hst_pval_none;
		}
		if (value->kind == HST_PVAL_DATA) {
			result.deps = hst_deps_join(result.deps, value->deps);
			result.tainted |= value->tainted;
		} else if (value->kind == HST_PVAL_INIT && hst_deps_number(value->reg) >= 0) {
			result.deps = hst_deps_join(
				result.deps, hst_deps_of(value->reg,
						     value->width < bytes ? value->width : bytes));
		} else {
			return hst_pval_none;
		}
	}
	return result;
}

static enum hst_pcall apply(struct hst_pflow *flow, const struct hst_pfacts *callee)
{
	struct hst_pwalk *walk = &flow->walk;
	int64_t base = walk->state.regs[HST_REG_RSP].num;
	struct hst_pval results[HST_PURITY_RESULTS];

	if (!callee->returns) {
		return HST_PCALL_NEVER;
	}
	if (!use_registers(flow, callee->deps) || !use_stack(flow, callee, base)) {
		return HST_PCALL_REFUSED;
	}
	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		results[i] = result_of(&walk->state, callee, i);
	}
	walk->facts.uses_fp |= callee->uses_fp;
	walk->facts.by_address |= callee->by_address;
	if (callee->writes_above > 0) {
		hst_pstate_forget(&walk->state, base, base + callee->writes_above);
		if (base + callee->writes_above > walk->facts.writes_above) {
			walk->facts.writes_above = (int32_t)(base + callee->writes_above);
		}
		if (base + callee->writes_above > -8 && base < 0) {
			(void)hst_pwalk_refuse(walk, HST_PURITY_FRAME_OUTSIDE, NULL);
			return HST_PCALL_REFUSED;
		}
	}
	clobber(&walk->state);
	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		walk->state.regs[result_regs[i]] = results[i];
	}
	return HST_PCALL_RETURNS;
}

static void keep_slot(struct hst_pflow *flow, const struct hst_purity_slot *slot)
{
	struct hst_pfunction *function = flow->function;

	for (size_t i = 0; i < function->slots.count; i++) {
		if (function->slots.items[i].slot == slot->slot) {
			return;
		}
	}
	if (!hst_vec_push(&function->slots, *slot)) {
		flow->purity->no_memory = true;
	}
}

static enum hst_pcall call_known(struct hst_pflow *flow, const struct hst_known_function *known,
	const struct hst_code_slot *slot)
{
	struct hst_pfacts facts = { .returns = true, .uses_fp = true };
	unsigned bytes = known->kind == HST_KNOWN_PURE_D ? 8 : 4;

	if (known->kind == HST_KNOWN_NEVER) {
		return HST_PCALL_NEVER;
	}
	for (unsigned i = 0; i < known->arguments; i++) {
		facts.deps = hst_deps_join(facts.deps, hst_deps_of(HST_REG_XMM0 + i, bytes));
	}
	facts.results[HST_PURITY_XMM0] = (uint8_t)bytes;
	keep_slot(
		flow, &(struct hst_purity_slot){
			      .slot = slot->slot, .symbol = slot->name, .module = known->module });
	return apply(flow, &facts);
}

static const char *name_of(struct hst_pflow *flow, uint64_t entry)
{
	const struct hst_function *function = hst_image_function(flow->purity->image, entry);

	return function == NULL ? "a function without a name" : function->name;
}

static enum hst_pcall call_internal(struct hst_pflow *flow, uint64_t entry)
{
	struct hst_purity *purity = flow->purity;
	struct hst_pfunction *callee;
	uint32_t number;
	bool known = false;

	callee = hst_pfunction_get(purity, entry);
	if (callee == NULL || !hst_map_get(&purity->number_of, entry, &number)) {
		(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_LIMIT, NULL);
		return HST_PCALL_REFUSED;
	}
	for (size_t i = 0; i < flow->function->calls.count && !known; i++) {
		known = flow->function->calls.items[i] == number;
	}
	if (!known && !hst_vec_push(&flow->function->calls, number)) {
		purity->no_memory = true;
	}
	if (callee->stage == HST_PSTAGE_NEW) {
		uint32_t lowest = UINT32_MAX;

		hst_pfunction_analyse(purity, callee, flow->function->depth + 1, &lowest);
		flow->lowest = lowest < flow->lowest ? lowest : flow->lowest;
	} else if (callee->stage == HST_PSTAGE_WORKING || callee->stage == HST_PSTAGE_PROVISIONAL) {
		flow->lowest = callee->depth < flow->lowest ? callee->depth : flow->lowest;
	}
	if (callee == flow->function) {
		callee->recursive = true;
	}
	if (callee->stage == HST_PSTAGE_REFUTED) {
		if (callee->offence.reason == HST_PURITY_NEVER_RETURNS) {
			return HST_PCALL_NEVER;
		}
		(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_CALLS_REFUTED, name_of(flow, entry));
		return HST_PCALL_REFUSED;
	}
	return apply(flow, &callee->facts);
}

static enum hst_pcall call_slot(struct hst_pflow *flow, const struct hst_code_slot *slot)
{
	const struct hst_known_function *known =
		slot->name == NULL ? NULL : hst_module_known(slot->name);

	/* Hooks of its own are functions as others are. */
	if (slot->address == 0 && (slot->role == HST_CODE_ENTER || slot->role == HST_CODE_EXIT)) {
		clobber(&flow->walk.state);
		return HST_PCALL_RETURNS;
	}
	if (slot->address != 0) {
		keep_slot(flow,
			&(struct hst_purity_slot){ .slot = slot->slot, .target = slot->address });
		return call_internal(flow, slot->address);
	}
	if (known != NULL) {
		return call_known(flow, known, slot);
	}
	(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_CALLS_UNKNOWN,
		slot->name == NULL ? "a function of another module" : slot->name);
	return HST_PCALL_REFUSED;
}

bool hst_pcall_is_function(struct hst_pflow *flow, uint64_t target)
{
	const struct hst_module *module = &flow->purity->module;
	const struct hst_frame_entry *entry = hst_frames_entry(&module->frames, target);
	const struct hst_pval *rsp = &flow->walk.state.regs[HST_REG_RSP];
	int64_t offset;
	unsigned reg;

	if (hst_code_stub(&module->code, target) != NULL) {
		return true;
	}
	/* A part of this function begins with the frame as it is in the middle. */
	return entry != NULL && entry->lo == target && target != flow->function->entry &&
	       stack_is_known(flow) && rsp->num == -8 &&
	       hst_frames_cfa(&module->frames, target, &reg, &offset) && reg == HST_REG_RSP &&
	       offset == 8 && (flow->insn.address < entry->lo || flow->insn.address >= entry->hi);
}

enum hst_pcall hst_pcall_do(struct hst_pflow *flow, bool tail)
{
	const struct hst_code *code = &flow->purity->module.code;
	const struct hst_code_slot *slot;
	struct hst_pval *rsp = &flow->walk.state.regs[HST_REG_RSP];
	enum hst_pcall done;
	uint64_t target;

	if (!stack_is_known(flow)) {
		(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_STACK_POINTER, NULL);
		return HST_PCALL_REFUSED;
	}
	if (hst_code_relative(&flow->insn, 0, &target)) {
		slot = hst_code_stub(code, target);
	} else {
		slot = hst_code_fixed(&flow->insn, 0, &target) ? hst_code_slot(code, target) : NULL;
	}
	if (slot != NULL ? !hst_preach_is_slot(flow->purity, slot)
			 : !hst_code_relative(&flow->insn, 0, &target)) {
		(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_INDIRECT_CALL, NULL);
		return HST_PCALL_REFUSED;
	}
	/* What is jumped to finds the stack as if it had been called. */
	if (tail && rsp->num != -8) {
		(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_NOT_RESTORED, "rsp");
		return HST_PCALL_REFUSED;
	}
	if (tail) {
		rsp->num += 8;
	}
	done = slot != NULL ? call_slot(flow, slot) : call_internal(flow, target);
	if (tail) {
		rsp->num -= 8;
	}
	return done;
}
