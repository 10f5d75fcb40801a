/* SPDX-License-Identifier: Apache-2.0 */
/* What the kind of a file says before any name is read. */
#include "targets.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

static uint32_t flags_of(const char *name)
{
	struct hst_image *image = open_target(name);
	uint32_t flags = hst_image_flags(image);

	hst_image_close(image);
	return flags;
}

static void test_elf_flags_tell_hooks_and_debug(void **state)
{
	uint32_t flags = flags_of("fib");

	(void)state;
	assert_true(flags & HST_IMAGE_HAS_HOOKS);
	assert_true(flags & HST_IMAGE_HAS_SYMTAB);
	assert_true(flags & HST_IMAGE_HAS_DYNSYM);
	assert_true(flags & HST_IMAGE_HAS_DWARF);
	assert_false(flags & (HST_IMAGE_STRIPPED | HST_IMAGE_STATIC | HST_IMAGE_32BIT |
				     HST_IMAGE_ASAN | HST_IMAGE_DEFINES_HOOKS));
	assert_false(flags_of("fib-plain") & HST_IMAGE_HAS_HOOKS);
}

static void test_elf_stripped_keeps_hooks(void **state)
{
	uint32_t flags = flags_of("fib-stripped");

	(void)state;
	assert_true(flags & HST_IMAGE_HAS_HOOKS);
	assert_true(flags & HST_IMAGE_STRIPPED);
	assert_false(flags & (HST_IMAGE_HAS_SYMTAB | HST_IMAGE_HAS_DWARF));
}

static void test_elf_own_hooks_seen(void **state)
{
	uint32_t flags = flags_of("fib-gcc-O2-5");

	(void)state;
	assert_true(flags & HST_IMAGE_DEFINES_HOOKS);
}

static void test_elf_static_seen(void **state)
{
	(void)state;
	assert_true(flags_of("fib-static") & HST_IMAGE_STATIC);
}

static void test_elf_static_pie_seen(void **state)
{
	(void)state;
	assert_true(flags_of("fib-static-pie") & HST_IMAGE_STATIC);
}

static void test_elf_library_is_not_static(void **state)
{
	(void)state;
	assert_false(flags_of("libfib.so") & HST_IMAGE_STATIC);
}

static void test_elf_asan_seen(void **state)
{
	(void)state;
	assert_true(flags_of("fib-asan") & HST_IMAGE_ASAN);
}

static void test_elf_zstd_debug_seen(void **state)
{
	struct hst_image *image = open_target("fib-zstd");

	(void)state;
	assert_true(hst_image_flags(image) & HST_IMAGE_ZSTD_DEBUG);
	assert_false(hst_image_flags(image) & HST_IMAGE_HAS_DWARF);
	need_function(image, "fib", 0);
	hst_image_close(image);
}

static void test_elf_32bit_seen(void **state)
{
	Elf32_Ehdr header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32,
				      ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof header };
	char path[] = "hst-elf32-XXXXXX";
	int fd = mkstemp(path);
	struct hst_image *image = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &header, sizeof header), sizeof header);
	close(fd);
	assert_int_equal(hst_image_open(path, NULL, 0, &image, NULL), HST_OK);
	unlink(path);
	assert_true(hst_image_flags(image) & HST_IMAGE_32BIT);
	hst_image_close(image);
}

static void expect_refusal(const char *path, enum hst_status status, const char *part)
{
	struct hst_image *image = NULL;
	struct hst_diag diag = { { 0 } };

	assert_int_equal(hst_image_open(path, NULL, 0, &image, &diag), status);
	assert_null(image);
	assert_non_null(strstr(diag.text, part));
	assert_non_null(strstr(diag.text, path));
}

static void test_elf_other_files_refused(void **state)
{
	(void)state;
	expect_refusal("/nonexistent/program", HST_E_IO, "No such file");
	expect_refusal("/", HST_E_NOT_OURS, "regular");
	expect_refusal("/dev/null", HST_E_NOT_OURS, "regular");
	expect_refusal("/proc/self/status", HST_E_NOT_OURS, "not an ELF");
	expect_refusal(target("fib-object.o"), HST_E_UNSUPPORTED, "not a program");
}

static void test_elf_fifo_does_not_hang(void **state)
{
	char path[] = "hst-fifo-XXXXXX";

	(void)state;
	close(mkstemp(path));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refusal(path, HST_E_NOT_OURS, "regular");
	unlink(path);
}

static void test_elf_build_id_compared(void **state)
{
	struct hst_image *image = open_target("fib");
	const uint8_t *bytes = NULL;
	uint8_t id[64];
	size_t count = hst_image_build_id(image, &bytes);

	(void)state;
	assert_int_equal(count, 20);
	memcpy(id, bytes, count);
	hst_image_close(image);
	assert_int_equal(hst_image_open(target("fib"), id, count, &image, NULL), HST_OK);
	assert_false(hst_image_flags(image) & HST_IMAGE_BUILD_ID_DIFFERS);
	need_function(image, "fib", 0);
	hst_image_close(image);
	id[7] ^= 1;
	assert_int_equal(hst_image_open(target("fib"), id, count, &image, NULL), HST_OK);
	assert_true(hst_image_flags(image) & HST_IMAGE_BUILD_ID_DIFFERS);
	assert_null(find_function(image, "fib", 0));
	hst_image_close(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf_flags_tell_hooks_and_debug),
		cmocka_unit_test(test_elf_stripped_keeps_hooks),
		cmocka_unit_test(test_elf_own_hooks_seen),
		cmocka_unit_test(test_elf_static_seen),
		cmocka_unit_test(test_elf_static_pie_seen),
		cmocka_unit_test(test_elf_library_is_not_static),
		cmocka_unit_test(test_elf_asan_seen),
		cmocka_unit_test(test_elf_zstd_debug_seen),
		cmocka_unit_test(test_elf_32bit_seen),
		cmocka_unit_test(test_elf_other_files_refused),
		cmocka_unit_test(test_elf_fifo_does_not_hang),
		cmocka_unit_test(test_elf_build_id_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
