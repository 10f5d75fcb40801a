/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The malloc family. Each hook calls the next definition, which is looked up once, and records the block before it goes or
 * after it came: an address that another thread gets has then been given up before, by the clock. errno is the real
 * function's: nothing of ours touches it.
 *
 * The exported functions have names of their own here, or the compiler would think that it knows them.
 */
#include "hooks/memory.h"

#include "core/attr.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/real.h"
#include "core/sys.h"
#include "hooks/function.h"
#include "hooks/start.h"
#include "hooks/stream.h"
#include "sink/file.h"

#include <string.h>
#include <unistd.h>

#include "core/poison.h"

uint32_t hst_memory_mode;

typedef void *(*one_size)(size_t bytes);
typedef void *(*two_sizes)(size_t a, size_t b);
typedef void *(*block_size)(void *block, size_t bytes);

#define HST_NEXT(which, type) ((type)hst_reals[which])

void *hst_hook_malloc(size_t bytes) __asm__("malloc");
void *hst_hook_calloc(size_t count, size_t bytes) __asm__("calloc");
void *hst_hook_realloc(void *block, size_t bytes) __asm__("realloc");
void hst_hook_free(void *block) __asm__("free");
void hst_hook_free_sized(void *block, size_t bytes) __asm__("free_sized");
void hst_hook_free_aligned_sized(void *block, size_t alignment, size_t bytes) __asm__(
	"free_aligned_sized");
int hst_hook_posix_memalign(void **ret_block, size_t alignment, size_t bytes) __asm__(
	"posix_memalign");
void *hst_hook_aligned_alloc(size_t alignment, size_t bytes) __asm__("aligned_alloc");
void *hst_hook_memalign(size_t alignment, size_t bytes) __asm__("memalign");
void *hst_hook_valloc(size_t bytes) __asm__("valloc");
void *hst_hook_pvalloc(size_t bytes) __asm__("pvalloc");

/* Constructors of other libraries allocate before ours runs; the loader may, before libc knows the environment. */
HST_COLD void hst_memory_begin(void)
{
	hst_reals_start();
	if (environ != NULL && hst_process.state == HST_PROCESS_NEW) {
		hst_process_start();
	}
}

void hst_memory_start(void)
{
	struct hst_file_header *header = hst_sink.header;
	const struct hst_real_allocator *allocator = &hst_real_allocator;
	const char *name = allocator->module;
	bool foreign = allocator->foreign || allocator->sanitizer || name == NULL;

	hst_reals_start();
	if (!hst_process.options.memory || hst_process.state == HST_PROCESS_OFF) {
		hst_memory_mode = HST_MEMORY_SILENT;
		return;
	}
	header->memory = foreign ? HST_MEMORY_FOREIGN : HST_MEMORY_ON;
	header->page_bytes = HST_PAGE;
	header->brk_start = hst_sys_brk();
	if (name != NULL) {
		size_t length = strlen(name[0] != '\0' ? name : (const char *)header->exe);
		const char *from = name[0] != '\0' ? name : (const char *)header->exe;

		length = length < sizeof header->allocator ? length : sizeof header->allocator - 1;
		memcpy(header->allocator, from, length);
	}
	hst_memory_mode = foreign ? HST_MEMORY_SILENT : HST_MEMORY_RECORDS;
}

/* xorshift: the distance of two timed calls must not fall in step with the program. */
HST_NOINLINE uint32_t hst_memory_due(struct hst_stream *stream)
{
	uint32_t random = stream->random;
	uint32_t calls = random == 0 ? 1 : HST_MEMORY_TIMED;

	random = random == 0 ? stream->number * 2654435761u | 1u : random;
	random ^= random << 13;
	random ^= random >> 17;
	random ^= random << 5;
	stream->random = random;
	stream->countdown = 1 + (random >> 8) % (2 * HST_MEMORY_TIMED - 1); /* 16 on average */
	return calls;
}

/* How many calls the time of this one stands for; 0: it is not timed. */
HST_INLINE uint32_t timed(size_t bytes)
{
	struct hst_stream *stream = hst_self;

	if (bytes >= HST_MEMORY_LARGE) {
		return 1;
	}
	if (stream == NULL || --stream->countdown < UINT32_MAX / 2) {
		return stream == NULL || stream->countdown != 0 ? 0 : hst_memory_due(stream);
	}
	return hst_memory_due(stream);
}

HST_NOINLINE void hst_memory_probe(uint32_t count)
{
	struct hst_ask ask = HST_ASK(MALLOC);

	for (uint32_t i = 0; i < count; i++) {
		hst_memory_goes_fast(&ask, 0, false);
	}
}

/* May the hook record? Before the start it tries to begin. */
HST_INLINE bool records(void)
{
	if (HST_LIKELY(hst_memory_mode == HST_MEMORY_RECORDS)) {
		return true;
	}
	if (HST_UNLIKELY(hst_memory_mode == HST_MEMORY_UNKNOWN)) {
		hst_memory_begin();
	}
	return hst_memory_mode == HST_MEMORY_RECORDS;
}

static HST_NOINLINE void *malloc_timed(const struct hst_ask *ask, size_t bytes, uint32_t calls)
{
	uint64_t began = hst_ticks();
	void *block = HST_NEXT(HST_REAL_malloc, one_size)(bytes);

	hst_memory_came_fast(ask, (uint64_t)block, bytes, began, calls);
	return block;
}

HST_EXPORT void *hst_hook_malloc(size_t bytes)
{
	const struct hst_ask ask = HST_ASK(MALLOC);
	uint32_t calls;
	void *block;

	if (HST_UNLIKELY(!records())) {
		return HST_NEXT(HST_REAL_malloc, one_size)(bytes);
	}
	calls = timed(bytes);
	if (HST_UNLIKELY(calls != 0)) {
		return malloc_timed(&ask, bytes, calls);
	}
	block = HST_NEXT(HST_REAL_malloc, one_size)(bytes);
	hst_memory_came_fast(&ask, (uint64_t)block, bytes, 0, 0);
	return block;
}

static uint64_t product(size_t a, size_t b)
{
	size_t bytes;

	return __builtin_mul_overflow(a, b, &bytes) ? UINT64_MAX : bytes;
}

HST_EXPORT void *hst_hook_calloc(size_t count, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(CALLOC);
	uint64_t all = product(count, bytes);
	uint64_t began;
	uint32_t calls;
	void *block;

	if (HST_UNLIKELY(!records())) {
		return HST_NEXT(HST_REAL_calloc, two_sizes)(count, bytes);
	}
	calls = timed(all);
	began = calls != 0 ? hst_ticks() : 0;
	block = HST_NEXT(HST_REAL_calloc, two_sizes)(count, bytes);
	hst_memory_came_fast(&ask, (uint64_t)block, all, began, calls);
	return block;
}

HST_EXPORT void *hst_hook_realloc(void *block, size_t bytes)
{
	struct hst_ask ask = HST_ASK(REALLOC);
	uint64_t began;
	void *other;

	if (HST_UNLIKELY(!records())) {
		return HST_NEXT(HST_REAL_realloc, block_size)(block, bytes);
	}
	if (block == NULL) {
		ask.which = HST_ALLOCATOR_MALLOC;
	} else {
		hst_memory_goes_fast(&ask, (uint64_t)block, true);
	}
	began = hst_ticks();
	other = HST_NEXT(HST_REAL_realloc, block_size)(block, bytes);
	if (other != NULL || block == NULL) {
		hst_memory_came_fast(&ask, (uint64_t)other, bytes, began, 1);
	} else {
		hst_memory_kept(&ask, bytes == 0);
	}
	return other;
}

static HST_NOINLINE void free_timed(const struct hst_ask *ask, void *block, uint32_t calls)
{
	uint64_t began;

	hst_memory_goes_fast(ask, (uint64_t)block, false);
	began = hst_ticks();
	HST_NEXT(HST_REAL_free, void (*)(void *))(block);
	hst_memory_took(NULL, ask, began, hst_ticks(), calls);
}

HST_INLINE void release(const struct hst_ask *ask, void *block)
{
	if (HST_LIKELY(records() && block != NULL)) {
		uint32_t calls = timed(0);

		if (HST_UNLIKELY(calls != 0)) {
			free_timed(ask, block, calls);
			return;
		}
		hst_memory_goes_fast(ask, (uint64_t)block, false);
	}
	HST_NEXT(HST_REAL_free, void (*)(void *))(block);
}

HST_EXPORT void hst_hook_free(void *block)
{
	const struct hst_ask ask = HST_ASK(MALLOC);

	release(&ask, block);
}

/* libc has these since 2.43; before, a program that found them here gets what it would get there. */
HST_EXPORT void hst_hook_free_sized(void *block, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(MALLOC);

	(void)bytes;
	release(&ask, block);
}

HST_EXPORT void hst_hook_free_aligned_sized(void *block, size_t alignment, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(MALLOC);

	(void)alignment;
	(void)bytes;
	release(&ask, block);
}

HST_EXPORT int hst_hook_posix_memalign(void **ret_block, size_t alignment, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(POSIX_MEMALIGN);
	bool on = records();
	uint32_t calls = on ? timed(bytes) : 0;
	uint64_t began = calls != 0 ? hst_ticks() : 0;
	int result = HST_NEXT(HST_REAL_posix_memalign, int (*)(void **, size_t, size_t))(
		ret_block, alignment, bytes);

	if (on) {
		hst_memory_came_fast(
			&ask, result == 0 ? (uint64_t)*ret_block : 0, bytes, began, calls);
	}
	return result;
}

/* The four that differ in their name alone. */
HST_INLINE void *aligned(const struct hst_ask *ask, two_sizes real, size_t alignment, size_t bytes)
{
	bool on = hst_memory_mode == HST_MEMORY_RECORDS;
	uint32_t calls = on ? timed(bytes) : 0;
	uint64_t began = calls != 0 ? hst_ticks() : 0;
	void *block = real(alignment, bytes);

	if (on) {
		hst_memory_came_fast(ask, (uint64_t)block, bytes, began, calls);
	}
	return block;
}

HST_EXPORT void *hst_hook_aligned_alloc(size_t alignment, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(ALIGNED_ALLOC);

	(void)records();
	return aligned(&ask, HST_NEXT(HST_REAL_aligned_alloc, two_sizes), alignment, bytes);
}

HST_EXPORT void *hst_hook_memalign(size_t alignment, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(MEMALIGN);

	(void)records();
	return aligned(&ask, HST_NEXT(HST_REAL_memalign, two_sizes), alignment, bytes);
}

HST_INLINE void *paged(const struct hst_ask *ask, one_size real, size_t bytes)
{
	bool on = hst_memory_mode == HST_MEMORY_RECORDS;
	uint32_t calls = on ? timed(bytes) : 0;
	uint64_t began = calls != 0 ? hst_ticks() : 0;
	void *block = real(bytes);

	if (on) {
		hst_memory_came_fast(ask, (uint64_t)block, bytes, began, calls);
	}
	return block;
}

HST_EXPORT void *hst_hook_valloc(size_t bytes)
{
	const struct hst_ask ask = HST_ASK(VALLOC);

	(void)records();
	return paged(&ask, HST_NEXT(HST_REAL_valloc, one_size), bytes);
}

HST_EXPORT void *hst_hook_pvalloc(size_t bytes)
{
	const struct hst_ask ask = HST_ASK(PVALLOC);

	(void)records();
	return paged(&ask, HST_NEXT(HST_REAL_pvalloc, one_size), bytes);
}
