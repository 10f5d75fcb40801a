/* SPDX-License-Identifier: Apache-2.0 */
/* What files on disk say. */
#include "passes/processes.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/hst-look-XXXXXX";

static void write_file(const void *data, size_t bytes, mode_t mode)
{
	FILE *file = fopen(path, "wbe");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* A head and `count` segments of one type. */
struct program {
	Elf64_Ehdr head;
	Elf64_Phdr segments[3];
};

static struct program program_of(uint32_t type)
{
	struct program program = { .head = { .e_machine = 0,
					   .e_phoff = offsetof(struct program, segments),
					   .e_phentsize = sizeof(Elf64_Phdr),
					   .e_phnum = 3 } };

	memcpy(program.head.e_ident, ELFMAG, SELFMAG);
	program.head.e_ident[EI_CLASS] = ELFCLASS64;
	program.head.e_ident[EI_DATA] = ELFDATA2LSB;
#if defined(__x86_64__)
	program.head.e_machine = EM_X86_64;
#elif defined(__aarch64__)
	program.head.e_machine = EM_AARCH64;
#endif
	program.segments[0].p_type = PT_LOAD;
	program.segments[1].p_type = PT_LOAD;
	program.segments[2].p_type = type;
	return program;
}

static void test_look_at_programs(void **state)
{
	struct program program = program_of(PT_INTERP);

	(void)state;
	write_file(&program, sizeof program, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_DYNAMIC);
	write_file(&program, sizeof program, 04755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_PRIVILEGED);
	program = program_of(PT_NOTE);
	write_file(&program, sizeof program, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_STATIC);
	program.head.e_machine = EM_RISCV;
	write_file(&program, sizeof program, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_FOREIGN);
	program = program_of(PT_INTERP);
	program.head.e_ident[EI_CLASS] = ELFCLASS32;
	write_file(&program, sizeof program, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_FOREIGN);
}

static void test_look_at_what_is_no_program(void **state)
{
	struct program program = program_of(PT_NOTE);

	(void)state;
	write_file("#!/bin/sh\n", 10, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_SCRIPT);
	write_file("", 0, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_UNKNOWN);
	write_file("\177ELF", 4, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_UNKNOWN);
	/* Cut within the head, and within the segments. */
	write_file(&program, sizeof(Elf64_Ehdr) - 1, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_UNKNOWN);
	write_file(&program, sizeof program - 1, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_UNKNOWN);
	program.head.e_phoff = UINT64_MAX;
	write_file(&program, sizeof program, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_UNKNOWN);
	program = program_of(PT_NOTE);
	program.head.e_phentsize = 1;
	write_file(&program, sizeof program, 0755);
	assert_int_equal(hst_program_look(path, NULL), HST_PROGRAM_UNKNOWN);
	assert_int_equal(hst_program_look("/tmp", NULL), HST_PROGRAM_UNKNOWN);
	assert_int_equal(hst_program_look("/nonexistent", NULL), HST_PROGRAM_UNKNOWN);
	assert_int_equal(hst_program_look("/proc/self/exe", NULL), HST_PROGRAM_DYNAMIC);
}

static int begin(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look_at_programs),
		cmocka_unit_test(test_look_at_what_is_no_program),
	};

	return cmocka_run_group_tests(tests, begin, end) == 0 ? 0 : 1;
}
