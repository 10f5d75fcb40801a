/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tool a command line is, for which language, and what it is about to do: passes/tools.def has the
 * table. Pure: nothing is looked up but the arguments.
 */
#ifndef HST_PASSES_TOOLS_H
#define HST_PASSES_TOOLS_H

#include "model/processes.h"

/* How the arguments of a tool tell what it does. */
enum hst_tool_rule {
	HST_TOOL_FIXED, /* always the phase of the row */
	HST_TOOL_CC,    /* driver of compilers: -c, -S, -E, else link */
	HST_TOOL_SUB,   /* front end of a driver: the language is of the driver, or of the file */
	HST_TOOL_RUSTC, /* compile, or link by --crate-type and --emit */
	HST_TOOL_VERB,  /* build tool by default; verbs: the first argument without dash */
	HST_TOOL_INTERPRETER, /* runs a script, or -c and the like */
	HST_TOOL_JAVA,        /* java: a compiler hides in it, or it runs a class */
	HST_TOOL_SHELL,       /* script, or -c */
	HST_TOOL_WRAPPER,     /* runs its arguments: ccache, env, nice */
	HST_TOOL_SCRIPT, /* a script or class known by name, whatever interprets it: configure */
};

struct hst_tool {
	const char
		*pattern; /* *-NAME: with or without a triplet; NAME#: with or without a version */
	const char *name, *language;
	enum hst_tool_rule rule;
	enum hst_process_phase phase; /* of FIXED, and where the arguments say nothing */
	const char
		*options; /* INTERPRETER, SHELL, WRAPPER: those that take a value; see tools.def */
};

struct hst_tools; /* the table, with what the user added */

/*
 * The table with the user's file: `path`, or HASTEN_TOOLS, or $XDG_CONFIG_HOME/hasten/tools.conf
 * (~/.config), which alone need not exist. Lines `tool PATTERN LANGUAGE PHASE`; # begins a comment.
 * HST_E_USAGE and others with a sentence that has the line. Names are kept
 * in `arena`, also when the table is freed by hst_tools_destroy (NULL is allowed).
 */
HST_NODISCARD enum hst_status hst_tools_create(const char *path, struct hst_arena *arena,
	struct hst_tools **ret_tools, struct hst_diag *diag);
void hst_tools_destroy(struct hst_tools *tools);
/* Takes the lines of a text; `name` is for the sentence. */
HST_NODISCARD enum hst_status hst_tools_parse(struct hst_tools *tools, const char *text,
	size_t bytes, const char *name, struct hst_diag *diag);

/* What a command line is. Strings are of the table or of `argv`. */
struct hst_tool_use {
	const struct hst_tool *tool; /* NULL unknown */
	const char *language;        /* "" unknown */
	enum hst_process_phase phase;
	const char *script; /* of an interpreter or shell, or a module or class; NULL none */
	const char *output; /* of a link: -o or its default; NULL none */
	const char *out_dir, *crate,
		*extra;   /* rustc without -o: directory, name, suffix; NULL none */
	uint32_t wrapped; /* WRAPPER: index of the argument that is the program; 0 none */
	bool sub;         /* the driver above knows the language better */
};

/* `exe`: path or "", `argv`: argc arguments. */
struct hst_tool_use hst_tools_recognise(
	const struct hst_tools *tools, const char *exe, const char *const *argv, uint32_t argc);

/* The row of a program name without directory, NULL if none. */
const struct hst_tool *hst_tools_find(const struct hst_tools *tools, const char *name);
/* Does the name fit the pattern? */
bool hst_tools_match(const char *pattern, const char *name);

/* All rows of the built-in table, for tests and the manual. */
const struct hst_tool *hst_tools_builtin(size_t *ret_count);

/* What is behind the last slash. */
const char *hst_tools_base(const char *path);

#endif
