/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the stacks of one stream and adds up what its events say. All sums are in clock ticks as
 * measured; our own cost is taken out when a sum is closed (passes/profile.c), because it is known
 * only on average and a single call may have cost less.
 *
 *   decode --events--> hst_replay_events --> struct hst_tally per row, calltree, timeline
 *
 * Time runs in `virtual` ticks: those of the events without what was paused, and without what
 * recording blocks of memory and writing full chunks took.
 */
#ifndef HST_PASSES_REPLAY_H
#define HST_PASSES_REPLAY_H

#include "model/profile.h"
#include "passes/calltree.h"
#include "passes/cost.h"
#include "passes/timeline.h"
#include "reader/decode.h"
#include "util/map.h"
#include "util/vec.h"

#define HST_BLOCKED_MAX (1u << 16)

/* Frames of one stack that are followed; deeper ones are counted, not timed. */
#define HST_REPLAY_DEPTH_MAX (4u << 20)

/* Sums of one row, in ticks. */
struct hst_tally {
	uint64_t calls;
	uint64_t self;         /* wraps like a signed number: clamped times may make it negative */
	uint64_t total;        /* outermost activations */
	uint64_t outer;        /* number of those whose enter was seen */
	uint64_t below;        /* calls below them */
	uint64_t children;     /* calls made directly by the function */
	uint64_t below_missed; /* those of `below` that the recorder's predictor did not foretell */
	uint64_t children_missed; /* the same of `children` */
	uint64_t below_extra;     /* cost of keys and results within `total`, 1/256 ticks */
	uint64_t self_extra;      /* the same within `self` */
	uint64_t returned;
	uint64_t duration; /* of returned calls, without our cost */
	uint64_t min,
		max; /* of returned calls, without our cost; min is of no meaning before the first */
	uint64_t errors;
	uint64_t open;
	uint64_t inlined;
	uint64_t
		own; /* own cost that is taken out of all times already: records of memory, full chunks, looks at the CPU clock */
	uint64_t off;              /* of self: not on a CPU */
	uint64_t total_off;        /* of total */
	uint64_t results;          /* that were read */
	uint64_t zeros, negatives; /* of them */
	uint64_t beyond;           /* of `negatives`: no error code, see failures.c */
	struct hst_latency *latency;
	uint32_t active; /* activations on the present stack */
	uint32_t flags;  /* HST_ROW_... */
};

/* What a site means: made for all sites of the file before its events are replayed. */
struct hst_site_row {
	uint32_t row;
	uint32_t inlined; /* 0 or 1 */
	uint32_t watched; /* index into `watched` of the tallies, 0 none */
};

/* Counters are counted up a little later, when they have come into the cache. */
#define HST_LATE_COUNTS 16u

struct hst_late_count {
	struct hst_latency *latency; /* NULL: none */
	uint32_t bucket;
};

/* Stretches off the CPU that are listed one by one. */
struct hst_blocked_list {
	HST_VEC(struct hst_blocked) items;
	uint64_t least_ns;
	uint64_t dropped;
};

struct hst_cache_gather;
struct hst_replay;

/* The hashes of results -1 to -4095, which are what error codes are (failures.c). */
struct hst_error_codes {
	struct hst_map known;
	bool filled;
};
/* RESULT: counts it for the innermost call. */
void hst_replay_result(struct hst_replay *replay, const struct hst_event *event);

/* Shared by the streams of one file. */
struct hst_tallies {
	struct hst_tally *items; /* one per row, at least as many as any site_row names */
	const struct hst_site_row *sites;
	struct hst_arena *arena;             /* of the latencies */
	struct hst_calltree *calltree;       /* NULL: not asked for */
	struct hst_timeline *timeline;       /* NULL: not asked for */
	struct hst_blocked_list *blocked;    /* NULL: not asked for */
	struct hst_cache_gather *gather;     /* NULL: not asked for; not with `calltree` */
	const struct hst_function_row *rows; /* for the timeline */
	uint64_t *
		watched; /* calls of functions of which not all were recorded, since the chunk began */
	uint64_t inside_256;  /* cost of one call within its own time, 1/256 ticks */
	uint64_t outside_256; /* the same within its caller's time */
	uint64_t miss_256;    /* more of that, if the predictor did not foretell the call */
	uint64_t empty_256;   /* what the program takes to call hooks that do nothing, per call */
	struct hst_key_cost key_costs[2]; /* of known keys and results, of new ones */
	double cost_low, cost_high;       /* bounds of what is subtracted, as a share of it */
	uint64_t memory_256;              /* cost of a record of a block that comes or goes */
	double ns_per_tick;
	uint64_t ns_32; /* the same with 32 fraction bits */
	uint64_t base_ticks;
	double base_ns;                /* nanoseconds of base_ticks in the recording's time */
	struct hst_error_codes *codes; /* NULL: negative results are not told apart */
	uint64_t unknown_end; /* ticks of open calls behind the last event of their stream */
	bool out_of_memory;
	uint32_t late_next;
	struct hst_late_count late[HST_LATE_COUNTS];
};

/* Nanoseconds since the recording began. */
static inline uint64_t hst_tallies_ns(const struct hst_tallies *tallies, uint64_t ticks)
{
	double ns = (double)(int64_t)(ticks - tallies->base_ticks) * tallies->ns_per_tick +
		    tallies->base_ns;

	return ns > 0 && ns < 1e19 ? (uint64_t)ns : 0;
}

struct hst_replay_frame {
	uint64_t start;  /* virtual ticks */
	uint64_t away;   /* ticks of callees, and of what is not its own time */
	uint64_t enters; /* of the stack before this one */
	uint64_t off;    /* the same */
	uint64_t real;   /* ticks of its begin, for the timeline */
	uint32_t row;
	uint64_t missed; /* as enters, of those not foretold */
	uint64_t extra;  /* of the stack before this one, and what is its caller's */
	uint64_t self_extra;
	uint32_t children;
	uint32_t children_missed;
	uint32_t node; /* of the calltree */
	uint32_t edge;
	uint16_t flags;
};

struct hst_replay_stack {
	HST_VEC(struct hst_replay_frame) frames;
	uint64_t enters; /* calls so far */
	uint64_t missed; /* those not foretold */
	uint64_t extra;  /* cost of keys and results so far, 1/256 ticks */
	uint64_t off;    /* ticks not on a CPU, or not present, so far */
	uint64_t parked; /* virtual ticks when another stack became the present one */
	uint32_t fiber;
	uint32_t unknown; /* frames below frames[0] of which only the number is known */
	uint64_t beyond;  /* frames above the followed ones */
	uint32_t hidden;  /* outermost frames that the timeline does not show yet */
};

struct hst_replay {
	struct hst_tallies *tallies;
	struct hst_replay_stack stack;           /* the present one */
	HST_VEC(struct hst_replay_stack) parked; /* free places have no frames */
	struct hst_map fibers;                   /* fiber to its place in `parked` + 1, 0 none */
	size_t parked_count;
	uint64_t now;   /* virtual ticks */
	uint64_t skew;  /* real minus virtual: what was paused, or our own time at blocks */
	uint64_t first; /* real ticks of the first event, UINT64_MAX none */
	uint64_t calls;
	uint64_t children; /* sums for the thread's own row */
	uint64_t children_missed;
	uint64_t self_extra;
	uint64_t keyed; /* calls with a key */
	uint64_t self;
	uint64_t events;
	uint64_t walked;    /* frames walked by switches of stacks */
	uint64_t owed_256;  /* cost of records of memory not taken out yet, 1/256 ticks */
	uint32_t row_flags; /* put on every row that a call enters */
	uint32_t pid, tid, stream;
	uint32_t gather_thread;
	const uint64_t *
		keys; /* what KEY, RESULT and RESULT_VALUE of the present batch number; key_count of them */
	size_t key_count;
	const struct hst_value *values; /* what VALUES of the present batch number */
	size_t value_count;
	uint64_t resync_now; /* virtual ticks of a RESYNC whose frames are coming */
	uint32_t resync_depth;
	bool resyncing;
	bool counts_time; /* the time before the RESYNC is that of the frames that stay */
	bool settled;     /* the time of the RESYNC has been reached */
	bool detail;      /* calltree or timeline are wanted */
	bool paused;
	bool suspended; /* its frames are taken out of the recursion counters */
	bool limited;   /* ended by LIMIT: the rest is in a profile block */
	bool has_clock; /* the present chunk says when the thread was off the CPU */
};

/* hst_replay_frame.flags */
enum {
	HST_FRAME_OUTERMOST = 1u << 0, /* of its row on its stack */
	HST_FRAME_CARRIED = 1u << 1,   /* its enter was not seen: no call of its own */
};

enum hst_replay_close {
	HST_CLOSE_RETURN,
	HST_CLOSE_ERROR,
	HST_CLOSE_REPAIR, /* its exit was not seen */
	HST_CLOSE_OPEN,   /* it had not returned at the end */
	HST_CLOSE_LIMIT,  /* the profile goes on with it */
};

void hst_replay_init(struct hst_replay *replay, struct hst_tallies *tallies);
/* Frees the stacks; frames that are still open are forgotten. */
void hst_replay_finish(struct hst_replay *replay);

/* A chunk begins at these ticks: time between a pause and it is left out. `mode`: enum hst_clock_mode. */
void hst_replay_chunk(struct hst_replay *replay, uint64_t ticks, uint32_t mode);
/* Replays a batch. Out of memory is noted in the tallies, and events go on being counted. */
void hst_replay_events(struct hst_replay *replay, const struct hst_event *events, size_t count);
/*
 * The stream is done but for frames that are open: other streams may be replayed into the same
 * tallies before hst_replay_close.
 */
void hst_replay_suspend(struct hst_replay *replay);
/* True if frames are open on any stack of the stream. */
bool hst_replay_is_open(const struct hst_replay *replay);
/* Real ticks of the last event. */
uint64_t hst_replay_ticks(const struct hst_replay *replay);
/* Closes all frames of all stacks at `ticks` (real; not before the last event). */
void hst_replay_close(struct hst_replay *replay, uint64_t ticks, enum hst_replay_close how);

/*
 * The rest is for replay.c, resync.c and detail.c among themselves.
 */

static inline struct hst_replay_frame *hst_replay_top(struct hst_replay_stack *stack)
{
	return stack->frames.count == 0 ? NULL : &stack->frames.items[stack->frames.count - 1];
}

static inline uint64_t hst_replay_depth(const struct hst_replay_stack *stack)
{
	return stack->unknown + stack->frames.count + stack->beyond;
}

/* Puts a frame on the present stack whose enter was not seen. */
void hst_replay_push_carried(struct hst_replay *replay, uint32_t row);
/* Closes frames of the present stack until `depth` are left. */
void hst_replay_close_down(struct hst_replay *replay, uint64_t depth, enum hst_replay_close how);
/* Puts the frames of a stack into the recursion counters, or takes them out. */
void hst_replay_walk(struct hst_replay *replay, const struct hst_replay_stack *stack, bool in);

/*
 * Takes RESYNC and FRAME from the head of the events, and must see any event while frames of a
 * RESYNC may still come. Returns how many it has taken.
 */
size_t hst_replay_resync(struct hst_replay *replay, const struct hst_event *events, size_t count);
/* No more frames come. */
void hst_replay_resync_end(struct hst_replay *replay);

/* KEY, RESULT: what it took to write them. */
void hst_replay_key_cost(struct hst_replay *replay, const struct hst_event *event);

/* OFF_CPU. */
void hst_replay_absence(struct hst_replay *replay, const struct hst_event *event);
/* `ticks` behind the last event, up to now: nobody has said what the thread did. */
void hst_replay_absence_end(struct hst_replay *replay, uint64_t ticks);
/* The rows of the calls that go on, or begin from now on, have their CPU time from a clock of this mode. */
void hst_replay_clock(struct hst_replay *replay, uint32_t mode);

/* Longest first, at most so many. */
void hst_blocked_sort(struct hst_blocked_list *list, size_t most);

/* A frame was pushed, or is about to be popped (replay->detail is set). */
void hst_replay_detail_enter(struct hst_replay *replay, struct hst_replay_frame *frame);
void hst_replay_detail_close(struct hst_replay *replay, const struct hst_replay_frame *frame,
	uint64_t duration, enum hst_replay_close how);
/* The `count` outermost frames of the present stack became known below the others. */
void hst_replay_detail_adopt(struct hst_replay *replay, size_t count);

#endif
