/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into every measured program, in every variant alike: writes to the file BENCH_OUT how
 * long the process lived (wall and CPU, ns) and its peak memory (VmHWM, KiB), at exit. Only the
 * program that BENCH_ONLY names: a launcher is preloaded too. That program stays on the CPU
 * BENCH_CPU, if it is set.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t wall_start;
static uint64_t cpu_start;
static pid_t owner;

static uint64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static long peak_kib(void)
{
	char line[128];
	long peak = -1;
	FILE *in = fopen("/proc/self/status", "re");

	if (in == NULL) {
		return -1;
	}
	while (fgets(line, sizeof(line), in) != NULL) {
		if (sscanf(line, "VmHWM: %ld", &peak) == 1) {
			break;
		}
	}
	fclose(in);
	return peak;
}

static int is_measured(void)
{
	const char *only = getenv("BENCH_ONLY");

	return only != NULL && strcmp(only, program_invocation_short_name) == 0;
}

static void stay(void)
{
	const char *cpu = getenv("BENCH_CPU");
	cpu_set_t one;

	if (cpu != NULL && is_measured()) {
		CPU_ZERO(&one);
		CPU_SET(atoi(cpu), &one);
		(void)sched_setaffinity(0, sizeof(one), &one);
	}
}

__attribute__((constructor)) static void meter_start(void)
{
	owner = getpid();
	stay();
	wall_start = now(CLOCK_MONOTONIC);
	cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
}

__attribute__((destructor)) static void meter_stop(void)
{
	uint64_t wall = now(CLOCK_MONOTONIC) - wall_start;
	uint64_t cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
	const char *path = getenv("BENCH_OUT");
	char text[128];
	int fd;
	int length;

	if (path == NULL || getpid() != owner || !is_measured()) {
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		return;
	}
	length = snprintf(text, sizeof(text), "%lu %lu %ld\n", (unsigned long)wall,
		(unsigned long)cpu, peak_kib());
	(void)!write(fd, text, (size_t)length);
	close(fd);
}
