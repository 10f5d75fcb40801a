/* SPDX-License-Identifier: Apache-2.0 */
/* The sizes of the process, now and then, by the thread that finds it due. */
#ifndef HST_HOOKS_SAMPLE_H
#define HST_HOOKS_SAMPLE_H

#include "core/stream.h"

#include <stdint.h>

/* Writes a MEMORY record, if the latest one of the process is 10 ms old. With the stream's guard set. */
void hst_sample_take(struct hst_stream *stream, uint64_t now);

/* In a forked child: the first one is due. */
void hst_sample_reset(void);

#endif
