/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flight recorder's memory: where its chunks lie and how old they are. Any thread; a thread that
 * meets another one in here gets the answer "none", and the file grows by a chunk instead.
 */
#ifndef HST_SINK_RING_H
#define HST_SINK_RING_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the oldest place out, if it is older than `keep_ns`, or `limit` bytes are in use. */
bool hst_ring_oldest(uint64_t now_ns, uint64_t keep_ns, uint64_t limit, uint64_t *ret_offset);
/* Puts a written place in. */
void hst_ring_add(uint64_t offset, uint64_t now_ns);
/* A forked child begins with an empty one. */
void hst_ring_reset(void);

#endif
