/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library with which functions keep a log of their own calls: which function, arguments, result, thread, and the logged call around
 * it. test_cachelog.py reckons from it what `hasten cache` must say. The log is in memory until log_write.
 *
 *   int twice(int a)
 *   {
 *           LOG_CALL("twice", LOG_INT(a));
 *           int result = 2 * a;
 *           return LOG_RESULT(result);
 *   }
 */
#ifndef CALLLOG_H
#define CALLLOG_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MAX    400000
#define LOG_VALUES 10
#define LOG_QUIET  __attribute__((no_instrument_function, noinline, unused)) static

struct log_call {
	const char *name;
	uint64_t values[LOG_VALUES];
	uint64_t result;
	int count, has_result, thread;
	long around; /* the logged call of this thread that is open around it, -1: none */
};

static struct log_call log_calls[LOG_MAX];
static long log_count;
static int log_threads;
static __thread long log_open = -1;
static __thread int log_thread = -1;

/* The number of the call: calls are in the order of their begin. */
LOG_QUIET long log_begin(const char *name, int count, const uint64_t *values)
{
	long number = __atomic_fetch_add(&log_count, 1, __ATOMIC_RELAXED);
	struct log_call *call = &log_calls[number];

	if (number >= LOG_MAX || count > LOG_VALUES) {
		fputs("calllog: too many calls or values\n", stderr);
		_Exit(96);
	}
	if (log_thread < 0) {
		log_thread = __atomic_fetch_add(&log_threads, 1, __ATOMIC_RELAXED);
	}
	call->name = name;
	call->count = count;
	call->thread = log_thread;
	call->around = log_open;
	memcpy(call->values, values, (size_t)count * sizeof *values);
	log_open = number;
	return number;
}

/* It was left: by whatever way. */
LOG_QUIET void log_end(long number)
{
	log_open = log_calls[number].around;
}

LOG_QUIET void log_result(long number, uint64_t result)
{
	log_calls[number].result = result;
	log_calls[number].has_result = 1;
}

LOG_QUIET uint64_t log_double(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

LOG_QUIET uint64_t log_float(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* Up to 8 characters by themselves. */
LOG_QUIET uint64_t log_text(const char *text)
{
	uint64_t value = 0;

	for (int i = 0; i < 8 && text[i] != '\0'; i++) {
		value |= (uint64_t)(unsigned char)text[i] << 8 * i;
	}
	return value;
}

/* A line a call: name, thread, number of the call around it, result or "-", values. */
LOG_QUIET void log_write(const char *path)
{
	FILE *file = fopen(path, "we");

	for (long i = 0; file != NULL && i < log_count; i++) {
		const struct log_call *call = &log_calls[i];

		fprintf(file, "%s %d %ld ", call->name, call->thread, call->around);
		if (call->has_result) {
			fprintf(file, "%llx", (unsigned long long)call->result);
		} else {
			fputs("-", file);
		}
		for (int j = 0; j < call->count; j++) {
			fprintf(file, " %llx", (unsigned long long)call->values[j]);
		}
		fputs("\n", file);
	}
	if (file == NULL || fclose(file) != 0) {
		perror(path);
		_Exit(95);
	}
}

#define LOG_INT(value)     ((uint64_t)(value)) /* extended by its sign, if it has one */
#define LOG_POINTER(value) ((uint64_t)(uintptr_t)(value))
#define LOG_TEXT(value)    log_text(value)
#define LOG_DOUBLE(value)  log_double(value)
#define LOG_FLOAT(value)   log_float(value)

#define LOG_CALL(name, ...)                     \
 const uint64_t log_values[] = { __VA_ARGS__ }; \
 long log_number = log_begin(name, (int)(sizeof log_values / sizeof *log_values), log_values)
#define LOG_CALL_NONE(name) long log_number = log_begin(name, 0, &log_calls[0].result)
#define LOG_END()           log_end(log_number)
/* As the last thing before the return. */
#define LOG_RESULT(value) (log_result(log_number, value), log_end(log_number))

#endif
