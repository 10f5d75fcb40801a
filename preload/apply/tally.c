/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk read again by its writer: calls and time of each function. */
#include "apply/tally.h"

#include "core/attr.h"
#include "sink/file.h"

#include <string.h>

#include "core/poison.h"

static struct hst_tally_frame *frame_at(struct hst_tally *tally, uint32_t depth)
{
	return &tally->frames[depth % HST_TALLY_DEPTH];
}

static void enter(struct hst_tally *tally, uint32_t id, bool predicted)
{
	struct hst_tally_frame *caller = frame_at(tally, tally->depth);
	uint32_t slot = hst_predictor_slot(caller->id, caller->last);

	id = predicted ? tally->predictor[slot] : id;
	id = id < HST_IDS_MAX ? id : 0;
	tally->predictor[slot] = (uint16_t)id;
	caller->last = (uint16_t)id;
	tally->depth++;
	*frame_at(tally, tally->depth) = (struct hst_tally_frame){ .id = (uint16_t)id };
	tally->calls_of[id]++;
	tally->calls++;
}

static void leave(struct hst_tally *tally, uint32_t count)
{
	tally->depth -= count > tally->depth ? tally->depth : count;
}

static void passed(struct hst_tally *tally, uint64_t units)
{
	tally->self_of[frame_at(tally, tally->depth)->id] += units;
}

static void extended(
	struct hst_tally *tally, uint32_t op, uint32_t argument, const uint16_t *payload)
{
	switch (op) {
	case HST_OP_ENTER_NEW:
		passed(tally, payload[0]);
		tally->ids++;
		enter(tally, tally->ids, false);
		break;
	case HST_OP_ENTER_ID:
		passed(tally, argument);
		enter(tally, payload[0], false);
		break;
	case HST_OP_ENTER_LONG:
		passed(tally, payload[0]);
		enter(tally, payload[1], false);
		break;
	case HST_OP_TIME:
		passed(tally, (((uint64_t)argument << 16) | payload[0]) << HST_TIME_BITS);
		break;
	case HST_OP_UNWIND:
		leave(tally, payload[1] | (uint32_t)payload[2] << 16);
		break;
	case HST_OP_EXIT_ERROR:
		passed(tally, payload[0]);
		leave(tally, 1);
		break;
	case HST_OP_SITE:
		tally->ids++;
		break;
	default:
		break;
	}
}

static void replay(struct hst_tally *tally, const uint16_t *at, const uint16_t *end)
{
	while (at < end) {
		uint32_t head = *at++;
		uint32_t kind = head >> HST_KIND_SHIFT;
		uint32_t op = (head >> 8) & (HST_OPS - 1);

		if (kind == HST_KIND_EXTENDED) {
			extended(tally, op, head & 0xffu, at);
			at += hst_record_payload(hst_sink.header->op_words, op, at);
			continue;
		}
		passed(tally, head & HST_TIME_MASK);
		if (kind == HST_KIND_PREDICTED) {
			enter(tally, 0, true);
		} else {
			leave(tally, 1);
		}
	}
}

/* Instances to functions. */
static void sum(struct hst_tally *tally, const struct hst_stream *stream)
{
	uint32_t ids = stream->ids < tally->ids ? stream->ids : tally->ids;

	tally->count = 0;
	for (uint32_t id = 1; id <= ids; id++) {
		uint64_t fn = stream->idents[id].fn;
		uint32_t i = 0;

		if (tally->calls_of[id] == 0) {
			continue;
		}
		while (i < tally->count && tally->functions[i].fn != fn) {
			i++;
		}
		if (i == tally->count) {
			if (i == HST_TALLY_FUNCTIONS) {
				continue; /* not among those that are hot, most likely */
			}
			tally->count++;
			tally->functions[i] = (struct hst_tally_function){ .fn = fn };
		}
		tally->functions[i].calls += tally->calls_of[id];
		tally->functions[i].self += tally->self_of[id];
	}
}

void hst_tally_chunk(struct hst_tally *tally, const struct hst_stream *stream)
{
	const struct hst_chunk *chunk = stream->chunk;
	const struct hst_frame *listed = (const void *)(chunk + 1);

	memset(tally, 0, offsetof(struct hst_tally, functions));
	tally->depth = chunk->depth;
	for (uint32_t i = 0; i < chunk->frames; i++) {
		uint32_t id = 0;

		for (uint32_t k = 1; k <= tally->ids && id == 0; k++) {
			id = stream->idents[k].ret == listed[i].ret ? k : 0;
		}
		id = id != 0 ? id : ++tally->ids;
		frame_at(tally, chunk->depth - chunk->frames + 1 + i)->id = (uint16_t)id;
	}
	replay(tally, (const void *)(listed + chunk->frames), stream->window->cur);
	sum(tally, stream);
}

/* What the hooks of a function cost, weighed by how much that is beside its own time. */
static uint64_t score(const struct hst_tally_function *function, uint64_t pair_256)
{
	uint64_t cost = function->calls * pair_256 / 256;
	uint64_t own = (function->self << HST_TIME_SHIFT) + cost + 1;

	return cost * 1024 / own * cost;
}

uint32_t hst_tally_choose(
	struct hst_tally *tally, uint64_t pair_256, uint64_t allowed, uint64_t *ret_functions)
{
	uint64_t left = tally->calls * pair_256 / 256;
	uint32_t chosen = 0;

	while (left > allowed / 3 * 2 && chosen < HST_TALLY_CHOSEN) {
		struct hst_tally_function *worst = NULL;
		uint64_t cost;

		for (uint32_t i = 0; i < tally->count; i++) {
			struct hst_tally_function *function = &tally->functions[i];

			cost = function->calls * pair_256 / 256;
			if (function->fn < HST_MEMORY_BASE && cost > allowed / 64 &&
				(worst == NULL ||
					score(function, pair_256) > score(worst, pair_256))) {
				worst = function;
			}
		}
		if (worst == NULL) {
			break;
		}
		cost = worst->calls * pair_256 / 256;
		left -= cost < left ? cost : left;
		ret_functions[chosen++] = worst->fn;
		worst->calls = 0;
	}
	return chosen;
}
