/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command line is about to do: the tool by its name, then the rule of its row reads the arguments.
 * One function per rule, one table of them; wrappers are looked through.
 */
#include "passes/tools_line.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 8u

static struct hst_tool_use recognise(const struct hst_tool_line *line, const char *exe);

static size_t option_bytes(const char *option)
{
	return strcspn(option, "=");
}

/* What is known of a script or class by its name; the interpreter's row stays if nothing is. */
static void take_script(
	const struct hst_tool_line *line, struct hst_tool_use *use, const char *script)
{
	const struct hst_tool *row = hst_tools_find(line->tools, script);

	use->script = script;
	if (row != NULL && (row->rule == HST_TOOL_SCRIPT || row->rule == HST_TOOL_FIXED)) {
		use->tool = row;
		use->phase = row->phase;
		use->language = *row->language != '\0' ? row->language : use->language;
	}
}

/* The n-th field of options that are parted by '|', copied. */
static void field_of(const char *options, unsigned n, char *ret_field, size_t bytes)
{
	size_t length;

	for (; n > 0; n--) {
		options += strcspn(options, "|");
		options += *options == '|';
	}
	length = strcspn(options, "|");
	length = length < bytes ? length : bytes - 1;
	memcpy(ret_field, options, length);
	ret_field[length] = '\0';
}

enum found {
	FOUND_NONE,
	FOUND_CODE,
	FOUND_VALUE_IS_NEXT,
	FOUND_VALUE,
	FOUND_SCRIPT_NEXT,
	FOUND_SCRIPT
};

struct interpreter {
	char code[64], runs[32], valued[160];
};

/* One option, which may be several letters in one word: -ec, -Wignore, -pe. */
static enum found letters(const struct interpreter *of, const char *word, const char **ret_script)
{
	for (const char *at = word + 1; *at != '\0'; at++) {
		char option[3] = { '-', *at, '\0' };

		if (hst_tool_listed(of->code, option, 2)) {
			return FOUND_CODE;
		}
		if (hst_tool_listed(of->runs, option, 2)) {
			*ret_script = at + 1;
			return at[1] == '\0' ? FOUND_SCRIPT_NEXT : FOUND_SCRIPT;
		}
		if (hst_tool_listed(of->valued, option, 2)) {
			return at[1] == '\0' ? FOUND_VALUE_IS_NEXT : FOUND_VALUE;
		}
	}
	return FOUND_NONE;
}

static enum found option(const struct interpreter *of, const char *word, const char **ret_script)
{
	size_t bytes = option_bytes(word);
	bool attached = word[bytes] == '=';

	if (hst_tool_listed(of->code, word, bytes)) {
		return FOUND_CODE;
	}
	if (hst_tool_listed(of->runs, word, bytes)) {
		*ret_script = word + bytes + attached;
		return attached ? FOUND_SCRIPT : FOUND_SCRIPT_NEXT;
	}
	if (hst_tool_listed(of->valued, word, bytes)) {
		return attached ? FOUND_VALUE : FOUND_VALUE_IS_NEXT;
	}
	return word[0] == '-' && word[1] != '-' ? letters(of, word, ret_script) : FOUND_NONE;
}

/* The script that an interpreter or a shell is given; *ret_code: its program is an argument. */
static const char *find_script(
	const struct hst_tool_line *line, const char *options, bool *ret_code)
{
	const char *script = NULL;
	struct interpreter of;

	*ret_code = false;
	field_of(options, 0, of.code, sizeof of.code);
	field_of(options, 1, of.runs, sizeof of.runs);
	field_of(options, 2, of.valued, sizeof of.valued);
	for (uint32_t i = 1; i < line->argc; i++) {
		const char *word = line->argv[i];

		if ((word[0] != '-' && word[0] != '+') || word[1] == '\0') {
			return word[1] == '\0' && word[0] == '-' ? NULL : word;
		}
		if (strcmp(word, "--") == 0) {
			return i + 1 < line->argc ? line->argv[i + 1] : NULL;
		}
		switch (option(&of, word, &script)) {
		case FOUND_CODE:
			*ret_code = true;
			return NULL;
		case FOUND_SCRIPT_NEXT:
			return i + 1 < line->argc ? line->argv[i + 1] : NULL;
		case FOUND_SCRIPT:
			return script;
		case FOUND_VALUE_IS_NEXT:
			i++;
			break;
		case FOUND_VALUE:
		case FOUND_NONE:
			break;
		}
	}
	return NULL;
}

static void rule_interpreter(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	bool code;
	const char *script = find_script(line, use->tool->options, &code);

	if (script != NULL) {
		take_script(line, use, script);
	}
}

static void rule_shell(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	bool code;
	const char *script = find_script(line, use->tool->options, &code);

	if (script != NULL) {
		use->phase = HST_PROCESS_PHASE_SCRIPT;
		take_script(line, use, script);
	}
}

/* Main classes that compile or build, and tools that hide in them. */
static const struct {
	const char *class, *name, *language;
	enum hst_process_phase phase;
} classes[] = { { "com.sun.tools.javac.Main", "javac", "Java", HST_PROCESS_PHASE_COMPILE },
	{ "jdk.compiler", "javac", "Java", HST_PROCESS_PHASE_COMPILE },
	{ "jdk.compiler/com.sun.tools.javac.Main", "javac", "Java", HST_PROCESS_PHASE_COMPILE },
	{ "org.eclipse.jdt.internal.compiler.batch.Main", "ecj", "Java",
		HST_PROCESS_PHASE_COMPILE },
	{ "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "kotlinc", "Kotlin",
		HST_PROCESS_PHASE_COMPILE },
	{ "org.jetbrains.kotlin.preloading.Preloader", "kotlinc", "Kotlin",
		HST_PROCESS_PHASE_COMPILE },
	{ "scala.tools.nsc.Main", "scalac", "Scala", HST_PROCESS_PHASE_COMPILE },
	{ "scala.tools.nsc.MainGenericRunner", "scala", "Scala", HST_PROCESS_PHASE_RUN },
	{ "dotty.tools.dotc.Main", "scalac", "Scala", HST_PROCESS_PHASE_COMPILE },
	{ "dotty.tools.MainGenericCompiler", "scalac", "Scala", HST_PROCESS_PHASE_COMPILE },
	{ "org.codehaus.groovy.tools.FileSystemCompiler", "groovyc", "Groovy",
		HST_PROCESS_PHASE_COMPILE },
	{ "org.gradle.launcher.GradleMain", "gradle", "Java", HST_PROCESS_PHASE_BUILD },
	{ "org.gradle.launcher.daemon.bootstrap.GradleDaemon", "gradle", "Java",
		HST_PROCESS_PHASE_BUILD },
	{ "org.gradle.wrapper.GradleWrapperMain", "gradle", "Java", HST_PROCESS_PHASE_BUILD },
	{ "org.codehaus.plexus.classworlds.launcher.Launcher", "mvn", "Java",
		HST_PROCESS_PHASE_BUILD },
	{ "org.apache.maven.wrapper.MavenWrapperMain", "mvn", "Java", HST_PROCESS_PHASE_BUILD },
	{ "org.apache.tools.ant.launch.Launcher", "ant", "Java", HST_PROCESS_PHASE_BUILD },
	{ "xsbt.boot.Boot", "sbt", "Scala", HST_PROCESS_PHASE_BUILD },
	{ "sbt-launch.jar", "sbt", "Scala", HST_PROCESS_PHASE_BUILD },
	{ "A-server.jar", "bazel", "", HST_PROCESS_PHASE_BUILD } };

static const char java_valued[] =
	"-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules "
	"--add-exports --add-opens --add-reads --limit-modules --patch-module --source -d "
	"--describe-module";

static void take_class(struct hst_tool_use *use, const char *name)
{
	use->script = name;
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		if (strcmp(hst_tools_base(name), classes[i].class) == 0 ||
			strcmp(name, classes[i].class) == 0) {
			use->script = classes[i].name;
			use->language = classes[i].language;
			use->phase = classes[i].phase;
			return;
		}
	}
}

static void rule_java(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	for (uint32_t i = 1; i < line->argc; i++) {
		const char *word = line->argv[i];
		const char *next = i + 1 < line->argc ? line->argv[i + 1] : NULL;

		if (strcmp(word, "-jar") == 0 || strcmp(word, "-m") == 0 ||
			strcmp(word, "--module") == 0) {
			if (next != NULL) {
				take_class(use, next);
			}
			return;
		}
		if (word[0] != '-' && word[0] != '@') {
			take_class(use, word);
			return;
		}
		i += hst_tool_listed(java_valued, word, strlen(word));
	}
	use->phase = HST_PROCESS_PHASE_OTHER; /* java -version */
}

static enum hst_process_phase letter_phase(char letter)
{
	static const char letters_of[] = "BCLAROT";
	static const enum hst_process_phase phases[] = { HST_PROCESS_PHASE_BUILD,
		HST_PROCESS_PHASE_COMPILE, HST_PROCESS_PHASE_LINK, HST_PROCESS_PHASE_ARCHIVE,
		HST_PROCESS_PHASE_RUN, HST_PROCESS_PHASE_OTHER, HST_PROCESS_PHASE_OTHER };
	const char *at = strchr(letters_of, letter);

	return at == NULL || *at == '\0' ? HST_PROCESS_PHASE_OTHER : phases[at - letters_of];
}

/* The letter of a verb in "verb:P verb:P"; 0 none. */
static char verb_letter(const char *options, const char *verb)
{
	size_t bytes = strlen(verb);

	while (*options != '\0') {
		size_t length = strcspn(options, " ");

		if (length == bytes + 2 && strncmp(options, verb, bytes) == 0 &&
			options[bytes] == ':') {
			return options[bytes + 1];
		}
		options += length + (options[length] == ' ');
	}
	return 0;
}

/* `go tool compile`: as if it were called by its own path. */
static void take_tool(const struct hst_tool_line *line, struct hst_tool_use *use, const char *name)
{
	const struct hst_tool *row;
	char path[128];

	if (snprintf(path, sizeof path, "/pkg/tool/%s", name) < (int)sizeof path &&
		(row = hst_tools_find(line->tools, path)) != NULL) {
		use->tool = row;
		use->phase = row->phase;
	}
}

static bool has_ending(const char *word)
{
	const char *name = hst_tools_base(word);

	return *name != '\0' && strchr(name + 1, '.') != NULL;
}

/* Where the files behind a verb are told of: a script, or -o. */
static void take_rest(const struct hst_tool_line *line, struct hst_tool_use *use, uint32_t from)
{
	for (uint32_t i = from; i < line->argc; i++) {
		const char *word = line->argv[i];

		if (word[0] == '-') {
			hst_tool_take_output(
				use, word, i + 1 < line->argc ? line->argv[i + 1] : NULL);
			i += strcmp(word, "-o") == 0;
		} else if (use->script == NULL && has_ending(word)) {
			take_script(line, use, word);
		}
	}
}

static void rule_verb(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	uint32_t at = 1;
	char letter;

	while (at < line->argc && line->argv[at][0] == '-') {
		at++;
	}
	if (at == line->argc) {
		use->phase = HST_PROCESS_PHASE_OTHER;
		return;
	}
	letter = verb_letter(use->tool->options, line->argv[at]);
	if (letter == 'T' && at + 1 < line->argc) {
		take_tool(line, use, line->argv[at + 1]);
	} else if (letter != 0) {
		use->phase = letter_phase(letter);
	} else {
		at--; /* no verb: `dotnet app.dll` */
	}
	take_rest(line, use, at + 1);
	if (letter == 'T') {
		use->script = NULL;
	}
	if (use->phase != HST_PROCESS_PHASE_LINK && use->phase != HST_PROCESS_PHASE_BUILD) {
		use->output = NULL;
	}
}

/* Where the program of a wrapper stands; 0: nowhere. */
static uint32_t wrapped_at(const struct hst_tool_line *line, const char *options)
{
	uint32_t skip = (uint32_t)(options[0] - '0');
	bool variables = options[1] == 'V';
	char valued[160];
	uint32_t i;

	field_of(options, 1, valued, sizeof valued);
	for (i = 1; i < line->argc; i++) {
		const char *word = line->argv[i];

		if (strcmp(word, "--") == 0) {
			continue;
		}
		if (word[0] == '-' && word[1] != '\0') {
			size_t bytes = option_bytes(word);

			i += word[bytes] == '\0' && hst_tool_listed(valued, word, bytes);
		} else if (variables && strchr(word, '=') != NULL) {
			continue;
		} else if (skip > 0) {
			skip--;
		} else {
			return i;
		}
	}
	return 0;
}

static void rule_wrapper(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	const struct hst_tool *tool = use->tool;
	uint32_t at = wrapped_at(line, tool->options);
	struct hst_tool_line rest = { line->tools, line->argv + at, line->argc - at,
		line->depth + 1 };

	if (at == 0 || rest.depth > DEPTH_MAX) {
		return;
	}
	*use = recognise(&rest, "");
	use->tool = tool;
	use->wrapped = at;
}

static void rule_fixed(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	if (use->phase == HST_PROCESS_PHASE_LINK) {
		take_rest(line, use, 1);
		use->script = NULL;
	}
}

static hst_tool_rule_fn *const rules[] = {
	[HST_TOOL_FIXED] = rule_fixed,
	[HST_TOOL_CC] = hst_tool_rule_cc,
	[HST_TOOL_SUB] = hst_tool_rule_sub,
	[HST_TOOL_RUSTC] = hst_tool_rule_rustc,
	[HST_TOOL_VERB] = rule_verb,
	[HST_TOOL_INTERPRETER] = rule_interpreter,
	[HST_TOOL_JAVA] = rule_java,
	[HST_TOOL_SHELL] = rule_shell,
	[HST_TOOL_WRAPPER] = rule_wrapper,
	[HST_TOOL_SCRIPT] = rule_fixed,
};

/*
 * The name that a program was called by says more than its file (clang++ is clang, cc is gcc-12), but
 * for a wrapper in the place of a compiler (gcc is ccache).
 */
static struct hst_tool_use recognise(const struct hst_tool_line *line, const char *exe)
{
	struct hst_tool_use use = { .language = "", .phase = HST_PROCESS_PHASE_OTHER };
	const char *called = line->argc > 0 ? line->argv[0] : "";
	const struct hst_tool *by_exe = hst_tools_find(line->tools, exe);
	const struct hst_tool *by_name =
		hst_tools_find(line->tools, called[0] == '-' ? called + 1 : called);

	if (by_exe != NULL && by_exe->rule == HST_TOOL_WRAPPER && by_name != NULL &&
		by_name->rule != HST_TOOL_WRAPPER) {
		use = recognise(line, "");
		use.tool = by_exe;
		return use;
	}
	use.tool = by_name != NULL ? by_name : by_exe;
	if (use.tool != NULL) {
		use.language = use.tool->language;
		use.phase = use.tool->phase;
		rules[use.tool->rule](line, &use);
	}
	return use;
}

struct hst_tool_use hst_tools_recognise(
	const struct hst_tools *tools, const char *exe, const char *const *argv, uint32_t argc)
{
	const struct hst_tool_line line = { tools, argv, argc, 0 };

	return recognise(&line, exe);
}
