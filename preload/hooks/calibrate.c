/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pair of hooks costs in this process, measured with the real hooks on the real stream just
 * before its first event, which is then forgotten. Two parts: between the two time stamps (it
 * looks like the callee's time) and outside of them (it looks like the caller's).
 */
#include "buffer/chunk.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/process.h"
#include "hooks/memory.h"
#include "hooks/start.h"
#include "sink/file.h"
#include "stacks/tree.h"

#include "core/poison.h"

#define HST_BATCHES       16u /* the first ones warm caches and predictors up; the best one counts */
#define HST_BATCHES_AGAIN 4u
#define HST_PAIRS         16u

#define HST_MEMORY_BATCHES 4u

void __cyg_profile_func_enter(void *fn, void *call_site);
void __cyg_profile_func_exit(void *fn, void *call_site);

typedef void (*hook)(void *fn, void *call_site);

static void hook_none(void *fn, void *call_site)
{
	(void)fn;
	(void)call_site;
}

/* A function as the compiler would instrument it; the hooks come by pointer, to compare with none. */
static HST_NOINLINE void probe(hook enter, hook leave)
{
	enter((void *)probe, __builtin_return_address(0));
	leave((void *)probe, __builtin_return_address(0));
}

/* Ticks of the best batch, 256 times per pair. */
static uint64_t batches(uint32_t count, hook enter, hook leave)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t batch = 0; batch < count; batch++) {
		uint64_t start = hst_ticks();
		uint64_t elapsed;

		for (uint32_t i = 0; i < HST_PAIRS; i++) {
			probe(enter, leave);
		}
		elapsed = hst_ticks() - start;
		best = elapsed < best ? elapsed : best;
	}
	return best * 256 / HST_PAIRS;
}

/* Shortest time between the stamps of an enter and its exit, as the records have it. */
static uint64_t shortest_exit(const struct hst_stream *stream)
{
	const uint16_t *record = (const void *)((const uint8_t *)(stream->chunk + 1) +
						stream->chunk->frames * sizeof(struct hst_frame));
	uint64_t sum = 0;
	uint64_t best = UINT64_MAX;
	uint32_t count = 0;

	for (; record < stream->window->cur; record++) {
		uint16_t kind = *record >> HST_KIND_SHIFT;

		if (kind == HST_KIND_EXIT) {
			sum += *record & HST_TIME_MASK;
			count++;
			if (count == HST_PAIRS) {
				best = sum < best ? sum : best;
				sum = 0;
				count = 0;
			}
		} else if (kind == HST_KIND_EXTENDED) {
			record += stream->window->cur - record > 1
					  ? hst_sink.header->op_words[(*record >> 8) & 63u]
					  : 0;
		}
	}
	return best == UINT64_MAX ? 0 : (best << HST_TIME_SHIFT) * 256 / HST_PAIRS;
}

/* The same for records of memory, and for reading the clock twice. */
static void calibrate_memory(void)
{
	uint64_t best = UINT64_MAX;
	uint64_t twice = UINT64_MAX;

	for (uint32_t batch = 0; batch < HST_MEMORY_BATCHES; batch++) {
		uint64_t start = hst_ticks();
		uint64_t second = hst_ticks();
		uint64_t elapsed;

		hst_memory_probe(HST_PAIRS);
		elapsed = hst_ticks() - second;
		best = elapsed < best ? elapsed : best;
		twice = second - start < twice ? second - start : twice;
	}
	best -= twice < best ? twice : best;
	hst_sink.header->cost_memory_256 = (uint32_t)(best * 256 / HST_PAIRS);
	hst_sink.header->cost_timer_256 = (uint32_t)(twice * 256);
}

/* What a pair takes now, 1/256 ticks. The stream is as its owner's hook left it. */
static uint64_t pair_cost(struct hst_stream *stream, uint32_t count)
{
	uint64_t guard = stream->guard;
	uint64_t bare = batches(count, hook_none, hook_none);
	uint64_t full;

	stream->guard = 0;
	full = batches(count, __cyg_profile_func_enter, __cyg_profile_func_exit);
	stream->guard = guard;
	return full > bare ? full - bare : 0;
}

/* The newest ones stay. Two threads may come to one place in the wrong order: each of them was measured. */
static void keep_cost(uint64_t cost)
{
	struct hst_file_header *header = hst_sink.header;
	uint32_t number = __atomic_fetch_add(&header->cost_count, 1, __ATOMIC_RELAXED);

	header->cost_pair_256[number % HST_COSTS] = cost > UINT32_MAX ? UINT32_MAX : (uint32_t)cost;
}

static void measure_again(struct hst_stream *stream)
{
	uint64_t cost = pair_cost(stream, HST_BATCHES_AGAIN);

	/* If another thread has made this one look up, its hooks did nothing. */
	if (stream->window->seen == hst_sink_watch()) {
		keep_cost(cost);
	}
}

static void measure_first(struct hst_stream *stream)
{
	uint64_t full = pair_cost(stream, HST_BATCHES);
	uint64_t guard = stream->guard;
	uint64_t inside;

	stream->guard = 0;
	inside = stream->mode == HST_STREAM_TRACE ? shortest_exit(stream) : 0;
	if (stream->mode == HST_STREAM_TRACE && hst_sink.header->memory == HST_MEMORY_ON) {
		calibrate_memory();
	}
	stream->guard = guard;
	if (stream->mode != HST_STREAM_TRACE) {
		inside = hst_tree_shortest(stream) * 256;
		hst_tree_clear(stream);
	}
	inside = inside < full ? inside : full;
	keep_cost(full);
	hst_sink.header->cost_inside_256 = (uint32_t)inside;
	hst_sink.header->cost_outside_256 = (uint32_t)(full - inside);
}

/* The program may end at any moment, and these events are none: nothing of the chunk is valid until it is begun again. */
static void hide(struct hst_stream *stream)
{
	if (stream->chunk != NULL) {
		stream->chunk->seq = 0;
		hst_barrier();
	}
}

/* The first stream that records measures our own cost, on itself, and forgets it. */
static void calibrate_first(struct hst_stream *stream)
{
	static uint32_t done;

	if (__atomic_exchange_n(&done, 1, __ATOMIC_RELAXED) != 0 || hst_depth(stream) != 0) {
		return;
	}
	stream->window->seen = hst_sink_watch();
	hide(stream);
	measure_first(stream);
	if (stream->mode == HST_STREAM_TRACE) {
		stream->seq--;
		(void)hst_chunk_begin(stream);
	}
}

/* So many full chunks are written between two measurements: some milliseconds. */
#define HST_ROLLS_CALIBRATED 16u

/*
 * What a pair costs depends on what else the machine does, so it is measured again and again. Only where our own calls are ordinary
 * ones for the shadow stack: deeper than all open frames, on the thread's own stack, with nothing to be repaired.
 */
static void calibrate_again(struct hst_stream *stream)
{
	struct hst_open *top = stream->top;
	uint32_t low_water;

	if (stream->rolls % HST_ROLLS_CALIBRATED != 1 || stream->mode != HST_STREAM_TRACE ||
		!hst_clock_tsc || stream->lane != HST_LANE_MAIN || stream->fiber != &stream->own ||
		stream->over != 0 || stream->errors_below != 0 || stream->splits != 0 ||
		stream->held || stream->doubt != 0 || stream->top + 1 >= stream->end ||
		(hst_depth(stream) != 0 &&
			stream->top->cfa <= (uint64_t)__builtin_frame_address(0))) {
		return;
	}
	low_water = stream->chunk->low_water;
	hide(stream);
	stream->measuring = true;
	measure_again(stream);
	stream->measuring = false;
	/* What was measured is forgotten. */
	stream->top = top;
	stream->low_depth = low_water;
	stream->seq--;
	(void)hst_chunk_begin(stream);
}

void hst_calibrate(struct hst_stream *stream)
{
	calibrate_first(stream);
	calibrate_again(stream);
}
