/* SPDX-License-Identifier: Apache-2.0 */
/* Values, their bounds, and what holds for two of them. */
#include "symbols/purity_value.h"

#include <string.h>

#define LOW32 UINT64_C(0xffffffff)

const struct hst_pval hst_pval_none = { .kind = HST_PVAL_NONE };

static uint64_t mask_of(unsigned width)
{
	return width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

struct hst_pval hst_pval_between(uint64_t lo, uint64_t hi)
{
	struct hst_pval value = { .kind = HST_PVAL_DATA, .pure = 8, .lo = lo, .hi = hi };

	if (hi <= LOW32) {
		value.lo32 = (uint32_t)lo;
		value.hi32 = (uint32_t)hi;
	} else {
		value.hi32 = UINT32_MAX;
	}
	return value;
}

struct hst_pval hst_pval_data(unsigned pure)
{
	struct hst_pval value = hst_pval_between(0, UINT64_MAX);

	value.pure = (uint8_t)pure;
	return value;
}

struct hst_pval hst_pval_constant(uint64_t number)
{
	struct hst_pval value = hst_pval_between(number, number);

	value.lo32 = (uint32_t)number;
	value.hi32 = (uint32_t)number;
	value.pure = 16;
	for (value.shift = 0; value.shift < 16 && (number >> value.shift & 1) == 0; value.shift++) {
	}
	return value;
}

struct hst_pval hst_pval_init(unsigned reg, unsigned bytes)
{
	struct hst_pval value = hst_pval_data(bytes);

	value.kind = HST_PVAL_INIT;
	value.reg = (uint8_t)reg;
	value.width = (uint8_t)bytes;
	return value;
}

/* The bounds of the low bytes. */
static void clip(struct hst_pval *value, unsigned width)
{
	uint64_t mask = mask_of(width);

	if (width >= 8) {
		return;
	}
	if (value->hi > mask) {
		if (value->hi32 <= mask) {
			value->lo = value->lo32;
			value->hi = value->hi32;
		} else {
			value->lo = 0;
			value->hi = mask;
		}
		value->id = 0;
		value->id32 = width == 4 ? value->id32 : 0;
	}
	value->lo32 = (uint32_t)value->lo;
	value->hi32 = (uint32_t)value->hi;
}

/* Less than was asked for is known: the lowest bytes. */
static struct hst_pval part_of(const struct hst_pval *value, unsigned width)
{
	struct hst_pval part = hst_pval_data(value->pure);

	if (value->pure == 0 || (value->kind != HST_PVAL_DATA && value->kind != HST_PVAL_INIT)) {
		return hst_pval_none;
	}
	part.kind = value->kind;
	part.tainted = value->tainted;
	part.deps = value->deps;
	if (value->kind == HST_PVAL_INIT) {
		part.reg = value->reg;
		part.width = value->width < width ? value->width : (uint8_t)width;
	}
	return part;
}

struct hst_pval hst_pval_low(const struct hst_pval *value, unsigned width)
{
	struct hst_pval low = *value;

	if (value->pure < width) {
		return part_of(value, width);
	}
	switch ((enum hst_pval_kind)value->kind) {
	case HST_PVAL_INIT:
		low.width = value->width < width ? value->width : (uint8_t)width;
		clip(&low, width);
		low.pure = width < 8 ? 8 : (uint8_t)width;
		return low;
	case HST_PVAL_DATA:
		if (width < value->width) {
			low.table = 0;
		}
		clip(&low, width);
		low.pure = width < 8 ? 8 : (uint8_t)width;
		return low;
	case HST_PVAL_ADDRESS:
		if (width < 8) {
			low = hst_pval_between(0, mask_of(width));
			low.tainted = true;
		}
		return low;
	case HST_PVAL_FRAME:
	case HST_PVAL_RETURN:
	case HST_PVAL_CANARY:
	case HST_PVAL_TARGET:
		return width >= 8 ? low : hst_pval_none;
	case HST_PVAL_NONE:
	default:
		return hst_pval_none;
	}
}

/* rdi rsi rdx rcx r8 r9 xmm0..xmm7 */
static const uint8_t keyed[] = { HST_REG_RDI, HST_REG_RSI, HST_REG_RDX, HST_REG_RCX, 8, 9,
	HST_REG_XMM0, HST_REG_XMM0 + 1, HST_REG_XMM0 + 2, HST_REG_XMM0 + 3, HST_REG_XMM0 + 4,
	HST_REG_XMM0 + 5, HST_REG_XMM0 + 6, HST_REG_XMM0 + 7 };

int hst_deps_number(unsigned reg)
{
	for (size_t i = 0; i < sizeof keyed; i++) {
		if (keyed[i] == reg) {
			return (int)i;
		}
	}
	return -1;
}

unsigned hst_deps_reg(int number)
{
	return keyed[number];
}

/* 1, 2, 4, 8, 16 bytes are 1 to 5 */
static unsigned code_of(unsigned bytes)
{
	unsigned code = 1;

	while (code < 5 && (1u << (code - 1)) < bytes) {
		code++;
	}
	return code;
}

uint64_t hst_deps_of(unsigned reg, unsigned bytes)
{
	int number = hst_deps_number(reg);

	return number < 0 || bytes == 0 ? 0 : (uint64_t)code_of(bytes) << (4 * number);
}

unsigned hst_deps_bytes(uint64_t deps, int number)
{
	unsigned code = (unsigned)(deps >> (4 * number)) & 15u;

	return code == 0 ? 0 : 1u << (code - 1);
}

uint64_t hst_deps_join(uint64_t a, uint64_t b)
{
	uint64_t joined = 0;

	if (a == b || b == 0) {
		return a;
	}
	for (unsigned at = 0; at < 64; at += 4) {
		uint64_t x = a >> at & 15;
		uint64_t y = b >> at & 15;

		joined |= (x > y ? x : y) << at;
	}
	return joined;
}

static void insert(struct hst_thresholds *thresholds, uint64_t number)
{
	size_t at = thresholds->count;

	while (at > 0 && thresholds->items[at - 1] > number) {
		at--;
	}
	if ((at > 0 && thresholds->items[at - 1] == number) ||
		thresholds->count == HST_PVAL_THRESHOLDS) {
		return;
	}
	memmove(&thresholds->items[at + 1], &thresholds->items[at],
		(thresholds->count - at) * sizeof thresholds->items[0]);
	thresholds->items[at] = number;
	thresholds->count++;
}

void hst_thresholds_add(struct hst_thresholds *thresholds, uint64_t number)
{
	insert(thresholds, number);
	insert(thresholds, number + 1);
	if (number > 0) {
		insert(thresholds, number - 1);
	}
}

static uint64_t grow_down(const struct hst_thresholds *widen, uint64_t number)
{
	uint64_t found = 0;

	for (size_t i = 0; widen != NULL && i < widen->count && widen->items[i] <= number; i++) {
		found = widen->items[i];
	}
	return widen == NULL ? number : found;
}

static uint64_t grow_up(const struct hst_thresholds *widen, uint64_t number, uint64_t most)
{
	for (size_t i = 0; widen != NULL && i < widen->count; i++) {
		if (widen->items[i] >= number && widen->items[i] <= most) {
			return widen->items[i];
		}
	}
	return widen == NULL ? number : most;
}

static bool join_bounds(
	struct hst_pval *into, const struct hst_pval *other, const struct hst_thresholds *widen)
{
	struct hst_pval before = *into;

	if (other->lo < into->lo) {
		into->lo = grow_down(widen, other->lo);
	}
	if (other->hi > into->hi) {
		into->hi = grow_up(widen, other->hi, other->hi <= LOW32 ? LOW32 : UINT64_MAX);
	}
	if (other->lo32 < into->lo32) {
		into->lo32 = (uint32_t)grow_down(widen, other->lo32);
	}
	if (other->hi32 > into->hi32) {
		into->hi32 = (uint32_t)grow_up(widen, other->hi32, LOW32);
	}
	if (other->shift < into->shift) {
		into->shift = other->shift;
	}
	return into->lo != before.lo || into->hi != before.hi || into->lo32 != before.lo32 ||
	       into->hi32 != before.hi32 || into->shift != before.shift;
}

/* What a register held at entry counts as DATA that may still be that. */
static bool as_data(struct hst_pval *value)
{
	if (value->kind == HST_PVAL_DATA) {
		return true;
	}
	if (value->kind == HST_PVAL_ADDRESS) {
		uint8_t pure = value->pure;

		*value = hst_pval_data(pure);
		value->tainted = true;
		return true;
	}
	if (value->kind != HST_PVAL_INIT || hst_deps_number(value->reg) < 0) {
		return false;
	}
	value->deps = hst_deps_of(value->reg, value->width);
	value->kind = HST_PVAL_DATA;
	value->reg = 0;
	value->width = 0;
	return true;
}

static bool same_place(const struct hst_pval *a, const struct hst_pval *b)
{
	return a->kind == b->kind && a->reg == b->reg && a->width == b->width && a->num == b->num &&
	       a->origin == b->origin;
}

static bool join_address(struct hst_pval *into, const struct hst_pval *other)
{
	if (into->wild ||
		(into->num == other->num && into->lo == other->lo && into->hi == other->hi &&
			into->shift <= other->shift && !other->wild)) {
		return false;
	}
	if (into->num == other->num && into->lo == other->lo && into->hi == other->hi &&
		!other->wild) {
		into->shift = other->shift;
		return true;
	}
	into->wild = true;
	into->lo = 0;
	into->hi = 0;
	return true;
}

static bool join_ids(struct hst_pval *into, const struct hst_pval *other)
{
	bool changed = false;

	if (into->id != other->id && into->id != 0) {
		into->id = 0;
		changed = true;
	}
	if (into->id32 != other->id32 && into->id32 != 0) {
		into->id32 = 0;
		changed = true;
	}
	return changed;
}

/* Of two places that it was read from, none is known. */
static bool join_tables(struct hst_pval *into, const struct hst_pval *other)
{
	if (into->table == 0 || (into->table == other->table && into->span == other->span &&
					into->step == other->step && into->width == other->width &&
					into->wild == other->wild)) {
		return false;
	}
	into->table = 0;
	into->span = 0;
	into->step = 0;
	into->width = 0;
	into->wild = false;
	return true;
}

static bool lose(struct hst_pval *into)
{
	bool changed = into->kind != HST_PVAL_NONE;

	*into = hst_pval_none;
	return changed;
}

bool hst_pval_join(
	struct hst_pval *into, const struct hst_pval *other, const struct hst_thresholds *widen)
{
	struct hst_pval right = *other;
	bool changed = false;

	if (into->kind == HST_PVAL_NONE || other->kind == HST_PVAL_NONE) {
		return lose(into);
	}
	if (into->kind == other->kind && into->origin == other->origin &&
		(into->kind == HST_PVAL_ADDRESS || into->kind == HST_PVAL_FRAME)) {
		return join_address(into, other);
	}
	if (into->kind != HST_PVAL_DATA && same_place(into, &right)) {
		changed = join_ids(into, &right);
		if (right.pure < into->pure) {
			into->pure = right.pure;
			changed = true;
		}
		if (into->kind == HST_PVAL_TARGET && join_tables(into, &right)) {
			return lose(into);
		}
		return join_bounds(into, &right, widen) || changed;
	}
	changed = into->kind != HST_PVAL_DATA;
	if (!as_data(into) || !as_data(&right)) {
		return lose(into) || changed;
	}
	changed = join_tables(into, &right) || changed;
	changed = join_ids(into, &right) || changed;
	if (right.pure < into->pure) {
		into->pure = right.pure;
		changed = true;
	}
	if (right.tainted && !into->tainted) {
		into->tainted = true;
		changed = true;
	}
	if (hst_deps_join(into->deps, right.deps) != into->deps) {
		into->deps = hst_deps_join(into->deps, right.deps);
		changed = true;
	}
	return join_bounds(into, &right, widen) || changed;
}
