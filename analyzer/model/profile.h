/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a recording says about functions: plain data that passes/ fills and writers/ print.
 * All times in nanoseconds with our own cost already subtracted (see `compensated_ns`).
 */
#ifndef HST_MODEL_PROFILE_H
#define HST_MODEL_PROFILE_H

#include "hasten/trace.h"
#include "util/arena.h"
#include "util/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Latencies of returned calls: log-linear, 16 sub-buckets per octave of nanoseconds (error <= 3.2 %).
 * The counters of an octave fill one cache line, and what overflows goes to `high`: this is where
 * reading a long trace spends its time.
 *
 *   octave 0: [0,1) [1,2) ... [15,16)   octave 1: [16,17) ...   octave 2: [32,34) [34,36) ...
 */
#define HST_LATENCY_SUB     16u
#define HST_LATENCY_OCTAVES 40u
#define HST_LATENCY_BUCKETS (HST_LATENCY_OCTAVES * HST_LATENCY_SUB)

struct hst_latency {
	uint32_t low[HST_LATENCY_BUCKETS];
	uint32_t *high; /* of the same buckets, in units of 2^32; NULL: none overflowed */
	uint64_t count;
};

static inline uint32_t hst_latency_octave(uint64_t ns)
{
	uint32_t octave = ns < 16 ? 0 : 60u - (uint32_t)__builtin_clzll(ns);

	return octave < HST_LATENCY_OCTAVES ? octave : HST_LATENCY_OCTAVES - 1u;
}

/* Sub-bucket of `ns` within its octave; beyond the last octave the last one. */
static inline uint32_t hst_latency_sub(uint64_t ns, uint32_t octave)
{
	uint64_t sub = octave == 0 ? ns : (ns >> (octave - 1u)) - 16u;

	return sub < HST_LATENCY_SUB ? (uint32_t)sub : HST_LATENCY_SUB - 1u;
}

static inline uint32_t hst_latency_bucket(uint64_t ns)
{
	uint32_t octave = hst_latency_octave(ns);

	return octave * HST_LATENCY_SUB + hst_latency_sub(ns, octave);
}

enum {
	HST_ROW_INLINED = 1u << 0, /* some instances were inlined */
	HST_ROW_PROFILE = 1u << 1, /* some counts come from profile mode */
	HST_ROW_OPEN = 1u << 2,    /* some activations had not returned */
	HST_ROW_REPAIRED =
		1u << 3, /* frames closed by repair, or calls lost in a stream it ran in */
	HST_ROW_UNCERTAIN = 1u << 4, /* nesting uncertain: stack switches, signal lanes */
	HST_ROW_RECURSIVE = 1u << 5,
	HST_ROW_REGION = 1u << 6,
	HST_ROW_MIN_MAX_COARSE = 1u << 7, /* percentiles from the half-octave histogram */
	HST_ROW_CPU_UNKNOWN = 1u << 8,    /* some of its time without a CPU clock */
	HST_ROW_CPU_COARSE = 1u << 9,     /* short absences from the CPU count as CPU time */
	HST_ROW_THROTTLED =
		1u << 10, /* not all calls were recorded, to keep within a limit of cost */
	HST_ROW_UNBOUNDED = 1u << 11, /* and nothing is known of how many were not */
};

struct hst_function_row {
	const char *name; /* short */
	const char *full;
	const char *linkage;
	const char *module; /* path */
	const char *file;   /* NULL unknown */
	uint32_t line;
	uint64_t calls;    /* enters */
	uint64_t returned; /* of them, ended by a return: basis of min, max, average, percentiles */
	uint64_t errors;   /* left by longjmp or an exception */
	uint64_t total_ns; /* recursion counted once */
	uint64_t self_ns;
	uint64_t total_low_ns,
		total_high_ns; /* what they are if our own cost was as much or as little as can be */
	uint64_t self_low_ns, self_high_ns;
	uint64_t
		total_off_ns; /* of total_ns: the thread was not on a CPU, or another of its stacks was present */
	uint64_t self_off_ns; /* of self_ns: the thread was not on a CPU */
	uint64_t duration_ns; /* of all returned calls, each counted by itself: the average's sum */
	uint64_t min_ns, max_ns;
	uint64_t inlined_calls;
	uint64_t compensated_ns;                 /* of our own cost, taken out of self_ns */
	uint64_t open;                           /* activations that had not returned */
	uint64_t results;                        /* that were read */
	uint64_t zero_results, negative_results; /* of them */
	uint64_t beyond_results; /* of negative_results: below all error codes, -1 to -4095 */
	uint8_t failure; /* which of them are failures: enum hst_failure, after hst_profile_failures */
	bool failure_declared; /* the user says so */
	uint64_t
		answered; /* calls that a plan had answered from a cache: in no time and no percentile */
	/* HST_ROW_THROTTLED: all calls, those that were not recorded too; an estimate and its bounds, 95 % */
	uint64_t estimated, estimated_low, estimated_high;
	uint32_t flags;
	struct hst_latency *latency; /* NULL: none returned */
};

/*
 * One calling context. Index 0 is the root; children of a node are linked, a parent stands before its
 * children. total_ns is self_ns plus the children's totals.
 */
struct hst_context {
	uint32_t parent;
	uint32_t first_child, next_sibling; /* 0 none */
	uint32_t function; /* row index; UINT32_MAX for roots and frames that had no place */
	bool recursive;    /* recursion was folded into it */
	uint64_t calls;
	uint64_t total_ns, self_ns;
	uint64_t total_off_ns, self_off_ns; /* of them, off the CPU */
	uint64_t errors;                    /* left by longjmp or an exception */
};

/* A stretch between two events during which a thread was not on a CPU; perhaps several absences, close to each other. */
struct hst_blocked {
	uint64_t end_ns; /* since the recording began; it began `off_ns` or more before */
	uint64_t off_ns;
	uint32_t pid, tid, stream;
	uint32_t function; /* row index; UINT32_MAX: outside of all functions */
	uint32_t context;
	bool open; /* the thread's last event stands before it: whether it waited or ran is not known */
};

/* Caller and callee; function index UINT32_MAX: the thread itself. */
struct hst_edge {
	uint32_t caller, callee;
	uint64_t calls;
	uint64_t total_ns; /* of the callee below this caller, recursion counted once */
	uint64_t
		total_off_ns; /* of it, as in the callee's row, whose flags say how well it is known */
	uint64_t errors;      /* left by longjmp or an exception */
};

struct hst_thread_row {
	uint32_t pid, tid;
	uint32_t stream, lane;
	uint64_t start_ns, end_ns; /* since the recording began */
	uint64_t calls;
	uint64_t events;  /* records decoded */
	uint64_t bytes;   /* of chunks on disk */
	uint64_t self_ns; /* of all functions: time inside instrumented code */
	struct hst_ledger ledger;
};

/* Instance of a function within a thread: what `--by thread` prints. */
struct hst_thread_function {
	uint32_t thread, function;
	uint64_t calls, total_ns, self_ns, errors;
	uint64_t total_off_ns, self_off_ns;
	uint32_t flags; /* HST_ROW_... */
};

/* What came of a function that a plan had answered from a cache, over all processes. */
struct hst_answered {
	uint32_t function; /* row */
	uint8_t evidence;  /* enum hst_plan_evidence */
	uint8_t why;       /* enum hst_memo_why, of the first process in which it was off; 0 none */
	bool revoked;      /* to all later runs */
	bool not_revoked;  /* it should have been, and that could not be written */
	uint32_t on, off, waiting; /* processes, by how it ended */
	uint32_t entries;
	uint64_t ttl_ns; /* 0: for ever */
	uint64_t lookups, hits, stored, evicted, expired, verified, mismatched, lost;
	double saved_ns;
};

/* A sentence for the user, without the point at its end. */
struct hst_note {
	bool loss;  /* data is missing or in doubt; otherwise good to know */
	char *text; /* owned by the profile */
};

struct hst_profile {
	struct hst_function_row *functions;
	size_t function_count;
	struct hst_context *contexts; /* only if asked for */
	size_t context_count;
	struct hst_edge *edges; /* only if asked for */
	size_t edge_count;
	struct hst_thread_row *threads;
	size_t thread_count;
	struct hst_thread_function *thread_functions; /* only if asked for */
	size_t thread_function_count;
	struct hst_blocked *blocked; /* only if asked for, longest first */
	size_t blocked_count;
	uint64_t blocked_dropped; /* shorter ones, for which there was no room */
	uint64_t calls;
	uint64_t argument_calls; /* of processes of which arguments were asked for */
	uint64_t keyed_calls;    /* of them, those with a key */
	uint64_t keys_lost;      /* keys and results that could not be read */
	uint64_t missed_calls;   /* of them the recorder's predictor did not foretell */
	uint64_t wall_ns;        /* first to last event */
	uint64_t compensated_ns; /* whole own cost subtracted */
	double cost_inside_ns, cost_outside_ns; /* calibrated, per call */
	double cost_miss_ns; /* more of the caller's, if the call was not foretold */
	double cost_keys_ns; /* of what was subtracted: keys and results of calls */
	double cost_empty_ns; /* what a program takes to call hooks that do nothing, per call, no part of those; 0 unknown */
	double cost_low, cost_high; /* what the true cost is, as a share of that */
	struct hst_ledger ledger;   /* sum over streams and files */
	uint64_t gaps;              /* missing chunks */
	uint64_t damaged_chunks;
	uint64_t throttle_windows,
		throttle_late;         /* moments in which these were; too late, no hook came */
	uint64_t throttled;            /* functions that were not recorded all the time */
	struct hst_answered *answered; /* most time saved first */
	size_t answered_count, answered_capacity;
	bool plan_only; /* a process recorded nothing but what came of the plan */
	bool complete;  /* nothing was lost, repaired or missing */
	bool clock_estimated;
	uint64_t clock_chunks[3]; /* chunks and trees by enum hst_clock_mode */
	uint64_t
		unknown_end_ns; /* of open calls, behind the last event of their thread: counted as off the CPU */
	bool memory;            /* of at least one process: passes/heap.h reads it */
	struct hst_note *notes; /* every loss, doubt and blind spot */
	size_t note_count;
	size_t note_capacity;
	uint64_t processes; /* images that were read */
	uint64_t events;    /* records decoded */
	void *owner;        /* what names and images live in; freed by `release` */
	void (*release)(void *owner);
	struct hst_arena arena; /* notes, latencies, made-up names */
};

/* Frees all that the profile owns; NULL and { 0 } are allowed. */

void hst_profile_finish(struct hst_profile *profile);

/* Where a profile or a heap has its notes, and `arena` their texts. */
struct hst_note_list {
	struct hst_note **items;
	size_t *count;
	size_t *capacity;
	struct hst_arena *arena;
};

/* Appends a note, cut at 1 KiB; equal ones come once. Out of memory: nothing is added. */
void hst_notes_add(const struct hst_note_list *list, bool loss, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

/* Appends a note, cut at 1 KiB; equal ones come once. Out of memory: nothing is added. */
void hst_profile_note(struct hst_profile *profile, bool loss, const char *fmt, ...)
	HST_PRINTF(3, 4);

/* Threads of the program: the streams without those of signal handlers. */
size_t hst_profile_threads(const struct hst_profile *profile);

/* Is CPU time known of any part? */
static inline bool hst_profile_has_cpu(const struct hst_profile *profile)
{
	return profile->clock_chunks[HST_CLOCK_MODE_RSEQ] +
		       profile->clock_chunks[HST_CLOCK_MODE_GAP] !=
	       0;
}

/* Quantile 0..1 in nanoseconds (middle of its bucket), 0 when nothing returned. */
uint64_t hst_latency_quantile(const struct hst_latency *latency, double q);
/* The same for a row, never outside of its shortest and longest call. */
uint64_t hst_row_quantile(const struct hst_function_row *row, double q);
/* Is it one of the row's names: short, full, linkage? */
bool hst_row_is_named(const struct hst_function_row *row, const char *name);
/* An empty one, at the start of a cache line; NULL: out of memory. */
struct hst_latency *hst_latency_create(struct hst_arena *arena);
/* Adds `count` calls of `ns`; room for overflow comes from `arena`. false: out of memory. */
bool hst_latency_add(
	struct hst_latency *latency, struct hst_arena *arena, uint64_t ns, uint64_t count);
/* One call of `ns`, as hst_latency_add. */
static inline bool hst_latency_count(
	struct hst_latency *latency, struct hst_arena *arena, uint64_t ns)
{
	uint32_t *low = &latency->low[hst_latency_bucket(ns)];

	if (*low == UINT32_MAX) {
		return hst_latency_add(latency, arena, ns, 1);
	}
	(*low)++;
	latency->count++;
	return true;
}

/* How many calls took at least `ns`, within the error of the buckets (never fewer). */
uint64_t hst_latency_at_least(const struct hst_latency *latency, uint64_t ns);

#endif
