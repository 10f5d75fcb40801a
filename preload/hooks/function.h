/* SPDX-License-Identifier: Apache-2.0 */
/* What other hooks need of the function hooks: the way in past the guard, and the slow paths. */
#ifndef HST_HOOKS_FUNCTION_H
#define HST_HOOKS_FUNCTION_H

#include "core/attr.h"
#include "core/stream.h"
#include "sink/file.h"
#include "stacks/shadow.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The stream that a hook with this stack pointer writes to, with its guard set: the thread's own, or lane 1.
 * NULL: record nothing. The caller sets guard to 0 when done.
 */
struct hst_stream *hst_stream_enter(uint64_t sp);

/*
 * The same for a hook that tells of a switch to another stack. A hook that is interrupted then goes on some time later, and
 * its stream is kept for it.
 */
struct hst_stream *hst_stream_switch(uint64_t sp);

/* An interrupted hook that others had to wait for has ended: with the guard set. */
void hst_stream_unhold(struct hst_stream *stream);

/* Enter and exit with all repairs. `cfa_known` 0: find the frame address. */
void hst_enter(struct hst_stream *stream, const struct hst_call *call, uint64_t cfa_known);
void hst_exit(struct hst_stream *stream, const struct hst_call *call);

/* Ends the innermost region of the function that runs with this stack pointer. */
void hst_exit_region(struct hst_stream *stream, uint64_t sp);

/*
 * The sides of the two exported hooks, from the nearest to the farthest. All are reached by tail jumps, with the program's
 * arguments and the hook's own stack; the guard is set unless said otherwise.
 */
void hst_enter_unpredicted(
	void *fn, void *call_site); /* trace mode: a known instance, not the predicted one */
void hst_enter_profile(void *fn, void *call_site); /* profile mode, the common case */
void hst_enter_profile_search(
	void *fn, void *call_site);             /* the same, another context than the last time */
void hst_enter_slow(void *fn, void *call_site); /* everything */
void hst_enter_foreign(void *fn,
	void *call_site); /* guard not set: no stream yet, or another hook is interrupted */
void hst_enter_filtered(void *fn, void *call_site); /* guard not set: a filter is in force */
void hst_exit_profile(
	void *fn, void *call_site, uint64_t ticks); /* profile mode, the common case */
void hst_exit_slow(void *fn, void *call_site);
void hst_exit_foreign(void *fn, void *call_site);
void hst_exit_filtered(void *fn, void *call_site); /* guard not set: the filter has been asked */

/* The slow sides for a hook that has its caller's registers, and so is called. NULL: guard not set. Both free it. */
void hst_enter_call(struct hst_stream *stream, const struct hst_call *call);
void hst_exit_call(struct hst_stream *stream, const struct hst_call *call);

/*
 * The hook's caller, as seen from the exported hooks and from all that they tail-jump to: a tail jump leaves the stack
 * as it was. A call in place of the jump would be an error that every test of nesting shows.
 */
#define HST_CALLER_RET() ((uint64_t)__builtin_return_address(0))
#define HST_CALLER_SP()  ((uint64_t)__builtin_dwarf_cfa())
#define HST_CALLER_RBP() (*(const uint64_t *)__builtin_frame_address(0))

/*
 * Is the frame address in place: below the innermost frame and above the stack's end (one unsigned compare), or equal to
 * it and an inlined instance that is not open yet? And is the slot below it where call_site is?
 */
HST_INLINE bool frame_fits(const struct hst_stream *stream, const struct hst_open *top,
	uint32_t group, uint64_t cfa, uint64_t call_site)
{
	if (HST_UNLIKELY(cfa - stream->lo >= top->cfa - stream->lo) &&
		(cfa != top->cfa || top->call != (uint32_t)call_site ||
			(top->group & group) != 0)) {
		return false;
	}
	return *(const uint64_t *)(cfa - 8) == call_site;
}

/*
 * Does this exit belong to the top entry? Its function, and a frame that is not below the stack pointer. At the stack pointer
 * lies a callee's frame that is gone, or, if the hook was tail-jumped to, the frame itself.
 */
HST_INLINE bool exit_fits(const struct hst_open *top, uint64_t fn, uint64_t call_site)
{
	uint64_t sp = HST_CALLER_SP();

	return top->fn == fn &&
	       (top->cfa > sp || (top->cfa == sp && HST_CALLER_RET() == call_site));
}

/* ~call_site, before anything can put the plain value on the stack: see struct hst_call. */
HST_INLINE uint64_t hst_inverted(void *call_site)
{
	uint64_t value = (uint64_t)call_site;

	__asm__ volatile("not %0" : "+r"(value));
	return value;
}

HST_INLINE void fill_entry(struct hst_open *top, const struct hst_ident *ident, uint64_t cfa,
	uint32_t id, uint64_t fn, uint64_t call_site)
{
	struct hst_open *entry = top + 1;

	entry->cfa = cfa;
	entry->fn = fn;
	entry->ret = ident->ret;
	entry->call = (uint32_t)call_site;
	entry->group = ident->group | (cfa == top->cfa ? top->group : 0);
	entry->id = (uint16_t)id;
	entry->last = 0;
	entry->keyed = 0;
}

HST_INLINE bool window_open(const struct hst_window *window)
{
	return window->cur < window->limit && window->seen == hst_sink_watch();
}

#endif
