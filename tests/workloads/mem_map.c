/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address space that a program takes by itself: `mem_map maps | heap`. The greatest sum of what is mapped is 7 MiB.
 */
#include "mem.h"

#include <sys/mman.h>

#define MIB (1u << 20)

NOHOOK static char *checked(void *range)
{
	CHECK(range != MAP_FAILED);
	return range;
}

NOINLINE static char *reserve(size_t bytes)
{
	return checked(
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

NOINLINE static char *map_self(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *range = checked(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));

	close(fd);
	CHECK(memcmp(range, "\177ELF", 4) == 0);
	return range;
}

NOINLINE static char *grow(char *range, size_t from, size_t to)
{
	return checked(mremap(range, from, to, MREMAP_MAYMOVE));
}

NOINLINE static void release(char *range, size_t bytes)
{
	CHECK(munmap(range, bytes) == 0);
}

/* 4 MiB; 4 KiB of a file; a hole of 1 MiB; grown to 6 MiB; 1 MiB on top of it anew; all back. */
NOHOOK static void maps(const char *self)
{
	char *range = reserve(4 * MIB);
	char *file = map_self(self);
	char *second;
	void *failed;

	fill(range, 4 * MIB, 1);
	release(file, 4096);
	release(range + MIB, MIB);
	release(range, MIB);
	range += 2 * MIB;
	check_filled(range, 2 * MIB, 1);
	range = grow(range, 2 * MIB, 6 * MIB);
	check_filled(range, 2 * MIB, 1);
	second = reserve(MIB);
	CHECK(mmap(range, MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == range);
	check_filled(range, MIB, 0);
	errno = 0;
	failed = mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(failed == MAP_FAILED && errno == EINVAL);
	failed = mremap(second, MIB, (size_t)1 << 60, MREMAP_MAYMOVE);
	CHECK(failed == MAP_FAILED);
	fill(second, MIB, 2);
	range = grow(range, 6 * MIB, 4096);
	release(second, MIB);
	release(range, 4096);
	errno = 0;
	CHECK(munmap(range + 1, 4096) == -1 && errno == EINVAL);
}

NOINLINE static char *break_by(intptr_t bytes)
{
	char *before = sbrk(bytes);

	CHECK(before != (char *)-1);
	return before;
}

NOINLINE static void uses_heap(void)
{
	void *block = kept(malloc(1000));

	fill(block, 1000, 4);
	free(block);
	sink++;
}

/* The break belongs to the program and to malloc, which must notice. */
NOHOOK static void heap(void)
{
	char *before = break_by(3 * MIB);

	fill(before, 3 * MIB, 3);
	uses_heap();
	check_filled(before, 3 * MIB, 3);
	before = break_by(4 * MIB);
	fill(before, 4 * MIB, 3);
	CHECK(break_by(-(intptr_t)(4 * MIB)) == before + 4 * MIB);
	CHECK(sbrk(0) == before);
	CHECK(brk(before + MIB) == 0 && sbrk(0) == before + MIB);
	errno = 0;
	CHECK(sbrk((intptr_t)1 << 60) == (void *)-1 && errno == ENOMEM);
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "maps") == 0) {
		maps(argv[0]);
	} else if (strcmp(mode, "heap") == 0) {
		heap();
	} else {
		return 2;
	}
	say("%s done", mode);
	return 0;
}
