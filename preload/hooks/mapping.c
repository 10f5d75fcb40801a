/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address space that the program takes for itself, beside malloc: what malloc takes for its blocks is asked for within libc and
 * does not come here. The stacks of threads come from there too; they are told by the thread's creation.
 */
#include "core/attr.h"
#include "core/real.h"
#include "core/sys.h"
#include "hooks/memory.h"

#include <pthread.h>
#include <stdarg.h>

#include "core/poison.h"

#define HST_STACK_UNLIMITED (2ul << 20) /* glibc's, where the limit of stacks says none */

typedef void *(*map_function)(void *, size_t, int, int, int, off_t);
typedef void *(*remap_function)(void *, size_t, size_t, int, void *);

void *hst_hook_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset) __asm__(
	"mmap");
void *hst_hook_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset) __asm__(
	"mmap64");
int hst_hook_munmap(void *at, size_t bytes) __asm__("munmap");
void *hst_hook_mremap(void *at, size_t before, size_t bytes, int flags, ...) __asm__("mremap");
int hst_hook_brk(void *end) __asm__("brk");
void *hst_hook_sbrk(intptr_t change) __asm__("sbrk");
int hst_hook_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
	void *argument) __asm__("pthread_create");

#define HST_REAL_OF(which, type) ((type)hst_real(which, __builtin_return_address(0)))

static bool records(void)
{
	return hst_memory_mode == HST_MEMORY_RECORDS;
}

static void mapped(const struct hst_ask *ask, void *at, size_t bytes, int prot, int flags)
{
	uint32_t kind = (flags & MAP_ANONYMOUS) != 0 ? 0 : HST_MAP_FILE;

	kind |= (flags & MAP_SHARED) != 0 ? HST_MAP_SHARED : 0;
	kind |= prot == PROT_NONE ? HST_MAP_NONE : 0;
	if (records() && at != MAP_FAILED) {
		hst_memory_mapped(ask, (uint64_t)at, hst_sys_whole_pages(bytes), kind);
	}
}

HST_EXPORT void *hst_hook_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	const struct hst_ask ask = HST_ASK(MMAP);
	void *map = HST_REAL_OF(HST_REAL_mmap, map_function)(at, bytes, prot, flags, fd, offset);

	mapped(&ask, map, bytes, prot, flags);
	return map;
}

HST_EXPORT void *hst_hook_mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	const struct hst_ask ask = HST_ASK(MMAP);
	void *map = HST_REAL_OF(HST_REAL_mmap64, map_function)(at, bytes, prot, flags, fd, offset);

	mapped(&ask, map, bytes, prot, flags);
	return map;
}

HST_EXPORT int hst_hook_munmap(void *at, size_t bytes)
{
	const struct hst_ask ask = HST_ASK(MMAP);

	/* A wrong one fails and changes nothing. */
	if (records() && ((uint64_t)at & (HST_PAGE - 1)) == 0 && bytes != 0) {
		hst_memory_unmapped(&ask, (uint64_t)at, hst_sys_whole_pages(bytes));
	}
	return HST_REAL_OF(HST_REAL_munmap, int (*)(void *, size_t))(at, bytes);
}

HST_EXPORT void *hst_hook_mremap(void *at, size_t before, size_t bytes, int flags, ...)
{
	const struct hst_ask ask = HST_ASK(MREMAP);
	void *wanted = NULL;
	va_list arguments;
	void *map;

	if ((flags & MREMAP_FIXED) != 0) {
		va_start(arguments, flags);
		wanted = va_arg(arguments, void *);
		va_end(arguments);
	}
	if (records() && before != 0) {
		hst_memory_unmapped(&ask, (uint64_t)at, hst_sys_whole_pages(before));
	}
	map = HST_REAL_OF(HST_REAL_mremap, remap_function)(at, before, bytes, flags, wanted);
	if (records() && map != MAP_FAILED) {
		hst_memory_mapped(&ask, (uint64_t)map, hst_sys_whole_pages(bytes), 0);
	} else if (records() && before != 0) {
		hst_memory_mapped(&ask, (uint64_t)at, hst_sys_whole_pages(before), 0);
	}
	return map;
}

/* `before`, `after`: the end of the heap. */
static void heap_moved(const struct hst_ask *ask, uint64_t before, uint64_t after)
{
	if (!records() || before == 0 || after == 0) {
		return;
	}
	if (after > before) {
		hst_memory_mapped(ask, before, after - before, 0);
	} else if (before > after) {
		hst_memory_unmapped(ask, after, before - after);
	}
}

HST_EXPORT int hst_hook_brk(void *end)
{
	const struct hst_ask ask = HST_ASK(BRK);
	uint64_t before = hst_sys_brk();
	int result = HST_REAL_OF(HST_REAL_brk, int (*)(void *))(end);

	heap_moved(&ask, before, hst_sys_brk());
	return result;
}

HST_EXPORT void *hst_hook_sbrk(intptr_t change)
{
	const struct hst_ask ask = HST_ASK(BRK);
	void *before = HST_REAL_OF(HST_REAL_sbrk, void *(*)(intptr_t))(change);

	if (before != (void *)-1 && change != 0) {
		heap_moved(&ask, (uint64_t)before, (uint64_t)before + (uint64_t)change);
	}
	return before;
}

static uint64_t stack_bytes(const pthread_attr_t *attr)
{
	static uint64_t usual;
	size_t bytes = 0;

	if (attr != NULL && pthread_attr_getstacksize(attr, &bytes) == 0 && bytes != 0) {
		return bytes;
	}
	if (usual == 0) {
		uint64_t limit = hst_sys_limit(RLIMIT_STACK);

		usual = limit == UINT64_MAX ? HST_STACK_UNLIMITED : limit;
	}
	return usual;
}

HST_EXPORT int hst_hook_pthread_create(
	pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *argument)
{
	const struct hst_ask ask = HST_ASK(THREAD);
	int result = HST_REAL_OF(HST_REAL_pthread_create,
		int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))(
		thread, attr, start, argument);

	if (result == 0 && records()) {
		hst_memory_stack(&ask, stack_bytes(attr));
	}
	return result;
}
