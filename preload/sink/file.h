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
	uint64_t device, inode;
	uint64_t limit; /* bytes of the file at which events end */
	/* Offsets of what was made and mapped together with the header, and is not given out yet: */
	uint64_t room, room_end;
	uint64_t reserve; /* a piece of HST_RESERVE_BYTES, 0 none */
	uint32_t pid;
	bool ready; /* there is a file */
	bool boot_known;
};

extern HST_HIDDEN struct hst_sink hst_sink;

/* The data directory, and behind it, while there is a file, a slash and the file's name. */
struct hst_sink_path {
	size_t directory; /* length of its part; 0: none could be had */
	char text[HST_PATH_BYTES];
};

extern HST_HIDDEN struct hst_sink_path hst_sink_path;

#define HST_RESERVE_BYTES 32768u

/* Both words that threads watch, in one load: control in the low half, word in the high half. */
static inline uint64_t hst_sink_watch(void)
{
	return __atomic_load_n(
		(const uint64_t *)(const void *)&hst_sink.header->control, __ATOMIC_RELAXED);
}

/* Makes every thread take its slow path at its next hook. */
void hst_sink_alarm(void);

/*
 * Creates the file in the directory of hst_sink_path. false: no file, nothing will be recorded. `flags` are put into
 * the header from the start. `marks`: the process made the directory itself, and its file is the directory's mark.
 * The header is mapped, everything but clock pairs and modules is filled in. Behind it is room for the modules and the
 * first thread's tail, and the reserve, if all of that could be had at once.
 */
bool hst_sink_create(const struct hst_options *options, uint32_t flags, bool marks);

/* Zeroed bytes of the room behind the header, a multiple of HST_BLOCK_ALIGN. NULL: so many are not left. */
void *hst_sink_room(uint64_t bytes, uint64_t *ret_offset);

/* All that is left of that room, if it is `least` bytes or more; its end is that of a page. */
void *hst_sink_rest(uint64_t least, uint64_t *ret_bytes, uint64_t *ret_offset);

/* The HST_RESERVE_BYTES that were made with the header, once. NULL: none. */
void *hst_sink_reserve(uint64_t *ret_offset);

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
