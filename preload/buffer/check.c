/* SPDX-License-Identifier: Apache-2.0 */
/* A decoder inside the writer, for its own chunks. */
#include "buffer/check.h"

#include "buffer/encode.h"
#include "buffer/keys.h"
#include "core/sys.h"
#include "hasten/hash.h"
#include "sink/file.h"

#include <string.h>

#include "core/poison.h"

#define HST_CHECK_DEPTH 65536u

struct check_frame {
	uint16_t id;
	uint16_t last;
	uint16_t key;
};

struct check_key {
	uint64_t key;
	uint64_t result;
	bool has_result;
};

/* What a reader knows after the records so far. Frames below `floor` were open at the start and not listed. */
struct check {
	const uint16_t *at;
	const uint16_t *end;
	uint64_t time;
	uint32_t ids;
	uint32_t depth;
	bool switched; /* another stack of the thread: its frames cannot be known from this chunk alone */
	bool wrong;
	uint16_t predictor[HST_PREDICTOR_SLOTS];
	struct hst_frame sites[HST_IDS_MAX];
	uint32_t key_count;
	uint64_t latest_result; /* as RESULT_NEW had it */
	struct check_key keys[HST_KEYS_MAX + 1];
	struct check_frame
		frames[HST_CHECK_DEPTH]; /* [depth modulo HST_CHECK_DEPTH]; 0 is the root */
};

static struct check_frame *frame_at(struct check *check, uint32_t depth)
{
	return &check->frames[depth % HST_CHECK_DEPTH];
}

static void define(struct check *check, uint64_t ret, uint64_t fn)
{
	if (check->ids + 1 < HST_IDS_MAX) {
		check->ids++;
		check->sites[check->ids] = (struct hst_frame){ ret, fn };
	} else {
		check->wrong = true;
	}
}

static void enter(struct check *check, uint32_t id, bool predicted)
{
	struct check_frame *caller = frame_at(check, check->depth);
	uint32_t slot = hst_predictor_slot(caller->id, caller->last);

	id = predicted ? check->predictor[slot] : id;
	check->wrong |= id == 0 || id > check->ids;
	check->predictor[slot] = (uint16_t)id;
	caller->last = (uint16_t)id;
	check->depth++;
	*frame_at(check, check->depth) = (struct check_frame){ .id = (uint16_t)id };
}

static void leave(struct check *check, uint32_t count)
{
	check->wrong |= count > check->depth;
	check->depth -= count > check->depth ? check->depth : count;
}

static uint64_t words(const uint16_t *at, uint32_t count)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < count; i++) {
		value |= (uint64_t)at[i] << (16 * i);
	}
	return value;
}

/* Of the innermost frame, which was entered in this chunk. */
static void key(struct check *check, uint32_t op, uint32_t argument, const uint16_t *payload)
{
	uint32_t id = op == HST_OP_KEY_SHORT ? argument : payload[0];

	if (op == HST_OP_KEY_NEW && check->key_count < HST_KEYS_MAX) {
		id = ++check->key_count;
		check->keys[id] = (struct check_key){ .key = words(payload, 4) };
	}
	check->wrong |= id == 0 || id > check->key_count || check->depth == 0;
	frame_at(check, check->depth)->key = (uint16_t)id;
}

static void result(struct check *check, uint32_t op, const uint16_t *payload)
{
	struct check_key *known = &check->keys[frame_at(check, check->depth)->key];

	check->wrong |= check->depth == 0;
	check->latest_result = op == HST_OP_RESULT ? 0 : words(payload, 4);
	if (op == HST_OP_RESULT) {
		check->wrong |= !known->has_result;
	} else if (known != check->keys) {
		known->result = words(payload, 4);
		known->has_result = true;
	}
}

/* Scalars alone make a key that can be computed again. */
static bool values_agree(const struct check *check, uint32_t count, const uint16_t *payload)
{
	const uint16_t *at = payload + 1;
	const uint16_t *end = at + payload[0];
	uint64_t hash = hst_hash_begin(count);
	bool whole = true;

	for (uint32_t i = 0; i < count && at < end; i++) {
		if (*at == HST_VALUE_SCALAR) {
			hash = hst_hash_add(hash, words(at + 1, 4));
			at += HST_VALUES_SCALAR;
		} else {
			whole = false;
			at += *at == HST_VALUE_CONTENT ? HST_VALUES_CONTENT + (at[5] + 1u) / 2 : 1;
		}
	}
	return at == end && check->key_count > 0 &&
	       (!whole || hst_hash_end(hash) == check->keys[check->key_count].key);
}

static void arguments(struct check *check, uint32_t op, uint32_t argument, const uint16_t *payload)
{
	switch (op) {
	case HST_OP_KEY_NEW:
	case HST_OP_KEY:
	case HST_OP_KEY_SHORT:
		key(check, op, argument, payload);
		break;
	case HST_OP_KEY_VALUES:
		check->wrong |= !values_agree(check, argument, payload);
		break;
	case HST_OP_RESULT_VALUE:
		check->wrong |= hst_hash_pieces(&(uint64_t){ words(payload, 4) }, 1) !=
				check->latest_result;
		break;
	default:
		result(check, op, payload);
		break;
	}
}

static bool is_memory_site(const struct check *check, uint32_t id)
{
	return id != 0 && id <= check->ids && check->sites[id].fn - HST_MEMORY_BASE <= UINT16_MAX;
}

static void extended(struct check *check, uint32_t op, uint32_t argument, const uint16_t *payload)
{
	switch (op) {
	case HST_OP_ENTER_NEW:
		check->time += payload[0];
		define(check, words(payload + 1, 3), words(payload + 4, 3));
		enter(check, check->ids, false);
		break;
	case HST_OP_ENTER_ID:
		check->time += argument;
		enter(check, payload[0], false);
		break;
	case HST_OP_ENTER_LONG:
		check->time += payload[0];
		enter(check, payload[1], false);
		break;
	case HST_OP_TIME:
		check->time += (((uint64_t)argument << 16) | payload[0]) << HST_TIME_BITS;
		break;
	case HST_OP_TIME_LONG:
		check->time += words(payload, 4);
		break;
	case HST_OP_UNWIND:
		check->time += payload[0];
		leave(check, (uint32_t)words(payload + 1, 2));
		break;
	case HST_OP_EXIT_ERROR:
		check->time += payload[0];
		leave(check, 1);
		break;
	case HST_OP_SWITCH:
		check->switched = true;
		break;
	case HST_OP_SITE:
		check->time += payload[0];
		define(check, words(payload + 1, 3), HST_MEMORY_BASE + payload[4]);
		break;
	case HST_OP_ALLOC_NEAR:
	case HST_OP_FREE_NEAR:
		check->wrong |=
			op == HST_OP_ALLOC_NEAR && (payload[0] == 0 || payload[0] > check->ids);
		check->time += argument;
		break;
	case HST_OP_ALLOC:
	case HST_OP_ALLOC_LONG:
		check->wrong |= !is_memory_site(check, payload[1]);
		check->time += payload[0];
		break;
	case HST_OP_KEY_NEW:
	case HST_OP_KEY:
	case HST_OP_KEY_SHORT:
	case HST_OP_KEY_VALUES:
	case HST_OP_RESULT_NEW:
	case HST_OP_RESULT:
	case HST_OP_RESULT_VALUE:
		arguments(check, op, argument, payload);
		break;
	default:
		check->time += payload[0]; /* all others have only their time to say here */
		break;
	}
}

static void replay(struct check *check)
{
	while (check->at < check->end && !check->wrong && !check->switched) {
		uint32_t head = *check->at;
		uint32_t kind = head >> HST_KIND_SHIFT;
		uint32_t op = (head >> 8) & (HST_OPS - 1);

		if (kind == HST_KIND_EXTENDED) {
			extended(check, op, head & 0xffu, check->at + 1);
			check->at +=
				hst_record_payload(hst_sink.header->op_words, op, check->at + 1);
		} else {
			check->time += head & HST_TIME_MASK;
			check->wrong |= kind == HST_KIND_END;
			if (kind == HST_KIND_PREDICTED) {
				enter(check, 0, true);
			} else {
				leave(check, 1);
			}
		}
		check->at++;
	}
}

/* What the writer would refer to, the reader must have. */
static bool keys_agree(const struct check *check, const struct hst_stream *stream)
{
	bool same = check->key_count == stream->key_count;

	for (uint32_t i = 0; same && stream->keys != NULL && i < HST_KEY_SLOTS; i++) {
		const struct hst_key *slot = &stream->keys[i];
		const struct check_key *known = &check->keys[slot->id];

		if (slot->chunk == stream->key_chunk) {
			same = slot->id <= check->key_count && known->key == slot->key &&
			       known->has_result == (slot->has_result != 0) &&
			       (!known->has_result || known->result == slot->result);
		}
	}
	return same;
}

static bool agrees(struct check *check, const struct hst_stream *stream)
{
	bool same = !check->wrong && check->at == check->end && check->ids == stream->ids &&
		    check->depth == hst_depth(stream) && check->time == stream->time &&
		    memcmp(check->predictor, stream->predictor, sizeof check->predictor) == 0;

	for (uint32_t id = 1; same && id <= check->ids; id++) {
		same = check->sites[id].ret == stream->idents[id].ret &&
		       check->sites[id].fn == stream->idents[id].fn;
	}
	for (uint32_t depth = stream->known; same && depth <= check->depth; depth++) {
		const struct hst_open *open_call = &stream->fiber->base[depth];

		same = check->depth - depth >= HST_CHECK_DEPTH ||
		       (frame_at(check, depth)->id == open_call->id &&
			       frame_at(check, depth)->last == open_call->last);
	}
	return same && keys_agree(check, stream);
}

bool hst_chunk_check(struct hst_stream *stream)
{
	const struct hst_chunk *chunk = stream->chunk;
	const struct hst_frame *listed = (const void *)(chunk + 1);
	struct check *check = hst_sys_mmap(NULL, sizeof *check, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool same;

	if (check == NULL) {
		return true;
	}
	check->at = (const void *)(listed + chunk->frames);
	check->end = stream->window->cur;
	check->time = chunk->start.ticks >> HST_TIME_SHIFT;
	check->depth = chunk->depth;
	for (uint32_t i = 0; i < chunk->frames; i++) {
		uint32_t id = 0;

		for (uint32_t k = 1; k <= check->ids && id == 0; k++) {
			id = check->sites[k].ret == listed[i].ret ? k : 0;
		}
		if (id == 0) {
			define(check, listed[i].ret, listed[i].fn);
			id = check->ids;
		}
		frame_at(check, chunk->depth - chunk->frames + 1 + i)->id = (uint16_t)id;
	}
	replay(check);
	same = check->switched || agrees(check, stream);
	(void)hst_sys_munmap(check, sizeof *check);
	if (!same) {
		hst_sink_flag(HST_FLAG_CHECK_FAILED);
	}
	return same;
}
