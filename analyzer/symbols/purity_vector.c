/* SPDX-License-Identifier: Apache-2.0 */
/* Vector registers: how many of their low bytes are decided by the key; and repeated string operations. */
#include "symbols/purity_walk.h"

#define STRING_MAX 4096u

static bool unsupported(struct hst_pwalk *walk)
{
	return hst_pwalk_refuse(
		walk, HST_PURITY_UNSUPPORTED, ZydisMnemonicGetString(walk->insn->info.mnemonic));
}

static bool is_vector(const ZydisDecodedOperand *operand)
{
	return operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       hst_code_register(operand->reg.value) < HST_REGS &&
	       ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_XMM;
}

static struct hst_pval *vector(struct hst_pwalk *walk, unsigned i)
{
	return &walk->state.regs[hst_code_register(walk->insn->operands[i].reg.value)];
}

static bool vex(const struct hst_pwalk *walk)
{
	return walk->insn->info.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
}

/* How many low bytes of the register are known, as data or as at entry. */
static unsigned pure_of(const struct hst_pval *value)
{
	return value->kind == HST_PVAL_DATA || value->kind == HST_PVAL_INIT ? value->pure : 0;
}

/* The register's low `bytes`, and above them what the other one holds. */
static void merge_above(struct hst_pval *to, const struct hst_pval *low, unsigned bytes,
	const struct hst_pval *above)
{
	struct hst_pval made;
	unsigned pure = above->kind == HST_PVAL_DATA && above->pure > bytes ? above->pure : bytes;

	if (pure == bytes && low->kind == HST_PVAL_INIT) {
		made = *low;
	} else if (low->kind == HST_PVAL_INIT || low->kind == HST_PVAL_DATA) {
		uint64_t deps =
			low->kind == HST_PVAL_INIT ? hst_deps_of(low->reg, low->width) : low->deps;

		if (low->kind == HST_PVAL_INIT && hst_deps_number(low->reg) < 0) {
			*to = hst_pval_none;
			return;
		}
		made = hst_pval_data(pure);
		made.deps = pure > bytes ? hst_deps_join(deps, above->deps) : deps;
		made.tainted = low->tainted || (pure > bytes && above->tainted);
	} else {
		*to = hst_pval_none;
		return;
	}
	made.pure = (uint8_t)pure;
	*to = made;
}

static bool scalar(struct hst_pwalk *walk, const struct hst_pinsn *what, bool own)
{
	unsigned count = walk->insn->info.operand_count_visible;
	unsigned last = count - 1;
	unsigned first = vex(walk) ? 1 : 0;
	struct hst_pval made = hst_pval_data(what->to);
	struct hst_pval above;
	struct hst_pval value;
	unsigned from;

	if (walk->insn->operands[last].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		last--;
	}
	if (!is_vector(&walk->insn->operands[0]) || !is_vector(&walk->insn->operands[first]) ||
		last == 0) {
		return unsupported(walk);
	}
	from = what->from != 0 ? what->from : walk->insn->operands[last].size / 8u;
	if (!hst_pwalk_read(walk, last, from, &value) || !hst_pwalk_use(walk, &value, from)) {
		return false;
	}
	made.tainted = value.tainted || value.kind == HST_PVAL_ADDRESS;
	if (own) {
		if (!hst_pwalk_read(walk, first, what->from, &value) ||
			!hst_pwalk_use(walk, &value, what->from)) {
			return false;
		}
		made.tainted |= value.tainted;
	}
	above = *vector(walk, first);
	merge_above(vector(walk, 0), &made, what->to, &above);
	return true;
}

/* xor, sub, compare for equality of a register with itself */
static bool is_decided(const struct hst_pwalk *walk, unsigned a, unsigned b)
{
	if (walk->insn->operands[b].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		walk->insn->operands[a].reg.value != walk->insn->operands[b].reg.value) {
		return false;
	}
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): a thousand mnemonics */
	switch ((int)walk->insn->info.mnemonic) {
	case ZYDIS_MNEMONIC_PXOR:
	case ZYDIS_MNEMONIC_XORPS:
	case ZYDIS_MNEMONIC_XORPD:
	case ZYDIS_MNEMONIC_VPXOR:
	case ZYDIS_MNEMONIC_VXORPS:
	case ZYDIS_MNEMONIC_VXORPD:
		return true;
	case ZYDIS_MNEMONIC_PCMPEQB:
	case ZYDIS_MNEMONIC_PCMPEQW:
	case ZYDIS_MNEMONIC_PCMPEQD:
	case ZYDIS_MNEMONIC_VPCMPEQB:
	case ZYDIS_MNEMONIC_VPCMPEQW:
	case ZYDIS_MNEMONIC_VPCMPEQD:
		return true;
	default:
		return false;
	}
}

/* The low bytes of an operand that are known; they are used. false: refused */
static bool use_low(struct hst_pwalk *walk, unsigned i, unsigned *ret_pure, bool *ret_tainted)
{
	struct hst_pval value;
	unsigned pure;

	if (walk->insn->operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER) {
		value = *vector(walk, i);
	} else if (!hst_pwalk_read(walk, i, walk->insn->operands[i].size / 8u, &value)) {
		return false;
	}
	pure = pure_of(&value);
	pure = pure > 16 ? 16 : pure;
	*ret_pure = pure;
	*ret_tainted |= value.tainted;
	return pure == 0 || hst_pwalk_use(walk, &value, pure);
}

static bool lanes(struct hst_pwalk *walk, const struct hst_pinsn *what, bool own)
{
	unsigned first = vex(walk) && own ? 1 : 0;
	unsigned second = first + 1;
	unsigned pure = 16;
	unsigned other = 16;
	bool tainted = false;
	struct hst_pval made;

	if (!is_vector(&walk->insn->operands[0]) || !is_vector(&walk->insn->operands[first]) ||
		(walk->insn->operands[second].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			!is_vector(&walk->insn->operands[second]))) {
		return unsupported(walk);
	}
	if (own && is_decided(walk, first, second)) {
		made = hst_pval_constant(0);
		if (what->class == HST_PCLASS_LANES &&
			walk->insn->info.mnemonic != ZYDIS_MNEMONIC_PXOR &&
			walk->insn->info.mnemonic != ZYDIS_MNEMONIC_XORPS &&
			walk->insn->info.mnemonic != ZYDIS_MNEMONIC_XORPD) {
			made = hst_pval_data(16);
		}
		*vector(walk, 0) = made;
		return true;
	}
	if ((own && !use_low(walk, first, &other, &tainted)) ||
		!use_low(walk, second, &pure, &tainted)) {
		return false;
	}
	pure = pure < other ? pure : other;
	made = hst_pval_data(pure / what->to * what->to);
	made.tainted = tainted;
	*vector(walk, 0) = made.pure == 0 ? hst_pval_none : made;
	return true;
}

/* Lanes of both low halves, by turns. */
static bool interleave(struct hst_pwalk *walk, const struct hst_pinsn *what)
{
	unsigned first = vex(walk) ? 1 : 0;
	unsigned a = 0;
	unsigned b = 0;
	bool tainted = false;
	struct hst_pval made;

	if (!is_vector(&walk->insn->operands[0]) || !is_vector(&walk->insn->operands[first]) ||
		(walk->insn->operands[first + 1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			!is_vector(&walk->insn->operands[first + 1]))) {
		return unsupported(walk);
	}
	if (!use_low(walk, first, &a, &tainted) || !use_low(walk, first + 1, &b, &tainted)) {
		return false;
	}
	a = a / what->to * what->to;
	b = b / what->to * what->to;
	a = a > b ? 2 * b + (a > b ? what->to : 0) : 2 * a;
	made = hst_pval_data(a > 16 ? 16 : a);
	made.tainted = tainted;
	*vector(walk, 0) = made.pure == 0 ? hst_pval_none : made;
	return true;
}

static bool whole(struct hst_pwalk *walk, const struct hst_pinsn *what)
{
	bool turn = what->class == HST_PCLASS_TURN;
	struct hst_pval made = hst_pval_data(16);
	unsigned count = walk->insn->info.operand_count_visible;

	if (!is_vector(&walk->insn->operands[0])) {
		return unsupported(walk);
	}
	for (unsigned i = 0; i < count; i++) {
		const ZydisDecodedOperand *operand = &walk->insn->operands[i];
		unsigned bytes = turn ? what->from : 16;
		struct hst_pval value;

		if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ||
			(operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) == 0) {
			continue;
		}
		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER && !is_vector(operand)) {
			return unsupported(walk);
		}
		if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY && operand->size / 8u < bytes) {
			bytes = operand->size / 8u;
		}
		if (!hst_pwalk_read(walk, i, bytes, &value) ||
			!hst_pwalk_use(walk, &value, bytes)) {
			return false;
		}
		made.tainted |= value.tainted;
	}
	*vector(walk, 0) = made;
	return true;
}

static bool move(struct hst_pwalk *walk, const struct hst_pinsn *what)
{
	const ZydisDecodedOperand *to = &walk->insn->operands[0];
	unsigned count = walk->insn->info.operand_count_visible;
	unsigned last = count - 1;
	unsigned bytes = what->to;
	bool merge = what->class == HST_PCLASS_MERGE;
	struct hst_pval value;
	struct hst_pval above;

	/* movd of a general register of eight bytes is movq. */
	if (bytes == 4 && (to->size == 64 || walk->insn->operands[last].size == 64) && !merge) {
		bytes = 8;
	}
	if ((to->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    hst_code_register(to->reg.value) >= HST_REG_XMM0 && !is_vector(to)) ||
		(count == 3 && !merge) || walk->insn->info.raw.vex.L != 0) {
		return unsupported(walk);
	}
	if (walk->insn->operands[last].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		hst_code_register(walk->insn->operands[last].reg.value) >= HST_REG_XMM0) {
		value = *vector(walk, last);
		if (bytes < 16 && value.pure >= bytes) {
			value = hst_pval_low(&value, bytes);
			value.pure = value.kind == HST_PVAL_NONE ? 0 : (uint8_t)bytes;
		} else if (bytes < 16) {
			value = hst_pval_none;
		}
	} else if (!hst_pwalk_read(walk, last, bytes, &value)) {
		return false;
	}
	if (!is_vector(to)) {
		return hst_pwalk_write(walk, 0, bytes, &value);
	}
	value.id = 0;
	value.id32 = 0;
	if ((merge && walk->insn->operands[last].type == ZYDIS_OPERAND_TYPE_REGISTER) ||
		what->class == HST_PCLASS_HALF) {
		value.pure = value.pure < bytes ? value.pure : (uint8_t)bytes;
		above = *vector(walk, count == 3 ? 1 : 0);
		merge_above(vector(walk, 0), &value, bytes, &above);
		return true;
	}
	if (value.kind != HST_PVAL_DATA && value.kind != HST_PVAL_INIT) {
		value = hst_pval_none;
	} else if (bytes < 16 && value.pure >= bytes) {
		/* Zeros above. */
		value.pure = 16;
		value.table = 0;
	}
	*vector(walk, 0) = value;
	return true;
}

static bool flags(struct hst_pwalk *walk, unsigned bytes)
{
	const ZydisAccessedFlags *accessed = walk->insn->info.cpu_flags;
	struct hst_pval value;

	for (unsigned i = 0; i < 2; i++) {
		if (!hst_pwalk_read(walk, i, bytes, &value) ||
			!hst_pwalk_use(walk, &value, bytes)) {
			return false;
		}
	}
	walk->state.flags |= accessed->modified | accessed->set_0 | accessed->set_1;
	walk->state.compared = (struct hst_compared){ .width = 0 };
	return true;
}

static bool take(struct hst_pwalk *walk, unsigned bytes)
{
	unsigned width = walk->insn->operands[0].size / 8u;
	struct hst_pval value;

	if (!hst_pwalk_read(walk, 1, bytes, &value) || !hst_pwalk_use(walk, &value, bytes)) {
		return false;
	}
	value = hst_pval_between(0, width >= 8 ? UINT64_MAX : UINT32_MAX);
	return hst_pwalk_write(walk, 0, width, &value);
}

bool hst_pwalk_vector(struct hst_pwalk *walk, const struct hst_pinsn *what)
{
	walk->facts.uses_fp |= what->fp;
	switch ((int)what->class) {
	case HST_PCLASS_SCALAR:
		return scalar(walk, what, true);
	case HST_PCLASS_SCALAR1:
		return scalar(walk, what, false);
	case HST_PCLASS_LANES:
		return lanes(walk, what, true);
	case HST_PCLASS_LANES1:
		return lanes(walk, what, false);
	case HST_PCLASS_LOW:
		return interleave(walk, what);
	case HST_PCLASS_ALL:
	case HST_PCLASS_TURN:
		return whole(walk, what);
	case HST_PCLASS_MOVE:
	case HST_PCLASS_MERGE:
	case HST_PCLASS_HALF:
		return move(walk, what);
	case HST_PCLASS_FLAGS:
		return flags(walk, what->from);
	case HST_PCLASS_TAKE:
		return take(walk, what->from);
	default:
		return unsupported(walk);
	}
}

static bool refuse_string(struct hst_pwalk *walk)
{
	return hst_pwalk_refuse(walk, HST_PURITY_STRING, NULL);
}

/* What was used counts as data from now on. */
static struct hst_pval as_data(const struct hst_pval *value)
{
	struct hst_pval data = hst_pval_data(8);

	data.tainted = value->tainted || value->kind == HST_PVAL_ADDRESS;
	return data;
}

/* rep stos and rep movs with a constant count, into the own frame. The direction flag is clear, says the ABI. */
bool hst_pwalk_string(struct hst_pwalk *walk)
{
	ZydisMnemonic mnemonic = walk->insn->info.mnemonic;
	bool repeated = (walk->insn->info.attributes & ZYDIS_ATTRIB_HAS_REP) != 0;
	struct hst_pval *count = &walk->state.regs[HST_REG_RCX];
	struct hst_pval to = walk->state.regs[HST_REG_RDI];
	struct hst_pval from = walk->state.regs[HST_REG_RSI];
	bool stos = mnemonic == ZYDIS_MNEMONIC_STOSB || mnemonic == ZYDIS_MNEMONIC_STOSD ||
		    mnemonic == ZYDIS_MNEMONIC_STOSQ;
	bool movs = mnemonic == ZYDIS_MNEMONIC_MOVSB || mnemonic == ZYDIS_MNEMONIC_MOVSD ||
		    mnemonic == ZYDIS_MNEMONIC_MOVSQ;
	unsigned width = mnemonic == ZYDIS_MNEMONIC_STOSB || mnemonic == ZYDIS_MNEMONIC_MOVSB   ? 1
			 : mnemonic == ZYDIS_MNEMONIC_STOSQ || mnemonic == ZYDIS_MNEMONIC_MOVSQ ? 8
												: 4;
	uint64_t steps = repeated ? count->lo : 1;
	struct hst_pval value;

	if ((!stos && !movs) || (repeated && !hst_pval_is_constant(count)) || steps > STRING_MAX ||
		to.kind != HST_PVAL_FRAME || walk->insn->info.address_width != 64 ||
		(walk->insn->info.attributes & ZYDIS_ATTRIB_HAS_SEGMENT) != 0 ||
		walk->insn->operands[0].size != 8u * width) {
		return refuse_string(walk);
	}
	for (uint64_t i = 0; i < steps; i++) {
		if (movs ? !hst_pwalk_load(walk, &from, width, &value)
			 : (value = hst_pval_low(&walk->state.regs[HST_REG_RAX], width), false)) {
			return false;
		}
		if (!hst_pwalk_use(walk, &value, width)) {
			return false;
		}
		value = as_data(&value);
		if (!hst_pwalk_store(walk, &to, width, &value)) {
			return false;
		}
		to.num += width;
		from.num += width;
	}
	walk->state.regs[HST_REG_RDI] = to;
	if (movs) {
		walk->state.regs[HST_REG_RSI] = from;
	}
	if (repeated) {
		*count = hst_pval_constant(0);
	}
	return true;
}
