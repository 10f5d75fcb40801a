/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says on descriptor 9 what a function is about to be called with, and what it returned:
 *
 *   C NAME BYTES   the bytes of all arguments
 *   R NAME VALUE   extended to 64 bits
 *
 * The callers say it, so that the functions' own code is as any other.
 */
#ifndef TRUTH_H
#define TRUTH_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUIET __attribute__((no_instrument_function, noinline))

static char truth_text[2048];
static int truth_at;

QUIET static void truth_begin(const char *name)
{
	truth_at = snprintf(truth_text, sizeof truth_text, "C %s ", name);
}

QUIET static void truth_bytes(const void *data, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)data;

	for (size_t i = 0; i < bytes; i++) {
		truth_at += snprintf(
			truth_text + truth_at, sizeof truth_text - truth_at, "%02x", at[i]);
	}
}

QUIET static void truth_end(void)
{
	truth_at += snprintf(truth_text + truth_at, sizeof truth_text - truth_at, "\n");
	if (write(9, truth_text, truth_at) != truth_at) {
		_exit(97);
	}
}

QUIET static void truth_result(const char *name, unsigned long long value)
{
	truth_at = snprintf(truth_text, sizeof truth_text, "R %s %llx", name, value);
	truth_end();
}

QUIET static unsigned long long truth_double(double value)
{
	unsigned long long bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

QUIET static unsigned long long truth_float(float value)
{
	unsigned bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

#define ARG(value) truth_bytes(&(value), sizeof(value))
/* Keeps a value alive to here, and hides what it is. */
#define USE(value) __asm__ volatile("" : "+g"(value) : : "memory")

#endif
