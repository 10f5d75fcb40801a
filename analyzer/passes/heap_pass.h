/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the heap pass share; for the files of this folder only.
 *
 *   heap_merge    streams in the order of time    heap_follow  stacks of one stream
 *   heap_blocks   blocks come and go              heap_live    which are there
 *   heap_owners   who has them, peaks             heap_space   mappings, stacks, samples
 *   heap_files    order of processes, forks       heap_nodes   trees of profile mode
 *   heap_result   sums when a file is done, and at the end
 */
#ifndef HST_PASSES_HEAP_PASS_H
#define HST_PASSES_HEAP_PASS_H

#include "passes/calltree.h"
#include "passes/heap.h"
#include "passes/heap_live.h"
#include "passes/heap_ranges.h"
#include "passes/rows.h"

#define HST_HEAP_NONE UINT32_MAX

/* Places and (owner, place) pairs that are told apart; the rest is one. */
#define HST_HEAP_PLACES_MAX (1u << 20)
#define HST_HEAP_LEAVES_MAX (2u << 20)
/* From so many contexts on, recursion is folded. */
#define HST_HEAP_CONTEXTS_FOLD (64u << 10)
/* Streams that are read at the same time. */
#define HST_HEAP_STREAMS_MAX 8192u
/* Blocks of all parents that are kept for their children. */
#define HST_HEAP_INHERITED_MAX (16u << 20)
#define HST_HEAP_SAMPLES_MAX   2048u

/*
 * What one owner holds in the present file. Its share of the process's peak is found without looking at all owners at
 * each peak: whoever changes first after a peak keeps what it had.
 */
struct hst_heap_held {
	uint64_t bytes, blocks;       /* now */
	uint64_t at_bytes, at_blocks; /* at the peak whose number is `version` */
	uint64_t version;             /* below that of the latest peak: nothing has changed since */
	uint64_t peak_bytes, peak_blocks; /* own maximum */
	uint64_t counted_peak;            /* by counts of profile mode */
};

struct hst_heap_owner_function {
	struct hst_heap_held held;
	struct hst_heap_function result;
};

struct hst_heap_owner_site {
	struct hst_heap_held held;
	struct hst_heap_site result;
	bool leaks; /* `leaked_least` is set */
};

struct hst_heap_owner_context {
	struct hst_heap_held held;
	struct hst_heap_sum sum;
};

/* Where the code asks: an address of a module, and the function that it calls. */
struct hst_heap_place {
	struct hst_code code; /* module, function, file, line of the call */
	uint32_t allocator;
};

/* One function at one place in one context: counts of the present file. */
struct hst_heap_leaf {
	uint32_t function; /* index in `functions` */
	uint32_t site;     /* index in `sites`; HST_HEAP_NONE: time of the allocator, or counts */
	uint32_t context;  /* node of the calltree */
	bool touched;      /* it is in `touched_leaves` */
	struct hst_heap_sum sum;
};

/* A call that asked for memory: blocks name it by its number and its generation. */
struct hst_heap_activation {
	uint32_t generation; /* goes up when the call returns */
	uint32_t next;       /* unused ones: list */
};

struct hst_heap_frame {
	uint32_t site;       /* of its enter */
	uint32_t activation; /* 0: it has not asked for memory */
	uint32_t node;       /* of the calltree; 0: not looked for */
};

struct hst_heap_stack {
	HST_VEC(struct hst_heap_frame) frames;
	uint32_t fiber;
	uint32_t unknown; /* frames below frames[0] of which only the number is known */
	uint64_t beyond;  /* frames above the followed ones */
};

struct hst_heap_pass;

/* A block that is within realloc. */
struct hst_heap_moving {
	struct hst_heap_block block; /* address 0: it was not known */
};

/* Answers that were given lately: the leaf of an asking site within a call, in a context. */
struct hst_heap_recent {
	uint32_t node;
	uint32_t own; /* site of the call's enter; HST_HEAP_NONE: no call is open */
	uint32_t site;
	uint32_t leaf;
	bool used;
};
#define HST_HEAP_RECENT 1024u

struct hst_heap_follow {
	struct hst_heap_pass *pass;
	struct hst_heap_stack stack;           /* the present one */
	HST_VEC(struct hst_heap_stack) parked; /* free places have no frames */
	struct hst_map fibers;                 /* fiber to its place in `parked` + 1, 0 none */
	size_t parked_count;
	HST_VEC(struct hst_heap_moving) moving;
	uint32_t thread;
	bool signals;                  /* lane of signal handlers */
	bool first;                    /* thread of the process */
	struct hst_heap_recent latest; /* what was asked for last */
	uint64_t timed;     /* ticks of the latest measured time within the allocator; 0 none */
	uint32_t last_leaf; /* of the latest record of a block; of a free: of the block */
	bool last_is_free;
	uint32_t resync_depth;
	bool resyncing;
	bool limited;
};

/* A process image in the list of the session. */
struct hst_heap_inherited {
	uint64_t address, bytes;
	uint32_t leaf;
	uint32_t slack;
};

struct hst_heap_file {
	size_t number; /* in the session */
	uint32_t pid, ppid;
	uint32_t flags;
	uint64_t start_ticks, start_ns;
	uint64_t fork_ticks;
	size_t parent;     /* index in `files`; SIZE_MAX none */
	size_t next_child; /* list of the children of a parent, ascending fork_ticks; SIZE_MAX end */
	size_t first_child;
	bool selected; /* its figures are wanted */
	bool needed;   /* or those of a child that begins with its blocks */
	bool execs;    /* another image with its pid follows that is no fork */
	bool ready;    /* `inherited` was filled */
	HST_VEC(struct hst_heap_inherited) inherited;
};

/* A site of the present file, looked at when first needed. */
struct hst_heap_known_site {
	uint32_t row;   /* of an enter's function; HST_HEAP_NONE: not looked for */
	uint32_t place; /* of a place that asks; HST_HEAP_NONE: not looked for */
};

/* Moments of the present process. */
struct hst_heap_timeline {
	HST_VEC(struct hst_heap_sample) sized;   /* at MEMORY events */
	HST_VEC(struct hst_heap_sample) regular; /* between them; the first moment is the first */
	uint64_t sized_step, sized_next;         /* ticks */
	uint64_t regular_step, regular_next;
	struct hst_heap_sample peak;
};

struct hst_heap_pass {
	const struct hst_session *session;
	const struct hst_heap_options *options;
	struct hst_heap *heap;
	struct hst_diag *diag;
	struct hst_rows *rows;

	HST_VEC(struct hst_heap_file) files; /* parents before children */
	size_t kept_blocks;                  /* in all `inherited` */
	bool kept_too_many;

	/* owners, of all files */
	HST_VEC(struct hst_heap_owner_function) functions;
	HST_VEC(struct hst_heap_owner_site) sites;
	HST_VEC(struct hst_heap_owner_context) contexts; /* by node */
	HST_VEC(struct hst_heap_leaf) leaves;
	HST_VEC(struct hst_heap_place) places; /* [0] unknown */
	struct hst_map function_of;            /* row */
	struct hst_map site_of;                /* (function, place) */
	struct hst_map leaf_of;  /* (context, site) or (context, function without one) */
	struct hst_map place_of; /* hash of (module, offset, allocator); see heap_owners.c */
	struct hst_calltree calltree;
	HST_VEC(struct hst_heap_activation) activations;
	uint32_t unused_activation;

	/* the present file */
	struct hst_heap_file *at;
	struct hst_trace_file file;
	struct hst_sites interned;
	HST_VEC(struct hst_heap_known_site) known;
	HST_VEC(uint32_t) touched_leaves;
	HST_VEC(uint32_t) touched_functions;
	HST_VEC(uint32_t) touched_sites;
	HST_VEC(uint32_t) touched_contexts;
	struct hst_heap_recent recent[HST_HEAP_RECENT];
	struct hst_heap_live live;
	struct hst_heap_doubts overlaps; /* blocks whose address was given anew */
	struct hst_heap_doubts early;    /* frees of what was not there */
	struct hst_heap_ranges ranges;
	struct hst_heap_timeline timeline;
	struct hst_heap_process process;
	struct hst_heap_held held;       /* of the process */
	uint64_t version, first_version; /* number of the latest peak; the file's first */
	uint64_t usable;                 /* slack of live blocks, where known */
	uint64_t stack_bytes, stack_count;
	uint64_t ns_32; /* nanoseconds per tick, 32 fraction bits */
	double ns_per_tick;
	uint64_t base_ticks;
	double base_ns;
	uint64_t microsecond; /* in ticks */
	uint64_t cost_timer_256;
	uint64_t now;         /* ticks of the latest event that waited for its time */
	uint64_t first, last; /* ticks of any event of the file */
	uint64_t fork_next;   /* ticks of the next child's fork */
	size_t child_next;
	bool limited;

	uint8_t *chunk;
	uint64_t done, total; /* bytes */
	uint64_t origin_ns;
	uint64_t first_ns, last_ns;
	uint64_t gaps, damaged_chunks;
	uint64_t unmatched, overlapped, untracked;
	uint64_t late_frees; /* in profile mode, of blocks that came before it */
	uint64_t execs, exec_blocks, exec_bytes;
	uint64_t killed;     /* processes */
	uint64_t off;        /* processes without recording of memory */
	const char *foreign; /* malloc of another module takes the calls */
	bool any;            /* a file was read */
	bool paused, crowded, counted;
	bool clock_estimated;
	bool out_of_memory;
};

/* Nanoseconds since the recording began. */
static inline uint64_t hst_heap_ns(const struct hst_heap_pass *pass, uint64_t ticks)
{
	double ns = (double)(int64_t)(ticks - pass->base_ticks) * pass->ns_per_tick + pass->base_ns;

	return ns > 0 && ns < 1e19 ? (uint64_t)ns : 0;
}

/* Nanoseconds between two moments, 0 if they step back. */
static inline uint64_t hst_heap_span(const struct hst_heap_pass *pass, uint64_t from, uint64_t to)
{
	__extension__ typedef unsigned __int128 wide;

	return to > from ? (uint64_t)((wide)(to - from) * pass->ns_32 >> 32) : 0;
}

/*
 * heap_files.c
 */
/* Lists the files, finds parents, chooses. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_heap_list_files(struct hst_heap_pass *pass);
/* The present file begins with its parent's blocks, if these are known. */
HST_NODISCARD enum hst_status hst_heap_inherit(struct hst_heap_pass *pass);
/* Keeps the live blocks for children that were forked before `ticks`. */
HST_NODISCARD enum hst_status hst_heap_keep(struct hst_heap_pass *pass, uint64_t ticks);

/*
 * heap_merge.c: replays all streams of the present file.
 */
HST_NODISCARD enum hst_status hst_heap_streams(struct hst_heap_pass *pass);

/*
 * heap_follow.c
 */
void hst_heap_follow_init(struct hst_heap_follow *follow, struct hst_heap_pass *pass,
	const struct hst_stream_ref *ref);
/* Calls that are open are left; blocks within realloc stay. */
void hst_heap_follow_finish(struct hst_heap_follow *follow);
/*
 * Follows calls from event `at` on. Returns the index of the first event that has to wait for its
 * time, or `count`.
 */
/* Does an event of this kind concern other streams? */
static inline bool hst_heap_waits(uint32_t kind)
{
	return kind - HST_EVENT_THREAD_END <= HST_EVENT_MEMORY - HST_EVENT_THREAD_END;
}
size_t hst_heap_follow_events(
	struct hst_heap_follow *follow, const struct hst_event *events, size_t at, size_t count);
/* All stacks are empty from here on. */
void hst_heap_follow_close(struct hst_heap_follow *follow);

/*
 * heap_blocks.c: one event that waited for its time.
 */
HST_NODISCARD enum hst_status hst_heap_event(struct hst_heap_pass *pass,
	struct hst_heap_follow *follow, const struct hst_event *event,
	const struct hst_memory *entry);
/* The file is done: blocks in doubt are settled, those that are there are counted. */
void hst_heap_settle(struct hst_heap_pass *pass);
/* A block within realloc whose end was not seen: it is there still, or gone. */
void hst_heap_moving_end(
	struct hst_heap_pass *pass, const struct hst_heap_block *block, bool stays);

/*
 * heap_owners.c
 */
HST_NODISCARD enum hst_status hst_heap_owners_init(struct hst_heap_pass *pass);
/*
 * The leaf of the innermost open call, or of the code at the place `site`, which may be
 * HST_HEAP_NONE. *ret_activation, *ret_generation: that call (may be NULL). HST_HEAP_NONE: nobody,
 * or out of memory.
 */
uint32_t hst_heap_leaf(struct hst_heap_pass *pass, struct hst_heap_follow *follow, uint32_t site,
	uint32_t *ret_activation, uint32_t *ret_generation);
/* The leaf of (row, place or HST_HEAP_NONE, context). HST_HEAP_NONE: out of memory. */
uint32_t hst_heap_leaf_at(
	struct hst_heap_pass *pass, uint32_t row, uint32_t place, uint32_t own, uint32_t node);
/* The sum of leaf `number`, to add to. */
struct hst_heap_sum *hst_heap_touch(struct hst_heap_pass *pass, uint32_t number);
/* Blocks of leaf `number` come or go; both may be below 0. Call hst_heap_peak when more came. */
void hst_heap_hold(struct hst_heap_pass *pass, uint32_t number, int64_t bytes, int64_t blocks);
/* Notes a new maximum of the process, if it is one. */
void hst_heap_peak(struct hst_heap_pass *pass);
/* Makes room for what is known of the sites that came since the last call. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_heap_know_sites(struct hst_heap_pass *pass);
/* The row of the function of an enter's site. */
uint32_t hst_heap_row(struct hst_heap_pass *pass, uint32_t site);
/* The function's place in `functions`, added if need be. HST_HEAP_NONE: out of memory. */
uint32_t hst_heap_function(struct hst_heap_pass *pass, uint32_t row);

/*
 * heap_space.c
 */
void hst_heap_space_event(
	struct hst_heap_pass *pass, const struct hst_event *event, const struct hst_memory *entry);
void hst_heap_thread_end(struct hst_heap_pass *pass, const struct hst_heap_follow *follow);
/* What is there at pass->now. */
struct hst_heap_sample hst_heap_look(const struct hst_heap_pass *pass);
/* A regular moment is due: pass->now has reached timeline.regular_next. */
void hst_heap_tick(struct hst_heap_pass *pass);
/* Puts the samples into the process; begins anew. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_heap_timeline_take(struct hst_heap_pass *pass);

/*
 * heap_nodes.c: the trees of the present file.
 */
HST_NODISCARD enum hst_status hst_heap_trees(struct hst_heap_pass *pass);

/*
 * heap_result.c
 */
/* Adds the counts of the present file to the owners' sums and begins them anew. */
HST_NODISCARD enum hst_status hst_heap_close_file(struct hst_heap_pass *pass);
/* Moves all into *pass->heap. */
HST_NODISCARD enum hst_status hst_heap_take(struct hst_heap_pass *pass);

/*
 * heap_notes.c
 */
void hst_heap_note_file(struct hst_heap_pass *pass);
void hst_heap_note_all(struct hst_heap_pass *pass);

/* heap_quiet.c: programs that are not in the figures; fills heap->quiet. */
void hst_heap_note_quiet(struct hst_heap_pass *pass);

#endif
