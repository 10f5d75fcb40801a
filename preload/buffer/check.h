/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer checks itself (HASTEN_CHECK=1): before a chunk leaves its tail it is decoded as a reader would, and what
 * the reader would then know is compared with what the writer knows. Predictor, ids, depth, frames and clock are
 * state that both sides must share to the bit; one that differs ruins the rest of a chunk.
 */
#ifndef HST_BUFFER_CHECK_H
#define HST_BUFFER_CHECK_H

#include "core/stream.h"

#include <stdbool.h>

/*
 * Decodes the stream's open chunk up to the window's `cur` and compares. false: they differ; the file header is flagged.
 * True also when there is no memory to check with. With the guard set; takes far longer than the recording.
 */
bool hst_chunk_check(struct hst_stream *stream);

#endif
