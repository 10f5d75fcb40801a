/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chrome's trace events ("X": complete calls), for Perfetto and chrome://tracing. Written while the
 * recording is read, nothing is held; calls shorter than `least_ns` are left out, which keeps the nesting.
 */
#ifndef HST_WRITERS_CHROME_H
#define HST_WRITERS_CHROME_H

#include "passes/timeline.h"
#include "util/vec.h"

#include <stdio.h>

struct hst_chrome_track {
	uint32_t pid, tid, stream, fiber;
	uint32_t number; /* the tid that the viewer sees */
};

struct hst_chrome {
	FILE *out;
	uint64_t least_ns;
	uint64_t written; /* calls */
	uint64_t left_out;
	bool failed; /* out of memory */
	HST_VEC(struct hst_chrome_track) tracks;
	uint32_t fibers; /* tracks beside their thread's own: calls nest within a track only */
};

/* Writes the head; sets the callbacks that write the calls. */
void hst_chrome_begin(
	struct hst_chrome *chrome, FILE *out, uint64_t least_ns, struct hst_timeline *ret_timeline);
/* Writes the names of processes and threads and the end; frees what is held. */
void hst_chrome_finish(struct hst_chrome *chrome, const char *name);

#endif
