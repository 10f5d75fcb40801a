/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that measure themselves, by the clock of their thread and by CLOCK_MONOTONIC. The program tells the sums: lines
 * "NAME cpu_ns wall_ns" in the file that WORKLOAD_TIMES names; those of several processes add up. What is to be compared is this with
 * what hasten says of the same run, so nothing here depends on how long anything takes.
 */
#ifndef CPUTIME_H
#define CPUTIME_H

#include "workload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#define BURN_NS  8000000ull
#define SLEEP_NS 6000000

enum {
	BURN,
	DOZE,
	AWAIT_LOCK,
	AWAIT_PIPE,
	CONTEND,
	DENSE,
	PING,
	MIXED,
	FINISH,
	FOREIGN,
	RESTORED,
	UNCLEARED,
	STORMED,
	HANDLED,
	FORKED,
	MIGRATING,
	VFORKED,
	OWN_AREA,
	NAMES
};

static const char *const names[NAMES] = { "burn", "doze", "await_lock", "await_pipe", "contend",
	"dense", "ping", "mixed", "finish", "foreign", "restored", "uncleared", "stormed",
	"handled", "forked", "migrating", "vforked", "own_area" };

static atomic_ullong cpu_sum[NAMES];
static atomic_ullong wall_sum[NAMES];

struct measure {
	unsigned long long cpu, wall;
};

NOHOOK UNUSED static unsigned long long now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (unsigned long long)now.tv_sec * 1000000000ull + (unsigned long long)now.tv_nsec;
}

NOHOOK UNUSED static struct measure begin(void)
{
	return (struct measure){ now_of(CLOCK_THREAD_CPUTIME_ID), now_of(CLOCK_MONOTONIC) };
}

NOHOOK UNUSED static void end(int name, struct measure from)
{
	atomic_fetch_add(&wall_sum[name], now_of(CLOCK_MONOTONIC) - from.wall);
	atomic_fetch_add(&cpu_sum[name], now_of(CLOCK_THREAD_CPUTIME_ID) - from.cpu);
}

NOHOOK UNUSED static void nap(long ns)
{
	struct timespec time = { 0, ns };

	nanosleep(&time, NULL);
}

NOINLINE UNUSED static void leaf(void)
{
	sink++;
}

/* Until the thread has used so much more; `leaf` is called now and then. */
NOHOOK UNUSED static void spin(unsigned long long ns)
{
	unsigned long long until = now_of(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now_of(CLOCK_THREAD_CPUTIME_ID) < until) {
		for (int i = 0; i < 300000; i++) {
			sink++;
		}
		leaf();
	}
}

/* The same without a hook. */
NOHOOK UNUSED static void spin_quietly(unsigned long long ns)
{
	unsigned long long until = now_of(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now_of(CLOCK_THREAD_CPUTIME_ID) < until) {
		sink++;
	}
}

NOHOOK UNUSED static void tell(void)
{
	const char *path = getenv("WORKLOAD_TIMES");
	FILE *out = path == NULL ? NULL : fopen(path, "a");

	for (int i = 0; out != NULL && i < NAMES; i++) {
		if (wall_sum[i] == 0) {
			continue;
		}
		fprintf(out, "%s %llu %llu\n", names[i], cpu_sum[i], wall_sum[i]);
	}
	if (out != NULL) {
		fclose(out);
	}
}

#endif
