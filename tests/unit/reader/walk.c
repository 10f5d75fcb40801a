/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

void seen_add(struct seen_list *list, struct seen item)
{
	assert_true(hst_vec_push(list, item));
}

bool seen_has_entry(uint32_t kind)
{
	return kind == HST_EVENT_ALLOC || kind == HST_EVENT_FREE || kind == HST_EVENT_RELEASE ||
	       kind == HST_EVENT_MAP || kind == HST_EVENT_UNMAP || kind == HST_EVENT_STACK ||
	       kind == HST_EVENT_MEMORY;
}

bool seen_is_repair(const struct seen *item)
{
	return item->kind == HST_EVENT_RESYNC || item->kind == HST_EVENT_FRAME;
}

void seen_assert_equal(
	const struct seen *left, size_t left_count, const struct seen *right, size_t right_count)
{
	size_t i;

	for (i = 0; i < left_count && i < right_count; i++) {
		if (left[i].kind != right[i].kind || left[i].ticks != right[i].ticks ||
			left[i].ret != right[i].ret || left[i].fn != right[i].fn ||
			left[i].value != right[i].value || left[i].reason != right[i].reason ||
			left[i].address != right[i].address || left[i].bytes != right[i].bytes ||
			left[i].slack != right[i].slack || left[i].more != right[i].more) {
			print_error("event %zu differs: kind %u %u ticks %" PRIu64 " %" PRIu64
				    " ret %" PRIx64 " %" PRIx64 " value %u %u address %" PRIx64
				    " %" PRIx64 "\n",
				i, left[i].kind, right[i].kind, left[i].ticks, right[i].ticks,
				left[i].ret, right[i].ret, left[i].value, right[i].value,
				left[i].address, right[i].address);
			fail();
		}
	}
	assert_int_equal(left_count, right_count);
}

uint32_t walk_random(struct walk *walk, uint32_t limit)
{
	walk->random = walk->random * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(walk->random >> 8) * limit >> 24);
}

void walk_begin(struct walk *walk, struct tracegen_stream *stream, uint32_t seed)
{
	*walk = (struct walk){ .stream = stream,
		.random = seed,
		.ticks = 1000,
		.sites = 30,
		.fibers = true,
		.memory = seed % 2 == 0 ? 0 : 30 };
}

void walk_finish(struct walk *walk)
{
	hst_vec_finish(&walk->expected);
}

static void expect(struct walk *walk, enum hst_event_kind kind, uint32_t value, uint32_t reason)
{
	seen_add(&walk->expected, (struct seen){ .ticks = walk->ticks & ~(uint64_t)3,
					  .kind = kind,
					  .value = value,
					  .reason = reason });
}

static void step_enter(struct walk *walk)
{
	uint64_t site = 1 + walk_random(walk, walk->sites);
	uint64_t ret = 0x7f0000001000ull + site * 0x104;
	uint64_t fn = 0x7f0000001000ull + site / 2 * 0x208;

	bool foretold = tracegen_enter(walk->stream, walk->ticks, ret, fn);

	expect(walk, HST_EVENT_ENTER, 0, !foretold);
	walk->expected.items[walk->expected.count - 1].ret = ret;
	walk->expected.items[walk->expected.count - 1].fn = fn;
}

static void step_close(struct walk *walk)
{
	uint32_t depth = tracegen_depth(walk->stream);
	uint32_t choice = walk_random(walk, 40);

	if (choice == 0) {
		uint32_t count = 1 + walk_random(walk, depth);

		tracegen_unwind(walk->stream, walk->ticks, 1 + depth % 4, count);
		expect(walk, HST_EVENT_UNWIND, count, 1 + depth % 4);
	} else if (choice == 1) {
		tracegen_exit_error(walk->stream, walk->ticks);
		expect(walk, HST_EVENT_EXIT_ERROR, 0, 0);
	} else {
		tracegen_exit(walk->stream, walk->ticks);
		expect(walk, HST_EVENT_EXIT, 0, 0);
	}
}

static void step_rare(struct walk *walk)
{
	uint32_t choice = walk_random(walk, 4);

	if (choice == 0 && walk->fibers) {
		walk->fiber = walk_random(walk, WALK_FIBERS) * 1000;
		tracegen_switch(walk->stream, walk->ticks, walk->fiber);
		expect(walk, HST_EVENT_SWITCH, walk->fiber, 0);
	} else if (choice == 1) {
		tracegen_lost(walk->stream, walk->ticks, 100000 + choice);
		expect(walk, HST_EVENT_LOST, 100000 + choice, 0);
	} else if (choice == 2) {
		uint32_t off = walk_random(walk, 1u << 30) & ~3u;
		uint32_t own = walk_random(walk, 256) << (HST_TIME_SHIFT + HST_OWN_SHIFT);

		tracegen_off_cpu(walk->stream, walk->ticks, off, own);
		expect(walk, HST_EVENT_OFF_CPU, off, own);
	} else {
		tracegen_pause(walk->stream, walk->ticks);
		expect(walk, HST_EVENT_PAUSE, 0, 0);
	}
}

static void expect_entry(struct walk *walk, enum hst_event_kind kind, struct seen what)
{
	what.ticks = walk->ticks & ~(uint64_t)3;
	what.kind = kind;
	seen_add(&walk->expected, what);
}

/* Near the latest one, or far away; now and then between two multiples of 16. */
static uint64_t step_address(struct walk *walk)
{
	uint64_t far = walk_random(walk, 1u << 24);

	walk->address += (uint64_t)walk_random(walk, 1u << 16) * 16 - (1u << 19);
	if (walk_random(walk, 20) == 0) {
		walk->address = far << 24 | far;
	}
	walk->address &= 0xffffffffffffull;
	walk->address += walk->address == 0;
	return walk->address;
}

static void step_alloc(struct walk *walk)
{
	static const uint64_t slacks[] = { 0, 8, 254, 255, 70000, UINT64_MAX };
	struct seen what = { .address = step_address(walk), .ret = 0x9000 + walk->random % 8 };
	uint32_t slack_of = walk_random(walk, 9);
	uint64_t slack;
	uint32_t which = 1 + walk_random(walk, 8);

	what.address = walk_random(walk, 30) == 0 ? 0 : what.address;
	what.bytes = walk_random(walk, 1u << 17);
	slack = slack_of < 6 ? slacks[slack_of] : hst_slack_usual(what.bytes);
	what.fn = HST_MEMORY_BASE + which;
	what.slack = slack == UINT64_MAX ? HST_SLACK_LONG_UNKNOWN : (uint32_t)slack;
	tracegen_alloc(walk->stream, walk->ticks, what.ret, which, what.address, what.bytes, slack);
	expect_entry(walk, HST_EVENT_ALLOC, what);
}

static void step_space(struct walk *walk)
{
	struct seen what = { .address = step_address(walk), .bytes = walk_random(walk, 1u << 24) };
	uint32_t kind = walk_random(walk, 4);

	if (kind == 0) {
		tracegen_unmap(walk->stream, walk->ticks, what.address, what.bytes);
		expect_entry(walk, HST_EVENT_UNMAP, what);
	} else if (kind == 1) {
		what.more = UINT32_MAX - what.bytes;
		what.address &= UINT32_MAX;
		tracegen_memory(walk->stream, walk->ticks, (uint32_t)what.address,
			(uint32_t)what.bytes, (uint32_t)what.more);
		expect_entry(walk, HST_EVENT_MEMORY, what);
	} else {
		what.ret = 0x9000;
		what.fn = HST_MEMORY_BASE + (kind == 2 ? HST_ALLOCATOR_MMAP : HST_ALLOCATOR_THREAD);
		what.reason = kind == 2 ? walk_random(walk, 8) : 0;
		if (kind == 2) {
			tracegen_map(walk->stream, walk->ticks, what.ret, HST_ALLOCATOR_MMAP,
				what.address, what.bytes, what.reason);
		} else {
			what.address = 0;
			tracegen_stack(walk->stream, walk->ticks, what.ret, what.bytes);
		}
		expect_entry(walk, kind == 2 ? HST_EVENT_MAP : HST_EVENT_STACK, what);
	}
}

static void step_memory(struct walk *walk)
{
	uint32_t choice = walk_random(walk, 20);

	if (choice < 10) {
		step_alloc(walk);
	} else if (choice < 15) {
		struct seen what = { .address = step_address(walk) };

		tracegen_free(walk->stream, walk->ticks, what.address);
		expect_entry(walk, HST_EVENT_FREE, what);
	} else if (choice < 17) {
		struct seen what = { .address = step_address(walk) };

		tracegen_release(walk->stream, walk->ticks, what.address);
		expect_entry(walk, HST_EVENT_RELEASE, what);
		tracegen_realloc_end(walk->stream, walk->ticks, choice == 15);
		expect(walk, choice == 15 ? HST_EVENT_REALLOC_FREED : HST_EVENT_REALLOC_FAILED, 0,
			0);
	} else if (choice < 18) {
		tracegen_allocator(walk->stream, walk->ticks, 4000, 64);
		expect(walk, HST_EVENT_ALLOCATOR, 4000, 64);
	} else {
		step_space(walk);
	}
}

/* All lengths of time records occur: 8 bits, 14, 16, 38 and more. */
static uint64_t step_time(struct walk *walk)
{
	switch (walk_random(walk, 100)) {
	case 0:
		return (uint64_t)walk_random(walk, 1u << 20) << 10;
	case 1:
		return walk->ticks >> 52 == 0 ? (uint64_t)(1 + walk_random(walk, 100)) << 41 : 0;
	case 2:
		return walk_random(walk, 1u << 19);
	case 3:
		return 0;
	default:
		return walk_random(walk, 2000);
	}
}

void walk_steps(struct walk *walk, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		walk->ticks += step_time(walk);
		if (walk_random(walk, 200) == 0) {
			step_rare(walk);
		} else if (walk->memory != 0 && walk_random(walk, 100) < walk->memory) {
			step_memory(walk);
		} else if (tracegen_depth(walk->stream) == 0 || walk_random(walk, 100) < 51) {
			step_enter(walk);
		} else {
			step_close(walk);
		}
	}
}

enum hst_status open_bytes(
	const void *data, size_t bytes, struct hst_trace_file *ret_file, struct hst_diag *diag)
{
	int fd = memfd_create("bytes", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, bytes), bytes);
	return hst_trace_file_open_fd(fd, "bytes.hst", ret_file, diag);
}

void open_trace(struct tracegen *gen, struct hst_trace_file *ret_file)
{
	struct hst_diag diag = { "" };
	size_t bytes;
	const uint8_t *data = tracegen_bytes(gen, &bytes);

	if (open_bytes(data, bytes, ret_file, &diag) != HST_OK) {
		print_error("%s\n", diag.text);
		fail();
	}
}

static void take(struct read_result *result, const struct hst_sites *sites,
	const struct hst_event *event, const struct hst_memory *entries)
{
	struct seen seen = { .ticks = event->ticks,
		.kind = event->kind,
		.value = event->value,
		.reason = event->reason };

	assert_true(event->site < sites->count);
	seen.ret = sites->items[event->site].ret;
	seen.fn = sites->items[event->site].fn;
	if (seen_has_entry(event->kind)) {
		seen.value = 0;
		seen.address = entries[event->value].address;
		seen.bytes = entries[event->value].bytes;
		seen.slack = entries[event->value].slack;
		seen.more = entries[event->value].more;
	}
	seen_add(&result->events, seen);
}

static void read_chunk(struct hst_decoder *decoder, const struct hst_sites *sites,
	const uint8_t *bytes, size_t count, size_t batch, struct read_result *result)
{
	struct hst_event events[512];
	struct hst_diag diag = { "" };
	enum hst_status status = hst_decoder_begin(decoder, bytes, count, &diag);
	size_t got = 1;
	size_t i;

	assert_true(batch <= 512);
	while (status == HST_OK && got != 0) {
		status = hst_decode_batch(decoder, events, batch, &got, &diag);
		assert_true(got <= batch);
		for (i = 0; i < got; i++) {
			take(result, sites, &events[i], hst_decoder_memory(decoder, NULL));
		}
	}
	if (status != HST_OK) {
		assert_int_equal(status, HST_E_DAMAGED);
		assert_string_not_equal(diag.text, "");
		memcpy(result->sentence, diag.text, sizeof diag.text);
		result->damaged++;
	}
	assert_true(hst_decoder_offset(decoder) <= count);
	result->depth = hst_decoder_depth(decoder);
}

void read_stream(const struct hst_trace_file *file, const struct hst_stream_ref *stream,
	size_t batch, bool fresh, struct read_result *ret_result)
{
	struct read_result result = { .chunk_count = stream->chunk_count };
	struct hst_decoder *decoder = NULL;
	struct hst_sites sites;
	uint8_t *buffer = malloc(HST_CHUNK_BYTES_MAX);
	size_t got;
	size_t i;

	assert_non_null(buffer);
	assert_int_equal(hst_sites_init(&sites), HST_OK);
	result.chunk_ends = calloc(stream->chunk_count + 1, sizeof *result.chunk_ends);
	for (i = 0; i < stream->chunk_count; i++) {
		if (fresh || decoder == NULL) {
			hst_decoder_destroy(decoder);
			decoder = hst_decoder_create(&file->header, &sites);
			assert_non_null(decoder);
		}
		assert_int_equal(hst_trace_file_read_chunk(
					 file, stream, &stream->chunks[i], buffer, &got, NULL),
			HST_OK);
		read_chunk(decoder, &sites, buffer, got, batch, &result);
		result.chunk_ends[i] = result.events.count;
	}
	hst_decoder_destroy(decoder);
	hst_sites_finish(&sites);
	free(buffer);
	*ret_result = result;
}

void read_finish(struct read_result *result)
{
	hst_vec_finish(&result->events);
	free(result->chunk_ends);
}
