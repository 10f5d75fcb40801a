/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipes: locations to pieces or reasons, results behind exit hooks from made-up code, call frames, and
 * what is found in compiled programs. What is read there is compared with the truth in tests/args.
 */
#include "targets.h"

#include "plan/args_plan.h"
#include "symbols/image.h"
#include "symbols/recipes_frame.h"
#include "symbols/recipes_place.h"
#include "symbols/recipes_result.h"

#define CODE_AT 0x1000u

static const struct hst_recipe_type type_int = {
	.text = "int", .size = 4, .used = 0xf, .kind = HST_TYPE_WHOLE, .is_signed = true
};
static const struct hst_recipe_type type_ulong = {
	.text = "unsigned long", .size = 8, .used = 0xff, .kind = HST_TYPE_WHOLE
};
static const struct hst_recipe_type type_bool = {
	.text = "_Bool", .size = 1, .used = 1, .kind = HST_TYPE_WHOLE, .is_bool = true
};
static const struct hst_recipe_type type_double = { .text = "double",
	.size = 8,
	.used = 0xff,
	.floats = 0xff,
	.kind = HST_TYPE_FLOAT,
	.is_float = true };
static const struct hst_recipe_type type_pair = {
	.text = "struct pair", .size = 8, .used = 0xff, .kind = HST_TYPE_PARTS, .class_type = true
};
/* { char c; short s; long l; } */
static const struct hst_recipe_type type_gap = {
	.text = "struct gap", .size = 16, .used = 0xff0d, .kind = HST_TYPE_PARTS, .class_type = true
};

struct place_case {
	const struct hst_recipe_type *type;
	struct hst_compat_op ops[6];
	size_t count;
	enum hst_recipe_reason reason;
	struct hst_plan_piece pieces[3];
	unsigned piece_count;
};

static const struct place_case place_cases[] = {
	{ &type_int, { { .atom = DW_OP_reg3 } }, 1, HST_RECIPE_READABLE,
		{ { HST_PLAN_PLACE_REGISTER, 3, 4, HST_PLAN_CONTENT_SIGNED, 0 } }, 1 },
	{ &type_int, { { .atom = DW_OP_reg5 } }, 1, HST_RECIPE_CALLER_SAVED, { { 0 } }, 0 },
	{ &type_int, { { .atom = DW_OP_reg7 } }, 1, HST_RECIPE_CALLER_SAVED, { { 0 } }, 0 },
	{ &type_double, { { .atom = DW_OP_fbreg, .a = (uint64_t)-56 } }, 1, HST_RECIPE_READABLE,
		{ { HST_PLAN_PLACE_CFA, 0, 8, HST_PLAN_CONTENT_FLOAT, -56 } }, 1 },
	{ &type_ulong, { { .atom = DW_OP_breg7, .a = 16 } }, 1, HST_RECIPE_READABLE,
		{ { HST_PLAN_PLACE_SP, 0, 8, 0, 16 } }, 1 },
	{ &type_ulong, { { .atom = DW_OP_breg6, .a = (uint64_t)-8 } }, 1, HST_RECIPE_READABLE,
		{ { HST_PLAN_PLACE_RBP, 0, 8, 0, -8 } }, 1 },
	{ &type_ulong, { { .atom = DW_OP_breg3, .a = 8 } }, 1, HST_RECIPE_EXPRESSION, { { 0 } },
		0 },
	{ &type_ulong, { { .atom = DW_OP_breg12 }, { .atom = DW_OP_stack_value } }, 2,
		HST_RECIPE_READABLE, { { HST_PLAN_PLACE_REGISTER, 12, 8, 0, 0 } }, 1 },
	{ &type_ulong, { { .atom = DW_OP_breg12, .a = 1 }, { .atom = DW_OP_stack_value } }, 2,
		HST_RECIPE_EXPRESSION, { { 0 } }, 0 },
	{ &type_int, { { .atom = DW_OP_entry_value }, { .atom = DW_OP_stack_value } }, 2,
		HST_RECIPE_ENTRY_VALUE, { { 0 } }, 0 },
	{ &type_int, { { .atom = DW_OP_const1s, .a = 0xff }, { .atom = DW_OP_stack_value } }, 2,
		HST_RECIPE_READABLE,
		{ { HST_PLAN_PLACE_CONSTANT, 0, 4, HST_PLAN_CONTENT_SIGNED, -1 } }, 1 },
	{ &type_ulong, { { .atom = DW_OP_const1s, .a = 0xff }, { .atom = DW_OP_stack_value } }, 2,
		HST_RECIPE_READABLE, { { HST_PLAN_PLACE_CONSTANT, 0, 8, 0, -1 } }, 1 },
	{ &type_int, { { 0 } }, 0, HST_RECIPE_NO_LOCATION, { { 0 } }, 0 },
	{ &type_ulong, { { .atom = DW_OP_fbreg, .a = UINT64_C(1) << 40 } }, 1, HST_RECIPE_FAR,
		{ { 0 } }, 0 },
	{ &type_pair,
		{ { .atom = DW_OP_reg3 }, { DW_OP_piece, 4, 0 }, { .atom = DW_OP_reg14 },
			{ DW_OP_piece, 4, 0 } },
		4, HST_RECIPE_READABLE,
		{ { HST_PLAN_PLACE_REGISTER, 3, 4, 0, 0 },
			{ HST_PLAN_PLACE_REGISTER, 14, 4, 0, 0 } },
		2 },
	{ &type_pair, { { .atom = DW_OP_reg3 }, { DW_OP_piece, 4, 0 }, { DW_OP_piece, 4, 0 } }, 3,
		HST_RECIPE_IN_PARTS, { { 0 } }, 0 },
	{ &type_pair, { { .atom = DW_OP_reg3 }, { DW_OP_piece, 4, 0 } }, 2, HST_RECIPE_IN_PARTS,
		{ { 0 } }, 0 },
	{ &type_pair, { { .atom = DW_OP_reg3 }, { DW_OP_piece, 400, 0 } }, 2, HST_RECIPE_IN_PARTS,
		{ { 0 } }, 0 },
	/* The bytes between the members are nobody's. */
	{ &type_gap, { { .atom = DW_OP_fbreg, .a = 0 } }, 1, HST_RECIPE_READABLE,
		{ { HST_PLAN_PLACE_CFA, 0, 1, 0, 0 }, { HST_PLAN_PLACE_CFA, 0, 2, 0, 2 },
			{ HST_PLAN_PLACE_CFA, 0, 8, 0, 8 } },
		3 },
	{ &type_gap,
		{ { .atom = DW_OP_reg3 }, { DW_OP_piece, 8, 0 }, { .atom = DW_OP_reg6 },
			{ DW_OP_piece, 8, 0 } },
		4, HST_RECIPE_PADDING, { { 0 } }, 0 },
	{ &hst_type_unknown, { { .atom = DW_OP_reg3 } }, 1, HST_RECIPE_TYPE, { { 0 } }, 0 },
};

static void test_recipes_place_locations_give_pieces_or_reasons(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof place_cases / sizeof place_cases[0]; i++) {
		struct hst_compat_location location = { .count = place_cases[i].count };
		struct hst_place place;
		enum hst_recipe_reason reason;

		memcpy(location.ops, place_cases[i].ops, sizeof place_cases[i].ops);
		reason = hst_place_find(&location, HST_PLAN_PLACE_CFA, place_cases[i].type, &place);
		if (reason != place_cases[i].reason) {
			fail_msg("case %zu: %s", i, hst_recipe_word(reason));
		}
		if (reason == HST_RECIPE_READABLE) {
			assert_int_equal(place.count, place_cases[i].piece_count);
			assert_memory_equal(place.pieces, place_cases[i].pieces,
				place.count * sizeof place.pieces[0]);
		}
	}
}

struct result_case {
	const char *code;
	size_t bytes;
	const struct hst_recipe_type *type;
	enum hst_recipe_reason reason;
	struct hst_plan_piece piece;
};

#define CODE(text) text, sizeof(text) - 1

static const struct result_case result_cases[] = {
	/* mov %ebx,%eax; pop %rbx; ret */
	{ CODE("\x89\xd8\x5b\xc3"), &type_int, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_REGISTER, 3, 4, HST_PLAN_CONTENT_SIGNED, 0 } },
	/* add $0x10,%rsp; mov 0x8(%rsp),%rax; ret */
	{ CODE("\x48\x83\xc4\x10\x48\x8b\x44\x24\x08\xc3"), &type_ulong, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_SP, 0, 8, 0, 24 } },
	/* mov -0x14(%rbp),%eax; leave; ret */
	{ CODE("\x8b\x45\xec\xc9\xc3"), &type_int, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_RBP, 0, 4, HST_PLAN_CONTENT_SIGNED, -20 } },
	/* movslq %ebx,%rax; ret: eight bytes from four */
	{ CODE("\x48\x63\xc3\xc3"), &type_ulong, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_REGISTER, 3, 4, HST_PLAN_CONTENT_SIGNED, 0 } },
	/* mov %ebx,%eax; ret: eight bytes, the upper half zero */
	{ CODE("\x89\xd8\xc3"), &type_ulong, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_REGISTER, 3, 4, 0, 0 } },
	/* mov %bx,%ax; ret: four bytes wanted, two known */
	{ CODE("\x66\x89\xd8\xc3"), &type_int, HST_RECIPE_COMPUTED, { 0 } },
	/* xor %eax,%eax; ret */
	{ CODE("\x31\xc0\xc3"), &type_int, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_CONSTANT, 0, 4, HST_PLAN_CONTENT_SIGNED, 0 } },
	/* mov $0xffffffff,%eax; ret */
	{ CODE("\xb8\xff\xff\xff\xff\xc3"), &type_int, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_CONSTANT, 0, 4, HST_PLAN_CONTENT_SIGNED, -1 } },
	{ CODE("\xb8\xff\xff\xff\xff\xc3"), &type_ulong, HST_RECIPE_CONSTANT, { 0 } },
	/* movsd 0x8(%rsp),%xmm0; ret */
	{ CODE("\xf2\x0f\x10\x44\x24\x08\xc3"), &type_double, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_SP, 0, 8, HST_PLAN_CONTENT_FLOAT, 8 } },
	/* addsd %xmm0,%xmm0; ret */
	{ CODE("\xf2\x0f\x58\xc0\xc3"), &type_double, HST_RECIPE_COMPUTED, { 0 } },
	/* mov -0x1(%rbp),%al; and $1,%al; movzbl %al,%eax; ret: as clang reads a bool */
	{ CODE("\x8a\x45\xff\x24\x01\x0f\xb6\xc0\xc3"), &type_bool, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_RBP, 0, 1, 0, -1 } },
	{ CODE("\x8a\x45\xff\x24\x01\x0f\xb6\xc0\xc3"), &type_int, HST_RECIPE_COMPUTED, { 0 } },
	/* lea 0x1(%rbx),%eax; ret */
	{ CODE("\x8d\x43\x01\xc3"), &type_int, HST_RECIPE_COMPUTED, { 0 } },
	/* ret: what eax holds is the hook's */
	{ CODE("\xc3"), &type_int, HST_RECIPE_COMPUTED, { 0 } },
	/* mov %ebx,(%rsp); mov (%rsp),%eax; ret: what was stored there */
	{ CODE("\x89\x1c\x24\x8b\x04\x24\xc3"), &type_int, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_REGISTER, 3, 4, HST_PLAN_CONTENT_SIGNED, 0 } },
	/* mov %ecx,(%rdx); mov (%rsp),%eax; ret: perhaps the same place */
	{ CODE("\x89\x0a\x8b\x04\x24\xc3"), &type_int, HST_RECIPE_COMPUTED, { 0 } },
	/* test %ebx,%ebx; je 1f; mov %ebx,%eax; ret; 1: mov %ebx,%eax; ret */
	{ CODE("\x85\xdb\x74\x03\x89\xd8\xc3\x89\xd8\xc3"), &type_int, HST_RECIPE_READABLE,
		{ HST_PLAN_PLACE_REGISTER, 3, 4, HST_PLAN_CONTENT_SIGNED, 0 } },
	/* the same with %ebp on the second way */
	{ CODE("\x85\xdb\x74\x03\x89\xd8\xc3\x89\xe8\xc3"), &type_int, HST_RECIPE_PATHS, { 0 } },
	/* mov %ebx,%eax; call somewhere; ret */
	{ CODE("\x89\xd8\xe8\x00\x01\x00\x00\xc3"), &type_int, HST_RECIPE_CALLS, { 0 } },
	/* 1: jmp 1b */
	{ CODE("\xeb\xfe"), &type_int, HST_RECIPE_PATHS, { 0 } },
	/* jmp *%rax */
	{ CODE("\xff\xe0"), &type_int, HST_RECIPE_CALLS, { 0 } },
};

static void test_recipes_result_is_followed_to_the_return(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof result_cases / sizeof result_cases[0]; i++) {
		struct hst_code_part part = { .lo = CODE_AT,
			.hi = CODE_AT + result_cases[i].bytes,
			.bytes = (const uint8_t *)result_cases[i].code };
		const struct hst_span range = { .lo = part.lo, .hi = part.hi };
		struct hst_code code = { .parts = &part, .part_count = 1 };
		struct hst_result result = { .low_bit = true };
		enum hst_recipe_reason reason;

		assert_true(ZYAN_SUCCESS(ZydisDecoderInit(
			&code.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
		reason = hst_result_find(&code, CODE_AT, &range, 1, result_cases[i].type, &result);
		hst_map_finish(&code.stubs);
		if (reason != result_cases[i].reason) {
			fail_msg("case %zu: %s", i, hst_recipe_word(reason));
		}
		if (reason == HST_RECIPE_READABLE) {
			assert_memory_equal(
				&result.piece, &result_cases[i].piece, sizeof result.piece);
			assert_int_equal(result.low_bit, result_cases[i].type == &type_bool);
		}
	}
}

static const struct hst_recipe_site *own_enter(const struct hst_recipes *recipes, uint64_t fn)
{
	for (size_t i = 0; i < recipes->site_count; i++) {
		const struct hst_recipe_site *site = &recipes->sites[i];

		if (site->fn == fn && !site->exit && !site->inlined) {
			return site;
		}
	}
	fail_msg("no enter hook of %llx", (unsigned long long)fn);
	abort();
}

static void test_recipes_of_fib_are_found_in_every_form(void **state)
{
	static const char *const names[] = { "fib", "fib-gz", "libfib.so" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct hst_image *image = open_target(names[i]);
		const struct hst_function *fib = need_function(image, "fib", 0);
		const struct hst_recipe_site *site;
		struct hst_recipes recipes;

		assert_int_equal(hst_recipes_read(image, &recipes, NULL), HST_OK);
		site = own_enter(&recipes, fib->address);
		assert_int_equal(site->param_count, 1);
		if (!hst_recipes_complete(&recipes, site)) {
			fail_msg("%s: %s", names[i],
				hst_recipe_word(recipes.params[site->first_param].reason));
		}
		for (size_t j = 1; j < recipes.site_count; j++) {
			assert_true(recipes.sites[j - 1].ret < recipes.sites[j].ret);
		}
		hst_recipes_finish(&recipes);
		hst_image_close(image);
	}
}

static void test_recipes_without_debug_information_are_refused(void **state)
{
	struct hst_image *image = open_target("pieces-no-debug");
	struct hst_recipes recipes = { 0 };
	struct hst_diag diag = { "" };

	(void)state;
	assert_int_equal(hst_recipes_read(image, &recipes, &diag), HST_E_NO_DEBUG);
	assert_non_null(strstr(diag.text, "-g"));
	assert_null(recipes.sites);
	hst_image_close(image);
}

static void test_recipes_plan_lists_complete_sites_in_order(void **state)
{
	struct hst_image *image = open_target("fib");
	struct hst_recipes recipes;
	struct hst_plan_file plan = { 0 };
	struct hst_args_plan done;
	const struct hst_plan_enter *enters;
	size_t complete = 0;

	(void)state;
	assert_int_equal(hst_recipes_read(image, &recipes, NULL), HST_OK);
	assert_int_equal(hst_args_plan_add(&plan, image, &recipes, "fib", &done, NULL), HST_OK);
	for (size_t i = 0; i < recipes.site_count; i++) {
		complete += hst_recipes_complete(&recipes, &recipes.sites[i]);
	}
	assert_int_equal(plan.parts.count, 3);
	assert_int_equal(plan.parts.items[0].section.kind, HST_PLAN_ENTER);
	assert_int_equal(plan.parts.items[1].section.kind, HST_PLAN_EXIT);
	assert_int_equal(plan.parts.items[2].section.kind, HST_PLAN_PIECES);
	assert_true(complete > 0);
	assert_int_equal(plan.parts.items[0].count, complete);
	assert_int_equal(done.enters + done.exits + done.missing, recipes.site_count);
	enters = plan.parts.items[0].items;
	for (size_t i = 0; i < complete; i++) {
		assert_true(i == 0 || enters[i - 1].ret < enters[i].ret);
		assert_true(enters[i].first + enters[i].pieces <= plan.parts.items[2].count);
	}
	hst_plan_file_finish(&plan);
	hst_recipes_finish(&recipes);
	hst_image_close(image);
}

static void test_recipes_frame_is_eight_above_at_an_entry(void **state)
{
	struct hst_image *image = open_target("fib");
	const struct hst_function *fib = need_function(image, "fib", 0);
	struct hst_frames frames;
	unsigned reg = 0;
	int64_t offset = 0;

	(void)state;
	assert_int_equal(hst_frames_open(hst_image_elf(image), &frames), HST_OK);
	assert_true(hst_frames_cfa(&frames, fib->address, &reg, &offset));
	assert_int_equal(reg, HST_REG_RSP);
	assert_int_equal(offset, 8);
	/* Behind the first push. */
	assert_true(hst_frames_cfa(&frames, fib->address + 2, &reg, &offset));
	assert_int_equal(offset, 16);
	assert_false(hst_frames_cfa(&frames, 0, &reg, &offset));
	hst_frames_close(&frames);
	hst_image_close(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipes_place_locations_give_pieces_or_reasons),
		cmocka_unit_test(test_recipes_result_is_followed_to_the_return),
		cmocka_unit_test(test_recipes_of_fib_are_found_in_every_form),
		cmocka_unit_test(test_recipes_without_debug_information_are_refused),
		cmocka_unit_test(test_recipes_plan_lists_complete_sites_in_order),
		cmocka_unit_test(test_recipes_frame_is_eight_above_at_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
