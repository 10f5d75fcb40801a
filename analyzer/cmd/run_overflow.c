/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call at the end of a function is a jump at -O2, but not with an exit hook behind it: a program
 * that relies on that overflows its stack under -finstrument-functions alone. The newest chunk of
 * the thread shows it: thousands of open frames of one function, or of a few in turn.
 */
#include "cmd/run_close.h"

#include "reader/decode.h"
#include "reader/session.h"
#include "reader/trace_file.h"
#include "symbols/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* A chunk holds at most half as many enters, so that no slot is used for two depths. */
#define RING            131072u
#define TOP             64u
#define KNOWN_MIN       8u
#define CYCLE_MAX       4u
#define STREAMS_MAX     32u
#define EVENTS          1024u
#define FRAME_BYTES_MAX 16384u

/* Innermost frames at the end of a chunk. */
struct top {
	uint32_t depth;
	uint64_t fns[CYCLE_MAX]; /* distinct functions among the innermost frames */
	uint32_t fn_count;       /* CYCLE_MAX + 1: too many */
	uint32_t generation;
};

/* Follows the events of a chunk; false if stacks were switched, or nothing can be said. */
static bool follow(struct hst_decoder *decoder, uint32_t *ring, uint32_t *ret_depth)
{
	struct hst_event *events = calloc(EVENTS, sizeof *events);
	uint32_t depth = 0;
	bool sound = events != NULL;
	size_t count = 1;

	while (sound && count > 0) {
		/* What stands before damage is good; it is as deep as can be known. */
		enum hst_status status = hst_decode_batch(decoder, events, EVENTS, &count, NULL);

		for (size_t i = 0; i < count && sound; i++) {
			const struct hst_event *event = &events[i];

			if (event->kind == HST_EVENT_RESYNC) {
				depth = event->value;
			} else if (event->kind == HST_EVENT_FRAME) {
				ring[event->value % RING] = event->site;
			} else if (event->kind == HST_EVENT_ENTER) {
				ring[depth++ % RING] = event->site;
			} else if (event->kind == HST_EVENT_EXIT ||
				   event->kind == HST_EVENT_EXIT_ERROR) {
				depth -= depth > 0;
			} else if (event->kind == HST_EVENT_UNWIND) {
				depth -= event->value < depth ? event->value : depth;
			} else if (event->kind == HST_EVENT_SWITCH) {
				sound = false;
			}
		}
		if (status != HST_OK) {
			break;
		}
	}
	free(events);
	*ret_depth = depth;
	return sound;
}

static void add_function(struct top *top, uint64_t fn, uint32_t generation)
{
	uint32_t at = 0;

	while (at < top->fn_count && at < CYCLE_MAX && top->fns[at] != fn) {
		at++;
	}
	if (at < top->fn_count && at < CYCLE_MAX) {
		return;
	}
	if (top->fn_count < CYCLE_MAX) {
		top->fns[top->fn_count] = fn;
		top->generation = generation;
	}
	top->fn_count = at + 1;
}

static void collect(
	const struct hst_sites *sites, const uint32_t *ring, uint32_t depth, struct top *top)
{
	uint32_t known = 0;

	top->depth = depth;
	for (uint32_t i = 0; i < TOP && i < depth; i++) {
		uint32_t site = ring[(depth - 1 - i) % RING];

		if (site != 0 && site < sites->count) {
			known++;
			add_function(top, sites->items[site].fn, sites->items[site].generation);
		}
	}
	if (known < KNOWN_MIN) {
		top->depth = 0;
	}
}

/* Profile mode: the outermost open frames are listed, of which the inner ones tell. */
static struct top read_profile_top(const struct hst_trace_file *file, uint64_t offset)
{
	struct hst_profile_open frames[HST_PROFILE_OPEN_MAX];
	struct hst_profile_block block;
	struct hst_profile_node node;
	struct top top = { 0 };
	uint64_t nodes = offset + sizeof block + sizeof frames;
	size_t got = 0;

	if (hst_trace_file_read(file, offset, &block, sizeof block, &got) != HST_OK ||
		got != sizeof block || block.depth < HST_PROFILE_OPEN_MAX ||
		hst_trace_file_read(file, offset + sizeof block, frames, sizeof frames, &got) !=
			HST_OK ||
		got != sizeof frames) {
		return top;
	}
	for (uint32_t i = HST_PROFILE_OPEN_MAX - TOP; i < HST_PROFILE_OPEN_MAX; i++) {
		if (frames[i].node >= block.nodes ||
			hst_trace_file_read(file, nodes + frames[i].node * sizeof node, &node,
				sizeof node, &got) != HST_OK ||
			got != sizeof node) {
			return (struct top){ 0 };
		}
		add_function(&top, node.fn, block.generation);
	}
	top.depth = block.depth;
	return top;
}

/* Decodes the stream's newest chunk; depth 0 if nothing can be said. */
static struct top read_top(const struct hst_trace_file *file, const struct hst_chunk_ref *chunk)
{
	struct top top = { 0 };
	struct hst_sites sites = { 0 };
	struct hst_decoder *decoder = NULL;
	uint32_t *ring = calloc(RING, sizeof *ring);
	void *bytes = malloc(HST_CHUNK_BYTES_MAX);
	uint32_t depth = 0;
	size_t got = 0;

	if (ring != NULL && bytes != NULL && chunk->bytes <= HST_CHUNK_BYTES_MAX &&
		hst_sites_init(&sites) == HST_OK) {
		decoder = hst_decoder_create(&file->header, &sites);
		if (decoder != NULL &&
			hst_trace_file_read(file, chunk->offset, bytes, chunk->bytes, &got) ==
				HST_OK &&
			hst_decoder_begin(decoder, bytes, got, NULL) == HST_OK &&
			follow(decoder, ring, &depth)) {
			collect(&sites, ring, depth, &top);
		}
		hst_decoder_destroy(decoder);
		hst_sites_finish(&sites);
	}
	free(bytes);
	free(ring);
	return top;
}

/* So deep that frames of ordinary size fill the stack. */
static bool is_deep(const struct top *top)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur > (8u << 20)) {
		limit.rlim_cur = 8u << 20;
	}
	return top->depth > limit.rlim_cur / FRAME_BYTES_MAX && top->depth > TOP &&
	       top->fn_count > 0 && top->fn_count <= CYCLE_MAX;
}

/* "f" or "f and g" into `text`. */
static void name_functions(const struct hst_trace_file *file, const struct top *top,
	const char *between, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < top->fn_count && used < size; i++) {
		const struct hst_module *module =
			hst_trace_file_module(file, top->fns[i], top->generation);
		const struct hst_function *function = NULL;
		struct hst_image *image = NULL;

		if (module != NULL && hst_image_open(module->path, module->build_id,
					      module->build_id_bytes, &image, NULL) == HST_OK) {
			function = hst_image_function(image, top->fns[i] - module->bias);
		}
		if (function != NULL) {
			snprintf(text + used, size - used, "%s%s", i > 0 ? between : "",
				function->name);
		} else {
			snprintf(text + used, size - used, "%s0x%llx", i > 0 ? between : "",
				(unsigned long long)top->fns[i]);
		}
		used += strlen(text + used);
		hst_image_close(image);
	}
}

static void explain(
	const struct hst_say *say, const struct hst_trace_file *file, const struct top *top)
{
	bool one = top->fn_count == 1;
	char names[512];
	char list[512];

	name_functions(file, top, " and ", names, sizeof names);
	name_functions(file, top, ",", list, sizeof list);
	hst_say_note(say,
		"the stack is probably full: %s %s %u deep; with -finstrument-functions %s not removed: "
		"exclude %s with __attribute__((no_instrument_function)) or "
		"-finstrument-functions-exclude-function-list=%s",
		names, one ? "calls itself" : "call each other", top->depth,
		one ? "its tail call is" : "their tail calls are", one ? "it" : "them", list);
}

static void explain_file(const struct hst_say *say, const char *path)
{
	struct hst_trace_file file;
	struct top deepest = { 0 };

	if (hst_trace_file_open(path, &file, NULL) != HST_OK) {
		return;
	}
	for (size_t i = 0; i < file.stream_count && i < STREAMS_MAX; i++) {
		const struct hst_stream_ref *stream = &file.streams[i];
		struct top top = { 0 };

		if (stream->chunk_count > 0) {
			top = read_top(&file, &stream->chunks[stream->chunk_count - 1]);
		}
		if (stream->profile_offset != 0) {
			struct top profile = read_profile_top(&file, stream->profile_offset);

			top = profile.depth > top.depth ? profile : top;
		}
		if (top.depth > deepest.depth) {
			deepest = top;
		}
	}
	if (is_deep(&deepest)) {
		explain(say, &file, &deepest);
	}
	hst_trace_file_close(&file);
}

void hst_run_explain_overflow(const struct hst_say *say, const char *directory, pid_t root)
{
	struct hst_session session;
	const char *newest = NULL;

	if (say->quiet || hst_session_open(directory, &session, NULL) != HST_OK) {
		return;
	}
	/* Ascending numbers: the last image of the process is the one that crashed. */
	for (size_t i = 0; i < session.file_count; i++) {
		if (session.files[i].pid == (uint32_t)root) {
			newest = session.files[i].path;
		}
	}
	if (newest != NULL) {
		explain_file(say, newest);
	}
	hst_session_close(&session);
}
