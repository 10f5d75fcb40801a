/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deterministic writer of trace files for tests: its own plain implementation of
 * docs/trace-format.md, in memory, without a clock. It shares no code with the reader or with the
 * preload. Misuse and lack of memory end the test program (abort).
 *
 *   struct tracegen *gen = tracegen_create(NULL);
 *   struct tracegen_stream *main_thread;
 *
 *   tracegen_module(gen, "/bin/app", 0x555500000000, 0x555500000000, 0x555500010000, "\x12\x34", 2);
 *   main_thread = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
 *   tracegen_enter(main_thread, 100, 0x555500001010, 0x555500001000);
 *   tracegen_exit(main_thread, 250);
 *   tracegen_save(gen, "4711.1.hst");
 *   tracegen_destroy(gen);
 *
 * Times of events are ticks on the file's clock (not deltas); they may not decrease within a
 * stream, and their low two bits are lost. A chunk that is full is closed and appended to the file,
 * and a new one is begun in the stream's tail, as the preload does it.
 */
#ifndef HST_TESTS_SUPPORT_TRACEGEN_H
#define HST_TESTS_SUPPORT_TRACEGEN_H

#include "hasten/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tracegen;
struct tracegen_stream;

struct tracegen_options {
	uint32_t chunk_bytes; /* of a chunk block; multiple of 16, 512 to 65536; 0: 4096 */
	uint64_t start_ticks; /* of the file's start pair; mono is ticks / 2 (a 2 GHz clock) */
	uint32_t pid;         /* 0: 4711 */
	uint32_t flags;       /* of the file header */
	bool no_tails;        /* every chunk is appended as a whole one, the last at the end */
};

/* `options` NULL: all defaults. The clock is the TSC at 2 GHz (tsc_hz is set, see the header). */
struct tracegen *tracegen_create(const struct tracegen_options *options);
void tracegen_destroy(struct tracegen *gen);

/* The file header, to change before tracegen_bytes; valid until the next call that adds bytes. */
struct hst_file_header *tracegen_header(struct tracegen *gen);

/* A module; each call begins a new generation of the module list. The first one is the main one. */
void tracegen_module(struct tracegen *gen, const char *path, uint64_t bias, uint64_t lo,
	uint64_t hi, const void *build_id, size_t build_id_bytes);
/* The module at `lo` goes; begins a new generation. Streams begin a new chunk to see it. */
void tracegen_gone(struct tracegen *gen, uint64_t bias, uint64_t lo, uint64_t ticks);
/* Name of region `number`; enter it with ret = fn = HST_REGION_BASE + 16 * number. */
void tracegen_region(struct tracegen *gen, uint32_t number, const char *name);
/* Any block: `bytes` of payload behind the block header, padded with zeros to 16. */
uint64_t tracegen_block(
	struct tracegen *gen, uint16_t type, uint16_t flags, const void *payload, size_t bytes);
/* Bytes that are no block (a hole of zeros, or rubbish); a multiple of 16. */
void tracegen_raw(struct tracegen *gen, const void *data, size_t bytes);

/*
 * A new stream, numbered 1, 2, ...; `interrupted` is the stream a signal lane belongs to, else
 * NULL. Owned by the trace. Its first chunk is begun with its first event.
 */
struct tracegen_stream *tracegen_thread(struct tracegen *gen, uint32_t tid, enum hst_lane lane,
	struct tracegen_stream *interrupted);
uint32_t tracegen_stream_number(const struct tracegen_stream *stream);
uint32_t tracegen_depth(const struct tracegen_stream *stream);

/* Frames that are open before the first event (fork), outermost first, one call each. */
void tracegen_inherit(struct tracegen_stream *stream, uint64_t ret, uint64_t fn);

/* Events. Chooses the shortest record, as the preload does; an enter says whether the predictor foretold it. */
bool tracegen_enter(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret, uint64_t fn);
void tracegen_exit(struct tracegen_stream *stream, uint64_t ticks);
void tracegen_exit_error(struct tracegen_stream *stream, uint64_t ticks);
void tracegen_unwind(
	struct tracegen_stream *stream, uint64_t ticks, uint32_t reason, uint32_t count);
void tracegen_switch(struct tracegen_stream *stream, uint64_t ticks, uint32_t fiber);
void tracegen_lost(struct tracegen_stream *stream, uint64_t ticks, uint32_t count);
/* `units` of 1 << HST_TIME_SHIFT ticks up to here were hasten's. */
void tracegen_own(struct tracegen_stream *stream, uint64_t ticks, uint32_t units);
/* Of the time up to here `off` ticks off the CPU and `own` ticks (a multiple of 32) of the recorder's. */
void tracegen_off_cpu(struct tracegen_stream *stream, uint64_t ticks, uint64_t off, uint32_t own);
/* Chunks that begin from now on have this mode of the CPU clock; 0 until then. */
void tracegen_clock(struct tracegen_stream *stream, enum hst_clock_mode mode);
void tracegen_pause(struct tracegen_stream *stream, uint64_t ticks);
void tracegen_limit(struct tracegen_stream *stream, uint64_t ticks);
void tracegen_thread_end(struct tracegen_stream *stream, uint64_t ticks);

/*
 * Memory. `ret` is the address behind the call, `which` the function that is called there. Blocks take
 * the shortest record that they fit. slack UINT64_MAX: unknown. address 0: it failed.
 */
void tracegen_alloc(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret,
	enum hst_allocator which, uint64_t address, uint64_t bytes, uint64_t slack);
void tracegen_free(struct tracegen_stream *stream, uint64_t ticks, uint64_t address);
/* The block is given to realloc: an alloc of a site of realloc follows, or tracegen_realloc_end. */
void tracegen_release(struct tracegen_stream *stream, uint64_t ticks, uint64_t address);
void tracegen_realloc_end(struct tracegen_stream *stream, uint64_t ticks, bool freed);
/* `calls` calls were within the allocator, one of them for `elapsed` ticks. */
void tracegen_allocator(
	struct tracegen_stream *stream, uint64_t ticks, uint64_t elapsed, uint32_t calls);
/* flags: HST_MAP_... */
void tracegen_map(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret,
	enum hst_allocator which, uint64_t address, uint64_t bytes, uint32_t flags);
void tracegen_unmap(
	struct tracegen_stream *stream, uint64_t ticks, uint64_t address, uint64_t bytes);
/* A thread is created that has a stack of so many bytes. */
void tracegen_stack(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret, uint64_t bytes);
/* Sizes of the process in pages. */
void tracegen_memory(struct tracegen_stream *stream, uint64_t ticks, uint32_t resident,
	uint32_t heap, uint32_t address_space);

/* Records as they are: `words` 16-bit words (head first), no check, no change of state. */
void tracegen_words(struct tracegen_stream *stream, const uint16_t *words, size_t count);

/* Closes the present chunk (appends it) and begins the next with the next event. */
void tracegen_rollover(struct tracegen_stream *stream);
/* Leaves out one sequence number at the next chunk: a gap. Closes the present chunk. */
void tracegen_gap(struct tracegen_stream *stream);
/*
 * As if the process were killed while it appended a full chunk: only the first `bytes` of the chunk
 * were written, and the tail still holds all of it. No more events of this stream afterwards.
 */
void tracegen_kill_while_appending(struct tracegen_stream *stream, size_t bytes);
/* Leaves the tail as a stale copy of the last appended chunk (same sequence); no more events. */
void tracegen_stale_tail(struct tracegen_stream *stream);
/* The ledger that the stream's following chunk headers carry; the present one's too. */
struct hst_ledger *tracegen_ledger(struct tracegen_stream *stream);

/*
 * A profile block of `stream` (may be NULL: stream 0) with `node_count` nodes of `node_capacity`
 * and `open_count` open frames. Returns its file offset.
 */
uint64_t tracegen_profile(struct tracegen *gen, struct tracegen_stream *stream,
	const struct hst_profile_node *nodes, uint32_t node_count, uint32_t node_capacity,
	const struct hst_profile_open *open, uint32_t open_count);

/* The process ended: sets the end of the header. */
void tracegen_end(struct tracegen *gen, uint64_t ticks, enum hst_end kind, int32_t status);

/* The file as it stands now (also in the middle); valid until the next call on `gen`. */
const uint8_t *tracegen_bytes(struct tracegen *gen, size_t *ret_bytes);
/* Writes it to a file, or to a new memfd (returned, at offset 0). false or -1: see errno. */
bool tracegen_save(struct tracegen *gen, const char *path);
int tracegen_memfd(struct tracegen *gen);

#endif
