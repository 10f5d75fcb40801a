/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a recording says about memory: plain data that passes/heap.c fills and cmd/ prints. Bytes are requested bytes
 * unless the name says otherwise; times are nanoseconds without our own cost.
 *
 *   owner of a block = innermost open function at its allocation; where none is open, the function whose code asked
 */
#ifndef HST_MODEL_HEAP_H
#define HST_MODEL_HEAP_H

#include "model/profile.h"
#include "util/arena.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bucket 0: 0 bytes; bucket b: [2^(b-1), 2^b). */
#define HST_HEAP_SIZES 49u
/* A calloc of at least so much comes from fresh pages, which are zero already. */
#define HST_HEAP_ZEROED_LARGE (128u << 10)
/* A lifetime below this is short. */
#define HST_HEAP_SHORT_NS 1000000u

struct hst_heap_sum {
	uint64_t allocs,
		bytes;  /* blocks that came: calls that returned one; a realloc counts as one */
	uint64_t slack; /* usable bytes beyond the requested ones, where known */
	uint64_t slack_unknown; /* blocks of which it is not */
	uint64_t frees,
		freed_bytes; /* of the blocks counted above, those that went, by realloc too */
	uint64_t failed;     /* calls that returned none (a realloc that freed is none of them) */
	uint64_t leaked, leaked_bytes; /* still there at the end; see hst_heap.ends_by_exec */
	uint64_t peak_bytes,
		peak_blocks; /* own maximum of live bytes at any time; blocks at that moment */
	uint64_t at_peak_bytes,
		at_peak_blocks; /* live when the whole program's live bytes were at their maximum */
	uint64_t temporary,
		temporary_bytes; /* freed by the same thread before the owner's call returned; not those that realloc replaced */
	uint64_t short_lived; /* freed within HST_HEAP_SHORT_NS */
	uint64_t foreign;     /* freed by another thread */
	uint64_t reallocs;    /* of `allocs`, those that replaced a block */
	uint64_t moved,
		moved_bytes; /* of these, at another address; bytes copied: the lesser size */
	uint64_t grown, grown_bytes;               /* of these, to a greater size; by how much */
	uint64_t zeroed_large, zeroed_large_bytes; /* callocs of HST_HEAP_ZEROED_LARGE or more */
	uint64_t allocator_ns; /* time within malloc, free and the others, estimated from samples */
	uint64_t allocator_calls; /* of which it is the time */
};

/* One per function that owns blocks or spends time in the allocator. */
struct hst_heap_function {
	uint32_t row; /* index in hst_heap.rows */
	struct hst_heap_sum self;
	uint64_t total_allocs, total_bytes,
		total_leaked_bytes;     /* with all that it called, recursion once */
	uint64_t sizes[HST_HEAP_SIZES]; /* blocks by requested size */
	struct hst_latency *lifetimes;  /* of blocks that were freed, not by realloc; NULL none */
};

/* A place in the code that asks for memory, with its owner. */
struct hst_heap_site {
	uint32_t row;       /* owner: index in hst_heap.rows */
	uint32_t allocator; /* enum hst_allocator */
	const char *module; /* path, of the code that called; NULL unknown */
	const char *
		function; /* whose code called: the owner, or what it called that has no hooks; NULL unknown */
	const char *file; /* of the call; NULL unknown */
	uint32_t line;
	uint64_t offset; /* of the call's return address within the module's file addresses */
	struct hst_heap_sum sum;
	uint64_t leaked_least,
		leaked_most; /* requested sizes of the blocks still there; 0, 0: none, or not known */
};

/* A calling context with its own blocks. Index 0 is the root; parents stand before their children. */
struct hst_heap_context {
	uint32_t parent;
	uint32_t
		row; /* index in hst_heap.rows; UINT32_MAX: root, or frames of which nothing is known */
	struct hst_heap_sum sum;
	uint64_t total_allocs, total_bytes, total_leaked_bytes,
		total_at_peak_bytes; /* with its children */
};

/* A moment of one process. Ascending in time. */
struct hst_heap_sample {
	uint64_t ns;                      /* since the recording began */
	uint64_t live_bytes, live_blocks; /* of malloc */
	uint64_t usable_bytes;            /* the same with slack, where known */
	uint64_t
		mapped_bytes; /* by mmap and brk of the program itself; not what has no access (PROT_NONE) */
	uint64_t
		stack_bytes; /* address space of the stacks of its threads, the first one not counted */
	uint64_t rss_bytes, brk_bytes, address_bytes; /* of the process; 0: not sampled here */
};

struct hst_heap_process {
	uint32_t pid, image;
	const char *command;   /* name of the executable */
	uint32_t state;        /* enum hst_memory_state */
	const char *allocator; /* module that has malloc; "" unknown */
	bool forked;           /* began with its parent's blocks */
	bool ends_by_exec;     /* blocks that were there are not leaks */
	bool killed; /* it did not say how it ended: what was there counts as leaked, and a note says so */
	bool profile_mode; /* part of the figures come from counts per context */
	struct hst_heap_sum sum;
	uint64_t inherited, inherited_bytes; /* blocks of the parent at the begin */
	uint64_t inherited_left,
		inherited_left_bytes; /* of them, never freed here: not leaks of this process */
	uint64_t peak_ns;             /* when live bytes were at their maximum */
	uint64_t unmatched;           /* frees of blocks that were never seen to come */
	uint64_t overlapped;  /* blocks whose address was given anew without a free that was seen */
	uint64_t rss_max;     /* of the samples */
	uint64_t mapped_peak; /* of the program's own mappings */
	struct hst_heap_sample *samples;
	size_t sample_count;
};

struct hst_heap {
	const struct hst_function_row *rows; /* names and places only */
	size_t row_count;
	struct hst_heap_function *functions;
	size_t function_count;
	struct hst_heap_site *sites;
	size_t site_count;
	struct hst_heap_context *contexts; /* only if asked for */
	size_t context_count;
	struct hst_heap_process *processes;
	size_t process_count;
	size_t peak_process; /* index of the one with the greatest peak; at_peak figures are of its peak */
	struct hst_heap_sum sum; /* of all; peak_bytes is that of peak_process */
	uint64_t sizes[HST_HEAP_SIZES];
	struct hst_latency *lifetimes;
	uint64_t wall_ns;
	uint64_t lost;  /* allocations and frees not recorded (ledger) */
	uint64_t quiet; /* programs of the system that others started, and that are not in here */
	double cost_ns; /* our own, per record */
	bool recorded;  /* memory was recorded in at least one process */
	bool complete;  /* nothing lost, damaged or in doubt */
	struct hst_note *notes;
	size_t note_count;
	size_t note_capacity;
	void *owner; /* what names live in; freed by `release` */
	void (*release)(void *owner);
	struct hst_arena arena;
};

/* Frees all that it owns; NULL and { 0 } are allowed. */
void hst_heap_finish(struct hst_heap *heap);

/* Appends a note, cut at 1 KiB; equal ones come once. Out of memory: nothing is added. */
void hst_heap_note(struct hst_heap *heap, bool loss, const char *fmt, ...) HST_PRINTF(3, 4);

/* Adds the counts and bytes of `from` to `to`; maxima (peak) become the greater one. */
void hst_heap_sum_add(struct hst_heap_sum *to, const struct hst_heap_sum *from);

/* Bucket of a size. */
static inline uint32_t hst_heap_size_bucket(uint64_t bytes)
{
	uint32_t bucket = bytes == 0 ? 0 : 64u - (uint32_t)__builtin_clzll(bytes);

	return bucket < HST_HEAP_SIZES ? bucket : HST_HEAP_SIZES - 1u;
}

/* Name of an allocation function ("malloc"); NULL for a number of the future. */
const char *hst_allocator_name(uint32_t allocator);

#endif
