/* SPDX-License-Identifier: Apache-2.0 */
/* hasten build without a build: options, the calls of a made-up recording, files of all kinds. */
#include "cmd/build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGES_MAX 16
#define WORDS_MAX  16

/* A recording under construction. */
struct made {
	struct hst_process_image images[IMAGES_MAX];
	const char *words[IMAGES_MAX][2][WORDS_MAX];
	char texts[IMAGES_MAX][2][256];
	struct hst_processes processes;
};

static const char *const *words_of(struct made *made, size_t image, size_t which, const char *line)
{
	char *text = made->texts[image][which];
	size_t count = 0;

	snprintf(text, sizeof made->texts[image][which], "%s", line);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
		assert_true(count + 1 < WORDS_MAX);
		made->words[image][which][count++] = word;
	}
	return made->words[image][which];
}

/* Returns its number. `original` NULL: nothing was added. */
static uint32_t image(struct made *made, uint32_t parent, const char *line, const char *original)
{
	size_t at = made->processes.image_count++;
	struct hst_process_image *new = &made->images[at];

	assert_true(at < IMAGES_MAX);
	made->processes.images = made->images;
	*new = (struct hst_process_image){
		.pid = 100 + (uint32_t)at,
		.parent = parent,
		.previous = HST_PROCESS_NONE,
		.next = HST_PROCESS_NONE,
		.first_child = HST_PROCESS_NONE,
		.exe = "",
		.cwd = "/src",
		.file = "",
		.command = "",
		.argv = words_of(made, at, 0, line),
		.original = original != NULL ? words_of(made, at, 1, original) : NULL,
		.began = HST_PROCESS_BEGAN_SPAWN,
		.flags = original != NULL ? HST_PROCESS_FLAGS_ADDED : 0,
	};
	return (uint32_t)at;
}

static void test_collect_counts_calls_once(void **state)
{
	struct made *made = calloc(1, sizeof *made);
	struct hst_build build;
	uint32_t make;
	uint32_t cache;
	uint32_t gcc;

	(void)state;
	assert_non_null(made);
	make = image(made, HST_PROCESS_NONE, "make", NULL);
	gcc = image(made, make, "gcc -finstrument-functions -g -c a.c", "gcc -c a.c");
	(void)image(made, gcc, "/usr/lib/gcc/cc1 a.c", NULL);
	/* What a compiler or a cache starts is a part of its call. */
	(void)image(made, gcc, "gcc @/tmp/cc1.args", NULL);
	cache = image(made, make, "ccache gcc -finstrument-functions -c b.c -o out/b.o",
		"ccache gcc -c b.c -o out/b.o");
	(void)image(made, cache, "gcc -E b.c", NULL);
	(void)image(made, make, "gcc a.o b.o -o prog", NULL);
	(void)image(made, make, "gcc -c conftest.c", NULL);
	/* Not edited though it could have been. */
	(void)image(made, make, "g++ -c ./c.cc", NULL);
	/* A child of fork, before it executes something. */
	made->images[image(made, gcc, "gcc -c a.c", NULL)].began = HST_PROCESS_BEGAN_FORK;
	/* Failed: it made nothing. */
	made->images[image(made, make, "gcc -c d.c", "gcc -c d.c")].class = HST_PROCESS_CLASS_CE;
	assert_int_equal(hst_build_collect(&made->processes, false, &build), HST_OK);
	assert_int_equal(build.calls.count, 6);
	assert_int_equal(build.added, 3);
	assert_int_equal(build.missed, 1);
	assert_int_equal(build.failed, 1);
	assert_int_equal(build.verdicts[HST_VERDICT_EDIT], 4);
	assert_int_equal(build.verdicts[HST_VERDICT_LINK], 1);
	assert_int_equal(build.verdicts[HST_VERDICT_PROBE], 1);
	assert_int_equal(build.files.count, 3);
	assert_string_equal(build.files.items[0].path, "/src/a.o");
	assert_string_equal(build.files.items[1].path, "/src/out/b.o");
	assert_string_equal(build.files.items[2].path, "/src/c.o");
	assert_int_equal(build.linked.count, 1);
	assert_string_equal(build.linked.items[0].path, "/src/prog");
	hst_build_finish(&build);
	free(made);
}

static void test_collect_follows_an_exec(void **state)
{
	struct made *made = calloc(1, sizeof *made);
	struct hst_build build;
	uint32_t wrapper;
	uint32_t real;

	(void)state;
	assert_non_null(made);
	wrapper = image(made, HST_PROCESS_NONE, "gcc -finstrument-functions -c a.c -o a.o",
		"gcc -c a.c -o a.o");
	real = image(made, HST_PROCESS_NONE, "gcc-12 -finstrument-functions -c a.c -o a.o", NULL);
	made->images[real].previous = wrapper;
	assert_int_equal(hst_build_collect(&made->processes, false, &build), HST_OK);
	assert_int_equal(build.calls.count, 1);
	assert_true(build.calls.items[0].added);
	hst_build_finish(&build);
	free(made);
}

static void test_collect_files(void **state)
{
	static const char *const lines[] = { "make", "gcc -c x/a.c y/b.cc", "gcc a.c", "gcc -S e.c",
		"g++ -x c++-header all.h -o all.h.gch", "g++ all.hpp", "gcc -c f.c -o /abs/f.o",
		"gcc -c f.c -o /abs/f.o", "gcc -c g.c -o ././g.o" };
	static const char *const expected[] = { "/src/a.o", "/src/b.o", "/src/a.out", "/abs/f.o",
		"/src/g.o" };
	struct made *made = calloc(1, sizeof *made);
	struct hst_build build;

	(void)state;
	assert_non_null(made);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		(void)image(made, HST_PROCESS_NONE, lines[i], NULL);
	}
	/* Without a directory of its own: the one of its caller. */
	made->images[8].cwd = "";
	made->images[8].parent = 0;
	assert_int_equal(hst_build_collect(&made->processes, false, &build), HST_OK);
	assert_int_equal(build.files.count, sizeof expected / sizeof expected[0]);
	for (size_t i = 0; i < build.files.count; i++) {
		assert_string_equal(build.files.items[i].path, expected[i]);
	}
	assert_int_equal(build.files.items[3].call, 6);
	hst_build_finish(&build);
	free(made);
}

static void test_collect_names_what_cannot_be_watched(void **state)
{
	struct made *made = calloc(1, sizeof *made);
	struct hst_build build;
	uint32_t gcc;

	(void)state;
	assert_non_null(made);
	made->images[image(made, HST_PROCESS_NONE, "./tool", NULL)].blind =
		HST_PROCESS_BLIND_STATIC;
	made->images[0].command = "tool";
	made->images[0].first_child = 1;
	/* It starts nothing. */
	made->images[image(made, 0, "ldconfig", NULL)].blind = HST_PROCESS_BLIND_STATIC;
	gcc = image(made, HST_PROCESS_NONE, "gcc -c a.c", NULL);
	made->images[image(made, gcc, "as", NULL)].blind = HST_PROCESS_BLIND_STATIC;
	assert_int_equal(hst_build_collect(&made->processes, false, &build), HST_OK);
	assert_int_equal(build.unwatched, 1);
	assert_string_equal(build.unwatched_example, "tool");
	hst_build_finish(&build);
	free(made);
}

static void put(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void test_look_tells_files_apart(void **state)
{
	char path[] = "/tmp/hasten-look-XXXXXX";
	int fd = mkstemp(path);
	bool program = true;
	char own[8192];
	ssize_t length;
	FILE *self = fopen("/proc/self/exe", "r");

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(hst_build_look("/proc/self/exe", &program), HST_BUILD_NO_HOOKS);
	assert_true(program);
	assert_int_equal(hst_build_look(path, &program), HST_BUILD_UNKNOWN);
	assert_false(program);
	put(path, "BC\xc0\xde....", 8);
	assert_int_equal(hst_build_look(path, &program), HST_BUILD_LATER);
	put(path,
		"\x7f"
		"ELF",
		4);
	assert_int_equal(hst_build_look(path, &program), HST_BUILD_UNKNOWN);
	/* A file that was cut: the tables lie behind its end. */
	assert_non_null(self);
	length = (ssize_t)fread(own, 1, sizeof own, self);
	assert_true(length > 64);
	fclose(self);
	put(path, own, (size_t)length);
	assert_int_equal(hst_build_look(path, &program), HST_BUILD_UNKNOWN);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(hst_build_look(path, &program), HST_BUILD_GONE);
	assert_int_equal(hst_build_look("/", &program), HST_BUILD_UNKNOWN);
}

static void assert_flags(const char *text, const char *expected)
{
	struct hst_diag diag;
	char *lines = NULL;

	assert_int_equal(hst_build_flags(text, &lines, &diag), HST_OK);
	assert_string_equal(lines, expected);
	free(lines);
}

static void test_flags_are_split_as_a_shell_does(void **state)
{
	static const char *const wrong[] = { "", "  ", "'a", "\"a\\\"", "a\\" };
	struct hst_diag diag;
	char *lines = NULL;
	char *many = malloc(2 * HST_COMPILER_FLAGS_BYTES + 1);

	(void)state;
	assert_flags("-a", "-a\n");
	assert_flags("  -a\t-b ", "-a\n-b\n");
	assert_flags("-DA='x y' \"-D\\\"B\" c\\ d '\\' ''", "-DA=x y\n-D\"B\nc d\n\\\n\n");
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(hst_build_flags(wrong[i], &lines, &diag), HST_E_USAGE);
	}
	assert_non_null(many);
	memset(many, 'x', 2 * HST_COMPILER_FLAGS_BYTES);
	many[HST_COMPILER_FLAGS_BYTES - 1] = '\0';
	assert_int_equal(hst_build_flags(many, &lines, &diag), HST_E_USAGE);
	many[HST_COMPILER_FLAGS_BYTES - 2] = '\0';
	assert_int_equal(hst_build_flags(many, &lines, &diag), HST_OK);
	free(lines);
	for (size_t i = 1; i <= HST_COMPILER_ADDED_MAX * 2; i += 2) {
		many[i] = ' ';
	}
	many[HST_COMPILER_ADDED_MAX * 2] = '\0';
	assert_int_equal(hst_build_flags(many, &lines, &diag), HST_OK);
	free(lines);
	many[HST_COMPILER_ADDED_MAX * 2] = 'x';
	many[HST_COMPILER_ADDED_MAX * 2 + 1] = '\0';
	assert_int_equal(hst_build_flags(many, &lines, &diag), HST_E_USAGE);
	free(many);
}

static enum hst_status parse(const char *line, struct hst_build_options *options)
{
	static char text[256];
	static char *argv[WORDS_MAX];
	struct hst_diag diag;
	int argc = 0;

	snprintf(text, sizeof text, "%s", line);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return hst_build_options_parse(argc, argv, options, &diag);
}

static void test_options(void **state)
{
	static const char *const wrong[] = { "build --nothing make", "build -x make",
		"build --quiet=1 make", "build --flags", "build -o", "build --json - make",
		"build --color=green make", "build -q1 make" };
	struct hst_build_options options;

	(void)state;
	assert_int_equal(
		parse("build -q -o dir --flags=-pg --json list make -j2 -q", &options), HST_OK);
	assert_true(options.quiet);
	assert_string_equal(options.directory, "dir");
	assert_string_equal(options.flags, "-pg");
	assert_string_equal(options.json, "list");
	assert_string_equal(options.program[0], "make");
	assert_string_equal(options.program[2], "-q");
	assert_int_equal(parse("build -odir -- -odd", &options), HST_OK);
	assert_string_equal(options.directory, "dir");
	assert_string_equal(options.program[0], "-odd");
	assert_int_equal(parse("build --color", &options), HST_OK);
	assert_int_equal(options.color, HST_SAY_COLOR_ALWAYS);
	assert_null(options.program[0]);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(parse(wrong[i], &options), HST_E_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_collect_counts_calls_once),
		cmocka_unit_test(test_collect_follows_an_exec),
		cmocka_unit_test(test_collect_files),
		cmocka_unit_test(test_collect_names_what_cannot_be_watched),
		cmocka_unit_test(test_look_tells_files_apart),
		cmocka_unit_test(test_flags_are_split_as_a_shell_does),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
