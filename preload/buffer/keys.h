/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of calls and hashes of results, to bytes: as buffer/encode.h, with its rules.
 *
 * Which keys the chunk has, is kept in sets of two: where both are taken, the older one is forgotten, and defined anew when it
 * comes again. So there is no end to the keys of a chunk, and what comes often is known. A key is one of a function, for its
 * result to stand beside it.
 */
#ifndef HST_BUFFER_KEYS_H
#define HST_BUFFER_KEYS_H

#include "buffer/encode.h"
#include "core/attr.h"
#include "core/stream.h"
#include "hasten/trace.h"

#include <stdbool.h>
#include <string.h>

#define HST_KEY_SETS  1024u /* a multiple of a power of two: of the top bits of a hash */
#define HST_KEY_SHIFT 54u
#define HST_KEY_SLOTS (2 * HST_KEY_SETS)

struct hst_key {
	uint64_t key;
	uint64_t fn;
	uint64_t result; /* the latest one */
	uint32_t chunk;  /* hst_stream.key_chunk: in no other one is it known */
	uint16_t id;
	uint16_t has_result;
};
static_assert(sizeof(struct hst_key) == 32, "two of them to a cache line");
static_assert(HST_KEY_SETS == 1ull << (64 - HST_KEY_SHIFT), "all of the hash");
static_assert(HST_KEYS_MAX <= UINT16_MAX, "ids of keys");

/* A chunk begins: no key is known. */
static inline void hst_keys_begin(struct hst_stream *stream)
{
	stream->key_chunk++;
	if (stream->key_chunk < HST_KEY_CHUNKS) {
		stream->key_chunk = HST_KEY_CHUNKS;
	}
	stream->key_count = 0;
}

/* Memory for the keys of a stream; it stays with it. false: there is none. */
bool hst_keys_make(struct hst_stream *stream);

/* The key is not known: it is defined, in place of the older one of its set. */
void hst_key_define(
	struct hst_stream *stream, struct hst_open *entry, struct hst_key *set, uint64_t key);

/* hst_open.key: place and id, so that a place that was given to another key is found out. */
HST_INLINE uint32_t hst_key_place(const struct hst_stream *stream, const struct hst_key *slot)
{
	return (uint32_t)(slot - stream->keys) << 16 | slot->id;
}

HST_INLINE bool hst_key_is(const struct hst_key *slot, const struct hst_stream *stream,
	const struct hst_open *entry, uint64_t key)
{
	return slot->key == key && slot->fn == entry->fn && slot->chunk == stream->key_chunk;
}

/* The call whose enter is the latest record was called with this key. stream->keys is there. true: the key is new in the chunk. */
HST_INLINE bool hst_put_key(struct hst_stream *stream, struct hst_open *entry, uint64_t key)
{
	struct hst_window *window = stream->window;
	uint64_t hash = (key ^ entry->fn) * 0x9e3779b97f4a7c15ull;
	struct hst_key *set = &stream->keys[2 * (hash >> HST_KEY_SHIFT)];
	struct hst_key *slot = hst_key_is(set, stream, entry, key) ? set : set + 1;
	uint16_t *cur = window->cur;
	uint64_t words;

	if (HST_UNLIKELY(!hst_key_is(slot, stream, entry, key))) {
		hst_key_define(stream, entry, set, key);
		return true;
	}
	entry->key = hst_key_place(stream, slot);
	entry->keyed = stream->key_chunk;
	if (HST_LIKELY(slot->id <= UINT8_MAX)) {
		hst_put_head(window, hst_extended(HST_OP_KEY_SHORT, slot->id));
		return false;
	}
	words = hst_extended(HST_OP_KEY, 0) | (uint64_t)slot->id << 16; /* and the end mark */
	memcpy(cur, &words, sizeof words);
	hst_barrier();
	window->cur = cur + 2;
	return false;
}

/* Was a key of this call written? */
HST_INLINE bool hst_key_was_put(const struct hst_open *entry)
{
	return entry->keyed >= HST_KEY_CHUNKS;
}

static inline void hst_put_result_new(
	struct hst_stream *stream, struct hst_key *slot, uint64_t result, uint32_t flags)
{
	uint16_t words[4];

	hst_words(words, result, 4);
	hst_put_extended(stream->window, HST_OP_RESULT_NEW, flags, words, 4);
	if (slot != NULL) {
		slot->result = result;
		slot->has_result = 1;
	}
}

/* Of the call that exits by the next record; its key was written, in this chunk or an earlier one. true: the result is new. */
HST_INLINE bool hst_put_result(
	struct hst_stream *stream, const struct hst_open *entry, uint64_t result, uint32_t flags)
{
	struct hst_key *slot = &stream->keys[entry->key >> 16 & (HST_KEY_SLOTS - 1)];
	bool known = entry->keyed == stream->key_chunk && slot->chunk == stream->key_chunk &&
		     slot->id == (uint16_t)entry->key;

	if (HST_UNLIKELY(!known || slot->has_result == 0 || slot->result != result)) {
		hst_put_result_new(stream, known ? slot : NULL, result, flags);
		return true;
	}
	hst_put_head(stream->window, hst_extended(HST_OP_RESULT, flags));
	return false;
}

/* Right behind hst_put_result, if the result is new. */
static inline void hst_put_result_value(struct hst_stream *stream, uint64_t value)
{
	uint16_t words[4];

	hst_words(words, value, 4);
	hst_put_extended(stream->window, HST_OP_RESULT_VALUE, 0, words, 4);
}

/*
 * KEY_VALUES, which is written right behind hst_put_key, value by value: the words lie behind the place of the head, which comes
 * last, or never.
 */
struct hst_values {
	uint16_t *words; /* behind the number of words */
	uint32_t used;
	uint32_t left; /* values that are still to come: each has one word at least */
	uint32_t count;
};

static inline struct hst_values hst_values_begin(struct hst_stream *stream, uint32_t count)
{
	return (struct hst_values){
		.words = stream->window->cur + 2, .left = count, .count = count
	};
}

/* Room for a value of so many words? If not, it is left out. */
static inline uint16_t *hst_values_room(
	struct hst_values *values, enum hst_value_form form, uint32_t words)
{
	uint16_t *at = values->words + values->used;

	values->left--;
	if (values->used + words + values->left > HST_VALUES_WORDS_MAX) {
		*at = HST_VALUE_LEFT_OUT;
		values->used++;
		return NULL;
	}
	*at = (uint16_t)form;
	values->used += words;
	return at + 1;
}

void hst_values_scalar(struct hst_values *values, uint64_t value);
/* Its first bytes, at most HST_VALUE_BYTES_MAX. */
void hst_values_content(
	struct hst_values *values, uint64_t length, const uint8_t *bytes, uint32_t stored);
void hst_values_end(struct hst_stream *stream, const struct hst_values *values);

#endif
