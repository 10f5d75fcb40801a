/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a chunk: the side that is not taken often. */
#include "buffer/keys.h"

#include "core/sys.h"

#include "core/poison.h"

bool hst_keys_make(struct hst_stream *stream)
{
	if (stream->keys == NULL) {
		stream->keys = hst_sys_mmap(NULL, HST_KEY_SLOTS * sizeof *stream->keys,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	return stream->keys != NULL;
}

void hst_values_scalar(struct hst_values *values, uint64_t value)
{
	uint16_t *at = hst_values_room(values, HST_VALUE_SCALAR, HST_VALUES_SCALAR);

	if (at != NULL) {
		hst_words(at, value, 4);
	}
}

void hst_values_content(
	struct hst_values *values, uint64_t length, const uint8_t *bytes, uint32_t stored)
{
	uint32_t words = (stored + 1) / 2;
	uint16_t *at = hst_values_room(values, HST_VALUE_CONTENT, HST_VALUES_CONTENT + words);

	if (at == NULL) {
		return;
	}
	hst_words(at, length, 4);
	at[4] = (uint16_t)stored;
	if (words != 0) {
		at[4 + words] = 0;
	}
	for (uint32_t i = 0; i < stored; i++) {
		((uint8_t *)(at + 5))[i] = bytes[i];
	}
}

void hst_values_end(struct hst_stream *stream, const struct hst_values *values)
{
	uint16_t *cur = stream->window->cur;

	values->words[values->used] = 0; /* the end mark */
	values->words[-1] = (uint16_t)values->used;
	hst_barrier();
	cur[0] = hst_extended(HST_OP_KEY_VALUES, values->count);
	hst_barrier();
	stream->window->cur = cur + 2 + values->used;
}

HST_NOINLINE void hst_key_define(
	struct hst_stream *stream, struct hst_open *entry, struct hst_key *set, uint64_t key)
{
	struct hst_key *slot = &set[0];
	uint16_t words[4];

	if (set[0].chunk == stream->key_chunk &&
		(set[1].chunk != stream->key_chunk || set[1].id < set[0].id)) {
		slot = &set[1];
	}
	hst_words(words, key, 4);
	hst_put_extended(stream->window, HST_OP_KEY_NEW, 0, words, 4);
	stream->key_count++;
	*slot = (struct hst_key){ .key = key,
		.fn = entry->fn,
		.chunk = stream->key_chunk,
		.id = (uint16_t)stream->key_count };
	entry->key = hst_key_place(stream, slot);
	entry->keyed = stream->key_chunk;
}
