/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a value while a function is followed for the proof of purity.
 *
 *   NONE     nothing was written there by this call: reading it is refused
 *   INIT     low `width` bytes of register `reg` as it was at entry, zeros above up to `pure`
 *   DATA     computed from the key and from constants; `pure` low bytes of it
 *   FRAME    an address in the own frame: call frame address + num + [lo, hi], wild: + anything
 *   ADDRESS  an address in the file: num + [lo, hi], wild: + anything; made from the constant `origin`
 *   RETURN   the return address; CANARY  the guard of the stack protector
 *   TARGET   an entry of a table of jumps plus the address `origin` (0: the entry is the whole address)
 *
 * DATA and INIT have bounds: lo..hi of all eight bytes, lo32..hi32 of the low four. Places with the same `id` hold the
 * same value, with the same `id32` the same low four bytes; 0 is no number.
 *
 * DATA that was read from constant memory within bounds, and a TARGET, say where: `table` is the address of the first of
 * the bytes that it may begin at, `span` of the last, at steps of 1 << `step`; table 0: it was not.
 */
#ifndef HST_SYMBOLS_PURITY_VALUE_H
#define HST_SYMBOLS_PURITY_VALUE_H

#include "symbols/recipes_code.h"

enum hst_pval_kind {
	HST_PVAL_NONE,
	HST_PVAL_INIT,
	HST_PVAL_DATA,
	HST_PVAL_FRAME,
	HST_PVAL_ADDRESS,
	HST_PVAL_RETURN,
	HST_PVAL_CANARY,
	HST_PVAL_TARGET,
};

struct hst_pval {
	uint8_t kind;
	uint8_t reg;
	uint8_t width;
	uint8_t pure;
	uint8_t shift; /* DATA: a multiple of 1 << shift */
	bool wild;     /* a place: anywhere; DATA from a table: its sign was extended */
	uint8_t step;
	bool tainted; /* DATA: computed from an address of the module */
	uint32_t id, id32;
	uint32_t lo32, hi32;
	uint64_t lo, hi;
	int64_t num;
	uint64_t origin;
	uint64_t table, span;
	uint64_t
		deps; /* DATA: may still be what registers held at entry; four bits each, hst_deps_* */
};

#define HST_PVAL_THRESHOLDS 192u

/* Constants that the function compares with, ascending: bounds grow to these only. */
struct hst_thresholds {
	uint64_t items[HST_PVAL_THRESHOLDS];
	size_t count;
};

extern const struct hst_pval hst_pval_none;

/* DATA of which nothing is known but that it has so many bytes. */
struct hst_pval hst_pval_data(unsigned pure);
struct hst_pval hst_pval_constant(uint64_t number);
struct hst_pval hst_pval_init(unsigned reg, unsigned bytes);
static inline bool hst_pval_is_constant(const struct hst_pval *value)
{
	return value->kind == HST_PVAL_DATA && value->lo == value->hi && value->pure >= 8 &&
	       value->deps == 0 && !value->tainted;
}
/* DATA with bounds of all eight bytes; those of the low four follow. */
struct hst_pval hst_pval_between(uint64_t lo, uint64_t hi);

/* The low bytes of a value, zeros above. */
struct hst_pval hst_pval_low(const struct hst_pval *value, unsigned width);

/* Registers that can be part of a key have numbers in `deps`; -1: no register that arguments come in. */
int hst_deps_number(unsigned reg);
unsigned hst_deps_reg(int number);
uint64_t hst_deps_of(unsigned reg, unsigned bytes);
unsigned hst_deps_bytes(uint64_t deps, int number);
uint64_t hst_deps_join(uint64_t a, uint64_t b);

void hst_thresholds_add(struct hst_thresholds *thresholds, uint64_t number);

/* Makes *into what holds for both. `widen` (NULL: no) bounds that grow go to one of these. true: *into has changed. */
bool hst_pval_join(
	struct hst_pval *into, const struct hst_pval *other, const struct hst_thresholds *widen);

#endif
