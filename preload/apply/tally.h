/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who called whom how often in the present chunk, from the records themselves: the hot path counts nothing. Only
 * read when the thread's hooks cost more than they may.
 */
#ifndef HST_APPLY_TALLY_H
#define HST_APPLY_TALLY_H

#include "core/stream.h"

#include <stdint.h>

#define HST_TALLY_DEPTH     1024u /* frames that are followed; deeper ones are taken for unknown */
#define HST_TALLY_FUNCTIONS 512u

struct hst_tally_frame {
	uint16_t id;
	uint16_t last;
};

struct hst_tally_function {
	uint64_t fn;
	uint64_t calls;
	uint64_t self; /* units of time between its records */
};

/* Scratch memory of one stream, and the answer. */
struct hst_tally {
	uint64_t calls; /* all enters */
	uint32_t count; /* of functions */
	uint32_t ids;
	uint32_t depth;
	uint64_t unknown_self;
	uint16_t predictor[HST_PREDICTOR_SLOTS];
	struct hst_tally_frame frames[HST_TALLY_DEPTH];
	uint32_t calls_of[HST_IDS_MAX];
	uint64_t self_of[HST_IDS_MAX];
	struct hst_tally_function functions[HST_TALLY_FUNCTIONS];
};

/* Reads the events of the stream's open chunk. */
void hst_tally_chunk(struct hst_tally *tally, const struct hst_stream *stream);

#define HST_TALLY_CHOSEN 64u

/*
 * Takes the functions whose hooks cost most beside their own time, until what is left costs two thirds of `allowed` ticks.
 * `pair_256`: ticks of 256 calls' hooks. Takes their calls out of the tally. Returns how many, HST_TALLY_CHOSEN at most.
 */
uint32_t hst_tally_choose(
	struct hst_tally *tally, uint64_t pair_256, uint64_t allowed, uint64_t *ret_functions);

#endif
