/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says of functions that are answered from caches: with every field out of its range, damaged, or pointing elsewhere. */
#include "hasten/hash.h"
#include "sink/plan.h"
#include "sink/plan_memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum {
	MEMO,
	EXIT,
	PIECES,
	CODE,
	SLOT,
	SECTIONS
};

struct sample {
	struct hst_plan_header header;
	struct hst_plan_section sections[SECTIONS];
	struct hst_plan_memo memos[2];
	struct hst_plan_memo_exit exits[3];
	struct hst_plan_piece pieces[4];
	struct hst_plan_code codes[2];
	struct hst_plan_slot slots[2];
};

static void seal(struct sample *plan)
{
	plan->header.check = hst_hash_bytes(
		(const uint8_t *)plan + sizeof plan->header, sizeof *plan - sizeof plan->header);
}

static struct sample sample(void)
{
	struct hst_plan_frame frame = {
		.base = 7, .offset = 32, .saved = { -24, -16, 0, 0, 0, 0 }
	};
	struct hst_plan_piece result = { HST_PLAN_PLACE_REGISTER, 3, 8, 0, 0 };
	struct sample plan = {
		.header = { .magic = HST_PLAN_MAGIC, .major = 1, .sections = SECTIONS, .bytes = sizeof plan },
		.sections = {
			{ .kind = HST_PLAN_MEMO, .offset = offsetof(struct sample, memos), .count = 2 },
			{ .kind = HST_PLAN_MEMO_EXIT, .offset = offsetof(struct sample, exits), .count = 3 },
			{ .kind = HST_PLAN_MEMO_PIECES, .offset = offsetof(struct sample, pieces), .count = 4 },
			{ .kind = HST_PLAN_MEMO_CODE, .offset = offsetof(struct sample, codes), .count = 2 },
			{ .kind = HST_PLAN_MEMO_SLOT, .offset = offsetof(struct sample, slots), .count = 2 },
		},
		.memos = {
			{ .fn = 0x1000, .ret = 0x1010, .frame = frame, .first_piece = 0, .pieces = 2, .evidence = HST_PLAN_PROVEN,
				.first_exit = 0, .exits = 2, .first_code = 0, .codes = 1, .first_slot = 0, .slots = 1,
				.entries = 64, .shadow = 8 },
			{ .fn = 0x2000, .ret = 0x2010, .frame = frame, .first_piece = 2, .pieces = 2,
				.evidence = HST_PLAN_OBSERVED, .flags = HST_PLAN_MEMO_MXCSR, .first_exit = 2, .exits = 1,
				.first_code = 1, .codes = 1, .first_slot = 1, .slots = 1, .entries = 1, .ttl_ns = 7 },
		},
		.exits = { { .ret = 0x1040, .base = 7, .offset = 32, .result = result },
			{ .ret = 0x1050, .base = 6, .offset = 16, .result = result },
			{ .ret = 0x2050, .base = 7, .offset = 8, .result = result } },
		.pieces = { { HST_PLAN_PLACE_REGISTER, 12, 4, 0, 0 }, { HST_PLAN_PLACE_SP, 0, 4, 0, 8 },
			{ HST_PLAN_PLACE_CFA, 0, 8, HST_PLAN_CONTENT_FLOAT, 16 }, { HST_PLAN_PLACE_FIXED, 0, 1, 0, 0x4000 } },
		.codes = { { 0x1000, 0x1100, 1 }, { 0x2000, 0x2100, 2 } },
		.slots = { { 0x5000, 0x1000 }, { 0x5008, 0x2000 } },
	};

	for (size_t i = 0; i < SECTIONS; i++) {
		plan.sections[i].build_id_bytes = 20;
		plan.sections[i].build_id[0] = 7;
	}
	seal(&plan);
	return plan;
}

static struct hst_plan plan;
static struct hst_plan_memos memos;

/* Functions that may be answered. The plan's filters and the like are used whatever is wrong with these. */
static uint64_t answered(const struct sample *of)
{
	assert_true(hst_plan_check((const void *)of, sizeof *of, &plan));
	if (!hst_plan_memos(&plan, of->sections[MEMO].build_id, of->sections[MEMO].build_id_bytes,
		    &memos)) {
		return 0;
	}
	return plan.memos == 0 ? 0 : memos.memo_count;
}

/* Refused, and said so: after `change`, with a right sum. */
#define REFUSED(change)                \
 do {                                  \
  struct sample bad = sample();        \
  change;                              \
  seal(&bad);                          \
  assert_int_equal(answered(&bad), 0); \
  assert_true(plan.memos_refused);     \
 } while (0)
#define TAKEN(change)                   \
 do {                                   \
  struct sample good = sample();        \
  change;                               \
  seal(&good);                          \
  assert_int_equal(answered(&good), 2); \
  assert_false(plan.memos_refused);     \
 } while (0)

static void test_sound(void **state)
{
	const struct sample kept = sample();
	uint8_t other[20] = { 8 };
	(void)state;

	TAKEN((void)0);
	assert_int_equal(answered(&kept), 2); /* one that is still there */
	assert_false(hst_plan_memos(&plan, other, 20, &memos));
	assert_false(hst_plan_memos(&plan, (const uint8_t[20]){ 7 }, 19, &memos));
	TAKEN(good.memos[0].entries = HST_PLAN_MEMO_ENTRIES_MAX);
	TAKEN(good.memos[0].frame.base = 6);
	TAKEN(good.memos[0].pieces = 0);
	TAKEN((good.memos[0].slots = 0, good.memos[0].first_slot = 99));
	TAKEN(good.memos[0].shadow = UINT32_MAX);
}

/* Each bit of all that the sum is over, and of the sum. */
static void test_damage(void **state)
{
	struct sample bad = sample();
	(void)state;

	for (size_t at = offsetof(struct sample, header.check); at < sizeof bad; at++) {
		for (int bit = 0; bit < 8; bit++) {
			((uint8_t *)&bad)[at] ^= (uint8_t)(1 << bit);
			if (hst_plan_check((const void *)&bad, sizeof bad, &plan)) {
				assert_int_equal(plan.memos, 0);
				assert_false(hst_plan_memos(
					&plan, sample().sections[0].build_id, 20, &memos));
			}
			((uint8_t *)&bad)[at] ^= (uint8_t)(1 << bit);
		}
	}
}

static void test_functions(void **state)
{
	(void)state;

	REFUSED(bad.memos[0].fn = 0);
	REFUSED(bad.memos[0].fn = HST_PLAN_ADDRESS_MAX);
	REFUSED(bad.memos[0].fn = 0x1100);
	REFUSED(bad.memos[0].fn = 0xfff);
	REFUSED(bad.memos[0].ret = 0);
	REFUSED(bad.memos[0].ret = 0x1000);
	REFUSED(bad.memos[0].ret = 0x1101);
	REFUSED(bad.memos[0].ret = 0x2010);
	REFUSED(bad.memos[0].entries = 0);
	REFUSED(bad.memos[0].entries = HST_PLAN_MEMO_ENTRIES_MAX + 1);
	REFUSED(bad.memos[0].evidence = 0);
	REFUSED(bad.memos[0].evidence = 4);
	REFUSED(bad.memos[0].flags = 2);
	REFUSED(bad.memos[0].reserved = 1);
	REFUSED(bad.memos[0].pieces = HST_PLAN_MEMO_PIECES_MAX + 1);
	/* Not ascending, or twice. */
	REFUSED((bad.memos[1] = bad.memos[0]));
	REFUSED((bad.memos[0] = bad.memos[1], bad.memos[1] = sample().memos[0]));
}

static void test_frames(void **state)
{
	static const int32_t offsets[] = { 0, -8, 7, 9, 33, (16 << 20) + 8, INT32_MIN, INT32_MAX };
	static const int32_t saved[] = { 8, -8, -1, -17, 16, -(16 << 20) - 8, INT32_MIN,
		INT32_MAX };
	(void)state;

	for (unsigned base = 0; base < 256; base++) {
		if (base != 6 && base != 7) {
			REFUSED(bad.memos[1].frame.base = (uint8_t)base);
			REFUSED(bad.exits[1].base = (uint8_t)base);
		}
	}
	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
		REFUSED(bad.memos[0].frame.offset = offsets[i]);
		REFUSED(bad.exits[2].offset = offsets[i]);
	}
	for (size_t i = 0; i < sizeof saved / sizeof saved[0]; i++) {
		for (size_t reg = 0; reg < 6; reg++) {
			REFUSED(bad.memos[1].frame.saved[reg] = saved[i]);
		}
	}
	for (size_t i = 0; i < 3; i++) {
		REFUSED(bad.memos[0].frame.reserved[i] = 1);
		REFUSED(bad.exits[0].reserved[i] = 1);
	}
}

static void test_tables(void **state)
{
	static const uint32_t firsts[] = { 3, 4, 5, 1000, UINT32_MAX, UINT32_MAX - 1 };
	(void)state;

	for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
		REFUSED(bad.memos[1].first_piece = firsts[i]);
		REFUSED(bad.memos[1].first_exit = firsts[i]);
		REFUSED(bad.memos[1].first_code = firsts[i]);
		REFUSED(bad.memos[1].first_slot = firsts[i]);
		REFUSED(bad.memos[1].exits = firsts[i]);
		REFUSED(bad.memos[1].codes = firsts[i]);
		REFUSED(bad.memos[1].slots = firsts[i]);
	}
	REFUSED(bad.memos[1].exits = 0);
	REFUSED(bad.memos[1].codes = 0);
	/* A table that is missing, or another module's. */
	for (size_t i = EXIT; i < SECTIONS; i++) {
		REFUSED(bad.sections[i].build_id[1] = 1);
		REFUSED(bad.sections[i].count--);
		REFUSED(bad.sections[i].count = UINT64_MAX);
		REFUSED(bad.sections[i].offset = sizeof bad - 8);
		REFUSED(bad.sections[i].offset += 4);
		REFUSED(bad.sections[i].flags = 1);
		REFUSED(bad.sections[i].build_id_bytes = 0);
		REFUSED(bad.sections[i].build_id_bytes = 33);
	}
}

static void test_pieces(void **state)
{
	(void)state;

	for (unsigned kind = 0; kind < 256; kind++) {
		if (kind == 0 || kind > HST_PLAN_PLACE_FIXED) {
			REFUSED(bad.pieces[1].kind = (uint8_t)kind);
		}
		if (kind == 0 || kind >= HST_PLAN_PLACE_FIXED) {
			REFUSED(bad.exits[1].result.kind = (uint8_t)kind);
		}
	}
	for (unsigned reg = 0; reg < 256; reg++) {
		if (reg != 3 && reg != 6 && (reg < 12 || reg > 15)) {
			REFUSED(bad.pieces[0].reg = (uint8_t)reg);
			REFUSED(bad.exits[0].result.reg = (uint8_t)reg);
		}
	}
	for (unsigned width = 0; width < 256; width++) {
		if (width != 1 && width != 2 && width != 4 && width != 8) {
			REFUSED(bad.pieces[0].width = (uint8_t)width);
			REFUSED(bad.exits[0].result.width = (uint8_t)width);
		}
	}
	/* What a pointer leads to is no key. */
	REFUSED(bad.pieces[2].content = HST_PLAN_CONTENT_STRING);
	REFUSED(bad.pieces[2].content = HST_PLAN_CONTENT_BYTES);
	REFUSED(bad.exits[2].result.content = HST_PLAN_CONTENT_STRING);
	REFUSED(bad.pieces[1].offset = -8);
	REFUSED(bad.pieces[1].offset = (16 << 20) + 1);
	REFUSED(bad.pieces[2].offset = -(16 << 20) - 1);
}

static void test_code(void **state)
{
	(void)state;

	REFUSED(bad.codes[0].start = 0);
	REFUSED(bad.codes[0].end = bad.codes[0].start);
	REFUSED(bad.codes[0].end = bad.codes[0].start - 1);
	REFUSED(bad.codes[1].end = HST_PLAN_ADDRESS_MAX);
	REFUSED(bad.codes[1].end = bad.codes[1].start + HST_PLAN_CODE_BYTES_MAX + 1);
	REFUSED((bad.codes[0].end = 0x1000 + HST_PLAN_CODE_BYTES_MAX,
		bad.codes[1].end = 0x2000 + HST_PLAN_CODE_BYTES_MAX));
	/* An exit hook that is in no code which was looked at, or that of another function only. */
	REFUSED(bad.exits[0].ret = 0);
	REFUSED(bad.exits[0].ret = 0x1000);
	REFUSED(bad.exits[0].ret = 0x1101);
	REFUSED(bad.exits[0].ret = 0x2050);
	REFUSED(bad.exits[2].ret = 0x1050);
	REFUSED(bad.slots[0].slot = 0);
	REFUSED(bad.slots[0].slot = 0x5004);
	REFUSED(bad.slots[1].slot = HST_PLAN_ADDRESS_MAX);
	REFUSED(bad.slots[1].target = 0);
	REFUSED(bad.slots[1].target = HST_PLAN_ADDRESS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_code),
	};

	return cmocka_run_group_tests_name("plan memo", tests, NULL, NULL);
}
