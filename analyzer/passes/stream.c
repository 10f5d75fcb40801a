/* SPDX-License-Identifier: Apache-2.0 */
/* One stream: its chunks through the decoder into the replay; sums in ticks to nanoseconds. */
#include "passes/pass.h"

#include "passes/cache_gather.h"

#include <string.h>

#define EVENTS 4096u

/* Ledger entries after which a row's figures may be too small. */
static bool ledger_is_clean(const struct hst_ledger *ledger)
{
	return ledger->lost_calls == 0 && ledger->missed_exits == 0 && ledger->unmatched == 0 &&
	       ledger->nested_lost == 0 && ledger->resyncs == 0;
}

static void add_ledger(struct hst_ledger *sum, const struct hst_ledger *ledger)
{
	sum->lost_calls += ledger->lost_calls;
	sum->unwound += ledger->unwound;
	sum->missed_exits += ledger->missed_exits;
	sum->unmatched += ledger->unmatched;
	sum->rescans += ledger->rescans;
	sum->cfa_unknown += ledger->cfa_unknown;
	sum->switches += ledger->switches;
	sum->nested_lost += ledger->nested_lost;
	sum->resyncs += ledger->resyncs;
	sum->overflow_calls += ledger->overflow_calls;
}

size_t hst_pass_thread(struct hst_pass *pass, uint32_t stream, uint32_t tid, uint32_t lane)
{
	uint32_t pid = pass->file.header.pid;
	struct hst_thread_row row = { .pid = pid, .tid = tid, .stream = stream, .lane = lane };

	return hst_vec_push(&pass->threads, row) ? pass->threads.count - 1 : SIZE_MAX;
}

size_t hst_pass_find_thread(const struct hst_pass *pass, uint32_t stream)
{
	size_t lo = pass->file_threads;
	size_t hi = pass->file_threads_end;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (pass->threads.items[middle].stream < stream) {
			lo = middle + 1;
		} else {
			hi = middle;
		}
	}
	return lo < pass->file_threads_end && pass->threads.items[lo].stream == stream ? lo
										       : SIZE_MAX;
}

void hst_pass_ledger(struct hst_pass *pass, const struct hst_ledger *ledger)
{
	add_ledger(&pass->profile->ledger, ledger);
}

uint64_t hst_pass_self(const struct hst_pass *pass, const struct hst_replay *replay)
{
	double cost = (double)replay->calls * (double)pass->shared.inside_256 +
		      (double)replay->children * (double)pass->shared.outside_256 +
		      (double)replay->children_missed * (double)pass->shared.miss_256 +
		      (double)replay->self_extra;
	double ns = ((double)(int64_t)replay->self - cost / 256) * pass->shared.ns_per_tick;

	return ns > 0 && ns < 1e19 ? (uint64_t)(ns + 0.5) : 0;
}

void hst_pass_span(struct hst_pass *pass, uint64_t first, uint64_t last)
{
	uint64_t first_ns = hst_tallies_ns(&pass->shared, first);
	uint64_t last_ns = hst_tallies_ns(&pass->shared, last);

	pass->first_ns = first_ns < pass->first_ns ? first_ns : pass->first_ns;
	pass->last_ns = last_ns > pass->last_ns ? last_ns : pass->last_ns;
	pass->last = last > pass->last ? last : pass->last;
}

/* Decodes the chunk in pass->chunk. Damage ends the chunk, not the stream. */
static enum hst_status replay_chunk(
	struct hst_pass *pass, struct hst_decoder *decoder, struct hst_replay *replay, size_t bytes)
{
	struct hst_chunk header = { 0 };
	enum hst_status status = hst_decoder_begin(decoder, pass->chunk, bytes, NULL);
	uint64_t before = replay->calls;
	size_t count;

	if (status == HST_OK) {
		memcpy(&header, pass->chunk, sizeof header);
		hst_replay_chunk(replay, header.start.ticks, header.clock_mode);
		pass->profile->clock_chunks[header.clock_mode < 3 ? header.clock_mode : 0]++;
	}
	while (status == HST_OK) {
		count = 0;
		status = hst_decode_batch(decoder, pass->events, EVENTS, &count, NULL);
		HST_TRY(hst_pass_sites(pass));
		replay->keys = hst_decoder_keys(decoder, &replay->key_count);
		replay->values = hst_decoder_values(decoder, &replay->value_count);
		hst_replay_events(replay, pass->events, count);
		if (count == 0) {
			break;
		}
	}
	if (pass->shared.watched != NULL && status != HST_E_MEMORY) {
		HST_TRY(hst_pass_throttle_chunk(pass, header.start.ticks, replay->calls - before));
	}
	if (status == HST_E_MEMORY) {
		return status;
	}
	if (status != HST_OK) {
		pass->profile->damaged_chunks++;
		replay->row_flags |= HST_ROW_REPAIRED;
	}
	return HST_OK;
}

static enum hst_status replay_chunks(struct hst_pass *pass, const struct hst_stream_ref *stream,
	struct hst_decoder *decoder, struct hst_replay *replay)
{
	const struct hst_profile_options *options = pass->options;

	for (size_t i = 0; i < stream->chunk_count; i++) {
		const struct hst_chunk_ref *chunk = &stream->chunks[i];
		size_t bytes = 0;
		enum hst_status status = hst_trace_file_read_chunk(
			&pass->file, stream, chunk, pass->chunk, &bytes, NULL);

		if (status == HST_OK) {
			status = replay_chunk(pass, decoder, replay, bytes);
		} else if (status != HST_E_MEMORY) {
			pass->profile->damaged_chunks++;
			replay->row_flags |= HST_ROW_REPAIRED;
			status = HST_OK;
		}
		HST_TRY(status);
		pass->done += chunk->bytes;
		if (options->progress != NULL) {
			options->progress(options->progress_context, pass->done, pass->total);
		}
	}
	return HST_OK;
}

/* Puts the stream's figures into its row; frames that are open wait for the end of the file. */
static enum hst_status end_stream(struct hst_pass *pass, const struct hst_stream_ref *stream,
	struct hst_replay *replay, size_t number)
{
	struct hst_thread_row *thread = &pass->threads.items[number];
	bool open = hst_replay_is_open(replay);

	thread->ledger = stream->ledger;
	thread->calls = replay->calls;
	thread->events = replay->events;
	for (size_t i = 0; i < stream->chunk_count; i++) {
		thread->bytes += stream->chunks[i].bytes;
	}
	if (replay->first != UINT64_MAX) {
		hst_pass_span(pass, replay->first, hst_replay_ticks(replay));
		thread->start_ns = hst_tallies_ns(&pass->shared, replay->first);
	}
	thread->end_ns = hst_tallies_ns(&pass->shared, hst_replay_ticks(replay));
	thread->self_ns = hst_pass_self(pass, replay);
	pass->profile->events += replay->events;
	if ((pass->file.header.flags & HST_FLAG_ARGUMENTS) != 0) {
		pass->profile->argument_calls += replay->calls;
		pass->profile->keyed_calls += replay->keyed;
	}
	if (open) {
		struct hst_pending pending = { .replay = *replay, .thread = number };

		if (!hst_vec_push(&pass->pending, pending)) {
			return HST_E_MEMORY;
		}
		hst_replay_suspend(&pass->pending.items[pass->pending.count - 1].replay);
		*replay = (struct hst_replay){ .tallies = &pass->shared };
	}
	return pass->options->thread_functions ? hst_pass_flush_thread(pass, number) : HST_OK;
}

enum hst_status hst_pass_stream(struct hst_pass *pass, const struct hst_stream_ref *stream)
{
	size_t number = hst_pass_thread(pass, stream->stream, stream->tid, stream->lane);
	struct hst_decoder *decoder = hst_decoder_create(&pass->file.header, &pass->interned);
	struct hst_replay replay;
	enum hst_status status = HST_E_MEMORY;

	hst_replay_init(&replay, &pass->shared);
	hst_pass_throttle_stream(pass);
	replay.pid = pass->file.header.pid;
	replay.tid = stream->tid;
	replay.stream = stream->stream;
	if (pass->options->gather != NULL) {
		replay.gather_thread =
			hst_cache_gather_stream(pass->options->gather, pass->rows->file);
	}
	if (!ledger_is_clean(&stream->ledger) || stream->gaps != 0) {
		replay.row_flags |= HST_ROW_REPAIRED;
	}
	if (stream->lane != HST_LANE_MAIN) {
		replay.row_flags |= HST_ROW_UNCERTAIN;
	}
	if (decoder != NULL && number != SIZE_MAX) {
		hst_pass_ledger(pass, &stream->ledger);
		pass->profile->gaps += stream->gaps;
		status = replay_chunks(pass, stream, decoder, &replay);
	}
	if (status == HST_OK && replay.limited && stream->profile_offset == 0) {
		pass->profile->complete = false;
		hst_profile_note(pass->profile, true,
			"process %u, thread %u: what was counted after the limit is missing",
			replay.pid, replay.tid);
	}
	if (status == HST_OK) {
		status = end_stream(pass, stream, &replay, number);
	}
	hst_replay_finish(&replay);
	hst_decoder_destroy(decoder);
	return status;
}
