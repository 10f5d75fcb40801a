/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers and the stack frame at one point of a function that is followed for the proof of purity. Places in the
 * frame are offsets from the call frame address: the return address lies at -8, arguments in memory from 0 on.
 *
 *   pure    one bit per byte: this call wrote data there, on every way that leads here
 *   touched one bit per byte from the call frame address on: written on some way, so it may not be the caller's any more
 *   cells   what more is known of some of them. Bytes of a cell that is not DATA have no `pure` bits
 */
#ifndef HST_SYMBOLS_PURITY_STATE_H
#define HST_SYMBOLS_PURITY_STATE_H

#include "symbols/purity.h"
#include "symbols/purity_value.h"

#define HST_FRAME_BELOW 4096
#define HST_FRAME_ABOVE 256
#define HST_FRAME_BYTES (HST_FRAME_BELOW + HST_FRAME_ABOVE)
#define HST_STATE_CELLS 128u
#define HST_RED_ZONE    128
#define HST_STACK_READS 64u

struct hst_cell {
	int32_t offset;
	uint32_t bytes;
	struct hst_pval value;
};

/* What the flags were last made from, for branches: the low `width` bytes of a value against a number. */
struct hst_compared {
	uint8_t width; /* 0: unknown */
	uint32_t id, id32;
	uint64_t number;
};

struct hst_pstate {
	struct hst_pval regs[HST_REGS];
	uint32_t flags; /* those that are decided by the key */
	struct hst_compared compared;
	uint32_t cell_count;
	struct hst_cell cells[HST_STATE_CELLS]; /* ascending, disjoint */
	uint64_t pure[HST_FRAME_BYTES / 64];
	uint64_t touched[HST_FRAME_ABOVE / 64];
};

/* What was found out about the function so far: it only grows. */
struct hst_pfacts {
	uint64_t deps; /* the key's registers */
	struct hst_purity_stack stack[HST_STACK_READS];
	size_t stack_count;
	uint8_t results[HST_PURITY_RESULTS]; /* bytes */
	bool specific[HST_PURITY_RESULTS];
	uint64_t more[HST_PURITY_RESULTS]; /* deps */
	bool returns;
	bool uses_fp;
	bool by_address; /* what is done depends on where the module was loaded */
	int32_t writes_above; /* bytes of the caller's frame, from the call frame address on, that it may write */
};

/* An access in the own frame; sizes are of [lo, hi). */
enum hst_frame_check {
	HST_FRAME_GOOD,
	HST_FRAME_BEYOND, /* larger than is followed */
	HST_FRAME_FOREIGN,
};

void hst_pstate_enter(struct hst_pstate *state, unsigned vector_bytes);
/* Is [lo, hi) a part of the frame that may be accessed now? Arguments in memory are. */
enum hst_frame_check hst_pstate_check(const struct hst_pstate *state, int64_t lo, int64_t hi);

/* A value of the frame; NONE: not all bytes were written. Both need a place that was checked. */
struct hst_pval hst_pstate_load(
	struct hst_pstate *state, struct hst_pfacts *facts, int32_t offset, uint32_t bytes);
void hst_pstate_store(struct hst_pstate *state, struct hst_pfacts *facts, int32_t offset,
	uint32_t bytes, struct hst_pval value);
/* Are all bytes of [lo, hi) data? Takes what registers held at entry for data that is read. */
bool hst_pstate_is_written(
	struct hst_pstate *state, struct hst_pfacts *facts, int32_t lo, int32_t hi);
/* Data is written somewhere within [lo, hi). */
void hst_pstate_blur(struct hst_pstate *state, struct hst_pfacts *facts, int32_t lo, int32_t hi);
/* Whatever lies in [lo, hi) is no longer known. */
void hst_pstate_forget(struct hst_pstate *state, int64_t lo, int64_t hi);

/* The value of a cell of exactly this size, NULL: there is none. */
struct hst_pval *hst_pstate_cell(struct hst_pstate *state, int64_t offset, uint32_t bytes);

/* A place that was read gets a number, so that copies of it can be told. */
void hst_pstate_number(struct hst_pstate *state, struct hst_pval *place, uint32_t id);

bool hst_pfacts_same(const struct hst_pfacts *a, const struct hst_pfacts *b);

/* Makes *into what holds for both. true: *into has changed. */
bool hst_pstate_join(struct hst_pstate *into, const struct hst_pstate *other,
	struct hst_pfacts *facts, const struct hst_thresholds *widen);

#endif
