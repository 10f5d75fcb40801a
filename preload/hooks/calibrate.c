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

#define HST_BATCHES       8u /* the first ones warm caches and predictors up; the middle one counts */
#define HST_BATCHES_AGAIN 4u
#define HST_PAIRS         32u

#define HST_CELLS 64u

#define HST_MEMORY_BATCHES 4u

struct cost {
	uint64_t pair;  /* of calls that are foretold, 1/256 ticks */
	uint64_t miss;  /* of one that is not: so much more */
	uint64_t empty; /* of a call whose hooks do nothing: so much more than without hooks */
};

void __cyg_profile_func_enter(void *fn, void *call_site);
void __cyg_profile_func_exit(void *fn, void *call_site);

typedef void (*hook)(void *fn, void *call_site);

static void hook_none(void *fn, void *call_site)
{
	(void)fn;
	(void)call_site;
}

/* Programs come to the hooks by a jump of their linkage table, which is part of a call without a recorder, too. */
static const hook volatile far_hooks[] = { hook_none, __cyg_profile_func_enter,
	__cyg_profile_func_exit };

static HST_NOINLINE void far_none(void *fn, void *call_site)
{
	far_hooks[0](fn, call_site);
}

static HST_NOINLINE void far_enter(void *fn, void *call_site)
{
	far_hooks[1](fn, call_site);
}

static HST_NOINLINE void far_exit(void *fn, void *call_site)
{
	far_hooks[2](fn, call_site);
}

/* Which hooks are called, and the data of the work between them. */
struct bench {
	hook enter, leave;
	uint64_t cells[HST_CELLS];
	uint64_t value; /* each call's work depends on the one before */
	uint64_t
		choices; /* which one is called, a bit each: 0 the first; changed at each batch where `random` */
	bool random;
};

/* A function without work: between its time stamps there is nothing but hooks. */
static HST_NOINLINE void probe(const struct bench *bench)
{
	bench->enter((void *)probe, __builtin_return_address(0));
	bench->leave((void *)probe, __builtin_return_address(0));
}

/*
 * Two functions with as much work as a small one of a program has: loads of which each waits for the one before, a store. A
 * processor works on it and on the hooks at once, so that a pair takes less than one measured without work.
 */
static inline __attribute__((always_inline)) void work_one(struct bench *bench)
{
	uint64_t cell = bench->cells[bench->value % HST_CELLS];

	cell = bench->cells[(cell + bench->value) % HST_CELLS];
	bench->cells[cell * 7 % HST_CELLS] += bench->value;
	bench->value += cell * 5 + 1;
}

static inline __attribute__((always_inline)) void work_other(struct bench *bench)
{
	uint64_t cell = bench->cells[bench->value % HST_CELLS];

	cell = bench->cells[(cell ^ bench->value) % HST_CELLS];
	bench->cells[cell * 5 % HST_CELLS] -= bench->value;
	bench->value += cell * 3 + 1;
}

static HST_NOINLINE void probe_one(struct bench *bench)
{
	bench->enter((void *)probe_one, __builtin_return_address(0));
	work_one(bench);
	bench->leave((void *)probe_one, __builtin_return_address(0));
}

static HST_NOINLINE void probe_other(struct bench *bench)
{
	bench->enter((void *)probe_other, __builtin_return_address(0));
	work_other(bench);
	bench->leave((void *)probe_other, __builtin_return_address(0));
}

/* What probe is in a build without hooks. */
static HST_NOINLINE void plain(const struct bench *bench)
{
	__asm__ volatile("" : : "r"(bench) : "memory");
}

static HST_NOINLINE void call_probes(struct bench *bench)
{
	uint64_t choices = bench->choices;

	for (uint32_t i = 0; i < HST_PAIRS; i++, choices >>= 1) {
		if ((choices & 1) != 0) {
			probe_other(bench);
		} else {
			probe_one(bench);
		}
	}
}

static void call_plain(struct bench *bench)
{
	for (uint32_t i = 0; i < HST_PAIRS; i++) {
		plain(bench);
	}
}

static void call_empty(struct bench *bench)
{
	for (uint32_t i = 0; i < HST_PAIRS; i++) {
		probe(bench);
	}
}

/* Ticks of the middle one of some batches, 256 times per pair. */
static uint64_t batches(struct bench *bench, uint32_t count, void (*call)(struct bench *bench))
{
	uint64_t took[HST_BATCHES] = { 0 };

	for (uint32_t batch = 0; batch < count; batch++) {
		uint64_t start = hst_ticks();
		uint64_t elapsed;
		uint32_t place = batch;

		call(bench);
		elapsed = hst_ticks() - start;
		for (; place > 0 && took[place - 1] > elapsed; place--) {
			took[place] = took[place - 1];
		}
		took[place] = elapsed;
		if (bench->random) {
			bench->choices ^= bench->choices << 13;
			bench->choices ^= bench->choices >> 7;
			bench->choices ^= bench->choices << 17;
		}
	}
	return took[(count - 1) / 2] * 256 / HST_PAIRS;
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
					  ? hst_record_payload(hst_sink.header->op_words,
						    (*record >> 8) & (HST_OPS - 1), record + 1)
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

/* By how much longer these calls take with the real hooks, 1/256 ticks per call. The stream is as its owner's hook left it. */
static uint64_t added(struct hst_stream *stream, struct bench *bench, uint32_t count,
	void (*call)(struct bench *bench))
{
	uint64_t guard = stream->guard;
	uint64_t bare;
	uint64_t full;

	bench->enter = far_none;
	bench->leave = far_none;
	bare = batches(bench, count, call);
	bench->enter = far_enter;
	bench->leave = far_exit;
	stream->guard = 0;
	full = batches(bench, count, call);
	stream->guard = guard;
	return full > bare ? full - bare : 0;
}

/* What remains of a call's cost when nobody records: what the program does to call hooks. 1/256 ticks. */
static uint64_t empty_cost(struct bench *bench, uint32_t count)
{
	uint64_t without = batches(bench, count, call_plain);
	uint64_t bare;

	bench->enter = far_none;
	bench->leave = far_none;
	bare = batches(bench, count, call_empty);
	return bare > without ? bare - without : 0;
}

/* Calls that the predictor foretells, and those that it does not: what these take in addition. */
static struct cost pair_cost(struct hst_stream *stream, uint32_t count)
{
	struct bench bench = { .value = 1 };
	struct cost cost = { 0 };
	uint32_t calls = count * HST_PAIRS;
	uint64_t mixed;
	uint64_t bytes;
	const uint16_t *begin;

	cost.empty = empty_cost(&bench, count);
	cost.pair = added(stream, &bench, count, call_probes);
	if (stream->mode != HST_STREAM_TRACE) {
		return cost;
	}
	bench.choices = stream->time | 1;
	bench.random = true;
	begin = stream->window->cur;
	mixed = added(stream, &bench, count, call_probes);
	bytes = (uint64_t)((const uint8_t *)stream->window->cur - (const uint8_t *)begin);
	/* A pair of records of one word each; one more word where the call was not foretold. */
	bytes -= bytes < 4ull * calls ? bytes : 4ull * calls;
	if (bytes / 2 > calls / 8 && bytes / 2 <= calls && mixed > cost.pair) {
		cost.miss = (mixed - cost.pair) * calls / (bytes / 2);
	}
	return cost;
}

static uint32_t narrow(uint64_t value)
{
	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* The newest ones stay. Two threads may come to one place in the wrong order: each of them was measured. */
static void keep_cost(struct cost cost)
{
	struct hst_file_header *header = hst_sink.header;
	uint32_t place = __atomic_fetch_add(&header->cost_count, 1, __ATOMIC_RELAXED) % HST_COSTS;

	header->cost_pair_256[place] = narrow(cost.pair);
	header->cost_miss_256[place] = narrow(cost.miss);
	header->cost_empty_256[place] = narrow(cost.empty);
}

static void measure_again(struct hst_stream *stream)
{
	struct cost cost = pair_cost(stream, HST_BATCHES_AGAIN);

	/* If another thread has made this one look up, its hooks did nothing. */
	if (stream->window->seen == hst_sink_watch()) {
		keep_cost(cost);
	}
}

/* How a pair without work divides into the two parts; then what a pair takes among work. */
static void measure_first(struct hst_stream *stream)
{
	struct bench empty = { 0 };
	uint64_t full = added(stream, &empty, HST_BATCHES, call_empty);
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
		hst_tree_clear(stream); /* it forgets one function at a time */
	}
	inside = inside < full ? inside : full;
	keep_cost(pair_cost(stream, HST_BATCHES));
	if (stream->mode != HST_STREAM_TRACE) {
		hst_tree_clear(stream);
	}
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

/* What the calls of a measurement take of the stack, with room to spare. */
#define HST_OWN_FRAMES 16384u

/*
 * Are our own calls ordinary ones for the shadow stack: deeper than all open frames, with nothing to be repaired, on the thread's own
 * stack? The hook that brought us here may be the first one on another, and not yet have looked which one it is.
 */
static bool is_ordinary(const struct hst_stream *stream)
{
	uint64_t sp = (uint64_t)__builtin_frame_address(0);

	return stream->lane == HST_LANE_MAIN && stream->fiber == &stream->own &&
	       stream->over == 0 && stream->errors_below == 0 && stream->splits == 0 &&
	       !stream->held && stream->doubt == 0 && stream->top + 1 < stream->end &&
	       sp >= stream->lo + HST_OWN_FRAMES && sp < stream->own.hi &&
	       (hst_depth(stream) == 0 || stream->top->cfa > sp);
}

/* What a pair costs depends on what else the machine does, so it is measured again and again. */
static void calibrate_again(struct hst_stream *stream)
{
	struct hst_open *top = stream->top;
	uint32_t low_water;

	if (stream->rolls % HST_ROLLS_CALIBRATED != 1 || stream->mode != HST_STREAM_TRACE ||
		!hst_clock_tsc || !is_ordinary(stream)) {
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
