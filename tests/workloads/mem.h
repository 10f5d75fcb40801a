/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the programs mem_*: what they allocate is known exactly. Each is built with hooks, where the owner of a block is the
 * innermost function, and without, where it is the function whose code called: so those that own blocks are not inlined, do
 * not end with the call, and no compiler may reason a block away. Nothing in here allocates or is instrumented.
 */
#ifndef MEM_H
#define MEM_H

#include "workload.h"

#include <errno.h>
#include <stdarg.h>

#if defined(__GNUC__) && !defined(__clang__)
/* A block that realloc could not change still lives. */
# pragma GCC diagnostic ignored "-Wuse-after-free"
#endif

/* The same pointer, but the compiler no longer knows where it comes from; memory may be read here. */
__attribute__((always_inline)) NOHOOK UNUSED static inline void *kept(void *pointer)
{
	__asm__ volatile("" : "+r"(pointer) : : "memory");
	return pointer;
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* One line on stdout, without stdio's buffer: that would be an allocation. */
NOHOOK UNUSED __attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[256];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof line - 1, format, arguments);
	va_end(arguments);
	line[length++] = '\n';
	if (write(1, line, (size_t)length) != length) {
		_exit(99);
	}
}

/* Ends the program: what it relies on does not hold. */
NOHOOK UNUSED static void check_failed(int line, const char *what)
{
	char text[256];
	int length = snprintf(text, sizeof text, "line %d: not so: %s\n", line, what);

	if (write(2, text, (size_t)length) != length) {
		_exit(99);
	}
	_exit(97);
}

#define CHECK(condition)               \
 do {                                  \
  if (!(condition)) {                  \
   check_failed(__LINE__, #condition); \
  }                                    \
 } while (0)

/* Fills a block, so that one that is too small or given out twice shows. */
NOHOOK UNUSED static void fill(void *block, size_t bytes, int pattern)
{
	memset(block, pattern, bytes);
}

NOHOOK UNUSED static void check_filled(const void *block, size_t bytes, int pattern)
{
	const unsigned char *at = (const unsigned char *)block;

	for (size_t i = 0; i < bytes; i++) {
		CHECK(at[i] == (unsigned char)pattern);
	}
}

#endif
