/* SPDX-License-Identifier: Apache-2.0 */
/* What one instruction on general registers does. What is in no table is refused. */
#include "symbols/purity_walk.h"

#include <string.h>

static const struct hst_pinsn table[] = {
#define HST_PURITY_CLASS(NAME)
#define HST_PURITY_INSN(mnemonic, class, to, from, fp) \
 [ZYDIS_MNEMONIC_##mnemonic] = { HST_PCLASS_##class, (to), (from), (fp) },
#include "symbols/purity_insns.def"
#undef HST_PURITY_CLASS
#undef HST_PURITY_INSN
};

static const struct hst_pinsn *insn_of(ZydisMnemonic mnemonic)
{
	static const struct hst_pinsn unknown = { .class = HST_PCLASS_UNKNOWN };

	return (size_t)mnemonic < sizeof table / sizeof table[0] ? &table[mnemonic] : &unknown;
}

static bool unsupported(struct hst_pwalk *walk)
{
	return hst_pwalk_refuse(
		walk, HST_PURITY_UNSUPPORTED, ZydisMnemonicGetString(walk->insn->info.mnemonic));
}

static unsigned bytes_of(const struct hst_pwalk *walk, unsigned i)
{
	return walk->insn->operands[i].size / 8u;
}

bool hst_pwalk_test_flags(struct hst_pwalk *walk)
{
	const ZydisAccessedFlags *flags = walk->insn->info.cpu_flags;

	if (flags != NULL && (flags->tested & ~walk->state.flags) != 0) {
		return hst_pwalk_refuse(walk, HST_PURITY_UNWRITTEN_REG, "the flags");
	}
	return true;
}

static bool set_rsp(struct hst_pwalk *walk, const struct hst_pval *value)
{
	struct hst_pval *rsp = &walk->state.regs[HST_REG_RSP];
	int64_t before = rsp->num;

	if (value->kind != HST_PVAL_FRAME || value->wild || value->lo != value->hi) {
		return hst_pwalk_refuse(walk, HST_PURITY_STACK_POINTER, NULL);
	}
	*rsp = (struct hst_pval){
		.kind = HST_PVAL_FRAME, .pure = 8, .num = value->num + (int64_t)value->lo
	};
	if (rsp->num < -HST_FRAME_BELOW) {
		return hst_pwalk_refuse(walk, HST_PURITY_FRAME_LARGE, NULL);
	}
	/* A signal handler may write below the red zone. */
	if (rsp->num > before) {
		hst_pstate_forget(&walk->state, INT32_MIN, rsp->num - HST_RED_ZONE);
	}
	return true;
}

bool hst_pwalk_write_reg(
	struct hst_pwalk *walk, unsigned reg, unsigned bytes, const struct hst_pval *value)
{
	struct hst_pval *to = &walk->state.regs[reg];
	struct hst_pval merged;

	if (reg == HST_REG_RSP) {
		return bytes == 8 ? set_rsp(walk, value)
				  : hst_pwalk_refuse(walk, HST_PURITY_STACK_POINTER, NULL);
	}
	if (bytes >= 4) {
		/* Of eight bytes, the low ones may be known alone. */
		*to = bytes == 8 && value->kind == HST_PVAL_DATA ? *value
								 : hst_pval_low(value, bytes);
		return true;
	}
	if (value->kind == HST_PVAL_INIT && value->pure >= bytes) {
		merged = *value;
		merged.width = merged.width < bytes ? merged.width : (uint8_t)bytes;
		merged.pure = (uint8_t)bytes;
	} else if (value->kind != HST_PVAL_DATA || value->pure < bytes) {
		merged = hst_pval_none;
	} else if (to->kind == HST_PVAL_DATA && to->pure > bytes) {
		merged = hst_pval_data(to->pure);
		merged.tainted = to->tainted || value->tainted;
		merged.deps = hst_deps_join(to->deps, value->deps);
	} else {
		merged = hst_pval_data(bytes);
		merged.tainted = value->tainted;
		merged.deps = value->deps;
	}
	merged.id = 0;
	merged.id32 = 0;
	*to = merged;
	return true;
}

bool hst_pwalk_write(
	struct hst_pwalk *walk, unsigned i, unsigned bytes, const struct hst_pval *value)
{
	const ZydisDecodedOperand *operand = &walk->insn->operands[i];
	struct hst_pval place;
	struct hst_pval low;
	unsigned reg;

	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		reg = hst_code_register(operand->reg.value);
		if (reg >= HST_REGS) {
			return unsupported(walk);
		}
		if (hst_code_is_high(operand->reg.value)) {
			struct hst_pval *to = &walk->state.regs[reg];

			if (to->kind != HST_PVAL_DATA || value->kind != HST_PVAL_DATA) {
				return unsupported(walk);
			}
			low = hst_pval_data(to->pure == 1 ? 2 : to->pure);
			low.tainted = to->tainted || value->tainted;
			low.deps = hst_deps_join(to->deps, value->deps);
			*to = low;
			return true;
		}
		return hst_pwalk_write_reg(walk, reg, bytes, value);
	}
	if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY) {
		return unsupported(walk);
	}
	low = bytes <= 8 ? hst_pval_low(value, bytes) : *value;
	return hst_pwalk_effective(walk, operand, 8, &place) &&
	       hst_pwalk_store(walk, &place, bytes, &low);
}

static bool move(struct hst_pwalk *walk)
{
	const ZydisDecodedOperand *from = &walk->insn->operands[1];
	unsigned bytes = bytes_of(walk, 0);
	struct hst_pval value;

	if (!hst_pwalk_read(walk, 1, bytes, &value)) {
		return false;
	}
	if (from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && bytes >= 4 && walk->module->fixed &&
		walk->insn->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		hst_module_is_loaded(walk->module, value.lo)) {
		unsigned reg = hst_code_register(walk->insn->operands[0].reg.value);

		value = (struct hst_pval){ .kind = HST_PVAL_ADDRESS,
			.pure = 8,
			.num = (int64_t)value.lo,
			.origin = value.lo };
		return hst_pwalk_write_reg(walk, reg, 8, &value);
	}
	return hst_pwalk_write(walk, 0, bytes, &value);
}

/* The sign of the low `width` bytes is copied upwards. */
static bool extend_sign(struct hst_pwalk *walk, unsigned width, const struct hst_pval *value,
	struct hst_pval *ret_value)
{
	uint64_t sign = UINT64_C(1) << (8 * width - 1);
	struct hst_pval from = *value;
	struct hst_pval low = hst_pval_low(value, width);

	value = &from;
	if (!hst_pwalk_use(walk, value, width)) {
		return false;
	}
	if (low.kind != HST_PVAL_DATA && low.kind != HST_PVAL_INIT) {
		low = hst_pval_data(8);
	}
	*ret_value = low.hi < sign ? hst_pval_between(low.lo, low.hi) : hst_pval_data(8);
	if (low.lo == low.hi && low.hi >= sign) {
		*ret_value = hst_pval_constant(low.lo | ~(2 * sign - 1));
	}
	ret_value->tainted = value->tainted || value->kind == HST_PVAL_ADDRESS;
	ret_value->shift = low.shift;
	if (low.hi < sign) {
		ret_value->id = low.id;
		ret_value->id32 = low.id32;
	}
	if (value->kind == HST_PVAL_DATA && value->table != 0 && width == 4) {
		ret_value->table = value->table;
		ret_value->span = value->span;
		ret_value->step = value->step;
		ret_value->width = value->width;
		ret_value->wild = true;
	}
	return true;
}

static bool extend(struct hst_pwalk *walk, bool sign)
{
	unsigned width = bytes_of(walk, 1);
	struct hst_pval value;

	if (!hst_pwalk_read(walk, 1, width, &value)) {
		return false;
	}
	if (sign) {
		return extend_sign(walk, width, &value, &value) &&
		       hst_pwalk_write(walk, 0, bytes_of(walk, 0), &value);
	}
	value = hst_pval_low(&value, width);
	return hst_pwalk_write(walk, 0, bytes_of(walk, 0), &value);
}

static bool lea(struct hst_pwalk *walk)
{
	unsigned bytes = bytes_of(walk, 0);
	struct hst_pval value;

	return hst_pwalk_effective(walk, &walk->insn->operands[1], bytes < 8 ? 4 : 8, &value) &&
	       hst_pwalk_write(walk, 0, bytes, &value);
}

static bool push(struct hst_pwalk *walk)
{
	struct hst_pval rsp = walk->state.regs[HST_REG_RSP];
	struct hst_pval value;

	if (walk->insn->info.operand_width != 64) {
		return unsupported(walk);
	}
	if (!hst_pwalk_read(walk, 0, 8, &value)) {
		return false;
	}
	if (walk->insn->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		value = hst_pval_constant(walk->insn->operands[0].imm.value.u);
	}
	rsp.num -= 8;
	return set_rsp(walk, &rsp) && hst_pwalk_store(walk, &rsp, 8, &value);
}

static bool pop(struct hst_pwalk *walk)
{
	struct hst_pval rsp = walk->state.regs[HST_REG_RSP];
	struct hst_pval value;

	if (walk->insn->info.operand_width != 64 ||
		walk->insn->operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER) {
		return unsupported(walk);
	}
	if (!hst_pwalk_load(walk, &rsp, 8, &value)) {
		return false;
	}
	rsp.num += 8;
	return set_rsp(walk, &rsp) && hst_pwalk_write(walk, 0, 8, &value);
}

static bool leave(struct hst_pwalk *walk)
{
	struct hst_pval rsp = walk->state.regs[HST_REG_RBP];
	struct hst_pval value;

	if (walk->insn->info.operand_width != 64) {
		return unsupported(walk);
	}
	if (!set_rsp(walk, &rsp) ||
		!hst_pwalk_load(walk, &walk->state.regs[HST_REG_RSP], 8, &value)) {
		return false;
	}
	rsp = walk->state.regs[HST_REG_RSP];
	rsp.num += 8;
	walk->state.regs[HST_REG_RBP] = value;
	return set_rsp(walk, &rsp);
}

static bool exchange(struct hst_pwalk *walk)
{
	unsigned bytes = bytes_of(walk, 0);
	struct hst_pval a;
	struct hst_pval b;

	if (walk->insn->operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		walk->insn->operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER) {
		return hst_pwalk_refuse(walk, HST_PURITY_LOCKED, NULL);
	}
	return hst_pwalk_read(walk, 0, bytes, &a) && hst_pwalk_read(walk, 1, bytes, &b) &&
	       hst_pwalk_write(walk, 0, bytes, &b) && hst_pwalk_write(walk, 1, bytes, &a);
}

static bool conditional_move(struct hst_pwalk *walk)
{
	unsigned bytes = bytes_of(walk, 0);
	struct hst_pval a;
	struct hst_pval b;

	if (!hst_pwalk_test_flags(walk) || !hst_pwalk_read(walk, 0, bytes, &a) ||
		!hst_pwalk_read(walk, 1, bytes, &b)) {
		return false;
	}
	(void)hst_pval_join(&a, &b, NULL);
	return hst_pwalk_write(walk, 0, bytes, &a);
}

static bool set_condition(struct hst_pwalk *walk)
{
	struct hst_pval value = hst_pval_between(0, 1);

	return hst_pwalk_test_flags(walk) && hst_pwalk_write(walk, 0, 1, &value);
}

static bool step_general(struct hst_pwalk *walk, enum hst_pclass class)
{
	struct hst_pval value;

	switch ((int)class) {
	case HST_PCLASS_NOP:
		return true;
	case HST_PCLASS_MOV:
		return move(walk);
	case HST_PCLASS_MOVZX:
		return extend(walk, false);
	case HST_PCLASS_MOVSX:
		return extend(walk, true);
	case HST_PCLASS_CDQE:
		value = walk->state.regs[HST_REG_RAX];
		return extend_sign(walk, 4, &value, &value) &&
		       hst_pwalk_write_reg(walk, HST_REG_RAX, 8, &value);
	case HST_PCLASS_LEA:
		return lea(walk);
	case HST_PCLASS_PUSH:
		return push(walk);
	case HST_PCLASS_POP:
		return pop(walk);
	case HST_PCLASS_LEAVE:
		return leave(walk);
	case HST_PCLASS_XCHG:
		return exchange(walk);
	case HST_PCLASS_CMOV:
		return conditional_move(walk);
	case HST_PCLASS_SETCC:
		return set_condition(walk);
	case HST_PCLASS_ALU:
		return hst_pwalk_arithmetic(walk);
	case HST_PCLASS_STRING:
		return hst_pwalk_string(walk);
	case HST_PCLASS_SHADOW:
		return hst_pwalk_write(walk, 0, 8, &hst_pval_none);
	case HST_PCLASS_MACHINE:
		return hst_pwalk_refuse(walk, HST_PURITY_MACHINE,
			ZydisMnemonicGetString(walk->insn->info.mnemonic));
	default:
		return unsupported(walk);
	}
}

bool hst_pwalk_step(struct hst_pwalk *walk)
{
	const ZydisDecodedInstruction *info = &walk->insn->info;
	const struct hst_pinsn *what = insn_of(info->mnemonic);

	if ((info->attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0) {
		return hst_pwalk_refuse(walk, HST_PURITY_LOCKED, NULL);
	}
	if (info->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
		info->encoding != ZYDIS_INSTRUCTION_ENCODING_VEX) {
		return unsupported(walk);
	}
	if (info->meta.isa_set == ZYDIS_ISA_SET_X87) {
		return hst_pwalk_refuse(
			walk, HST_PURITY_X87, ZydisMnemonicGetString(info->mnemonic));
	}
	if (info->meta.category == ZYDIS_CATEGORY_STRINGOP) {
		return hst_pwalk_string(walk);
	}
	if (what->class >= HST_PCLASS_SCALAR) {
		return hst_pwalk_vector(walk, what);
	}
	return step_general(walk, (enum hst_pclass)what->class);
}
