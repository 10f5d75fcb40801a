/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records about memory: sites, blocks, mappings, stacks, sizes. Assumes a payload of the length
 * that records.def has; guarantees that an id is used for what it was defined for only, and that
 * the entries of a batch are not more than its events.
 */
#include "reader/decode_state.h"

#define ADDRESS_MASK 0xffffffffffffull

/* The site of an id that a site record defined. */
static bool asking_site(const struct hst_decoder *decoder, uint32_t id, uint32_t *ret_site)
{
	if (id - 1 >= decoder->ids || decoder->site_of[id] < HST_DECODE_ASKS) {
		return false;
	}
	*ret_site = decoder->site_of[id] & ~HST_DECODE_ASKS;
	return true;
}

static enum hst_step define_site(struct hst_decoder *decoder, const uint8_t *payload)
{
	uint32_t site;

	if (decoder->ids >= HST_DECODE_IDS_MAX) {
		return HST_STEP_DAMAGED;
	}
	site = hst_sites_intern(decoder->sites, hst_load48(payload + 2),
		HST_MEMORY_BASE + hst_load16(payload + 8), decoder->chunk.generation);
	decoder->site_of[++decoder->ids] = site | HST_DECODE_ASKS;
	return HST_STEP_NONE;
}

/* Gives the event its entry. */
static enum hst_step add(
	struct hst_decoder *decoder, struct hst_event *event, const struct hst_memory *entry)
{
	event->value = (uint32_t)decoder->memory.count;
	return hst_vec_push(&decoder->memory, *entry) ? HST_STEP_EVENT : HST_STEP_MEMORY;
}

/* The block at a distance from the latest one, which it becomes. */
static uint64_t step_from_latest(struct hst_decoder *decoder, int64_t blocks)
{
	decoder->latest = (decoder->latest + 16u * (uint64_t)blocks) & ADDRESS_MASK;
	return decoder->latest;
}

static uint64_t near_latest(struct hst_decoder *decoder, const uint8_t *distance)
{
	return step_from_latest(decoder, (int32_t)hst_load32(distance));
}

/* Upper bytes of the heads of the common forms; bytes of the longest of them. */
#define HEAD(op)      (HST_KIND_EXTENDED << 6 | (op))
#define LONGEST_BYTES 12

/* One of the common forms, as the tight loop has it. */
struct common {
	uint64_t units;
	int64_t blocks;
	uint64_t bytes;
	uint32_t slack;
	uint32_t site;
	uint32_t kind;
	uint32_t length; /* 0: another record, or something is wrong */
};

/* `near` is 0 or 1 in these: arithmetic, or the compiler makes a branch of it. */
static inline uint32_t pick(uint32_t near, uint32_t yes, uint32_t no)
{
	return no ^ ((yes ^ no) & (0u - near));
}

/* A signed distance of 16 bits (the near forms) or 32. */
static inline int64_t distance_at(const uint8_t *at, uint32_t near)
{
	return (int32_t)(hst_load32(at) << 16 * near) >> 16 * near;
}

static inline void read_free(struct common *record, const uint8_t *at, uint32_t near)
{
	uint32_t released = (1 - near) & (at[0] == 1);

	record->units = pick(near, at[0], hst_load16(at + 2));
	record->blocks = distance_at(at + 4 - 2 * near, near);
	record->kind = pick(released, HST_EVENT_RELEASE, HST_EVENT_FREE);
	record->length = 8 - 4 * near;
}

static inline void read_alloc(
	const struct hst_decoder *decoder, struct common *record, const uint8_t *at, uint32_t near)
{
	const uint8_t *id = at + 4 - 2 * near;
	uint32_t said = at[0] == HST_SLACK_SHORT_UNKNOWN ? HST_SLACK_LONG_UNKNOWN : at[0];

	record->units = pick(near, at[0], hst_load16(at + 2));
	record->blocks = distance_at(id + 2, near);
	record->bytes = hst_load16(id + 6 - 2 * near);
	record->slack = pick(near, (uint32_t)hst_slack_usual(record->bytes), said);
	record->kind = HST_EVENT_ALLOC;
	if (asking_site(decoder, hst_load16(id), &record->site)) {
		record->length = 12 - 4 * near;
	}
}

/* What an op is, from HST_OP_ALLOC on. */
enum {
	NEAR = 1,
	GOES = 2,
	COMES = 4
};
#define OP(op) [(op)-HST_OP_ALLOC]
static const uint8_t shapes[HST_OP_FREE_NEAR - HST_OP_ALLOC + 1] = {
	OP(HST_OP_ALLOC) = COMES,
	OP(HST_OP_FREE) = GOES,
	OP(HST_OP_ALLOC_NEAR) = COMES | NEAR,
	OP(HST_OP_FREE_NEAR) = GOES | NEAR,
};
#undef OP

/*
 * Whether a block comes or goes can often be foretold, whether it is near not: the two forms of either have no branch between them,
 * and no field of theirs lies beyond LONGEST_BYTES.
 */
static inline struct common read_common(const struct hst_decoder *decoder, const uint8_t *at)
{
	struct common record = { 0 };
	uint32_t number = at[1] - (uint32_t)HEAD(HST_OP_ALLOC);
	uint32_t shape = number < sizeof shapes ? shapes[number] : 0;

	if ((shape & GOES) != 0) {
		read_free(&record, at, shape & NEAR);
	} else if (shape != 0) {
		read_alloc(decoder, &record, at, shape & NEAR);
	}
	return record;
}

/*
 * The tight loop of programs that do little but allocate. Records that end close to the end of the chunk, and all in which
 * something is wrong, are left to the slow path.
 */
size_t hst_decode_blocks(struct hst_decoder *decoder, struct hst_event *events, size_t room)
{
	const uint8_t *at = decoder->at;
	const uint8_t *const stop =
		decoder->end - at < LONGEST_BYTES ? at : decoder->end - (LONGEST_BYTES - 1);
	uint64_t ticks = decoder->ticks;
	uint64_t latest = decoder->latest;
	uint32_t value = (uint32_t)decoder->memory.count;
	struct hst_event *event = events;
	struct hst_memory *entry;

	if (at >= stop || hst_load16(at) >> 8 < HEAD(HST_OP_ALLOC) ||
		!hst_vec_reserve(&decoder->memory, room)) {
		return 0;
	}
	entry = decoder->memory.items + value;
	while (at < stop && event != events + room) {
		struct common record = read_common(decoder, at);

		if (record.length == 0) {
			break;
		}
		at += record.length;
		ticks += record.units << decoder->shift;
		latest = (latest + 16u * (uint64_t)record.blocks) & ADDRESS_MASK;
		*event++ = (struct hst_event){ .ticks = ticks,
			.site = record.site,
			.kind = (uint16_t)record.kind,
			.value = value++ };
		*entry++ = (struct hst_memory){
			.address = latest, .bytes = record.bytes, .slack = record.slack
		};
	}
	decoder->at = at;
	decoder->ticks = ticks;
	decoder->latest = latest;
	decoder->memory.count = value;
	return (size_t)(event - events);
}

/* The short forms of an allocation and a free: their argument is the time. */
static enum hst_step near_event(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	struct hst_memory entry = { 0 };

	hst_decode_advance(decoder, argument);
	event->ticks = decoder->ticks;
	if (op == HST_OP_FREE_NEAR) {
		event->kind = HST_EVENT_FREE;
		entry.address = step_from_latest(decoder, (int16_t)hst_load16(payload));
		return add(decoder, event, &entry);
	}
	if (!asking_site(decoder, hst_load16(payload), &event->site)) {
		return HST_STEP_DAMAGED;
	}
	event->kind = HST_EVENT_ALLOC;
	entry.address = step_from_latest(decoder, (int16_t)hst_load16(payload + 2));
	entry.bytes = hst_load16(payload + 4);
	entry.slack = (uint32_t)hst_slack_usual(entry.bytes);
	return add(decoder, event, &entry);
}

static enum hst_step alloc_event(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	struct hst_memory entry = { 0 };

	if (!asking_site(decoder, hst_load16(payload + 2), &event->site)) {
		return HST_STEP_DAMAGED;
	}
	event->kind = HST_EVENT_ALLOC;
	if (op == HST_OP_ALLOC) {
		entry.address = near_latest(decoder, payload + 4);
		entry.bytes = hst_load16(payload + 8);
		entry.slack =
			argument == HST_SLACK_SHORT_UNKNOWN ? HST_SLACK_LONG_UNKNOWN : argument;
	} else {
		entry.address = hst_load48(payload + 4);
		entry.bytes = hst_load48(payload + 10);
		entry.slack = hst_load32(payload + 16);
		decoder->latest = entry.address != 0 ? entry.address : decoder->latest;
	}
	return add(decoder, event, &entry);
}

static enum hst_step free_event(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	struct hst_memory entry = { 0 };

	event->kind = argument == 1 ? HST_EVENT_RELEASE : HST_EVENT_FREE;
	if (op == HST_OP_FREE) {
		entry.address = near_latest(decoder, payload + 2);
	} else {
		entry.address = hst_load48(payload + 2);
		decoder->latest = entry.address;
	}
	return add(decoder, event, &entry);
}

/* Address space that is taken or goes, and sizes of the process. */
static enum hst_step space_event(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	struct hst_memory entry = { 0 };

	if ((op == HST_OP_MAP || op == HST_OP_STACK) &&
		!asking_site(decoder, hst_load16(payload + 2), &event->site)) {
		return HST_STEP_DAMAGED;
	}
	switch (op) {
	case HST_OP_MAP:
		event->kind = HST_EVENT_MAP;
		event->reason = (uint16_t)argument;
		entry.address = hst_load48(payload + 4);
		entry.bytes = hst_load48(payload + 10);
		break;
	case HST_OP_UNMAP:
		event->kind = HST_EVENT_UNMAP;
		entry.address = hst_load48(payload + 2);
		entry.bytes = hst_load48(payload + 8);
		break;
	case HST_OP_STACK:
		event->kind = HST_EVENT_STACK;
		entry.bytes = hst_load48(payload + 4);
		break;
	default:
		event->kind = HST_EVENT_MEMORY;
		entry.address = hst_load32(payload + 2);
		entry.bytes = hst_load32(payload + 6);
		entry.more = hst_load32(payload + 10);
		break;
	}
	return add(decoder, event, &entry);
}

enum hst_step hst_decode_memory(struct hst_decoder *decoder, uint32_t op, uint32_t argument,
	const uint8_t *payload, struct hst_event *event)
{
	if (op == HST_OP_ALLOC_NEAR || op == HST_OP_FREE_NEAR) {
		return near_event(decoder, op, argument, payload, event);
	}
	hst_decode_advance(decoder, hst_load16(payload));
	event->ticks = decoder->ticks;
	switch (op) {
	case HST_OP_SITE:
		return define_site(decoder, payload);
	case HST_OP_ALLOC:
	case HST_OP_ALLOC_LONG:
		return alloc_event(decoder, op, argument, payload, event);
	case HST_OP_FREE:
	case HST_OP_FREE_LONG:
		return free_event(decoder, op, argument, payload, event);
	case HST_OP_REALLOC_END:
		event->kind = argument == 1 ? HST_EVENT_REALLOC_FREED : HST_EVENT_REALLOC_FAILED;
		return HST_STEP_EVENT;
	case HST_OP_ALLOCATOR:
		event->kind = HST_EVENT_ALLOCATOR;
		event->reason = (uint16_t)argument;
		event->value = hst_decode_ticks(decoder, hst_load32(payload + 2));
		return HST_STEP_EVENT;
	default:
		return space_event(decoder, op, argument, payload, event);
	}
}
