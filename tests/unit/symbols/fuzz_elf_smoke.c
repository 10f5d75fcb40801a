/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged ELF files: random bytes changed, files cut short. Nothing is asserted but that every
 * question gets an answer: a crash or an endless loop (the runner's time limit) is the failure.
 */
#include "targets.h"

#include <sys/stat.h>

#include "symbols/recipes.h"

#define FILE_BYTES_MAX (1u << 20)
#define ROUNDS         250u

/* libdwarf itself loses an object or two in damaged files; other tests see what we lose. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libdwarf";
}

struct program {
	unsigned char *bytes;
	size_t count;
};

static unsigned next_random(unsigned *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static struct program read_program(const char *name)
{
	struct program program = { .bytes = malloc(FILE_BYTES_MAX) };
	FILE *in = fopen(target(name), "rb");

	assert_non_null(program.bytes);
	assert_non_null(in);
	program.count = fread(program.bytes, 1, FILE_BYTES_MAX, in);
	fclose(in);
	assert_true(program.count > 1024);
	return program;
}

/* Asks everything there is to ask. */
static void ask(const char *path)
{
	const struct hst_function *functions = NULL;
	const struct hst_function *outer = NULL;
	struct hst_recipes recipes = { 0 };
	struct hst_image *image = NULL;
	struct hst_diag diag = { { 0 } };
	const uint8_t *id = NULL;
	size_t count;

	if (hst_image_open(path, NULL, 0, &image, &diag) != HST_OK) {
		assert_true(diag.text[0] != '\0');
		return;
	}
	hst_image_build_id(image, &id);
	count = hst_image_functions(image, &functions);
	for (size_t i = 0; i < count && i < 200; i++) {
		const char *file;
		uint32_t line;

		assert_non_null(functions[i].name);
		assert_non_null(functions[i].full);
		assert_non_null(functions[i].linkage);
		hst_image_line(image, functions[i].address + 3, &file, &line);
		hst_image_is_inlined(image, functions[i].address + 9, functions[i].address, &outer);
		hst_image_is_inlined(
			image, functions[i].address + 40, functions[0].address, &outer);
	}
	if (hst_recipes_read(image, &recipes, &diag) == HST_OK) {
		for (size_t i = 0; i < recipes.site_count; i++) {
			(void)hst_recipes_complete(&recipes, &recipes.sites[i]);
		}
	}
	hst_recipes_finish(&recipes);
	hst_image_close(image);
}

static void write_and_ask(const char *path, const unsigned char *bytes, size_t count)
{
	FILE *out = fopen(path, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, count, out), count);
	assert_int_equal(fclose(out), 0);
	ask(path);
}

static void damage(const char *name)
{
	struct program program = read_program(name);
	unsigned char *copy = malloc(program.count);
	char path[] = "hst-damaged-XXXXXX";
	unsigned seed = 2463534242u;

	assert_non_null(copy);
	close(mkstemp(path));
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t changes = 1 + next_random(&seed) % 8;
		/* A third each: anywhere, in the headers, behind the code. */
		size_t from = round % 3 == 2 ? program.count / 2 : 0;
		size_t span = round % 3 == 1 ? 1024 : program.count - from;

		memcpy(copy, program.bytes, program.count);
		for (size_t i = 0; i < changes; i++) {
			unsigned value = next_random(&seed);

			copy[from + next_random(&seed) % span] =
				(value & 0x300) == 0 ? 0xff : (unsigned char)value;
		}
		write_and_ask(path, copy, program.count);
	}
	for (size_t i = 0; i < 40; i++) {
		write_and_ask(path, program.bytes, program.count * i / 40);
	}
	unlink(path);
	free(copy);
	free(program.bytes);
}

static void test_fuzz_elf_damaged_files_never_crash(void **state)
{
	static const char *const names[] = { "fib-gcc-O2-5", "fib-gcc-O2-4", "fib-stripped",
		"fib-gz", "fib-split" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		damage(names[i]);
	}
}

static void test_fuzz_elf_damaged_clang_files_never_crash(void **state)
{
	(void)state;
	damage("fib-clang-O2-5");
}

static void test_fuzz_elf_damaged_cxx_files_never_crash(void **state)
{
	(void)state;
	damage("shapes-g++-O2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fuzz_elf_damaged_files_never_crash),
		cmocka_unit_test(test_fuzz_elf_damaged_clang_files_never_crash),
		cmocka_unit_test(test_fuzz_elf_damaged_cxx_files_never_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
