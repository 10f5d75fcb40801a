/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace file, indexed: which streams it has, where their chunks lie, which modules and region
 * names it knows. One pass over the block headers; events are not read here and never held.
 * A damaged or truncated file is no failure: what can be read is indexed, and `missing` says in
 * one sentence what is not there.
 */
#ifndef HST_READER_TRACE_FILE_H
#define HST_READER_TRACE_FILE_H

#include "hasten/trace.h"
#include "util/arena.h"
#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hst_chunk_ref {
	uint64_t offset;
	uint64_t seq;
	uint32_t bytes; /* of the block as far as the file holds it */
	bool whole;     /* trailer found (appended chunk) */
	bool tail;
};

struct hst_stream_ref {
	uint32_t stream;
	uint32_t tid;
	uint32_t lane; /* enum hst_lane */
	uint32_t parent_stream;
	uint64_t thread_start;        /* ticks */
	struct hst_chunk_ref *chunks; /* ascending seq, no duplicates; owned by the file */
	size_t chunk_count;
	uint64_t gaps;            /* missing sequence numbers (without what a ring overwrote) */
	struct hst_ledger ledger; /* of the newest chunk (or profile block, where newer) */
	uint64_t profile_offset;  /* HST_BLOCK_PROFILE of this stream, 0 none */
};

struct hst_module {
	uint64_t bias;
	uint64_t lo, hi; /* in memory */
	uint64_t ticks;
	uint32_t generation; /* first list that has it */
	uint32_t gone;       /* first list without it, UINT32_MAX never */
	bool main;
	uint8_t build_id_bytes;
	uint8_t build_id[32];
	char *path; /* owned by the file, control bytes kept as they are */
};

struct hst_region_name {
	uint32_t number;
	char *name;
};

struct hst_trace_file {
	int fd;
	char *path;
	uint64_t bytes;
	struct hst_file_header header;
	struct hst_stream_ref *streams; /* ascending stream number */
	size_t stream_count;
	struct hst_module *modules; /* in order of appearance */
	size_t module_count;
	struct hst_region_name *names;
	size_t name_count;
	uint64_t *profiles; /* offsets of all profile blocks, ascending */
	size_t profile_count;
	uint64_t *throttles; /* offsets of all THROTTLE and COUNTS blocks, ascending */
	size_t throttle_count;
	uint64_t *memos; /* offsets of all MEMO and MEMO_COUNTS blocks, ascending */
	size_t memo_count;
	uint64_t skipped_bytes;       /* stepped over while looking for blocks */
	uint64_t chunk_bytes;         /* of all chunks that count, for progress */
	uint64_t gaps;                /* missing sequence numbers of all streams */
	struct hst_clock_pair newest; /* newest clock pair of any chunk, 0 none */
	char missing[256];            /* empty: nothing is missing */
	uint32_t *module_order;       /* modules by (lo, generation), for hst_trace_file_module */
	uint64_t *module_reach;       /* by the same order: highest `hi` up to there */
	struct hst_arena arena;       /* paths, names, chunk tables */
};

/*
 * Opens and indexes one file. Only a regular file is opened (O_NOFOLLOW).
 * HST_E_NOT_OURS, HST_E_VERSION, HST_E_IO with a sentence in `diag`; the file then holds nothing.
 * A file cut within the header: HST_E_DAMAGED. Everything else is HST_OK, see `missing`.
 */
HST_NODISCARD enum hst_status hst_trace_file_open(
	const char *path, struct hst_trace_file *ret_file, struct hst_diag *diag);
/*
 * The same for an open descriptor, which then belongs to the file (it is closed on failure, too).
 * `name` is what sentences call it.
 */
HST_NODISCARD enum hst_status hst_trace_file_open_fd(
	int fd, const char *name, struct hst_trace_file *ret_file, struct hst_diag *diag);
/* Frees everything; NULL and { 0 } are allowed. */
void hst_trace_file_close(struct hst_trace_file *file);

/* The module of an address as seen by a chunk of that generation, NULL if none. */
const struct hst_module *hst_trace_file_module(
	const struct hst_trace_file *file, uint64_t address, uint32_t generation);

/* Name of a region by its pseudo address, NULL if unknown. */
const char *hst_trace_file_region(const struct hst_trace_file *file, uint64_t address);

/*
 * Reads `bytes` at `offset` into `buffer` (HST_CHUNK_BYTES_MAX for chunks). Short reads at the end
 * of the file fill with zeros and set *ret_read.
 */
HST_NODISCARD enum hst_status hst_trace_file_read(const struct hst_trace_file *file,
	uint64_t offset, void *buffer, size_t bytes, size_t *ret_read);

/*
 * Reads one chunk of a stream into `buffer` of HST_CHUNK_BYTES_MAX and sets *ret_bytes. The file
 * may be that of a running process: when the tail was closed and used again since the index was
 * made, the chunk is looked for where it was appended. HST_E_DAMAGED with a sentence: it is no
 * longer there.
 */
HST_NODISCARD enum hst_status hst_trace_file_read_chunk(const struct hst_trace_file *file,
	const struct hst_stream_ref *stream, const struct hst_chunk_ref *chunk, void *buffer,
	size_t *ret_bytes, struct hst_diag *diag);

/* Ticks to nanoseconds. */
struct hst_clock_rate {
	double ns_per_tick;
	bool estimated; /* from a pair less than 10 ms apart, or none */
	double error;   /* relative, 0.001 = 0.1 % */
};
/*
 * `tsc_hz` from the session (same boot id) or 0: then the header's. Widest known clock pair that is
 * at least 10 ms wide, else tsc_hz (not `estimated`), else the widest pair there is, else 1.
 */
struct hst_clock_rate hst_trace_file_rate(const struct hst_trace_file *file, uint64_t tsc_hz);

#endif
