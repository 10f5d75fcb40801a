/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process tree with a bar for the time of each row. Where rows are fewer than processes, similar siblings become one row
 * ("[34 x cc1, 12.3 s]"), and of the rest those with most CPU and time are shown. A child of fork that did nothing
 * but exec is left out: its program stands in its place.
 */
#include "cmd/processes.h"

#include "cmd/processes_plot.h"
#include "util/vec.h"
#include "writers/text.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_LEAST  3u /* siblings that become one row */
#define BAR_LEAST    8u
#define BAR_MOST     40u
#define INDENT_LEAST 6u
#define INDENT_MOST  48u
#define HIDDEN_PART  100u /* a hidden image took less than 1/this of the whole */
#define NO_NODE      UINT32_MAX

struct node {
	const struct hst_process_image *image; /* the first one of a group */
	uint32_t count;                        /* 1: no group */
	uint32_t parent;                       /* node, NO_NODE */
	uint32_t depth;
	bool urgent;
	bool again; /* a later image of the process above it in the list */
	bool shown, more;
	uint64_t start, end, wall, cpu, hwm; /* of a group: first, last, sums, the most */
	uint64_t failed;
	bool cpu_known, hwm_known;
	bool doubt; /* of a group: one of its figures is a bound or derived */
	double weight;
};

/* An image whose node is still to be made. */
struct entry {
	uint32_t image, parent, depth;
	uint32_t count; /* of the group, whose other members follow in `members` */
	size_t members;
	bool again;
};

struct sums {
	uint64_t end;    /* the last one */
	uint64_t failed; /* images */
	bool urgent;     /* one of them failed, and nobody took it well */
};

struct tree {
	const struct hst_show *show;
	bool fold;
	struct sums *own; /* by image: of it and what it started */
	struct sums *all; /* of its later images too */
	HST_VEC(struct node) nodes;
	HST_VEC(struct entry) stack;
	HST_VEC(uint32_t) members; /* children that are being grouped; kept for their groups */
};

static const struct hst_process_image *image_at(const struct tree *tree, uint32_t index)
{
	return hst_show_image(tree->show, index);
}

static bool is_urgent(const struct tree *tree, const struct hst_process_image *image)
{
	return hst_process_class_failed(image->class) && image->phase != HST_PROCESS_PHASE_PROBE &&
	       !hst_show_is_taken_well(tree->show, image);
}

static void add_sums(struct sums *to, const struct sums *sums)
{
	to->end = sums->end > to->end ? sums->end : to->end;
	to->failed += sums->failed;
	to->urgent |= sums->urgent;
}

/* Parents and earlier images have smaller indices: what says otherwise is not followed. */
static enum hst_status sum_up(struct tree *tree)
{
	const struct hst_processes *p = tree->show->processes;

	tree->own = calloc(p->image_count + 1, sizeof *tree->own);
	tree->all = calloc(p->image_count + 1, sizeof *tree->all);
	if (tree->own == NULL || tree->all == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = p->image_count; i-- > 0;) {
		const struct hst_process_image *image = &p->images[i];
		struct sums self = { image->end_ns,
			hst_process_class_failed(image->class) &&
				image->phase != HST_PROCESS_PHASE_PROBE,
			is_urgent(tree, image) };

		add_sums(&tree->own[i], &self);
		add_sums(&tree->all[i], &tree->own[i]);
		if (image->previous < i) {
			add_sums(&tree->all[image->previous], &tree->all[i]);
		} else if (image->parent < i) {
			add_sums(&tree->own[image->parent], &tree->all[i]);
		}
	}
	return HST_OK;
}

/* A copy of its parent that lived for its exec only. */
static bool is_hidden(const struct tree *tree, const struct hst_process_image *image)
{
	const struct hst_processes *p = tree->show->processes;

	return image->began == HST_PROCESS_BEGAN_FORK && image->ended == HST_PROCESS_ENDED_EXEC &&
	       image_at(tree, image->next) != NULL && image->first_child == HST_PROCESS_NONE &&
	       image->wall_ns <= p->wall_ns / HIDDEN_PART &&
	       (image->cpu_ns == HST_PROCESS_UNKNOWN || image->cpu_ns <= p->cpu_ns / HIDDEN_PART);
}

static uint32_t visible(const struct tree *tree, uint32_t index)
{
	const struct hst_process_image *image = image_at(tree, index);

	while (image != NULL && is_hidden(tree, image) && image->next > index) {
		index = image->next;
		image = image_at(tree, index);
	}
	return index;
}

static uint64_t known(uint64_t value)
{
	return value == HST_PROCESS_UNKNOWN ? 0 : value;
}

/* `whole`: the process with its later images, else the image alone. */
static void add_to(const struct tree *tree, struct node *node, uint32_t index, bool whole)
{
	const struct hst_process_image *image = image_at(tree, index);
	const struct hst_process_image *next = whole ? NULL : image_at(tree, image->next);
	const struct sums *sums = whole ? &tree->all[index] : &tree->own[index];
	uint64_t cpu = known(image->tree_cpu_ns);
	uint64_t later = next == NULL ? 0 : known(next->tree_cpu_ns);

	if ((image->flags & HST_PROCESS_START_UNKNOWN) == 0 && image->start_ns < node->start) {
		node->start = image->start_ns;
	}
	node->end = sums->end > node->end ? sums->end : node->end;
	node->wall += known(image->wall_ns);
	node->cpu += cpu - (later < cpu ? later : cpu);
	node->cpu_known |= image->cpu_ns != HST_PROCESS_UNKNOWN;
	node->doubt |= (image->flags & HST_PROCESS_USAGE_ESTIMATED) != 0 ||
		       image->hwm_source == HST_PROCESS_HWM_LOWER ||
		       image->hwm_source == HST_PROCESS_HWM_UPPER;
	node->failed += sums->failed;
	node->urgent |= sums->urgent;
	if (image->hwm_source != HST_PROCESS_HWM_UNKNOWN &&
		image->hwm_bytes != HST_PROCESS_UNKNOWN) {
		node->hwm_known = true;
		node->hwm = image->hwm_bytes > node->hwm ? image->hwm_bytes : node->hwm;
	}
}

static enum hst_status make_node(struct tree *tree, const struct entry *entry)
{
	struct node node = { .image = image_at(tree, entry->image),
		.count = entry->count,
		.parent = entry->parent,
		.depth = entry->depth,
		.again = entry->again,
		.start = UINT64_MAX };

	if (entry->count == 1) {
		add_to(tree, &node, entry->image, false);
	}
	for (uint32_t i = 0; entry->count > 1 && i < entry->count; i++) {
		add_to(tree, &node, tree->members.items[entry->members + i], true);
	}
	node.start = node.start < node.end ? node.start : node.end;
	/* Never more than that of the row above: what is chosen by it hangs together. */
	node.weight = (double)node.cpu + (double)(node.end - node.start);
	return hst_vec_push(&tree->nodes, node) ? HST_OK : HST_E_MEMORY;
}

/* Alike: the same command, and it went alike. What failed shall not hide among those that did not. */
static int compare_kinds(const struct tree *tree, uint32_t a, uint32_t b)
{
	int order = strcmp(image_at(tree, a)->command, image_at(tree, b)->command);

	return order != 0 ? order : tree->all[a].urgent - tree->all[b].urgent;
}

static int compare_members(const void *left, const void *right, void *context)
{
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;
	int order = compare_kinds(context, a, b);

	return order != 0 ? order : (a > b) - (a < b);
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left;
	const struct entry *b = right;

	/* The stack gives them the other way round: the first one is pushed last. */
	return (a->image < b->image) - (a->image > b->image);
}

/* The children of a node's image onto the stack, similar ones as groups. */
static enum hst_status push_children(struct tree *tree, const struct node *node, uint32_t parent)
{
	const struct hst_process_image *images = tree->show->processes->images;
	size_t begin = tree->members.count;
	size_t entries = tree->stack.count;
	uint32_t depth = node->depth + 1;

	for (uint32_t child = node->image->first_child; image_at(tree, child) != NULL;
		child = images[child].next_sibling) {
		if (!hst_vec_push(&tree->members, visible(tree, child))) {
			return HST_E_MEMORY;
		}
	}
	if (tree->fold && tree->members.count - begin >= GROUP_LEAST) {
		qsort_r(tree->members.items + begin, tree->members.count - begin, sizeof(uint32_t),
			compare_members, tree);
	}
	for (size_t i = begin; i < tree->members.count;) {
		uint32_t first = tree->members.items[i];
		uint32_t count = 1;

		while (tree->fold && i + count < tree->members.count &&
			compare_kinds(tree, tree->members.items[i + count], first) == 0) {
			count++;
		}
		count = count < GROUP_LEAST ? 1 : count;
		if (!hst_vec_push(&tree->stack,
			    ((struct entry){ first, parent, depth, count, i, false }))) {
			return HST_E_MEMORY;
		}
		i += count;
	}
	if (tree->stack.count != entries) {
		qsort(tree->stack.items + entries, tree->stack.count - entries,
			sizeof *tree->stack.items, compare_entries);
	}
	return HST_OK;
}

/* Makes nodes of all images, parents first, in the order of their times. */
static enum hst_status make_nodes(struct tree *tree)
{
	const struct hst_processes *p = tree->show->processes;

	tree->nodes.count = tree->members.count = tree->stack.count = 0;
	for (size_t i = p->image_count; i-- > 0;) {
		const struct hst_process_image *image = &p->images[i];

		if (image->parent == HST_PROCESS_NONE && image->previous == HST_PROCESS_NONE &&
			!hst_vec_push(&tree->stack, ((struct entry){ visible(tree, (uint32_t)i),
							    NO_NODE, 0, 1, 0, false }))) {
			return HST_E_MEMORY;
		}
	}
	while (tree->stack.count != 0) {
		struct entry entry = tree->stack.items[--tree->stack.count];
		uint32_t number = (uint32_t)tree->nodes.count;
		const struct hst_process_image *image = image_at(tree, entry.image);
		struct entry next = { image->next, entry.parent, entry.depth, 1, 0, true };

		HST_TRY(make_node(tree, &entry));
		if (entry.count > 1) {
			continue;
		}
		/* The next image comes behind what this one started. */
		if (image_at(tree, next.image) != NULL && next.image > entry.image &&
			!hst_vec_push(&tree->stack, next)) {
			return HST_E_MEMORY;
		}
		HST_TRY(push_children(tree, &tree->nodes.items[number], number));
	}
	return HST_OK;
}

/* What failed comes first, with all above it: nobody else is looked for as often. */
static int compare_weights(const void *left, const void *right, void *context)
{
	const struct node *nodes = context;
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	if (nodes[a].urgent != nodes[b].urgent) {
		return nodes[a].urgent ? -1 : 1;
	}
	if (nodes[a].weight != nodes[b].weight) {
		return nodes[a].weight < nodes[b].weight ? 1 : -1;
	}
	return (a > b) - (a < b);
}

/* Marks what is shown, and which of them have others behind them. */
static enum hst_status choose(struct tree *tree, size_t limit)
{
	size_t count = tree->nodes.count;
	uint32_t *order = calloc(count + 1, sizeof *order);
	bool *later = calloc(count + 1, sizeof *later); /* by parent, the last one for none */

	if (order == NULL || later == NULL) {
		free(order);
		free(later);
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		order[i] = (uint32_t)i;
	}
	if (limit < count) {
		qsort_r(order, count, sizeof *order, compare_weights, tree->nodes.items);
	}
	for (size_t i = 0; i < count && i < limit; i++) {
		tree->nodes.items[order[i]].shown = true;
	}
	for (size_t i = count; i-- > 0;) {
		struct node *node = &tree->nodes.items[i];
		size_t parent = node->parent == NO_NODE ? count : node->parent;

		/* Damaged times may give a child more than its parent has. */
		if (node->shown && parent != count) {
			tree->nodes.items[parent].shown = true;
		}
		node->more = later[parent];
		later[parent] |= node->shown;
	}
	free(order);
	free(later);
	return HST_OK;
}

enum {
	CELL_START,
	CELL_BAR,
	CELL_WALL,
	CELL_CPU,
	CELL_HWM,
	CELL_STATUS,
	CELL_PID,
	CELL_COMMAND,
	CELLS
};

static const struct {
	const char *title;
	const char *field; /* of an image; NULL: none is shown as it is */
	unsigned flags;
	size_t least; /* width of a line from which on there is room for it */
} columns[CELLS] = {
	[CELL_START] = { "START", "start", HST_COLUMN_RIGHT, 80 },
	[CELL_BAR] = { "", NULL, 0, 0 },
	[CELL_WALL] = { "WALL", "wall", HST_COLUMN_RIGHT, 0 },
	[CELL_CPU] = { "CPU", "cpu", HST_COLUMN_RIGHT, 0 },
	[CELL_HWM] = { "VmHWM", "hwm", HST_COLUMN_RIGHT, 70 },
	[CELL_STATUS] = { "STATUS", "status", 0, 0 },
	[CELL_PID] = { "PID", "pid", HST_COLUMN_RIGHT, 0 },
	[CELL_COMMAND] = { "COMMAND", NULL, HST_COLUMN_FLEX, 0 },
};

struct drawing {
	struct hst_table *table;
	struct hst_fields fields;
	struct hst_plot plot;
	size_t room;   /* of a line, 0: any */
	size_t indent; /* levels that are drawn */
	bool more[INDENT_MOST + 1];
};

static void write_label(
	struct drawing *drawing, const struct node *node, char buffer[HST_FIELD_CELL])
{
	size_t depth = node->depth < drawing->indent ? node->depth : drawing->indent;
	size_t used;
	char text[HST_FIELD_CELL];
	char wall[HST_UNITS_BYTES];

	if (depth != 0) {
		drawing->more[depth - 1] = node->more;
	}
	used = hst_plot_arms(buffer, HST_FIELD_CELL, drawing->plot.utf8, drawing->more, depth);
	if (node->depth > drawing->indent) {
		used += (size_t)snprintf(
			buffer + used, HST_FIELD_CELL - used, "(level %" PRIu32 ") ", node->depth);
	}
	if (node->count > 1) {
		hst_units_ns(wall, (double)node->wall);
		(void)snprintf(buffer + used, HST_FIELD_CELL - used, "[%" PRIu32 " x %.200s, %s]",
			node->count, node->image->command, wall);
		return;
	}
	hst_show_command(text, node->image, false);
	(void)snprintf(buffer + used, HST_FIELD_CELL - used, "%s%.*s", node->again ? "=> " : "",
		(int)(HST_FIELD_CELL - used - 4), text);
}

/* Of several processes; what is empty has no meaning for them. */
static void write_group(const struct node *node, int column, char buffer[HST_FIELD_CELL])
{
	char number[HST_UNITS_BYTES] = "-";

	if (column == CELL_START) {
		hst_units_ns(number, (double)node->start);
	} else if (column == CELL_WALL) {
		hst_units_ns(number, (double)(node->end - node->start));
	} else if (column == CELL_CPU && node->cpu_known) {
		hst_units_ns(number, (double)node->cpu);
	} else if (column == CELL_HWM && node->hwm_known) {
		hst_units_bytes(number, node->hwm);
	}
	(void)snprintf(buffer, HST_FIELD_CELL, "%s%s",
		(column == CELL_CPU || column == CELL_HWM) && node->doubt ? "~" : "",
		column == CELL_PID ? "" : number);
	if (column == CELL_STATUS && node->failed == 0) {
		(void)snprintf(buffer, HST_FIELD_CELL, "OK");
	} else if (column == CELL_STATUS) {
		(void)snprintf(buffer, HST_FIELD_CELL, "%" PRIu64 " failed", node->failed);
	}
}

static void write_cell(
	struct drawing *drawing, const struct node *node, int column, char buffer[HST_FIELD_CELL])
{
	const char *name = columns[column].field;
	const struct hst_field *field;

	buffer[0] = '\0';
	if (column == CELL_COMMAND) {
		write_label(drawing, node, buffer);
	} else if (column == CELL_BAR) {
		bool known =
			node->count > 1 || (node->image->flags & HST_PROCESS_START_UNKNOWN) == 0;

		if (known) {
			hst_plot_span(buffer, &drawing->plot, node->start,
				node->count > 1 ? node->end : node->image->end_ns);
		}
	} else if (node->count > 1) {
		write_group(node, column, buffer);
	} else {
		field = hst_fields_find(&drawing->fields, name, strlen(name));
		hst_field_cell(&drawing->fields, field, node->image, buffer);
	}
}

static size_t within(size_t value, size_t least, size_t most)
{
	return value < least ? least : value > most ? most : value;
}

static enum hst_status print_table(const struct tree *tree)
{
	const struct hst_table_style *style = &tree->show->reading->style;
	struct drawing drawing = { .table = hst_table_create(),
		.fields = hst_show_table(tree->show, HST_ROWS_IMAGES).fields,
		.plot = { BAR_MOST, style->utf8, tree->show->processes->wall_ns },
		.room = style->width,
		.indent = INDENT_MOST };
	char text[HST_FIELD_CELL];
	enum hst_status status;

	if (drawing.table == NULL) {
		return HST_E_MEMORY;
	}
	/* Neither the bar nor the branches may take what is left for commands. */
	if (drawing.room != 0) {
		drawing.plot.width = within(drawing.room / 8, BAR_LEAST, BAR_MOST);
		drawing.indent = within(drawing.room / 12, INDENT_LEAST, INDENT_MOST);
	}
	for (int c = 0; c < CELLS; c++) {
		if (drawing.room == 0 || drawing.room >= columns[c].least) {
			hst_table_column(drawing.table, columns[c].title, columns[c].flags);
		}
	}
	for (size_t i = 0; i < tree->nodes.count; i++) {
		if (!tree->nodes.items[i].shown) {
			continue;
		}
		hst_table_row(drawing.table);
		for (int c = 0; c < CELLS; c++) {
			if (drawing.room == 0 || drawing.room >= columns[c].least) {
				write_cell(&drawing, &tree->nodes.items[i], c, text);
				hst_table_cell(drawing.table, text);
			}
		}
	}
	status = hst_table_print(drawing.table, stdout, style);
	hst_table_destroy(drawing.table);
	return status;
}

static void left_out(const struct tree *tree)
{
	uint64_t groups = 0;
	uint64_t hidden = 0;

	for (size_t i = 0; i < tree->nodes.count; i++) {
		const struct node *node = &tree->nodes.items[i];

		groups += node->shown && node->count > 1;
		hidden += !node->shown;
	}
	if (groups != 0) {
		hst_print_line("[N x NAME, TIME]: similar processes, the sum of their wall times; "
			       "CPU with all that they started, VmHWM of the greatest");
	}
	if (hidden != 0) {
		hst_print_line("%" PRIu64 " smaller row%s left out (-n 0 shows all)", hidden,
			hidden == 1 ? "" : "s");
	}
}

enum hst_status hst_show_tree(const struct hst_show *show, size_t otherwise)
{
	struct tree tree = { .show = show };
	enum hst_status status = sum_up(&tree);
	size_t limit;

	if (status == HST_OK) {
		status = make_nodes(&tree);
	}
	limit = hst_show_limit(show, tree.nodes.count, otherwise);
	if (status == HST_OK && limit < tree.nodes.count) {
		tree.fold = true;
		status = make_nodes(&tree);
	}
	if (status == HST_OK && tree.nodes.count != 0) {
		status = choose(&tree, limit);
		if (status == HST_OK) {
			status = print_table(&tree);
		}
		left_out(&tree);
	} else if (status == HST_OK) {
		hst_print_line("no process left a record");
	}
	hst_vec_finish(&tree.nodes);
	hst_vec_finish(&tree.stack);
	hst_vec_finish(&tree.members);
	free(tree.own);
	free(tree.all);
	return status;
}
