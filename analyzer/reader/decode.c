/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks to events: begins a chunk, joins it to what came before in its stream. Assumes that the
 * chunk's bytes stay in memory until it is done; trusts none of them. What stands in the chunk is
 * read by records.c and memory_records.c.
 */
#include "reader/decode_state.h"

#include "reader/index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct hst_decoder *hst_decoder_create(
	const struct hst_file_header *header, struct hst_sites *sites)
{
	struct hst_decoder *decoder = calloc(1, sizeof *decoder);

	if (decoder == NULL) {
		return NULL;
	}
	decoder->sites = sites;
	decoder->shift = header->time_shift;
	decoder->done = true;
	memcpy(decoder->op_words, header->op_words, sizeof decoder->op_words);
#define HST_RECORD(NAME, name, number, words, text) decoder->op_words[number] = (words);
#include "hasten/records.def"
#undef HST_RECORD
	if (hst_fibers_init(&decoder->fibers) != HST_OK) {
		hst_decoder_destroy(decoder);
		return NULL;
	}
	return decoder;
}

void hst_decoder_destroy(struct hst_decoder *decoder)
{
	if (decoder == NULL) {
		return;
	}
	hst_fibers_finish(&decoder->fibers);
	hst_vec_finish(&decoder->memory);
	hst_vec_finish(&decoder->keys);
	hst_vec_finish(&decoder->hashes);
	hst_vec_finish(&decoder->values);
	free(decoder);
}

static void queue(struct hst_decoder *decoder, enum hst_event_kind kind, uint32_t value,
	uint32_t site, enum hst_resync reason)
{
	decoder->pending[decoder->pending_count++] = (struct hst_event){ .ticks = decoder->ticks,
		.kind = (uint16_t)kind,
		.value = value,
		.site = site,
		.reason = (uint16_t)reason };
}

/* Where the records end: `used`, the trailer, the block, or the file. */
static const uint8_t *records_end(const struct hst_chunk *chunk, const uint8_t *begin, size_t bytes,
	const uint8_t *records, bool *ret_sealed)
{
	const uint8_t *end = begin + bytes;
	uint64_t trailer;

	*ret_sealed = false;
	if (bytes == chunk->block.bytes && (size_t)(end - records) >= sizeof trailer) {
		memcpy(&trailer, end - sizeof trailer, sizeof trailer);
		if (trailer == (HST_CHUNK_TRAILER ^ chunk->seq)) {
			*ret_sealed = true;
			end -= sizeof trailer;
		}
	}
	if (chunk->used != 0 && chunk->used < (size_t)(end - records)) {
		end = records + chunk->used;
	}
	return end;
}

/*
 * A chunk of which only the beginning was written: behind that, zeros. They are no end mark, and a
 * record that reaches into them may have lost its payload.
 */
static const uint8_t *written_end(const uint8_t *records, const uint8_t *end)
{
	while (end > records && end[-1] == 0) {
		end--;
	}
	return end + ((end - records) & 1);
}

/*
 * Do the frames that the chunk lists agree with those we have? Only the frames of the chunk before
 * it can be compared: of those below them there is but a count.
 */
static bool frames_agree(struct hst_decoder *decoder, const struct hst_frame *frames)
{
	const struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);
	uint32_t listed = decoder->chunk.frames;
	uint32_t i;

	for (i = 0; i < listed && i < fiber->count; i++) {
		uint32_t site = fiber->frames[fiber->count - i].site;
		const struct hst_site *known = &decoder->sites->items[site];

		if (site != 0 && (known->ret != frames[listed - 1 - i].ret ||
					 known->fn != frames[listed - 1 - i].fn)) {
			return false;
		}
	}
	return true;
}

/* Gives the listed frames their ids and makes them the present stack. */
static enum hst_status set_frames(struct hst_decoder *decoder, const struct hst_frame *frames)
{
	struct hst_fiber *fiber;
	uint32_t i;

	HST_TRY(hst_fibers_reserve(&decoder->fibers, decoder->chunk.frames));
	fiber = hst_fibers_present(&decoder->fibers);
	fiber->bottomless = false;
	fiber->below = decoder->chunk.depth - decoder->chunk.frames;
	fiber->nameless = fiber->nameless < fiber->below ? fiber->nameless : fiber->below;
	fiber->count = decoder->chunk.frames;
	fiber->frames[0] = (struct hst_fiber_frame){ 0 };
	for (i = 0; i < decoder->chunk.frames; i++) {
		uint32_t j = 0;

		while (j < i && frames[j].ret != frames[i].ret) {
			j++;
		}
		if (j < i) {
			fiber->frames[i + 1] =
				(struct hst_fiber_frame){ .id = fiber->frames[j + 1].id,
					.site = fiber->frames[j + 1].site };
			continue;
		}
		decoder->ids++;
		decoder->site_of[decoder->ids] = hst_sites_intern(
			decoder->sites, frames[i].ret, frames[i].fn, decoder->chunk.generation);
		fiber->frames[i + 1] = (struct hst_fiber_frame){ .id = (uint16_t)decoder->ids,
			.site = decoder->site_of[decoder->ids] };
	}
	return HST_OK;
}

/* Tells the listed frames below `end`, a depth. */
static void queue_frames(struct hst_decoder *decoder, uint64_t end, enum hst_resync reason)
{
	const struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);
	uint32_t i;

	for (i = 0; i < fiber->count && fiber->below + i < end; i++) {
		queue(decoder, HST_EVENT_FRAME, (uint32_t)fiber->below + i,
			fiber->frames[i + 1].site, reason);
	}
}

/* The chunk's stack replaces the one we had; `keep`: but for the frames that it does not list. */
static void resync(struct hst_decoder *decoder, bool keep, enum hst_resync reason)
{
	struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);

	fiber->nameless = keep ? fiber->nameless : fiber->below;
	queue(decoder, HST_EVENT_RESYNC, decoder->chunk.depth, 0, reason);
	decoder->pending[decoder->pending_count - 1].unknown = keep ? 0 : (uint32_t)fiber->below;
	queue_frames(decoder, UINT64_MAX, reason);
}

/*
 * Joins the chunk to what came before it: events only where they disagree, or where the chunk knows
 * more. `next`: nothing is missing between the two.
 */
static enum hst_status join(struct hst_decoder *decoder, const struct hst_frame *frames, bool next)
{
	bool begins = next && !decoder->started;
	uint32_t unlisted = decoder->chunk.depth - decoder->chunk.frames;
	const struct hst_fiber *fiber;
	uint64_t nameless;
	bool agree;
	bool keep;

	if (!next) {
		hst_fibers_doubt(&decoder->fibers);
	}
	if (hst_fibers_present(&decoder->fibers)->number != decoder->chunk.fiber) {
		queue(decoder, HST_EVENT_SWITCH, decoder->chunk.fiber, 0, HST_RESYNC_BEGIN);
		HST_TRY(hst_fibers_switch(&decoder->fibers, decoder->chunk.fiber));
	}
	fiber = hst_fibers_present(&decoder->fibers);
	agree = next && !fiber->bottomless && fiber->below + fiber->count == decoder->chunk.depth &&
		frames_agree(decoder, frames);
	keep = next && !fiber->bottomless && fiber->below + fiber->count >= unlisted;
	nameless = fiber->nameless;
	hst_fibers_next_chunk(&decoder->fibers);
	HST_TRY(set_frames(decoder, frames));
	if (agree) {
		queue_frames(decoder, nameless, HST_RESYNC_STACK);
	} else {
		resync(decoder, keep,
			!next    ? HST_RESYNC_GAP
			: begins ? HST_RESYNC_BEGIN
				 : HST_RESYNC_STACK);
	}
	return HST_OK;
}

/* Checks a chunk's header and its listed frames; NULL if good, else what is wrong. */
static const char *check_chunk(const struct hst_chunk *header, size_t bytes)
{
	const char *wrong;

	if (header->block.magic != HST_BLOCK_MAGIC || header->block.type != HST_BLOCK_CHUNK ||
		header->seq == 0) {
		return "no chunk is there";
	}
	wrong = hst_index_check_chunk(header);
	if (wrong == NULL && bytes < sizeof *header + header->frames * sizeof(struct hst_frame)) {
		wrong = "cut within its open frames";
	}
	return wrong;
}

/* Sets everything that belongs to the chunk but ids and stack; `chunk` was checked. */
static void set_chunk(struct hst_decoder *decoder, size_t bytes)
{
	const struct hst_chunk *header = &decoder->chunk;
	const uint8_t *records =
		decoder->begin + sizeof *header + header->frames * sizeof(struct hst_frame);
	bool sealed;

	bytes = bytes < header->block.bytes ? bytes : header->block.bytes;
	decoder->at = records;
	decoder->end = records_end(header, decoder->begin, bytes, records, &sealed);
	decoder->cut = bytes < header->block.bytes;
	if (!decoder->cut && !sealed && (header->block.flags & HST_BLOCK_TAIL) == 0) {
		decoder->cut = true;
		decoder->end = written_end(records, decoder->end);
	}
	decoder->ticks = header->start.ticks >> decoder->shift << decoder->shift;
	decoder->ids = 0;
	decoder->latest = 0;
	decoder->keys.count = 0;
	decoder->key_end = NULL;
	decoder->result_end = NULL;
	memset(decoder->predictor, 0, sizeof decoder->predictor);
}

enum hst_status hst_decoder_begin(
	struct hst_decoder *decoder, const void *chunk, size_t bytes, struct hst_diag *diag)
{
	struct hst_chunk header;
	struct hst_frame frames[HST_CHUNK_FRAMES_MAX];
	bool was_broken = decoder->broken;
	const char *wrong;

	decoder->done = true;
	decoder->broken = true;
	decoder->begin = chunk;
	decoder->at = chunk;
	decoder->pending_at = 0;
	decoder->pending_count = 0;
	decoder->memory.count = 0;
	decoder->hashes.count = 0;
	decoder->values.count = 0;
	if (bytes < sizeof header) {
		return hst_diag_set(diag, HST_E_DAMAGED, "a chunk is cut within its header");
	}
	memcpy(&header, chunk, sizeof header);
	wrong = check_chunk(&header, bytes);
	if (wrong != NULL) {
		return hst_diag_set(diag, HST_E_DAMAGED,
			"chunk %" PRIu64 " of thread %" PRIu32
			" has a damaged header (%s): its calls are lost",
			header.seq, header.tid, wrong);
	}
	memcpy(frames, (const uint8_t *)chunk + sizeof header, header.frames * sizeof *frames);
	decoder->chunk = header;
	set_chunk(decoder, bytes);
	if (join(decoder, frames, !was_broken && header.seq == decoder->seq + 1) != HST_OK) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	decoder->seq = header.seq;
	decoder->started = true;
	/* What follows a chunk that lacks its end does not join. */
	decoder->broken = decoder->cut;
	decoder->done = false;
	return HST_OK;
}

const struct hst_memory *hst_decoder_memory(const struct hst_decoder *decoder, size_t *ret_count)
{
	if (ret_count != NULL) {
		*ret_count = decoder->memory.count;
	}
	return decoder->memory.items;
}

const uint64_t *hst_decoder_keys(const struct hst_decoder *decoder, size_t *ret_count)
{
	if (ret_count != NULL) {
		*ret_count = decoder->hashes.count;
	}
	return decoder->hashes.items;
}

const struct hst_value *hst_decoder_values(const struct hst_decoder *decoder, size_t *ret_count)
{
	if (ret_count != NULL) {
		*ret_count = decoder->values.count;
	}
	return decoder->values.items;
}

uint64_t hst_decoder_ticks(const struct hst_decoder *decoder)
{
	return decoder->ticks;
}

uint32_t hst_decoder_depth(const struct hst_decoder *decoder)
{
	const struct hst_fiber *fiber = &decoder->fibers.list.items[decoder->fibers.present];
	uint64_t depth = fiber->below + fiber->count;

	return depth > UINT32_MAX ? UINT32_MAX : (uint32_t)depth;
}

size_t hst_decoder_offset(const struct hst_decoder *decoder)
{
	return decoder->begin == NULL ? 0 : (size_t)(decoder->at - decoder->begin);
}
