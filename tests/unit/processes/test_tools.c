/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct line {
	const char *exe, *command, *tool, *language;
	enum hst_process_phase phase;
	const char *script, *output;
};

static const struct line lines[] = {
#define LINE(exe, command, tool, language, phase, script, output) \
 { exe, command, tool, language, HST_PROCESS_PHASE_##phase, script, output },
#include "tool_lines.def"
#undef LINE
};

#define ARGS_MAX 64u

struct words {
	char *text;
	const char *argv[ARGS_MAX];
	uint32_t argc;
};

static void split(struct words *words, const char *command)
{
	char *rest;

	words->text = strdup(command);
	assert_non_null(words->text);
	words->argc = 0;
	for (char *word = strtok_r(words->text, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		assert_true(words->argc < ARGS_MAX);
		words->argv[words->argc++] = word;
	}
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* false: something is other than it should be. */
static bool check_line(const struct line *line, uint8_t *hits)
{
	const struct hst_tool *rows;
	struct hst_tool_use use;
	struct words words;
	bool good = true;
	size_t count;

	split(&words, line->command);
	use = hst_tools_recognise(NULL, line->exe, words.argv, words.argc);
	if (!same(use.tool == NULL ? NULL : use.tool->name, line->tool) ||
		!same(use.language, line->language) || use.phase != line->phase ||
		!same(use.script, line->script) || !same(use.output, line->output)) {
		print_error("%s: tool %s language '%s' phase %s script %s output %s\n",
			line->command, use.tool == NULL ? "-" : use.tool->name, use.language,
			hst_process_phase_text(use.phase), use.script, use.output);
		good = false;
	}
	rows = hst_tools_builtin(&count);
	if (use.tool != NULL && use.tool >= rows && use.tool < rows + count) {
		hits[use.tool - rows] = 1;
	}
	free(words.text);
	return good;
}

static void test_tools_recorded_lines_cover_every_row(void **state)
{
	size_t count;
	const struct hst_tool *rows = hst_tools_builtin(&count);
	uint8_t *hits = calloc(count, 1);
	bool good = true;

	(void)state;
	assert_non_null(hits);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		good = check_line(&lines[i], hits) && good;
	}
	for (size_t i = 0; i < count; i++) {
		if (!hits[i]) {
			print_error("no line hits the row '%s'\n", rows[i].pattern);
			good = false;
		}
	}
	assert_true(good);
	free(hits);
}

static void test_tools_match_patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool fits;
	} cases[] = { { "gcc", "gcc", true }, { "gcc", "gcc-12", false },
		{ "*-gcc#", "x86_64-linux-gnu-gcc-12", true },
		{ "*-gcc#", "arm-none-eabi-gcc", true }, { "*-gcc#", "gcc-12.2.0", true },
		{ "*-gcc#", "my-gcc", false }, { "*-gcc#", "gcc-12-extra", false },
		{ "*-gcc#", "gcc-", false }, { "*-gcc#", "gcc12.", false },
		{ "python#", "/usr/bin/python3.11", true }, { "python#", "python3-config", false },
		{ "*-as#", "alias", false }, { "*-g++#", "g++-12", true },
		{ "pkg/tool//link", "/usr/lib/go/pkg/tool/linux_amd64/link", true },
		{ "pkg/tool//link", "/usr/bin/link", false }, { "pkg/tool//link", "link", false },
		{ "*-ld", "x86_64-linux-gnu-ld", true }, { "gcc", "", false },
		{ "*-gcc#", "x86_64-linux-gnu-", false } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (hst_tools_match(cases[i].pattern, cases[i].name) != cases[i].fits) {
			print_error("%s %s\n", cases[i].pattern, cases[i].name);
		}
		assert_int_equal(hst_tools_match(cases[i].pattern, cases[i].name), cases[i].fits);
	}
}

static void test_tools_rustc_names_its_output(void **state)
{
	const char *argv[] = { "rustc", "--crate-name", "my_app", "src/main.rs", "--crate-type",
		"bin", "-C", "extra-filename=-0a1b", "--out-dir", "target/debug/deps" };
	struct hst_tool_use use = hst_tools_recognise(NULL, "/bin/rustc", argv, 10);

	(void)state;
	assert_string_equal(use.crate, "my_app");
	assert_string_equal(use.extra, "-0a1b");
	assert_string_equal(use.out_dir, "target/debug/deps");
	argv[5] = "rlib";
	use = hst_tools_recognise(NULL, "/bin/rustc", argv, 10);
	assert_int_equal(use.phase, HST_PROCESS_PHASE_COMPILE);
	assert_null(use.crate);
}

static void test_tools_wrappers_in_wrappers_end(void **state)
{
	const char *argv[40];
	struct hst_tool_use use;

	(void)state;
	for (size_t i = 0; i < 39; i++) {
		argv[i] = "env";
	}
	argv[39] = "gcc";
	use = hst_tools_recognise(NULL, "", argv, 40);
	assert_string_equal(use.tool->name, "env");
	use = hst_tools_recognise(NULL, "", NULL, 0);
	assert_null(use.tool);
}

/* A file of tools, or what is wrong with it. */
static enum hst_status parse(const char *text, struct hst_tools **ret_tools,
	struct hst_arena *arena, struct hst_diag *diag)
{
	char path[] = "/tmp/hst-tools-XXXXXX";
	int fd = mkstemp(path);
	enum hst_status status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	diag->text[0] = '\0';
	status = hst_tools_create(path, arena, ret_tools, diag);
	assert_int_equal(unlink(path), 0);
	return status;
}

static void test_tools_user_lines_go_first(void **state)
{
	const char *argv[] = { "x86_64-linux-gnu-mycc-3", "-c", "a.x" };
	const char *gcc[] = { "gcc", "-c", "a.c" };
	struct hst_arena arena = { 0 };
	struct hst_tools *tools;
	struct hst_tool_use use;
	struct hst_diag diag;

	(void)state;
	assert_int_equal(parse("# mine\n\n tool *-mycc# MyLang compile # good\r\ntool gcc - build\n"
			       "tool gen Gen probe",
				 &tools, &arena, &diag),
		HST_OK);
	use = hst_tools_recognise(tools, "", argv, 3);
	assert_string_equal(use.tool->name, "mycc");
	assert_string_equal(use.language, "MyLang");
	assert_int_equal(use.phase, HST_PROCESS_PHASE_COMPILE);
	use = hst_tools_recognise(tools, "", gcc, 3);
	assert_int_equal(use.phase, HST_PROCESS_PHASE_BUILD);
	assert_string_equal(use.language, "");
	assert_int_equal(hst_tools_find(tools, "gen")->phase, HST_PROCESS_PHASE_PROBE);
	hst_tools_destroy(tools);
	/* Names live on with the arena. */
	assert_string_equal(use.tool == NULL ? "" : "gcc", "gcc");
	hst_arena_finish(&arena);
}

static void test_tools_wrong_lines_are_named(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = { { "tool a C compile\ntool b\n", "line 2: expected" },
		{ "tool a C compiling\n", "line 1: 'compiling' is no phase" },
		{ "\n\nprogram a C run\n", "line 3: expected" },
		{ "tool a C run more\n", "line 1: expected" },
		{ "tool *- C run\n", "line 1: the pattern '*-' has no name" },
		{ "tool x//# C run\n", "line 1: the pattern 'x//#' has no name" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_arena arena = { 0 };
		struct hst_tools *tools = NULL;
		struct hst_diag diag;

		assert_int_equal(parse(cases[i].text, &tools, &arena, &diag), HST_E_USAGE);
		if (strstr(diag.text, cases[i].part) == NULL) {
			print_error("%s\n", diag.text);
		}
		assert_non_null(strstr(diag.text, cases[i].part));
		assert_null(tools);
		hst_arena_finish(&arena);
	}
}

static void test_tools_files_of_the_user(void **state)
{
	struct hst_arena arena = { 0 };
	struct hst_tools *tools = NULL;
	struct hst_diag diag = { "" };

	(void)state;
	assert_int_equal(
		hst_tools_create("/nonexistent/tools", &arena, &tools, &diag), HST_E_NOT_FOUND);
	assert_non_null(strstr(diag.text, "'/nonexistent/tools'"));
	assert_int_equal(hst_tools_create("/tmp", &arena, &tools, &diag), HST_E_USAGE);
	/* The default need not be there; what HASTEN_TOOLS names must. */
	assert_int_equal(setenv("XDG_CONFIG_HOME", "/nonexistent", 1), 0);
	assert_int_equal(hst_tools_create(NULL, &arena, &tools, &diag), HST_OK);
	hst_tools_destroy(tools);
	assert_int_equal(setenv("HASTEN_TOOLS", "/nonexistent/t", 1), 0);
	assert_int_equal(hst_tools_create(NULL, &arena, &tools, &diag), HST_E_NOT_FOUND);
	assert_int_equal(unsetenv("HASTEN_TOOLS"), 0);
	hst_tools_destroy(NULL);
	hst_arena_finish(&arena);
}

static void test_tools_text_with_nul_is_refused(void **state)
{
	struct hst_arena arena = { 0 };
	struct hst_tools *tools;
	struct hst_diag diag;

	(void)state;
	assert_int_equal(parse("", &tools, &arena, &diag), HST_OK);
	assert_int_equal(hst_tools_parse(tools, "tool\0a", 6, "t", &diag), HST_E_USAGE);
	assert_non_null(strstr(diag.text, "NUL"));
	hst_tools_destroy(tools);
	hst_arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tools_recorded_lines_cover_every_row),
		cmocka_unit_test(test_tools_match_patterns),
		cmocka_unit_test(test_tools_rustc_names_its_output),
		cmocka_unit_test(test_tools_wrappers_in_wrappers_end),
		cmocka_unit_test(test_tools_user_lines_go_first),
		cmocka_unit_test(test_tools_wrong_lines_are_named),
		cmocka_unit_test(test_tools_files_of_the_user),
		cmocka_unit_test(test_tools_text_with_nul_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
