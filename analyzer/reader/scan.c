/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block finder: the first stage of the reader. It assumes nothing about the file and guarantees
 * that a block it names has a sane length for its type and begins within the file. A length that
 * leads neither to another block nor to zeros nor to the end of the file is doubted: if a sound
 * block lies inside, the length was damaged and the inner block counts; if none does, what comes
 * behind was damaged.
 */
#include "reader/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u

int64_t hst_scan_read(int fd, uint64_t offset, void *buffer, size_t bytes)
{
	size_t have = 0;
	ssize_t got;

	while (have < bytes) {
		if (offset + have > INT64_MAX) {
			break;
		}
		got = pread(fd, (char *)buffer + have, bytes - have, (off_t)(offset + have));
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return -1;
		}
		if (got == 0) {
			break;
		}
		have += (size_t)got;
	}
	return (int64_t)have;
}

enum hst_status hst_scan_init(struct hst_scan *scan, int fd, uint64_t offset, uint64_t end)
{
	*scan = (struct hst_scan){ .fd = fd, .at = offset, .end = end };
	scan->wide.capacity = HST_SCAN_WIDE;
	scan->wide.data = malloc(HST_SCAN_WIDE);
	scan->near.capacity = HST_SCAN_LOOK;
	scan->near.data = malloc(HST_SCAN_LOOK);
	if (scan->wide.data == NULL || scan->near.data == NULL) {
		hst_scan_finish(scan);
		return HST_E_MEMORY;
	}
	return HST_OK;
}

void hst_scan_finish(struct hst_scan *scan)
{
	free(scan->wide.data);
	free(scan->near.data);
	*scan = (struct hst_scan){ .fd = -1 };
}

void hst_scan_extend(struct hst_scan *scan, uint64_t at, uint64_t end)
{
	scan->at = at;
	scan->end = end;
	scan->wide.bytes = 0;
	scan->near.bytes = 0;
}

/* `need` bytes at `offset`, reading `want` (at least `need`) if they are not in the window. */
static const uint8_t *peek(struct hst_scan *scan, struct hst_scan_window *window, uint64_t offset,
	size_t need, size_t want)
{
	int64_t got;

	if (offset >= window->offset && offset - window->offset + need <= window->bytes) {
		return window->data + (offset - window->offset);
	}
	if (offset > scan->end || scan->end - offset < need) {
		return NULL;
	}
	if (want > window->capacity) {
		want = window->capacity;
	}
	if (want > scan->end - offset) {
		want = (size_t)(scan->end - offset);
	}
	got = hst_scan_read(scan->fd, offset, window->data, want);
	window->offset = offset;
	window->bytes = got < 0 ? 0 : (size_t)got;
	if (window->bytes < need) {
		scan->failed = true;
		return NULL;
	}
	return window->data;
}

static uint64_t word_at(const uint8_t *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof word);
	return word;
}

static bool is_zero(const uint8_t *data)
{
	return (word_at(data) | word_at(data + 8)) == 0;
}

/* Could this be a block, by its own header? */
static bool header_is_sane(const uint8_t *data)
{
	struct hst_block block;

	memcpy(&block, data, sizeof block);
	if (block.magic != HST_BLOCK_MAGIC || block.bytes < sizeof block ||
		block.bytes % HST_BLOCK_ALIGN != 0) {
		return false;
	}
	switch (block.type) {
	case HST_BLOCK_CHUNK:
		return block.bytes >= sizeof(struct hst_chunk) &&
		       block.bytes <= HST_CHUNK_BYTES_MAX;
	case HST_BLOCK_MODULE:
		return block.bytes >= sizeof(struct hst_module_block) &&
		       block.bytes <= sizeof(struct hst_module_block) + UINT16_MAX + 1;
	case HST_BLOCK_GONE:
		return block.bytes >= sizeof(struct hst_gone_block);
	case HST_BLOCK_NAME:
		return block.bytes >= sizeof(struct hst_name_block);
	case HST_BLOCK_PROFILE:
		return block.bytes >= sizeof(struct hst_profile_block);
	case HST_BLOCK_THROTTLE:
		return block.bytes >= sizeof(struct hst_throttle_block);
	case HST_BLOCK_COUNTS:
		return block.bytes >= sizeof(struct hst_counts_block);
	case HST_BLOCK_MEMO:
		return block.bytes >= sizeof(struct hst_memo_block);
	case HST_BLOCK_MEMO_COUNTS:
		return block.bytes >= sizeof(struct hst_memo_counts_block);
	default: /* 0 too: not written yet, or what is left of a tail */
		return true;
	}
}

/* Is there a block, a zero or the end of the file where a block of this length would end? */
static bool leads_somewhere(struct hst_scan *scan, uint64_t offset, uint32_t bytes)
{
	const uint8_t *next;

	if (bytes > scan->end - offset) {
		return false;
	}
	if (scan->end - offset - bytes < HST_BLOCK_ALIGN) {
		return true;
	}
	/* From 16 before: those bytes hold the trailer, wanted next. */
	next = peek(scan, &scan->near, offset + bytes - 16, 32, HST_SCAN_LOOK);
	return next != NULL && (is_zero(next + 16) || header_is_sane(next + 16));
}

/* Offset of the first sound block within (offset, offset + bytes), 0 none. */
static uint64_t find_inside(struct hst_scan *scan, uint64_t offset, uint32_t bytes)
{
	uint64_t limit = bytes > scan->end - offset ? scan->end : offset + bytes;
	uint64_t at;
	const uint8_t *data;
	uint32_t length;

	for (at = offset + HST_BLOCK_ALIGN; at < limit && limit - at >= 16; at += 16) {
		data = peek(scan, &scan->wide, at, 16, HST_SCAN_WIDE);
		if (data == NULL) {
			return 0;
		}
		if (!header_is_sane(data)) {
			continue;
		}
		memcpy(&length, data + offsetof(struct hst_block, bytes), sizeof length);
		if (leads_somewhere(scan, at, length)) {
			return at;
		}
	}
	return 0;
}

/* Steps over zeros from `at`, by holes of the file where there are any. */
static uint64_t skip_zeros(struct hst_scan *scan, uint64_t at)
{
	const uint8_t *data;
	off_t jump;

	while (scan->end - at >= 16) {
		data = peek(scan, &scan->wide, at, 16, HST_SCAN_WIDE);
		if (data == NULL || !is_zero(data)) {
			return at;
		}
		at += 16;
		if (at != scan->wide.offset + scan->wide.bytes) {
			continue;
		}
		jump = lseek(scan->fd, (off_t)at, SEEK_DATA);
		if (jump < 0 && errno == ENXIO) {
			return scan->end;
		}
		if (jump > 0 && (uint64_t)jump > at) {
			at = (uint64_t)jump & ~(uint64_t)15;
			at = at > scan->end ? scan->end : at;
		}
	}
	return at;
}

/* `limit`: where the block ends at the latest, whatever its header says. */
static bool fill_block(
	struct hst_scan *scan, uint64_t at, uint64_t limit, struct hst_scan_block *ret_block)
{
	uint64_t left = limit - at;
	size_t head_bytes = left < HST_SCAN_HEAD ? (size_t)left : HST_SCAN_HEAD;
	const uint8_t *data = peek(scan, &scan->near, at, head_bytes, HST_SCAN_LOOK);

	if (data == NULL) {
		return false;
	}
	memset(ret_block, 0, sizeof *ret_block);
	memcpy(&ret_block->block, data, sizeof ret_block->block);
	ret_block->offset = at;
	ret_block->held = left < ret_block->block.bytes ? left : ret_block->block.bytes;
	ret_block->head_bytes = head_bytes < ret_block->held ? head_bytes : (size_t)ret_block->held;
	memcpy(ret_block->head, data, ret_block->head_bytes);
	if (ret_block->held == ret_block->block.bytes) {
		data = peek(scan, &scan->near, at + ret_block->held - 16, 16, HST_SCAN_LOOK);
		ret_block->last_word = data == NULL ? 0 : word_at(data + 8);
	}
	return true;
}

/*
 * True when the bytes at `at` begin a block that counts, which ends at *ret_next at the latest;
 * otherwise *ret_next is where to go on. A chunk of damaged length counts up to the next block.
 */
static bool block_counts(struct hst_scan *scan, uint64_t at, uint64_t *ret_next)
{
	const uint8_t *data = peek(scan, &scan->near, at, 16, HST_SCAN_LOOK);
	struct hst_block block;
	uint64_t inside;

	*ret_next = at + HST_BLOCK_ALIGN;
	if (data == NULL || !header_is_sane(data)) {
		return false;
	}
	memcpy(&block, data, sizeof block);
	if (leads_somewhere(scan, at, block.bytes)) {
		*ret_next = scan->end;
		return true;
	}
	inside = find_inside(scan, at, block.bytes);
	*ret_next = inside != 0 ? inside : scan->end;
	return !scan->failed && (inside == 0 || block.type == HST_BLOCK_CHUNK);
}

/*
 * While a thread appends its tail (and for ever, if it was killed then) the block in the tail's
 * place is sealed and only as long as its records; behind it stand records of earlier chunks. Those
 * are no damage: they lie between a block at a page boundary and the next one at a page boundary.
 */
static void settle_remains(struct hst_scan *scan, const struct hst_scan_block *next)
{
	if (next == NULL || next->offset % PAGE == 0) {
		scan->skipped -= scan->remains;
	}
	scan->remains = 0;
	scan->place = 0;
	if (next != NULL && next->block.type == HST_BLOCK_CHUNK && next->offset % PAGE == 0 &&
		(next->block.flags & HST_BLOCK_TAIL) == 0) {
		scan->place = next->offset;
	}
}

static void skip_to(struct hst_scan *scan, uint64_t next)
{
	scan->skipped += next - scan->at;
	if (scan->place != 0 && next - scan->place <= HST_CHUNK_BYTES_MAX) {
		scan->remains += next - scan->at;
	}
	scan->at = next;
}

bool hst_scan_next(struct hst_scan *scan, struct hst_scan_block *ret_block)
{
	const uint8_t *data;
	uint64_t next;

	while (!scan->failed && scan->at < scan->end && scan->end - scan->at >= 16) {
		data = peek(scan, &scan->near, scan->at, 16, HST_SCAN_LOOK);
		if (data == NULL) {
			break;
		}
		if (is_zero(data)) {
			scan->at = skip_zeros(scan, scan->at);
			continue;
		}
		if (!block_counts(scan, scan->at, &next)) {
			skip_to(scan, next);
			continue;
		}
		if (!fill_block(scan, scan->at, next, ret_block)) {
			break;
		}
		scan->at += ret_block->held;
		scan->at = (scan->at + 15) & ~(uint64_t)15;
		settle_remains(scan, ret_block);
		return true;
	}
	settle_remains(scan, NULL);
	return false;
}
