/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a trace file and answers questions about it. The header is checked here, the blocks are
 * indexed by index.c; events are read chunk by chunk on request. Nothing is mapped: a file that
 * shrinks while it is read gives short reads, not signals.
 */
#include "reader/trace_file.h"

#include "reader/index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIME_SHIFT_MAX  20u
#define PAIR_GOOD_NS    10000000u /* pairs at least this far apart give a rate worth having */
#define PAIR_JITTER_NS  200.0     /* the two clocks of a pair are read this close to each other */
#define TSC_HZ_ERROR    0.0005
#define NS_PER_TICK_MIN 0.02   /* 50 GHz */
#define NS_PER_TICK_MAX 1000.0 /* 1 MHz */

static enum hst_status check_magic(const struct hst_trace_file *file, const uint8_t *bytes,
	size_t count, struct hst_diag *diag)
{
	static const uint8_t magic[8] = HST_TRACE_MAGIC;
	size_t have = count < sizeof magic ? count : sizeof magic;
	size_t i;

	if (count == 0) {
		return hst_diag_set(diag, HST_E_DAMAGED,
			"%s: the file is empty: the process ended before it could record anything",
			file->path);
	}
	if (memcmp(bytes, magic, have) == 0) {
		return HST_OK;
	}
	if (memcmp(bytes, "HSTN", have < 4 ? have : 4) == 0) {
		return hst_diag_set(diag, HST_E_DAMAGED,
			"%s: the trace was changed by a text-mode transfer: copy it again in binary mode",
			file->path);
	}
	for (i = 0; i < count && bytes[i] == 0; i++) {
	}
	if (i == count) {
		return hst_diag_set(diag, HST_E_DAMAGED,
			"%s: the header was never written: the process ended before it could record anything",
			file->path);
	}
	return hst_diag_set(diag, HST_E_NOT_OURS, "%s: not a trace of hasten", file->path);
}

static enum hst_status check_header(struct hst_trace_file *file, struct hst_diag *diag)
{
	struct hst_file_header *header = &file->header;

	if (header->endian == __builtin_bswap32(HST_TRACE_ENDIAN)) {
		return hst_diag_set(diag, HST_E_UNSUPPORTED,
			"%s: recorded on a big-endian machine, which hasten does not support",
			file->path);
	}
	if (header->major > HST_TRACE_MAJOR) {
		return hst_diag_set(diag, HST_E_VERSION,
			"%s: trace format %u.%u is newer than this hasten, which reads %u.x: update hasten",
			file->path, (unsigned)header->major, (unsigned)header->minor,
			(unsigned)HST_TRACE_MAJOR);
	}
	if (header->major < HST_TRACE_MAJOR || header->endian != HST_TRACE_ENDIAN) {
		return hst_diag_set(
			diag, HST_E_DAMAGED, "%s: the header of the trace is damaged", file->path);
	}
	if (header->pointer_bytes != 8) {
		return hst_diag_set(diag, HST_E_UNSUPPORTED,
			"%s: recorded from a %u-bit program, which hasten does not support",
			file->path, header->pointer_bytes * 8u);
	}
	if (header->time_shift > TIME_SHIFT_MAX || header->clock > HST_CLOCK_MONO) {
		return hst_diag_set(diag, HST_E_DAMAGED,
			"%s: the header of the trace is damaged (no such clock)", file->path);
	}
	if (header->header_bytes < HST_HEADER_BYTES ||
		header->header_bytes % HST_BLOCK_ALIGN != 0 || header->header_bytes > file->bytes) {
		header->header_bytes = HST_HEADER_BYTES;
	}
	header->comm[sizeof header->comm - 1] = '\0';
	header->exe[sizeof header->exe - 1] = '\0';
	return HST_OK;
}

static enum hst_status read_header(struct hst_trace_file *file, struct hst_diag *diag)
{
	int64_t got = hst_scan_read(file->fd, 0, &file->header, sizeof file->header);

	if (got < 0) {
		return hst_diag_set(
			diag, HST_E_IO, "%s: cannot be read: %s", file->path, strerror(errno));
	}
	HST_TRY(check_magic(file, (const uint8_t *)&file->header, (size_t)got, diag));
	if ((size_t)got < sizeof file->header) {
		return hst_diag_set(diag, HST_E_DAMAGED,
			"%s: the trace is cut at byte %" PRId64
			", within its header: nothing can be read",
			file->path, got);
	}
	return check_header(file, diag);
}

static enum hst_status open_parts(struct hst_trace_file *file, struct hst_diag *diag)
{
	struct stat info;

	if (fstat(file->fd, &info) != 0) {
		return hst_diag_set(
			diag, HST_E_IO, "%s: cannot be read: %s", file->path, strerror(errno));
	}
	if (!S_ISREG(info.st_mode)) {
		return hst_diag_set(diag, HST_E_NOT_OURS, "%s: not a regular file", file->path);
	}
	file->bytes = (uint64_t)info.st_size;
	HST_TRY(read_header(file, diag));
	return hst_index_build(file, diag);
}

enum hst_status hst_trace_file_open_fd(
	int fd, const char *name, struct hst_trace_file *ret_file, struct hst_diag *diag)
{
	struct hst_trace_file file = { .fd = fd };
	enum hst_status status;

	*ret_file = (struct hst_trace_file){ .fd = -1 };
	file.path = strdup(name);
	if (file.path == NULL) {
		(void)close(fd);
		return hst_diag_set(
			diag, HST_E_MEMORY, "%s: %s", name, hst_status_text(HST_E_MEMORY));
	}
	status = open_parts(&file, diag);
	if (status != HST_OK) {
		hst_trace_file_close(&file);
		return status;
	}
	*ret_file = file;
	return HST_OK;
}

enum hst_status hst_trace_file_open(
	const char *path, struct hst_trace_file *ret_file, struct hst_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0) {
		return hst_trace_file_open_fd(fd, path, ret_file, diag);
	}
	*ret_file = (struct hst_trace_file){ .fd = -1 };
	if (errno == ELOOP) {
		return hst_diag_set(diag, HST_E_NOT_OURS,
			"%s: a symbolic link, not a trace: hasten does not follow it", path);
	}
	return hst_diag_set(diag,
		errno == ENOENT                     ? HST_E_NOT_FOUND
		: errno == EACCES || errno == EPERM ? HST_E_PERMISSION
						    : HST_E_IO,
		"%s: cannot be opened: %s", path, strerror(errno));
}

void hst_trace_file_close(struct hst_trace_file *file)
{
	if (file == NULL) {
		return;
	}
	/* A zeroed object has descriptor 0 but no path: it never was open. */
	if (file->path != NULL && file->fd >= 0) {
		(void)close(file->fd);
	}
	free(file->path);
	free(file->streams);
	free(file->modules);
	free(file->names);
	free(file->profiles);
	free(file->throttles);
	free(file->memos);
	hst_arena_finish(&file->arena);
	*file = (struct hst_trace_file){ .fd = -1 };
}

/* The newest module of the group order[first..last] (one `lo`) that generation sees. */
static const struct hst_module *group_module(const struct hst_trace_file *file, size_t first,
	size_t last, uint64_t address, uint32_t generation)
{
	size_t low = first;
	size_t high = last + 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (file->modules[file->module_order[middle]].generation <= generation) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	while (low > first) {
		const struct hst_module *module = &file->modules[file->module_order[--low]];

		if (module->gone > generation && address < module->hi) {
			return module;
		}
	}
	return NULL;
}

const struct hst_module *hst_trace_file_module(
	const struct hst_trace_file *file, uint64_t address, uint32_t generation)
{
	const struct hst_module *module;
	size_t low = 0;
	size_t high = file->module_count;
	size_t first;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (file->modules[file->module_order[middle]].lo <= address) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	/*
	 * `low` modules begin at or below the address; go back group by group while one may reach
	 * it.
	 */
	while (low > 0 && file->module_reach[low - 1] > address) {
		uint64_t lo = file->modules[file->module_order[low - 1]].lo;

		first = low - 1;
		while (first > 0 && file->modules[file->module_order[first - 1]].lo == lo) {
			first--;
		}
		module = group_module(file, first, low - 1, address, generation);
		if (module != NULL) {
			return module;
		}
		low = first;
	}
	return NULL;
}

const char *hst_trace_file_region(const struct hst_trace_file *file, uint64_t address)
{
	uint64_t number = (address - HST_REGION_BASE) / 16;
	size_t low = 0;
	size_t high = file->name_count;

	if (address < HST_REGION_BASE || address % 16 != 0 || number > UINT32_MAX) {
		return NULL;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (file->names[middle].number == number) {
			return file->names[middle].name;
		}
		if (file->names[middle].number < number) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

enum hst_status hst_trace_file_read(const struct hst_trace_file *file, uint64_t offset,
	void *buffer, size_t bytes, size_t *ret_read)
{
	int64_t got = hst_scan_read(file->fd, offset, buffer, bytes);

	if (got < 0) {
		return HST_E_IO;
	}
	memset((char *)buffer + got, 0, bytes - (size_t)got);
	*ret_read = (size_t)got;
	return HST_OK;
}

static bool is_the_chunk(const void *buffer, size_t bytes, uint32_t stream, uint64_t seq)
{
	struct hst_chunk chunk;

	if (bytes < sizeof chunk) {
		return false;
	}
	memcpy(&chunk, buffer, sizeof chunk);
	return chunk.block.magic == HST_BLOCK_MAGIC && chunk.block.type == HST_BLOCK_CHUNK &&
	       chunk.stream == stream && chunk.seq == seq;
}

/* Looks for a chunk among the blocks that were appended since the file was indexed. */
static bool find_appended(const struct hst_trace_file *file, uint32_t stream, uint64_t seq,
	struct hst_chunk_ref *ret_chunk)
{
	/* The file may have ended within the very chunk: from before where it can have begun. */
	uint64_t from = file->bytes < HST_HEADER_BYTES + HST_CHUNK_BYTES_MAX
				? HST_HEADER_BYTES
				: (file->bytes - HST_CHUNK_BYTES_MAX) & ~(uint64_t)15;
	struct hst_scan_block block;
	struct hst_scan scan;
	struct stat info;
	bool found = false;

	if (fstat(file->fd, &info) != 0 || info.st_size < 0 ||
		hst_scan_init(&scan, file->fd, from, (uint64_t)info.st_size) != HST_OK) {
		return false;
	}
	while (!found && hst_scan_next(&scan, &block)) {
		found = is_the_chunk(block.head, block.head_bytes, stream, seq) &&
			(block.block.flags & HST_BLOCK_TAIL) == 0 &&
			block.held <= HST_CHUNK_BYTES_MAX;
		*ret_chunk = (struct hst_chunk_ref){ .offset = block.offset,
			.seq = seq,
			.bytes = (uint32_t)block.held,
			.whole = true };
	}
	hst_scan_finish(&scan);
	return found;
}

enum hst_status hst_trace_file_read_chunk(const struct hst_trace_file *file,
	const struct hst_stream_ref *stream, const struct hst_chunk_ref *chunk, void *buffer,
	size_t *ret_bytes, struct hst_diag *diag)
{
	struct hst_chunk_ref moved;
	struct hst_chunk again;
	size_t got;
	size_t check;

	HST_TRY(hst_trace_file_read(file, chunk->offset, buffer, chunk->bytes, &got));
	/* The thread may have begun its next chunk in this tail while we copied it. */
	HST_TRY(hst_trace_file_read(file, chunk->offset, &again, sizeof again, &check));
	if (is_the_chunk(buffer, got, stream->stream, chunk->seq) &&
		is_the_chunk(&again, check, stream->stream, chunk->seq)) {
		*ret_bytes = got;
		return HST_OK;
	}
	if (chunk->tail && find_appended(file, stream->stream, chunk->seq, &moved)) {
		HST_TRY(hst_trace_file_read(file, moved.offset, buffer, moved.bytes, &got));
		if (is_the_chunk(buffer, got, stream->stream, chunk->seq)) {
			*ret_bytes = got;
			return HST_OK;
		}
	}
	return hst_diag_set(diag, HST_E_DAMAGED,
		"%s: chunk %" PRIu64 " of thread %" PRIu32 " was overwritten while it was read",
		file->path, chunk->seq, stream->tid);
}

/* Takes the pair into `rate` when it is wider than what is there and makes sense. */
static void consider_pair(const struct hst_trace_file *file, const struct hst_clock_pair *pair,
	double *ref_span_ns, struct hst_clock_rate *ref_rate)
{
	const struct hst_clock_pair *start = &file->header.start;
	double ticks;
	double span;

	if (start->mono_ns == 0 || pair->mono_ns <= start->mono_ns || pair->ticks <= start->ticks) {
		return;
	}
	ticks = (double)(pair->ticks - start->ticks);
	span = (double)(pair->mono_ns - start->mono_ns);
	if (span <= *ref_span_ns || span / ticks < NS_PER_TICK_MIN ||
		span / ticks > NS_PER_TICK_MAX) {
		return;
	}
	*ref_span_ns = span;
	ref_rate->ns_per_tick = span / ticks;
	ref_rate->error = 2.0 * PAIR_JITTER_NS / span;
}

struct hst_clock_rate hst_trace_file_rate(const struct hst_trace_file *file, uint64_t tsc_hz)
{
	const struct hst_file_header *header = &file->header;
	struct hst_clock_rate rate = { .ns_per_tick = 1.0, .estimated = true, .error = 1.0 };
	double span_ns = 0.0;
	double by_hz;

	if (header->clock == HST_CLOCK_MONO) {
		return (struct hst_clock_rate){ .ns_per_tick = 1.0 };
	}
	if (tsc_hz == 0) {
		tsc_hz = header->tsc_hz;
	}
	by_hz = tsc_hz == 0 ? 0.0 : 1e9 / (double)tsc_hz;
	/* Chunks count only if the header's own pairs are no good: a damaged chunk must not win. */
	consider_pair(file, &header->end, &span_ns, &rate);
	consider_pair(file, &header->sync[header->sync_index & 1u], &span_ns, &rate);
	if (span_ns < PAIR_GOOD_NS) {
		consider_pair(file, &file->newest, &span_ns, &rate);
	}
	rate.estimated = span_ns < PAIR_GOOD_NS;
	if (by_hz < NS_PER_TICK_MIN || by_hz > NS_PER_TICK_MAX) {
		return rate;
	}
	if (rate.estimated || fabs(rate.ns_per_tick - by_hz) > 0.05 * by_hz) {
		return (struct hst_clock_rate){ .ns_per_tick = by_hz, .error = TSC_HZ_ERROR };
	}
	return rate;
}
