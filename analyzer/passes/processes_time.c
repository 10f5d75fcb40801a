/* SPDX-License-Identifier: Apache-2.0 */
/* What ran when: the critical path (model/processes.h defines it), leaf processes, serial stretches. */
#include "passes/processes_pass.h"

#include <stdlib.h>
#include <string.h>

#define STRETCHES_MAX 64u

struct process {
	uint32_t first, last; /* images */
	uint32_t parent;      /* process, HST_NO_ITEM */
	uint32_t at;          /* image that the walk has come to */
	uint64_t start_ns, end_ns;
	uint32_t children_from, children_to; /* in by_end; `to` moves down as the walk goes back */
	uint32_t running;                    /* children that run */
	bool awaited, active, timed;
};

struct moment {
	uint64_t at_ns;
	uint32_t process;
	uint32_t image; /* that begins; HST_NO_ITEM: the process ends */
};

struct work {
	struct hst_processes *result;
	struct process *processes;
	uint32_t *by_end; /* processes by parent, then end */
	HST_VEC(struct hst_process_step) steps;
	HST_VEC(struct moment) moments;
	HST_VEC(struct hst_process_stretch) stretches;
	uint64_t *alone; /* of images: time as the only leaf of this stretch */
};

static void find_processes(struct hst_proc_pass *pass, struct work *work)
{
	const struct hst_process_image *images = work->result->images;

	for (uint32_t i = 0; i < work->result->image_count; i++) {
		struct process *process = &work->processes[images[i].process];

		if (images[i].previous == HST_PROCESS_NONE) {
			const struct hst_proc_life *life = &pass->lives.items[images[i].process];
			bool blind_parent =
				images[i].parent != HST_PROCESS_NONE &&
				images[images[i].parent].blind != HST_PROCESS_BLIND_NONE;

			process->first = i;
			process->at = i;
			process->start_ns = images[i].start_ns;
			process->timed = (images[i].flags & HST_PROCESS_START_UNKNOWN) == 0;
			process->parent = images[i].parent == HST_PROCESS_NONE
						  ? HST_NO_ITEM
						  : images[images[i].parent].process;
			process->awaited =
				life->wait != NULL || life->shell != NULL || blind_parent;
		}
		process->last = i;
		process->end_ns = images[i].end_ns;
	}
}

static int compare_ends(const void *left, const void *right, void *user)
{
	const struct process *processes = user;
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	if (processes[a].parent != processes[b].parent) {
		return processes[a].parent < processes[b].parent ? -1 : 1;
	}
	if (processes[a].end_ns != processes[b].end_ns) {
		return processes[a].end_ns < processes[b].end_ns ? -1 : 1;
	}
	return a < b ? -1 : a > b;
}

static void sort_children(struct work *work)
{
	uint32_t count = (uint32_t)work->result->processes;

	for (uint32_t i = 0; i < count; i++) {
		work->by_end[i] = i;
	}
	qsort_r(work->by_end, count, sizeof *work->by_end, compare_ends, work->processes);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t parent = work->processes[work->by_end[i]].parent;

		if (parent == HST_NO_ITEM) {
			break; /* the last ones */
		}
		if (i == 0 || work->processes[work->by_end[i - 1]].parent != parent) {
			work->processes[parent].children_from = i;
		}
		work->processes[parent].children_to = i + 1;
	}
}

/* The process itself is on the path between two times: its images then, from the last to the first. */
static bool add_steps(struct work *work, struct process *process, uint64_t from, uint64_t to)
{
	struct hst_process_image *images = work->result->images;

	while (from < to) {
		struct hst_process_image *image = &images[process->at];
		struct hst_process_step step = { .image = process->at, .end_ns = to };

		if (image->start_ns >= to && image->previous != HST_PROCESS_NONE) {
			process->at = image->previous;
			continue;
		}
		step.start_ns = image->start_ns > from && image->previous != HST_PROCESS_NONE
					? image->start_ns
					: from;
		image->critical_ns += to - step.start_ns;
		to = step.start_ns;
		if (!hst_vec_push(&work->steps, step)) {
			return false;
		}
	}
	return true;
}

/* The child that ended last of those that ended before `until`; HST_NO_ITEM. */
static uint32_t last_child(struct work *work, struct process *process, uint64_t until)
{
	while (process->children_to > process->children_from) {
		uint32_t child = work->by_end[process->children_to - 1];
		const struct process *of = &work->processes[child];

		process->children_to--;
		if (of->end_ns <= until && of->awaited && of->timed && of->end_ns > of->start_ns) {
			return child;
		}
	}
	return HST_NO_ITEM;
}

static enum hst_status walk_back(struct work *work)
{
	struct hst_processes *result = work->result;
	uint32_t at = result->images[result->root].process;
	uint32_t root = at;
	uint64_t until = work->processes[at].end_ns;

	for (uint32_t i = 0; i < result->processes; i++) {
		work->processes[i].at = work->processes[i].last;
	}
	for (;;) {
		struct process *process = &work->processes[at];
		uint32_t child = last_child(work, process, until);
		uint64_t from =
			child == HST_NO_ITEM ? process->start_ns : work->processes[child].end_ns;

		if (!add_steps(work, process, from, until)) {
			return HST_E_MEMORY;
		}
		until = from;
		if (child != HST_NO_ITEM) {
			at = child;
		} else if (at == root) {
			break;
		} else {
			at = process->parent;
		}
	}
	result->steps = hst_arena_array(&result->arena, work->steps.count, sizeof *result->steps);
	if (result->steps == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = work->steps.count; i-- > 0;) {
		result->steps[result->step_count++] = work->steps.items[i];
	}
	return HST_OK;
}

/* Ends first, so that what follows upon each other does not count as side by side. */
static int compare_moments(const void *left, const void *right)
{
	const struct moment *a = left;
	const struct moment *b = right;

	if (a->at_ns != b->at_ns) {
		return a->at_ns < b->at_ns ? -1 : 1;
	}
	if ((a->image == HST_NO_ITEM) != (b->image == HST_NO_ITEM)) {
		return a->image == HST_NO_ITEM ? -1 : 1;
	}
	return a->image < b->image ? -1 : a->image > b->image;
}

static enum hst_status find_moments(struct work *work)
{
	const struct hst_processes *result = work->result;

	for (uint32_t i = 0; i < result->image_count; i++) {
		uint32_t process = result->images[i].process;

		/* What has no length would end before it begins. */
		if (!work->processes[process].timed ||
			work->processes[process].end_ns <= work->processes[process].start_ns) {
			continue;
		}
		if (!hst_vec_push(&work->moments,
			    ((struct moment){ result->images[i].start_ns, process, i })) ||
			(result->images[i].next == HST_PROCESS_NONE &&
				!hst_vec_push(
					&work->moments, ((struct moment){ result->images[i].end_ns,
								process, HST_NO_ITEM })))) {
			return HST_E_MEMORY;
		}
	}
	if (work->moments.count != 0) {
		qsort(work->moments.items, work->moments.count, sizeof *work->moments.items,
			compare_moments);
	}
	return HST_OK;
}

/* Which processes are leaves now. */
struct leaves {
	uint32_t count;
	uint64_t sum; /* of their numbers: of the only one its number */
};

static void count_leaf(struct leaves *leaves, uint32_t process, bool more)
{
	leaves->count = more ? leaves->count + 1 : leaves->count - 1;
	leaves->sum = more ? leaves->sum + process : leaves->sum - process;
}

static void begin_process(struct work *work, struct leaves *leaves, uint32_t at)
{
	struct process *process = &work->processes[at];

	process->active = true;
	if (process->running == 0) {
		count_leaf(leaves, at, true);
	}
	if (process->parent != HST_NO_ITEM) {
		struct process *parent = &work->processes[process->parent];

		if (parent->running++ == 0 && parent->active) {
			count_leaf(leaves, process->parent, false);
		}
	}
}

static void end_process(struct work *work, struct leaves *leaves, uint32_t at)
{
	struct process *process = &work->processes[at];

	process->active = false;
	if (process->running == 0) {
		count_leaf(leaves, at, false);
	}
	if (process->parent != HST_NO_ITEM) {
		struct process *parent = &work->processes[process->parent];

		if (--parent->running == 0 && parent->active) {
			count_leaf(leaves, process->parent, true);
		}
	}
}

/* A stretch that is being measured. */
struct open_stretch {
	struct hst_process_stretch row;
	bool open;
	uint64_t best_ns;
	HST_VEC(uint32_t) touched; /* images with time in `alone` */
};

static bool close_stretch(struct work *work, struct open_stretch *stretch)
{
	bool good = true;

	if (stretch->open && stretch->row.end_ns > stretch->row.start_ns) {
		good = hst_vec_push(&work->stretches, stretch->row);
	}
	for (size_t i = 0; i < stretch->touched.count; i++) {
		work->alone[stretch->touched.items[i]] = 0;
	}
	stretch->touched.count = 0;
	stretch->open = false;
	return good;
}

/* `image` was the only leaf (or none was) from one time to another. */
static bool grow_stretch(
	struct work *work, struct open_stretch *stretch, uint32_t image, uint64_t from, uint64_t to)
{
	if (!stretch->open) {
		stretch->open = true;
		stretch->best_ns = 0;
		stretch->row = (struct hst_process_stretch){ from, from, HST_PROCESS_NONE };
	}
	stretch->row.end_ns = to;
	work->result->serial_ns += to - from;
	if (image == HST_NO_ITEM) {
		return true;
	}
	if (work->alone[image] == 0 && !hst_vec_push(&stretch->touched, image)) {
		return false;
	}
	work->alone[image] += to - from;
	if (work->alone[image] > stretch->best_ns) {
		stretch->best_ns = work->alone[image];
		stretch->row.image = image;
	}
	return true;
}

static bool pass_time(struct work *work, struct open_stretch *stretch, const struct leaves *leaves,
	uint64_t from, uint64_t to, double *sum)
{
	if (to <= from) {
		return true;
	}
	*sum += (double)leaves->count * (double)(to - from);
	if (leaves->count > work->result->concurrency_max) {
		work->result->concurrency_max = leaves->count;
	}
	if (leaves->count > 1) {
		return close_stretch(work, stretch);
	}
	return grow_stretch(work, stretch,
		leaves->count == 0 ? HST_NO_ITEM : work->processes[leaves->sum].at, from, to);
}

static int compare_stretches(const void *left, const void *right)
{
	const struct hst_process_stretch *a = left;
	const struct hst_process_stretch *b = right;
	uint64_t a_ns = a->end_ns - a->start_ns;
	uint64_t b_ns = b->end_ns - b->start_ns;

	if (a_ns != b_ns) {
		return a_ns > b_ns ? -1 : 1;
	}
	return a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
}

static enum hst_status keep_stretches(struct work *work)
{
	struct hst_processes *result = work->result;
	size_t count = work->stretches.count;

	if (count != 0) {
		qsort(work->stretches.items, count, sizeof *work->stretches.items,
			compare_stretches);
	}
	result->stretch_count = count < STRETCHES_MAX ? count : STRETCHES_MAX;
	result->stretches = hst_arena_copy(&result->arena, work->stretches.items,
		result->stretch_count * sizeof *result->stretches);
	return result->stretches == NULL ? HST_E_MEMORY : HST_OK;
}

/* From the begin of the recording to its end, through all that begins and ends. */
static enum hst_status sweep(struct work *work)
{
	struct hst_processes *result = work->result;
	struct open_stretch stretch = { 0 };
	struct leaves leaves = { 0 };
	uint64_t now = 0;
	double sum = 0;
	bool good = true;

	for (size_t i = 0; i < work->moments.count && good; i++) {
		const struct moment *moment = &work->moments.items[i];
		uint64_t until = moment->at_ns < result->wall_ns ? moment->at_ns : result->wall_ns;

		good = pass_time(work, &stretch, &leaves, now, until, &sum);
		now = until > now ? until : now;
		if (moment->image == HST_NO_ITEM) {
			end_process(work, &leaves, moment->process);
			continue;
		}
		work->processes[moment->process].at = moment->image;
		if (result->images[moment->image].previous == HST_PROCESS_NONE) {
			begin_process(work, &leaves, moment->process);
		}
	}
	good = good && pass_time(work, &stretch, &leaves, now, result->wall_ns, &sum);
	good = close_stretch(work, &stretch) && good;
	hst_vec_finish(&stretch.touched);
	result->concurrency = result->wall_ns == 0 ? 0 : sum / (double)result->wall_ns;
	return good ? keep_stretches(work) : HST_E_MEMORY;
}

enum hst_status hst_proc_time(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;
	struct work work = { .result = result,
		.processes = calloc(result->processes + 1, sizeof *work.processes),
		.by_end = calloc(result->processes + 1, sizeof *work.by_end),
		.alone = calloc(result->image_count + 1, sizeof *work.alone) };
	enum hst_status status = HST_E_MEMORY;

	if (work.processes != NULL && work.by_end != NULL && work.alone != NULL) {
		find_processes(pass, &work);
		sort_children(&work);
		status = result->root == HST_PROCESS_NONE ? HST_OK : walk_back(&work);
	}
	if (status == HST_OK) {
		status = find_moments(&work);
	}
	if (status == HST_OK) {
		status = sweep(&work);
	}
	free(work.processes);
	free(work.by_end);
	free(work.alone);
	hst_vec_finish(&work.steps);
	hst_vec_finish(&work.moments);
	hst_vec_finish(&work.stretches);
	return status;
}
