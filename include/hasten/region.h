/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions: parts of a function that shall have a row of their own in hasten's report.
 *
 *     #include <hasten/region.h>
 *     hasten_begin("parse");
 *     ...
 *     hasten_end();
 *
 * Header only: nothing to link. Without the preload both calls do nothing (a load and a branch).
 * Regions nest like calls and end at the latest when the function that began them returns.
 * Threads: each has its own regions. Signals: allowed in handlers. errno is kept.
 */
#ifndef HASTEN_REGION_H
#define HASTEN_REGION_H

#ifdef __cplusplus
extern "C" {
#endif

/* Defined by libhasten.so; undefined weak symbols resolve to NULL without it. */
extern void hasten_region_begin(const char *name) __attribute__((weak));
extern void hasten_region_end(void) __attribute__((weak));

/* `name`: NUL-terminated, copied at its first use, at most 255 bytes count. */
static inline __attribute__((always_inline, no_instrument_function, unused)) void hasten_begin(
	const char *name)
{
	if (hasten_region_begin) {
		hasten_region_begin(name);
	}
}

static inline __attribute__((always_inline, no_instrument_function, unused)) void hasten_end(void)
{
	if (hasten_region_end) {
		hasten_region_end();
	}
}

#ifdef __cplusplus
}
#endif

#endif
