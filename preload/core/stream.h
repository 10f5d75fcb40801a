/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one stream: a thread's ordinary events, or (lane 1) those of signal handlers that
 * interrupted one of our hooks. Plain data; the folders behind this one work on it.
 *
 *            hot path reads and writes                      file
 *   thread ── self ──▶ struct hst_stream ── window ──▶ mapped tail [cur .. limit)
 *                        │  predictor, ids                (private page, wiped on fork:
 *                        └─ shadow stack of hst_open       cur = limit = 0 leads to the slow path)
 *
 * Each stream is touched by its own thread only, except `window`, which others may close
 * (limit, seen) to make the thread look up.
 */
#ifndef HST_CORE_STREAM_H
#define HST_CORE_STREAM_H

#include "core/swap.h"
#include "hasten/trace.h"

#include <stdbool.h>
#include <stdint.h>

/* One open call on the shadow stack. */
struct hst_open {
	uint64_t
		cfa; /* canonical frame address: the key. Regions: odd, just above their stack pointer */
	uint64_t fn;
	uint64_t ret;   /* return address of the enter hook: the instance */
	uint32_t call;  /* low half of call_site: tells frames of equal address apart */
	uint32_t group; /* bits of the instances that share this cfa, innermost included */
	union {
		struct {
			uint16_t id;   /* in the present chunk, 0 unknown */
			uint16_t last; /* id of the latest callee, 0 none */
		};
		int32_t callee; /* profile mode: context of the latest callee; none yet: ~node */
	};
	/* profile mode: */
	uint32_t node;                    /* its calling context */
	uint64_t start;                   /* ticks of its enter */
	struct hst_profile_node *context; /* that node */
	union {
		uint32_t
			carried; /* profile mode, 1: entered before it began, so the events have its call */
		uint32_t
			keyed; /* trace mode: hst_stream.key_chunk when its key was written; below HST_KEY_CHUNKS: never */
	};
	uint32_t key; /* where that key stands: buffer/keys.h. With it, a cache line each */
};
static_assert(sizeof(struct hst_open) == 64, "a cache line");

/* Numbers of chunks for keys begin here: beyond the two values that profile mode leaves in hst_open. */
#define HST_KEY_CHUNKS 2u

/* What an id of the present chunk stands for, and where its frame address lies. */
struct hst_ident {
	uint64_t ret;
	uint64_t fn;
	uint32_t k;     /* CFA - stack pointer at the hook; 0: search each time */
	uint32_t group; /* one bit, from a hash of ret */
};

/* In a page that the kernel wipes in a forked child. All zero: nothing may be written. */
struct hst_window {
	uint16_t *cur;
	uint16_t *limit;                 /* as stream.room; NULL keeps the hot path out */
	uint64_t seen;                   /* control and word of the file header as of this chunk */
	struct hst_profile_block *block; /* profile mode, where the clock is the TSC; else NULL */
	uint64_t pad[4];                 /* a cache line each: others write here */
};

/*
 * hst_stream.guard keeps a second hook of the thread (in a signal handler, or on another stack that a handler switched to)
 * out of a stream in which one is at work. It is the stack pointer of that hook, 0 none. One instruction finds it free and
 * takes it, and no signal comes into the middle of an instruction: there is one owner, and it is known.
 */
#define HST_GUARD_DEAF \
 UINT64_MAX /* the thread may not read a clock any more (strict seccomp, PR_TSC_SIGSEGV): hooks only count */

/* In hst_window.seen while hst_stream.held is true: every hook takes the slow path. No word of the file header is so. */
#define HST_SEEN_HELD UINT64_MAX

/* Room for all records that one hook can write, with the end mark. */
#define HST_RECORD_SLACK 192u
/* And where values of arguments are written: KEY_VALUES and RESULT_VALUE. */
#define HST_VALUES_SLACK 544u
#define HST_IDS_MAX      4352u /* a 64 KiB chunk cannot define more */
#define HST_HASH_SLOTS   4096u
#define HST_OPEN_FIRST   256u /* entries of a first shadow stack: 16 KiB */

enum hst_stream_mode {
	HST_STREAM_IDLE = 0, /* no chunk: begin one at the next hook */
	HST_STREAM_TRACE = 1,
	HST_STREAM_PROFILE = 2,
	HST_STREAM_PAUSED = 3,
	HST_STREAM_DEAF = 4, /* nothing can be recorded any more: losses are counted */
};

/* One stack of machine frames within the thread: its own, or a coroutine's. */
struct hst_fiber {
	struct hst_open *base; /* root entry; base[1] is the outermost call */
	struct hst_open *top;
	struct hst_open *end;
	uint64_t lo, hi; /* machine addresses known to belong to it */
	uint64_t chunk;  /* sequence of the chunk in which it was last present */
	uint32_t known;  /* depth index of the first frame whose id is of that chunk */
	uint32_t number;
	uint32_t doubt; /* as hst_stream.doubt, while it is not present */
	bool in_tree;   /* profile mode: its open frames have nodes */
	bool exact;     /* the program itself said where it begins and ends */
};

#define HST_FIBERS_MAX 1024u

/* The mapped place of the file in which a stream writes. */
struct hst_tail {
	uint8_t *map;
	uint64_t offset;
	uint32_t bytes;
	uint32_t parked; /* of them, at the front: finished chunks of short threads */
};

/* A frame that was closed without its exit hook: perhaps it is open on another stack in the same mapping. */
struct hst_parked {
	uint64_t cfa;
	uint64_t fn;
	uint64_t ret;
	uint32_t call;
	uint32_t group;
	uint32_t batch; /* frames that were closed together have the same */
	uint32_t fiber;
};

#define HST_PARKED_MAX 64u

/* Profile mode: the block that realloc has; it comes back if that fails. */
struct hst_moving {
	uint64_t block;
	uint64_t bytes;
	struct hst_profile_node *node; /* NULL: not followed */
};
#define HST_SPLITS_MAX 4096u

struct hst_key;   /* buffer/keys.h */
struct hst_tree;  /* stacks/tree.h */
struct hst_tally; /* apply/tally.h */

/* The latest look at the thread's CPU clock: core/cpu.h. */
struct hst_cpu {
	uint64_t ticks; /* when it was, 0: there was none */
	uint64_t wall_ns;
	uint64_t cpu_ns;
	uint64_t
		gaps; /* gap mode: units of gaps that ended since with a record that is no hook's */
	uint64_t since; /* looks are counted since then */
	uint64_t since_ns;
	uint64_t spent; /* ticks within looks */
	uint32_t looks;
	uint32_t foreign; /* of them, found another library's value */
	uint32_t mode;    /* enum hst_clock_mode */
	uint32_t *noted;  /* where the present chunk or tree says it; NULL: there is none */
};

struct hst_stream {
	/* hot */
	uint64_t guard; /* stack pointer of the hook that is at work, 0 none */
	struct hst_window *window;
	struct hst_open *top;
	struct hst_open *low; /* exits that leave less than this take the slow path */
	struct hst_open *end; /* of the shadow stack */
	uint64_t lo;          /* present fiber: lowest machine address known to belong to it */
	uint64_t time;        /* ticks >> HST_TIME_SHIFT of the latest record */
	uint32_t mode;        /* enum hst_stream_mode */
	uint32_t ids;         /* defined in this chunk */
	/* memory */
	uint64_t block;     /* address of the latest one in this chunk */
	uint32_t countdown; /* calls of the allocator until one is timed */
	uint32_t random;    /* for the next countdown, 0: not begun */
	uint32_t interval;  /* where it began */
	uint32_t pad1;
	uint64_t
		canary; /* what %fs:(canary_at) is while the thread was not switched out: core/cpu.h */
	uint64_t canary_at; /* from the thread pointer */
	uint32_t pad2[6];
	uint16_t predictor[HST_PREDICTOR_SLOTS];
	struct hst_ident idents[HST_IDS_MAX];
	uint16_t hash[HST_HASH_SLOTS];

	/* cold */
	uint16_t *room;            /* HST_RECORD_SLACK, or more, before the end of the tail */
	struct hst_stream *nested; /* lane 1 */
	struct hst_stream *next;   /* free list, registry */
	struct hst_chunk *chunk;   /* header in the tail, NULL none */
	struct hst_tree *tree;
	struct hst_tail tail;
	struct hst_fiber *fiber;
	struct hst_fiber own;     /* fiber 0 */
	struct hst_fiber *fibers; /* [fiber_count], NULL until there is a second one */
	uint32_t fiber_count;
	uint32_t fiber_numbers;
	uint32_t known;     /* of the present fiber */
	uint32_t low_depth; /* lowest depth in this chunk */
	uint32_t number;    /* stream */
	uint32_t tid;
	uint32_t lane;
	uint32_t parent;       /* lane 1: number of the stream that was interrupted */
	uint32_t errors_below; /* depth: exits of frames below are part of an exception's way */
	uint32_t errors_outer; /* the same of the exception that this one interrupts */
	uint32_t rolls;
	uint32_t index;      /* of its window */
	uint32_t doubt;      /* frames up to here may have returned while nothing was recorded */
	uint32_t generation; /* of the module list, when the chunk or tree was begun */
	uint32_t epoch;      /* of the process, see core/process.h */
	bool held; /* the owner of the guard was left on another stack, and may come back: wait */
	bool own_time;    /* what passes is hasten's, but for the time off the CPU */
	bool measuring;   /* hooks are those of a measurement: nothing else may begin */
	bool suspect;     /* a hook was left in the middle: the chunk cannot be checked */
	uint64_t own_off; /* ticks off the CPU while own_time is true */
	uint64_t seq;
	uint64_t previous;
	uint64_t thread_start;
	uint32_t over;             /* open calls for which the shadow stack has no entry */
	struct hst_ledger *ledger; /* in the chunk, in the tree, or the one below */
	struct hst_ledger ledger_kept;

	/* While a hook is interrupted and its handler went to another stack: hooks/guard.c */
	uint32_t held_lost; /* hooks that had to go elsewhere since */
	uint32_t holds; /* how often that was so; of lane 1: of its lane 0, when it was last used */
	uint64_t held_at;   /* its guard */
	uint64_t held_seen; /* of the window, which is shut so long */
	struct hst_profile_block *held_block;

	uint32_t parked_count; /* ever; the latest ones are kept */
	uint32_t parked_batch;
	uint32_t splits; /* stacks found by their parked frames */
	struct hst_moving moving;
	struct hst_cpu cpu;
	struct hst_parked parked[HST_PARKED_MAX];

	/* Where arguments are recorded: buffer/keys.h */
	struct hst_key *keys;   /* NULL: none was met yet */
	uint32_t key_chunk;     /* grows with each chunk: keys of another one are gone */
	uint32_t key_count;     /* defined in this chunk */
	uint64_t content_ticks; /* that reading strings and blocks took, in no record yet */

	/* Where recording has a limit to its cost: apply/throttle.c */
	uint16_t *look; /* as `room`, or nearer: the slow path is taken here to see what it costs */
	uint16_t *look_from;
	uint64_t look_ticks; /* of the latest look */
	uint32_t look_step;  /* bytes until the next one */
	struct hst_tally *tally;
	struct hst_counts_block *counts; /* in the file */
	uint64_t period_start;           /* ticks; what is added up since then: */
	uint64_t period_bytes;           /* of events */
	uint64_t period_own; /* ticks that went into hasten's own work beside the hooks */
	uint64_t period_off; /* ticks off the CPU */
	uint32_t changes;    /* of what is suppressed, as far as the shadow stack has followed */
	uint32_t kept;       /* depth of the innermost frame of a suppressed function, 0 none */
};

/* The thread's stream; NULL until its first hook. */
extern __thread struct hst_stream *hst_self __attribute__((tls_model("initial-exec")));

/* Tries to make the stream this hook's own. true: it is, until the guard is set to 0. */
static inline bool hst_guard_take(struct hst_stream *stream, uint64_t sp)
{
	return hst_swap_own(&stream->guard, 0, sp);
}

static inline uint32_t hst_depth(const struct hst_stream *stream)
{
	return (uint32_t)(stream->top - stream->fiber->base);
}

#endif
