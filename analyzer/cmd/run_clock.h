/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frequency of the time stamp counter, measured over the life of the program, kept per boot under
 * XDG_CACHE_HOME/hasten so that the next run knows it from the start.
 */
#ifndef HST_CMD_RUN_CLOCK_H
#define HST_CMD_RUN_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct hst_run_clock {
	bool tsc;            /* this machine has a counter of constant rate */
	uint64_t cached_hz;  /* from an earlier run since this boot, 0 none */
	uint64_t cached_ns;  /* how long that one measured */
	uint64_t ticks, ns;  /* begin of the measurement */
	const char *boot_id; /* borrowed */
};

/* Begins to measure. `boot_id` "" switches the cache off. */
void hst_run_clock_start(struct hst_run_clock *clock, const char *boot_id);

/*
 * Ends the measurement and returns the frequency in Hz, 0 if there is none. Takes a better one
 * into the cache. Without any earlier measurement it waits until 10 ms have passed.
 */
uint64_t hst_run_clock_stop(const struct hst_run_clock *clock);

#endif
