/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this a call of a compiler, and is it one to which hooks are added? One judgement for both halves: the preload edits by it
 * (preload/hooks/compiler.h), `hasten build` counts by it. The tables are in compilers.def.
 *
 * Pure: no memory, no library, no system call, no state. Arguments are hostile; time is linear in their length.
 */
#ifndef HASTEN_COMPILER_H
#define HASTEN_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* HASTEN_BUILD_FLAGS: at most so many flags are added, of so many bytes; more of them, and none is. */
#define HST_COMPILER_ADDED_MAX   64u
#define HST_COMPILER_FLAGS_BYTES 2048u

enum hst_compiler_kind {
	HST_COMPILER_IS_NONE,
	HST_COMPILER_IS_GCC,
	HST_COMPILER_IS_CLANG,
	HST_COMPILER_IS_ANY,     /* cc, c++: gcc or clang */
	HST_COMPILER_IS_FORTRAN, /* not C: only flags of the user's own are added */
};

enum hst_compiler_language {
	HST_LANGUAGE_NONE, /* a linker input, or nothing that can have hooks */
	HST_LANGUAGE_C,
	HST_LANGUAGE_CXX,
	HST_LANGUAGE_OTHER,  /* only flags of the user's own are added */
	HST_LANGUAGE_SUFFIX, /* as the name of the file says */
};

enum hst_compiler_verdict {
#define HST_COMPILER_VERDICT(NAME, name, text) HST_VERDICT_##NAME,
#include "hasten/compilers.def"
	HST_VERDICTS
};

enum hst_compiler_effect {
	HST_EFFECT_NOTHING,
	HST_EFFECT_HOOKS,
	HST_EFFECT_NO_HOOKS,
	HST_EFFECT_OUTPUT,
	HST_EFFECT_OUTPUT_JOINED,
	HST_EFFECT_OUTPUT_SHORT,
	HST_EFFECT_LANGUAGE,
	HST_EFFECT_LANGUAGE_JOINED,
	HST_EFFECT_LANGUAGE_SHORT,
	HST_EFFECT_TARGET,
	HST_EFFECT_TARGET_JOINED,
	HST_EFFECT_VALUE,
	HST_EFFECT_OBJECT,
	HST_EFFECT_ASSEMBLY,
	HST_EFFECT_PREPROCESS,
	HST_EFFECT_NO_CODE,
	HST_EFFECT_QUERY,
	HST_EFFECT_INTERNAL,
	HST_EFFECT_BARE,
	HST_EFFECT_DEBUG,
};

struct hst_compiler_call {
	enum hst_compiler_verdict verdict;
	enum hst_compiler_kind kind;
	uint32_t at;        /* the compiler's name in argv: not 0 behind ccache and its like */
	uint32_t sources;   /* how many of C and C++ (with flags of the user's own: also others) */
	const char *source; /* the first of them; borrowed from argv, as is: */
	const char *output; /* of -o, NULL none */
	bool cxx;           /* one of them is C++ */
	bool debug;         /* there is an option of the kind of -g */
	bool object;        /* -c */
	bool assembly;      /* -S and its like: what it makes is no object file */
};

/* What the scan has found so far; only for the functions of this header. */
struct hst_compiler_scan {
	struct hst_compiler_call call;
	enum hst_compiler_language driver; /* of sources whose suffix says C */
	enum hst_compiler_language forced; /* by -x */
	uint32_t effects;                  /* a bit for each effect that was met */
	bool own_flags;
	bool inputs_only;     /* behind "--" */
	bool hooks, no_hooks; /* the last of the two options */
	bool foreign, file, linked, unfit, probe;
};

static inline size_t hst_compiler_length(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0') {
		length++;
	}
	return length;
}

/* Are the first `length` bytes of both the same? A NUL ends both. */
static inline bool hst_compiler_same(const char *a, const char *b, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (a[i] != b[i]) {
			return false;
		}
		if (a[i] == '\0') {
			return true;
		}
	}
	return true;
}

static inline bool hst_compiler_has(const char *text, size_t length, const char *part)
{
	size_t part_length = hst_compiler_length(part);

	for (size_t i = 0; i + part_length <= length; i++) {
		if (hst_compiler_same(text + i, part, part_length)) {
			return true;
		}
	}
	return false;
}

static inline const char *hst_compiler_base(const char *path)
{
	const char *base = path;

	for (; *path != '\0'; path++) {
		base = *path == '/' ? path + 1 : base;
	}
	return base;
}

/* Shell pattern of `*` and `?`; goes back to the latest `*` only, which is enough. */
static inline bool hst_compiler_glob(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *from = text;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*') {
		pattern++;
	}
	return *pattern == '\0';
}

/* Does a target (x86_64-linux-gnu) have the C library that has empty hooks for programs that run without us? */
static inline bool hst_compiler_glibc(const char *target, size_t length)
{
	return hst_compiler_has(target, length, "linux") &&
	       !hst_compiler_has(target, length, "musl") &&
	       !hst_compiler_has(target, length, "uclibc") &&
	       !hst_compiler_has(target, length, "dietlibc") &&
	       !hst_compiler_has(target, length, "android");
}

/* Is it "ccache" or the like? */
static inline bool hst_compiler_is_cache(const char *path)
{
	static const char *const names[] = {
#define HST_COMPILER_CACHE(name) name,
#include "hasten/compilers.def"
	};
	const char *base = hst_compiler_base(path);

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (hst_compiler_same(base, names[i], hst_compiler_length(names[i]) + 1)) {
			return true;
		}
	}
	return false;
}

/* The length of a name without its version: "gcc-12", "clang-14.0". */
static inline size_t hst_compiler_unversioned(const char *name)
{
	size_t length = hst_compiler_length(name);
	size_t at = length;

	while (at > 0 && ((name[at - 1] >= '0' && name[at - 1] <= '9') || name[at - 1] == '.')) {
		at--;
	}
	return at < length && at > 1 && name[at - 1] == '-' ? at - 1 : length;
}

/* Which compiler a path names, and the language of its sources. */
static inline enum hst_compiler_kind hst_compiler_named(
	const char *path, enum hst_compiler_language *ret_language)
{
	static const struct {
		const char *name;
		uint8_t length, kind, language;
	} rows[] = {
#define HST_COMPILER(name, kind, language) \
 { name, sizeof name - 1, HST_COMPILER_IS_##kind, HST_LANGUAGE_##language },
#include "hasten/compilers.def"
	};
	const char *base = hst_compiler_base(path);
	size_t length = hst_compiler_unversioned(base);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t before = length - rows[i].length;

		if (length < rows[i].length ||
			!hst_compiler_same(base + before, rows[i].name, rows[i].length)) {
			continue;
		}
		if (before == 0 || (base[before - 1] == '-' && hst_compiler_glibc(base, before) &&
					   hst_compiler_has(base, before, "-linux-"))) {
			*ret_language = (enum hst_compiler_language)rows[i].language;
			return (enum hst_compiler_kind)rows[i].kind;
		}
	}
	return HST_COMPILER_IS_NONE;
}

static inline enum hst_compiler_effect hst_compiler_effect_of(
	const char *argument, size_t *ret_length)
{
	enum {
		EXACT,
		PREFIX
	};
	static const struct {
		const char *text;
		uint8_t length, match, effect;
	} rows[] = {
#define HST_COMPILER_OPTION(text, match, effect) \
 { text, sizeof text - 1, match, HST_EFFECT_##effect },
#include "hasten/compilers.def"
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (hst_compiler_same(
			    argument, rows[i].text, rows[i].length + (rows[i].match == EXACT))) {
			*ret_length = rows[i].length;
			return (enum hst_compiler_effect)rows[i].effect;
		}
	}
	return HST_EFFECT_NOTHING;
}

static inline enum hst_compiler_language hst_compiler_language_of_suffix(const char *path)
{
	static const struct {
		const char *text;
		uint8_t language;
	} rows[] = {
#define HST_COMPILER_SUFFIX(text, language) { text, HST_LANGUAGE_##language },
#include "hasten/compilers.def"
	};
	const char *suffix = NULL;

	for (const char *p = hst_compiler_base(path); *p != '\0'; p++) {
		suffix = *p == '.' ? p + 1 : suffix;
	}
	for (size_t i = 0; suffix != NULL && i < sizeof rows / sizeof rows[0]; i++) {
		if (hst_compiler_same(
			    suffix, rows[i].text, hst_compiler_length(rows[i].text) + 1)) {
			return (enum hst_compiler_language)rows[i].language;
		}
	}
	return HST_LANGUAGE_SUFFIX; /* not known: for the linker */
}

static inline enum hst_compiler_language hst_compiler_language_of_name(const char *name)
{
	static const struct {
		const char *text;
		uint8_t language;
	} rows[] = {
#define HST_COMPILER_LANGUAGE(text, language) { text, HST_LANGUAGE_##language },
#include "hasten/compilers.def"
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (hst_compiler_same(name, rows[i].text, hst_compiler_length(rows[i].text))) {
			return (enum hst_compiler_language)rows[i].language;
		}
	}
	return HST_LANGUAGE_NONE;
}

static inline bool hst_compiler_is_probe(const char *path)
{
	static const char *const patterns[] = {
#define HST_COMPILER_PROBE(pattern) pattern,
#include "hasten/compilers.def"
	};

	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		if (hst_compiler_glob(patterns[i], path)) {
			return true;
		}
	}
	return false;
}

static inline void hst_compiler_input(struct hst_compiler_scan *scan, const char *path)
{
	enum hst_compiler_language language = scan->forced;

	if (language == HST_LANGUAGE_SUFFIX) {
		language = hst_compiler_language_of_suffix(path);
	}
	scan->probe |= hst_compiler_is_probe(path);
	if (language == HST_LANGUAGE_SUFFIX) {
		scan->linked = true;
		return;
	}
	if (language == HST_LANGUAGE_NONE || (language == HST_LANGUAGE_OTHER && !scan->own_flags)) {
		scan->unfit = true;
		return;
	}
	scan->call.cxx |= language == HST_LANGUAGE_CXX ||
			  (language == HST_LANGUAGE_C && scan->driver == HST_LANGUAGE_CXX);
	scan->call.source = scan->call.sources == 0 ? path : scan->call.source;
	scan->call.sources++;
}

/* An option with a value of its own: what follows the text, or the next argument. */
static inline void hst_compiler_value(
	struct hst_compiler_scan *scan, enum hst_compiler_effect effect, const char *value)
{
	if (effect == HST_EFFECT_OUTPUT) {
		scan->call.output = value;
		scan->probe |= hst_compiler_is_probe(value);
	} else if (effect == HST_EFFECT_LANGUAGE) {
		scan->forced = hst_compiler_language_of_name(value);
	} else if (effect == HST_EFFECT_TARGET) {
		scan->foreign = !hst_compiler_glibc(value, hst_compiler_length(value));
	}
}

/* What an option does that has its value within itself. */
static inline enum hst_compiler_effect hst_compiler_unjoined(enum hst_compiler_effect effect)
{
	return effect == HST_EFFECT_OUTPUT_JOINED || effect == HST_EFFECT_OUTPUT_SHORT
		       ? HST_EFFECT_OUTPUT
	       : effect == HST_EFFECT_LANGUAGE_JOINED || effect == HST_EFFECT_LANGUAGE_SHORT
		       ? HST_EFFECT_LANGUAGE
	       : effect == HST_EFFECT_TARGET_JOINED ? HST_EFFECT_TARGET
						    : HST_EFFECT_NOTHING;
}

/* Returns how many arguments were used up: 1, or 2 with a value. */
static inline uint32_t hst_compiler_option(struct hst_compiler_scan *scan, char *const *argument)
{
	size_t length = 0;
	enum hst_compiler_effect effect = hst_compiler_effect_of(argument[0], &length);
	enum hst_compiler_effect joined = hst_compiler_unjoined(effect);

	scan->effects |= 1u << effect;
	if (joined != HST_EFFECT_NOTHING) {
		hst_compiler_value(scan, joined, argument[0] + length);
	} else if (effect == HST_EFFECT_HOOKS || effect == HST_EFFECT_NO_HOOKS) {
		scan->hooks = effect == HST_EFFECT_HOOKS;
		scan->no_hooks = !scan->hooks;
	} else if ((effect == HST_EFFECT_VALUE || effect == HST_EFFECT_OUTPUT ||
			   effect == HST_EFFECT_LANGUAGE || effect == HST_EFFECT_TARGET) &&
		   argument[1] != NULL) {
		hst_compiler_value(scan, effect, argument[1]);
		return 2;
	}
	return 1;
}

/* `arguments` begins behind the compiler's name. */
static inline void hst_compiler_scan_all(struct hst_compiler_scan *scan, char *const *arguments)
{
	while (arguments[0] != NULL) {
		const char *argument = arguments[0];
		uint32_t used = 1;

		if (argument[0] == '@' && argument[1] != '\0') {
			scan->file = true;
		} else if (argument[0] != '-' || argument[1] == '\0' || scan->inputs_only) {
			hst_compiler_input(scan, argument);
		} else if (argument[1] == '-' && argument[2] == '\0') {
			scan->inputs_only = true;
		} else {
			used = hst_compiler_option(scan, arguments);
		}
		arguments += used;
	}
}

static inline bool hst_compiler_met(
	const struct hst_compiler_scan *scan, enum hst_compiler_effect effect)
{
	return (scan->effects >> effect & 1) != 0;
}

/* The first reason that holds. */
static inline enum hst_compiler_verdict hst_compiler_decide(const struct hst_compiler_scan *scan)
{
	if (hst_compiler_met(scan, HST_EFFECT_INTERNAL)) {
		return HST_VERDICT_NONE; /* the driver calls itself */
	}
	if (scan->probe) {
		return HST_VERDICT_PROBE;
	}
	if (hst_compiler_met(scan, HST_EFFECT_QUERY)) {
		return HST_VERDICT_QUERY;
	}
	if (hst_compiler_met(scan, HST_EFFECT_PREPROCESS)) {
		return HST_VERDICT_PREPROCESS;
	}
	if (hst_compiler_met(scan, HST_EFFECT_NO_CODE)) {
		return HST_VERDICT_NO_CODE;
	}
	if (scan->call.sources == 0) {
		return scan->unfit    ? HST_VERDICT_LANGUAGE
		       : scan->linked ? HST_VERDICT_LINK
		       : scan->file   ? HST_VERDICT_FILE
				      : HST_VERDICT_QUERY;
	}
	if (scan->call.kind == HST_COMPILER_IS_FORTRAN && !scan->own_flags) {
		return HST_VERDICT_LANGUAGE;
	}
	if (scan->foreign) {
		return HST_VERDICT_TARGET;
	}
	if (hst_compiler_met(scan, HST_EFFECT_BARE)) {
		return HST_VERDICT_BARE;
	}
	if (scan->own_flags) {
		return HST_VERDICT_EDIT;
	}
	return scan->no_hooks ? HST_VERDICT_REFUSED
	       : scan->hooks  ? HST_VERDICT_ALREADY
			      : HST_VERDICT_EDIT;
}

/* Behind ccache and its like stands the compiler; before it only settings, NAME=VALUE. 0: it is not there. */
static inline uint32_t hst_compiler_behind_cache(char *const *argv)
{
	uint32_t at = 1;

	while (argv[at] != NULL && argv[at][0] != '-' &&
		(hst_compiler_is_cache(argv[at]) ||
			hst_compiler_has(argv[at], hst_compiler_length(argv[at]), "="))) {
		at++;
	}
	return argv[at] != NULL ? at : 0;
}

/*
 * Judges what is to be executed: `file` as exec was given it (NULL: argv[0] tells) with `argv`, NULL-terminated. own_flags: the user said
 * which flags are added, so other languages count too, and hooks that are there do not.
 */
static inline struct hst_compiler_call hst_compiler_judge(
	const char *file, char *const *argv, bool own_flags)
{
	struct hst_compiler_scan scan = {
		.driver = HST_LANGUAGE_NONE,
		.forced = HST_LANGUAGE_SUFFIX,
		.own_flags = own_flags,
	};
	const char *name = file;

	if (argv == NULL || argv[0] == NULL) {
		return scan.call;
	}
	if (name == NULL || name[0] == '\0') {
		name = argv[0];
	}
	if (hst_compiler_is_cache(name)) {
		scan.call.at = hst_compiler_behind_cache(argv);
		name = argv[scan.call.at];
	}
	scan.call.kind = hst_compiler_named(name, &scan.driver);
	if (scan.call.kind != HST_COMPILER_IS_NONE) {
		hst_compiler_scan_all(&scan, argv + scan.call.at + 1);
		scan.call.verdict = hst_compiler_decide(&scan);
	}
	scan.call.debug = hst_compiler_met(&scan, HST_EFFECT_DEBUG);
	scan.call.object = hst_compiler_met(&scan, HST_EFFECT_OBJECT);
	scan.call.assembly = hst_compiler_met(&scan, HST_EFFECT_ASSEMBLY);
	return scan.call;
}

#endif
