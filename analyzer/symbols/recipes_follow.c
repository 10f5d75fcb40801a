/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction after the other; what is not understood leaves unknown what it writes. */
#include "symbols/recipes_follow.h"

#include <string.h>

static const struct hst_followed unknown = { .kind = HST_FOLLOWED_UNKNOWN };

void hst_follow_start(struct hst_follow *follow)
{
	*follow = (struct hst_follow){ 0 };
	for (unsigned i = 0; i < HST_REGS; i++) {
		follow->regs[i] = (struct hst_followed){
			.kind = HST_FOLLOWED_REGISTER, .reg = (uint8_t)i, .width = 8, .reach = 8
		};
	}
	follow->regs[HST_REG_RSP].kind = HST_FOLLOWED_POINTER;
}

/* The low `width` bytes of a value, with nothing known above. */
static struct hst_followed low_bytes(struct hst_followed value, unsigned width)
{
	if (value.kind == HST_FOLLOWED_POINTER && width < 8) {
		return unknown;
	}
	if (value.width > width) {
		value.width = (uint8_t)width;
		value.extension = HST_EXTENDED_NOT;
	}
	if (value.reach > width) {
		value.reach = (uint8_t)width;
	}
	return value;
}

/* A value of `width` bytes, written to a register so that the rest becomes what `how` says. */
static struct hst_followed extended(
	struct hst_followed value, unsigned width, enum hst_followed_extension how, unsigned reach)
{
	value = low_bytes(value, width);
	if (value.kind == HST_FOLLOWED_CONSTANT) {
		unsigned shift = 64 - 8 * width;
		uint64_t bits = (uint64_t)value.number << shift;

		value.number = how == HST_EXTENDED_SIGN ? (int64_t)bits >> shift
							: (int64_t)(bits >> shift);
		value.width = (uint8_t)reach;
		return value;
	}
	if (value.width == width) {
		value.extension = (uint8_t)how;
		value.reach = (uint8_t)reach;
	} else if (value.extension == HST_EXTENDED_ZERO && how == HST_EXTENDED_ZERO &&
		   value.reach == width) {
		value.reach = (uint8_t)reach;
	}
	return value;
}

static void set_register(
	struct hst_follow *follow, unsigned reg, struct hst_followed value, unsigned width)
{
	if (reg >= HST_REGS) {
		return;
	}
	if (width == 4 && reg < HST_REG_GENERAL) {
		value = extended(value, 4, HST_EXTENDED_ZERO, 8);
	} else if (width < 8) {
		value = low_bytes(value, width);
	}
	follow->regs[reg] = value;
}

/* Where a memory operand is, in terms of the start. false: unknown. */
static bool place_of(const struct hst_follow *follow, const ZydisDecodedOperand *operand,
	uint8_t *ret_base, int64_t *ret_offset)
{
	const struct hst_followed *base;
	unsigned reg = hst_code_register(operand->mem.base);

	if (operand->mem.index != ZYDIS_REGISTER_NONE || reg >= HST_REG_GENERAL ||
		operand->mem.segment == ZYDIS_REGISTER_FS ||
		operand->mem.segment == ZYDIS_REGISTER_GS) {
		return false;
	}
	base = &follow->regs[reg];
	if (base->kind == HST_FOLLOWED_POINTER) {
		*ret_base = HST_REG_RSP;
		*ret_offset = base->number + operand->mem.disp.value;
		return true;
	}
	if (base->kind == HST_FOLLOWED_REGISTER && base->reg == HST_REG_RBP && base->width == 8) {
		*ret_base = HST_REG_RBP;
		*ret_offset = operand->mem.disp.value;
		return true;
	}
	return false;
}

const struct hst_follow_store *hst_follow_stored(
	const struct hst_follow *follow, uint8_t base, int64_t offset, unsigned width)
{
	for (uint32_t i = follow->store_count; i > 0; i--) {
		const struct hst_follow_store *store = &follow->stores[i - 1];

		if (store->base == base && store->offset < offset + (int64_t)width &&
			offset < store->offset + store->width) {
			return store;
		}
	}
	return NULL;
}

/* Was something stored by way of the other base pointer, so that nobody knows whether it is here? */
static bool stored_elsewhere(const struct hst_follow *follow, uint8_t base)
{
	for (uint32_t i = 0; i < follow->store_count; i++) {
		if (follow->stores[i].base != base) {
			return true;
		}
	}
	return follow->wild;
}

static struct hst_followed load_at(
	const struct hst_follow *follow, uint8_t base, int64_t offset, unsigned width)
{
	const struct hst_follow_store *store = hst_follow_stored(follow, base, offset, width);

	if (width > 8 || stored_elsewhere(follow, base)) {
		return unknown;
	}
	if (store == NULL) {
		return (struct hst_followed){ .kind = HST_FOLLOWED_MEMORY,
			.reg = base,
			.width = (uint8_t)width,
			.reach = (uint8_t)width,
			.number = offset };
	}
	if (store->offset == offset && store->width >= width) {
		return low_bytes(store->value, width);
	}
	return unknown;
}

static void store_at(struct hst_follow *follow, uint8_t base, int64_t offset, unsigned width,
	struct hst_followed value)
{
	if (follow->store_count == HST_FOLLOW_STORES || width > UINT8_MAX) {
		follow->wild = true;
		return;
	}
	follow->stores[follow->store_count++] = (struct hst_follow_store){ .base = base,
		.width = (uint8_t)width,
		.offset = offset,
		.value = low_bytes(value, width < 8 ? width : 8) };
}

static struct hst_followed read_operand(
	const struct hst_follow *follow, const ZydisDecodedOperand *operand, unsigned width)
{
	uint8_t base;
	int64_t offset;
	unsigned reg;

	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		return (struct hst_followed){ .kind = HST_FOLLOWED_CONSTANT,
			.width = 8,
			.reach = 8,
			.number = operand->imm.value.s };
	case ZYDIS_OPERAND_TYPE_REGISTER:
		reg = hst_code_register(operand->reg.value);
		if (reg >= HST_REGS || hst_code_is_high(operand->reg.value)) {
			return unknown;
		}
		return low_bytes(follow->regs[reg], width < 8 ? width : 8);
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return place_of(follow, operand, &base, &offset)
			       ? load_at(follow, base, offset, width)
			       : unknown;
	case ZYDIS_OPERAND_TYPE_UNUSED:
	case ZYDIS_OPERAND_TYPE_POINTER:
	default:
		return unknown;
	}
}

static void write_operand(struct hst_follow *follow, const ZydisDecodedOperand *operand,
	struct hst_followed value, unsigned width)
{
	uint8_t base;
	int64_t offset;

	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		unsigned reg = hst_code_register(operand->reg.value);

		set_register(
			follow, reg, hst_code_is_high(operand->reg.value) ? unknown : value, width);
	} else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
		if (place_of(follow, operand, &base, &offset)) {
			store_at(follow, base, offset, width, value);
		} else {
			follow->wild = true;
		}
	}
}

/* Whatever the instruction writes is unknown afterwards. */
static void forget_written(struct hst_follow *follow, const struct hst_insn *insn)
{
	for (unsigned i = 0; i < insn->info.operand_count; i++) {
		const ZydisDecodedOperand *operand = &insn->operands[i];

		if ((operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0) {
			write_operand(follow, operand, unknown,
				operand->size == 0 ? 8 : (operand->size + 7u) / 8);
		}
	}
}

static void push_or_pop(struct hst_follow *follow, const struct hst_insn *insn)
{
	struct hst_followed *rsp = &follow->regs[HST_REG_RSP];
	bool push = insn->info.mnemonic == ZYDIS_MNEMONIC_PUSH;
	const ZydisDecodedOperand *operand = &insn->operands[0];

	if (rsp->kind != HST_FOLLOWED_POINTER || insn->info.operand_width != 64) {
		forget_written(follow, insn);
		*rsp = unknown;
	} else if (push) {
		struct hst_followed value = read_operand(follow, operand, 8);

		rsp->number -= 8;
		store_at(follow, HST_REG_RSP, rsp->number, 8, value);
	} else {
		struct hst_followed value = load_at(follow, HST_REG_RSP, rsp->number, 8);

		rsp->number += 8;
		write_operand(follow, operand, value, 8);
	}
}

static void leave(struct hst_follow *follow)
{
	struct hst_followed *rsp = &follow->regs[HST_REG_RSP];

	*rsp = follow->regs[HST_REG_RBP];
	follow->regs[HST_REG_RBP] = unknown;
	if (rsp->kind == HST_FOLLOWED_POINTER) {
		follow->regs[HST_REG_RBP] = load_at(follow, HST_REG_RSP, rsp->number, 8);
		rsp->number += 8;
	}
}

/* add and sub of a constant, lea: only where they move a pointer into the stack. */
static bool move_pointer(struct hst_follow *follow, const struct hst_insn *insn)
{
	const ZydisDecodedOperand *to = &insn->operands[0];
	const ZydisDecodedOperand *from = &insn->operands[1];
	unsigned reg = to->type == ZYDIS_OPERAND_TYPE_REGISTER ? hst_code_register(to->reg.value)
							       : HST_REGS;
	struct hst_followed value;
	uint8_t base;
	int64_t offset;

	if (reg >= HST_REG_GENERAL || to->size != 64) {
		return false;
	}
	if (insn->info.mnemonic == ZYDIS_MNEMONIC_LEA) {
		if (!place_of(follow, from, &base, &offset) || base != HST_REG_RSP) {
			return false;
		}
		follow->regs[reg] = (struct hst_followed){
			.kind = HST_FOLLOWED_POINTER, .width = 8, .reach = 8, .number = offset
		};
		return true;
	}
	value = follow->regs[reg];
	if (value.kind != HST_FOLLOWED_POINTER || from->type != ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		return false;
	}
	follow->regs[reg].number +=
		insn->info.mnemonic == ZYDIS_MNEMONIC_ADD ? from->imm.value.s : -from->imm.value.s;
	return true;
}

static bool is_same_register(const struct hst_insn *insn, unsigned a, unsigned b)
{
	return insn->operands[a].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       insn->operands[b].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       insn->operands[a].reg.value == insn->operands[b].reg.value;
}

/* xor of a register with itself */
static bool clear(struct hst_follow *follow, const struct hst_insn *insn)
{
	unsigned a = insn->info.operand_count_visible >= 3 ? 1 : 0;
	unsigned reg;

	if (!is_same_register(insn, a, a + 1) ||
		insn->operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		insn->operands[0].size < 32) {
		return false;
	}
	reg = hst_code_register(insn->operands[0].reg.value);
	if (reg >= HST_REGS) {
		return false;
	}
	follow->regs[reg] =
		(struct hst_followed){ .kind = HST_FOLLOWED_CONSTANT, .width = 8, .reach = 8 };
	return true;
}

/* `and $1`: what clang makes of a bool in memory */
static bool keep_bit(struct hst_follow *follow, const struct hst_insn *insn)
{
	const ZydisDecodedOperand *to = &insn->operands[0];
	unsigned reg = to->type == ZYDIS_OPERAND_TYPE_REGISTER ? hst_code_register(to->reg.value)
							       : HST_REGS;
	struct hst_followed value;

	if (reg >= HST_REG_GENERAL || insn->operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
		insn->operands[1].imm.value.u != 1) {
		return false;
	}
	value = low_bytes(follow->regs[reg], 1);
	value.low_bit = true;
	set_register(follow, reg, to->size >= 32 ? extended(value, 1, HST_EXTENDED_ZERO, 8) : value,
		to->size / 8u);
	return true;
}

/* Is it a plain move of `*ret_width` bytes between its first two operands? */
static bool is_move(ZydisMnemonic mnemonic, const struct hst_insn *insn, unsigned *ret_width)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): a thousand mnemonics */
	switch ((int)mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		*ret_width = insn->operands[0].size / 8u;
		return true;
	case ZYDIS_MNEMONIC_MOVD:
	case ZYDIS_MNEMONIC_VMOVD:
	case ZYDIS_MNEMONIC_MOVSS:
	case ZYDIS_MNEMONIC_VMOVSS:
		*ret_width = 4;
		return insn->info.operand_count_visible == 2;
	case ZYDIS_MNEMONIC_MOVQ:
	case ZYDIS_MNEMONIC_VMOVQ:
	case ZYDIS_MNEMONIC_MOVSD:
	case ZYDIS_MNEMONIC_VMOVSD:
		*ret_width = 8;
		return insn->info.operand_count_visible == 2;
	case ZYDIS_MNEMONIC_MOVAPS:
	case ZYDIS_MNEMONIC_VMOVAPS:
	case ZYDIS_MNEMONIC_MOVAPD:
	case ZYDIS_MNEMONIC_VMOVAPD:
	case ZYDIS_MNEMONIC_MOVUPS:
	case ZYDIS_MNEMONIC_VMOVUPS:
	case ZYDIS_MNEMONIC_MOVDQA:
	case ZYDIS_MNEMONIC_VMOVDQA:
	case ZYDIS_MNEMONIC_MOVDQU:
	case ZYDIS_MNEMONIC_VMOVDQU:
		*ret_width = 16;
		return insn->info.operand_count_visible == 2;
	default:
		return false;
	}
}

static void move(struct hst_follow *follow, const struct hst_insn *insn, unsigned width)
{
	const ZydisDecodedOperand *from = &insn->operands[1];
	/* Of sixteen bytes the low eight are followed between registers; in memory all are. */
	unsigned read = from->type == ZYDIS_OPERAND_TYPE_MEMORY ? width : (width < 8 ? width : 8);

	write_operand(follow, &insn->operands[0],
		from->type == ZYDIS_OPERAND_TYPE_MEMORY && width > 8
			? read_operand(follow, from, 8)
			: read_operand(follow, from, read),
		width);
}

static void extend(
	struct hst_follow *follow, const struct hst_insn *insn, enum hst_followed_extension how)
{
	unsigned width = insn->operands[1].size / 8u;
	unsigned reach = insn->operands[0].size / 8u;
	struct hst_followed value =
		extended(read_operand(follow, &insn->operands[1], width), width, how, reach);
	unsigned reg = hst_code_register(insn->operands[0].reg.value);

	/* A 32-bit register is cleared above: of zeros there are only more. */
	if (reach == 4 && how == HST_EXTENDED_ZERO && value.kind != HST_FOLLOWED_CONSTANT) {
		value.reach = 8;
	}
	if (reg < HST_REGS) {
		follow->regs[reg] = value;
	}
}

/* cbw, cwde, cdqe: the accumulator's lower half is extended over its upper one. */
static void extend_accumulator(struct hst_follow *follow, unsigned width)
{
	struct hst_followed *rax = &follow->regs[HST_REG_RAX];

	*rax = extended(low_bytes(*rax, width), width, HST_EXTENDED_SIGN, 2 * width);
}

static void other(struct hst_follow *follow, const struct hst_insn *insn)
{
	bool done = false;

	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): a thousand mnemonics */
	switch ((int)insn->info.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_POP:
		push_or_pop(follow, insn);
		return;
	case ZYDIS_MNEMONIC_LEAVE:
		leave(follow);
		return;
	case ZYDIS_MNEMONIC_MOVZX:
		extend(follow, insn, HST_EXTENDED_ZERO);
		return;
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		extend(follow, insn, HST_EXTENDED_SIGN);
		return;
	case ZYDIS_MNEMONIC_CBW:
		extend_accumulator(follow, 1);
		return;
	case ZYDIS_MNEMONIC_CWDE:
		extend_accumulator(follow, 2);
		return;
	case ZYDIS_MNEMONIC_CDQE:
		extend_accumulator(follow, 4);
		return;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_LEA:
		done = move_pointer(follow, insn);
		break;
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_PXOR:
	case ZYDIS_MNEMONIC_VPXOR:
	case ZYDIS_MNEMONIC_XORPS:
	case ZYDIS_MNEMONIC_VXORPS:
	case ZYDIS_MNEMONIC_XORPD:
	case ZYDIS_MNEMONIC_VXORPD:
		done = clear(follow, insn);
		break;
	case ZYDIS_MNEMONIC_AND:
		done = keep_bit(follow, insn);
		break;
	default:
		break;
	}
	if (!done) {
		forget_written(follow, insn);
	}
}

static void forget_called(struct hst_follow *follow)
{
	for (unsigned i = 0; i < HST_REGS; i++) {
		if (i != HST_REG_RSP && !hst_reg_is_saved(i)) {
			follow->regs[i] = unknown;
		}
	}
}

enum hst_follow_next hst_follow_step(
	struct hst_follow *follow, const struct hst_insn *insn, uint64_t *ret_target)
{
	unsigned width = 0;

	*ret_target = 0;
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): most categories are plain instructions */
	switch ((int)insn->info.meta.category) {
	case ZYDIS_CATEGORY_CALL:
		(void)hst_code_relative(insn, 0, ret_target);
		forget_called(follow);
		return HST_FOLLOW_CALL;
	case ZYDIS_CATEGORY_RET:
		return HST_FOLLOW_RETURN;
	case ZYDIS_CATEGORY_UNCOND_BR:
		(void)hst_code_relative(insn, 0, ret_target);
		return HST_FOLLOW_JUMP;
	case ZYDIS_CATEGORY_COND_BR:
		return hst_code_relative(insn, 0, ret_target) ? HST_FOLLOW_BRANCH : HST_FOLLOW_STOP;
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
		return HST_FOLLOW_STOP;
	default:
		break;
	}
	if (is_move(insn->info.mnemonic, insn, &width)) {
		move(follow, insn, width);
	} else {
		other(follow, insn);
	}
	return HST_FOLLOW_ON;
}
