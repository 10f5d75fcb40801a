/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The synthetic writer: docs/trace-format.md turned into code as plainly as possible. The file
 * grows in memory; a stream's tail is a place in it, like the mapped tail of the real writer.
 */
#include "tracegen_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_BYTES_DEFAULT 4096u

void *tracegen_checked(void *memory)
{
	if (memory == NULL) {
		abort();
	}
	return memory;
}

void tracegen_require(bool condition)
{
	if (!condition) {
		(void)fprintf(stderr, "tracegen: wrong use\n");
		abort();
	}
}

size_t tracegen_extend(struct tracegen *gen, size_t bytes)
{
	size_t at = gen->bytes;

	if (gen->bytes + bytes > gen->capacity) {
		gen->capacity = (gen->bytes + bytes) * 2;
		gen->data = tracegen_checked(realloc(gen->data, gen->capacity));
	}
	memset(gen->data + at, 0, bytes);
	gen->bytes += bytes;
	return at;
}

struct hst_file_header *tracegen_header(struct tracegen *gen)
{
	return (struct hst_file_header *)(void *)gen->data;
}

struct tracegen *tracegen_create(const struct tracegen_options *options)
{
	struct tracegen *gen = tracegen_checked(calloc(1, sizeof *gen));
	struct hst_file_header *header;

	if (options != NULL) {
		gen->options = *options;
	}
	if (gen->options.chunk_bytes == 0) {
		gen->options.chunk_bytes = CHUNK_BYTES_DEFAULT;
	}
	tracegen_require(gen->options.chunk_bytes % 16 == 0 && gen->options.chunk_bytes >= 512 &&
			 gen->options.chunk_bytes <= HST_CHUNK_BYTES_MAX);
	(void)tracegen_extend(gen, HST_HEADER_BYTES);
	header = tracegen_header(gen);
	memcpy(header->magic, HST_TRACE_MAGIC, 8);
	header->major = HST_TRACE_MAJOR;
	header->minor = HST_TRACE_MINOR;
	header->header_bytes = HST_HEADER_BYTES;
	header->endian = HST_TRACE_ENDIAN;
	header->pointer_bytes = 8;
	header->clock = HST_CLOCK_TSC;
	header->time_shift = HST_TIME_SHIFT;
	header->flags = gen->options.flags;
	header->pid = gen->options.pid != 0 ? gen->options.pid : 4711;
	header->ppid = 1;
	header->start.ticks = gen->options.start_ticks;
	header->start.mono_ns = 1000000000u + gen->options.start_ticks / 2;
	header->start_real_ns = 1700000000000000000u;
	header->sync[0] = header->start;
	header->tsc_hz = 2000000000u;
	header->end_status = -1;
#define HST_RECORD(NAME, name, number, words, text) header->op_words[number] = (words);
#include "hasten/records.def"
#undef HST_RECORD
	memcpy(header->comm, "app", 4);
	memcpy(header->exe, "/usr/bin/app", 13);
	return gen;
}

void tracegen_destroy(struct tracegen *gen)
{
	uint32_t i;

	if (gen == NULL) {
		return;
	}
	for (i = 0; i < gen->stream_count; i++) {
		tracegen_stream_free(gen->streams[i]);
	}
	free(gen->data);
	free(gen);
}

uint64_t tracegen_block(
	struct tracegen *gen, uint16_t type, uint16_t flags, const void *payload, size_t bytes)
{
	size_t whole = (sizeof(struct hst_block) + bytes + 15) / 16 * 16;
	size_t at = tracegen_extend(gen, whole);
	struct hst_block block = {
		.magic = HST_BLOCK_MAGIC, .type = type, .flags = flags, .bytes = (uint32_t)whole
	};

	memcpy(gen->data + at, &block, sizeof block);
	if (bytes != 0) {
		memcpy(gen->data + at + sizeof block, payload, bytes);
	}
	return at;
}

void tracegen_raw(struct tracegen *gen, const void *data, size_t bytes)
{
	size_t at = tracegen_extend(gen, bytes);

	tracegen_require(bytes % 16 == 0);
	memcpy(gen->data + at, data, bytes);
}

/* A block whose struct has the block header as its first member, with text behind. */
static void text_block(
	struct tracegen *gen, uint16_t type, const void *fields, size_t bytes, const char *text)
{
	size_t length = strlen(text);
	size_t rest = bytes - sizeof(struct hst_block);
	uint8_t *payload = tracegen_checked(calloc(1, rest + length + 1));

	memcpy(payload, (const uint8_t *)fields + sizeof(struct hst_block), rest);
	memcpy(payload + rest, text, length);
	(void)tracegen_block(gen, type, 0, payload, rest + length);
	free(payload);
}

/* Every stream sees the new list of modules in its next chunk. */
static void next_generation(struct tracegen *gen)
{
	uint32_t i;

	gen->generation++;
	tracegen_header(gen)->generation = gen->generation;
	for (i = 0; i < gen->stream_count; i++) {
		if (gen->streams[i]->open && !gen->streams[i]->dead) {
			tracegen_rollover(gen->streams[i]);
		}
	}
}

void tracegen_module(struct tracegen *gen, const char *path, uint64_t bias, uint64_t lo,
	uint64_t hi, const void *build_id, size_t build_id_bytes)
{
	struct hst_module_block module = { .bias = bias, .lo = lo, .hi = hi };

	tracegen_require(build_id_bytes <= sizeof module.build_id);
	module.main = gen->generation == 0;
	next_generation(gen);
	module.generation = gen->generation;
	module.path_bytes = (uint16_t)strlen(path);
	module.build_id_bytes = (uint8_t)build_id_bytes;
	if (build_id_bytes != 0) {
		memcpy(module.build_id, build_id, build_id_bytes);
	}
	text_block(gen, HST_BLOCK_MODULE, &module, sizeof module, path);
}

void tracegen_gone(struct tracegen *gen, uint64_t bias, uint64_t lo, uint64_t ticks)
{
	struct hst_gone_block gone = { .bias = bias, .lo = lo, .ticks = ticks };

	next_generation(gen);
	gone.generation = gen->generation;
	text_block(gen, HST_BLOCK_GONE, &gone, sizeof gone, "");
}

void tracegen_region(struct tracegen *gen, uint32_t number, const char *name)
{
	struct hst_name_block block = { .number = number, .name_bytes = (uint32_t)strlen(name) };

	text_block(gen, HST_BLOCK_NAME, &block, sizeof block, name);
}

uint64_t tracegen_profile(struct tracegen *gen, struct tracegen_stream *stream,
	const struct hst_profile_node *nodes, uint32_t node_count, uint32_t node_capacity,
	const struct hst_profile_open *open, uint32_t open_count)
{
	size_t open_at = sizeof(struct hst_profile_block);
	size_t nodes_at = open_at + HST_PROFILE_OPEN_MAX * sizeof *open;
	size_t bytes = nodes_at + node_capacity * sizeof *nodes;
	struct hst_profile_block block = { .generation = gen->generation,
		.depth = open_count,
		.nodes = node_count,
		.node_capacity = node_capacity,
		.threads = 1 };
	uint8_t *whole = tracegen_checked(calloc(1, bytes));
	uint64_t at;

	tracegen_require(node_count <= node_capacity && open_count <= HST_PROFILE_OPEN_MAX);
	if (stream != NULL) {
		block.stream = stream->number;
		block.tid = stream->tid;
		block.lane = stream->lane;
		block.thread_start = stream->first_ticks;
		block.start.ticks = stream->ticks;
		block.start.mono_ns = 1000000000u + stream->ticks / 2;
		block.ledger = stream->ledger;
	}
	/* The latest hook came when all own time had been booked. */
	block.last = block.start.ticks;
	for (uint32_t i = 0; i < node_count; i++) {
		block.last += nodes[i].self;
	}
	memcpy(whole, &block, sizeof block);
	memcpy(whole + nodes_at, nodes, node_count * sizeof *nodes);
	if (open_count != 0) {
		memcpy(whole + open_at, open, open_count * sizeof *open);
	}
	at = tracegen_block(gen, HST_BLOCK_PROFILE, 0, whole + sizeof(struct hst_block),
		bytes - sizeof(struct hst_block));
	free(whole);
	return at;
}

void tracegen_end(struct tracegen *gen, uint64_t ticks, enum hst_end kind, int32_t status)
{
	struct hst_file_header *header = tracegen_header(gen);

	header->end.ticks = ticks;
	header->end.mono_ns = 1000000000u + ticks / 2;
	header->sync[0] = header->end;
	header->end_kind = kind;
	header->end_status = status;
}

const uint8_t *tracegen_bytes(struct tracegen *gen, size_t *ret_bytes)
{
	uint32_t i;

	for (i = 0; i < gen->stream_count; i++) {
		tracegen_stream_show(gen->streams[i]);
	}
	tracegen_header(gen)->file_end = gen->bytes;
	*ret_bytes = gen->bytes;
	return gen->data;
}

static bool write_all(int fd, const uint8_t *data, size_t bytes)
{
	while (bytes != 0) {
		ssize_t wrote = write(fd, data, bytes);

		if (wrote <= 0) {
			return false;
		}
		data += wrote;
		bytes -= (size_t)wrote;
	}
	return true;
}

bool tracegen_save(struct tracegen *gen, const char *path)
{
	FILE *file = fopen(path, "wbe");
	size_t bytes;
	const uint8_t *data = tracegen_bytes(gen, &bytes);
	bool good;

	if (file == NULL) {
		return false;
	}
	good = write_all(fileno(file), data, bytes);
	return fclose(file) == 0 && good;
}

int tracegen_memfd(struct tracegen *gen)
{
	int fd = memfd_create("tracegen", MFD_CLOEXEC);
	size_t bytes;
	const uint8_t *data = tracegen_bytes(gen, &bytes);

	if (fd >= 0 && (!write_all(fd, data, bytes) || lseek(fd, 0, SEEK_SET) != 0)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}
