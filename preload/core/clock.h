/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticks: the time stamp counter where the kernel itself trusts it, else CLOCK_MONOTONIC.
 * hst_ticks() is for the hot path; the rest for slow paths. Any thread, any signal.
 */
#ifndef HST_CORE_CLOCK_H
#define HST_CORE_CLOCK_H

#include "core/attr.h"
#include "hasten/trace.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

extern HST_HIDDEN bool hst_clock_tsc;

static inline uint64_t hst_clock_mono_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static inline uint64_t hst_ticks(void)
{
	if (__builtin_expect(hst_clock_tsc, 1)) {
		return __builtin_ia32_rdtsc();
	}
	return hst_clock_mono_ns();
}

/*
 * CLOCK_BOOTTIME in the unit of /proc/PID/stat, field 22 (1/100 s on x86). A process that has our pid and a start time
 * above this is another one. 0 unknown.
 */
uint64_t hst_clock_boot_ticks(void);

/* Chooses the clock. Once, at process start. */
void hst_clock_start(void);

/* Ticks and CLOCK_MONOTONIC of one moment: the tightest of three tries. */
struct hst_clock_pair hst_clock_pair_now(void);

#endif
