/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of compilers: which are edited, and into what. */
#include "hooks/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 64

struct words {
	char text[2048];
	char *argv[WORDS_MAX];
};

/* Splits at blanks. */
static void split_words(const char *line, struct words *ret_words)
{
	size_t count = 0;

	snprintf(ret_words->text, sizeof ret_words->text, "%s", line);
	for (char *word = strtok(ret_words->text, " "); word != NULL; word = strtok(NULL, " ")) {
		assert_true(count + 1 < WORDS_MAX);
		ret_words->argv[count++] = word;
	}
	ret_words->argv[count] = NULL;
}

static void join_words(char *const *argv, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; argv[i] != NULL; i++) {
		used += (size_t)snprintf(
			buffer + used, size - used, "%s%s", i == 0 ? "" : " ", argv[i]);
		assert_true(used < size);
	}
}

/* What becomes of a line: NULL if it is left alone. */
static const char *edited(const char *line, const char *flags, const char *path)
{
	static char result[4096];
	struct words words;
	char *room[WORDS_MAX + HST_COMPILER_ADDED_MAX];
	struct hst_compiler_settings settings = { .flags = flags, .path = path };
	static char copy[HST_COMPILER_FLAGS_BYTES];
	struct hst_compiler_edit edit = {
		.argv = room, .room = sizeof room / sizeof room[0], .flags = copy
	};
	char before[2048];
	char after[2048];

	split_words(line, &words);
	join_words(words.argv, before, sizeof before);
	if (!hst_compiler_edit(&settings, words.argv[0], words.argv, &edit)) {
		return NULL;
	}
	join_words(words.argv, after, sizeof after);
	assert_string_equal(before, after); /* the program's own memory stays as it was */
	join_words(edit.argv, result, sizeof result);
	return result;
}

static void assert_edited(const char *line, const char *expected)
{
	const char *got = edited(line, NULL, NULL);

	assert_non_null(got);
	assert_string_equal(got, expected);
}

static const char *verdict_of(const char *line, bool own_flags)
{
	static const char *const names[] = {
#define HST_COMPILER_VERDICT(NAME, name, text) #name,
#include "hasten/compilers.def"
	};
	struct words words;

	split_words(line, &words);
	return names[hst_compiler_judge(words.argv[0], words.argv, own_flags).verdict];
}

#define EXCLUDE "-finstrument-functions-exclude-file-list=/usr/include,/include/c++/"

static void test_edit_flags_stand_behind_the_name(void **state)
{
	(void)state;
	assert_edited("gcc -O2 -c a.c -o a.o", "gcc -finstrument-functions -g -O2 -c a.c -o a.o");
	assert_edited("gcc a.c b.o -lm", "gcc -finstrument-functions -g a.c b.o -lm");
	assert_edited("/usr/bin/x86_64-linux-gnu-gcc-12 -c a.i",
		"/usr/bin/x86_64-linux-gnu-gcc-12 -finstrument-functions -g -c a.i");
	assert_edited("gcc -xc -c - -o a.o", "gcc -finstrument-functions -g -xc -c - -o a.o");
	assert_edited("gcc -S a.c", "gcc -finstrument-functions -g -S a.c");
	assert_edited("gcc -c a.c @more", "gcc -finstrument-functions -g -c a.c @more");
	assert_edited("gcc -c -- -a.c", "gcc -finstrument-functions -g -c -- -a.c");
}

static void test_edit_cxx_of_gcc_leaves_out_system_headers(void **state)
{
	(void)state;
	assert_edited("g++ -c a.cc", "g++ -finstrument-functions " EXCLUDE " -g -c a.cc");
	assert_edited("g++-12 -c a.c", "g++-12 -finstrument-functions " EXCLUDE " -g -c a.c");
	assert_edited("gcc -c a.C", "gcc -finstrument-functions " EXCLUDE " -g -c a.C");
	assert_edited(
		"gcc -x c++ -c a.c", "gcc -finstrument-functions " EXCLUDE " -g -x c++ -c a.c");
	assert_edited("gcc -xc++ -c - -xnone a.c",
		"gcc -finstrument-functions " EXCLUDE " -g -xc++ -c - -xnone a.c");
	/* A list of the user's own stays, and adds up. */
	assert_edited("g++ -finstrument-functions-exclude-file-list=my\\,dir -c a.cc",
		"g++ -finstrument-functions " EXCLUDE
		" -g -finstrument-functions-exclude-file-list=my\\,dir -c a.cc");
	assert_edited("g++ -x c++-header a.h",
		"g++ -finstrument-functions " EXCLUDE " -g -x c++-header a.h");
}

static void test_edit_clang_hooks_after_inlining(void **state)
{
	(void)state;
	assert_edited("clang -c a.c", "clang -finstrument-functions-after-inlining -g -c a.c");
	assert_edited("clang++-14 -c a.cc",
		"clang++-14 -finstrument-functions-after-inlining -g -c a.cc");
	assert_edited("clang --target=x86_64-linux-gnu -c a.c",
		"clang -finstrument-functions-after-inlining -g --target=x86_64-linux-gnu -c a.c");
}

static void test_edit_debug_option_of_the_user_is_kept(void **state)
{
	static const char *const options[] = { "-g", "-g0", "-g3", "-ggdb3", "-gdwarf-4",
		"-gline-tables-only" };
	static const char *const others[] = { "-gz", "-grecord-gcc-switches", "-gsplit-dwarf" };
	char line[128];
	char expected[128];

	(void)state;
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		snprintf(line, sizeof line, "gcc %s -c a.c", options[i]);
		snprintf(expected, sizeof expected, "gcc -finstrument-functions %s -c a.c",
			options[i]);
		assert_edited(line, expected);
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		snprintf(line, sizeof line, "gcc %s -c a.c", others[i]);
		snprintf(expected, sizeof expected, "gcc -finstrument-functions -g %s -c a.c",
			others[i]);
		assert_edited(line, expected);
	}
}

static void test_edit_looks_behind_caches(void **state)
{
	(void)state;
	assert_edited("ccache gcc -c a.c", "ccache gcc -finstrument-functions -g -c a.c");
	assert_edited("/usr/bin/ccache max_size=5G distcc /usr/bin/gcc-12 -c a.c",
		"/usr/bin/ccache max_size=5G distcc /usr/bin/gcc-12 -finstrument-functions -g -c "
		"a.c");
	assert_edited("sccache clang++ -c a.cc",
		"sccache clang++ -finstrument-functions-after-inlining -g -c a.cc");
	assert_null(edited("ccache -s", NULL, NULL));
	assert_null(edited("ccache", NULL, NULL));
	assert_null(edited("distcc -c a.c", NULL, NULL));
	assert_null(edited("ccache make -c a.c", NULL, NULL));
}

static void test_edit_flags_of_the_user(void **state)
{
	(void)state;
	assert_string_equal(edited("gcc -c a.c", " -pg\t-O0  ", NULL), "gcc -pg -O0 -c a.c");
	assert_string_equal(edited("gcc -c a.c", "-DA=x y\n-DB\n", NULL), "gcc -DA=x y -DB -c a.c");
	assert_string_equal(edited("gfortran -c a.f90", "-pg", NULL), "gfortran -pg -c a.f90");
	assert_string_equal(edited("gnatgcc -c a.adb", "-pg", NULL), "gnatgcc -pg -c a.adb");
	assert_string_equal(edited("gcc -finstrument-functions -c a.c", "-pg", NULL),
		"gcc -pg -finstrument-functions -c a.c");
	assert_null(edited("gcc -c a.c", " ", NULL));
	assert_null(edited("gcc -c a.s", "-pg", NULL));
}

static void test_edit_too_much_is_left_alone(void **state)
{
	struct words words;
	char *room[4];
	struct hst_compiler_settings settings = { 0 };
	struct hst_compiler_edit edit = { .argv = room, .room = 4 };
	char flags[HST_COMPILER_FLAGS_BYTES + 1];

	(void)state;
	split_words("gcc -c a.c", &words);
	assert_int_equal(hst_compiler_room(words.argv), 3 + 1 + HST_COMPILER_ADDED_MAX);
	assert_false(hst_compiler_edit(&settings, "gcc", words.argv, &edit));
	memset(flags, 'x', sizeof flags - 1);
	flags[sizeof flags - 1] = '\0';
	assert_null(edited("gcc -c a.c", flags, NULL));
	flags[sizeof flags - 2] = '\0';
	assert_non_null(edited("gcc -c a.c", flags, NULL));
	for (size_t i = 0; i < (HST_COMPILER_ADDED_MAX + 1) * 2; i++) {
		flags[i] = i % 2 == 0 ? 'x' : ' ';
	}
	flags[HST_COMPILER_ADDED_MAX * 2] = '\0';
	assert_non_null(edited("gcc -c a.c", flags, NULL));
	flags[HST_COMPILER_ADDED_MAX * 2] = 'x';
	flags[HST_COMPILER_ADDED_MAX * 2 + 1] = '\0';
	assert_null(edited("gcc -c a.c", flags, NULL));
}

static void test_edit_empty_argv(void **state)
{
	char *none[1] = { NULL };
	char *room[HST_COMPILER_ADDED_MAX + 8];
	char name[] = "gcc";
	char option[] = "-o";
	char *cut[3] = { name, option, NULL };
	struct hst_compiler_settings settings = { 0 };
	struct hst_compiler_edit edit = { .argv = room, .room = sizeof room / sizeof room[0] };

	(void)state;
	assert_false(hst_compiler_edit(&settings, "gcc", none, &edit));
	assert_false(hst_compiler_edit(&settings, "gcc", NULL, &edit));
	assert_false(hst_compiler_edit(&settings, NULL, cut, &edit));
}

static const struct {
	const char *line, *verdict;
} reasons[] = {
	{ "gcc -finstrument-functions -c a.c", "already" },
	{ "clang -finstrument-functions-after-inlining -c a.c", "already" },
	{ "gcc -finstrument-functions -fno-instrument-functions -c a.c", "refused" },
	{ "gcc -fno-instrument-functions -finstrument-functions -c a.c", "already" },
	{ "gcc -c conftest.c", "probe" },
	{ "gcc -o conftest -O2 conftest.cpp -lm", "probe" },
	{ "gcc -E conftest.c", "probe" },
	{ "cc -o CMakeFiles/cmTC_1a2b3.dir/src.c.o -c "
	  "/b/CMakeFiles/CMakeScratch/TryCompile-x/src.c",
		"probe" },
	{ "cc -o CMakeFiles/cmTC_1a2b3.dir/CMakeCCompilerABI.c.o -c "
	  "/usr/share/cmake-3.25/Modules/CMakeCCompilerABI.c",
		"probe" },
	{ "c++ CMakeCXXCompilerId.cpp", "probe" },
	{ "cc CMakeFiles/cmTC_1a2b3.dir/src.c.o -o cmTC_1a2b3", "probe" },
	{ "cc /b/meson-private/tmpx_1/testfile.c -o /b/meson-private/tmpx_1/output.obj -c",
		"probe" },
	{ "c++ sanitycheckcpp.cc -o sanitycheckcpp.exe", "probe" },
	{ "gcc -c -O3 ztest21674.c", "probe" },
	{ "gcc -c -o /tmp/ffconf.aBc/test.o /tmp/ffconf.aBc/test.c", "probe" },
	{ "gcc -Wl,-z,x -x c - -o /dev/null", "probe" },
	{ "gcc a.o b.o -o a", "link" },
	{ "gcc -shared -fPIC -o liba.so a.o -lm", "link" },
	{ "gcc -o a @objects.rsp", "file" },
	{ "gcc @all", "file" },
	{ "gcc -o a a.o @more.rsp", "link" },
	{ "gcc -E a.c", "preprocess" },
	{ "gcc -M a.c", "preprocess" },
	{ "gcc -MM -MF a.d a.c", "preprocess" },
	{ "gcc -MD -MF a.c -c a.c", "hooks" },
	{ "gcc -fsyntax-only a.c", "no_code" },
	{ "gcc --version", "query" },
	{ "gcc -v", "query" },
	{ "gcc -dumpmachine", "query" },
	{ "gcc -dumpbase a.c -c a.c", "hooks" },
	{ "gcc -print-file-name=crt1.o", "query" },
	{ "clang --print-targets", "query" },
	{ "gcc -### a.c", "query" },
	{ "gcc", "query" },
	{ "gcc -c a.S", "language" },
	{ "gcc -c a.f90", "language" },
	{ "gfortran -c a.f90", "language" },
	{ "gfortran -c a.c", "language" },
	{ "gcc -x assembler-with-cpp -c a.c", "language" },
	{ "clang -x cuda -c a.c", "language" },
	{ "clang -x ir -c a.c", "language" },
	{ "gcc -xlto -c a.ltrans0.o", "language" },
	{ "gcc -ffreestanding -c a.c", "bare" },
	{ "gcc -nostdlib a.c", "bare" },
	{ "gcc -mcmodel=kernel -c a.c", "bare" },
	{ "gcc -fno-builtin -c a.c", "hooks" },
	{ "clang -target bpf -c a.c", "target" },
	{ "clang --target=x86_64-linux-musl -c a.c", "target" },
	{ "clang --target=x86_64-linux-gnu -c a.c", "hooks" },
	{ "gcc -I a.c -include b.c -o c.c -MT d.c x.o", "link" },
	{ "gcc -oa.c x.o", "link" },
};

static void test_judge_reasons(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if (strcmp(verdict_of(reasons[i].line, false), reasons[i].verdict) != 0) {
			fail_msg("%s: %s, not %s", reasons[i].line,
				verdict_of(reasons[i].line, false), reasons[i].verdict);
		}
	}
}

static void test_judge_names(void **state)
{
	static const char *const compilers[] = { "gcc", "g++", "cc", "c++", "clang", "clang++",
		"/usr/bin/gcc-12.2", "x86_64-linux-gnu-g++", "aarch64-none-linux-gnu-gcc-9",
		"x86_64-suse-linux-gcc-13", "/usr/lib/ccache/cc", "clang-14" };
	static const char *const others[] = { "cc1", "cc1plus", "as", "ld", "collect2", "gcc-ar",
		"gcc-nm-12", "clang-format-14", "clang-cl", "clang-tidy", "nvcc", "icx", "mpicc",
		"musl-gcc", "x86_64-linux-musl-gcc", "arm-none-eabi-gcc", "avr-gcc",
		"x86_64-w64-mingw32-g++", "afl-gcc", "-gcc", "gcc-", "-12", "", "sh", "tcc", "xgcc",
		"gccgo", "arm-linux-androideabi-clang" };
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof compilers / sizeof compilers[0]; i++) {
		snprintf(line, sizeof line, "%s -c a.c", compilers[i]);
		if (strcmp(verdict_of(line, false), "hooks") != 0) {
			fail_msg("%s: %s", line, verdict_of(line, false));
		}
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		char name[64];
		char option[] = "-c";
		char source[] = "a.c";
		char *argv[] = { name, option, source, NULL };

		snprintf(name, sizeof name, "%s", others[i]);
		if (hst_compiler_judge(name, argv, false).verdict != HST_VERDICT_NONE) {
			fail_msg("%s is no compiler of ours", others[i]);
		}
	}
	assert_string_equal(verdict_of("clang-14 -cc1 -triple x -emit-obj a.c", false), "none");
}

static void test_judge_what_it_makes(void **state)
{
	struct hst_compiler_call call;
	struct words words;

	(void)state;
	split_words("ccache gcc -c -O2 a.c -o x/a.o b.c", &words);
	call = hst_compiler_judge("ccache", words.argv, false);
	assert_int_equal(call.at, 1);
	assert_int_equal(call.sources, 2);
	assert_string_equal(call.source, "a.c");
	assert_string_equal(call.output, "x/a.o");
	assert_true(call.object);
	assert_false(call.assembly);
	assert_false(call.cxx);
	split_words("g++ -S -emit-llvm a.c", &words);
	call = hst_compiler_judge(NULL, words.argv, false);
	assert_null(call.output);
	assert_true(call.assembly);
	assert_true(call.cxx);
}

/* Which compiler cc is, by links as Debian has them and a folder of ccache in front. */
static void test_behind_follows_links(void **state)
{
	char folder[] = "/tmp/hasten-compiler-XXXXXX";
	char path[256];
	static const struct {
		const char *name, *target;
	} links[] = { { "ccache/cc", "../bin/ccache" }, { "ccache/c++", "../bin/ccache" },
		{ "bin/cc", "../alternatives/cc" }, { "alternatives/cc", "../bin/gcc" },
		{ "bin/gcc", "x86_64-linux-gnu-gcc-12" }, { "bin/c++", "clang" },
		{ "bin/clang", "../lib/clang" }, { "bin/g++", "clang" } };
	static const char *const files[] = { "bin/ccache", "bin/x86_64-linux-gnu-gcc-12",
		"lib/clang", "own/cc" };
	static const char *const folders[] = { "bin", "ccache", "alternatives", "lib", "own" };

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		assert_int_equal(mkdir(folders[i], 0700), 0);
	}
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		FILE *file = fopen(files[i], "w");

		assert_non_null(file);
		fclose(file);
	}
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
		assert_int_equal(symlink(links[i].target, links[i].name), 0);
	}
	snprintf(path, sizeof path, "%s/none:%s/ccache:%s/bin", folder, folder, folder);
	assert_int_equal(hst_compiler_behind("cc", path), HST_COMPILER_IS_GCC);
	assert_int_equal(hst_compiler_behind("c++", path), HST_COMPILER_IS_CLANG);
	assert_int_equal(hst_compiler_behind("ccache/cc", path), HST_COMPILER_IS_GCC);
	assert_int_equal(hst_compiler_behind("./bin/c++", NULL), HST_COMPILER_IS_CLANG);
	assert_int_equal(hst_compiler_behind("cc", ":bin"), HST_COMPILER_IS_GCC);
	assert_int_equal(hst_compiler_behind("own/cc", path), HST_COMPILER_IS_ANY);
	assert_int_equal(hst_compiler_behind("cc", NULL), HST_COMPILER_IS_ANY);
	assert_int_equal(hst_compiler_behind("cc", ""), HST_COMPILER_IS_ANY);
	assert_string_equal(edited("c++ -c a.cc", NULL, path),
		"c++ -finstrument-functions-after-inlining -g -c a.cc");
	assert_string_equal(edited("g++ -c a.cc", NULL, path),
		"g++ -finstrument-functions-after-inlining -g -c a.cc");
	assert_string_equal(edited("ccache cc -c a.C", NULL, path),
		"ccache cc -finstrument-functions " EXCLUDE " -g -c a.C");
	assert_string_equal(
		edited("own/cc -c a.C", NULL, path), "own/cc -finstrument-functions -g -c a.C");
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
		(void)unlink(links[i].name);
	}
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		(void)unlink(files[i]);
	}
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		(void)rmdir(folders[i]);
	}
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* Small and the same everywhere. */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33) % below;
}

static char *word_of(uint64_t *seed)
{
	static char texts[][48] = {
#define HST_COMPILER(name, kind, language)       name,
#define HST_COMPILER_CACHE(name)                 name,
#define HST_COMPILER_OPTION(text, match, effect) text,
#define HST_COMPILER_SUFFIX(text, language)      "x." text,
#define HST_COMPILER_LANGUAGE(text, language)    text,
#define HST_COMPILER_PROBE(pattern)              pattern,
#include "hasten/compilers.def"
		"",
		"-",
		"--",
		"@",
		"@file",
		"=",
		"a=b",
		".",
		"..",
		"/",
		"//",
		"-o",
		"gcc-",
		"-gcc",
		"x-linux-gcc",
		"x-linux-gcc-1.2.3",
		"*",
		"?",
	};

	return texts[draw(seed, sizeof texts / sizeof texts[0])];
}

/* Whatever is asked: nothing of it is lost or changes its place, and what is added is one piece. */
static void test_edit_only_adds(void **state)
{
	struct hst_compiler_settings settings = { 0 };
	char *room[16 + HST_COMPILER_ADDED_MAX];
	struct hst_compiler_edit edit = { .argv = room, .room = sizeof room / sizeof room[0] };
	char name[] = "gcc";
	uint64_t seed = 1;
	uint32_t edits = 0;

	(void)state;
	for (uint32_t round = 0; round < 200000; round++) {
		char *argv[12];
		uint32_t count = draw(&seed, 11);
		struct hst_compiler_call call;
		uint32_t more;
		uint32_t total = 0;

		for (uint32_t i = 0; i < count; i++) {
			argv[i] = word_of(&seed);
		}
		argv[count] = NULL;
		if (count > 0 && round % 2 == 0) {
			argv[0] = name;
		}
		call = hst_compiler_judge(NULL, argv, false);
		assert_true(count == 0 || call.at < count);
		if (!hst_compiler_edit(&settings, NULL, argv, &edit)) {
			continue;
		}
		edits++;
		assert_int_equal(call.verdict, HST_VERDICT_EDIT);
		while (edit.argv[total] != NULL) {
			total++;
		}
		more = total - count;
		assert_in_range(more, 1, 3);
		for (uint32_t i = 0; i < count; i++) {
			assert_ptr_equal(edit.argv[i + (i > call.at ? more : 0)], argv[i]);
		}
	}
	assert_in_range(edits, 1000, 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edit_flags_stand_behind_the_name),
		cmocka_unit_test(test_edit_cxx_of_gcc_leaves_out_system_headers),
		cmocka_unit_test(test_edit_clang_hooks_after_inlining),
		cmocka_unit_test(test_edit_debug_option_of_the_user_is_kept),
		cmocka_unit_test(test_edit_looks_behind_caches),
		cmocka_unit_test(test_edit_flags_of_the_user),
		cmocka_unit_test(test_edit_too_much_is_left_alone),
		cmocka_unit_test(test_edit_empty_argv),
		cmocka_unit_test(test_edit_only_adds),
		cmocka_unit_test(test_judge_reasons),
		cmocka_unit_test(test_judge_names),
		cmocka_unit_test(test_judge_what_it_makes),
		cmocka_unit_test(test_behind_follows_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
