/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the programs of this folder. Each is a small program whose calls are known exactly:
 * either because they follow from its text (tests/hooks/table.py has the numbers), or, where they
 * depend on time or signals, because the program counts them itself and says so with truth_*().
 *
 * Nothing in here is instrumented.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOHOOK   __attribute__((no_instrument_function))
#define NOINLINE __attribute__((noinline))
#define UNUSED   __attribute__((unused))

/* The exit status by which a program says that this machine does not allow what it tests. */
#define WORKLOAD_SKIP 77

static volatile unsigned long sink UNUSED;

/*
 * Appends "name low high" to the file named by WORKLOAD_TRUTH: the calls of `name` by this process
 * number `low` to `high`. Lines of several processes add up. Without the variable: nothing.
 */
NOHOOK UNUSED static void truth_range(const char *name, unsigned long low, unsigned long high)
{
	const char *path = getenv("WORKLOAD_TRUTH");
	char line[256];
	int length = snprintf(line, sizeof line, "%s %lu %lu\n", name, low, high);
	int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

	if (fd >= 0) {
		if (write(fd, line, (size_t)length) != length) {
			_exit(99);
		}
		close(fd);
	}
}

NOHOOK UNUSED static void truth(const char *name, unsigned long calls)
{
	truth_range(name, calls, calls);
}

/* Ends the program: something failed that has nothing to do with what is tested. */
NOHOOK UNUSED static void die(const char *what)
{
	perror(what);
	_exit(98);
}

/* Says on stderr why the test cannot run here, and ends the program so that it counts as skipped. */
NOHOOK UNUSED static void skip(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	_exit(WORKLOAD_SKIP);
}

/* A system call by the program's own instruction: neither libc nor who stands before it sees it. */
NOHOOK UNUSED static long raw_call(long number, long a, long b, long c)
{
	register long d __asm__("r10") = 0;
	register long e __asm__("r8") = 0;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e)
			 : "rcx", "r11", "memory");
	return result;
}

/* The same numbers everywhere: a linear congruential generator. */
NOHOOK UNUSED static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#endif
