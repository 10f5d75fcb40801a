/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing: registers, the frame, constant memory. What is not one of these is refused. */
#include "symbols/purity_walk.h"

#include <stdio.h>
#include <string.h>

#define INDEX_MAX (UINT64_C(1) << 31)

bool hst_pwalk_refuse(struct hst_pwalk *walk, enum hst_purity_reason reason, const char *detail)
{
	walk->reason = reason;
	snprintf(walk->detail, sizeof walk->detail, "%s", detail == NULL ? "" : detail);
	return false;
}

static bool refuse_unwritten(struct hst_pwalk *walk, unsigned reg, unsigned bytes)
{
	if (reg == 10) {
		return hst_pwalk_refuse(walk, HST_PURITY_STATIC_CHAIN, NULL);
	}
	if (reg == HST_REG_RAX && walk->state.regs[reg].kind == HST_PVAL_INIT) {
		return hst_pwalk_refuse(walk, HST_PURITY_VARIADIC, NULL);
	}
	return hst_pwalk_refuse(walk, HST_PURITY_UNWRITTEN_REG, hst_purity_register(reg, bytes));
}

bool hst_pwalk_use(struct hst_pwalk *walk, const struct hst_pval *value, unsigned bytes)
{
	unsigned width = value->width < bytes ? value->width : bytes;

	switch ((enum hst_pval_kind)value->kind) {
	case HST_PVAL_INIT:
		if (hst_deps_number(value->reg) < 0) {
			return refuse_unwritten(walk, value->reg, width);
		}
		walk->facts.deps = hst_deps_join(walk->facts.deps, hst_deps_of(value->reg, width));
		break;
	case HST_PVAL_DATA:
		walk->facts.deps = hst_deps_join(walk->facts.deps, value->deps);
		break;
	case HST_PVAL_ADDRESS:
	case HST_PVAL_TARGET:
		break;
	case HST_PVAL_FRAME:
		return hst_pwalk_refuse(walk, HST_PURITY_FRAME_ADDRESS, NULL);
	case HST_PVAL_RETURN:
		return hst_pwalk_refuse(walk, HST_PURITY_RETURN_ADDRESS, NULL);
	case HST_PVAL_CANARY:
		return hst_pwalk_refuse(walk, HST_PURITY_THREAD_LOCAL, NULL);
	case HST_PVAL_NONE:
	default:
		return value->reg != 0 ? refuse_unwritten(walk, value->reg - 1u, bytes)
				       : hst_pwalk_refuse(walk, HST_PURITY_UNWRITTEN_SLOT, NULL);
	}
	if (value->pure < bytes) {
		return hst_pwalk_refuse(walk, HST_PURITY_UNWRITTEN_REG, "its upper part");
	}
	return true;
}

/* What is known of it as a number. */
static struct hst_pval as_number(const struct hst_pval *value)
{
	return value->kind == HST_PVAL_DATA || value->kind == HST_PVAL_INIT ? *value
									    : hst_pval_data(8);
}

/* a + b as numbers in arithmetic of so many bytes. */
static struct hst_pval add_bounds(
	const struct hst_pval *a, const struct hst_pval *b, unsigned bytes)
{
	uint64_t most = bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
	uint64_t alo = bytes == 4 ? a->lo32 : a->lo;
	uint64_t ahi = bytes == 4 ? a->hi32 : a->hi;
	uint64_t blo = bytes == 4 ? b->lo32 : b->lo;
	uint64_t bhi = bytes == 4 ? b->hi32 : b->hi;
	struct hst_pval sum = hst_pval_between(0, most);

	if (bytes >= 4) {
		bool low_wraps = alo > most - blo;
		bool high_wraps = ahi > most - bhi;

		/* All sums wrap, or none does. */
		if (low_wraps == high_wraps) {
			sum = hst_pval_between((alo + blo) & most, (ahi + bhi) & most);
		}
	}
	sum.shift = a->shift < b->shift ? a->shift : b->shift;
	return sum;
}

static struct hst_pval add_numbers(
	const struct hst_pval *a, const struct hst_pval *b, unsigned bytes)
{
	struct hst_pval x = as_number(a);
	struct hst_pval y = as_number(b);

	return add_bounds(&x, &y, bytes);
}

static bool move_place(struct hst_pval *place, const struct hst_pval *by)
{
	if (hst_pval_is_constant(by)) {
		place->num = (int64_t)((uint64_t)place->num + by->lo);
	} else if (by->tainted && place->kind == HST_PVAL_ADDRESS) {
		/* The difference of two addresses leads somewhere else. */
		*place = hst_pval_data(8);
		place->tainted = true;
	} else if (by->tainted || by->hi - by->lo > INDEX_MAX || by->hi > INDEX_MAX ||
		   place->hi + by->hi > INDEX_MAX) {
		place->wild = true;
		place->lo = 0;
		place->hi = 0;
	} else {
		if (place->lo == place->hi || by->shift < place->shift) {
			place->shift = by->shift;
		}
		place->lo += by->lo;
		place->hi += by->hi;
	}
	return true;
}

static bool is_place(const struct hst_pval *value)
{
	return value->kind == HST_PVAL_FRAME || value->kind == HST_PVAL_ADDRESS;
}

/* By a constant, one may come from an anchor to another object: that is then what an index begins at. */
static void leave_object(
	const struct hst_pwalk *walk, struct hst_pval *place, const struct hst_pval *by)
{
	if (place->kind != HST_PVAL_ADDRESS || !hst_pval_is_constant(by) ||
		hst_module_is_same(walk->module, place->origin, (uint64_t)place->num)) {
		return;
	}
	if (place->wild) {
		*place = hst_pval_data(8);
		place->tainted = true;
	} else {
		place->origin = (uint64_t)place->num;
	}
}

static bool is_tainted(const struct hst_pval *value)
{
	return value->tainted || (value->kind != HST_PVAL_DATA && value->kind != HST_PVAL_INIT);
}

/* An entry of a table of jumps plus the table's address. */
static bool is_target(const struct hst_pval *a, const struct hst_pval *b)
{
	return a->kind == HST_PVAL_DATA && a->table != 0 && a->width == 4 && a->wild &&
	       b->kind == HST_PVAL_ADDRESS && !b->wild && b->lo == 0 && b->hi == 0;
}

bool hst_pwalk_add(struct hst_pwalk *walk, const struct hst_pval *a, const struct hst_pval *b,
	unsigned bytes, struct hst_pval *ret_sum)
{
	/* The sum may be written over one of them. */
	const struct hst_pval x = *a;
	const struct hst_pval y = *b;
	const struct hst_pval *place = is_place(&x) ? &x : &y;
	const struct hst_pval *other = is_place(&x) ? &y : &x;
	bool tainted = is_tainted(&x) || is_tainted(&y);

	if (bytes == 8 && is_target(other, place)) {
		*ret_sum = *other;
		ret_sum->kind = HST_PVAL_TARGET;
		ret_sum->id = 0;
		ret_sum->id32 = 0;
		ret_sum->origin = (uint64_t)place->num;
		return true;
	}
	if (bytes == 8 && is_place(place) &&
		(other->kind == HST_PVAL_DATA || other->kind == HST_PVAL_INIT)) {
		*ret_sum = *place;
		return hst_pwalk_use(walk, other, 8) && move_place(ret_sum, other) &&
		       (leave_object(walk, ret_sum, other), true);
	}
	if (!hst_pwalk_use(walk, &x, bytes) || !hst_pwalk_use(walk, &y, bytes)) {
		return false;
	}
	*ret_sum = add_numbers(&x, &y, bytes);
	ret_sum->tainted = tainted;
	return true;
}

/* A number of the program that is loaded where its file says may be an address. */
static struct hst_pval from_number(const struct hst_pwalk *walk, int64_t number)
{
	if (walk->module->fixed && hst_module_is_loaded(walk->module, (uint64_t)number)) {
		return (struct hst_pval){ .kind = HST_PVAL_ADDRESS,
			.pure = 8,
			.num = number,
			.origin = (uint64_t)number };
	}
	return hst_pval_constant((uint64_t)number);
}

static bool scaled(struct hst_pwalk *walk, unsigned reg, unsigned scale, unsigned bytes,
	struct hst_pval *ret_value)
{
	struct hst_pval number = as_number(&walk->state.regs[reg]);
	const struct hst_pval *index = &number;
	unsigned shift = scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;

	*ret_value = walk->state.regs[reg];
	if (scale == 1) {
		return true;
	}
	if (!hst_pwalk_use(walk, &walk->state.regs[reg], bytes)) {
		return false;
	}
	if (bytes == 4 && index->hi32 <= UINT32_MAX >> shift) {
		*ret_value = hst_pval_between(
			(uint64_t)index->lo32 << shift, (uint64_t)index->hi32 << shift);
	} else if (bytes == 8 && index->hi <= UINT64_MAX >> shift) {
		*ret_value = hst_pval_between(index->lo << shift, index->hi << shift);
	} else {
		*ret_value = hst_pval_data(8);
	}
	ret_value->tainted = is_tainted(&walk->state.regs[reg]);
	ret_value->shift = (uint8_t)((index->shift > 16 ? 16 : index->shift) + shift);
	return true;
}

bool hst_pwalk_effective(struct hst_pwalk *walk, const ZydisDecodedOperand *operand, unsigned bytes,
	struct hst_pval *ret_place)
{
	struct hst_pval sum = from_number(walk, operand->mem.disp.value);
	struct hst_pval part;
	unsigned reg;

	if (operand->mem.segment == ZYDIS_REGISTER_FS ||
		operand->mem.segment == ZYDIS_REGISTER_GS) {
		return hst_pwalk_refuse(walk, HST_PURITY_THREAD_LOCAL, NULL);
	}
	if (walk->insn->info.address_width != 64) {
		return hst_pwalk_refuse(walk, HST_PURITY_UNSUPPORTED, "addresses of 32 bits");
	}
	if (operand->mem.base == ZYDIS_REGISTER_RIP) {
		int64_t at = (int64_t)hst_insn_end(walk->insn) + operand->mem.disp.value;

		*ret_place = (struct hst_pval){
			.kind = HST_PVAL_ADDRESS, .pure = 8, .num = at, .origin = (uint64_t)at
		};
		return true;
	}
	if (operand->mem.base != ZYDIS_REGISTER_NONE) {
		reg = hst_code_register(operand->mem.base);
		if (reg >= HST_REG_GENERAL) {
			return hst_pwalk_refuse(
				walk, HST_PURITY_UNSUPPORTED, "vector of addresses");
		}
		part = walk->state.regs[reg];
		if (is_place(&part)) {
			sum = hst_pval_constant((uint64_t)operand->mem.disp.value);
		}
		if (!(operand->mem.disp.value == 0
				    ? (sum = part, true)
				    : hst_pwalk_add(walk, &part, &sum, bytes, &sum))) {
			return false;
		}
	}
	if (operand->mem.index != ZYDIS_REGISTER_NONE) {
		reg = hst_code_register(operand->mem.index);
		if (reg >= HST_REG_GENERAL) {
			return hst_pwalk_refuse(
				walk, HST_PURITY_UNSUPPORTED, "vector of addresses");
		}
		return scaled(walk, reg, operand->mem.scale, bytes, &part) &&
		       ((operand->mem.base == ZYDIS_REGISTER_NONE && operand->mem.disp.value == 0 &&
				(sum = part, true)) ||
			       hst_pwalk_add(walk, &sum, &part, bytes, &sum)) &&
		       (*ret_place = sum, true);
	}
	*ret_place = sum;
	return true;
}

/* A number for a value, by the operand that reads it. Code lies below 1 GiB: see hst_pflow. */
static uint32_t number_of(const struct hst_pwalk *walk)
{
	return (uint32_t)(walk->insn->address << 2) | (walk->operand & 3u);
}

/* The bytes of the own frame that the place may be. false: refused, since some of them are not of it, or nobody knows which. */
static bool frame_bytes(struct hst_pwalk *walk, const struct hst_pval *place, unsigned bytes,
	int64_t *ret_lo, int64_t *ret_hi)
{
	enum hst_frame_check check;

	*ret_lo = place->num + (int64_t)place->lo;
	*ret_hi = place->num + (int64_t)place->hi + bytes;
	if (place->wild) {
		return hst_pwalk_refuse(walk, HST_PURITY_FRAME_INDEX, NULL);
	}
	check = hst_pstate_check(&walk->state, *ret_lo, *ret_hi);
	if (check == HST_FRAME_GOOD) {
		return true;
	}
	return hst_pwalk_refuse(walk,
		check == HST_FRAME_BEYOND ? HST_PURITY_FRAME_LARGE : HST_PURITY_FRAME_OUTSIDE,
		NULL);
}

static bool load_frame(struct hst_pwalk *walk, const struct hst_pval *place, unsigned bytes,
	struct hst_pval *ret_value)
{
	struct hst_pval *cell;
	int64_t lo;
	int64_t hi;

	if (!frame_bytes(walk, place, bytes, &lo, &hi)) {
		return false;
	}
	if (place->lo != place->hi) {
		if (hi > -8 || !hst_pstate_is_written(
				       &walk->state, &walk->facts, (int32_t)lo, (int32_t)hi)) {
			return hst_pwalk_refuse(walk, HST_PURITY_UNWRITTEN_SLOT, NULL);
		}
		*ret_value = hst_pval_between(
			0, bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1);
		ret_value->pure = (uint8_t)(bytes < 8 ? 8 : bytes);
		return true;
	}
	cell = hst_pstate_cell(&walk->state, lo, bytes);
	if (cell != NULL) {
		hst_pstate_number(&walk->state, cell, number_of(walk));
	}
	*ret_value = hst_pstate_load(&walk->state, &walk->facts, (int32_t)lo, bytes);
	if (ret_value->kind == HST_PVAL_NONE && lo >= 0 &&
		walk->facts.stack_count == HST_STACK_READS) {
		return hst_pwalk_refuse(walk, HST_PURITY_LIMIT, NULL);
	}
	return true;
}

static bool load_constant(struct hst_pwalk *walk, const struct hst_pval *place, unsigned bytes,
	struct hst_pval *ret_value)
{
	uint64_t lo = (uint64_t)place->num + place->lo;
	uint64_t hi = (uint64_t)place->num + place->hi + bytes;
	const char *name = hst_module_object(walk->module, place->origin);
	bool relocated;

	if (place->wild) {
		if (!hst_module_is_constant(walk->module, place->origin, place->origin + 1)) {
			return hst_pwalk_refuse(
				walk, HST_PURITY_READS_WRITABLE, name == NULL ? "a global" : name);
		}
		if (!hst_module_is_table(walk->module, place->origin, bytes)) {
			return hst_pwalk_refuse(walk, HST_PURITY_READS_TABLE, NULL);
		}
	} else if (!hst_module_is_constant(walk->module, lo, hi)) {
		name = hst_module_object(walk->module, lo);
		return hst_pwalk_refuse(
			walk, HST_PURITY_READS_WRITABLE, name == NULL ? "a global" : name);
	}
	*ret_value =
		hst_pval_between(0, bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1);
	ret_value->pure = (uint8_t)(bytes < 8 ? 8 : bytes);
	/* The loader has put addresses there. */
	relocated =
		place->origin < walk->module->relro_hi && place->origin >= walk->module->relro_lo;
	relocated |= !place->wild && hi > walk->module->relro_lo && lo < walk->module->relro_hi;
	ret_value->tainted = relocated && bytes == 8;
	if (!place->wild && (bytes == 4 || bytes == 8) && place->hi != place->lo &&
		place->shift < 16 && place->lo % (UINT64_C(1) << place->shift) == 0) {
		ret_value->table = lo;
		ret_value->span = place->hi - place->lo;
		ret_value->step = place->shift;
		ret_value->width = (uint8_t)bytes;
	}
	return true;
}

bool hst_pwalk_load(struct hst_pwalk *walk, const struct hst_pval *place, unsigned bytes,
	struct hst_pval *ret_value)
{
	if (place->kind == HST_PVAL_FRAME) {
		return load_frame(walk, place, bytes, ret_value);
	}
	if (place->kind == HST_PVAL_ADDRESS) {
		return load_constant(walk, place, bytes, ret_value);
	}
	return hst_pwalk_refuse(walk, HST_PURITY_READS_POINTER, NULL);
}

/* A value at an index: nothing is known of the place but that it is data as before. */
static bool store_somewhere(struct hst_pwalk *walk, int64_t lo, int64_t hi, unsigned bytes,
	const struct hst_pval *value)
{
	if (lo < walk->state.regs[HST_REG_RSP].num - HST_RED_ZONE || hi > -8) {
		return hst_pwalk_refuse(walk, HST_PURITY_FRAME_OUTSIDE, NULL);
	}
	if (!hst_pwalk_use(walk, value, bytes) || is_tainted(value)) {
		return hst_pwalk_refuse(walk, HST_PURITY_FRAME_INDEX, NULL);
	}
	hst_pstate_blur(&walk->state, &walk->facts, (int32_t)lo, (int32_t)hi);
	return true;
}

bool hst_pwalk_store(struct hst_pwalk *walk, const struct hst_pval *place, unsigned bytes,
	const struct hst_pval *value)
{
	int64_t lo;
	int64_t hi;

	if (place->kind == HST_PVAL_ADDRESS) {
		const char *name = hst_module_object(walk->module, place->origin);

		return hst_pwalk_refuse(
			walk, HST_PURITY_WRITES_GLOBAL, name == NULL ? "a global" : name);
	}
	if (place->kind != HST_PVAL_FRAME) {
		return hst_pwalk_refuse(walk, HST_PURITY_WRITES_POINTER, NULL);
	}
	if (!frame_bytes(walk, place, bytes, &lo, &hi)) {
		return false;
	}
	if (place->lo != place->hi) {
		return store_somewhere(walk, lo, hi, bytes, value);
	}
	if (lo < 0 && hi > -8) {
		return hst_pwalk_refuse(walk, HST_PURITY_RETURN_ADDRESS, NULL);
	}
	hst_pstate_store(&walk->state, &walk->facts, (int32_t)lo, bytes, *value);
	return true;
}

static bool is_canary(const ZydisDecodedOperand *operand)
{
	return operand->mem.segment == ZYDIS_REGISTER_FS &&
	       operand->mem.base == ZYDIS_REGISTER_NONE &&
	       operand->mem.index == ZYDIS_REGISTER_NONE && operand->mem.disp.value == 0x28 &&
	       operand->size == 64;
}

bool hst_pwalk_read(struct hst_pwalk *walk, unsigned i, unsigned bytes, struct hst_pval *ret_value)
{
	const ZydisDecodedOperand *operand = &walk->insn->operands[i];
	struct hst_pval place;
	unsigned reg;

	walk->operand = i;
	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		*ret_value = hst_pval_constant(
			operand->imm.value.u &
			(bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1));
		return true;
	case ZYDIS_OPERAND_TYPE_REGISTER:
		reg = hst_code_register(operand->reg.value);
		if (reg >= HST_REGS) {
			return hst_pwalk_refuse(walk, HST_PURITY_UNSUPPORTED,
				ZydisRegisterGetString(operand->reg.value));
		}
		if (walk->state.regs[reg].kind == HST_PVAL_NONE ||
			walk->state.regs[reg].pure < bytes) {
			*ret_value = walk->state.regs[reg];
			if (ret_value->kind == HST_PVAL_NONE) {
				ret_value->reg = (uint8_t)(reg + 1);
			}
			return true;
		}
		if (hst_code_is_high(operand->reg.value)) {
			bool good = hst_pwalk_use(walk, &walk->state.regs[reg], 2);

			*ret_value = hst_pval_between(0, 255);
			ret_value->tainted = is_tainted(&walk->state.regs[reg]);
			return good;
		}
		if (reg < HST_REG_GENERAL && bytes >= 4) {
			hst_pstate_number(&walk->state, &walk->state.regs[reg], number_of(walk));
		}
		*ret_value = hst_pval_low(&walk->state.regs[reg], bytes);
		return true;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		if (is_canary(operand)) {
			*ret_value = (struct hst_pval){ .kind = HST_PVAL_CANARY, .pure = 8 };
			return true;
		}
		return hst_pwalk_effective(walk, operand, 8, &place) &&
		       hst_pwalk_load(walk, &place, bytes, ret_value);
	case ZYDIS_OPERAND_TYPE_UNUSED:
	case ZYDIS_OPERAND_TYPE_POINTER:
	default:
		return hst_pwalk_refuse(walk, HST_PURITY_UNSUPPORTED, "far pointer");
	}
}
