/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records about arguments and results. Assumes a record of the length that records.def has; guarantees that an id is used only
 * if it was defined, and that what is kept of a chunk is bounded by its bytes.
 */
#include "hasten/hash.h"
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
static enum hst_step key_event(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);
	uint32_t id = op == HST_OP_KEY_NEW ? (uint32_t)decoder->keys.count + 1
		      : op == HST_OP_KEY   ? hst_load16(payload)
					   : argument;

	if (fiber->count == 0 || id == 0 || id > HST_KEYS_MAX) {
		return HST_STEP_DAMAGED;
	}
	if (op == HST_OP_KEY_NEW) {
		struct hst_decode_key key = { .key = hst_load64(payload) };

		if (!hst_vec_push(&decoder->keys, key)) {
			return HST_STEP_MEMORY;
		}
		decoder->key_end = payload + 8;
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
	decoder->result_end = op == HST_OP_RESULT ? NULL : payload + 8;
	if (key != NULL) {
		key->result = result;
		key->has_result = true;
	}
	event->reason = (uint16_t)argument;
	return tell(decoder, HST_EVENT_RESULT, result, event);
}

/* One value of a record that ends at `end`: returns what is behind it, NULL if it makes no sense. */
static const uint8_t *read_value(const uint8_t *at, const uint8_t *end, struct hst_value *value)
{
	const size_t head = 2 * (size_t)HST_VALUES_CONTENT;

	*value = (struct hst_value){ 0 };
	if (end - at < 2) {
		return NULL;
	}
	value->form = (uint8_t)hst_load16(at);
	switch (hst_load16(at)) {
	case HST_VALUE_LEFT_OUT:
		return at + 2;
	case HST_VALUE_SCALAR:
		if ((size_t)(end - at) < 2 * (size_t)HST_VALUES_SCALAR) {
			return NULL;
		}
		value->value = hst_load64(at + 2);
		return at + 2 * (size_t)HST_VALUES_SCALAR;
	case HST_VALUE_CONTENT: {
		size_t room = (size_t)(end - at);
		uint32_t stored = room < head ? UINT32_MAX : hst_load16(at + 10);

		if (stored > HST_VALUE_BYTES_MAX || room - head < (stored + 1u) / 2 * 2) {
			return NULL;
		}
		value->value = hst_load64(at + 2);
		value->stored = (uint8_t)stored;
		memcpy(value->bytes, at + head, stored);
		return stored > (value->value == HST_HASH_NULL ? 0 : value->value)
			       ? NULL
			       : at + head + (stored + 1u) / 2 * 2;
	}
	default:
		return NULL;
	}
}

static enum hst_step values_event(struct hst_decoder *decoder, uint32_t count,
	const uint8_t *payload, uint32_t words, struct hst_event *event)
{
	const uint8_t *end = payload + 2 * (size_t)words;
	const uint8_t *at = payload + 2;
	size_t first = decoder->values.count;

	if (decoder->at != decoder->key_end) {
		return HST_STEP_DAMAGED;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct hst_value value;

		at = read_value(at, end, &value);
		if (at == NULL) {
			return HST_STEP_DAMAGED;
		}
		if (!hst_vec_push(&decoder->values, value)) {
			return HST_STEP_MEMORY;
		}
	}
	event->kind = HST_EVENT_VALUES;
	event->ticks = decoder->ticks;
	event->value = (uint32_t)first;
	event->reason = (uint16_t)count;
	return at == end ? HST_STEP_EVENT : HST_STEP_DAMAGED;
}

static enum hst_step result_value_event(
	struct hst_decoder *decoder, const uint8_t *payload, struct hst_event *event)
{
	return decoder->at == decoder->result_end
		       ? tell(decoder, HST_EVENT_RESULT_VALUE, hst_load64(payload), event)
		       : HST_STEP_DAMAGED;
}

enum hst_step hst_decode_arguments(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, uint32_t words, struct hst_event *event)
{
	switch (op) {
	case HST_OP_KEY_NEW:
	case HST_OP_KEY:
	case HST_OP_KEY_SHORT:
		return key_event(decoder, op, argument, payload, event);
	case HST_OP_KEY_VALUES:
		return values_event(decoder, argument, payload, words, event);
	case HST_OP_RESULT_VALUE:
		return result_value_event(decoder, payload, event);
	default:
		return result_event(decoder, op, argument, payload, event);
	}
}
