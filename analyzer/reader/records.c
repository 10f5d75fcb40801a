/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records to events: the predictor of docs/trace-format.md, replayed. Assumes a chunk that
 * hst_decoder_begin accepted; guarantees that no byte of it can make this read or write elsewhere,
 * loop, or take memory without bound.
 *
 * The tight loop knows the two predicted kinds and entering by id. Everything else goes through
 * slow_step(), with the loop's variables written back.
 */
#include "reader/decode_state.h"

#include <inttypes.h>
#include <string.h>

#define TICKS_END (1ull << 62)
/* Events between two looks at the room on the stack; a stack owns as many frames at least. */
#define STRETCH 1024u

/* Upper bytes of two extended heads. */
#define HEAD_ENTER_ID   (HST_KIND_EXTENDED << 6 | HST_OP_ENTER_ID)
#define HEAD_ENTER_LONG (HST_KIND_EXTENDED << 6 | HST_OP_ENTER_LONG)

static enum hst_status damaged(struct hst_decoder *decoder, struct hst_diag *diag, const char *what)
{
	decoder->done = true;
	decoder->broken = true;
	return hst_diag_set(diag, HST_E_DAMAGED,
		"chunk %" PRIu64 " of thread %" PRIu32
		" is damaged at its byte %zu (%s): its calls from there on are lost",
		decoder->chunk.seq, decoder->chunk.tid, (size_t)(decoder->at - decoder->begin),
		what);
}

/* False: the clock would reach its end. */
static bool advance_far(struct hst_decoder *decoder, uint64_t units)
{
	if (decoder->ticks >= TICKS_END ||
		units >= (TICKS_END - decoder->ticks) >> decoder->shift) {
		return false;
	}
	decoder->ticks += units << decoder->shift;
	return true;
}

/* `id` if it is that of an instance of a function, else 0. A prediction is nothing else or 0. */
static inline uint32_t function_id(const struct hst_decoder *decoder, uint32_t id)
{
	return id - 1 < decoder->ids && decoder->site_of[id] < HST_DECODE_ASKS ? id : 0;
}

/* An enter by a record that the tight loop did not take. 0: no such id. */
static uint32_t enter(struct hst_decoder *decoder, uint32_t id)
{
	struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);
	struct hst_fiber_frame *caller = &fiber->frames[fiber->count];

	id = function_id(decoder, id);
	if (id == 0) {
		return 0;
	}
	decoder->predictor[hst_predictor_slot(caller->id, caller->last)] = (uint16_t)id;
	caller->last = (uint16_t)id;
	fiber->count++;
	caller[1] = (struct hst_fiber_frame){ .id = (uint16_t)id, .site = decoder->site_of[id] };
	return id;
}

static uint32_t define(struct hst_decoder *decoder, const uint8_t *payload)
{
	if (decoder->ids >= HST_DECODE_IDS_MAX) {
		return 0;
	}
	decoder->ids++;
	decoder->site_of[decoder->ids] = hst_sites_intern(decoder->sites, hst_load48(payload + 2),
		hst_load48(payload + 8), decoder->chunk.generation);
	return decoder->ids;
}

/* Payload of a record: *ret_words; false if it does not fit. */
static bool measure(const struct hst_decoder *decoder, uint32_t op, uint32_t *ret_words)
{
	size_t left = (size_t)(decoder->end - decoder->at) / 2 - 1;
	uint32_t words = decoder->op_words[op];

	if (words == 255) {
		if (left < 1) {
			return false;
		}
		words = 1 + hst_load16(decoder->at + 2);
	}
	*ret_words = words;
	return words <= left;
}

static enum hst_step enter_event(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	uint32_t id;

	if (op == HST_OP_ENTER_NEW) {
		id = define(decoder, payload);
	} else {
		id = hst_load16(op == HST_OP_ENTER_LONG ? payload + 2 : payload);
	}
	id = enter(decoder, id);
	if (id == 0) {
		return HST_STEP_DAMAGED;
	}
	hst_decode_advance(decoder, op == HST_OP_ENTER_ID ? argument : hst_load16(payload));
	event->kind = HST_EVENT_ENTER;
	event->reason = 1;
	event->site = decoder->site_of[id];
	event->ticks = decoder->ticks;
	return HST_STEP_EVENT;
}

/* Records that say their time in their first payload word, and a number in the next two. */
static enum hst_step marked_event(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	static const uint16_t kinds[HST_OPS] = {
		[HST_OP_EXIT_ERROR] = HST_EVENT_EXIT_ERROR,
		[HST_OP_UNWIND] = HST_EVENT_UNWIND,
		[HST_OP_SWITCH] = HST_EVENT_SWITCH,
		[HST_OP_LOST] = HST_EVENT_LOST,
		[HST_OP_PAUSE] = HST_EVENT_PAUSE,
		[HST_OP_LIMIT] = HST_EVENT_LIMIT,
		[HST_OP_OWN] = HST_EVENT_OWN,
		[HST_OP_THREAD_END] = HST_EVENT_THREAD_END,
	};

	hst_decode_advance(decoder, hst_load16(payload));
	event->kind = kinds[op];
	event->ticks = decoder->ticks;
	event->value = decoder->op_words[op] == 3 ? hst_load32(payload + 2) : 0;
	if (op == HST_OP_OWN) {
		event->value = hst_decode_ticks(decoder, event->value);
	}
	if (op == HST_OP_EXIT_ERROR && !hst_fibers_pop(&decoder->fibers, 1)) {
		return HST_STEP_DAMAGED;
	}
	if (op == HST_OP_UNWIND) {
		event->reason = (uint16_t)argument;
		return hst_fibers_pop(&decoder->fibers, event->value) ? HST_STEP_EVENT
								      : HST_STEP_DAMAGED;
	}
	if (op == HST_OP_SWITCH && hst_fibers_switch(&decoder->fibers, event->value) != HST_OK) {
		return HST_STEP_DAMAGED;
	}
	return HST_STEP_EVENT;
}

static enum hst_step off_cpu_event(struct hst_decoder *decoder, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	uint64_t units = hst_load48(payload + 2);
	uint64_t off =
		units < TICKS_END >> decoder->shift ? units << decoder->shift : TICKS_END - 1;
	uint64_t own = (uint64_t)argument << (HST_OWN_SHIFT + decoder->shift);

	hst_decode_advance(decoder, hst_load16(payload));
	event->kind = HST_EVENT_OFF_CPU;
	event->ticks = decoder->ticks;
	event->value = (uint32_t)off;
	event->unknown = (uint32_t)(off >> 32);
	event->reason = (uint16_t)(own < UINT16_MAX ? own : UINT16_MAX);
	return HST_STEP_EVENT;
}

static enum hst_step extended(
	struct hst_decoder *decoder, uint32_t head, struct hst_event *event, const char **ret_wrong)
{
	uint32_t op = head >> 8 & (HST_OPS - 1);
	uint32_t argument = head & 0xff;
	const uint8_t *payload = decoder->at + 2;
	enum hst_step step;
	uint32_t words;

	*ret_wrong = "a record goes beyond the end";
	if (!measure(decoder, op, &words)) {
		return decoder->cut ? HST_STEP_END : HST_STEP_DAMAGED;
	}
	*event = (struct hst_event){ 0 };
	*ret_wrong = "a record makes no sense";
	switch (op) {
	case HST_OP_ENTER_NEW:
	case HST_OP_ENTER_ID:
	case HST_OP_ENTER_LONG:
		step = enter_event(decoder, op, argument, payload, event);
		break;
	case HST_OP_TIME:
		step = advance_far(decoder, (uint64_t)(argument << 16 | hst_load16(payload))
						    << HST_TIME_BITS)
			       ? HST_STEP_NONE
			       : HST_STEP_DAMAGED;
		break;
	case HST_OP_TIME_LONG:
		step = advance_far(decoder, hst_load32(payload) | (uint64_t)hst_load32(payload + 4)
									  << 32)
			       ? HST_STEP_NONE
			       : HST_STEP_DAMAGED;
		break;
	case HST_OP_EXIT_ERROR:
	case HST_OP_UNWIND:
	case HST_OP_SWITCH:
	case HST_OP_LOST:
	case HST_OP_PAUSE:
	case HST_OP_LIMIT:
	case HST_OP_THREAD_END:
	case HST_OP_OWN:
		step = marked_event(decoder, op, argument, payload, event);
		break;
	case HST_OP_OFF_CPU:
		step = off_cpu_event(decoder, argument, payload, event);
		break;
	default:
		step = HST_STEP_NONE;
		if (op >= HST_OP_KEY_NEW && op <= HST_OP_KEY_SHORT) {
			step = hst_decode_arguments(decoder, op, argument, payload, words, event);
		} else if (op >= HST_OP_SITE && op <= HST_OP_FREE_NEAR) {
			step = hst_decode_memory(decoder, op, argument, payload, event);
		}
		break;
	}
	if (step < HST_STEP_END) {
		decoder->at = payload + 2 * (size_t)words;
	}
	return step;
}

static enum hst_step predicted_event(
	struct hst_decoder *decoder, uint32_t head, struct hst_event *event)
{
	const struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);
	const struct hst_fiber_frame *caller = &fiber->frames[fiber->count];
	uint32_t id =
		enter(decoder, decoder->predictor[hst_predictor_slot(caller->id, caller->last)]);

	if (id == 0) {
		return HST_STEP_DAMAGED;
	}
	decoder->ticks += (uint64_t)(head & HST_TIME_MASK) << decoder->shift;
	decoder->at += 2;
	*event = (struct hst_event){
		.ticks = decoder->ticks, .site = decoder->site_of[id], .kind = HST_EVENT_ENTER
	};
	return HST_STEP_EVENT;
}

/* Any record that the tight loop does not take. Its variables must have been written back. */
static enum hst_step slow_step(
	struct hst_decoder *decoder, struct hst_event *event, const char **ret_wrong)
{
	uint32_t head;

	if (decoder->end - decoder->at < 2) {
		return HST_STEP_END;
	}
	head = hst_load16(decoder->at);
	switch (head >> HST_KIND_SHIFT) {
	case HST_KIND_END:
		*ret_wrong = "an end mark before the end";
		return decoder->chunk.used != 0 && !decoder->cut ? HST_STEP_DAMAGED : HST_STEP_END;
	case HST_KIND_EXIT:
		*ret_wrong = "an exit without an open frame";
		if (!hst_fibers_pop(&decoder->fibers, 1)) {
			return HST_STEP_DAMAGED;
		}
		decoder->ticks += (uint64_t)(head & HST_TIME_MASK) << decoder->shift;
		*event = (struct hst_event){ .ticks = decoder->ticks, .kind = HST_EVENT_EXIT };
		decoder->at += 2;
		return HST_STEP_EVENT;
	case HST_KIND_PREDICTED:
		*ret_wrong = "an enter that nothing foretold";
		return predicted_event(decoder, head, event);
	default:
		return extended(decoder, head, event, ret_wrong);
	}
}

static inline struct hst_event enter_at(uint64_t ticks, uint32_t site, bool unforetold)
{
	return (struct hst_event){
		.ticks = ticks, .site = site, .kind = HST_EVENT_ENTER, .reason = unforetold
	};
}

/*
 * Predicted enters, plain exits and enters by id, up to `room` events or the first other record.
 * The present stack must have room for as many frames. Records that end close to the end of the
 * chunk are left to the slow path, so that no look ahead is needed here.
 */
static size_t fast_stretch(struct hst_decoder *decoder, struct hst_event *events, size_t room)
{
	struct hst_fiber *fiber = hst_fibers_present(&decoder->fibers);
	struct hst_fiber_frame *const bottom = fiber->frames;
	struct hst_fiber_frame *top = bottom + fiber->count;
	uint16_t *const predictor = decoder->predictor;
	const uint32_t *const site_of = decoder->site_of;
	const uint32_t shift = decoder->shift;
	const uint8_t *at = decoder->at;
	const uint8_t *const stop = decoder->end - at < 6 ? at : decoder->end - 5;
	uint64_t ticks = decoder->ticks;
	struct hst_event *event = events;
	const struct hst_event *const full = events + room;

	while (at < stop && event != full) {
		uint32_t head = hst_load16(at);
		uint32_t units = head & HST_TIME_MASK;
		uint32_t bytes = 2;
		uint32_t slot;
		uint32_t id;

		if (head >> HST_KIND_SHIFT == HST_KIND_EXIT) {
			if (top == bottom) {
				break;
			}
			top--;
			at += 2;
			ticks += (uint64_t)units << shift;
			*event++ = (struct hst_event){ .ticks = ticks, .kind = HST_EVENT_EXIT };
			continue;
		}
		slot = hst_predictor_slot(top->id, top->last);
		if (head >> HST_KIND_SHIFT == HST_KIND_PREDICTED) {
			id = predictor[slot];
		} else if (head >> 8 == HEAD_ENTER_ID) {
			id = function_id(decoder, hst_load16(at + 2));
			units = head & 0xff;
			bytes = 4;
		} else if (head >> 8 == HEAD_ENTER_LONG) {
			units = hst_load16(at + 2);
			id = function_id(decoder, hst_load16(at + 4));
			bytes = 6;
		} else {
			break;
		}
		if (id == 0) {
			break;
		}
		predictor[slot] = (uint16_t)id;
		top->last = (uint16_t)id;
		*++top = (struct hst_fiber_frame){ .id = (uint16_t)id, .site = site_of[id] };
		at += bytes;
		ticks += (uint64_t)units << shift;
		*event++ = enter_at(ticks, site_of[id], bytes != 2);
	}
	decoder->at = at;
	decoder->ticks = ticks;
	fiber->count = (uint32_t)(top - bottom);
	return (size_t)(event - events);
}

enum hst_status hst_decode_batch(struct hst_decoder *decoder, struct hst_event *events,
	size_t capacity, size_t *ret_count, struct hst_diag *diag)
{
	const char *wrong = "";
	size_t count = 0;
	size_t blocks;

	decoder->memory.count = 0;
	decoder->hashes.count = 0;
	decoder->values.count = 0;
	while (count < capacity && decoder->pending_at < decoder->pending_count) {
		events[count++] = decoder->pending[decoder->pending_at++];
	}
	while (count < capacity && !decoder->done) {
		size_t room = capacity - count < STRETCH ? capacity - count : STRETCH;

		if (hst_fibers_reserve(&decoder->fibers, room + 1) != HST_OK) {
			*ret_count = count;
			return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
		}
		count += fast_stretch(decoder, events + count, room);
		blocks = hst_decode_blocks(decoder, events + count, capacity - count);
		count += blocks;
		if (blocks != 0) {
			continue;
		}
		/* The slow path may push one more: room + 1 above. */
		if (count == capacity) {
			break;
		}
		switch (slow_step(decoder, &events[count], &wrong)) {
		case HST_STEP_EVENT:
			count++;
			break;
		case HST_STEP_NONE:
			break;
		case HST_STEP_END:
			decoder->done = true;
			break;
		case HST_STEP_DAMAGED:
			*ret_count = count;
			return damaged(decoder, diag, wrong);
		case HST_STEP_MEMORY:
			*ret_count = count;
			return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
		}
	}
	*ret_count = count;
	return HST_OK;
}
