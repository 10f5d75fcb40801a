/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the heap pass share. */
#include "heap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int heap_setup(void **state)
{
	struct heap_fixture *fixture = calloc(1, sizeof *fixture);

	fixture_init(&fixture->base);
	*state = fixture;
	return 0;
}

int heap_teardown(void **state)
{
	struct heap_fixture *fixture = *state;

	hst_heap_finish(&fixture->heap);
	fixture_finish(&fixture->base);
	free(fixture);
	return 0;
}

struct tracegen *heap_trace(uint32_t pid)
{
	struct tracegen *gen = fixture_trace(pid);

	tracegen_header(gen)->memory = HST_MEMORY_ON;
	tracegen_header(gen)->page_bytes = 4096;
	tracegen_end(gen, ticks_at(100000000), HST_END_EXIT, 0);
	return gen;
}

void heap_read(struct heap_fixture *fixture, uint32_t pid)
{
	struct hst_heap_options options = { .contexts = true, .pid = pid };
	struct hst_session session;
	struct hst_diag diag = { "" };

	hst_heap_finish(&fixture->heap);
	if (hst_session_open(fixture->base.dir, &session, &diag) != HST_OK ||
		hst_heap_read(&session, &options, &fixture->heap, &diag) != HST_OK) {
		fprintf(stderr, "%s\n", diag.text);
		abort();
	}
	hst_session_close(&session);
}

void at_alloc(struct tracegen_stream *stream, uint64_t ns, uint32_t place, uint64_t address,
	uint64_t bytes)
{
	tracegen_alloc(stream, ticks_at(ns), PLACE(place), HST_ALLOCATOR_MALLOC, address, bytes, 0);
}

void at_free(struct tracegen_stream *stream, uint64_t ns, uint64_t address)
{
	tracegen_free(stream, ticks_at(ns), address);
}

void at_realloc(struct tracegen_stream *stream, uint64_t ns, uint32_t place, uint64_t old,
	uint64_t address, uint64_t bytes)
{
	tracegen_release(stream, ticks_at(ns), old);
	tracegen_alloc(
		stream, ticks_at(ns + 10), PLACE(place), HST_ALLOCATOR_REALLOC, address, bytes, 0);
}

static const struct hst_heap_function *named(const struct heap_fixture *fixture, const char *name)
{
	static const struct hst_heap_function none;

	for (size_t i = 0; i < fixture->heap.function_count; i++) {
		const struct hst_heap_function *function = &fixture->heap.functions[i];

		if (strcmp(fixture->heap.rows[function->row].name, name) == 0) {
			return function;
		}
	}
	return &none;
}

const struct hst_heap_function *function_of(const struct heap_fixture *fixture, uint32_t number)
{
	char name[16];

	(void)snprintf(name, sizeof name, "f%u", number);
	return named(fixture, name);
}

const struct hst_heap_function *code_of(const struct heap_fixture *fixture, uint32_t place)
{
	char name[32];

	(void)snprintf(name, sizeof name, "0x%" PRIx64, (uint64_t)PLACE(place) - 1);
	return named(fixture, name);
}

const struct hst_heap_site *site_at(const struct heap_fixture *fixture, uint32_t place)
{
	static const struct hst_heap_site none;
	const struct hst_heap_site *found = &none;

	for (size_t i = 0; i < fixture->heap.site_count; i++) {
		if (fixture->heap.sites[i].offset == PLACE(place)) {
			/* Two of them would be a mistake of the test. */
			if (found != &none) {
				abort();
			}
			found = &fixture->heap.sites[i];
		}
	}
	return found;
}

const struct hst_heap_context *context_of(
	const struct heap_fixture *fixture, const uint32_t *path, size_t length)
{
	static const struct hst_heap_context none;
	uint32_t at = 0;

	for (size_t i = 0; i < length; i++) {
		uint32_t child = 1;
		char name[16];

		(void)snprintf(name, sizeof name, "f%u", path[i]);
		while (child < fixture->heap.context_count &&
			(fixture->heap.contexts[child].parent != at ||
				strcmp(fixture->heap.rows[fixture->heap.contexts[child].row].name,
					name) != 0)) {
			child++;
		}
		if (child == fixture->heap.context_count) {
			return &none;
		}
		at = child;
	}
	return &fixture->heap.contexts[at];
}

int heap_has_note(const struct heap_fixture *fixture, const char *text)
{
	for (size_t i = 0; i < fixture->heap.note_count; i++) {
		if (strstr(fixture->heap.notes[i].text, text) != NULL) {
			return 1;
		}
	}
	return 0;
}
