/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to events. Pure: works on a chunk in memory, replays the writer's predictor, trusts
 * nothing. The stream decoder keeps, across the chunks of one stream, the table of sites and the
 * stacks, so that each event names a site and the stack can be followed.
 *
 *   file --read--> chunk bytes --hst_decode_batch--> struct hst_event[] --> passes
 */
#ifndef HST_READER_DECODE_H
#define HST_READER_DECODE_H

#include "hasten/trace.h"
#include "reader/trace_file.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Site 0 is "unknown". A site is (ret, fn) as seen by one generation of the module list. */
struct hst_site {
	uint64_t ret;
	uint64_t fn;
	uint32_t generation;
};

struct hst_sites {
	struct hst_site *items; /* [0] is the unknown site */
	uint32_t count;
	uint32_t *hash; /* open addressing over items */
	uint32_t hash_capacity;
};
HST_NODISCARD enum hst_status hst_sites_init(struct hst_sites *sites);
void hst_sites_finish(struct hst_sites *sites);
/* Index of the site, added when new; 0 when the limit (4 Mi sites) is reached. */
uint32_t hst_sites_intern(struct hst_sites *sites, uint64_t ret, uint64_t fn, uint32_t generation);

enum hst_event_kind {
	HST_EVENT_ENTER, /* site; reason: 1 if the predictor did not foretell it */
	HST_EVENT_EXIT,
	HST_EVENT_EXIT_ERROR, /* an exception passed through */
	HST_EVENT_UNWIND,     /* `value` frames closed; reason as in the format's page */
	HST_EVENT_SWITCH,     /* value: fiber that is present from here on */
	HST_EVENT_LOST,       /* value: calls not recorded here */
	HST_EVENT_PAUSE,
	HST_EVENT_LIMIT,
	HST_EVENT_THREAD_END,
	HST_EVENT_OWN, /* value: ticks up to here in which hasten was at work; UINT32_MAX: so many or more */
	/* Memory: `value` is an index into hst_decoder_memory(), valid until the next batch. */
	HST_EVENT_ALLOC, /* site; address, bytes, slack. Address 0: it failed */
	HST_EVENT_FREE,  /* address */
	HST_EVENT_RELEASE, /* address: given to realloc; an ALLOC of a realloc site, or one of the next two, ends it */
	HST_EVENT_REALLOC_FAILED, /* no entry: the block stays */
	HST_EVENT_REALLOC_FREED,  /* no entry: the block is gone, no other came */
	/* no entry: `value` ticks (our own part not subtracted; UINT32_MAX: so many or more), `reason` calls that it stands for */
	HST_EVENT_ALLOCATOR,
	HST_EVENT_MAP,   /* site; address, bytes; reason: HST_MAP_... */
	HST_EVENT_UNMAP, /* address, bytes */
	HST_EVENT_STACK, /* site; bytes */
	HST_EVENT_MEMORY, /* pages: address is resident, bytes the heap of brk, more the address space */
	/*
	 * Of the time up to here the thread was not on a CPU for so long: hst_event_off(); reason: ticks of
	 * the recorder's own in that time, UINT16_MAX: so many or more.
	 */
	HST_EVENT_OFF_CPU,
	/*
	 * The stack is replaced: value = depth, reason = enum hst_resync; FRAME events follow for
	 * the innermost frames. The frames below these stay what the consumer had if `unknown` is
	 * 0; else there are so many of them, and they are unknown.
	 */
	HST_EVENT_RESYNC,
	/*
	 * value = depth index, site (0 unknown), outermost first. After RESYNC: a frame of the new
	 * stack. Without: the name of one that was unknown since an earlier RESYNC; nothing else
	 * has changed.
	 */
	HST_EVENT_FRAME,
	/*
	 * `value` is an index into hst_decoder_keys(), valid until the next batch. KEY: hash of the arguments that the
	 * innermost frame, just entered, was called with. RESULT: hash of what it returns; reason: HST_RESULT_...; its EXIT
	 * follows. A KEY may lack its RESULT (not read).
	 */
	HST_EVENT_KEY,
	HST_EVENT_RESULT,
	/*
	 * Only where values were asked for. VALUES: what the KEY before it was made of, where the recording has that; `value`
	 * is the index of the first in hst_decoder_values(), valid until the next batch, `reason` how many there are.
	 * RESULT_VALUE: the value of the RESULT before it; index into hst_decoder_keys(). The event before may have been the
	 * last one of the batch before.
	 */
	HST_EVENT_VALUES,
	HST_EVENT_RESULT_VALUE,
};

/* Why the stack is replaced. */
enum hst_resync {
	HST_RESYNC_BEGIN = 0, /* the stream begins with open frames (image of a fork) */
	/*
	 * Calls are missing before it: a gap, or a damaged chunk. What other fibers had on their
	 * stacks is doubtful from here on.
	 */
	HST_RESYNC_GAP = 1,
	HST_RESYNC_STACK = 2, /* nothing is missing, but the open frames are not those we had */
};

/* What a memory event says beyond its hst_event. */
struct hst_memory {
	uint64_t address;
	uint64_t bytes;
	uint32_t slack; /* usable beyond requested bytes; HST_SLACK_LONG_UNKNOWN: unknown */
	uint32_t more;
};

/* One argument of a call, as its key was made of it. */
struct hst_value {
	uint8_t form;   /* enum hst_value_form */
	uint8_t stored; /* CONTENT: bytes that are here, the first ones */
	uint64_t value; /* SCALAR; CONTENT: its length, HST_HASH_NULL: the address is NULL */
	uint8_t bytes[HST_VALUE_BYTES_MAX];
};

/*
 * Ticks never decrease within a chunk. From one chunk to the next they may step back (damage, or a
 * machine whose processors disagree): a consumer that subtracts must clamp.
 */
struct hst_event {
	uint64_t ticks;
	uint32_t site; /* ENTER, FRAME; ALLOC, MAP, STACK: fn is HST_MEMORY_BASE + number */
	uint16_t kind; /* enum hst_event_kind */
	uint16_t reason;
	uint32_t value;   /* count, fiber, depth */
	uint32_t unknown; /* RESYNC: frames without a name */
};

/* OFF_CPU: ticks, below 2^62. */
static inline uint64_t hst_event_off(const struct hst_event *event)
{
	return event->value | (uint64_t)event->unknown << 32;
}

struct hst_decoder; /* the state within one stream */

/* `sites` is shared by the decoders of one file (one thread at a time). NULL: out of memory. */
struct hst_decoder *hst_decoder_create(
	const struct hst_file_header *header, struct hst_sites *sites);
void hst_decoder_destroy(struct hst_decoder *decoder);

/*
 * Begins a chunk: checks its header, sets ids, predictor, frames. The bytes must stay until the
 * chunk is done. When depth, frames and fiber agree with the state after the previous chunk (and
 * its seq is the next) no event is made for it but FRAMEs for names that were unknown until here;
 * otherwise SWITCH (another fiber), RESYNC and FRAME events come first. At the begin of a stream the state is: seq 0, fiber 0, no frames.
 * HST_E_DAMAGED with a sentence if the header makes no sense: skip the chunk.
 */
HST_NODISCARD enum hst_status hst_decoder_begin(
	struct hst_decoder *decoder, const void *chunk, size_t bytes, struct hst_diag *diag);

/*
 * Next events of the chunk, at most `capacity` (at least 128). *ret_count 0: the chunk is done.
 * HST_E_DAMAGED: what stands before is good and was returned; the rest of the chunk is given up;
 * calls after it until the next chunk are lost (the next begin makes a RESYNC).
 */
HST_NODISCARD enum hst_status hst_decode_batch(struct hst_decoder *decoder,
	struct hst_event *events, size_t capacity, size_t *ret_count, struct hst_diag *diag);

/*
 * Entries of the latest batch's memory events, in their order; *ret_count (may be NULL): how many. They stay until the
 * next batch or begin.
 */
const struct hst_memory *hst_decoder_memory(const struct hst_decoder *decoder, size_t *ret_count);

/* Of the latest batch's KEY, RESULT and RESULT_VALUE events, in their order; the same. */
const uint64_t *hst_decoder_keys(const struct hst_decoder *decoder, size_t *ret_count);

/* Of the latest batch's VALUES events, in their order; the same. */
const struct hst_value *hst_decoder_values(const struct hst_decoder *decoder, size_t *ret_count);

/*
 * After the last batch of a chunk: ticks of its last record, depth now, bytes of it that were read.
 */
uint64_t hst_decoder_ticks(const struct hst_decoder *decoder);
uint32_t hst_decoder_depth(const struct hst_decoder *decoder);
size_t hst_decoder_offset(const struct hst_decoder *decoder);

#endif
