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

/*
 * Constructors of other libraries allocate before ours runs. A sanitizer does, too, before the functions of libc that we need, and that it
 * stands before, work: the process then begins with our constructor.
 */
HST_COLD void hst_memory_begin(void)
{
	hst_reals_start();
	if (hst_process.state == HST_PROCESS_NEW && !hst_real_allocator.sanitizer) {
		hst_process_announce();
		if (hst_memory_mode == HST_MEMORY_UNKNOWN) {
			hst_process_start();
		}
	}
}

void hst_memory_start(void)
{
	struct hst_file_header *header = hst_sink.header;
	const struct hst_real_allocator *allocator = &hst_real_allocator;
	const char *name = allocator->module;
	bool foreign = allocator->foreign || allocator->sanitizer || name == NULL;

	if (!hst_process.options.memory || hst_process.quiet ||
		hst_process.state == HST_PROCESS_OFF) {
		hst_memory_mode = HST_MEMORY_SILENT;
		return;
	}
	header->memory = foreign ? HST_MEMORY_FOREIGN : HST_MEMORY_ON;
	header->page_bytes = HST_PAGE;
	header->brk_start = hst_sys_brk();
	if (name != NULL) {
		const char *from = name[0] != '\0' ? name : (const char *)header->exe;
		size_t length = strlen(from);

		length = length < sizeof header->allocator ? length : sizeof header->allocator - 1;
		memcpy(header->allocator, from, length);
	}
	hst_memory_mode = foreign ? HST_MEMORY_SILENT : HST_MEMORY_RECORDS;
}

/* xorshift: the distance of two timed calls must not fall in step with the program. */
HST_NOINLINE uint32_t hst_memory_due(struct hst_stream *stream)
{
	uint32_t random = stream->random;
	uint32_t calls = random == 0 ? 1 : stream->interval;

	random = random == 0 ? stream->number * 2654435761u | 1u : random;
	random ^= random << 13;
	random ^= random >> 17;
	random ^= random << 5;
	stream->random = random;
	stream->interval = 1 + (random >> 8) % (2 * HST_MEMORY_TIMED - 1); /* 16 on average */
	stream->countdown = stream->interval;
	return calls;
}

/* How many calls the time of this one stands for; 0: it is not timed. */
HST_INLINE uint32_t timed(size_t bytes)
{
	struct hst_stream *stream = hst_self;

	if (bytes >= HST_MEMORY_LARGE) {
		return 1;
	}
	/* Below 0: it has not begun. */
	if (stream == NULL || (int32_t)--stream->countdown > 0) {
		return 0;
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

/*
 * The other side of each hook, reached and left by tail jumps: nothing is recorded, or nothing yet. Before the start it
 * tries to begin, and the hook begins anew. Where memory is not recorded no frame of ours is on the stack: a
 * sanitizer, say, shows the program's own.
 */
static HST_NOINLINE bool wakes_now(void)
{
	if (hst_memory_mode == HST_MEMORY_UNKNOWN) {
		hst_memory_begin();
	} else if (HST_UNLIKELY(hst_reals[HST_REAL_free] == NULL)) {
		hst_reals_start(); /* a process that is not recorded does so when it has to */
	}
	return hst_memory_mode == HST_MEMORY_RECORDS;
}

HST_INLINE bool records(void)
{
	return HST_LIKELY(hst_memory_mode == HST_MEMORY_RECORDS);
}

HST_INLINE bool wakes(void)
{
	/* A process in which nothing is recorded pays two compares. */
	return !(HST_LIKELY(hst_memory_mode == HST_MEMORY_SILENT) &&
		       HST_LIKELY(hst_reals[HST_REAL_free] != NULL)) &&
	       wakes_now();
}

static HST_NOINLINE void *malloc_else(size_t bytes)
{
	return wakes() ? hst_hook_malloc(bytes) : HST_NEXT(HST_REAL_malloc, one_size)(bytes);
}

static HST_NOINLINE void *malloc_timed(const struct hst_ask *ask, size_t bytes, uint32_t calls)
{
	uint64_t began = hst_ticks();
	void *block = HST_NEXT(HST_REAL_malloc, one_size)(bytes);

	hst_memory_came_fast(ask, (uint64_t)block, bytes, began, calls);
	return block;
}

static HST_NOINLINE void *malloc_recorded(size_t bytes)
{
	const struct hst_ask ask = HST_ASK(MALLOC);
	uint32_t calls;
	void *block;

	calls = timed(bytes);
	if (HST_UNLIKELY(calls != 0)) {
		return malloc_timed(&ask, bytes, calls);
	}
	block = HST_NEXT(HST_REAL_malloc, one_size)(bytes);
	hst_memory_came_fast(&ask, (uint64_t)block, bytes, 0, 0);
	return block;
}

HST_EXPORT void *hst_hook_malloc(size_t bytes)
{
	return records() ? malloc_recorded(bytes) : malloc_else(bytes);
}

static uint64_t product(size_t a, size_t b)
{
	size_t bytes;

	return __builtin_mul_overflow(a, b, &bytes) ? UINT64_MAX : bytes;
}

static HST_NOINLINE void *calloc_else(size_t count, size_t bytes)
{
	return wakes() ? hst_hook_calloc(count, bytes)
		       : HST_NEXT(HST_REAL_calloc, two_sizes)(count, bytes);
}

static HST_NOINLINE void *calloc_recorded(size_t count, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(CALLOC);
	uint64_t all = product(count, bytes);
	uint64_t began;
	uint32_t calls;
	void *block;

	calls = timed(all);
	began = calls != 0 ? hst_ticks() : 0;
	block = HST_NEXT(HST_REAL_calloc, two_sizes)(count, bytes);
	hst_memory_came_fast(&ask, (uint64_t)block, all, began, calls);
	return block;
}

HST_EXPORT void *hst_hook_calloc(size_t count, size_t bytes)
{
	return records() ? calloc_recorded(count, bytes) : calloc_else(count, bytes);
}

static HST_NOINLINE void *realloc_else(void *block, size_t bytes)
{
	return wakes() ? hst_hook_realloc(block, bytes)
		       : HST_NEXT(HST_REAL_realloc, block_size)(block, bytes);
}

static HST_NOINLINE void *realloc_recorded(void *block, size_t bytes)
{
	struct hst_ask ask = HST_ASK(REALLOC);
	uint64_t began;
	void *other;

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

HST_EXPORT void *hst_hook_realloc(void *block, size_t bytes)
{
	return records() ? realloc_recorded(block, bytes) : realloc_else(block, bytes);
}

static HST_NOINLINE void free_timed(const struct hst_ask *ask, void *block, uint32_t calls)
{
	uint64_t began;

	hst_memory_goes_fast(ask, (uint64_t)block, false);
	began = hst_ticks();
	HST_NEXT(HST_REAL_free, void (*)(void *))(block);
	hst_memory_took(ask, began, hst_ticks(), calls);
}

static HST_NOINLINE void free_else(void *block)
{
	if (wakes()) {
		hst_hook_free(block);
	} else {
		HST_NEXT(HST_REAL_free, void (*)(void *))(block);
	}
}

static HST_NOINLINE void free_recorded(void *block)
{
	const struct hst_ask ask = HST_ASK(MALLOC);
	uint32_t calls;

	if (HST_UNLIKELY(block == NULL)) {
		return; /* as the real one does */
	}
	calls = timed(0);
	if (HST_UNLIKELY(calls != 0)) {
		free_timed(&ask, block, calls);
		return;
	}
	hst_memory_goes_fast(&ask, (uint64_t)block, false);
	HST_NEXT(HST_REAL_free, void (*)(void *))(block);
}

HST_EXPORT void hst_hook_free(void *block)
{
	if (records()) {
		free_recorded(block);
	} else {
		free_else(block);
	}
}

/*
 * libc has these since 2.43; before, a program finds ours. Where nothing is recorded, the next definition is called, or free of the
 * module that gave the block: a malloc before ours has a free before ours.
 */
static HST_NOINLINE void sized_else(void *block)
{
	if (wakes()) {
		free_recorded(block);
	} else if (hst_real_allocator.release != NULL) {
		hst_real_allocator.release(block);
	} else {
		HST_NEXT(HST_REAL_free, void (*)(void *))(block);
	}
}

HST_EXPORT void hst_hook_free_sized(void *block, size_t bytes)
{
	if (records()) {
		free_recorded(block);
	} else if (HST_NEXT(HST_REAL_free_sized, void *) != NULL) {
		HST_NEXT(HST_REAL_free_sized, void (*)(void *, size_t))(block, bytes);
	} else {
		sized_else(block);
	}
}

HST_EXPORT void hst_hook_free_aligned_sized(void *block, size_t alignment, size_t bytes)
{
	if (records()) {
		free_recorded(block);
	} else if (HST_NEXT(HST_REAL_free_aligned_sized, void *) != NULL) {
		HST_NEXT(HST_REAL_free_aligned_sized, void (*)(void *, size_t, size_t))
		(block, alignment, bytes);
	} else {
		sized_else(block);
	}
}

static HST_NOINLINE int posix_memalign_else(void **ret_block, size_t alignment, size_t bytes)
{
	return wakes() ? hst_hook_posix_memalign(ret_block, alignment, bytes)
		       : HST_NEXT(HST_REAL_posix_memalign, int (*)(void **, size_t, size_t))(
				 ret_block, alignment, bytes);
}

static HST_NOINLINE int posix_memalign_recorded(void **ret_block, size_t alignment, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(POSIX_MEMALIGN);
	uint32_t calls;
	uint64_t began;
	int result;

	calls = timed(bytes);
	began = calls != 0 ? hst_ticks() : 0;
	result = HST_NEXT(HST_REAL_posix_memalign, int (*)(void **, size_t, size_t))(
		ret_block, alignment, bytes);
	hst_memory_came(NULL, &ask, result == 0 ? (uint64_t)*ret_block : 0, bytes, began, calls);
	return result;
}

HST_EXPORT int hst_hook_posix_memalign(void **ret_block, size_t alignment, size_t bytes)
{
	return records() ? posix_memalign_recorded(ret_block, alignment, bytes)
			 : posix_memalign_else(ret_block, alignment, bytes);
}

/* The four that differ in their name alone. */
HST_INLINE void *aligned(const struct hst_ask *ask, two_sizes real, size_t alignment, size_t bytes)
{
	uint32_t calls = timed(bytes);
	uint64_t began = calls != 0 ? hst_ticks() : 0;
	void *block = real(alignment, bytes);

	hst_memory_came(NULL, ask, (uint64_t)block, bytes, began, calls);
	return block;
}

static HST_NOINLINE void *aligned_alloc_else(size_t alignment, size_t bytes)
{
	return wakes() ? hst_hook_aligned_alloc(alignment, bytes)
		       : HST_NEXT(HST_REAL_aligned_alloc, two_sizes)(alignment, bytes);
}

static HST_NOINLINE void *aligned_alloc_recorded(size_t alignment, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(ALIGNED_ALLOC);

	return aligned(&ask, HST_NEXT(HST_REAL_aligned_alloc, two_sizes), alignment, bytes);
}

HST_EXPORT void *hst_hook_aligned_alloc(size_t alignment, size_t bytes)
{
	return records() ? aligned_alloc_recorded(alignment, bytes)
			 : aligned_alloc_else(alignment, bytes);
}

static HST_NOINLINE void *memalign_else(size_t alignment, size_t bytes)
{
	return wakes() ? hst_hook_memalign(alignment, bytes)
		       : HST_NEXT(HST_REAL_memalign, two_sizes)(alignment, bytes);
}

static HST_NOINLINE void *memalign_recorded(size_t alignment, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(MEMALIGN);

	return aligned(&ask, HST_NEXT(HST_REAL_memalign, two_sizes), alignment, bytes);
}

HST_EXPORT void *hst_hook_memalign(size_t alignment, size_t bytes)
{
	return records() ? memalign_recorded(alignment, bytes) : memalign_else(alignment, bytes);
}

HST_INLINE void *paged(const struct hst_ask *ask, one_size real, size_t bytes)
{
	uint32_t calls = timed(bytes);
	uint64_t began = calls != 0 ? hst_ticks() : 0;
	void *block = real(bytes);

	hst_memory_came(NULL, ask, (uint64_t)block, bytes, began, calls);
	return block;
}

static HST_NOINLINE void *valloc_else(size_t bytes)
{
	return wakes() ? hst_hook_valloc(bytes) : HST_NEXT(HST_REAL_valloc, one_size)(bytes);
}

static HST_NOINLINE void *valloc_recorded(size_t bytes)
{
	const struct hst_ask ask = HST_ASK(VALLOC);

	return paged(&ask, HST_NEXT(HST_REAL_valloc, one_size), bytes);
}

HST_EXPORT void *hst_hook_valloc(size_t bytes)
{
	return records() ? valloc_recorded(bytes) : valloc_else(bytes);
}

static HST_NOINLINE void *pvalloc_else(size_t bytes)
{
	return wakes() ? hst_hook_pvalloc(bytes) : HST_NEXT(HST_REAL_pvalloc, one_size)(bytes);
}

static HST_NOINLINE void *pvalloc_recorded(size_t bytes)
{
	const struct hst_ask ask = HST_ASK(PVALLOC);

	return paged(&ask, HST_NEXT(HST_REAL_pvalloc, one_size), bytes);
}

HST_EXPORT void *hst_hook_pvalloc(size_t bytes)
{
	return records() ? pvalloc_recorded(bytes) : pvalloc_else(bytes);
}
