/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hasten build in this process: what exec and posix_spawn ask before they start a program. Off unless HASTEN_BUILD is set, and in
 * compilers and caches of compilers: what those start was judged when they were started, and a cache that knows the program by other
 * arguments than those it runs with would give its result to others.
 *
 *	size_t bytes = hst_build_needs(file, argv);                      0: as it is
 *	char **edited = hst_build_make(file, argv, path, room, bytes);   NULL: as it is. room of so many bytes, aligned as a pointer
 *
 * Async-signal-safe, no allocation, no state: a child of vfork may call both.
 */
#ifndef HST_HOOKS_BUILD_H
#define HST_HOOKS_BUILD_H

#include <stddef.h>

/* So much of the stack a hook may take for it: some 7000 arguments. More of them, and they stay as they are. */
#define HST_BUILD_STACK 65536u

/* At process start, once the options are known. */
void hst_build_start(void);

size_t hst_build_needs(const char *file, char *const *argv);

/* `path`: what a name without a slash is looked for in; NULL: it is not. */
char **hst_build_make(
	const char *file, char *const *argv, const char *path, void *room, size_t bytes);

#endif
