/* SPDX-License-Identifier: Apache-2.0 */
/* Names, files, lines and pieces of functions, in every form in which compilers leave them. */
#include "symbols/debug_file.h"
#include "symbols/dwarf_lines.h"

#include "targets.h"

#define FIB_LINE 5u

static void expect_fib(struct hst_image *image, bool dwarf)
{
	const struct hst_function *fib = need_function(image, "fib", 0);
	const char *file = NULL;
	uint32_t line = 0;

	assert_ptr_equal(hst_image_function(image, fib->address), fib);
	assert_ptr_equal(hst_image_function(image, fib->address + 5), fib);
	assert_string_equal(fib->linkage, "fib");
	assert_string_equal(fib->full, "fib");
	assert_non_null(fib->file);
	assert_int_equal(fib->file[0], '/');
	assert_true(ends_with(fib->file, "/targets/fib.c"));
	assert_null(strstr(fib->file, "/."));
	assert_int_equal(fib->from_dwarf, dwarf);
	/* Of the declaration, or without one of the first instruction. */
	assert_in_range(fib->line, FIB_LINE, dwarf ? FIB_LINE : FIB_LINE + 1);
	assert_true(hst_image_line(image, fib->address, &file, &line));
	assert_true(ends_with(file, "/targets/fib.c"));
	assert_in_range(line, FIB_LINE, FIB_LINE + 2);
}

static void test_image_all_compilers_name_fib(void **state)
{
	static const char *const names[] = { "fib-gcc-O0-4", "fib-gcc-O0-5", "fib-gcc-O2-4",
		"fib-gcc-O2-5", "fib-clang-O0-4", "fib-clang-O0-5", "fib-clang-O2-4",
		"fib-clang-O2-5", "fib-gz" };
	const char *folder = getenv("HST_TARGETS");
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[4096];
		struct hst_image *image;

		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		if (access(path, R_OK) != 0) {
			continue;
		}
		seen++;
		image = open_target(names[i]);
		expect_fib(image, true);
		hst_image_close(image);
	}
	assert_true(seen >= 5);
}

static void test_image_split_dwarf_has_names_and_lines(void **state)
{
	struct hst_image *image = open_target("fib-split");

	(void)state;
	expect_fib(image, false);
	hst_image_close(image);
}

static void test_image_unknown_addresses_give_nothing(void **state)
{
	struct hst_image *image = open_target("fib");
	const char *file;
	uint32_t line;

	(void)state;
	assert_null(hst_image_function(image, 0));
	assert_null(hst_image_function(image, 1));
	assert_null(hst_image_function(image, UINT64_MAX));
	assert_null(hst_image_function(image, UINT64_C(0x7fffffff0000)));
	assert_false(hst_image_line(image, 0, &file, &line));
	assert_false(hst_image_line(image, UINT64_MAX, &file, &line));
	assert_false(hst_image_is_inlined(image, 0, 0, NULL));
	hst_image_close(image);
}

static void test_image_functions_ascend_and_are_filled(void **state)
{
	struct hst_image *image = open_target("shapes-g++-O2");
	const struct hst_function *functions = NULL;
	size_t count = hst_image_functions(image, &functions);

	(void)state;
	assert_true(count > 10);
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || functions[i - 1].address < functions[i].address);
		assert_non_null(functions[i].name);
		assert_non_null(functions[i].full);
		assert_non_null(functions[i].linkage);
	}
	hst_image_close(image);
}

static void test_image_stripped_gives_offsets(void **state)
{
	struct hst_image *whole = open_target("fib");
	struct hst_image *image = open_target("fib-stripped");
	uint64_t address = need_function(whole, "fib", 0)->address;
	const struct hst_function *function = hst_image_function(image, address + 9);
	char wanted[32];

	(void)state;
	assert_non_null(function);
	assert_int_equal(function->address, address);
	snprintf(wanted, sizeof wanted, "0x%llx", (unsigned long long)address);
	assert_string_equal(function->name, wanted);
	assert_null(function->file);
	hst_image_close(whole);
	hst_image_close(image);
}

static void test_image_debuglink_beside_the_file(void **state)
{
	struct hst_image *image = open_target("beside/fib");

	(void)state;
	assert_true(hst_image_flags(image) & HST_IMAGE_DEBUG_FILE);
	assert_false(hst_image_flags(image) & HST_IMAGE_STRIPPED);
	expect_fib(image, true);
	hst_image_close(image);
}

static void test_image_debuglink_in_debug_folder(void **state)
{
	struct hst_image *image = open_target("link/fib");

	(void)state;
	assert_true(hst_image_flags(image) & HST_IMAGE_DEBUG_FILE);
	expect_fib(image, true);
	hst_image_close(image);
}

/* Copies a file; changes one byte of its end if asked. */
static void copy(const char *from, const char *to, bool change)
{
	FILE *in = fopen(from, "rb");
	FILE *out = fopen(to, "wb");
	int c;

	assert_non_null(in);
	assert_non_null(out);
	while ((c = getc(in)) != EOF) {
		putc(c, out);
	}
	if (change) {
		fseek(out, -1, SEEK_END);
		putc(0x5a, out);
	}
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

static void test_image_debuglink_wrong_checksum_refused(void **state)
{
	char folder[] = "hst-crc-XXXXXX";
	char program[64];
	char debug[64];
	struct hst_image *image = NULL;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(program, sizeof program, "%s/fib", folder);
	snprintf(debug, sizeof debug, "%s/fib.debug", folder);
	copy(target("beside/fib"), program, false);
	for (int change = 0; change < 2; change++) {
		copy(target("beside/fib.debug"), debug, change == 1);
		assert_int_equal(hst_image_open(program, NULL, 0, &image, NULL), HST_OK);
		assert_int_equal((hst_image_flags(image) & HST_IMAGE_DEBUG_FILE) != 0, change == 0);
		assert_int_equal((hst_image_flags(image) & HST_IMAGE_STRIPPED) != 0, change == 1);
		hst_image_close(image);
	}
	unlink(program);
	unlink(debug);
	rmdir(folder);
}

static void test_image_debug_file_by_build_id(void **state)
{
	struct hst_elf elf;
	struct hst_elf debug;
	char root[4096];
	char found[4096];

	(void)state;
	snprintf(root, sizeof root, "%s", target("root"));
	assert_int_equal(hst_elf_open(target("fib-stripped"), &elf, NULL), HST_OK);
	assert_true(hst_debug_file_find(&elf, target("fib-stripped"), root, &debug, found));
	assert_true(debug.has_debug_info);
	assert_non_null(strstr(found, "/root/.build-id/"));
	hst_elf_close(&debug);
	/* The same path with another build-id inside is not the program's. */
	elf.build_id.bytes[19] ^= 1;
	assert_false(hst_debug_file_find(&elf, target("fib-stripped"), root, &debug, found));
	hst_elf_close(&elf);
}

static void test_image_dwz_names_with_and_without_common_file(void **state)
{
	static const char *const names[] = { "dwz-a", "dwz-b", "lost/dwz-a" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct hst_image *image = open_target(names[i]);
		const struct hst_function *functions = NULL;
		size_t count = hst_image_functions(image, &functions);

		need_function(image, "split", 0);
		for (size_t j = 0; j < count; j++) {
			assert_null(strstr(functions[j].full, "DW_FORM"));
			assert_true(functions[j].file == NULL ||
				    strstr(functions[j].file, "DW_FORM") == NULL);
		}
		hst_image_close(image);
	}
}

/* The address of a symbol as the file has it, the n-th of that name in ascending order. */
static uint64_t symbol_address(const char *path, const char *name, unsigned n)
{
	struct hst_elf elf;
	uint64_t last = 0;

	assert_int_equal(hst_elf_open(path, &elf, NULL), HST_OK);
	assert_int_equal(hst_elf_read_symbols(&elf), HST_OK);
	for (unsigned k = 0; k <= n; k++) {
		uint64_t best = UINT64_MAX;

		for (size_t i = 0; i < elf.symbol_count; i++) {
			if (strcmp(elf.symbols[i].name, name) == 0 &&
				elf.symbols[i].address > last && elf.symbols[i].address < best) {
				best = elf.symbols[i].address;
			}
		}
		last = best;
	}
	hst_elf_close(&elf);
	return last;
}

static void check_pieces(const char *name)
{
	struct hst_image *image = open_target(name);
	uint64_t cold = symbol_address(target(name), "split.cold", 0);
	uint64_t part = symbol_address(target(name), "lazy.part.0", 0);
	const struct hst_function *split = need_function(image, "split", 0);
	const struct hst_function *lazy = need_function(image, "lazy", 0);

	if (cold == UINT64_MAX || part == UINT64_MAX) {
		hst_image_close(image);
		print_message("this compiler splits nothing\n");
		skip();
	}
	assert_int_not_equal(cold, split->address);
	assert_ptr_equal(hst_image_function(image, cold), split);
	assert_ptr_equal(hst_image_function(image, cold + 1), split);
	assert_ptr_equal(hst_image_function(image, part), lazy);
	assert_null(find_function(image, "split.cold", 0));
	assert_null(find_function(image, "lazy.part.0", 0));
	assert_null(find_function(image, "lazy", 1));
	/* A hook in such a piece is the function's own. */
	assert_false(hst_image_is_inlined(image, cold + 1, split->address, NULL));
	assert_false(hst_image_is_inlined(image, part + 1, lazy->address, NULL));
	assert_true(hst_image_is_inlined(image, cold + 1, lazy->address, NULL));
	hst_image_close(image);
}

static void test_image_cold_and_part_belong_to_their_function(void **state)
{
	(void)state;
	check_pieces("pieces");
	check_pieces("pieces-symtab");
	check_pieces("pieces-no-debug");
}

static void test_image_static_functions_of_one_name_stay_apart(void **state)
{
	static const char *const names[] = { "pieces", "pieces-symtab", "pieces-no-debug" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct hst_image *image = open_target(names[i]);
		uint64_t first = symbol_address(target(names[i]), "same.cold", 0);
		uint64_t second = symbol_address(target(names[i]), "same.cold", 1);
		const struct hst_function *a = need_function(image, "same", 0);
		const struct hst_function *b = need_function(image, "same", 1);

		assert_null(find_function(image, "same", 2));
		if (i == 0) {
			assert_true(ends_with(a->file, "/pieces.c"));
			assert_true(ends_with(b->file, "/pieces_other.c"));
		}
		if (second != UINT64_MAX) {
			assert_ptr_equal(hst_image_function(image, first), a);
			assert_ptr_equal(hst_image_function(image, second), b);
		}
		hst_image_close(image);
	}
}

static void test_image_alias_has_one_stable_name(void **state)
{
	struct hst_image *image = open_target("pieces");

	(void)state;
	/* What DWARF calls it is what the user wrote; of symbols alone the shortest strong one. */
	need_function(image, "plain_function", 0);
	assert_null(find_function(image, "al", 0));
	hst_image_close(image);
	image = open_target("pieces-symtab");
	need_function(image, "al", 0);
	assert_null(find_function(image, "plain_function", 0));
	assert_null(find_function(image, "a_weak_one", 0));
	hst_image_close(image);
}

static void expect_function(
	struct hst_image *image, const char *name, unsigned n, const char *full, uint32_t line)
{
	const struct hst_function *function = need_function(image, name, n);

	if (full != NULL) {
		assert_string_equal(function->full, full);
	}
	assert_non_null(function->file);
	assert_true(ends_with(function->file, "/targets/shapes.cc"));
	assert_int_equal(function->line, line);
}

static void test_image_cxx_names_and_lines(void **state)
{
	static const char *const names[] = { "shapes-g++-O0", "shapes-g++-O2",
		"shapes-clang++-O2" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct hst_image *image = open_target(names[i]);

		expect_function(image, "shapes::Box::Box", 0, "shapes::Box::Box(int)", 11);
		expect_function(image, "shapes::Box::operator<", 0,
			"shapes::Box::operator<(shapes::Box const&) const", 12);
		expect_function(image, "shapes::Box::operator()", 0, NULL, 13);
		expect_function(image, "shapes::Box::operator std::string", 0, NULL, 14);
		expect_function(image, "shapes::Box::grow", 0, NULL, 17);
		expect_function(image, "shapes::Box::grow", 1, NULL, 17);
		expect_function(image, "(anonymous namespace)::hidden", 0,
			"(anonymous namespace)::hidden(int)", 24);
		expect_function(image, "with_lambda::Local::count", 0, NULL, 41);
		need_function(image, "main", 0);
		hst_image_close(image);
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Does the image say of the address what the one that knows everything says? */
static void expect_same(struct hst_image *image, struct hst_image *whole, uint64_t address)
{
	const struct hst_function *wanted = hst_image_function(whole, address);
	const struct hst_function *got = hst_image_function(image, address);
	const char *files[2] = { NULL, NULL };
	uint32_t lines[2] = { 0, 0 };

	assert_int_equal(got != NULL, wanted != NULL);
	if (wanted != NULL) {
		assert_int_equal(got->address, wanted->address);
		assert_string_equal(got->name, wanted->name);
		assert_string_equal(got->full, wanted->full);
		assert_true(same_text(got->file, wanted->file));
		assert_int_equal(got->line, wanted->line);
		assert_int_equal(got->from_dwarf, wanted->from_dwarf);
	}
	assert_int_equal(hst_image_line(image, address, &files[0], &lines[0]),
		hst_image_line(whole, address, &files[1], &lines[1]));
	assert_true(same_text(files[0], files[1]));
	assert_int_equal(lines[0], lines[1]);
}

/* Units are read when they are asked for: what is said of one must not depend on which were read before. */
static void check_any_order(const char *path)
{
	const struct hst_function *functions = NULL;
	struct hst_image *whole = NULL;
	struct hst_image *image = NULL;
	size_t count;
	size_t step;

	assert_int_equal(hst_image_open(path, NULL, 0, &whole, NULL), HST_OK);
	count = hst_image_functions(whole, &functions);
	assert_true(count > 0);
	/* A stride that shares nothing with the count visits all, in no order of theirs. */
	for (step = count / 3 * 2 + 1; step > 1; step--) {
		size_t a = step;
		size_t b = count;

		while (b != 0) {
			size_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1) {
			break;
		}
	}
	for (size_t first = 0; first < count; first += count / 8 + 1) {
		assert_int_equal(hst_image_open(path, NULL, 0, &image, NULL), HST_OK);
		for (size_t i = 0, at = first; i < 40; i++, at = (at + step) % count) {
			uint64_t address = functions[at].address;
			uint64_t other = functions[(at + step) % count].address;

			expect_same(image, whole, address + 1);
			expect_same(image, whole, address);
			assert_int_equal(hst_image_is_inlined(image, address + 6, other, NULL),
				hst_image_is_inlined(whole, address + 6, other, NULL));
		}
		hst_image_close(image);
	}
	hst_image_close(whole);
}

static void test_image_says_the_same_in_any_order(void **state)
{
	static const char *const names[] = { "shapes-g++-O2", "shapes-clang++-O2", "pieces",
		"pieces-symtab", "pieces-no-debug", "fib-static", "fib-split" };
	const char *folder = getenv("HST_TARGETS");

	(void)state;
	check_any_order("/proc/self/exe"); /* some dozen units */
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		if (access(path, R_OK) == 0) {
			check_any_order(path);
		}
	}
}

/* What was handed out stays, whatever is read later. */
static void test_image_functions_outlive_later_questions(void **state)
{
	struct hst_image *image = NULL;
	struct hst_image *whole = NULL;
	const struct hst_function *functions = NULL;
	const struct hst_function *kept[64];
	char *names[64];
	size_t count;
	size_t held = 0;

	(void)state;
	assert_int_equal(hst_image_open("/proc/self/exe", NULL, 0, &whole, NULL), HST_OK);
	assert_int_equal(hst_image_open("/proc/self/exe", NULL, 0, &image, NULL), HST_OK);
	count = hst_image_functions(whole, &functions);
	for (size_t i = 0; i < count && held < 64; i += count / 64 + 1) {
		kept[held] = hst_image_function(image, functions[i].address);
		assert_non_null(kept[held]);
		names[held] = strdup(kept[held]->full);
		held++;
	}
	hst_image_functions(image, &functions);
	for (size_t i = 0; i < held; i++) {
		assert_string_equal(kept[i]->full, names[i]);
		free(names[i]);
	}
	hst_image_close(image);
	hst_image_close(whole);
}

static void check_join(const char *directory, const char *path, const char *wanted)
{
	char *joined = hst_path_join(directory, path);

	assert_string_equal(joined, wanted);
	free(joined);
}

static void test_image_paths_are_normalised(void **state)
{
	(void)state;
	check_join("/a/b", "c.c", "/a/b/c.c");
	check_join("/a/b", "../c.c", "/a/c.c");
	check_join("/a/b/", "./x/.././c.c", "/a/b/c.c");
	check_join("/a", "../../../c.c", "/c.c");
	check_join("/a", "/x//y/../c.c", "/x/c.c");
	check_join(NULL, "../a/../c.c", "../c.c");
	check_join("rel", "../../c.c", "../c.c");
	check_join(NULL, "./c.c", "c.c");
	check_join("/", "..", "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_all_compilers_name_fib),
		cmocka_unit_test(test_image_split_dwarf_has_names_and_lines),
		cmocka_unit_test(test_image_unknown_addresses_give_nothing),
		cmocka_unit_test(test_image_functions_ascend_and_are_filled),
		cmocka_unit_test(test_image_stripped_gives_offsets),
		cmocka_unit_test(test_image_debuglink_beside_the_file),
		cmocka_unit_test(test_image_debuglink_in_debug_folder),
		cmocka_unit_test(test_image_debuglink_wrong_checksum_refused),
		cmocka_unit_test(test_image_debug_file_by_build_id),
		cmocka_unit_test(test_image_dwz_names_with_and_without_common_file),
		cmocka_unit_test(test_image_cold_and_part_belong_to_their_function),
		cmocka_unit_test(test_image_static_functions_of_one_name_stay_apart),
		cmocka_unit_test(test_image_alias_has_one_stable_name),
		cmocka_unit_test(test_image_cxx_names_and_lines),
		cmocka_unit_test(test_image_says_the_same_in_any_order),
		cmocka_unit_test(test_image_functions_outlive_later_questions),
		cmocka_unit_test(test_image_paths_are_normalised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
