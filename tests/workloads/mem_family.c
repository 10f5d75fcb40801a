/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each function that gives memory, with what its manual promises: `mem_family realloc | aligned | strings | errno`.
 * Whether realloc moves a block is the allocator's business: the program says what happened.
 */
#include "mem.h"

#include <malloc.h>

/* Not a constant, or the compiler says that it is too much. */
static volatile size_t too_much = PTRDIFF_MAX;
static volatile size_t none;
static char none_at_all;

extern void free_sized(void *block, size_t bytes) __attribute__((weak));

NOHOOK static void tell_moved(const char *name, unsigned long moved, unsigned long bytes)
{
	char key[64];

	snprintf(key, sizeof key, "%s.moved", name);
	truth(key, moved);
	snprintf(key, sizeof key, "%s.moved_bytes", name);
	truth(key, moved ? bytes : 0);
}

NOINLINE static void of_null(void)
{
	char *block = kept(realloc(kept(NULL), 100));

	fill(block, 100, 1);
	free(block);
	sink++;
}

NOINLINE static void to_nothing(void)
{
	void *block = kept(malloc(50));
	void *after;

	errno = EDOM;
	after = realloc(block, none);
	say("realloc to 0: %s, errno %d", after == NULL ? "nothing" : "a block", errno);
	if (after != NULL) {
		free(after);
	}
	sink++;
}

NOINLINE static void failing(void)
{
	char *block = kept(malloc(64));
	void *more;

	fill(block, 64, 2);
	errno = 0;
	more = kept(realloc(block, too_much));
	CHECK(more == NULL && errno == ENOMEM);
	check_filled(block, 64, 2);
	/* It still lives: a realloc of it succeeds. */
	block = kept(realloc(block, 60));
	check_filled(block, 60, 2);
	free(block);
	sink++;
}

NOINLINE static void shrinking(void)
{
	char *block = kept(malloc(10000));
	uintptr_t before = (uintptr_t)block;

	fill(block, 10000, 3);
	block = kept(realloc(block, 100));
	check_filled(block, 100, 3);
	tell_moved("shrinking", (uintptr_t)block != before, 100);
	free(block);
	sink++;
}

/* The last block of the heap has room behind it. */
NOINLINE static void in_place(void)
{
	char *block = kept(malloc(3000));
	uintptr_t before = (uintptr_t)block;
	unsigned long moved = 0;
	unsigned long bytes = 0;

	fill(block, 3000, 4);
	for (size_t size = 4000; size <= 13000; size += 1000) {
		block = kept(realloc(block, size));
		check_filled(block, size - 1000, 4);
		fill(block, size, 4);
		moved += (uintptr_t)block != before;
		bytes += (uintptr_t)block != before ? size - 1000 : 0;
		before = (uintptr_t)block;
	}
	truth("in_place.moved", moved);
	truth("in_place.moved_bytes", bytes);
	free(block);
	sink++;
}

/* A block with another one behind it cannot stay. */
NOINLINE static void moving(void)
{
	char *block = kept(malloc(1000));
	char *behind = kept(malloc(1000));
	uintptr_t before = (uintptr_t)block;

	fill(block, 1000, 5);
	fill(behind, 1000, 6);
	block = kept(realloc(block, 400000));
	check_filled(block, 1000, 5);
	tell_moved("moving", (uintptr_t)block != before, 1000);
	free(block);
	check_filled(behind, 1000, 6);
	free(behind);
	sink++;
}

NOINLINE static void *made_here(void)
{
	return kept(malloc(70));
}

/* Belongs to who called realloc, from then on. */
NOINLINE static void adopted(void *block)
{
	uintptr_t before = (uintptr_t)block;

	block = kept(realloc(block, 71));
	tell_moved("adopted", (uintptr_t)block != before, 70);
	free(block);
	sink++;
}

NOINLINE static void zeroed(void)
{
	char *small = kept(calloc(10, 30));
	char *large = kept(calloc(2, 150000));
	void *failed;

	check_filled(small, 300, 0);
	check_filled(large, 300000, 0);
	errno = 0;
	failed = kept(calloc(too_much, 4));
	CHECK(failed == NULL && errno == ENOMEM);
	errno = 0;
	failed = kept(calloc(too_much, 1));
	CHECK(failed == NULL && errno == ENOMEM);
	free(small);
	free(large);
	sink++;
}

NOINLINE static void posix(void)
{
	void *block = &none_at_all;
	int result;

	errno = EDOM;
	result = posix_memalign(&block, 3, 100);
	CHECK(result == EINVAL && block == &none_at_all && errno == EDOM);
	result = posix_memalign(&block, 64, too_much);
	CHECK(result == ENOMEM && block == &none_at_all);
	result = posix_memalign(&block, 64, 256);
	CHECK(result == 0 && (uintptr_t)block % 64 == 0);
	fill(block, 256, 1);
	free(kept(block));
	sink++;
}

NOINLINE static void aligned(void)
{
	void *blocks[4];

	blocks[0] = kept(aligned_alloc(64, 128));
	blocks[1] = kept(memalign(4096, 100));
	blocks[2] = kept(valloc(101));
	blocks[3] = kept(pvalloc(102));
	CHECK((uintptr_t)blocks[0] % 64 == 0);
	CHECK((uintptr_t)blocks[1] % 4096 == 0);
	CHECK((uintptr_t)blocks[2] % 4096 == 0);
	CHECK((uintptr_t)blocks[3] % 4096 == 0);
	fill(blocks[3], 4096, 1); /* pvalloc gives whole pages */
	blocks[0] = kept(realloc(blocks[0], 5000));
	for (size_t i = 0; i < COUNT_OF(blocks); i++) {
		free(blocks[i]);
	}
	sink++;
}

NOINLINE static void aligned_fails(void)
{
	errno = 0;
	CHECK(kept(aligned_alloc(64, too_much)) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(kept(memalign(64, too_much)) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(kept(valloc(too_much)) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(kept(pvalloc(too_much)) == NULL && errno == ENOMEM);
	errno = 0;
	CHECK(kept(malloc(too_much)) == NULL && errno == ENOMEM);
}

NOINLINE static void empty(void)
{
	void *first = kept(malloc(none));
	void *second = kept(malloc(none));

	say("blocks of 0 bytes: %s", first != NULL && first != second ? "two" : "not two");
	free(first);
	free(second);
	sink++;
}

/* All of a block that malloc_usable_size allows may be used. */
NOINLINE static void slack(void)
{
	for (size_t size = 1; size < 3000; size += 100) {
		char *block = kept(malloc(size));
		size_t usable = malloc_usable_size(block);

		CHECK(usable >= size);
		fill(block, usable, 9);
		block = kept(realloc(block, usable));
		check_filled(block, usable, 9);
		truth("slack.bytes", usable + size);
		free(block);
	}
	CHECK(malloc_usable_size(NULL) == 0);
	sink++;
}

NOINLINE static void keeps_errno(void)
{
	static const size_t sizes[] = { 0, 1, 100, 5000, 200000, 5000000 };

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		void *block = kept(malloc(sizes[i]));

		errno = EDOM;
		free(block);
		CHECK(errno == EDOM);
		free(kept(NULL));
		CHECK(errno == EDOM);
		block = kept(malloc(sizes[i]));
		CHECK(errno == EDOM);
		block = kept(realloc(block, sizes[i] + 1));
		CHECK(errno == EDOM);
		if (free_sized != NULL) {
			free_sized(block, sizes[i] + 1);
		} else {
			free(block);
		}
		CHECK(errno == EDOM);
	}
	sink++;
}

NOINLINE static void copies(void)
{
	char *blocks[4];

	blocks[0] = kept(strdup(kept((char *)"eleven char")));
	blocks[1] = kept(strndup(kept((char *)"eleven char"), 5));
	blocks[2] = kept(reallocarray(kept(NULL), 10, 12));
	errno = 0;
	blocks[3] = kept(reallocarray(blocks[2], too_much, 12));
	CHECK(blocks[3] == NULL && errno == ENOMEM);
	blocks[2] = kept(reallocarray(blocks[2], 9, 12));
	CHECK(strcmp(blocks[0], "eleven char") == 0 && strcmp(blocks[1], "eleve") == 0);
	for (int i = 0; i < 3; i++) {
		free(blocks[i]);
	}
	sink++;
}

/* What libc takes for a line is its business; that it is given back is not. */
NOINLINE static void lines(void)
{
	static char text[] = "one\nthe second line is longer than the first one\nthree\n";
	FILE *file = fmemopen(text, sizeof text - 1, "r");
	char *line = NULL;
	size_t room = 0;
	size_t all = 0;
	ssize_t length;

	CHECK(file != NULL);
	while ((length = getline(&line, &room, file)) > 0) {
		all += (size_t)length;
	}
	say("getline: %zu bytes", all);
	free(line);
	fclose(file);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "realloc") == 0) {
		of_null();
		to_nothing();
		failing();
		shrinking();
		in_place();
		moving();
		adopted(made_here());
	} else if (strcmp(mode, "aligned") == 0) {
		zeroed();
		posix();
		aligned();
		aligned_fails();
	} else if (strcmp(mode, "errno") == 0) {
		empty();
		slack();
		keeps_errno();
	} else if (strcmp(mode, "strings") == 0) {
		copies();
		lines();
	} else {
		return 2;
	}
	say("%s done", mode);
	return 0;
}
