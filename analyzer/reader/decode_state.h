/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a decoder, shared by decode.c (chunks) and records.c (what stands in them). */
#ifndef HST_READER_DECODE_STATE_H
#define HST_READER_DECODE_STATE_H

#include "reader/decode.h"
#include "reader/fibers.h"

/* Listed frames and every enter_new that fits. */
#define HST_DECODE_IDS_MAX (HST_CHUNK_FRAMES_MAX + HST_CHUNK_BYTES_MAX / 16u)

static_assert(HST_DECODE_IDS_MAX < UINT16_MAX, "ids have 16 bits");

struct hst_decoder {
	struct hst_sites *sites;
	struct hst_fibers fibers;
	uint32_t shift;
	uint8_t op_words[HST_OPS]; /* of unknown ops: by the file, of known ones: by us */
	/* stream */
	uint64_t seq; /* of the present chunk, 0 before the first */
	bool started;
	bool broken; /* the present chunk was not decoded to its end */
	/* chunk */
	struct hst_chunk chunk;
	const uint8_t *begin; /* of the chunk */
	const uint8_t *at;
	const uint8_t *end; /* of the records */
	bool cut;           /* the chunk lacks its end */
	bool done;
	uint64_t ticks;
	uint32_t ids; /* defined so far */
	uint32_t pending_at;
	uint32_t pending_count;
	struct hst_event pending[HST_CHUNK_FRAMES_MAX + 2];
	uint32_t site_of[HST_DECODE_IDS_MAX + 1];
	uint16_t predictor[HST_PREDICTOR_SLOTS];
};

#endif
