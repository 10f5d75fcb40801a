/* SPDX-License-Identifier: Apache-2.0 */
/* Within the reading of command lines: tools_use.c and tools_compilers.c. */
#ifndef HST_PASSES_TOOLS_LINE_H
#define HST_PASSES_TOOLS_LINE_H

#include "passes/tools.h"

struct hst_tool_line {
	const struct hst_tools *tools;
	const char *const *argv;
	uint32_t argc;
	unsigned depth; /* wrappers in wrappers */
};

/* Reads the arguments for the tool that `use` has. */
typedef void hst_tool_rule_fn(const struct hst_tool_line *line, struct hst_tool_use *use);

hst_tool_rule_fn hst_tool_rule_cc, hst_tool_rule_sub, hst_tool_rule_rustc;

/* -o FILE, -oFILE, -of=FILE; `next` is the argument behind, or NULL. */
void hst_tool_take_output(struct hst_tool_use *use, const char *option, const char *next);

/* Is the word of `bytes` one of a list that is parted by blanks? */
bool hst_tool_listed(const char *list, const char *word, size_t bytes);

#endif
