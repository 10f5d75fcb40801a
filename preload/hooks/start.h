/* SPDX-License-Identifier: Apache-2.0 */
/* Start of the process's recording: a list of steps, each of which may say no. */
#ifndef HST_HOOKS_START_H
#define HST_HOOKS_START_H

#include "core/stream.h"

#include <stdbool.h>

/* In a forked child, with signals held back: a file of its own. false: this process is not recorded, or another thread is at it. */
bool hst_process_forked(void);

/* The destructor for threads. Part of the start. */
void hst_threads_start(void);

/*
 * Measures what an enter and exit pair costs, for the file header. The stream is fit to record, nothing of the program is
 * in it yet; afterwards its events are those of the measurement and have to be dropped.
 */
void hst_calibrate(struct hst_stream *stream);

/* The same, in short, of a stream that has begun a chunk with open frames: they stay as they are. */
void hst_calibrate_again(struct hst_stream *stream);

#endif
