/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hooks of allocation and mapping share: the record of an event, after or before the real call. Never holds
 * the guard while a real function runs: what a signal handler does in between is recorded like anything else.
 *
 *   malloc ── real ── hst_memory_came_fast ──▶ stream       free ── hst_memory_goes_fast ──▶ stream ── real
 */
#ifndef HST_HOOKS_MEMORY_H
#define HST_HOOKS_MEMORY_H

#include "buffer/encode_memory.h"
#include "core/attr.h"
#include "core/real.h"
#include "core/stream.h"
#include "hooks/function.h"

#include <stdbool.h>
#include <stdint.h>

enum hst_memory_mode {
	HST_MEMORY_UNKNOWN = 0, /* before the start of the process's recording */
	HST_MEMORY_RECORDS = 1,
	HST_MEMORY_SILENT = 2,
};

extern HST_HIDDEN uint32_t hst_memory_mode;

/* Who asks: all hooks of the family make it from their own caller. */
struct hst_ask {
	uint64_t ret; /* address behind the call of the hook */
	uint64_t sp;  /* of the hook's caller */
	enum hst_allocator which;
};

/* Timed by chance, one call in so many on average. */
#define HST_MEMORY_TIMED 16u
/* Larger ones are all timed: they differ too much to stand for each other. */
#define HST_MEMORY_LARGE 4096u

/*
 * The sides of the hooks; `own`: the stream, whose guard is then set, or NULL. A block came (0: the call failed). `began`:
 * ticks before the real call, and `calls` that its time stands for; 0 calls: it was not timed.
 */
void hst_memory_came(struct hst_stream *own, const struct hst_ask *ask, uint64_t block,
	uint64_t bytes, uint64_t began, uint32_t calls);

/* A block is about to go; moves: to realloc. */
void hst_memory_goes(struct hst_stream *own, const struct hst_ask *ask, uint64_t block, bool moves);

/* The call whose free was just recorded took until `now`. */
void hst_memory_took(const struct hst_ask *ask, uint64_t began, uint64_t now, uint32_t calls);

/* realloc gave nothing: it failed, or, freed, took the old block all the same. */
void hst_memory_kept(const struct hst_ask *ask, bool freed);

/* Address space. flags: HST_MAP_... */
void hst_memory_mapped(const struct hst_ask *ask, uint64_t address, uint64_t bytes, uint32_t flags);
void hst_memory_unmapped(const struct hst_ask *ask, uint64_t address, uint64_t bytes);
void hst_memory_stack(const struct hst_ask *ask, uint64_t bytes);

/* Is this call to be timed? Then how many calls it stands for, else 0. */
uint32_t hst_memory_due(struct hst_stream *stream);

/*
 * A hook runs before the recording has begun: begins it, if the process is far enough. The real functions are known afterwards.
 */
void hst_memory_begin(void);

/* Decides, once the file is there, whether memory is recorded; writes it into the header. */
void hst_memory_start(void);

/* Writes so many records on the thread's own stream, to see what they cost. Trace mode; the caller forgets them. */
void hst_memory_probe(uint32_t count);

/* The allocator itself asks, not the program. */
static inline bool hst_memory_own(uint64_t ret)
{
	return ret - hst_real_allocator.lo < hst_real_allocator.bytes;
}

#define HST_ASK(name)                                                                           \
 {                                                                                              \
  (uint64_t) __builtin_return_address(0), (uint64_t)__builtin_dwarf_cfa(), HST_ALLOCATOR_##name \
 }

/* --- the common cases: a small block, its place known in this chunk, in a frame that is still there --- */

/* Is the window open and the innermost frame still there, for code with this stack pointer? */
HST_INLINE bool hst_memory_in_place(const struct hst_stream *stream, uint64_t sp)
{
	return stream->mode == HST_STREAM_TRACE &&
	       sp - stream->lo < stream->top->cfa - stream->lo && window_open(stream->window);
}

/* Usable bytes beyond `bytes`; UINT64_MAX unknown. */
HST_INLINE uint64_t hst_memory_slack(uint64_t block, uint64_t bytes)
{
	uint64_t usable;

	if (HST_UNLIKELY(block == 0 || hst_real_allocator.usable_size == NULL)) {
		return UINT64_MAX;
	}
	usable = hst_real_allocator.usable_size((void *)block);
	return usable > bytes ? usable - bytes : 0;
}

HST_INLINE void hst_memory_came_fast(
	const struct hst_ask *ask, uint64_t block, uint64_t bytes, uint64_t began, uint32_t calls)
{
	struct hst_stream *stream = hst_self;
	bool own = HST_LIKELY(stream != NULL) && hst_guard_take(stream, ask->sp);
	uint64_t slack;
	uint64_t ticks;
	uint32_t id;
	int32_t distance;

	if (HST_UNLIKELY(!own)) {
		hst_memory_came(NULL, ask, block, bytes, began, calls);
		return;
	}
	id = hst_site_find(stream, ask->ret, ask->which);
	if (HST_UNLIKELY(id == 0 || block == 0 || bytes > UINT16_MAX ||
			 !hst_memory_in_place(stream, ask->sp) ||
			 !hst_block_distance(stream, block, &distance))) {
		hst_memory_came(stream, ask, block, bytes, began, calls);
		return;
	}
	slack = hst_memory_slack(block, bytes);
	slack = slack < HST_SLACK_SHORT_UNKNOWN ? slack : HST_SLACK_SHORT_UNKNOWN;
	ticks = __builtin_ia32_rdtsc();
	hst_put_alloc_near(stream, ticks, id, block, distance, (uint32_t)bytes, (uint32_t)slack);
	if (calls != 0) {
		hst_put_allocator(stream, ticks - began, calls);
	}
	hst_barrier();
	stream->guard = 0;
}

HST_INLINE void hst_memory_goes_fast(const struct hst_ask *ask, uint64_t block, bool moves)
{
	struct hst_stream *stream = hst_self;
	bool own = HST_LIKELY(stream != NULL) && hst_guard_take(stream, ask->sp);
	int32_t distance;

	if (HST_UNLIKELY(!own)) {
		hst_memory_goes(NULL, ask, block, moves);
		return;
	}
	if (HST_UNLIKELY(!hst_memory_in_place(stream, ask->sp) ||
			 !hst_block_distance(stream, block, &distance) ||
			 hst_memory_own(ask->ret))) {
		hst_memory_goes(stream, ask, block, moves);
		return;
	}
	hst_put_free_near(stream, __builtin_ia32_rdtsc(), block, distance, moves);
	hst_barrier();
	stream->guard = 0;
}

#endif
