/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace: what the preload writes and the analyzer reads. docs/trace-format.md explains it in
 * words, completely enough to write another reader; this header is the same contract for C.
 *
 * One file per process image, little-endian. A file header of one page, then blocks. Each block
 * starts at a multiple of 16 with struct hst_block; a reader that lost its way looks for the next
 * block magic at a multiple of 16. Zero bytes between blocks are padding.
 *
 * Nothing read from a file may be trusted: check every length and index against what is there.
 */
#ifndef HASTEN_TRACE_H
#define HASTEN_TRACE_H

#include <assert.h>
#include <stdint.h>

#define HST_TRACE_MAGIC   "HSTN\r\n\x1a\n" /* 8 bytes; CR LF and SUB betray text-mode damage */
#define HST_TRACE_MAJOR   1
#define HST_TRACE_MINOR   0
#define HST_TRACE_ENDIAN  0x01020304u
#define HST_BLOCK_MAGIC   0x42545348u /* "HSTB" */
#define HST_CHUNK_TRAILER 0x454e44484e554b21ull
#define HST_BLOCK_ALIGN   16u
#define HST_HEADER_BYTES  4096u

#define HST_CHUNK_BYTES_MAX  65536u /* the whole chunk block: header, frames, events */
#define HST_CHUNK_FRAMES_MAX 64u
#define HST_PREDICTOR_SLOTS  4096u
#define HST_OPS              64u

/* Time in records counts units of 1 << HST_TIME_SHIFT clock ticks. */
#define HST_TIME_SHIFT 2u

enum hst_clock {
	HST_CLOCK_TSC = 0,  /* rdtsc; frequency from the clock pairs or from tsc_hz */
	HST_CLOCK_MONO = 1, /* CLOCK_MONOTONIC nanoseconds, where the TSC is not constant */
};

/* How the thread's CPU clock is read, the finest first: docs/trace-format.md, CPU time. */
enum hst_clock_mode {
	HST_CLOCK_MODE_NONE = 0, /* not at all: times are wall times only */
	HST_CLOCK_MODE_RSEQ = 1, /* at each hook that the kernel may have kept from the CPU */
	HST_CLOCK_MODE_GAP = 2,  /* at hooks after a gap: shorter absences count as CPU time */
};

enum hst_mode {
	HST_MODE_TRACE = 0,
	HST_MODE_PROFILE = 1,
};

/* How the process image ended, as far as the image itself could say. */
enum hst_end {
	HST_END_NONE = 0,  /* killed, exec, still running: the image did not say */
	HST_END_EXIT = 1,  /* exit() or return from main */
	HST_END__EXIT = 2, /* _exit(), _Exit(), quick_exit() */
	HST_END_ABORT = 3, /* abort(); in the journal of processes only */
};

/* hst_file_header.flags */
enum {
	HST_FLAG_FILTER_NAMES_IGNORED = 1u << 0, /* bare preload: names need the analyzer's table */
	HST_FLAG_FILTERED = 1u << 1,             /* a filter was in force */
	HST_FLAG_LIMIT_REACHED = 1u << 2,        /* events ended, counts go on (profile mode) */
	HST_FLAG_FORKED = 1u << 3, /* image of a fork: begins with the parent's frames */
	HST_FLAG_STARTED_PAUSED = 1u << 4,
	HST_FLAG_SANDBOXED = 1u << 5,     /* seccomp seen: no system calls from then on */
	HST_FLAG_PATH_LOST = 1u << 6,     /* file no longer reachable (chroot, uid, deleted) */
	HST_FLAG_DISK_FULL = 1u << 7,     /* ENOSPC, EDQUOT or the file size limit */
	HST_FLAG_BARE = 1u << 8,          /* without the launcher */
	HST_FLAG_PLAN_REFUSED = 1u << 9,  /* a plan was named but not used */
	HST_FLAG_RING = 1u << 10,         /* flight recorder: the oldest chunks were overwritten */
	HST_FLAG_NO_MEMORY = 1u << 11,    /* a mapping was refused (RLIMIT_AS, ENOMEM) */
	HST_FLAG_CHECK_FAILED = 1u << 12, /* the writer found its own chunk wrong */
	HST_FLAG_CHILD_LOST = 1u << 13,   /* a forked child could not make a file of its own */
	HST_FLAG_ARGUMENTS = 1u << 14,    /* a plan was in force that says where arguments lie */
	HST_FLAG_ARGUMENTS_REFUSED = 1u << 15, /* a part of it could not be used: no keys there */
	HST_FLAG_VALUES = 1u << 16, /* values of arguments and results are written, too */
	HST_FLAG_MEMO = 1u << 17, /* a plan was in force that has functions answered from caches */
	HST_FLAG_MEMO_REFUSED =
		1u << 18, /* what it says of them, or a part of it, could not be used */
	HST_FLAG_PLAN_ONLY = 1u << 19, /* nothing was asked for but what the plan does */
};

/* Requests of the tool to a running process; the process copies what it obeyed to control_seen. */
enum hst_control {
	HST_CONTROL_RECORD = 0,
	HST_CONTROL_PAUSE = 1,
};

struct hst_clock_pair {
	uint64_t ticks;
	uint64_t mono_ns;
};

/*
 * Losses and repairs. Counted since the stream (or, in the file header, the process) began; a
 * chunk's copy is brought up to date while the chunk is open, so the newest chunk has the truth.
 */
struct hst_ledger {
	uint64_t lost_calls;   /* enters not recorded at all */
	uint32_t unwound;      /* frames left by longjmp or an exception without their exit hook */
	uint32_t missed_exits; /* frames whose exit hook never came, closed at a later hook */
	uint32_t unmatched;    /* exit hooks that belong to no open frame: dropped */
	uint32_t rescans;      /* frame address had to be searched again */
	uint32_t cfa_unknown;  /* frame address not found: caller's stack pointer used */
	uint32_t switches;     /* changes of stack within the thread (coroutines) */
	uint32_t nested_lost;  /* hooks of signal handlers for which no lane was free */
	uint32_t
		resyncs; /* chunks begun anew: a handler jumped out of a hook, or stacks were told apart */
	uint32_t overflow_calls; /* profile mode: calls in the per-function 'other' nodes */
	uint32_t memory_lost;    /* allocations and frees that were not recorded */
};
static_assert(sizeof(struct hst_ledger) == 48, "on disk");

/* hst_file_header.memory */
enum hst_memory_state {
	HST_MEMORY_OFF = 0, /* not asked for */
	HST_MEMORY_ON = 1,  /* recorded */
	HST_MEMORY_FOREIGN =
		2, /* malloc of `allocator` stands before ours: its calls do not come to us */
};

/* Places that ask for memory have pseudo functions for `fn`: HST_MEMORY_BASE + number. */
#define HST_MEMORY_BASE 0xe00000000000ull
enum hst_allocator {
#define HST_ALLOCATOR(NAME, name, number) HST_ALLOCATOR_##NAME = number,
#include "hasten/memory.def"
#undef HST_ALLOCATOR
};

#define HST_SLACK_SHORT_UNKNOWN 255u        /* ALLOC */
#define HST_SLACK_LONG_UNKNOWN  0xffffffffu /* ALLOC_LONG */

/* Usable minus requested bytes, as glibc has it: what ALLOC_NEAR says of itself. */
static inline uint64_t hst_slack_usual(uint64_t bytes)
{
	uint64_t usable = ((bytes + 23) & ~15ull) - 8;

	return (usable > 24 ? usable : 24) - bytes;
}

/* Arguments of MAP. */
enum {
	HST_MAP_FILE = 1u << 0, /* of a file, not anonymous */
	HST_MAP_SHARED = 1u << 1,
	HST_MAP_NONE = 1u << 2, /* PROT_NONE: address space only */
};

#define HST_COSTS 64u

/* hst_file_header.budget_state */
enum hst_budget {
	HST_BUDGET_OFF = 0,
	HST_BUDGET_PATCH = 1, /* call sites of functions that cost too much are disarmed */
	HST_BUDGET_COUNT = 2, /* not asked for, or not allowed: their calls are counted */
	HST_BUDGET_REFUSED =
		3, /* the system refused to let code be changed: the same from then on */
};

/* Page 0 of the file. Mapped shared while the process runs. */
struct hst_file_header {
	uint8_t magic[8];
	uint16_t major;
	uint16_t minor;
	uint32_t header_bytes; /* HST_HEADER_BYTES */
	uint32_t endian;       /* HST_TRACE_ENDIAN as the writer's machine stores it */
	uint8_t pointer_bytes; /* 8 */
	uint8_t clock;         /* enum hst_clock */
	uint8_t time_shift;    /* HST_TIME_SHIFT */
	uint8_t mode;          /* enum hst_mode asked for */
	uint32_t flags;
	uint32_t pid;
	uint32_t ppid;
	uint32_t uid;
	/* CLOCK_BOOTTIME when the image began, in the unit of /proc/PID/stat field 22: a process that has this
	 * pid and a later start time there is another one; 0 unknown */
	uint64_t pid_start;
	uint8_t boot_id
		[16]; /* all zero: unknown; without the launcher, once events were appended */
	struct hst_clock_pair start;
	uint64_t start_real_ns;        /* CLOCK_REALTIME at start */
	struct hst_clock_pair sync[2]; /* newest pairs; sync_index says which is whole */
	uint32_t sync_index;
	uint32_t control_seen; /* what the process obeys */
	uint32_t control; /* enum hst_control, written by the tool; with `word` one aligned u64 */
	uint32_t word;    /* changes whenever threads must look up: modules, limits */
	uint64_t tsc_hz;  /* 0: derive it from the clock pairs */
	uint64_t limit_bytes; /* of events */
	uint64_t ring_ns;     /* flight recorder: keep this long; 0 off */
	uint64_t file_end;    /* first byte not yet given to a block */
	uint32_t streams;     /* number of streams begun */
	uint32_t generation;  /* of the module list */
	/* Calibrated cost of one enter + exit pair in 1/256 clock ticks: the part between the two
	 * time stamps (seen as the callee's own time) and the part outside (seen as the caller's). */
	uint32_t cost_inside_256;
	uint32_t cost_outside_256;
	uint32_t end_kind;  /* enum hst_end */
	int32_t end_status; /* exit status, where known; else -1 */
	struct hst_clock_pair end;
	struct hst_ledger ledger; /* losses that belong to no stream */
	uint8_t op_words
		[HST_OPS]; /* payload of each op in 16-bit words; 255: count in first word */
	uint8_t comm[16];
	uint8_t exe[1024];        /* path of the executable, NUL-terminated, cut if longer */
	uint64_t fork_ticks;      /* image of a fork: just before it in the parent; 0 unknown */
	uint32_t memory;          /* enum hst_memory_state */
	uint32_t cost_memory_256; /* own cost of one allocation or free record, 1/256 ticks */
	uint32_t cost_timer_256; /* own part of a measured time within the allocator, 1/256 ticks */
	uint32_t page_bytes;
	uint64_t brk_start; /* end of the heap of brk when recording began */
	uint8_t allocator
		[128];       /* path of the module that has malloc, NUL-terminated, cut if longer */
	uint64_t live_bytes; /* profile mode: of blocks that are there, requested bytes */
	uint64_t peak_bytes; /* profile mode: its maximum */
	uint64_t
		freed_early; /* profile mode: blocks freed that were allocated before it began, or untracked */
	uint64_t freed_early_bytes; /* usable bytes of them, where known */
	/*
	 * The cost of a pair (inside and outside), measured again while the program ran: at a thread's first event
	 * and at some of its chunks. How often; the newest ones. It differs by what else the machine does.
	 */
	uint32_t cost_count;
	uint32_t cost_pair_256[HST_COSTS];
	uint32_t budget_ppm;   /* what the hooks of functions may cost, of the time beside them */
	uint32_t budget_state; /* enum hst_budget */
	/* By how much longer an enter takes that the predictor did not foretell, 1/256 ticks, outside of the callee's
	 * time; measured with cost_pair_256 of the same index. */
	uint32_t cost_miss_256[HST_COSTS];
	/* By how much longer a call takes whose hooks do nothing than one without hooks, 1/256 ticks: what a build without
	 * them saves in addition. No part of cost_pair_256; measured together with that of the same index. */
	uint32_t cost_empty_256[HST_COSTS];
	/* Calls whose arguments were asked for, but not read: content not readable or too long, no memory. */
	uint32_t keys_lost;
	/*
	 * By how much longer a call takes whose key is written, 1/256 ticks, and how much of that is the callee's time; by how
	 * much longer one whose result is, which is the caller's. Measured once, with two values; 0 unknown. `new`: a key, a
	 * result, that is defined.
	 */
	uint32_t cost_key_256;
	uint32_t cost_key_inside_256;
	uint32_t cost_key_new_256;
	uint32_t cost_key_new_inside_256;
	uint32_t cost_result_256;
	uint32_t cost_result_new_256;
	uint8_t reserved[1728];
	uint32_t
		journal_lost; /* records of the journal that could not be written and of which no LOST tells */
	int32_t journal_error; /* errno of the latest of them */
};
static_assert(sizeof(struct hst_file_header) == HST_HEADER_BYTES, "one page");

enum hst_block_type {
	HST_BLOCK_CHUNK = 1,    /* events of one stream */
	HST_BLOCK_MODULE = 2,   /* a module was there or came */
	HST_BLOCK_GONE = 3,     /* a module went */
	HST_BLOCK_NAME = 4,     /* name of a region */
	HST_BLOCK_PROFILE = 5,  /* calling-context tree of one stream */
	HST_BLOCK_THROTTLE = 6, /* from now on functions are recorded differently */
	HST_BLOCK_COUNTS = 7,   /* of one stream: calls that were counted and not recorded */
	HST_BLOCK_MEMO = 8,     /* functions answered from caches */
	HST_BLOCK_MEMO_COUNTS =
		9, /* of one thread, or several after one another: what came of them */
};

enum {
	HST_BLOCK_TAIL = 1u << 0,     /* a thread's mapped tail: may be open, reused, stale */
	HST_BLOCK_REQUIRED = 1u << 1, /* a reader that does not know the type must stop */
};

struct hst_block {
	uint32_t magic; /* HST_BLOCK_MAGIC */
	uint16_t type;
	uint16_t flags;
	uint32_t bytes; /* whole block with this header, multiple of HST_BLOCK_ALIGN */
	uint32_t reserved;
};
static_assert(sizeof(struct hst_block) == 16, "on disk");

enum hst_lane {
	HST_LANE_MAIN = 0,
	HST_LANE_SIGNAL = 1, /* hooks that ran while a hook of the same thread was interrupted */
};

/* One frame that was open when the chunk began, outermost of the listed ones first. */
struct hst_frame {
	uint64_t ret; /* return address of its enter hook: the identity of the instance */
	uint64_t fn;  /* the function as the compiler named it to the hook */
};

struct hst_chunk {
	struct hst_block block;
	uint32_t stream; /* one per thread and lane, unique in the file, from 1 */
	uint32_t tid;
	uint64_t seq;      /* from 1 within the stream; 0: no valid chunk here */
	uint64_t previous; /* file offset of the stream's previous chunk, 0 none */
	struct hst_clock_pair start;
	uint64_t cpu_ns;     /* thread CPU time at start, 0 unknown */
	uint32_t clock_mode; /* enum hst_clock_mode: the coarsest that was used in it */
	uint32_t generation; /* of the module list */
	uint32_t filter_generation;
	uint32_t patch_generation;
	uint32_t depth;         /* frames open at start */
	uint32_t low_water;     /* lowest depth within the previous chunk */
	uint16_t frames;        /* of them listed behind this header, innermost ones */
	uint16_t lane;          /* enum hst_lane */
	uint32_t fiber;         /* stack within the thread, 0 the thread's own */
	uint32_t parent_stream; /* signal lane: the interrupted stream; a fork's first: 0 */
	uint32_t used;          /* bytes of events, once closed; 0 while open */
	struct hst_ledger ledger;
	uint64_t thread_start; /* ticks when the thread was first seen */
			       /* struct hst_frame [frames]; then 16-bit records */
};
static_assert(sizeof(struct hst_chunk) == 160, "on disk");

/*
 * Records. A 16-bit head: kind in bits 15-14.
 *   0 end of the chunk's events
 *   1 enter of the predicted id; bits 13-0 time
 *   2 exit of the innermost frame; bits 13-0 time
 *   3 extended: bits 13-8 op, bits 7-0 argument, then payload words
 */
#define HST_KIND_SHIFT 14u
#define HST_TIME_BITS  14u
#define HST_TIME_MASK  0x3fffu
enum hst_kind {
	HST_KIND_END = 0,
	HST_KIND_PREDICTED = 1,
	HST_KIND_EXIT = 2,
	HST_KIND_EXTENDED = 3,
};

enum hst_op {
#define HST_RECORD(NAME, name, number, words, text) HST_OP_##NAME = number,
#include "hasten/records.def"
#undef HST_RECORD
};

/* In `op_words`: the first word of the payload says how many are behind it. */
#define HST_WORDS_COUNTED 255u

/* Words behind the head of a record that is all there; `payload`: they. */
static inline uint32_t hst_record_payload(
	const uint8_t *op_words, uint32_t op, const uint16_t *payload)
{
	uint32_t words = op_words[op];

	return words == HST_WORDS_COUNTED ? 1u + payload[0] : words;
}

/* Arguments of RESULT and RESULT_NEW. */
enum {
	HST_RESULT_ZERO = 1u << 0,     /* NULL, false, 0 */
	HST_RESULT_NEGATIVE = 1u << 1, /* of a signed type */
};

/* Forms of the values in KEY_VALUES. */
enum hst_value_form {
	HST_VALUE_SCALAR = 0, /* 4 words: the value as it was hashed */
	HST_VALUE_CONTENT =
		1, /* 4 words: length, HST_HASH_NULL: no bytes; how many follow; bytes */
	HST_VALUE_LEFT_OUT = 2, /* nothing: there was no room */
};

#define HST_VALUE_BYTES_MAX  48u  /* of a string or block */
#define HST_VALUES_WORDS_MAX 250u /* of one record, behind the number of them */
#define HST_VALUES_SCALAR    5u   /* words of a scalar, with its form */
#define HST_VALUES_CONTENT   6u   /* of a string or block, without its bytes */

/* Each defines a key id by a record of 10 bytes, behind an enter. */
#define HST_KEYS_MAX (HST_CHUNK_BYTES_MAX / 10u)

/* OFF_CPU: a step of its argument is 1 << HST_OWN_SHIFT units. */
#define HST_OWN_SHIFT 3u

/* Index into the predictor: 4096 ids of 16 bits, all zero when a chunk begins. */
static inline uint32_t hst_predictor_slot(uint32_t caller_id, uint32_t last_id)
{
	return (caller_id * 2654435761u + last_id * 2246822519u) >> 20;
}

/* Names of regions are pseudo functions: address HST_REGION_BASE + 16 * number. No code is there. */
#define HST_REGION_BASE 0xf00000000000ull

struct hst_module_block {
	struct hst_block block;
	uint64_t bias;       /* address in memory - address in the file */
	uint64_t lo;         /* in memory, first byte */
	uint64_t hi;         /* in memory, first byte behind */
	uint64_t ticks;      /* when first seen */
	uint32_t generation; /* of the module list that has it first */
	uint16_t path_bytes; /* behind this header, no NUL; the main program has its exe path */
	uint8_t build_id_bytes;
	uint8_t main; /* 1: the executable itself */
	uint8_t build_id[32];
};
static_assert(sizeof(struct hst_module_block) == 88, "on disk");

struct hst_gone_block {
	struct hst_block block;
	uint64_t bias;
	uint64_t lo;
	uint64_t ticks;
	uint32_t generation; /* of the module list that no longer has it */
	uint32_t reserved;
};
static_assert(sizeof(struct hst_gone_block) == 48, "on disk");

struct hst_name_block {
	struct hst_block block;
	uint32_t number; /* of the region */
	uint32_t name_bytes;
	/* name, no NUL */
};
static_assert(sizeof(struct hst_name_block) == 24, "on disk");

/*
 * A calling-context tree. The block is the header, then the open frames, then the nodes; only the
 * first `nodes` of `node_capacity` are in use. Written in place: a reader tolerates a node that is
 * one call behind. Index 0 is the root (the thread).
 */
#define HST_HISTOGRAM_BUCKETS 60u
#define HST_PROFILE_OPEN_MAX  256u

struct hst_profile_open {
	uint64_t start; /* ticks of its enter, or of the switch to profile mode */
	uint32_t node;
	uint32_t
		carried; /* 1: entered before profile mode began; its call is counted by the trace */
};
static_assert(sizeof(struct hst_profile_open) == 16, "on disk");

/* What each call writes lies in the first cache line and in one of the histogram's. */
struct hst_profile_node {
	uint64_t ret;   /* as in hst_frame; 0 in an 'other' node */
	uint64_t calls; /* enters */
	uint64_t total; /* ticks, outermost activations only */
	uint64_t self;  /* ticks up to `last` of the block */
	uint64_t min;   /* ticks of one returned call; UINT64_MAX while there is none */
	uint64_t max;
	uint32_t active; /* open activations now */
	uint32_t group;  /* the writer's own */
	uint32_t k;      /* the writer's own */
	uint32_t parent;
	uint64_t fn;
	uint32_t errors;                           /* left by longjmp or exception */
	uint32_t flags;                            /* HST_NODE_... */
	uint32_t histogram[HST_HISTOGRAM_BUCKETS]; /* of returned calls */
	/* Memory: blocks allocated by calls of this context. `freed` by any thread. */
	uint64_t allocs;
	uint64_t alloc_bytes; /* requested */
	uint64_t freed;
	uint64_t freed_bytes;
	uint64_t peak_bytes; /* greatest alloc_bytes - freed_bytes */
	uint64_t allocator_ticks;
	uint64_t untracked; /* of `allocs`: their end will not be seen */
	uint64_t untracked_bytes;
	uint64_t off; /* of `self`: ticks off the CPU */
	uint64_t reserved[7];
};
static_assert(sizeof(struct hst_profile_node) == 448, "seven cache lines");

enum {
	HST_NODE_OTHER = 1u << 0,     /* calls of fn for which no node was left */
	HST_NODE_RECURSIVE = 1u << 1, /* recursion was folded into this node */
};

struct hst_profile_block {
	struct hst_block block;
	uint32_t stream;
	uint32_t tid;
	uint32_t generation;
	uint32_t lane;
	struct hst_clock_pair start;
	uint64_t thread_start;
	uint64_t end_ticks; /* thread end; 0 while it runs */
	uint32_t depth;     /* open frames; those beyond HST_PROFILE_OPEN_MAX are not listed */
	uint32_t nodes;
	uint32_t node_capacity;
	uint32_t threads; /* how many threads used this tree, one after another */
	struct hst_ledger ledger;
	uint64_t last; /* ticks of the latest hook: the innermost open call has run since */
	/* Offset in the block of one histogram counter that is to be one higher: the latest returned call's. */
	uint64_t pending;
	uint64_t cpu_ns;     /* thread CPU time at start, 0 unknown */
	uint32_t clock_mode; /* enum hst_clock_mode: the coarsest that was used */
	uint32_t reserved32;
	uint64_t reserved[4];
	/* struct hst_profile_open [HST_PROFILE_OPEN_MAX]; struct hst_profile_node [node_capacity] */
};
static_assert(sizeof(struct hst_profile_block) == 192, "on disk");

/* Of all threads of the process, from `ticks` on. */
enum hst_throttle {
	HST_THROTTLE_SUPPRESS = 1, /* the listed functions are not recorded any more */
	HST_THROTTLE_COUNT = 2,    /* the listed functions are counted only, in COUNTS blocks */
	HST_THROTTLE_OPEN = 3,     /* a window: all suppressed functions are recorded */
	HST_THROTTLE_CLOSE = 4,    /* and are not */
};

struct hst_throttle_block {
	struct hst_block block;
	uint64_t ticks;
	uint32_t what;       /* enum hst_throttle */
	uint32_t generation; /* of the module list */
	uint32_t count;      /* functions listed; 0 for windows */
	uint32_t
		late_us; /* OPEN: microseconds after the moment that chance had chosen: no hook came before */
			 /* uint64_t fn [count] */
};
static_assert(sizeof(struct hst_throttle_block) == 40, "on disk");

struct hst_count {
	uint64_t fn; /* 0: this place is free */
	uint64_t calls;
};

#define HST_COUNTS_MAX 253u /* a page has the block */

/* Written in place. */
struct hst_counts_block {
	struct hst_block block;
	uint32_t stream;
	uint32_t
		generation; /* of the module list, when it was begun: later ones have blocks of their own */
	uint64_t reserved[3];
	struct hst_count counts[HST_COUNTS_MAX];
};
static_assert(sizeof(struct hst_counts_block) == 4096, "on disk");

/*
 * Bucket of a latency: two per octave. Bucket 0 is below 16 ticks, then [16,24) [24,32) [32,48) ...;
 * the last one has no upper end.
 */
static inline uint32_t hst_histogram_bucket(uint64_t ticks)
{
	uint32_t octave;
	uint32_t bucket;

	if (ticks < 16) {
		return 0;
	}
	octave = 63u - (uint32_t)__builtin_clzll(ticks);
	bucket = 2u * (octave - 4u) + (uint32_t)((ticks >> (octave - 1u)) & 1u) + 1u;
	return bucket < HST_HISTOGRAM_BUCKETS ? bucket : HST_HISTOGRAM_BUCKETS - 1u;
}

#include "hasten/memo.h"

#endif
