/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a function: which bytes this call wrote, and what is known of them. */
#include "symbols/purity_state.h"

#include <string.h>

static bool is_pure(const struct hst_pstate *state, int32_t offset)
{
	uint32_t at = (uint32_t)(offset + HST_FRAME_BELOW);

	return (state->pure[at / 64] >> (at % 64) & 1) != 0;
}

static void mark(struct hst_pstate *state, int64_t lo, int64_t hi, bool pure)
{
	if (lo < -HST_FRAME_BELOW) {
		lo = -HST_FRAME_BELOW;
	}
	if (hi > HST_FRAME_ABOVE) {
		hi = HST_FRAME_ABOVE;
	}
	while (lo < hi) {
		uint32_t at = (uint32_t)(lo + HST_FRAME_BELOW);
		int64_t count = 64 - at % 64 < hi - lo ? 64 - at % 64 : hi - lo;
		uint64_t bits = (count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1)
				<< (at % 64);

		state->pure[at / 64] =
			pure ? state->pure[at / 64] | bits : state->pure[at / 64] & ~bits;
		lo += count;
	}
}

static void touch(struct hst_pstate *state, int64_t lo, int64_t hi)
{
	for (int64_t i = lo < 0 ? 0 : lo; i < hi && i < HST_FRAME_ABOVE; i++) {
		state->touched[i / 64] |= UINT64_C(1) << (i % 64);
	}
}

static bool is_touched(const struct hst_pstate *state, int32_t offset)
{
	return offset >= 0 && (state->touched[offset / 64] >> (offset % 64) & 1) != 0;
}

void hst_pstate_enter(struct hst_pstate *state, unsigned vector_bytes)
{
	memset(state, 0, sizeof *state);
	for (unsigned i = 0; i < HST_REGS; i++) {
		state->regs[i] = hst_pval_init(i, i < HST_REG_GENERAL ? 8 : vector_bytes);
	}
	state->regs[HST_REG_RSP] =
		(struct hst_pval){ .kind = HST_PVAL_FRAME, .pure = 8, .num = -8 };
	state->cells[0] = (struct hst_cell){
		.offset = -8, .bytes = 8, .value = { .kind = HST_PVAL_RETURN, .pure = 8 }
	};
	state->cell_count = 1;
}

enum hst_frame_check hst_pstate_check(const struct hst_pstate *state, int64_t lo, int64_t hi)
{
	const struct hst_pval *rsp = &state->regs[HST_REG_RSP];

	if (rsp->kind != HST_PVAL_FRAME || rsp->wild || lo < rsp->num - HST_RED_ZONE || hi < lo) {
		return HST_FRAME_FOREIGN;
	}
	if (lo < -HST_FRAME_BELOW) {
		return HST_FRAME_BEYOND;
	}
	return hi > HST_FRAME_ABOVE ? HST_FRAME_FOREIGN : HST_FRAME_GOOD;
}

/* The first cell that ends above the offset. */
static uint32_t cell_at(const struct hst_pstate *state, int64_t offset)
{
	uint32_t lo = 0;
	uint32_t hi = state->cell_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if ((int64_t)state->cells[mid].offset + state->cells[mid].bytes <= offset) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

struct hst_pval *hst_pstate_cell(struct hst_pstate *state, int64_t offset, uint32_t bytes)
{
	uint32_t at = cell_at(state, offset);

	return at < state->cell_count && state->cells[at].offset == offset &&
			       state->cells[at].bytes == bytes
		       ? &state->cells[at].value
		       : NULL;
}

static void remove_cell(struct hst_pstate *state, uint32_t at)
{
	memmove(&state->cells[at], &state->cells[at + 1],
		(state->cell_count - at - 1) * sizeof state->cells[0]);
	state->cell_count--;
}

/* The cell's bytes become plain ones: data, or nothing if it is something else. */
static void drop_cell(struct hst_pstate *state, struct hst_pfacts *facts, uint32_t at)
{
	struct hst_cell *cell = &state->cells[at];

	if (cell->value.kind == HST_PVAL_DATA && !cell->value.tainted) {
		facts->deps = hst_deps_join(facts->deps, cell->value.deps);
	} else {
		mark(state, cell->offset, (int64_t)cell->offset + cell->bytes, false);
	}
	remove_cell(state, at);
}

static void drop_overlapped(
	struct hst_pstate *state, struct hst_pfacts *facts, int64_t lo, int64_t hi)
{
	uint32_t at = cell_at(state, lo);

	while (at < state->cell_count && state->cells[at].offset < hi) {
		drop_cell(state, facts, at);
	}
}

void hst_pstate_forget(struct hst_pstate *state, int64_t lo, int64_t hi)
{
	uint32_t at = cell_at(state, lo);

	while (at < state->cell_count && state->cells[at].offset < hi) {
		mark(state, state->cells[at].offset,
			(int64_t)state->cells[at].offset + state->cells[at].bytes, false);
		remove_cell(state, at);
	}
	mark(state, lo, hi, false);
	touch(state, lo, hi);
}

void hst_pstate_store(struct hst_pstate *state, struct hst_pfacts *facts, int32_t offset,
	uint32_t bytes, struct hst_pval value)
{
	int64_t hi = (int64_t)offset + bytes;
	uint32_t at;

	drop_overlapped(state, facts, offset, hi);
	mark(state, offset, hi, false);
	touch(state, offset, hi);
	if (offset + (int32_t)bytes > facts->writes_above) {
		facts->writes_above = offset + (int32_t)bytes;
	}
	if (value.kind == HST_PVAL_NONE) {
		return;
	}
	value.pure = value.pure < bytes ? value.pure : (uint8_t)bytes;
	if (value.kind == HST_PVAL_DATA) {
		mark(state, offset, (int64_t)offset + value.pure, true);
	}
	if (state->cell_count == HST_STATE_CELLS) {
		if (value.kind == HST_PVAL_DATA && value.tainted) {
			mark(state, offset, hi, false);
		} else if (value.kind == HST_PVAL_DATA) {
			facts->deps = hst_deps_join(facts->deps, value.deps);
		}
		return;
	}
	at = cell_at(state, offset);
	memmove(&state->cells[at + 1], &state->cells[at],
		(state->cell_count - at) * sizeof state->cells[0]);
	state->cells[at] = (struct hst_cell){ .offset = offset, .bytes = bytes, .value = value };
	state->cell_count++;
}

/* Bytes of the caller's frame that were read. false: too many */
static bool read_stack(struct hst_pfacts *facts, int32_t offset, uint32_t bytes)
{
	int64_t lo = offset;
	int64_t hi = lo + bytes;

	for (size_t i = 0; i < facts->stack_count; i++) {
		struct hst_purity_stack *known = &facts->stack[i];
		int64_t end = (int64_t)known->offset + known->bytes;

		if (lo >= known->offset && hi <= end) {
			return true;
		}
		if (lo < end && hi > known->offset) {
			lo = lo < known->offset ? lo : known->offset;
			hi = hi > end ? hi : end;
			*known = facts->stack[--facts->stack_count];
			return read_stack(facts, (int32_t)lo, (uint32_t)(hi - lo));
		}
	}
	if (facts->stack_count == HST_STACK_READS) {
		return false;
	}
	facts->stack[facts->stack_count++] =
		(struct hst_purity_stack){ .offset = offset, .bytes = bytes };
	return true;
}

bool hst_pstate_is_written(
	struct hst_pstate *state, struct hst_pfacts *facts, int32_t lo, int32_t hi)
{
	uint32_t at = cell_at(state, lo);

	for (; at < state->cell_count && state->cells[at].offset < hi; at++) {
		struct hst_cell *cell = &state->cells[at];

		if (cell->value.kind == HST_PVAL_INIT && cell->value.pure >= cell->bytes &&
			hst_deps_number(cell->value.reg) >= 0) {
			facts->deps = hst_deps_join(
				facts->deps, hst_deps_of(cell->value.reg, cell->value.width));
			mark(state, cell->offset, (int64_t)cell->offset + cell->bytes, true);
			cell->value = hst_pval_data(cell->value.pure);
		} else if (cell->value.kind != HST_PVAL_DATA || cell->value.tainted) {
			return false;
		}
		facts->deps = hst_deps_join(facts->deps, cell->value.deps);
	}
	for (int32_t i = lo; i < hi; i++) {
		if (!is_pure(state, i)) {
			return false;
		}
	}
	return true;
}

static bool is_untouched(const struct hst_pstate *state, int32_t lo, int32_t hi)
{
	uint32_t at = cell_at(state, lo);

	if (at < state->cell_count && state->cells[at].offset < hi) {
		return false;
	}
	for (int32_t i = lo; i < hi; i++) {
		if (is_pure(state, i) || is_touched(state, i)) {
			return false;
		}
	}
	return true;
}

struct hst_pval hst_pstate_load(
	struct hst_pstate *state, struct hst_pfacts *facts, int32_t offset, uint32_t bytes)
{
	uint32_t at = cell_at(state, offset);
	struct hst_cell *cell = at < state->cell_count ? &state->cells[at] : NULL;
	uint32_t pure = 0;

	if (cell != NULL && cell->offset == offset && cell->bytes == bytes) {
		return cell->value;
	}
	if (cell != NULL && cell->offset == offset && cell->bytes > bytes &&
		(cell->value.kind == HST_PVAL_INIT || cell->value.kind == HST_PVAL_DATA) &&
		cell->value.pure >= bytes) {
		return hst_pval_low(&cell->value, bytes);
	}
	if (offset >= 0 && is_untouched(state, offset, offset + (int32_t)bytes)) {
		return read_stack(facts, offset, bytes) ? hst_pval_data(bytes) : hst_pval_none;
	}
	if (hst_pstate_is_written(state, facts, offset, offset + (int32_t)bytes)) {
		return bytes < 8 ? hst_pval_between(0, (UINT64_C(1) << (8 * bytes)) - 1)
				 : hst_pval_data(bytes);
	}
	while (pure < bytes && is_pure(state, offset + (int32_t)pure)) {
		pure++;
	}
	return pure == 0 || !hst_pstate_is_written(state, facts, offset, offset + (int32_t)pure)
		       ? hst_pval_none
		       : hst_pval_data(pure);
}

void hst_pstate_blur(struct hst_pstate *state, struct hst_pfacts *facts, int32_t lo, int32_t hi)
{
	drop_overlapped(state, facts, lo, hi);
	touch(state, lo, hi);
	if (hi > facts->writes_above) {
		facts->writes_above = hi;
	}
}

/* No place has the number any more. */
static void kill_number(struct hst_pstate *state, uint32_t id)
{
	for (unsigned i = 0; i < HST_REGS; i++) {
		struct hst_pval *value = &state->regs[i];

		value->id = value->id == id ? 0 : value->id;
		value->id32 = value->id32 == id ? 0 : value->id32;
	}
	for (uint32_t i = 0; i < state->cell_count; i++) {
		struct hst_pval *value = &state->cells[i].value;

		value->id = value->id == id ? 0 : value->id;
		value->id32 = value->id32 == id ? 0 : value->id32;
	}
	if (state->compared.id == id || state->compared.id32 == id) {
		state->compared.width = 0;
	}
}

void hst_pstate_number(struct hst_pstate *state, struct hst_pval *place, uint32_t id)
{
	if ((place->kind != HST_PVAL_DATA && place->kind != HST_PVAL_INIT) ||
		(place->id != 0 && place->id32 != 0)) {
		return;
	}
	kill_number(state, id);
	if (place->id == 0) {
		place->id = id;
	}
	if (place->id32 == 0) {
		place->id32 = id;
	}
}

/* What a register held at entry, over an argument: data now, with what it depends on. */
static void settle(struct hst_pstate *state, struct hst_pfacts *facts, uint32_t at)
{
	const struct hst_cell *cell = &state->cells[at];

	if (cell->offset >= 0) {
		(void)hst_pstate_is_written(
			state, facts, cell->offset, cell->offset + (int32_t)cell->bytes);
	}
}

/* Arguments in memory that `over` has overwritten with data and `left` has not: what the caller put there is read. */
static void read_left(
	struct hst_pstate *left, const struct hst_pstate *over, struct hst_pfacts *facts)
{
	for (int32_t lo = 0; lo < HST_FRAME_ABOVE; lo++) {
		int32_t hi = lo;

		while (hi < HST_FRAME_ABOVE && is_touched(over, hi) && is_pure(over, hi) &&
			is_untouched(left, hi, hi + 1)) {
			hi++;
		}
		if (hi > lo && read_stack(facts, lo, (uint32_t)(hi - lo))) {
			mark(left, lo, hi, true);
		}
		lo = hi > lo ? hi : lo;
	}
}

/* Cells that only one of both has become plain bytes; equal ones are joined. true: changed */
static bool join_cells(struct hst_pstate *into, struct hst_pstate *other, struct hst_pfacts *facts,
	const struct hst_thresholds *widen)
{
	bool changed = false;
	uint32_t i = 0;
	uint32_t j = 0;

	while (i < into->cell_count || j < other->cell_count) {
		struct hst_cell *a = i < into->cell_count ? &into->cells[i] : NULL;
		struct hst_cell *b = j < other->cell_count ? &other->cells[j] : NULL;

		if (a != NULL && b != NULL && a->offset == b->offset && a->bytes == b->bytes) {
			uint8_t kind = a->value.kind;

			changed = hst_pval_join(&a->value, &b->value, widen) || changed;
			if (a->value.kind == HST_PVAL_DATA && kind != HST_PVAL_DATA) {
				mark(into, a->offset, (int64_t)a->offset + a->value.pure, true);
			}
			if (a->value.kind == HST_PVAL_DATA && b->value.kind != HST_PVAL_DATA) {
				mark(other, b->offset, (int64_t)b->offset + b->value.pure, true);
			}
			if (a->value.kind == HST_PVAL_NONE) {
				mark(into, a->offset, (int64_t)a->offset + a->bytes, false);
				remove_cell(into, i);
			} else {
				i++;
			}
			j++;
		} else if (b == NULL || (a != NULL && a->offset <= b->offset)) {
			settle(into, facts, i);
			drop_cell(into, facts, i);
			changed = true;
		} else {
			settle(other, facts, j);
			drop_cell(other, facts, j);
		}
	}
	return changed;
}

static bool same_compared(const struct hst_compared *a, const struct hst_compared *b)
{
	return a->width == b->width && a->id == b->id && a->id32 == b->id32 &&
	       a->number == b->number;
}

bool hst_pstate_join(struct hst_pstate *into, const struct hst_pstate *other,
	struct hst_pfacts *facts, const struct hst_thresholds *widen)
{
	struct hst_pstate right = *other;
	uint32_t flags = into->flags & right.flags;
	bool changed = flags != into->flags;

	into->flags = flags;
	if (into->compared.width != 0 && !same_compared(&into->compared, &right.compared)) {
		into->compared = (struct hst_compared){ .width = 0 };
		changed = true;
	}
	for (unsigned i = 0; i < HST_REGS; i++) {
		changed = hst_pval_join(&into->regs[i], &right.regs[i], widen) || changed;
	}
	changed = join_cells(into, &right, facts, widen) || changed;
	read_left(&right, into, facts);
	read_left(into, &right, facts);
	for (size_t i = 0; i < sizeof into->touched / sizeof into->touched[0]; i++) {
		uint64_t either = into->touched[i] | right.touched[i];

		changed = changed || either != into->touched[i];
		into->touched[i] = either;
	}
	for (size_t i = 0; i < sizeof into->pure / sizeof into->pure[0]; i++) {
		uint64_t both = into->pure[i] & right.pure[i];

		changed = changed || both != into->pure[i];
		into->pure[i] = both;
	}
	return changed;
}

static bool same_results(const struct hst_pfacts *a, const struct hst_pfacts *b)
{
	for (unsigned i = 0; i < HST_PURITY_RESULTS; i++) {
		if (a->results[i] != b->results[i] || a->specific[i] != b->specific[i] ||
			a->more[i] != b->more[i]) {
			return false;
		}
	}
	return true;
}

bool hst_pfacts_same(const struct hst_pfacts *a, const struct hst_pfacts *b)
{
	if (a->deps != b->deps || a->stack_count != b->stack_count || a->returns != b->returns ||
		a->uses_fp != b->uses_fp || a->by_address != b->by_address ||
		a->writes_above != b->writes_above || !same_results(a, b)) {
		return false;
	}
	for (size_t i = 0; i < a->stack_count; i++) {
		if (a->stack[i].offset != b->stack[i].offset ||
			a->stack[i].bytes != b->stack[i].bytes) {
			return false;
		}
	}
	return true;
}
