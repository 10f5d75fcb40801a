/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace file of this process image. No descriptor is kept: the file is opened by its path for
 * each growth and checked to be the same file. What is mapped stays mapped.
 *
 * Thread-safe without locks: space is given out by compare-and-swap on the header's file_end.
 * Called with signals held back or from hooks only; never blocks.
 */
#ifndef HST_SINK_FILE_H
#define HST_SINK_FILE_H

#include "core/attr.h"
#include "core/options.h"
#include "hasten/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_PATH_BYTES 4096u

struct hst_sink {
	struct hst_file_header *header; /* mapped; a static dummy while there is no file */
	char path[HST_PATH_BYTES];
	char directory[HST_PATH_BYTES]; /* absolute; empty: none could be had */
	uint64_t device, inode;
	uint64_t limit; /* bytes of the file at which events end */
	uint32_t pid;
	bool ready; /* there is a file */
};

extern HST_HIDDEN struct hst_sink hst_sink;

/* Both words that threads watch, in one load: control in the low half, word in the high half. */
static inline uint64_t hst_sink_watch(void)
{
	return __atomic_load_n(
		(const uint64_t *)(const void *)&hst_sink.header->control, __ATOMIC_RELAXED);
}

/* Makes every thread take its slow path at its next hook. */
void hst_sink_alarm(void);

/*
 * Creates the file in hst_sink.directory. false: no file, nothing will be recorded. `flags` are put into the
 * header from the start. The header is mapped, everything but clock pairs and modules is filled in.
 */
bool hst_sink_create(const struct hst_options *options, uint32_t flags);

/*
 * Appends a block that the caller has finished (trailer included). false: nothing was written and
 * the reason stands in the header's flags (disk full, path lost).
 */
bool hst_sink_append(const void *block, uint32_t bytes, uint64_t *ret_offset);

/* As hst_sink_append, for events: false also at the limit of bytes. Obeys the ring. */
bool hst_sink_append_events(struct hst_chunk *chunk, uint32_t bytes, uint64_t *ret_offset);

/*
 * A zeroed, page-aligned piece of the file, mapped shared: `bytes` of it, of which the first `solid` bytes have disk
 * space (the others must be made solid before they are touched). NULL: not to be had.
 */
void *hst_sink_map(uint64_t bytes, uint64_t solid, uint64_t *ret_offset);

/* Gives disk space to a further part of a mapped piece. */
bool hst_sink_solidify(uint64_t offset, uint64_t bytes);

void hst_sink_flag(uint32_t flag);

/* Notes the newest clock pair, if the last one is 10 ms old. */
void hst_sink_sync(struct hst_clock_pair pair);

#endif
