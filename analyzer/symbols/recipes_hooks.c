/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which calls are hooks, and of which function: the address in rdi. It may have been put into a
 * callee-saved register long before, and so may the hook's own address. So the constants in registers
 * are followed along all ways through the function: what two ways disagree on is unknown.
 *
 *   steps   the function's instructions, as far as they concern this
 *   joins   where jumps lead to: what is known there whichever way one comes
 */
#include "symbols/recipes_hooks.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX  (UINT32_C(1) << 20)
#define ROUNDS_MAX 64
/* A byte of code may belong to so many functions; in a damaged file, to any number. */
#define SHARED_MAX 4u

enum known {
	KNOWN_NEVER, /* no way leads here so far */
	KNOWN_NOT,
	KNOWN_ADDRESS,
	KNOWN_ROLE, /* the address of a hook */
};

struct known_value {
	enum known kind;
	uint64_t number;
};

struct known_state {
	bool reached;
	struct known_value regs[HST_REG_GENERAL];
};

enum step_kind {
	STEP_OTHER,
	STEP_SET,  /* dst = number */
	STEP_COPY, /* dst = src */
	STEP_LOAD, /* dst = what the slot at number holds */
	STEP_CALL, /* of number */
	STEP_CALL_SLOT,
	STEP_CALL_REG, /* src */
	STEP_JUMP,
	STEP_JUMP_SLOT,
	STEP_JUMP_REG,
	STEP_BRANCH, /* to number, or on */
	STEP_END,    /* nothing comes behind it */
	STEP_START,  /* of a range */
};

struct hst_hook_step {
	uint64_t address;
	uint64_t number;
	uint16_t writes; /* bit per register */
	uint8_t length, kind, dst, src;
};

struct hst_hook_join {
	uint64_t address;
	struct known_state state;
};

static const uint16_t caller_saved = 1u << HST_REG_RAX | 1u << HST_REG_RCX | 1u << HST_REG_RDX |
				     1u << HST_REG_RSI | 1u << HST_REG_RDI | 0xfu << 8;

static uint16_t written(const struct hst_insn *insn)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < insn->info.operand_count; i++) {
		const ZydisDecodedOperand *operand = &insn->operands[i];
		unsigned reg;

		if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER ||
			(operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) {
			continue;
		}
		reg = hst_code_register(operand->reg.value);
		if (reg < HST_REG_GENERAL) {
			mask |= 1u << reg;
		}
	}
	return (uint16_t)mask;
}

/* A call or jump; `kinds`: by address, by slot, by register. */
static void take_transfer(const struct hst_insn *insn, struct hst_hook_step *step,
	const enum step_kind kinds[3], enum step_kind otherwise)
{
	const ZydisDecodedOperand *operand = &insn->operands[0];

	if (hst_code_relative(insn, 0, &step->number)) {
		step->kind = (uint8_t)kinds[0];
	} else if (hst_code_fixed(insn, 0, &step->number)) {
		step->kind = (uint8_t)kinds[1];
	} else if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		   hst_code_register(operand->reg.value) < HST_REG_GENERAL) {
		step->kind = (uint8_t)kinds[2];
		step->src = (uint8_t)hst_code_register(operand->reg.value);
	} else {
		step->kind = (uint8_t)otherwise;
	}
}

static void take_move(const struct hst_insn *insn, struct hst_hook_step *step)
{
	const ZydisDecodedOperand *to = &insn->operands[0];
	const ZydisDecodedOperand *from = &insn->operands[1];
	unsigned dst = to->type == ZYDIS_OPERAND_TYPE_REGISTER ? hst_code_register(to->reg.value)
							       : HST_REGS;
	unsigned src = from->type == ZYDIS_OPERAND_TYPE_REGISTER
			       ? hst_code_register(from->reg.value)
			       : HST_REGS;

	if (dst >= HST_REG_GENERAL || to->size < 32) {
		return;
	}
	step->dst = (uint8_t)dst;
	if (insn->info.mnemonic == ZYDIS_MNEMONIC_LEA) {
		step->kind = hst_code_fixed(insn, 1, &step->number) ? STEP_SET : STEP_OTHER;
	} else if (from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		step->kind = STEP_SET;
		step->number = to->size == 32 ? (uint32_t)from->imm.value.u : from->imm.value.u;
	} else if (src < HST_REG_GENERAL && to->size == 64) {
		step->kind = STEP_COPY;
		step->src = (uint8_t)src;
	} else if (to->size == 64 && hst_code_fixed(insn, 1, &step->number)) {
		step->kind = STEP_LOAD;
	}
}

static struct hst_hook_step step_of(const struct hst_insn *insn)
{
	static const enum step_kind calls[] = { STEP_CALL, STEP_CALL_SLOT, STEP_CALL_REG };
	static const enum step_kind jumps[] = { STEP_JUMP, STEP_JUMP_SLOT, STEP_JUMP_REG };
	struct hst_hook_step step = { .address = insn->address,
		.length = insn->info.length,
		.writes = written(insn),
		.kind = STEP_OTHER };

	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): a thousand mnemonics */
	if (insn->info.mnemonic == ZYDIS_MNEMONIC_MOV ||
		insn->info.mnemonic == ZYDIS_MNEMONIC_LEA) {
		take_move(insn, &step);
	} else if (insn->info.mnemonic == ZYDIS_MNEMONIC_CALL) {
		take_transfer(insn, &step, calls, STEP_CALL_REG);
		if (step.kind == STEP_CALL_REG &&
			insn->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
			step.kind = STEP_CALL_SLOT; /* of an address that is no slot's */
			step.number = 0;
		}
	} else if (insn->info.mnemonic == ZYDIS_MNEMONIC_JMP) {
		take_transfer(insn, &step, jumps, STEP_END);
	} else if (insn->info.meta.category == ZYDIS_CATEGORY_COND_BR &&
		   hst_code_relative(insn, 0, &step.number)) {
		step.kind = STEP_BRANCH;
	} else if (insn->info.meta.category == ZYDIS_CATEGORY_RET ||
		   insn->info.mnemonic == ZYDIS_MNEMONIC_UD2 ||
		   insn->info.mnemonic == ZYDIS_MNEMONIC_HLT) {
		step.kind = STEP_END;
	}
	return step;
}

static bool add_join(struct hst_hook_scan *scan, uint64_t address)
{
	struct hst_hook_join join = { .address = address };

	return hst_vec_push(&scan->joins, join);
}

static int join_by_address(const void *a, const void *b)
{
	const struct hst_hook_join *x = a;
	const struct hst_hook_join *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void sort_joins(struct hst_hook_scan *scan)
{
	size_t kept = 0;

	if (scan->joins.count > 1) {
		qsort(scan->joins.items, scan->joins.count, sizeof *scan->joins.items,
			join_by_address);
	}
	for (size_t i = 0; i < scan->joins.count; i++) {
		if (kept == 0 ||
			scan->joins.items[kept - 1].address != scan->joins.items[i].address) {
			scan->joins.items[kept++] = scan->joins.items[i];
		}
	}
	scan->joins.count = kept;
}

static bool is_hook(enum hst_code_role role)
{
	return role == HST_CODE_ENTER || role == HST_CODE_EXIT;
}

/* Is this a call or jump that may be of a hook? Through registers it may. */
static bool may_hook(struct hst_code *code, const struct hst_hook_step *step)
{
	const struct hst_code_slot *slot;

	switch ((enum step_kind)step->kind) {
	case STEP_CALL:
	case STEP_JUMP:
		return is_hook(hst_code_target(code, step->number));
	case STEP_LOAD:
	case STEP_CALL_SLOT:
	case STEP_JUMP_SLOT:
		slot = hst_code_slot(code, step->number);
		return slot != NULL && is_hook(slot->role);
	case STEP_OTHER:
	case STEP_SET:
	case STEP_COPY:
	case STEP_CALL_REG:
	case STEP_JUMP_REG:
	case STEP_BRANCH:
	case STEP_END:
	case STEP_START:
	default:
		return false;
	}
}

/* Decodes a range into steps. *ret_hooks: a hook's address occurs in it. */
static enum hst_status read_range(struct hst_code *code, const struct hst_span *range,
	struct hst_hook_scan *scan, bool *ret_hooks)
{
	struct hst_hook_step start = { .address = range->lo, .kind = STEP_START };
	uint64_t at = range->lo;

	if (!hst_vec_push(&scan->steps, start)) {
		return HST_E_MEMORY;
	}
	while (at < range->hi && scan->steps.count < STEPS_MAX && !scan->exhausted) {
		struct hst_insn insn;
		struct hst_hook_step step;

		if (!hst_code_decode(code, at, range->hi, &insn)) {
			return HST_OK; /* data between the code: the rest is left alone */
		}
		scan->exhausted = ++scan->decoded > SHARED_MAX * code->bytes;
		step = step_of(&insn);
		*ret_hooks |= may_hook(code, &step);
		if (!hst_vec_push(&scan->steps, step) ||
			((step.kind == STEP_BRANCH || step.kind == STEP_JUMP) &&
				!add_join(scan, step.number))) {
			return HST_E_MEMORY;
		}
		at = hst_insn_end(&insn);
	}
	return HST_OK;
}

/* What both ways agree on. True: `into` has changed. */
static bool meet(struct known_state *into, const struct known_state *from)
{
	bool changed = false;

	if (!from->reached) {
		return false;
	}
	if (!into->reached) {
		*into = *from;
		return true;
	}
	for (unsigned i = 0; i < HST_REG_GENERAL; i++) {
		struct known_value *value = &into->regs[i];

		if (value->kind != KNOWN_NOT && (value->kind != from->regs[i].kind ||
							value->number != from->regs[i].number)) {
			*value = (struct known_value){ .kind = KNOWN_NOT };
			changed = true;
		}
	}
	return changed;
}

static void forget(struct known_state *state, unsigned mask)
{
	for (unsigned i = 0; i < HST_REG_GENERAL; i++) {
		if ((mask & (1u << i)) != 0) {
			state->regs[i] = (struct known_value){ .kind = KNOWN_NOT };
		}
	}
}

struct flow {
	struct hst_code *code;
	struct hst_hook_scan *scan;
	uint64_t entry;
	struct known_state state;
	struct known_state orphan; /* where jump tables and exceptions lead to */
	size_t join;               /* the next one */
	bool changed;
	bool record; /* the last round: note the hooks */
	bool no_memory;
};

static struct known_value loaded(const struct flow *flow, uint64_t address)
{
	const struct hst_code_slot *slot = hst_code_slot(flow->code, address);

	if (slot != NULL && is_hook(slot->role)) {
		return (struct known_value){ .kind = KNOWN_ROLE, .number = slot->role };
	}
	if (slot != NULL && slot->address != 0) {
		return (struct known_value){ .kind = KNOWN_ADDRESS, .number = slot->address };
	}
	return (struct known_value){ .kind = KNOWN_NOT };
}

static void to_join(struct flow *flow, uint64_t address)
{
	struct hst_hook_join key = { .address = address };
	struct hst_hook_join *join = bsearch(&key, flow->scan->joins.items, flow->scan->joins.count,
		sizeof key, join_by_address);

	if (join != NULL) {
		flow->changed |= meet(&join->state, &flow->state);
	}
}

static enum hst_code_role role_at(struct flow *flow, const struct hst_hook_step *step)
{
	struct known_value value = { .kind = KNOWN_NOT };

	switch ((enum step_kind)step->kind) {
	case STEP_CALL:
	case STEP_JUMP:
		return hst_code_target(flow->code, step->number);
	case STEP_CALL_SLOT:
	case STEP_JUMP_SLOT:
		value = loaded(flow, step->number);
		break;
	case STEP_CALL_REG:
	case STEP_JUMP_REG:
		value = flow->state.regs[step->src];
		break;
	case STEP_OTHER:
	case STEP_SET:
	case STEP_COPY:
	case STEP_LOAD:
	case STEP_BRANCH:
	case STEP_END:
	case STEP_START:
	default:
		break;
	}
	return value.kind == KNOWN_ROLE ? (enum hst_code_role)value.number : HST_CODE_NONE;
}

static void note_hook(struct flow *flow, const struct hst_hook_step *step, bool tail)
{
	enum hst_code_role role = role_at(flow, step);
	const struct known_value *rdi = &flow->state.regs[HST_REG_RDI];
	struct hst_hook_call call = { .call = step->address,
		.ret = step->address + step->length,
		.fn = rdi->kind == KNOWN_ADDRESS ? rdi->number : 0,
		.exit = role == HST_CODE_EXIT,
		.tail = tail };

	if (flow->record && is_hook(role) && !hst_vec_push(&flow->scan->calls, call)) {
		flow->no_memory = true;
	}
}

static void advance(struct flow *flow, const struct hst_hook_step *step)
{
	struct known_state *state = &flow->state;
	struct known_value value = { .kind = KNOWN_NOT };

	switch ((enum step_kind)step->kind) {
	case STEP_CALL:
	case STEP_CALL_SLOT:
	case STEP_CALL_REG:
		note_hook(flow, step, false);
		forget(state, caller_saved);
		flow->changed |= meet(&flow->orphan, state);
		return;
	case STEP_JUMP:
		to_join(flow, step->number);
		note_hook(flow, step, true);
		state->reached = false;
		return;
	case STEP_JUMP_SLOT:
	case STEP_JUMP_REG:
		note_hook(flow, step, true);
		flow->changed |= meet(&flow->orphan, state);
		state->reached = false;
		return;
	case STEP_END:
		state->reached = false;
		return;
	case STEP_BRANCH:
		to_join(flow, step->number);
		return;
	case STEP_SET:
		value = (struct known_value){ .kind = KNOWN_ADDRESS, .number = step->number };
		break;
	case STEP_COPY:
		value = state->regs[step->src];
		break;
	case STEP_LOAD:
		value = loaded(flow, step->number);
		break;
	case STEP_OTHER:
	case STEP_START:
	default:
		forget(state, step->writes);
		return;
	}
	forget(state, step->writes);
	state->regs[step->dst] = value;
}

/* What is known before a step: from the one before it, and from those that jump to it. */
static void arrive(struct flow *flow, const struct hst_hook_step *step)
{
	const struct hst_hook_join *joins = flow->scan->joins.items;
	size_t count = flow->scan->joins.count;

	if (step->kind == STEP_START) {
		flow->state.reached = step->address == flow->entry;
		forget(&flow->state, UINT16_MAX);
		flow->join = 0;
		return;
	}
	while (flow->join < count && joins[flow->join].address < step->address) {
		flow->join++;
	}
	if (flow->join < count && joins[flow->join].address == step->address) {
		to_join(flow, step->address);
		flow->state = joins[flow->join].state;
	}
	if (!flow->state.reached) {
		flow->state = flow->orphan;
	}
}

static void run_round(struct flow *flow)
{
	flow->changed = false;
	flow->state = (struct known_state){ 0 };
	for (size_t i = 0; i < flow->scan->steps.count; i++) {
		arrive(flow, &flow->scan->steps.items[i]);
		advance(flow, &flow->scan->steps.items[i]);
	}
}

enum hst_status hst_hooks_find(struct hst_code *code, const struct hst_span *ranges,
	size_t range_count, uint64_t entry, struct hst_hook_scan *scan)
{
	struct flow flow = { .code = code, .scan = scan, .entry = entry };
	bool hooks = false;

	scan->calls.count = 0;
	scan->steps.count = 0;
	scan->joins.count = 0;
	for (size_t i = 0; i < range_count; i++) {
		HST_TRY(read_range(code, &ranges[i], scan, &hooks));
	}
	if (!hooks) {
		return HST_OK;
	}
	sort_joins(scan);
	for (int i = 0; i < ROUNDS_MAX; i++) {
		run_round(&flow);
		if (!flow.changed) {
			break;
		}
	}
	if (flow.changed) {
		/* Too tangled: nothing is said about registers at joins. */
		for (size_t i = 0; i < scan->joins.count; i++) {
			forget(&scan->joins.items[i].state, UINT16_MAX);
		}
		forget(&flow.orphan, UINT16_MAX);
	}
	flow.record = true;
	run_round(&flow);
	return flow.no_memory ? HST_E_MEMORY : HST_OK;
}

void hst_hooks_finish(struct hst_hook_scan *scan)
{
	hst_vec_finish(&scan->calls);
	hst_vec_finish(&scan->steps);
	hst_vec_finish(&scan->joins);
}
