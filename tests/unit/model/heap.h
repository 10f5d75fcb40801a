/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the heap pass over traces made by tracegen. Times are nanoseconds, multiples of 2. */
#ifndef HST_TESTS_HEAP_H
#define HST_TESTS_HEAP_H

#include "pass.h"

#include "passes/heap.h"

/* Where no module is: places that ask for memory. */
#define PLACE(number) (0x700000000000ull + 16ull * (number))
#define BLOCK(number) (0x10000000ull + 64ull * (number))

struct heap_fixture {
	struct fixture base;
	struct hst_heap heap;
};

int heap_setup(void **state);
int heap_teardown(void **state);

/* A trace of a process whose memory was recorded and that ended by itself at 100 ms. */
struct tracegen *heap_trace(uint32_t pid);
/* Reads all files, `pid` 0; contexts are filled. Fails the program if it cannot. */
void heap_read(struct heap_fixture *fixture, uint32_t pid);

/* A malloc without slack, and a free. */
void at_alloc(struct tracegen_stream *stream, uint64_t ns, uint32_t place, uint64_t address,
	uint64_t bytes);
void at_free(struct tracegen_stream *stream, uint64_t ns, uint64_t address);
/* release, and an alloc of a site of realloc 10 ns later. */
void at_realloc(struct tracegen_stream *stream, uint64_t ns, uint32_t place, uint64_t old,
	uint64_t address, uint64_t bytes);

/* Function "f<number>", or the code at a place (PLACE - 1, by its address); an empty one if it has no figures. */
const struct hst_heap_function *function_of(const struct heap_fixture *fixture, uint32_t number);
const struct hst_heap_function *code_of(const struct heap_fixture *fixture, uint32_t place);
/* The only site of the place. */
const struct hst_heap_site *site_at(const struct heap_fixture *fixture, uint32_t place);
/* Context by a path of regions, outermost first. */
const struct hst_heap_context *context_of(
	const struct heap_fixture *fixture, const uint32_t *path, size_t length);
int heap_has_note(const struct heap_fixture *fixture, const char *text);

#endif
