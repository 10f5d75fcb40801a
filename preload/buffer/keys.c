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
