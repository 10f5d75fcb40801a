/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the code of one function from its entry along all ways, until what is known where ways meet changes no more.
 * The way on from what is refused is not followed: it counts against the function if a return can be reached from there.
 */
#include "symbols/purity_flow.h"

#include <stdlib.h>
#include <string.h>

/* Instructions looked at, with repetitions: of one function, for one question. */
#define INSNS_MAX   40000u
#define WORK_MAX    400000u
#define LEADERS_MAX 4096u
#define ADDRESS_MAX (UINT64_C(1) << 30)
#define TABLE_MAX   1024u

static void offend(struct hst_pflow *flow, uint64_t address)
{
	if (!hst_preach_returns(flow->purity, flow->function, address)) {
		return;
	}
	flow->refuted = true;
	flow->offended = address;
}

static bool refuse(struct hst_pflow *flow, enum hst_purity_reason reason)
{
	(void)hst_pwalk_refuse(&flow->walk, reason, NULL);
	offend(flow, flow->insn.address);
	return false;
}

static struct hst_pleader *add_leader(struct hst_pflow *flow, uint64_t address)
{
	struct hst_pleader leader = { .address = address, .queued = true };
	uint32_t owner;

	if (flow->leaders.count >= LEADERS_MAX) {
		return NULL;
	}
	leader.state = malloc(sizeof *leader.state);
	if (leader.state == NULL ||
		hst_map_put(&flow->leader_of, address, (uint32_t)flow->leaders.count) != HST_OK ||
		!hst_vec_push(&flow->leaders, leader)) {
		free(leader.state);
		flow->purity->no_memory = true;
		return NULL;
	}
	/* Who passed it must end there from now on. */
	if (hst_map_get(&flow->seen, address, &owner)) {
		flow->leaders.items[owner].queued = true;
	}
	return &flow->leaders.items[flow->leaders.count - 1];
}

static bool go_to(struct hst_pflow *flow, uint64_t address, const struct hst_pstate *state)
{
	struct hst_pleader *leader;
	uint32_t number;

	if (hst_map_get(&flow->leader_of, address, &number)) {
		leader = &flow->leaders.items[number];
		if (hst_pstate_join(leader->state, state, &flow->walk.facts,
			    leader->visits > 1 ? &flow->walk.thresholds : NULL)) {
			leader->queued = true;
		}
		return true;
	}
	leader = add_leader(flow, address);
	if (leader == NULL) {
		return refuse(flow, HST_PURITY_LIMIT);
	}
	*leader->state = *state;
	return true;
}

/* The return address is where it was. */
static bool check_place(struct hst_pflow *flow)
{
	const struct hst_pval *value = hst_pstate_cell(&flow->walk.state, -8, 8);

	return (value != NULL && value->kind == HST_PVAL_RETURN) ||
	       hst_pwalk_refuse(&flow->walk, HST_PURITY_RETURN_ADDRESS, NULL);
}

static bool check_return(struct hst_pflow *flow)
{
	static const uint8_t saved[] = { HST_REG_RBX, HST_REG_RBP, 12, 13, 14, 15 };
	struct hst_pwalk *walk = &flow->walk;
	const struct hst_pval *rsp = &walk->state.regs[HST_REG_RSP];
	const struct hst_pval *value;

	if (rsp->kind != HST_PVAL_FRAME || rsp->wild || rsp->num != -8) {
		return hst_pwalk_refuse(walk, HST_PURITY_NOT_RESTORED, "rsp");
	}
	for (size_t i = 0; i < sizeof saved / sizeof saved[0]; i++) {
		value = &walk->state.regs[saved[i]];

		if (value->kind != HST_PVAL_INIT || value->reg != saved[i] || value->width != 8) {
			return hst_pwalk_refuse(
				walk, HST_PURITY_NOT_RESTORED, hst_purity_register(saved[i], 8));
		}
	}
	return true;
}

static void take_result(struct hst_pfacts *facts, unsigned i, const struct hst_pval *value)
{
	unsigned most = i < HST_PURITY_XMM0 ? 8 : 16;
	unsigned bytes = value->pure < most ? value->pure : most;
	uint64_t more = 0;

	if (value->kind == HST_PVAL_INIT && hst_deps_number(value->reg) >= 0) {
		more = hst_deps_of(value->reg, value->width);
	} else if (value->kind == HST_PVAL_DATA) {
		more = value->deps;
	} else if (value->kind != HST_PVAL_ADDRESS) {
		bytes = 0;
	}
	facts->specific[i] |= value->kind == HST_PVAL_ADDRESS || value->tainted;
	facts->more[i] = hst_deps_join(facts->more[i], more);
	if (!facts->returns || bytes < facts->results[i]) {
		facts->results[i] = (uint8_t)bytes;
	}
}

static void do_return(struct hst_pflow *flow)
{
	static const uint8_t regs[HST_PURITY_RESULTS] = { HST_REG_RAX, HST_REG_RDX, HST_REG_XMM0,
		HST_REG_XMM0 + 1 };

	const struct hst_pwalk *walk = &flow->walk;

	if (!check_return(flow)) {
		offend(flow, flow->insn.address);
		return;
	}
	if (walk->state.regs[HST_REG_RAX].kind == HST_PVAL_FRAME ||
		walk->state.regs[HST_REG_RAX].kind == HST_PVAL_RETURN) {
		flow->function->leak = walk->state.regs[HST_REG_RAX].kind == HST_PVAL_FRAME
					       ? HST_PURITY_FRAME_ADDRESS
					       : HST_PURITY_RETURN_ADDRESS;
		flow->function->leaks_at = flow->insn.address;
	}
	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		take_result(&flow->walk.facts, i, &flow->walk.state.regs[regs[i]]);
	}
	flow->walk.facts.returns = true;
}

/* One entry of a table of jumps. false: it cannot be read */
static bool read_target(
	struct hst_pflow *flow, const struct hst_pval *jump, uint64_t at, uint64_t *ret_target)
{
	const struct hst_module *module = &flow->purity->module;
	int32_t relative = 0;

	if (jump->width == 8) {
		/* Addresses are put there by the loader unless the file is loaded where it says. */
		return module->fixed && hst_module_read(module, at, ret_target, 8);
	}
	if (!hst_module_read(module, at, &relative, 4)) {
		return false;
	}
	*ret_target = jump->origin + (uint64_t)(int64_t)relative;
	return true;
}

static void jump_by_table(struct hst_pflow *flow, const struct hst_pval *jump)
{
	uint64_t step = UINT64_C(1) << (jump->step > 6 ? 6 : jump->step);
	const struct hst_frame_entry *own =
		hst_frames_entry(&flow->purity->module.frames, flow->insn.address);

	if (step < jump->width || jump->span / step >= TABLE_MAX) {
		(void)refuse(flow, HST_PURITY_INDIRECT_JUMP);
		return;
	}
	for (uint64_t i = 0; i <= jump->span && !flow->refuted; i += step) {
		uint64_t target = 0;

		if (!read_target(flow, jump, jump->table + i, &target) || own == NULL ||
			target < own->lo || target >= own->hi) {
			const struct hst_frame_entry *other =
				hst_frames_entry(&flow->purity->module.frames, target);
			int64_t offset;
			unsigned reg;

			/* Cases may lie in the cold part. */
			if (target == 0 || other == NULL ||
				!hst_frames_cfa(
					&flow->purity->module.frames, other->lo, &reg, &offset) ||
				(reg == HST_REG_RSP && offset == 8 && other->lo == target)) {
				(void)refuse(flow, HST_PURITY_INDIRECT_JUMP);
				return;
			}
		}
		if (!go_to(flow, target, &flow->walk.state)) {
			return;
		}
	}
}

static void tail_call(struct hst_pflow *flow)
{
	enum hst_pcall done = check_place(flow) ? hst_pcall_do(flow, true) : HST_PCALL_REFUSED;

	if (done == HST_PCALL_REFUSED) {
		offend(flow, flow->insn.address);
	} else if (done == HST_PCALL_RETURNS) {
		do_return(flow);
	}
}

static void jump(struct hst_pflow *flow)
{
	struct hst_pval value;
	uint64_t target;

	if (hst_code_relative(&flow->insn, 0, &target)) {
		if (hst_pcall_is_function(flow, target)) {
			tail_call(flow);
		} else {
			(void)go_to(flow, target, &flow->walk.state);
		}
		return;
	}
	if (hst_code_fixed(&flow->insn, 0, &target) &&
		hst_code_slot(&flow->purity->module.code, target) != NULL) {
		tail_call(flow);
		return;
	}
	if (!hst_pwalk_read(&flow->walk, 0, 8, &value)) {
		offend(flow, flow->insn.address);
		return;
	}
	if (value.kind != HST_PVAL_TARGET &&
		!(value.kind == HST_PVAL_DATA && value.table != 0 && value.width == 8)) {
		(void)refuse(flow, HST_PURITY_INDIRECT_JUMP);
		return;
	}
	jump_by_table(flow, &value);
}

/* Branches that count too. */
static bool is_loop(ZydisMnemonic mnemonic)
{
	return mnemonic == ZYDIS_MNEMONIC_LOOP || mnemonic == ZYDIS_MNEMONIC_LOOPE ||
	       mnemonic == ZYDIS_MNEMONIC_LOOPNE;
}

/* true: go on behind it */
static bool branch(struct hst_pflow *flow)
{
	struct hst_pwalk *walk = &flow->walk;
	ZydisMnemonic mnemonic = flow->insn.info.mnemonic;
	struct hst_pstate *before;
	uint64_t target;
	bool good = true;

	if (!hst_code_relative(&flow->insn, 0, &target) || flow->insn.info.cpu_flags == NULL ||
		flow->insn.info.cpu_flags->tested == 0 || is_loop(mnemonic)) {
		(void)hst_pwalk_refuse(
			walk, HST_PURITY_UNSUPPORTED, ZydisMnemonicGetString(mnemonic));
		offend(flow, flow->insn.address);
		return false;
	}
	if (!hst_pwalk_test_flags(walk)) {
		offend(flow, flow->insn.address);
		return false;
	}
	before = malloc(sizeof *before);
	if (before == NULL) {
		flow->purity->no_memory = true;
		return false;
	}
	*before = walk->state;
	if (hst_pwalk_branch(walk, mnemonic, true)) {
		if (hst_pcall_is_function(flow, target)) {
			tail_call(flow);
		} else {
			good = go_to(flow, target, &walk->state);
		}
	}
	walk->state = *before;
	free(before);
	return good && !flow->refuted && hst_pwalk_branch(walk, mnemonic, false);
}

/* true: go on behind it */
static bool call(struct hst_pflow *flow)
{
	const struct hst_frame_entry *entry =
		hst_frames_entry(&flow->purity->module.frames, flow->insn.address);
	enum hst_pcall done;

	/* No compiler lets what returns run on into the next function: what is not known to return does not. */
	if (entry != NULL && hst_insn_end(&flow->insn) == entry->hi &&
		!hst_preach_runs_on(flow->purity, flow->function, &flow->insn)) {
		return false;
	}
	done = hst_pcall_do(flow, false);
	if (done == HST_PCALL_REFUSED) {
		offend(flow, flow->insn.address);
	}
	return done == HST_PCALL_RETURNS;
}

/* One instruction. true: go on behind it */
static bool step(struct hst_pflow *flow)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the others are plain instructions */
	switch ((int)flow->insn.info.meta.category) {
	case ZYDIS_CATEGORY_CALL:
		return call(flow);
	case ZYDIS_CATEGORY_RET:
		if (flow->insn.info.mnemonic != ZYDIS_MNEMONIC_RET ||
			flow->insn.info.meta.branch_type != ZYDIS_BRANCH_TYPE_NEAR ||
			flow->insn.info.operand_count_visible > 0) {
			(void)hst_pwalk_refuse(
				&flow->walk, HST_PURITY_UNSUPPORTED, "a return of another kind");
			offend(flow, flow->insn.address);
			return false;
		}
		if (check_place(flow)) {
			do_return(flow);
		} else {
			offend(flow, flow->insn.address);
		}
		return false;
	case ZYDIS_CATEGORY_UNCOND_BR:
		jump(flow);
		return false;
	case ZYDIS_CATEGORY_COND_BR:
		return branch(flow);
	default:
		break;
	}
	if (flow->insn.info.mnemonic == ZYDIS_MNEMONIC_UD2 ||
		flow->insn.info.mnemonic == ZYDIS_MNEMONIC_HLT) {
		return false;
	}
	if (!hst_pwalk_step(&flow->walk)) {
		offend(flow, flow->insn.address);
		return false;
	}
	return true;
}

static void run_from(struct hst_pflow *flow, uint32_t number)
{
	struct hst_purity *purity = flow->purity;
	uint64_t address = flow->leaders.items[number].address;
	uint64_t start = address;
	uint32_t other;

	flow->leaders.items[number].queued = false;
	flow->leaders.items[number].visits++;
	flow->walk.state = *flow->leaders.items[number].state;
	while (!flow->refuted && !purity->no_memory) {
		if (address != start && hst_map_get(&flow->leader_of, address, &other)) {
			(void)go_to(flow, address, &flow->walk.state);
			return;
		}
		flow->insn.address = address;
		if (++purity->work > WORK_MAX || ++flow->insns > INSNS_MAX ||
			address >= ADDRESS_MAX) {
			(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_LIMIT, NULL);
			flow->refuted = true;
			flow->offended = address;
			return;
		}
		if (!hst_code_decode(&purity->module.code, address, UINT64_MAX, &flow->insn)) {
			(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_BAD_CODE, NULL);
			flow->refuted = true;
			flow->offended = address;
			return;
		}
		hst_preach_rest(purity, flow->function, address);
		if (hst_map_put(&flow->seen, address, number) != HST_OK) {
			purity->no_memory = true;
		}
		flow->walk.operand = 3;
		if (!step(flow)) {
			return;
		}
		address = hst_insn_end(&flow->insn);
	}
}

static void finish(struct hst_pflow *flow)
{
	for (size_t i = 0; i < flow->leaders.count; i++) {
		free(flow->leaders.items[i].state);
	}
	hst_vec_finish(&flow->leaders);
	hst_map_finish(&flow->leader_of);
	hst_map_finish(&flow->seen);
}

/* The queued leader with the lowest address; leaders.count: none */
static uint32_t next_leader(const struct hst_pflow *flow)
{
	uint32_t found = (uint32_t)flow->leaders.count;

	for (uint32_t i = 0; i < flow->leaders.count; i++) {
		if (flow->leaders.items[i].queued &&
			(found == flow->leaders.count ||
				flow->leaders.items[i].address <
					flow->leaders.items[found].address)) {
			found = i;
		}
	}
	return found;
}

static void keep_offence(struct hst_pflow *flow)
{
	struct hst_purity_offence *offence = &flow->function->offence;

	*offence = (struct hst_purity_offence){ .reason = flow->walk.reason,
		.address = flow->offended,
		.function = flow->function->entry };
	memcpy(offence->detail, flow->walk.detail, sizeof offence->detail);
}

static void follow_all(struct hst_pflow *flow)
{
	struct hst_purity *purity = flow->purity;
	uint64_t pad = 0;

	while (!flow->refuted && !purity->no_memory) {
		uint32_t number = next_leader(flow);

		if (number == flow->leaders.count) {
			break;
		}
		run_from(flow, number);
	}
	if (!flow->refuted && !purity->no_memory &&
		hst_preach_lands(purity, flow->function, &pad)) {
		(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_LANDS, NULL);
		flow->refuted = true;
		flow->offended = pad;
	}
	if (!flow->refuted && flow->walk.facts.uses_fp && purity->module.fp_status != NULL) {
		(void)hst_pwalk_refuse(&flow->walk, HST_PURITY_FP_STATUS, purity->module.fp_status);
		flow->refuted = true;
		flow->offended = flow->function->entry;
	}
}

void hst_pflow_run(struct hst_purity *purity, struct hst_pfunction *function, uint32_t *ret_lowest)
{
	struct hst_pflow *flow = calloc(1, sizeof *flow);

	if (flow == NULL) {
		purity->no_memory = true;
		return;
	}
	flow->purity = purity;
	flow->function = function;
	flow->lowest = UINT32_MAX;
	flow->walk.module = &purity->module;
	flow->walk.insn = &flow->insn;
	flow->walk.facts = function->facts;
	hst_pstate_enter(&flow->walk.state, function->wide ? 16 : 8);
	(void)go_to(flow, function->entry, &flow->walk.state);
	follow_all(flow);
	if (flow->refuted) {
		keep_offence(flow);
		function->stage = HST_PSTAGE_REFUTED;
	} else if (!hst_pfacts_same(&function->facts, &flow->walk.facts)) {
		function->facts = flow->walk.facts;
		purity->changes++;
	}
	*ret_lowest = flow->lowest;
	finish(flow);
	free(flow);
}
