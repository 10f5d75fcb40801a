/* SPDX-License-Identifier: Apache-2.0 */
/* Two pairs of (counter, clock), each read as tightly as possible, give the rate. */
#include "cmd/run_clock.h"

#include "cmd/run_cache.h"
#include "cmd/run_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
# include <cpuid.h>
# include <x86intrin.h>

static bool has_constant_counter(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
}

static uint64_t read_counter(void)
{
	return __rdtsc();
}
#else
static bool has_constant_counter(void)
{
	return false;
}

static uint64_t read_counter(void)
{
	return 0;
}
#endif

#define MEASURE_NS 10000000u
#define PAIR_TRIES 8
/* Outside of these nothing is a processor. */
#define KHZ_MIN 50000u
#define KHZ_MAX 20000000u

static uint64_t now_ns(void)
{
	struct timespec time = { 0 };

	/* Not the disciplined clock: its rate differs from minute to minute. */
	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The pair whose clock reading lay between the closest two counter readings. */
static void read_pair(uint64_t *ret_ticks, uint64_t *ret_ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < PAIR_TRIES; i++) {
		uint64_t before = read_counter();
		uint64_t ns = now_ns();
		uint64_t after = read_counter();

		if (after - before < best) {
			best = after - before;
			*ret_ticks = before + best / 2;
			*ret_ns = ns;
		}
	}
}

/* A number and the character behind it; 0 if there is none. */
static uint64_t take_number(const char **text, char end)
{
	char *rest = NULL;
	uint64_t number;

	errno = 0;
	number = strtoull(*text, &rest, 10);
	if (errno != 0 || rest == *text || *rest != end) {
		return 0;
	}
	*text = rest + 1;
	return number;
}

/* One line: boot id, kHz, nanoseconds measured. */
static void cache_read(struct hst_run_clock *clock)
{
	size_t length = strlen(clock->boot_id);
	char path[4096];
	char text[256];
	const char *p = text;
	uint64_t khz;
	uint64_t ns;

	hst_run_cache_dir(path, sizeof path - 8, false);
	if (path[0] == '\0' || length == 0) {
		return;
	}
	strcat(path, "/tsc");
	if (hst_process_read_file(AT_FDCWD, path, text, sizeof text) <= 0 ||
		strncmp(text, clock->boot_id, length) != 0 || text[length] != ' ') {
		return;
	}
	p += length + 1;
	khz = take_number(&p, ' ');
	ns = khz != 0 ? take_number(&p, '\n') : 0;
	if (ns != 0 && khz >= KHZ_MIN && khz <= KHZ_MAX) {
		clock->cached_hz = khz * 1000u;
		clock->cached_ns = ns;
	}
}

/* Best effort: without the cache the next run measures again. */
static void cache_write(const struct hst_run_clock *clock, uint64_t hz, uint64_t ns)
{
	char directory[4000];
	char path[4096];
	char temporary[4096];
	char text[256];
	int length;
	int fd;
	bool whole;

	hst_run_cache_dir(directory, sizeof directory, true);
	if (directory[0] == '\0' || clock->boot_id[0] == '\0') {
		return;
	}
	snprintf(path, sizeof path, "%s/tsc", directory);
	snprintf(temporary, sizeof temporary, "%s/tsc.%d.tmp", directory, (int)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		return;
	}
	length = snprintf(text, sizeof text, "%s %" PRIu64 " %" PRIu64 "\n", clock->boot_id,
		(hz + 500u) / 1000u, ns);
	whole = write(fd, text, (size_t)length) == length;
	whole = close(fd) == 0 && whole;
	if (!whole || rename(temporary, path) != 0) {
		(void)unlink(temporary);
	}
}

void hst_run_clock_start(struct hst_run_clock *clock, const char *boot_id)
{
	*clock = (struct hst_run_clock){ .tsc = has_constant_counter(), .boot_id = boot_id };
	if (clock->tsc) {
		cache_read(clock);
		read_pair(&clock->ticks, &clock->ns);
	}
}

uint64_t hst_run_clock_stop(const struct hst_run_clock *clock)
{
	uint64_t ticks = 0;
	uint64_t ns = 0;
	uint64_t hz;

	if (!clock->tsc) {
		return 0;
	}
	read_pair(&ticks, &ns);
	if (ns - clock->ns < MEASURE_NS) {
		struct timespec rest = { .tv_nsec = (long)(MEASURE_NS - (ns - clock->ns)) };

		if (clock->cached_hz != 0) {
			return clock->cached_hz;
		}
		while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
		}
		read_pair(&ticks, &ns);
	}
	if (ns - clock->ns <= clock->cached_ns) {
		return clock->cached_hz;
	}
	hz = (uint64_t)((double)(ticks - clock->ticks) * 1e9 / (double)(ns - clock->ns));
	/* A suspended machine may set the counter back. */
	if (ticks <= clock->ticks || hz / 1000u < KHZ_MIN || hz / 1000u > KHZ_MAX) {
		return clock->cached_hz;
	}
	cache_write(clock, hz, ns - clock->ns);
	return hz;
}
