/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten tree`: where the time goes from the thread's start down, branches below 1 % left out. */
#include "cmd/commands.h"
#include "cmd/common.h"
#include "cmd/terminal.h"
#include "util/vec.h"
#include "writers/json.h"
#include "writers/units.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define PRUNE_PERCENT 1.0
#define BAR_WIDTH     10u
#define INDENT_MAX    64u

static const struct hst_option options[] = {
	{ 'n', "rows", "ROWS", HST_OPTION_COUNT, HST_OPTION_AT(rows),
		"rows, 0 = the whole tree (default: branches of at least 1 %)" },
	{ 0, "of", "FUNCTION", HST_OPTION_TEXT, HST_OPTION_AT(of),
		"only what is below this function" },
	{ 0, "process", "PID", HST_OPTION_COUNT, HST_OPTION_AT(pid), "this process only" },
	{ 0, "thread", "TID", HST_OPTION_COUNT, HST_OPTION_AT(tid), "this thread only" },
	{ 0, "names", "FORM", HST_OPTION_TEXT, HST_OPTION_AT(names),
		"names: short (default), full or linkage" },
	{ 0, "json", NULL, HST_OPTION_FLAG, HST_OPTION_AT(json), "JSON: the whole tree" },
	{ 0, "off-cpu", NULL, HST_OPTION_FLAG, HST_OPTION_AT(off_cpu),
		"by the time that threads were not on a CPU: asleep, waiting, or ready to run" },
	{ 0, "memory", NULL, HST_OPTION_FLAG, HST_OPTION_AT(paths),
		"by blocks and bytes instead of time: hasten memory --paths, with its options" },
	HST_OPTION_TABLE_END,
};

struct tree {
	struct hst_reading *reading;
	struct hst_profile profile;
	bool off_cpu;      /* ranked by time off the CPU */
	uint64_t whole;    /* nanoseconds that are 100 % */
	uint64_t least;    /* branches below it are left out */
	uint64_t rows;     /* still to print */
	uint64_t left_out; /* branches */
	struct hst_table *table;
	HST_VEC(uint32_t) path; /* children of the nodes on the way down, see walk() */
};

/* What the tree is ranked by. */
static uint64_t total_of(const struct tree *tree, const struct hst_context *context)
{
	return tree->off_cpu ? context->total_off_ns : context->total_ns;
}

static uint64_t self_of(const struct tree *tree, const struct hst_context *context)
{
	return tree->off_cpu ? context->self_off_ns : context->self_ns;
}

/* Most time first. */
static int compare(const void *left, const void *right, void *context)
{
	const struct tree *tree = context;
	const struct hst_context *contexts = tree->profile.contexts;
	const struct hst_context *a = &contexts[*(const uint32_t *)left];
	const struct hst_context *b = &contexts[*(const uint32_t *)right];

	if (total_of(tree, a) != total_of(tree, b)) {
		return total_of(tree, a) < total_of(tree, b) ? 1 : -1;
	}
	return (a->function > b->function) - (a->function < b->function);
}

static const char *name_of(const struct tree *tree, uint32_t function)
{
	return function < tree->profile.function_count
		       ? hst_row_name(&tree->reading->options, &tree->profile.functions[function])
		       : "[unknown]";
}

/* A bar of tenths in blocks or ASCII. */
static void put_bar(char *buffer, size_t size, bool utf8, double share)
{
	size_t full = (size_t)(share * BAR_WIDTH + 0.5);
	size_t used = 0;

	for (size_t i = 0; i < full && i < BAR_WIDTH && used + 4 < size; i++) {
		used += (size_t)snprintf(
			buffer + used, size - used, "%s", utf8 ? "\xe2\x96\x88" : "#");
	}
	buffer[used] = '\0';
}

/* `lines`: per level whether more branches follow there. */
static void print_node(struct tree *tree, uint32_t node, const bool *lines, size_t depth)
{
	const struct hst_context *context = &tree->profile.contexts[node];
	bool utf8 = hst_terminal_utf8();
	char label[1200];
	char place[300] = "";
	char number[HST_UNITS_BYTES];
	char bar[64];
	size_t used = 0;

	for (size_t i = 0; i < depth && i < INDENT_MAX; i++) {
		bool last = i + 1 == depth;
		const char *arm = last ? (lines[i] ? "|-" : "`-") : (lines[i] ? "| " : "  ");

		if (utf8) {
			arm = last ? (lines[i] ? "\xe2\x94\x9c\xe2\x94\x80"
					       : "\xe2\x94\x94\xe2\x94\x80")
				   : (lines[i] ? "\xe2\x94\x82 " : "  ");
		}
		used += (size_t)snprintf(label + used, sizeof label - used, "%s", arm);
	}
	(void)snprintf(label + used, sizeof label - used, "%s%s", name_of(tree, context->function),
		context->recursive ? " (recursive)" : "");
	if (context->function < tree->profile.function_count) {
		hst_row_place(place, sizeof place, &tree->profile.functions[context->function]);
	}
	hst_table_row(tree->table);
	hst_units_percent(number, (double)total_of(tree, context), (double)tree->whole);
	hst_table_cell(tree->table, number);
	put_bar(bar, sizeof bar, utf8,
		tree->whole == 0 ? 0 : (double)total_of(tree, context) / (double)tree->whole);
	hst_table_cell(tree->table, bar);
	hst_units_ns(number, (double)total_of(tree, context));
	hst_table_cell(tree->table, number);
	hst_units_ns(number, (double)self_of(tree, context));
	hst_table_cell(tree->table, number);
	hst_units_count(number, context->calls);
	hst_table_cell(tree->table, number);
	hst_table_cell(tree->table, label);
	hst_table_cell(tree->table, place);
}

/* Prints the branch; depth is bounded by that of the contexts. */
static enum hst_status walk(struct tree *tree, uint32_t node, bool *lines, size_t depth)
{
	struct hst_context *contexts = tree->profile.contexts;
	size_t begin = tree->path.count;
	size_t shown = 0;
	enum hst_status status = HST_OK;

	for (uint32_t child = contexts[node].first_child; child != 0;
		child = contexts[child].next_sibling) {
		if (total_of(tree, &contexts[child]) < tree->least) {
			tree->left_out++;
		} else if (!hst_vec_push(&tree->path, child)) {
			return HST_E_MEMORY;
		}
	}
	shown = tree->path.count - begin;
	if (shown != 0) {
		qsort_r(tree->path.items + begin, shown, sizeof *tree->path.items, compare, tree);
	}
	for (size_t i = 0; status == HST_OK && i < shown; i++) {
		uint32_t child = tree->path.items[begin + i];

		if (tree->rows == 0) {
			tree->left_out++;
			continue;
		}
		tree->rows--;
		if (depth > 0 && depth <= INDENT_MAX) {
			lines[depth - 1] = i + 1 < shown;
		}
		print_node(tree, child, lines, depth);
		status = walk(tree, child, lines, depth + 1);
	}
	tree->path.count = begin;
	return status;
}

/* The nodes of --of, else the whole. */
static size_t find_roots(const struct tree *tree, uint32_t *roots)
{
	const char *name = tree->reading->options.of;
	size_t count = 0;

	for (uint32_t i = 1; i < tree->profile.context_count; i++) {
		uint32_t function = tree->profile.contexts[i].function;
		const struct hst_function_row *row = &tree->profile.functions[function];

		if (function < tree->profile.function_count &&
			(fnmatch(name, row->name, 0) == 0 || strcmp(name, row->full) == 0 ||
				strcmp(name, row->linkage) == 0)) {
			roots[count++] = i;
		}
	}
	return count;
}

static enum hst_status print_branches(struct tree *tree, const uint32_t *roots, size_t count)
{
	bool lines[INDENT_MAX + 1] = { false };
	enum hst_status status = HST_OK;

	if (roots == NULL) {
		return walk(tree, 0, lines, 0);
	}
	for (size_t i = 0; status == HST_OK && i < count; i++) {
		if (total_of(tree, &tree->profile.contexts[roots[i]]) < tree->least) {
			tree->left_out++;
			continue;
		}
		print_node(tree, roots[i], lines, 0);
		status = walk(tree, roots[i], lines, 1);
	}
	return status;
}

static enum hst_status print_table(struct tree *tree, const uint32_t *roots, size_t count)
{
	static const struct {
		const char *title;
		unsigned flags;
		const char *off_cpu; /* its title in that tree, if it is another one */
	} columns[] = { { "%", HST_COLUMN_RIGHT, NULL }, { "", 0, NULL },
		{ "TOTAL", HST_COLUMN_RIGHT, "TOTAL OFF" }, { "SELF", HST_COLUMN_RIGHT, "OFF-CPU" },
		{ "CALLS", HST_COLUMN_RIGHT, NULL }, { "FUNCTION", HST_COLUMN_FLEX, NULL },
		{ "FILE:LINE", HST_COLUMN_FLEX, NULL } };
	struct hst_reading *reading = tree->reading;
	uint64_t rows = reading->options.rows;
	enum hst_status status;

	tree->least = rows == 0 ? 0 : (uint64_t)((double)tree->whole * PRUNE_PERCENT / 100);
	tree->rows = rows == 0 ? UINT64_MAX : rows;
	tree->table = hst_table_create();
	if (tree->table == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		hst_table_column(tree->table,
			tree->off_cpu && columns[i].off_cpu != NULL ? columns[i].off_cpu
								    : columns[i].title,
			columns[i].flags);
	}
	status = print_branches(tree, roots, count);
	hst_reading_begin_text(reading);
	hst_reading_notes(reading, &tree->profile);
	if (tree->off_cpu && !reading->options.quiet) {
		hst_print_line("%s",
			hst_profile_has_cpu(&tree->profile)
				? "time off the CPU: asleep, waiting, or ready while other threads had the CPU"
				: "CPU time was not recorded: nothing is known of time off the CPU");
	}
	if (status == HST_OK) {
		status = hst_table_print(tree->table, stdout, &reading->style);
	}
	if (tree->left_out != 0 && !reading->options.quiet) {
		hst_print_line("%llu small branches left out (-n 0 shows all)",
			(unsigned long long)tree->left_out);
	}
	if (!reading->options.quiet) {
		putchar('\n');
	}
	hst_reading_next(reading, "export -f speedscope -o profile.speedscope.json", NULL);
	hst_table_destroy(tree->table);
	return status;
}

/* null where no part of the recording says it. */
static void json_off(struct hst_json *json, const char *key, bool known, uint64_t ns)
{
	if (known) {
		hst_json_u64(json, key, ns);
	} else {
		hst_json_null(json, key);
	}
}

/* A flat list of nodes with their parents: no reader needs recursion. */
static void print_json(const struct tree *tree)
{
	const struct hst_profile *profile = &tree->profile;
	bool known = hst_profile_has_cpu(profile);
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, profile);
	hst_json_array(&json, "nodes");
	for (size_t i = 1; i < profile->context_count; i++) {
		const struct hst_context *context = &profile->contexts[i];
		const struct hst_function_row *row =
			context->function < profile->function_count
				? &profile->functions[context->function]
				: NULL;

		hst_json_row(&json, NULL);
		hst_json_u64(&json, "id", i);
		hst_json_u64(&json, "parent", context->parent);
		hst_json_place(&json, row);
		hst_json_u64(&json, "calls", context->calls);
		hst_json_u64(&json, "total_ns", context->total_ns);
		hst_json_u64(&json, "self_ns", context->self_ns);
		json_off(&json, "total_off_cpu_ns", known, context->total_off_ns);
		json_off(&json, "self_off_cpu_ns", known, context->self_off_ns);
		hst_json_u64(&json, "errors", context->errors);
		hst_json_bool(&json, "recursive", context->recursive);
		hst_json_end(&json);
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}

static int run(struct tree *tree)
{
	struct hst_reading *reading = tree->reading;
	uint32_t *roots = NULL;
	size_t count = 0;
	enum hst_status status;

	tree->off_cpu = reading->options.off_cpu;
	tree->whole = total_of(tree, &tree->profile.contexts[0]);
	if (reading->options.json) {
		print_json(tree);
		return HST_EXIT_OK;
	}
	if (reading->options.of != NULL) {
		roots = calloc(tree->profile.context_count, sizeof *roots);
		count = roots == NULL ? 0 : find_roots(tree, roots);
		if (roots == NULL || count == 0) {
			free(roots);
			return hst_reading_fail(reading,
				"no recorded function is called '%s'; hasten report -n 0 lists them "
				"all",
				reading->options.of);
		}
	}
	status = print_table(tree, roots, count);
	free(roots);
	hst_vec_finish(&tree->path);
	return status == HST_OK ? HST_EXIT_OK
				: hst_reading_fail(reading, "%s", hst_status_text(status));
}

/* Is the tree of memory asked for? Then its own name for it takes the place of the option. */
static bool take_memory(int argc, char **argv)
{
	static char paths[] = "--paths";

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--memory") == 0) {
			argv[i] = paths;
			return true;
		}
	}
	return false;
}

int hst_cmd_tree(int argc, char **argv)
{
	static const char examples[] = "  hasten tree                    branches of at least 1 %\n"
				       "  hasten tree --of parse         only what is below parse\n"
				       "  hasten tree --off-cpu          where threads wait\n"
				       "  hasten tree -n 0 --wide        everything\n";
	struct hst_reading reading;
	struct tree tree = { .reading = &reading };
	struct hst_profile_options asked = { .contexts = true, .fold_recursion = true };
	int status;

	if (take_memory(argc, argv)) {
		return hst_cmd_memory(argc, argv);
	}
	status = hst_reading_open(&reading, argc, argv, options, examples);
	if (status == HST_EXIT_OK && !reading.done) {
		status = hst_reading_profile(&reading, &asked, &tree.profile);
		if (status == HST_EXIT_OK) {
			status = run(&tree);
		}
	}
	hst_profile_finish(&tree.profile);
	hst_reading_close(&reading);
	return status;
}
