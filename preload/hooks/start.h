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
 * Measures what an enter and exit pair costs, for the file header: the first stream that records does, and each again from time to
 * time. It is fit to record, and its chunk is new; events of the measurement are dropped, open frames stay as they are.
 */
void hst_calibrate(struct hst_stream *stream);

#endif
