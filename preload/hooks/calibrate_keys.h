/* SPDX-License-Identifier: Apache-2.0 */
/* What keys and results cost, measured like the hooks themselves (hooks/calibrate.c). */
#ifndef HST_HOOKS_CALIBRATE_KEYS_H
#define HST_HOOKS_CALIBRATE_KEYS_H

#include "core/stream.h"

/* Before any thread records: where the arguments of our own functions lie. */
void hst_calibrate_keys_start(void);

/* Into the header of the file. In the chunk of a measurement, behind what stands in it, which stays. */
void hst_calibrate_keys(struct hst_stream *stream);

#endif
