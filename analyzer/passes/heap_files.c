/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process images in the order in which they began, so that parents are read before the children
 * that begin with their blocks.
 */
#include "passes/heap_pass.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The header as far as it can be read; what cannot be read stays 0, and is said when the file is opened. */
static void look(struct hst_heap_pass *pass, size_t number, struct hst_heap_file *file)
{
	const struct hst_session_file *named = &pass->session->files[number];
	struct hst_file_header header = { .start = { 0 } };
	struct stat st;
	int fd = open(named->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*file = (struct hst_heap_file){ .number = number,
		.pid = named->pid,
		.parent = SIZE_MAX,
		.next_child = SIZE_MAX,
		.first_child = SIZE_MAX };
	if (fd < 0) {
		return;
	}
	if (pread(fd, &header, sizeof header, 0) == (ssize_t)sizeof header) {
		/* The mark of a recording without the launcher has no pid in its name. */
		file->pid = named->pid != 0 ? named->pid : header.pid;
		file->ppid = header.ppid;
		file->flags = header.flags;
		file->start_ticks = header.start.ticks;
		file->start_ns = header.start.mono_ns;
		file->fork_ticks = header.fork_ticks != 0 ? header.fork_ticks : header.start.ticks;
		if (header.start.mono_ns < pass->origin_ns) {
			pass->origin_ns = header.start.mono_ns;
		}
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		pass->total += (uint64_t)st.st_size;
	}
	close(fd);
}

static int by_start(const void *left, const void *right)
{
	const struct hst_heap_file *a = left;
	const struct hst_heap_file *b = right;

	if (a->start_ns != b->start_ns) {
		return a->start_ns < b->start_ns ? -1 : 1;
	}
	return (a->number > b->number) - (a->number < b->number);
}

/* By pid, then by start: `order` holds indexes of pass->files. */
static int by_pid(const void *left, const void *right, void *context)
{
	const struct hst_heap_file *files = context;
	size_t x = *(const size_t *)left;
	size_t y = *(const size_t *)right;

	if (files[x].pid != files[y].pid) {
		return files[x].pid < files[y].pid ? -1 : 1;
	}
	/* They are in the order of their start already. */
	return (x > y) - (x < y);
}

/* The latest image of `pid` that stands before `file`; SIZE_MAX none. */
static size_t find_image(
	const struct hst_heap_pass *pass, const size_t *order, uint32_t pid, size_t file)
{
	size_t lo = 0;
	size_t hi = pass->files.count;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;
		const struct hst_heap_file *there = &pass->files.items[order[middle]];

		if (there->pid < pid || (there->pid == pid && order[middle] < file)) {
			lo = middle + 1;
		} else {
			hi = middle;
		}
	}
	return lo != 0 && pass->files.items[order[lo - 1]].pid == pid ? order[lo - 1] : SIZE_MAX;
}

/* Puts a child into the list of its parent, ascending by the moment of its fork. */
static void add_child(struct hst_heap_pass *pass, size_t parent, size_t child)
{
	struct hst_heap_file *files = pass->files.items;
	size_t *place = &files[parent].first_child;

	/* Mostly it is the latest one: the list is kept with that first, and turned round at the end. */
	while (*place != SIZE_MAX && files[*place].fork_ticks > files[child].fork_ticks) {
		place = &files[*place].next_child;
	}
	files[child].next_child = *place;
	*place = child;
	files[child].parent = parent;
}

static void reverse_children(struct hst_heap_file *files, struct hst_heap_file *parent)
{
	size_t list = SIZE_MAX;

	while (parent->first_child != SIZE_MAX) {
		size_t child = parent->first_child;

		parent->first_child = files[child].next_child;
		files[child].next_child = list;
		list = child;
	}
	parent->first_child = list;
}

static void relate(struct hst_heap_pass *pass, const size_t *order)
{
	struct hst_heap_file *files = pass->files.items;

	for (size_t i = 0; i + 1 < pass->files.count; i++) {
		struct hst_heap_file *file = &files[order[i]];
		const struct hst_heap_file *next = &files[order[i + 1]];

		file->execs = file->pid == next->pid && (next->flags & HST_FLAG_FORKED) == 0;
	}
	for (size_t i = 0; i < pass->files.count; i++) {
		size_t parent;

		if ((files[i].flags & HST_FLAG_FORKED) == 0 || files[i].ppid == files[i].pid) {
			continue;
		}
		parent = find_image(pass, order, files[i].ppid, i);
		if (parent != SIZE_MAX) {
			add_child(pass, parent, i);
		}
	}
	for (size_t i = pass->files.count; i-- > 0;) {
		files[i].selected = pass->options->pid == 0 || files[i].pid == pass->options->pid;
		files[i].needed |= files[i].selected;
		if (files[i].needed && files[i].parent != SIZE_MAX) {
			files[files[i].parent].needed = true;
		}
	}
	for (size_t i = 0; i < pass->files.count; i++) {
		reverse_children(files, &files[i]);
	}
}

enum hst_status hst_heap_list_files(struct hst_heap_pass *pass)
{
	size_t count = pass->session->file_count;
	size_t *order;

	pass->origin_ns = UINT64_MAX;
	for (size_t i = 0; i < count; i++) {
		struct hst_heap_file file;

		look(pass, i, &file);
		if (!hst_vec_push(&pass->files, file)) {
			return HST_E_MEMORY;
		}
	}
	pass->origin_ns = pass->origin_ns == UINT64_MAX ? 0 : pass->origin_ns;
	order = calloc(count + 1, sizeof *order);
	if (order == NULL) {
		return HST_E_MEMORY;
	}
	if (count != 0) {
		qsort(pass->files.items, count, sizeof *pass->files.items, by_start);
		for (size_t i = 0; i < count; i++) {
			order[i] = i;
		}
		qsort_r(order, count, sizeof *order, by_pid, pass->files.items);
	}
	relate(pass, order);
	free(order);
	return HST_OK;
}

/* Copies what is live for one child; too many blocks in all: the child begins without. */
static enum hst_status keep_for(struct hst_heap_pass *pass, struct hst_heap_file *child)
{
	if (pass->live.count > HST_HEAP_INHERITED_MAX - pass->kept_blocks) {
		pass->kept_too_many = true;
		return HST_OK;
	}
	if (!hst_vec_reserve(&child->inherited, pass->live.count)) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < pass->live.blocks.count; i++) {
		const struct hst_heap_block *block = &pass->live.blocks.items[i];

		if (block->address != 0) {
			child->inherited.items[child->inherited.count++] =
				(struct hst_heap_inherited){ .address = block->address,
					.bytes = block->bytes,
					.leaf = block->leaf,
					.slack = block->slack };
		}
	}
	pass->kept_blocks += child->inherited.count;
	return HST_OK;
}

enum hst_status hst_heap_keep(struct hst_heap_pass *pass, uint64_t ticks)
{
	while (pass->child_next != SIZE_MAX) {
		struct hst_heap_file *child = &pass->files.items[pass->child_next];

		if (child->fork_ticks >= ticks) {
			break;
		}
		pass->child_next = child->next_child;
		HST_TRY(child->needed ? keep_for(pass, child) : HST_OK);
	}
	pass->fork_next = pass->child_next == SIZE_MAX
				  ? UINT64_MAX
				  : pass->files.items[pass->child_next].fork_ticks;
	return HST_OK;
}

enum hst_status hst_heap_inherit(struct hst_heap_pass *pass)
{
	struct hst_heap_file *file = pass->at;

	for (size_t i = 0; i < file->inherited.count; i++) {
		const struct hst_heap_inherited *from = &file->inherited.items[i];
		bool is_there = false;
		struct hst_heap_block *block =
			hst_heap_live_put(&pass->live, from->address, &is_there);

		if (block == NULL) {
			return HST_E_MEMORY;
		}
		block->bytes = from->bytes;
		block->ticks = pass->now;
		block->leaf = from->leaf;
		block->thread = 0;
		block->activation = 0;
		block->generation = 0;
		block->slack = from->slack;
		block->flags = HST_BLOCK_INHERITED;
		hst_heap_hold(pass, from->leaf, (int64_t)from->bytes, 1);
		pass->usable += from->slack == HST_SLACK_LONG_UNKNOWN ? 0 : from->slack;
		pass->process.inherited_bytes += from->bytes;
	}
	pass->process.inherited = file->inherited.count;
	pass->process.forked = (file->flags & HST_FLAG_FORKED) != 0;
	pass->kept_blocks -= file->inherited.count;
	hst_vec_finish(&file->inherited);
	hst_heap_peak(pass);
	return HST_OK;
}
