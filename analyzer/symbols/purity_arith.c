/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on general registers: what belongs to the key, the bounds of what is made, and what the flags say. */
#include "symbols/purity_walk.h"

static unsigned bytes_of(const struct hst_pwalk *walk, unsigned i)
{
	return walk->insn->operands[i].size / 8u;
}

/* `decided`: what was computed is decided by the key. `maybe`: the flags may also stay as they were. */
static void set_flags(struct hst_pwalk *walk, bool decided, bool maybe)
{
	const ZydisAccessedFlags *flags = walk->insn->info.cpu_flags;
	uint32_t before = walk->state.flags;
	uint32_t written;

	if (flags == NULL) {
		return;
	}
	written = flags->modified | flags->set_0 | flags->set_1;
	walk->state.flags &= ~(written | flags->undefined);
	if (decided) {
		walk->state.flags |= maybe ? written & before : written;
		walk->state.flags &= ~flags->undefined;
	}
	if ((written | flags->undefined) != 0) {
		walk->state.compared = (struct hst_compared){ .width = 0 };
	}
}

/* The frame as seen by the stack protector: equal, or the call does not return. */
static bool is_guard(
	const struct hst_pwalk *walk, const struct hst_pval *a, const struct hst_pval *b)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;

	return a->kind == HST_PVAL_CANARY && b->kind == HST_PVAL_CANARY &&
	       (mnemonic == ZYDIS_MNEMONIC_CMP || mnemonic == ZYDIS_MNEMONIC_SUB ||
		       mnemonic == ZYDIS_MNEMONIC_XOR);
}

static bool same_registers(const struct hst_pwalk *walk)
{
	const ZydisDecodedOperand *a = &walk->insn->operands[0];
	const ZydisDecodedOperand *b = &walk->insn->operands[1];

	return a->type == ZYDIS_OPERAND_TYPE_REGISTER && b->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       a->reg.value == b->reg.value && hst_code_register(a->reg.value) < HST_REG_GENERAL;
}

/* What does not depend on what was there: true, with the value. */
static bool is_decided(struct hst_pwalk *walk, struct hst_pval *ret_value)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;
	const ZydisDecodedOperand *b = &walk->insn->operands[1];
	bool number = b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	if ((mnemonic == ZYDIS_MNEMONIC_XOR || mnemonic == ZYDIS_MNEMONIC_SUB) &&
		same_registers(walk)) {
		*ret_value = hst_pval_constant(0);
		return true;
	}
	if (mnemonic == ZYDIS_MNEMONIC_SBB && same_registers(walk)) {
		*ret_value = hst_pval_data(8);
		return true;
	}
	if (mnemonic == ZYDIS_MNEMONIC_AND && number && b->imm.value.u == 0) {
		*ret_value = hst_pval_constant(0);
		return true;
	}
	if (mnemonic == ZYDIS_MNEMONIC_OR && number && b->imm.value.s == -1 &&
		bytes_of(walk, 0) >= 4) {
		*ret_value = hst_pval_constant(UINT64_MAX);
		return true;
	}
	return false;
}

/* Bounds of what and, shr, shl, sub make of a register or a slot and a number. */
static struct hst_pval bound(const struct hst_pwalk *walk, const struct hst_pval *a,
	const struct hst_pval *b, unsigned bytes)
{
	uint64_t most = bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
	struct hst_pval x = hst_pval_low(a, bytes);
	struct hst_pval y = hst_pval_low(b, bytes);
	unsigned count = (unsigned)y.lo & (bytes == 8 ? 63u : 31u);
	struct hst_pval made = hst_pval_between(0, most);

	if ((x.kind != HST_PVAL_DATA && x.kind != HST_PVAL_INIT) ||
		(y.kind != HST_PVAL_DATA && y.kind != HST_PVAL_INIT)) {
		return made;
	}
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): a thousand mnemonics */
	switch ((int)walk->insn->info.mnemonic) {
	case ZYDIS_MNEMONIC_AND:
		made = hst_pval_between(0, x.hi < y.hi ? x.hi : y.hi);
		made.shift = x.shift > y.shift ? x.shift : y.shift;
		return made;
	case ZYDIS_MNEMONIC_SUB:
		return x.lo >= y.hi ? hst_pval_between(x.lo - y.hi, x.hi - y.lo) : made;
	case ZYDIS_MNEMONIC_DEC:
		return x.lo >= 1 ? hst_pval_between(x.lo - 1, x.hi - 1) : made;
	case ZYDIS_MNEMONIC_INC:
		return x.hi < most ? hst_pval_between(x.lo + 1, x.hi + 1) : made;
	case ZYDIS_MNEMONIC_SHR:
		return y.lo == y.hi ? hst_pval_between(x.lo >> count, x.hi >> count) : made;
	case ZYDIS_MNEMONIC_SAR:
		return y.lo == y.hi && x.hi <= most / 2
			       ? hst_pval_between(x.lo >> count, x.hi >> count)
			       : made;
	case ZYDIS_MNEMONIC_SHL:
		if (y.lo == y.hi && x.hi <= most >> count) {
			made = hst_pval_between(x.lo << count, x.hi << count);
			made.shift = (uint8_t)((x.shift > 16 ? 16 : x.shift) + count);
		}
		return made;
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_XOR: {
		bool either = walk->insn->info.mnemonic == ZYDIS_MNEMONIC_OR;
		uint64_t high = x.hi | y.hi;

		for (unsigned i = 1; i < 64; i *= 2) {
			high |= high >> i;
		}
		return hst_pval_between(!either ? 0 : x.lo > y.lo ? x.lo : y.lo, high);
	}
	default:
		return made;
	}
}

/* add and sub where they move a place, cmp of two places of this file. */
static bool place_arithmetic(
	struct hst_pwalk *walk, const struct hst_pval *a, const struct hst_pval *b, bool *ret_done)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;
	struct hst_pval right = *b;
	struct hst_pval sum;

	*ret_done = true;
	if (mnemonic == ZYDIS_MNEMONIC_SUB && hst_pval_is_constant(b) &&
		(a->kind == HST_PVAL_FRAME || a->kind == HST_PVAL_ADDRESS)) {
		right = hst_pval_constant(-b->lo);
	} else if (mnemonic != ZYDIS_MNEMONIC_ADD) {
		*ret_done = false;
		return true;
	}
	if (walk->insn->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && walk->module->fixed &&
		mnemonic == ZYDIS_MNEMONIC_ADD && a->kind != HST_PVAL_FRAME &&
		a->kind != HST_PVAL_ADDRESS && hst_module_is_loaded(walk->module, b->lo)) {
		right = (struct hst_pval){
			.kind = HST_PVAL_ADDRESS, .pure = 8, .num = (int64_t)b->lo, .origin = b->lo
		};
	}
	return hst_pwalk_add(walk, a, &right, 8, &sum) && hst_pwalk_write(walk, 0, 8, &sum);
}

static bool is_number(const struct hst_pval *value)
{
	return value->kind == HST_PVAL_DATA || value->kind == HST_PVAL_INIT;
}

static void remember_compared(
	struct hst_pwalk *walk, const struct hst_pval *a, const struct hst_pval *b, unsigned bytes)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;
	bool same = mnemonic == ZYDIS_MNEMONIC_TEST && same_registers(walk);

	if (mnemonic != ZYDIS_MNEMONIC_CMP && mnemonic != ZYDIS_MNEMONIC_SUB && !same) {
		return;
	}
	if (!same && !hst_pval_is_constant(b)) {
		return;
	}
	walk->state.compared.width = (uint8_t)bytes;
	walk->state.compared.id = a->id;
	walk->state.compared.id32 = a->id32;
	walk->state.compared.number = same ? 0 : b->lo;
	hst_thresholds_add(&walk->thresholds, walk->state.compared.number);
}

static unsigned known_bytes(const struct hst_pval *value)
{
	if (value->kind == HST_PVAL_NONE ||
		(value->kind == HST_PVAL_INIT && hst_deps_number(value->reg) < 0)) {
		return 0;
	}
	return value->pure;
}

/*
 * and, or, xor of what is only in part decided by the key: the low bytes that are, and those that a mask clears. That is
 * how two halves are put into one register.
 */
static bool partly(struct hst_pwalk *walk, const struct hst_pval *a, const struct hst_pval *b,
	unsigned bytes, bool *ret_done)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;
	bool mask = mnemonic == ZYDIS_MNEMONIC_AND;
	const struct hst_pval *less = known_bytes(a) < known_bytes(b) ? a : b;
	const struct hst_pval *more = less == a ? b : a;
	unsigned pure = known_bytes(less);
	struct hst_pval made;

	*ret_done = false;
	if ((!mask && mnemonic != ZYDIS_MNEMONIC_OR && mnemonic != ZYDIS_MNEMONIC_XOR) ||
		bytes < 4 || pure >= bytes || less->kind > HST_PVAL_DATA ||
		more->kind > HST_PVAL_ADDRESS || more->kind == HST_PVAL_FRAME) {
		return true;
	}
	while (mask && hst_pval_is_constant(more) && pure < bytes &&
		(more->lo >> (8 * pure) & 0xff) == 0) {
		pure++;
	}
	if (pure == 0 || pure >= bytes || known_bytes(more) < pure ||
		!hst_pwalk_use(walk, more, known_bytes(more) < bytes ? known_bytes(more) : bytes)) {
		return true;
	}
	*ret_done = true;
	walk->facts.deps = hst_deps_join(walk->facts.deps,
		less->kind == HST_PVAL_INIT ? hst_deps_of(less->reg, less->width) : less->deps);
	made = hst_pval_data(pure);
	made.tainted = a->tainted || b->tainted || more->kind == HST_PVAL_ADDRESS;
	set_flags(walk, false, false);
	if (walk->insn->operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER) {
		made = hst_pval_none;
		return hst_pwalk_write(walk, 0, bytes, &made);
	}
	return hst_pwalk_write_reg(
		walk, hst_code_register(walk->insn->operands[0].reg.value), 8, &made);
}

/* Is it certain that a shift by so much is one? By nothing, it leaves the flags as they are. */
static bool moves(const struct hst_pval *count, unsigned bytes)
{
	return hst_pval_is_constant(count) && (count->lo & (bytes == 8 ? 63u : 31u)) != 0;
}

static bool is_counted(ZydisMnemonic mnemonic)
{
	return mnemonic == ZYDIS_MNEMONIC_SHL || mnemonic == ZYDIS_MNEMONIC_SHR ||
	       mnemonic == ZYDIS_MNEMONIC_SAR;
}

static bool has_only_flags(ZydisMnemonic mnemonic)
{
	return mnemonic == ZYDIS_MNEMONIC_CMP || mnemonic == ZYDIS_MNEMONIC_TEST;
}

/* What is no arithmetic of two numbers: the guard, halves, places. *ret_done: it was one of these. false: refused */
static bool special(struct hst_pwalk *walk, const struct hst_pval *a, const struct hst_pval *b,
	unsigned bytes, bool *ret_done)
{
	*ret_done = true;
	if (is_guard(walk, a, b)) {
		set_flags(walk, true, false);
		return has_only_flags(walk->insn->info.mnemonic) ||
		       hst_pwalk_write(walk, 0, bytes, &hst_pval_none);
	}
	if (!partly(walk, a, b, bytes, ret_done)) {
		return false;
	}
	if (*ret_done || bytes != 8) {
		return true;
	}
	if (!place_arithmetic(walk, a, b, ret_done)) {
		return false;
	}
	if (*ret_done) {
		set_flags(walk, is_number(a) && is_number(b), false);
	}
	return true;
}

/* Two operands and a result in the first. */
static bool two_operands(struct hst_pwalk *walk)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;
	unsigned bytes = bytes_of(walk, 0);
	unsigned second = is_counted(mnemonic) ? 1 : bytes;
	struct hst_pval made;
	struct hst_pval a;
	struct hst_pval b;
	bool tainted;
	bool done;

	if (!hst_pwalk_read(walk, 0, bytes, &a) || !hst_pwalk_read(walk, 1, second, &b) ||
		!special(walk, &a, &b, bytes, &done)) {
		return false;
	}
	if (done) {
		return true;
	}
	if (!hst_pwalk_use(walk, &a, bytes) || !hst_pwalk_use(walk, &b, second)) {
		return false;
	}
	tainted =
		a.tainted || b.tainted || a.kind == HST_PVAL_ADDRESS || b.kind == HST_PVAL_ADDRESS;
	walk->facts.by_address |=
		tainted && (a.kind != HST_PVAL_ADDRESS || b.kind != HST_PVAL_ADDRESS);
	set_flags(walk, true, is_counted(mnemonic) && !moves(&b, bytes));
	remember_compared(walk, &a, &b, bytes);
	if (has_only_flags(mnemonic)) {
		return true;
	}
	if (mnemonic == ZYDIS_MNEMONIC_ADD) {
		if (!hst_pwalk_add(walk, &a, &b, bytes, &made)) {
			return false;
		}
	} else {
		made = bound(walk, &a, &b, bytes);
	}
	made.tainted = tainted;
	made.id = 0;
	made.id32 = 0;
	return hst_pwalk_write(walk, 0, bytes, &made);
}

/* Of zero, bsf and bsr find nothing and leave the register as it was. Is it certain that they find something? */
static bool finds(struct hst_pwalk *walk)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;
	struct hst_pval value;

	if (mnemonic != ZYDIS_MNEMONIC_BSF && mnemonic != ZYDIS_MNEMONIC_BSR) {
		return true;
	}
	if (!hst_pwalk_read(walk, 1, bytes_of(walk, 1), &value) || !is_number(&value)) {
		return false;
	}
	value = hst_pval_low(&value, bytes_of(walk, 1));
	return is_number(&value) && value.lo > 0;
}

/* All that the decoder says is read is used, all that is written is data. */
static bool by_lists(struct hst_pwalk *walk)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;
	struct hst_pval first = hst_pval_none;
	struct hst_pval one = hst_pval_constant(1);
	bool found = finds(walk);
	bool counted = false;
	bool tainted = false;

	for (unsigned i = 0; i < walk->insn->info.operand_count; i++) {
		const ZydisDecodedOperand *operand = &walk->insn->operands[i];
		struct hst_pval value;

		/* By nothing, what turns leaves the flags as they are. */
		counted |= operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
			   operand->reg.value == ZYDIS_REGISTER_CL;
		counted |= operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
			   (operand->imm.value.u & (bytes_of(walk, 0) == 8 ? 63u : 31u)) == 0;
		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
			ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_FLAGS) {
			continue;
		}
		if ((operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) == 0 &&
			(operand->actions & ZYDIS_OPERAND_ACTION_CONDWRITE) == 0 && found) {
			continue;
		}
		if (!hst_pwalk_read(walk, i, bytes_of(walk, i), &value) ||
			!hst_pwalk_use(walk, &value, bytes_of(walk, i))) {
			return false;
		}
		tainted |= value.tainted || value.kind == HST_PVAL_ADDRESS;
		first = i == 0 ? value : first;
	}
	walk->facts.by_address |= tainted;
	for (unsigned i = 0; i < walk->insn->info.operand_count; i++) {
		const ZydisDecodedOperand *operand = &walk->insn->operands[i];
		unsigned bytes = bytes_of(walk, i);
		struct hst_pval made = hst_pval_between(
			0, bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1);

		if ((operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0 ||
			(operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
				ZydisRegisterGetClass(operand->reg.value) ==
					ZYDIS_REGCLASS_FLAGS)) {
			continue;
		}
		if (mnemonic == ZYDIS_MNEMONIC_POPCNT || mnemonic == ZYDIS_MNEMONIC_TZCNT ||
			mnemonic == ZYDIS_MNEMONIC_LZCNT) {
			made = hst_pval_between(0, 64);
		}
		if (mnemonic == ZYDIS_MNEMONIC_INC || mnemonic == ZYDIS_MNEMONIC_DEC) {
			made = bound(walk, &first, &one, bytes);
		}
		made.tainted = tainted;
		if (!hst_pwalk_write(walk, i, bytes, &made)) {
			return false;
		}
	}
	set_flags(walk, true, counted);
	return true;
}

static bool is_two(ZydisMnemonic mnemonic)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): a thousand mnemonics */
	switch ((int)mnemonic) {
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_CMP:
	case ZYDIS_MNEMONIC_TEST:
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
	case ZYDIS_MNEMONIC_SAR:
		return true;
	default:
		return false;
	}
}

/* `or $0` on the own frame: a probe of a page of the stack, which changes nothing. */
static bool is_probe(struct hst_pwalk *walk)
{
	const ZydisDecodedOperand *operand = &walk->insn->operands[0];
	struct hst_pval place;

	return walk->insn->info.mnemonic == ZYDIS_MNEMONIC_OR &&
	       operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
	       walk->insn->operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
	       walk->insn->operands[1].imm.value.u == 0 &&
	       hst_pwalk_effective(walk, operand, 8, &place) && place.kind == HST_PVAL_FRAME &&
	       !place.wild && place.lo == place.hi;
}

bool hst_pwalk_arithmetic(struct hst_pwalk *walk)
{
	struct hst_pval value;

	if (!hst_pwalk_test_flags(walk)) {
		return false;
	}
	if (is_probe(walk)) {
		set_flags(walk, false, false);
		return true;
	}
	if (is_decided(walk, &value)) {
		set_flags(walk, true, false);
		return hst_pwalk_write(walk, 0, bytes_of(walk, 0), &value);
	}
	if (is_two(walk->insn->info.mnemonic)) {
		return two_operands(walk);
	}
	return by_lists(walk);
}
