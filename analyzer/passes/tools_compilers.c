/* SPDX-License-Identifier: Apache-2.0 */
/* What compilers and linkers are about to do, by their arguments. */
#include "passes/tools_line.h"

#include <string.h>

/* Is the word one of a list that is parted by blanks? A value behind '=' does not count. */
bool hst_tool_listed(const char *list, const char *word, size_t bytes)
{
	size_t length;

	for (; *list != '\0'; list += length + (list[length] == ' ')) {
		length = strcspn(list, " ");
		if (length == bytes && strncmp(list, word, bytes) == 0) {
			return true;
		}
	}
	return false;
}

/* Languages by the end of a source file's name; the last one that is named counts. */
static const struct {
	const char *end, *language;
} source_ends[] = { { "c", "C" }, { "i", "C" }, { "cc", "C++" }, { "cpp", "C++" }, { "cxx", "C++" },
	{ "c++", "C++" }, { "C", "C++" }, { "ii", "C++" }, { "cppm", "C++" },
	{ "m", "Objective-C" }, { "mm", "Objective-C" }, { "f", "Fortran" }, { "for", "Fortran" },
	{ "f90", "Fortran" }, { "f95", "Fortran" }, { "f03", "Fortran" }, { "f08", "Fortran" },
	{ "F", "Fortran" }, { "F90", "Fortran" }, { "F95", "Fortran" }, { "adb", "Ada" },
	{ "ads", "Ada" }, { "d", "D" }, { "go", "Go" }, { "s", "Assembler" }, { "S", "Assembler" },
	{ "asm", "Assembler" }, { "cu", "CUDA" }, { "mod", "Modula-2" } };

/* Values of -x of gcc and clang. */
static const struct {
	const char *value, *language;
} x_values[] = { { "c", "C" }, { "c-header", "C" }, { "cpp-output", "C" }, { "c++", "C++" },
	{ "c++-header", "C++" }, { "c++-cpp-output", "C++" }, { "objective-c", "Objective-C" },
	{ "objective-c++", "Objective-C" }, { "assembler", "Assembler" },
	{ "assembler-with-cpp", "Assembler" }, { "ada", "Ada" }, { "d", "D" }, { "f77", "Fortran" },
	{ "f95", "Fortran" }, { "go", "Go" }, { "cuda", "CUDA" } };

static const char *source_language(const char *file)
{
	const char *dot = strrchr(hst_tools_base(file), '.');

	for (size_t i = 0; dot != NULL && i < sizeof source_ends / sizeof source_ends[0]; i++) {
		if (strcmp(dot + 1, source_ends[i].end) == 0) {
			return source_ends[i].language;
		}
	}
	return NULL;
}

static const char *x_language(const char *value)
{
	for (size_t i = 0; i < sizeof x_values / sizeof x_values[0]; i++) {
		if (strcmp(value, x_values[i].value) == 0) {
			return x_values[i].language;
		}
	}
	return NULL;
}

/* g++ takes C for C++. */
static void set_language(struct hst_tool_use *use, const char *language)
{
	if (language != NULL &&
		!(strcmp(language, "C") == 0 && strcmp(use->tool->language, "C++") == 0) &&
		!(strcmp(language, "C") == 0 && strcmp(use->tool->language, "CUDA") == 0)) {
		use->language = language;
	}
}

/* Options of drivers whose value is the next argument. */
static const char cc_valued[] =
	"-o -x -I -D -U -L -l -T -u -z -e -A -B -G -J -include -imacros -isystem -iquote -idirafter "
	"-iprefix -iwithprefix -iwithprefixbefore -isysroot -imultilib -MF -MT -MQ -Xlinker "
	"-Xassembler -Xpreprocessor -Xclang -target -arch -framework --param -aux-info -wrapper "
	"-dumpbase -dumpbase-ext -dumpdir -auxbase -auxbase-strip -mllvm -odir -hidir -outputdir "
	"-package -package-id -module-name -sdk -package-name -main-file-name -resource-dir "
	"-triple -target-cpu -fdebug-compilation-dir -internal-isystem";

static const struct {
	const char *option;
	enum hst_process_phase phase;
} cc_phases[] = { { "-c", HST_PROCESS_PHASE_COMPILE }, { "-S", HST_PROCESS_PHASE_COMPILE },
	{ "-E", HST_PROCESS_PHASE_COMPILE }, { "-M", HST_PROCESS_PHASE_COMPILE },
	{ "-MM", HST_PROCESS_PHASE_COMPILE }, { "-fsyntax-only", HST_PROCESS_PHASE_COMPILE },
	{ "-cc1", HST_PROCESS_PHASE_COMPILE }, { "-cc1as", HST_PROCESS_PHASE_ASSEMBLE },
	{ "-emit-object", HST_PROCESS_PHASE_COMPILE },
	{ "-emit-module", HST_PROCESS_PHASE_COMPILE }, { "-typecheck", HST_PROCESS_PHASE_COMPILE },
	{ "-parse", HST_PROCESS_PHASE_COMPILE }, { "-frontend", HST_PROCESS_PHASE_COMPILE } };

static enum hst_process_phase cc_phase(const char *option)
{
	for (size_t i = 0; i < sizeof cc_phases / sizeof cc_phases[0]; i++) {
		if (strcmp(option, cc_phases[i].option) == 0) {
			return cc_phases[i].phase;
		}
	}
	return HST_PROCESS_PHASES;
}

/* -o FILE, -oFILE, -of=FILE of dmd and ldc2. */
void hst_tool_take_output(struct hst_tool_use *use, const char *option, const char *next)
{
	if (strcmp(option, "-o") == 0) {
		use->output = next;
	} else if (strncmp(option, "-of", 3) == 0 && option[3] != '\0') {
		use->output = option[3] == '=' ? option + 4 : option + 3;
	} else if (option[1] == 'o' && option[2] == '=') {
		use->output = option + 3;
	}
}

void hst_tool_rule_cc(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	enum hst_process_phase phase = HST_PROCESS_PHASES;
	const char *forced = NULL;
	const char *source = NULL;
	bool inputs = false;

	for (uint32_t i = 1; i < line->argc; i++) {
		const char *word = line->argv[i];
		const char *next = i + 1 < line->argc ? line->argv[i + 1] : NULL;

		if (word[0] != '-' || word[1] == '\0') {
			const char *language = source_language(word);

			source = source == NULL ? language : source;
			inputs = true;
			continue;
		}
		hst_tool_take_output(use, word, next);
		if (strncmp(word, "-x", 2) == 0) {
			forced = word[2] != '\0' ? x_language(word + 2)
				 : next != NULL  ? x_language(next)
						 : NULL;
		}
		phase = cc_phase(word) != HST_PROCESS_PHASES ? cc_phase(word) : phase;
		i += hst_tool_listed(cc_valued, word, strlen(word));
	}
	set_language(use, forced != NULL ? forced : source);
	if (phase == HST_PROCESS_PHASES) {
		/* Without input it only tells something: --version, -print-search-dirs. */
		phase = inputs ? HST_PROCESS_PHASE_LINK : HST_PROCESS_PHASE_OTHER;
	}
	if (phase == HST_PROCESS_PHASE_COMPILE && strcmp(use->language, "Assembler") == 0) {
		phase = HST_PROCESS_PHASE_ASSEMBLE;
	}
	use->phase = phase;
	if (phase != HST_PROCESS_PHASE_LINK) {
		use->output = NULL;
	} else if (use->output == NULL) {
		use->output = "a.out";
	}
}

/* cc1, as, ld: what they are for, the driver above knows; without one, the input may tell. */
void hst_tool_rule_sub(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	use->sub = true;
	for (uint32_t i = 1; i < line->argc; i++) {
		const char *word = line->argv[i];
		const char *next = i + 1 < line->argc ? line->argv[i + 1] : NULL;

		if (use->phase == HST_PROCESS_PHASE_LINK && word[0] == '-' && word[1] == 'o') {
			hst_tool_take_output(use, word, next);
		}
		if (word[0] == '-') {
			i += hst_tool_listed(cc_valued, word, strlen(word));
		} else if (use->phase == HST_PROCESS_PHASE_COMPILE) {
			set_language(use, source_language(word));
		}
	}
	if (use->phase == HST_PROCESS_PHASE_LINK && use->output == NULL) {
		use->output = "a.out";
	}
}

/* The value of an option, attached by '=' or as the next argument; NULL: it is not this option. */
static const char *value_of(const struct hst_tool_line *line, uint32_t at, const char *option)
{
	const char *word = line->argv[at];
	size_t bytes = strlen(option);

	if (strncmp(word, option, bytes) != 0) {
		return NULL;
	}
	if (word[bytes] == '=') {
		return word + bytes + 1;
	}
	return word[bytes] == '\0' && at + 1 < line->argc ? line->argv[at + 1] : NULL;
}

void hst_tool_rule_rustc(const struct hst_tool_line *line, struct hst_tool_use *use)
{
	static const char extra[] = "extra-filename=";
	bool inputs = false;
	bool library = false;
	bool test = false;

	for (uint32_t i = 1; i < line->argc; i++) {
		const char *word = line->argv[i];
		const char *next = i + 1 < line->argc ? line->argv[i + 1] : NULL;
		const char *value;

		if (word == NULL) {
			break;
		}
		if ((value = value_of(line, i, "--crate-type")) != NULL) {
			library = strcmp(value, "bin") != 0;
		} else if ((value = value_of(line, i, "--crate-name")) != NULL) {
			use->crate = value;
		} else if ((value = value_of(line, i, "--out-dir")) != NULL) {
			use->out_dir = value;
		} else if ((value = value_of(line, i, "--emit")) != NULL) {
			library |= strstr(value, "link") == NULL;
		} else if (strcmp(word, "-o") == 0) {
			use->output = next;
		} else if (strcmp(word, "-C") == 0 && next != NULL &&
			   strncmp(next, extra, sizeof extra - 1) == 0) {
			use->extra = next + sizeof extra - 1;
		}
		test |= strcmp(word, "--test") == 0;
		inputs |= word[0] != '-' && strlen(word) > 3 &&
			  strcmp(word + strlen(word) - 3, ".rs") == 0;
	}
	use->phase = !inputs ? HST_PROCESS_PHASE_OTHER
		     : (library && !test) || use->tool->phase == HST_PROCESS_PHASE_COMPILE
			     ? HST_PROCESS_PHASE_COMPILE
			     : HST_PROCESS_PHASE_LINK;
	if (use->phase != HST_PROCESS_PHASE_LINK) {
		use->output = NULL;
		use->out_dir = NULL;
		use->crate = NULL;
	}
}
