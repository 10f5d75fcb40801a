/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the blocks of a trace file, one after another, through holes and damage. Reads headers and
 * the last bytes of blocks only; each byte of the file is looked at once at most.
 */
#ifndef HST_READER_SCAN_H
#define HST_READER_SCAN_H

#include "hasten/trace.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_SCAN_HEAD 256u
#define HST_SCAN_LOOK 512u
#define HST_SCAN_WIDE 65536u

struct hst_scan_window {
	uint64_t offset;
	size_t bytes; /* filled */
	size_t capacity;
	uint8_t *data;
};

struct hst_scan {
	int fd;
	uint64_t at;      /* next offset to look at, multiple of 16 */
	uint64_t end;     /* of the file, as it was when the scan began */
	uint64_t skipped; /* bytes that were neither zero nor in a block */
	bool failed;      /* the file could not be read at `at`: the scan ended there */
	uint64_t place;   /* chunk on a page boundary: maybe a tail being appended; else 0 */
	uint64_t remains; /* of `skipped`: bytes that then are old records behind it */
	struct hst_scan_window wide;
	struct hst_scan_window near;
};

struct hst_scan_block {
	uint64_t offset;
	uint64_t held; /* bytes that the file has of it; less than block.bytes when cut */
	struct hst_block block;
	uint64_t last_word; /* last 8 bytes of the block, 0 when cut */
	size_t head_bytes;  /* of `head`, with the block header */
	uint8_t head[HST_SCAN_HEAD] __attribute__((aligned(8)));
};

/* Begins at `offset`, ends at `end`. The descriptor is borrowed. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_scan_init(
	struct hst_scan *scan, int fd, uint64_t offset, uint64_t end);
void hst_scan_finish(struct hst_scan *scan);

/* Goes on at `at` with a file that has grown to `end`. */
void hst_scan_extend(struct hst_scan *scan, uint64_t at, uint64_t end);

/* The next block; false at the end. Blocks of unknown types come, too. */
bool hst_scan_next(struct hst_scan *scan, struct hst_scan_block *ret_block);

/*
 * Reads up to `bytes` at `offset` whatever signals come. Bytes read, less at the end, -1 on error.
 */
int64_t hst_scan_read(int fd, uint64_t offset, void *buffer, size_t bytes);

#endif
