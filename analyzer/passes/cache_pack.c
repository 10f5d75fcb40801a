/* SPDX-License-Identifier: Apache-2.0 */
/* Records of calls: see cache_pack.h. */
#include "passes/cache_pack.h"

#include <stdlib.h>
#include <string.h>

/* A record, and what is written or read beyond the end of its last number. */
#define RECORD_MAX  64u
#define BLOCK_FIRST 512u
#define BLOCK_LAST  (256u << 10)
#define SLOTS_FIRST 64u
#define SLOTS_LAST  4096u

/* The head: four widths of two bits, then bits. */
enum {
	HEAD_KEY = 0,
	HEAD_GAP = 2,
	HEAD_DURATION = 4,
	HEAD_LESS = 6,
	HEAD_RESULT = 1 << 8,  /* it has one */
	HEAD_OTHER = 1 << 9,   /* another than the table has */
	HEAD_THREAD = 1 << 10, /* another one than before */
	HEAD_DEPTH = 1 << 11,  /* not 0 */
};

/* Bytes of a number by its width; 8 is a key that the table lacks, too. */
static const uint8_t widths[] = { 1, 2, 3, 8 };
static const uint64_t masks[] = { 0xff, 0xffff, 0xffffff, UINT64_MAX };

struct hst_cache_pack_block {
	struct hst_cache_pack_block *next;
	size_t used, capacity;
	uint8_t bytes[];
};

static inline uint8_t *put_word(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}

static inline const uint8_t *take_word(const uint8_t *at, uint64_t *ret_value)
{
	memcpy(ret_value, at, sizeof *ret_value);
	return at + sizeof *ret_value;
}

/* Without branches, which would be foretold badly: eight bytes, of which as many stay as its width says. */
static inline uint8_t *put(uint8_t *at, uint32_t *head, uint32_t place, uint64_t value)
{
	uint32_t width = (uint32_t)((value > masks[0]) + (value > masks[1]) + (value > masks[2]));

	(void)put_word(at, value);
	*head |= width << place;
	return at + widths[width];
}

static inline const uint8_t *take(
	const uint8_t *at, uint32_t head, uint32_t place, uint64_t *ret_value)
{
	uint32_t width = head >> place & 3;

	(void)take_word(at, ret_value);
	*ret_value &= masks[width];
	return at + widths[width];
}

/* Small for small distances in both directions. */
static uint64_t fold(uint64_t value)
{
	return value << 1 ^ (uint64_t)((int64_t)value >> 63);
}

static uint64_t unfold(uint64_t value)
{
	return value >> 1 ^ (0 - (value & 1));
}

/* The table grows with the keys that it lacked; it forgets them then. */
static bool make_slots(struct hst_cache_pack_state *state)
{
	size_t count = state->slot_count == 0 ? SLOTS_FIRST : state->slot_count * 4;

	if (state->slot_count != 0 &&
		(count > SLOTS_LAST || state->literals < 2 * state->slot_count)) {
		return true;
	}
	free(state->slots);
	state->slots = calloc(count, sizeof *state->slots);
	state->slot_count = state->slots == NULL ? 0 : count;
	return state->slots != NULL;
}

static bool make_room(struct hst_cache_pack *pack)
{
	struct hst_cache_pack_block *block = pack->last;
	size_t capacity = BLOCK_FIRST;

	if (block != NULL && block->capacity - block->used >= RECORD_MAX) {
		return true;
	}
	if (block != NULL) {
		capacity = block->capacity < BLOCK_LAST ? block->capacity * 2 : BLOCK_LAST;
	}
	block = malloc(sizeof *block + capacity);
	if (block == NULL) {
		return false;
	}
	*block = (struct hst_cache_pack_block){ .capacity = capacity };
	if (pack->last == NULL) {
		pack->first = block;
	} else {
		pack->last->next = block;
	}
	pack->last = block;
	return true;
}

/* Key and, in the head, what is to be said of it and of the result. */
static inline uint8_t *put_key(
	struct hst_cache_pack *pack, const struct hst_cache_call *call, uint32_t *head, uint8_t *at)
{
	struct hst_cache_pack_state *state = &pack->state;
	struct hst_cache_pack_slot *slot;
	size_t number;

	*head |= call->has_result != 0 ? HEAD_RESULT : 0;
	if (pack->numbered) {
		*head |= call->has_result != 0 ? HEAD_OTHER : 0;
		return put(at, head, HEAD_KEY, call->key);
	}
	number = hst_map_hash(call->key) & (state->slot_count - 1);
	slot = &state->slots[number];
	if (slot->key == call->key) {
		at = put(at, head, HEAD_KEY, number);
	} else {
		*head |= 3u << HEAD_KEY;
		*slot = (struct hst_cache_pack_slot){ .key = call->key };
		at = put_word(at, call->key);
		state->literals++;
	}
	if (call->has_result != 0 && slot->result != call->result) {
		*head |= HEAD_OTHER;
		slot->result = call->result;
	}
	return at;
}

enum hst_status hst_cache_pack_add(struct hst_cache_pack *pack, const struct hst_cache_call *call)
{
	struct hst_cache_pack_state *state = &pack->state;
	uint64_t duration = call->end_ns - call->start_ns;
	uint32_t head = 0;
	uint16_t short_head;
	uint8_t *begin;
	uint8_t *at;

	if (!make_room(pack) || (!pack->numbered && !make_slots(state))) {
		return HST_E_MEMORY;
	}
	begin = &pack->last->bytes[pack->last->used];
	at = put_key(pack, call, &head, begin + sizeof short_head);
	at = put(at, &head, HEAD_GAP, fold(call->start_ns - state->end_ns));
	at = put(at, &head, HEAD_DURATION, duration);
	at = put(at, &head, HEAD_LESS, fold(duration - call->cost_ns));
	if (call->thread != state->thread) {
		head |= HEAD_THREAD;
		memcpy(at, &call->thread, sizeof call->thread);
		at += sizeof call->thread;
	}
	if (call->depth != 0) {
		head |= HEAD_DEPTH;
		memcpy(at, &call->depth, sizeof call->depth);
		at += sizeof call->depth;
	}
	if ((head & HEAD_OTHER) != 0) {
		at = put_word(at, call->result);
	}
	short_head = (uint16_t)head;
	memcpy(begin, &short_head, sizeof short_head);
	state->thread = call->thread;
	state->end_ns = call->end_ns;
	pack->last->used = (size_t)(at - pack->last->bytes);
	pack->count++;
	return HST_OK;
}

static void free_blocks(struct hst_cache_pack *pack)
{
	while (pack->first != NULL) {
		struct hst_cache_pack_block *next = pack->first->next;

		free(pack->first);
		pack->first = next;
	}
	pack->last = NULL;
}

void hst_cache_pack_finish(struct hst_cache_pack *pack)
{
	free_blocks(pack);
	free(pack->state.slots);
	*pack = (struct hst_cache_pack){ .numbered = pack->numbered };
}

void hst_cache_pack_open(
	struct hst_cache_pack_reader *reader, struct hst_cache_pack *pack, bool consume)
{
	*reader = (struct hst_cache_pack_reader){
		.pack = pack, .block = pack->first, .left = pack->count, .consume = consume
	};
	if (consume) {
		/* No more calls come. */
		free(pack->state.slots);
		pack->state = (struct hst_cache_pack_state){ 0 };
	}
}

static inline const uint8_t *take_key(struct hst_cache_pack_reader *reader, uint32_t head,
	struct hst_cache_pack_slot *none, struct hst_cache_pack_slot **ret_slot, const uint8_t *at)
{
	struct hst_cache_pack_state *state = &reader->state;
	uint64_t value;

	at = take(at, head, HEAD_KEY, &value);
	if (reader->pack->numbered) {
		*ret_slot = none;
		none->key = value;
	} else if ((head >> HEAD_KEY & 3) == 3) {
		*ret_slot = &state->slots[hst_map_hash(value) & (state->slot_count - 1)];
		**ret_slot = (struct hst_cache_pack_slot){ .key = value };
		state->literals++;
	} else {
		*ret_slot = &state->slots[value];
	}
	return at;
}

static inline const uint8_t *take_rest(struct hst_cache_pack_state *state, uint32_t head,
	struct hst_cache_call *call, const uint8_t *at)
{
	uint64_t value;

	at = take(at, head, HEAD_GAP, &value);
	call->start_ns = state->end_ns + unfold(value);
	at = take(at, head, HEAD_DURATION, &value);
	call->end_ns = state->end_ns = call->start_ns + value;
	call->cost_ns = value;
	at = take(at, head, HEAD_LESS, &value);
	call->cost_ns -= unfold(value);
	if ((head & HEAD_THREAD) != 0) {
		memcpy(&state->thread, at, sizeof state->thread);
		at += sizeof state->thread;
	}
	call->thread = state->thread;
	if ((head & HEAD_DEPTH) != 0) {
		memcpy(&call->depth, at, sizeof call->depth);
		at += sizeof call->depth;
	}
	return at;
}

/* Is there a record? Goes to the next block if need be. */
static bool is_there(struct hst_cache_pack_reader *reader)
{
	if (reader->left == 0 || reader->out_of_memory) {
		return false;
	}
	if (!reader->pack->numbered && !make_slots(&reader->state)) {
		reader->out_of_memory = true;
		return false;
	}
	if (reader->at == reader->block->used) {
		struct hst_cache_pack_block *next = reader->block->next;

		if (reader->consume) {
			free(reader->block);
			reader->pack->first = next;
		}
		reader->block = next;
		reader->at = 0;
	}
	return true;
}

bool hst_cache_pack_next(struct hst_cache_pack_reader *reader, struct hst_cache_call *ret_call)
{
	struct hst_cache_pack_slot none = { 0 };
	struct hst_cache_pack_slot *slot;
	const uint8_t *at;
	uint16_t head;

	if (!is_there(reader)) {
		return false;
	}
	at = &reader->block->bytes[reader->at];
	memcpy(&head, at, sizeof head);
	at += sizeof head;
	*ret_call = (struct hst_cache_call){ .has_result = (head & HEAD_RESULT) != 0 };
	at = take_key(reader, head, &none, &slot, at);
	ret_call->key = slot->key;
	at = take_rest(&reader->state, head, ret_call, at);
	if ((head & HEAD_OTHER) != 0) {
		at = take_word(at, &slot->result);
	}
	ret_call->result = ret_call->has_result != 0 ? slot->result : 0;
	reader->at = (size_t)(at - reader->block->bytes);
	reader->left--;
	return true;
}

enum hst_status hst_cache_pack_close(struct hst_cache_pack_reader *reader)
{
	free(reader->state.slots);
	reader->state.slots = NULL;
	if (reader->consume) {
		hst_cache_pack_finish(reader->pack);
	}
	return reader->out_of_memory ? HST_E_MEMORY : HST_OK;
}
