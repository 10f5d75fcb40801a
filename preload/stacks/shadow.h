/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shadow stack: which calls are open, keyed by canonical frame address (CFA).
 *
 * Why the CFA: it stays the same for all hooks of one activation, inlined ones included, and tells
 * by comparison alone which frames are gone after longjmp, an exception without landing pads, or a
 * missed exit. Nothing has to be wrapped for that.
 *
 *      older callers, higher addresses
 *      ┌───────────────┐ cfa of main
 *      │ main          │
 *      ├───────────────┤ cfa of f: the slot below it holds f's return address = call_site
 *      │ f             │   hooks of f, and of what is inlined into f, run with
 *      │               │   stack pointer = cfa - k, k constant per hook
 *      └───────────────┘ stack pointer
 *
 * All functions work on the caller's own stream, with its guard set.
 */
#ifndef HST_STACKS_SHADOW_H
#define HST_STACKS_SHADOW_H

#include "core/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct hst_registers;

enum hst_unwind_reason {
	HST_UNWIND_ERROR = 1,     /* left by longjmp or an exception */
	HST_UNWIND_MISSED = 2,    /* its exit hook did not come */
	HST_UNWIND_PAUSED = 3,    /* perhaps returned while nothing was recorded */
	HST_UNWIND_ABANDONED = 4, /* its stack is no longer used */
};

/*
 * The hook that runs: what the compiler passed and where it was called.
 *
 * call_site is kept inverted: a plain copy on our own stack would stay behind there, and the next, larger
 * frame of the same caller would lie over it, so that the search for its return address finds ours.
 */
struct hst_call {
	uint64_t fn;
	uint64_t site_not; /* ~call_site */
	uint64_t ret;      /* of the enter hook; 0 for exits */
	uint64_t sp;       /* of the hook's caller, at the call */
	uint64_t rbp;      /* of the hook's caller; may be anything */
	bool jumped;       /* exits: the hook was tail-jumped to, sp is the frame address */
	uint64_t
		from_not; /* exits: ~ the hook's return address, which then may be that of call_site */
	/* hooks/args.h: kept, since there are recipes; NULL not */
	const struct hst_registers *registers;
};

/*
 * CFA of the hook's caller: sp + k where k is known, else the slot that holds call_site is looked for
 * (at most 64 KiB upwards, never beyond the known stack). *ret_k: what may be remembered, 0 nothing.
 * Not found: sp itself, counted in the ledger.
 */
uint64_t hst_frame_address(
	struct hst_stream *stream, const struct hst_call *call, uint32_t k, uint32_t *ret_k);

/* Does the frame's return address lie where it was? The frame is one of the stack that runs, further out than what runs. */
bool hst_stack_is_there(const struct hst_open *entry);

/* Closes the innermost `count` frames: record, ledger, tree. */
void hst_stack_pop(
	struct hst_stream *stream, uint32_t count, enum hst_unwind_reason reason, uint64_t ticks);

/* Closes what cannot be open any more when a call with this frame address begins. */
void hst_stack_settle(
	struct hst_stream *stream, uint64_t cfa, const struct hst_call *call, uint64_t ticks);

/* The same for code that runs with this stack pointer. */
void hst_stack_settle_at(struct hst_stream *stream, uint64_t sp, uint64_t ticks);

/* After the top moved down: keeps `low` and the ids of newly visible frames right. */
void hst_stack_exposed(struct hst_stream *stream);

/* Sets `low`: while an exception is on its way, or calls are open that have no entry, every exit looks up. */
void hst_stack_set_low(struct hst_stream *stream);

/* Room for one more entry. false: none to be had. */
bool hst_stack_grow(struct hst_stream *stream);

/*
 * Brings the frame that this exit hook belongs to to the top, closing what lies on it.
 * false: there is none; the exit must be dropped.
 */
bool hst_stack_find_exit(struct hst_stream *stream, const struct hst_call *call, uint64_t ticks);

#endif
