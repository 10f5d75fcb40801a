/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swapcontext and setcontext say where they go: the new stack pointer, and for contexts of makecontext the whole
 * stack. Both end in a tail call, so that the context they save is the caller's and not ours.
 */
#include "core/attr.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/real.h"
#include "hooks/function.h"
#include "hooks/stream.h"
#include "sink/file.h"
#include "stacks/fiber.h"

#include <ucontext.h>

#include "core/poison.h"

HST_NOINLINE static void context_goes(const ucontext_t *to)
{
	uint64_t here = (uint64_t)__builtin_dwarf_cfa();
	uint64_t sp = (uint64_t)to->uc_mcontext.gregs[REG_RSP];
	uint64_t lo = (uint64_t)to->uc_stack.ss_sp;
	struct hst_stream *stream;

	if (hst_self == NULL) {
		return; /* no hook has run on this thread yet: nothing is open */
	}
	stream = hst_stream_switch(here);
	if (stream == NULL) {
		return;
	}
	/* A handler that switches may have little time: what only its first event needs is left to that. */
	if (stream->mode == HST_STREAM_IDLE ? stream->lane == HST_LANE_MAIN
					    : !hst_stream_must_look(stream, hst_sink_watch()) ||
						      hst_stream_service(stream)) {
		hst_fiber_announced(
			stream, lo, lo == 0 ? 0 : lo + to->uc_stack.ss_size, sp, hst_ticks());
	}
	stream->guard = 0;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc names them with underscores */
HST_EXPORT int swapcontext(ucontext_t *restrict from, const ucontext_t *restrict to)
{
	int (*real)(ucontext_t *, const ucontext_t *) = (int (*)(ucontext_t *,
		const ucontext_t *))hst_real(HST_REAL_swapcontext, __builtin_return_address(0));

	context_goes(to);
	return real(from, to);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the same */
HST_EXPORT int setcontext(const ucontext_t *to)
{
	int (*real)(const ucontext_t *) = (int (*)(const ucontext_t *))hst_real(
		HST_REAL_setcontext, __builtin_return_address(0));

	context_goes(to);
	return real(to);
}
