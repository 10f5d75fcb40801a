/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a decoder, shared by decode.c (chunks), records.c (what stands in them) and
 * memory_records.c (the records about memory among these).
 */
#ifndef HST_READER_DECODE_STATE_H
#define HST_READER_DECODE_STATE_H

#include "reader/decode.h"
#include "reader/fibers.h"
#include "util/vec.h"

#include <string.h>

/* Listed frames and every site, the shortest record that defines an id, that fits. */
#define HST_DECODE_IDS_MAX (HST_CHUNK_FRAMES_MAX + HST_CHUNK_BYTES_MAX / 12u)

/* In hst_decoder.site_of: the id is a place that asks for memory. Tables of sites are smaller. */
#define HST_DECODE_ASKS 0x80000000u

static_assert(HST_DECODE_IDS_MAX < UINT16_MAX, "ids have 16 bits");
static_assert(HST_KEYS_MAX < UINT16_MAX, "ids have 16 bits");

/* What an id of a key stands for in the present chunk. */
struct hst_decode_key {
	uint64_t key;
	uint64_t result; /* the latest one */
	bool has_result;
};

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
	uint64_t latest;                     /* address of the latest block */
	HST_VEC(struct hst_memory) memory;   /* of the present batch's events */
	HST_VEC(struct hst_decode_key) keys; /* of the chunk; id - 1 */
	HST_VEC(uint64_t) hashes;            /* of the present batch's events */
	HST_VEC(struct hst_value) values;    /* the same */
	const uint8_t *key_end;    /* behind the latest KEY_NEW: its values may stand there */
	const uint8_t *result_end; /* behind the latest RESULT_NEW: the same */
	uint32_t site_of[HST_DECODE_IDS_MAX + 1];
	uint16_t predictor[HST_PREDICTOR_SLOTS];
};

/* What the slow path did with a record. */
enum hst_step {
	HST_STEP_EVENT,   /* *event is filled */
	HST_STEP_NONE,    /* no event of its own */
	HST_STEP_END,     /* no more records */
	HST_STEP_DAMAGED, /* the chunk is given up */
	HST_STEP_MEMORY   /* out of memory */
};

/* A record of op SITE to MEMORY whose payload of the known length is all there. *event is zero. */
enum hst_step hst_decode_memory(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event);

/* A record of op KEY_NEW to KEY_SHORT, with so many words: the same. */
enum hst_step hst_decode_arguments(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, uint32_t words, struct hst_event *event);

/* Common records of allocations and frees, up to `room` events or the first other record. Returns how many. */
size_t hst_decode_blocks(struct hst_decoder *decoder, struct hst_event *events, size_t room);

/* By the time of a record: 16 bits, which cannot carry a whole chunk beyond 64 bits of ticks. */
static inline void hst_decode_advance(struct hst_decoder *decoder, uint32_t units)
{
	decoder->ticks += (uint64_t)units << decoder->shift;
}

/* Units to ticks, as many as an event can say. */
static inline uint32_t hst_decode_ticks(const struct hst_decoder *decoder, uint32_t units)
{
	uint64_t ticks = (uint64_t)units << decoder->shift;

	return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

static inline uint32_t hst_load16(const uint8_t *at)
{
	uint16_t word;

	memcpy(&word, at, sizeof word);
	return word;
}

static inline uint32_t hst_load32(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof word);
	return word;
}

static inline uint64_t hst_load64(const uint8_t *at)
{
	return hst_load32(at) | (uint64_t)hst_load32(at + 4) << 32;
}

static inline uint64_t hst_load48(const uint8_t *at)
{
	return hst_load32(at) | (uint64_t)hst_load16(at + 4) << 32;
}

#endif
