/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records about arguments and results. Assumes a record of the length that records.def has; guarantees that an id is used only
 * if it was defined, and that what is kept of a chunk is bounded by its bytes.
 */
#include "reader/decode_state.h"

static enum hst_step tell(struct hst_decoder *decoder, enum hst_event_kind kind, uint64_t hash,
	struct hst_event *event)
{
	event->kind = (uint16_t)kind;
	event->ticks = decoder->ticks;
	event->value = (uint32_t)decoder->hashes.count;
	return hst_vec_push(&decoder->hashes, hash) ? HST_STEP_EVENT : HST_STEP_MEMORY;
}

/* The innermost frame: one of this chunk, since it was just entered. */
static enum hst_step key_event(
	struct hst_decoder *decoder, uint32_t op, const uint8_t *payload, struct hst_event *event)
{
	struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);
	uint32_t id = op == HST_OP_KEY ? hst_load16(payload) : (uint32_t)decoder->keys.count + 1;

	if (fiber->count == 0 || id == 0 || id > HST_KEYS_MAX) {
		return HST_STEP_DAMAGED;
	}
	if (op == HST_OP_KEY_NEW) {
		struct hst_decode_key key = { .key = hst_load64(payload) };

		if (!hst_vec_push(&decoder->keys, key)) {
			return HST_STEP_MEMORY;
		}
	}
	if (id > decoder->keys.count) {
		return HST_STEP_DAMAGED;
	}
	fiber->frames[fiber->count].key = id;
	return tell(decoder, HST_EVENT_KEY, decoder->keys.items[id - 1].key, event);
}

/* The frame may be older than the chunk: it has no key then. */
static enum hst_step result_event(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	const struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);
	uint32_t id = fiber->count == 0 ? 0 : fiber->frames[fiber->count].key;
	struct hst_decode_key *key = id == 0 ? NULL : &decoder->keys.items[id - 1];
	uint64_t result;

	if (fiber->count == 0 && fiber->below == 0 && !fiber->bottomless) {
		return HST_STEP_DAMAGED;
	}
	if (op == HST_OP_RESULT && (key == NULL || !key->has_result)) {
		return HST_STEP_DAMAGED;
	}
	result = op == HST_OP_RESULT ? key->result : hst_load64(payload);
	if (key != NULL) {
		key->result = result;
		key->has_result = true;
	}
	event->reason = (uint16_t)argument;
	return tell(decoder, HST_EVENT_RESULT, result, event);
}

enum hst_step hst_decode_arguments(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	return op == HST_OP_KEY_NEW || op == HST_OP_KEY
		       ? key_event(decoder, op, payload, event)
		       : result_event(decoder, op, argument, payload, event);
}
