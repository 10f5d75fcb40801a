/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index pass. Chunks are gathered in file order, then sorted by stream and sequence; of several
 * with the same number the best one counts (whole, then tail, then what was half written).
 */
#include "reader/index.h"

#include "util/map.h"
#include "util/vec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_BYTES_MAX 4096u
#define GROWTH_MAX     4u /* how often the pass follows a file that grows meanwhile */

/* One chunk as it was found; `rank` 0 is best. */
struct found {
	uint64_t offset;
	uint64_t seq;
	uint32_t bytes;
	uint32_t stream; /* index into streams while gathering */
	uint32_t rank;
	uint32_t tid;
};

enum {
	RANK_WHOLE = 0,
	RANK_TAIL = 1,
	RANK_PARTIAL = 2
};

struct gather {
	struct hst_trace_file *file;
	unsigned growth;
	struct hst_index_facts facts;
	struct hst_map stream_map; /* stream number -> index */
	struct hst_map module_map; /* lo -> index of its newest module */
	struct hst_map name_map;   /* number -> index, to drop duplicates */
	HST_VEC(struct hst_stream_ref) streams;
	HST_VEC(uint64_t) newest; /* by stream: sequence that gave ledger and ids, 0 none yet */
	HST_VEC(uint64_t) ledger_ticks; /* by stream: how new its ledger is */
	HST_VEC(struct found) chunks;
	HST_VEC(struct hst_module) modules;
	HST_VEC(struct hst_region_name) names;
	HST_VEC(uint64_t) profiles;
	HST_VEC(uint64_t) throttles;
	HST_VEC(uint64_t) memos;
};

const char *hst_index_check_chunk(const struct hst_chunk *chunk)
{
	if (chunk->stream == 0) {
		return "stream 0";
	}
	if (chunk->frames > HST_CHUNK_FRAMES_MAX || chunk->frames > chunk->depth) {
		return "more frames than there can be";
	}
	if (chunk->block.bytes > HST_CHUNK_BYTES_MAX ||
		chunk->block.bytes < sizeof *chunk + chunk->frames * sizeof(struct hst_frame)) {
		return "a length that cannot be";
	}
	if (chunk->start.ticks >> 62 != 0) {
		return "a time that cannot be";
	}
	if (chunk->seq >> 48 != 0) {
		return "a sequence number that cannot be";
	}
	if (chunk->lane > HST_LANE_SIGNAL) {
		return "an unknown lane";
	}
	return NULL;
}

static enum hst_status find_stream(struct gather *gather, uint32_t number, uint32_t *ret_index)
{
	struct hst_stream_ref stream = { .stream = number };

	if (hst_map_get(&gather->stream_map, number, ret_index)) {
		return HST_OK;
	}
	if (gather->streams.count >= UINT32_MAX || !hst_vec_push(&gather->streams, stream) ||
		!hst_vec_push(&gather->newest, 0) || !hst_vec_push(&gather->ledger_ticks, 0)) {
		return HST_E_MEMORY;
	}
	*ret_index = (uint32_t)gather->streams.count - 1;
	return hst_map_put(&gather->stream_map, number, *ret_index);
}

static void note_pair(struct hst_trace_file *file, const struct hst_clock_pair *pair)
{
	if (pair->mono_ns > file->newest.mono_ns && pair->ticks > file->header.start.ticks) {
		file->newest = *pair;
	}
}

/* The file ends within this block; `chunk` is NULL for other blocks. */
static void note_cut(
	struct gather *gather, const struct hst_scan_block *block, const struct hst_chunk *chunk)
{
	gather->facts.cut_at = gather->file->bytes;
	gather->facts.cut_block = block->offset;
	gather->facts.cut_seq = chunk == NULL ? 0 : chunk->seq;
	gather->facts.cut_tid = chunk == NULL ? 0 : chunk->tid;
	gather->facts.cut_stream = chunk == NULL ? 0 : chunk->stream;
}

static enum hst_status gather_chunk(struct gather *gather, const struct hst_scan_block *block)
{
	struct hst_chunk chunk = { 0 };
	struct found found = { .offset = block->offset, .bytes = (uint32_t)block->held };
	struct hst_stream_ref *stream;

	memcpy(&chunk, block->head,
		block->head_bytes < sizeof chunk ? block->head_bytes : sizeof chunk);
	if (block->offset + block->held == gather->file->bytes &&
		block->held < block->block.bytes) {
		note_cut(gather, block, &chunk);
	}
	if (chunk.seq == 0 || block->head_bytes < sizeof chunk) {
		return HST_OK;
	}
	if (hst_index_check_chunk(&chunk) != NULL) {
		gather->facts.bad_headers++;
		return HST_OK;
	}
	if (block->held < sizeof chunk + chunk.frames * sizeof(struct hst_frame)) {
		return HST_OK;
	}
	HST_TRY(find_stream(gather, chunk.stream, &found.stream));
	found.seq = chunk.seq;
	found.tid = chunk.tid;
	found.rank = (chunk.block.flags & HST_BLOCK_TAIL) != 0             ? RANK_TAIL
		     : block->last_word == (HST_CHUNK_TRAILER ^ chunk.seq) ? RANK_WHOLE
									   : RANK_PARTIAL;
	if (!hst_vec_push(&gather->chunks, found)) {
		return HST_E_MEMORY;
	}
	note_pair(gather->file, &chunk.start);
	stream = &gather->streams.items[found.stream];
	/* A tail and its appended copy have one number; the later look at either is as good. */
	if (chunk.seq >= gather->newest.items[found.stream]) {
		gather->newest.items[found.stream] = chunk.seq;
		gather->ledger_ticks.items[found.stream] = chunk.start.ticks;
		stream->tid = chunk.tid;
		stream->lane = chunk.lane;
		stream->parent_stream = chunk.parent_stream;
		stream->thread_start = chunk.thread_start;
		stream->ledger = chunk.ledger;
	}
	return HST_OK;
}

/* Text behind a block's header, as much as the file has of it. NULL: out of memory. */
static char *read_text(
	struct gather *gather, const struct hst_scan_block *block, size_t behind, size_t bytes)
{
	char *text = hst_arena_alloc(&gather->file->arena, bytes + 1);
	int64_t got;

	if (text == NULL) {
		return NULL;
	}
	if (behind + bytes <= block->head_bytes) {
		memcpy(text, block->head + behind, bytes);
		return text;
	}
	got = hst_scan_read(gather->file->fd, block->offset + behind, text, bytes);
	text[got < 0 ? 0 : got] = '\0';
	return text;
}

static enum hst_status gather_module(struct gather *gather, const struct hst_scan_block *block)
{
	struct hst_module_block raw;
	struct hst_module module = { 0 };

	if (block->held < block->block.bytes) {
		note_cut(gather, block, NULL);
		return HST_OK;
	}
	memcpy(&raw, block->head, sizeof raw);
	if (raw.build_id_bytes > sizeof raw.build_id || raw.hi <= raw.lo ||
		sizeof raw + raw.path_bytes > block->block.bytes) {
		gather->facts.bad_headers++;
		return HST_OK;
	}
	module.bias = raw.bias;
	module.lo = raw.lo;
	module.hi = raw.hi;
	module.ticks = raw.ticks;
	module.generation = raw.generation;
	module.gone = UINT32_MAX;
	module.main = raw.main == 1;
	module.build_id_bytes = raw.build_id_bytes;
	memcpy(module.build_id, raw.build_id, sizeof module.build_id);
	module.path = read_text(gather, block, sizeof raw, raw.path_bytes);
	if (module.path == NULL || gather->modules.count >= UINT32_MAX ||
		!hst_vec_push(&gather->modules, module)) {
		return HST_E_MEMORY;
	}
	return hst_map_put(&gather->module_map, raw.lo, (uint32_t)gather->modules.count - 1);
}

static void gather_gone(struct gather *gather, const struct hst_scan_block *block)
{
	struct hst_gone_block raw;
	struct hst_module *module;
	uint32_t index;

	if (block->head_bytes < sizeof raw) {
		note_cut(gather, block, NULL);
		return;
	}
	memcpy(&raw, block->head, sizeof raw);
	if (!hst_map_get(&gather->module_map, raw.lo, &index)) {
		return;
	}
	module = &gather->modules.items[index];
	if (module->bias == raw.bias && module->gone == UINT32_MAX &&
		module->generation <= raw.generation) {
		module->gone = raw.generation;
	}
}

static enum hst_status gather_name(struct gather *gather, const struct hst_scan_block *block)
{
	struct hst_name_block raw;
	struct hst_region_name name;
	uint32_t known;

	if (block->held < block->block.bytes) {
		note_cut(gather, block, NULL);
		return HST_OK;
	}
	memcpy(&raw, block->head, sizeof raw);
	if (raw.name_bytes > block->block.bytes - sizeof raw) {
		gather->facts.bad_headers++;
		return HST_OK;
	}
	if (hst_map_get(&gather->name_map, raw.number, &known)) {
		return HST_OK;
	}
	name.number = raw.number;
	name.name = read_text(gather, block, sizeof raw,
		raw.name_bytes < NAME_BYTES_MAX ? raw.name_bytes : NAME_BYTES_MAX);
	if (name.name == NULL || !hst_vec_push(&gather->names, name)) {
		return HST_E_MEMORY;
	}
	return hst_map_put(&gather->name_map, raw.number, 0);
}

static enum hst_status gather_profile(struct gather *gather, const struct hst_scan_block *block)
{
	struct hst_profile_block raw;
	struct hst_stream_ref *stream;
	uint32_t index;

	if (block->held < block->block.bytes) {
		note_cut(gather, block, NULL);
	}
	if (block->head_bytes < sizeof raw) {
		return HST_OK;
	}
	memcpy(&raw, block->head, sizeof raw);
	if (!hst_vec_push(&gather->profiles, block->offset)) {
		return HST_E_MEMORY;
	}
	if (raw.stream == 0) {
		return HST_OK;
	}
	HST_TRY(find_stream(gather, raw.stream, &index));
	stream = &gather->streams.items[index];
	if (gather->newest.items[index] == 0 && stream->profile_offset == 0) {
		stream->tid = raw.tid;
		stream->lane = raw.lane <= HST_LANE_SIGNAL ? raw.lane : HST_LANE_MAIN;
		stream->thread_start = raw.thread_start;
	}
	if (stream->profile_offset == 0) {
		stream->profile_offset = block->offset;
	}
	if (raw.start.ticks >= gather->ledger_ticks.items[index]) {
		gather->ledger_ticks.items[index] = raw.start.ticks;
		stream->ledger = raw.ledger;
	}
	return HST_OK;
}

static enum hst_status gather_block(
	struct gather *gather, const struct hst_scan_block *block, bool *ret_stop)
{
	switch (block->block.type) {
	case HST_BLOCK_CHUNK:
		return gather_chunk(gather, block);
	case HST_BLOCK_MODULE:
		return gather_module(gather, block);
	case HST_BLOCK_GONE:
		gather_gone(gather, block);
		return HST_OK;
	case HST_BLOCK_NAME:
		return gather_name(gather, block);
	case HST_BLOCK_PROFILE:
		return gather_profile(gather, block);
	case HST_BLOCK_THROTTLE:
	case HST_BLOCK_COUNTS:
		return hst_vec_push(&gather->throttles, block->offset) ? HST_OK : HST_E_MEMORY;
	case HST_BLOCK_MEMO:
	case HST_BLOCK_MEMO_COUNTS:
		return hst_vec_push(&gather->memos, block->offset) ? HST_OK : HST_E_MEMORY;
	case 0:
		gather->facts.unfinished = true;
		return HST_OK;
	default:
		if ((block->block.flags & HST_BLOCK_REQUIRED) != 0) {
			gather->facts.newer_type = block->block.type;
			gather->facts.newer_at = block->offset;
			*ret_stop = true;
		}
		return HST_OK;
	}
}

static int compare_found(const void *left, const void *right)
{
	const struct found *a = left;
	const struct found *b = right;

	if (a->stream != b->stream) {
		return a->stream < b->stream ? -1 : 1;
	}
	if (a->seq != b->seq) {
		return a->seq < b->seq ? -1 : 1;
	}
	if (a->rank != b->rank) {
		return a->rank < b->rank ? -1 : 1;
	}
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int compare_streams(const void *left, const void *right)
{
	const struct hst_stream_ref *a = left;
	const struct hst_stream_ref *b = right;

	return a->stream < b->stream ? -1 : a->stream > b->stream;
}

static int compare_names(const void *left, const void *right)
{
	const struct hst_region_name *a = left;
	const struct hst_region_name *b = right;

	return a->number < b->number ? -1 : a->number > b->number;
}

/* A missing number within a stream, or before its first one unless a ring overwrote it. */
static void note_gap(
	struct gather *gather, struct hst_stream_ref *stream, uint64_t first, uint64_t last)
{
	if (stream->gaps == 0) {
		gather->facts.gap_streams++;
	}
	if (gather->facts.gap_first == 0) {
		gather->facts.gap_first = first;
		gather->facts.gap_last = last;
		gather->facts.gap_tid = stream->tid;
	}
	stream->gaps += last - first + 1;
	gather->file->gaps += last - first + 1;
}

static void add_ref(struct gather *gather, struct hst_stream_ref *stream, const struct found *found)
{
	bool ring = (gather->file->header.flags & HST_FLAG_RING) != 0;
	uint64_t before =
		stream->chunk_count == 0 ? 0 : stream->chunks[stream->chunk_count - 1].seq;

	if (found->seq > before + 1 && !(ring && before == 0)) {
		note_gap(gather, stream, before + 1, found->seq - 1);
	}
	stream->chunks[stream->chunk_count++] = (struct hst_chunk_ref){ .offset = found->offset,
		.seq = found->seq,
		.bytes = found->bytes,
		.whole = found->rank == RANK_WHOLE,
		.tail = found->rank == RANK_TAIL };
	gather->file->chunk_bytes += found->bytes;
	if (found->rank == RANK_PARTIAL && found->offset != gather->facts.cut_block) {
		gather->facts.partial++;
		gather->facts.partial_tid = found->tid;
		gather->facts.partial_seq = found->seq;
	}
}

/* Sorts the chunks into one array, of which each stream owns a piece. */
static enum hst_status order_chunks(struct gather *gather)
{
	size_t count = gather->chunks.count;
	struct found *found = gather->chunks.items;
	struct hst_chunk_ref *refs;
	struct hst_stream_ref *stream;
	size_t used = 0;
	size_t i;

	if (count == 0) {
		return HST_OK;
	}
	qsort(found, count, sizeof *found, compare_found);
	refs = hst_arena_array(&gather->file->arena, count, sizeof *refs);
	if (refs == NULL) {
		return HST_E_MEMORY;
	}
	for (i = 0; i < count; i++) {
		if (i > 0 && found[i].stream == found[i - 1].stream &&
			found[i].seq == found[i - 1].seq) {
			continue;
		}
		stream = &gather->streams.items[found[i].stream];
		if (stream->chunks == NULL) {
			stream->chunks = refs + used;
		}
		used++;
		add_ref(gather, stream, &found[i]);
	}
	return HST_OK;
}

/*
 * A process that was killed while it appended a chunk, or that is at it now, leaves a cut block at
 * the end; its tail still holds the chunk, and nothing is missing.
 */
static void forgive_cut(struct gather *gather)
{
	struct hst_index_facts *facts = &gather->facts;
	const struct hst_stream_ref *stream;
	uint32_t index;
	size_t i;

	if (facts->cut_seq == 0 || !hst_map_get(&gather->stream_map, facts->cut_stream, &index)) {
		return;
	}
	stream = &gather->streams.items[index];
	for (i = stream->chunk_count; i > 0; i--) {
		if (stream->chunks[i - 1].seq == facts->cut_seq &&
			stream->chunks[i - 1].offset != facts->cut_block) {
			facts->cut_at = 0;
			facts->cut_seq = 0;
		}
	}
}

static int compare_modules(const void *left, const void *right, void *context)
{
	const struct hst_module *modules = context;
	uint32_t x = *(const uint32_t *)left;
	uint32_t y = *(const uint32_t *)right;

	if (modules[x].lo != modules[y].lo) {
		return modules[x].lo < modules[y].lo ? -1 : 1;
	}
	if (modules[x].generation != modules[y].generation) {
		return modules[x].generation < modules[y].generation ? -1 : 1;
	}
	return x < y ? -1 : x > y;
}

static enum hst_status order_modules(struct hst_trace_file *file)
{
	uint64_t reach = 0;
	size_t i;

	if (file->module_count == 0) {
		return HST_OK;
	}
	file->module_order =
		hst_arena_array(&file->arena, file->module_count, sizeof *file->module_order);
	file->module_reach =
		hst_arena_array(&file->arena, file->module_count, sizeof *file->module_reach);
	if (file->module_order == NULL || file->module_reach == NULL) {
		return HST_E_MEMORY;
	}
	for (i = 0; i < file->module_count; i++) {
		file->module_order[i] = (uint32_t)i;
	}
	qsort_r(file->module_order, file->module_count, sizeof *file->module_order, compare_modules,
		file->modules);
	for (i = 0; i < file->module_count; i++) {
		uint64_t hi = file->modules[file->module_order[i]].hi;

		reach = hi > reach ? hi : reach;
		file->module_reach[i] = reach;
	}
	return HST_OK;
}

/*
 * The file of a running process grows while it is indexed: a chunk that was in its tail when the
 * size was taken may be behind that size when the tail is looked at. So the pass goes on at `at`,
 * to the new end; not for ever, since a process can write faster than we read.
 */
static bool follow_growth(struct gather *gather, struct hst_scan *scan, uint64_t at)
{
	struct stat info;

	if (gather->growth >= GROWTH_MAX || scan->failed || fstat(scan->fd, &info) != 0 ||
		info.st_size < 0 || (uint64_t)info.st_size <= scan->end) {
		return false;
	}
	gather->growth++;
	gather->file->bytes = (uint64_t)info.st_size;
	hst_scan_extend(scan, at, gather->file->bytes);
	return true;
}

static enum hst_status gather_all(struct gather *gather)
{
	struct hst_trace_file *file = gather->file;
	enum hst_status status = HST_OK;
	struct hst_scan_block block;
	struct hst_scan scan;
	bool stop = false;

	HST_TRY(hst_scan_init(&scan, file->fd, file->header.header_bytes, file->bytes));
	while (status == HST_OK && !stop) {
		if (!hst_scan_next(&scan, &block)) {
			stop = !follow_growth(gather, &scan, scan.at);
		} else if (block.offset + block.held < scan.end ||
			   block.held == block.block.bytes ||
			   !follow_growth(gather, &scan, block.offset)) {
			status = gather_block(gather, &block, &stop);
		}
	}
	file->skipped_bytes = scan.skipped;
	gather->facts.unreadable = scan.failed;
	gather->facts.unreadable_at = scan.at;
	hst_scan_finish(&scan);
	return status;
}

/* The file owns the arrays from here on, sorted or not. */
static void hand_over(struct gather *gather)
{
	struct hst_trace_file *file = gather->file;

	file->streams = gather->streams.items;
	file->stream_count = gather->streams.count;
	file->modules = gather->modules.items;
	file->module_count = gather->modules.count;
	file->names = gather->names.items;
	file->name_count = gather->names.count;
	file->profiles = gather->profiles.items;
	file->profile_count = gather->profiles.count;
	file->throttles = gather->throttles.items;
	file->throttle_count = gather->throttles.count;
	file->memos = gather->memos.items;
	file->memo_count = gather->memos.count;
	if (file->stream_count != 0) {
		qsort(file->streams, file->stream_count, sizeof *file->streams, compare_streams);
	}
	if (file->name_count != 0) {
		qsort(file->names, file->name_count, sizeof *file->names, compare_names);
	}
}

enum hst_status hst_index_build(struct hst_trace_file *file, struct hst_diag *diag)
{
	struct gather gather = { .file = file };
	enum hst_status status = gather_all(&gather);

	if (status == HST_OK) {
		status = order_chunks(&gather);
	}
	if (status == HST_OK) {
		forgive_cut(&gather);
	}
	hand_over(&gather);
	if (status == HST_OK) {
		status = order_modules(file);
	}
	hst_map_finish(&gather.stream_map);
	hst_map_finish(&gather.module_map);
	hst_map_finish(&gather.name_map);
	hst_vec_finish(&gather.newest);
	hst_vec_finish(&gather.ledger_ticks);
	hst_vec_finish(&gather.chunks);
	if (status != HST_OK) {
		return hst_diag_set(diag, status, "%s: %s", file->path, hst_status_text(status));
	}
	hst_index_describe(file, &gather.facts);
	return HST_OK;
}
