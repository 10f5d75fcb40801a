/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a whole trace file. Opens and indexes it, decodes every chunk twice (as a stream,
 * and alone), reads profile blocks and what was left out on purpose, asks for modules, regions and the clock.
 */
#include "fuzz.h"

#include "reader/decode.h"
#include "reader/profile_block.h"
#include "reader/throttle_block.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCH 128u

/* Demands of the decoder's contract that any input must meet. */
static void demand(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void use_values(const struct hst_decoder *decoder, const struct hst_event *event)
{
	size_t count;
	const struct hst_value *values = hst_decoder_values(decoder, &count);

	demand(event->value <= count && event->reason <= count - event->value &&
		event->reason <= UINT8_MAX);
	for (size_t i = event->value; i < (size_t)event->value + event->reason; i++) {
		demand(values[i].form <= HST_VALUE_LEFT_OUT &&
			values[i].stored <= HST_VALUE_BYTES_MAX);
		demand(values[i].form == HST_VALUE_CONTENT || values[i].stored == 0);
		demand(values[i].stored <= values[i].value);
	}
}

/* What an event says about memory or keys lies within the entries of its batch. */
static void use_entries(const struct hst_decoder *decoder, const struct hst_event *event)
{
	size_t keys;

	switch (event->kind) {
	case HST_EVENT_ALLOC:
	case HST_EVENT_FREE:
	case HST_EVENT_RELEASE:
	case HST_EVENT_MAP:
	case HST_EVENT_UNMAP:
	case HST_EVENT_STACK:
	case HST_EVENT_MEMORY:
		demand(event->value < BATCH &&
			hst_decoder_memory(decoder, NULL)[event->value].bytes >> 48 == 0 &&
			hst_decoder_memory(decoder, NULL)[event->value].address >> 48 == 0);
		break;
	case HST_EVENT_OFF_CPU:
		demand(hst_event_off(event) >> 62 == 0);
		break;
	case HST_EVENT_KEY:
	case HST_EVENT_RESULT:
	case HST_EVENT_RESULT_VALUE:
		(void)hst_decoder_keys(decoder, &keys);
		demand(event->value < keys && keys <= BATCH);
		break;
	case HST_EVENT_VALUES:
		use_values(decoder, event);
		break;
	default:
		break;
	}
}

static void decode_chunk(struct hst_decoder *decoder, const struct hst_trace_file *file,
	const struct hst_sites *sites, const uint8_t *bytes, size_t count)
{
	struct hst_event events[BATCH];
	struct hst_diag diag = { "" };
	uint64_t ticks = 0;
	size_t all = 0;
	size_t got = 1;
	size_t i;

	if (hst_decoder_begin(decoder, bytes, count, &diag) != HST_OK) {
		demand(diag.text[0] != '\0');
		return;
	}
	while (got != 0) {
		enum hst_status status = hst_decode_batch(decoder, events, BATCH, &got, &diag);

		demand(got <= BATCH);
		for (i = 0; i < got; i++) {
			const struct hst_site *site = &sites->items[events[i].site];

			demand(events[i].site < sites->count && events[i].ticks >= ticks);
			ticks = events[i].ticks;
			use_entries(decoder, &events[i]);
			(void)hst_trace_file_module(file, site->fn, site->generation);
			(void)hst_trace_file_region(file, site->fn);
		}
		all += got;
		demand(all <= count / 2 + HST_CHUNK_FRAMES_MAX + 2);
		if (status != HST_OK) {
			demand(diag.text[0] != '\0');
			break;
		}
	}
	demand(hst_decoder_offset(decoder) <= count);
	(void)hst_decoder_depth(decoder);
}

static void decode_stream(const struct hst_trace_file *file, const struct hst_stream_ref *stream,
	struct hst_sites *sites, uint8_t *buffer)
{
	struct hst_decoder *whole = hst_decoder_create(&file->header, sites);
	size_t got;
	size_t i;

	demand(whole != NULL);
	for (i = 0; i < stream->chunk_count; i++) {
		struct hst_decoder *alone = hst_decoder_create(&file->header, sites);

		demand(alone != NULL &&
			(i == 0 || stream->chunks[i - 1].seq < stream->chunks[i].seq));
		if (hst_trace_file_read_chunk(
			    file, stream, &stream->chunks[i], buffer, &got, NULL) == HST_OK) {
			decode_chunk(whole, file, sites, buffer, got);
			decode_chunk(alone, file, sites, buffer, got);
		}
		hst_decoder_destroy(alone);
	}
	hst_decoder_destroy(whole);
}

static void read_profile(const struct hst_trace_file *file, uint64_t offset)
{
	struct hst_profile_tree tree;
	uint32_t i;

	if (hst_profile_tree_read(file, offset, &tree, NULL) != HST_OK) {
		return;
	}
	for (i = 1; i < tree.node_count; i++) {
		demand(tree.nodes[i].parent < i);
	}
	for (i = 0; i < tree.open_count; i++) {
		demand(tree.open[i].node < tree.node_count);
	}
	hst_profile_tree_finish(&tree);
}

/* Windows ascend and are apart from each other; of the newest entries each function finds its own. */
static void read_throttle(const struct hst_trace_file *file)
{
	struct hst_throttle_list list;
	uint64_t calls = 0;

	demand(hst_throttle_read(file, &list) == HST_OK);
	for (size_t i = 0; i < list.windows.count; i++) {
		const struct hst_throttle_window *window = &list.windows.items[i];

		demand(window->open >> 62 == 0 && window->close >= window->open);
		demand(i == 0 || window[-1].close <= window->open);
	}
	for (size_t i = 0; i < list.functions.count; i++) {
		const struct hst_throttled *function = &list.functions.items[i];
		uint32_t index = 0;

		demand(function->fn != 0 &&
			(function->off != UINT64_MAX || function->counted != UINT64_MAX));
		demand(function->calls <= 1ull << 62 &&
			(function->calls == 0 || function->counted != UINT64_MAX));
		demand(hst_map_get(&list.newest, function->fn, &index) && index > i &&
			index <= list.functions.count &&
			list.functions.items[index - 1].fn == function->fn);
		calls += function->calls != 0;
	}
	demand(calls == 0 || file->throttle_count >= 2);
	hst_throttle_finish(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct hst_trace_file file;
	struct hst_diag diag = { "" };
	struct hst_sites sites;
	uint8_t *buffer;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	size_t i;

	if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes) {
		abort();
	}
	if (hst_trace_file_open_fd(fd, "fuzz", &file, &diag) != HST_OK) {
		demand(diag.text[0] != '\0');
		return 0;
	}
	buffer = malloc(HST_CHUNK_BYTES_MAX);
	demand(buffer != NULL && hst_sites_init(&sites) == HST_OK);
	for (i = 0; i < file.stream_count; i++) {
		demand(i == 0 || file.streams[i - 1].stream < file.streams[i].stream);
		decode_stream(&file, &file.streams[i], &sites, buffer);
	}
	for (i = 0; i < file.profile_count; i++) {
		read_profile(&file, file.profiles[i]);
	}
	read_throttle(&file);
	demand(hst_trace_file_rate(&file, 0).ns_per_tick > 0);
	hst_sites_finish(&sites);
	free(buffer);
	hst_trace_file_close(&file);
	return 0;
}
