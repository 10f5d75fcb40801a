/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the same work without hooks, or without arguments. */
#include "cmd/cache_baseline.h"

#include "cmd/commands.h"
#include "passes/processes.h"

#include <stdlib.h>
#include <string.h>

/* A function that seems so much slower or faster without arguments is no other one: what is known of it is noise. */
#define SCALE_LEAST 0.1
#define SCALE_MOST  1.25

/* The program of this recording. */
struct program {
	struct hst_processes processes;
	const struct hst_process_image *image;
};

static int fail(const struct hst_reading *reading, enum hst_status status, struct hst_diag *diag)
{
	return hst_reading_fail(reading, "--baseline: %s",
		diag->text[0] != '\0' ? diag->text : hst_status_text(status));
}

/* Images with hooks; *ret_image is one of them. */
static size_t count_hooked(
	const struct hst_processes *processes, const struct hst_process_image **ret_image)
{
	size_t count = 0;

	for (size_t i = 0; i < processes->image_count; i++) {
		if ((processes->images[i].flags & HST_PROCESS_HOOKS) != 0) {
			*ret_image = &processes->images[i];
			count++;
		}
	}
	return count;
}

static bool same_arguments(
	const struct hst_process_image *one, const struct hst_process_image *other)
{
	if (one->argc != other->argc || one->exit_status != other->exit_status ||
		((one->flags | other->flags) & HST_PROCESS_CUT) != 0) {
		return false;
	}
	for (uint32_t i = 1; i < one->argc; i++) {
		if (strcmp(one->argv[i], other->argv[i]) != 0) {
			return false;
		}
	}
	return true;
}

/* CPU time from the first code of the program on: what comes before is in no function. 0 unknown. */
static uint64_t cpu_of(const struct hst_process_image *image)
{
	uint64_t before = image->loaded_ns == HST_PROCESS_UNKNOWN ? 0 : image->loaded_ns;

	if (image->cpu_ns == HST_PROCESS_UNKNOWN || image->cpu_ns == 0) {
		return 0;
	}
	before = before > image->start_ns ? before - image->start_ns : 0;
	return image->cpu_ns > before ? image->cpu_ns - before : 1;
}

/* Runs without hooks. */
static size_t add_plain(struct hst_cache_baseline *baseline, const struct program *program,
	const struct hst_processes *processes)
{
	size_t found = 0;

	for (size_t i = 0; i < processes->image_count; i++) {
		const struct hst_process_image *image = &processes->images[i];
		uint64_t cpu_ns = cpu_of(image);

		if ((image->flags & HST_PROCESS_HOOKS) != 0 || cpu_ns == 0 ||
			!same_arguments(program->image, image)) {
			continue;
		}
		found++;
		if (baseline->plain_runs++ == 0 || cpu_ns < baseline->plain_ns) {
			baseline->plain_ns = cpu_ns;
		}
	}
	return found;
}

/* CPU time of all functions, as far as it is known, and their calls. */
static double time_of(const struct hst_profile *profile)
{
	double sum = 0;

	for (size_t i = 0; i < profile->function_count; i++) {
		const struct hst_function_row *row = &profile->functions[i];

		sum += (double)row->self_ns - (double)row->self_off_ns;
	}
	return sum;
}

/* A recording with hooks: the one with the least time is kept. */
static int add_hooked(struct hst_reading *reading, struct hst_cache_baseline *baseline,
	const char *dir, const struct program *program, const struct hst_process_image *image)
{
	struct hst_profile_options asked = { 0 };
	struct hst_reading other = { .command = reading->command, .options = reading->options };
	struct hst_profile profile = { 0 };
	struct hst_diag diag = { "" };
	enum hst_status status;
	int result;

	if (!same_arguments(program->image, image)) {
		return hst_reading_fail(reading,
			"--baseline: '%s' is a recording of other arguments or another exit status: only the same work can be compared",
			dir);
	}
	status = hst_session_open(dir, &other.session, &diag);
	if (status != HST_OK) {
		return fail(reading, status, &diag);
	}
	result = hst_reading_profile(&other, &asked, &profile);
	hst_session_close(&other.session);
	if (result != HST_EXIT_OK) {
		return result;
	}
	if (profile.throttled != 0) {
		hst_profile_finish(&profile);
		return hst_reading_fail(reading,
			"--baseline: '%s' lacks calls of functions that cost too much; record it without --overhead",
			dir);
	}
	if (baseline->calls && time_of(&profile) >= baseline->hooked_ns) {
		hst_profile_finish(&profile);
		return HST_EXIT_OK;
	}
	hst_profile_finish(&baseline->other);
	baseline->other = profile;
	baseline->calls = true;
	baseline->hooked_ns = time_of(&profile);
	baseline->hooked_calls = profile.calls;
	return HST_EXIT_OK;
}

static int add_one(struct hst_reading *reading, struct hst_cache_baseline *baseline,
	const struct program *program, const char *dir)
{
	struct hst_processes processes = { 0 };
	const struct hst_process_image *image = NULL;
	struct hst_diag diag = { "" };
	enum hst_status status = hst_processes_read(dir, NULL, &processes, &diag);
	size_t hooked;
	int result = HST_EXIT_OK;

	if (status != HST_OK) {
		return fail(reading, status, &diag);
	}
	hooked = count_hooked(&processes, &image);
	if (hooked == 1) {
		result = add_hooked(reading, baseline, dir, program, image);
	} else if (hooked > 1) {
		result = hst_reading_fail(reading,
			"--baseline: several programs with hooks ran in '%s'; record one run of the program alone",
			dir);
	} else if (add_plain(baseline, program, &processes) == 0) {
		result = hst_reading_fail(reading,
			"--baseline: nothing in '%s' ran with the arguments of this recording and ended like it: "
			"hasten run -o %s -- PROGRAM-WITHOUT-HOOKS and the same arguments",
			dir, dir);
	}
	hst_processes_finish(&processes);
	return result;
}

static int add_all(struct hst_reading *reading, struct hst_cache_baseline *baseline,
	const struct program *program)
{
	char *names = strdup(reading->options.baseline);
	char *next = names;
	int result = names == NULL ? hst_reading_fail(reading, "%s", hst_status_text(HST_E_MEMORY))
				   : HST_EXIT_OK;

	while (result == HST_EXIT_OK && next != NULL) {
		const char *name = strsep(&next, ",");

		result = name[0] != '\0'
				 ? add_one(reading, baseline, program, name)
				 : hst_reading_fail(reading, "--baseline: a name is empty in '%s'",
					   reading->options.baseline);
	}
	free(names);
	return result;
}

static int compare_rows(const void *left, const void *right)
{
	const struct hst_function_row *a = *(const struct hst_function_row *const *)left;
	const struct hst_function_row *b = *(const struct hst_function_row *const *)right;
	int order = strcmp(a->linkage, b->linkage);

	if (order == 0) {
		order = strcmp(a->file == NULL ? "" : a->file, b->file == NULL ? "" : b->file);
	}
	return order != 0 ? order : a->line < b->line ? -1 : a->line > b->line;
}

static double scale_of(struct hst_cache_baseline *baseline, const struct hst_function_row *row,
	const struct hst_function_row *other)
{
	double scale;

	if (other->calls != row->calls) {
		baseline->unequal++;
		return 1;
	}
	if (row->total_ns == 0) {
		return 1;
	}
	baseline->functions++;
	scale = (double)other->total_ns / (double)row->total_ns;
	return scale < SCALE_LEAST ? SCALE_LEAST : scale > SCALE_MOST ? SCALE_MOST : scale;
}

/* How long each function took without arguments, as a share of what it took with them. */
static enum hst_status find_scales(struct hst_cache_baseline *baseline, double *scales)
{
	size_t count = baseline->other.function_count;
	const struct hst_function_row **order = calloc(count + 1, sizeof *order);

	if (order == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		order[i] = &baseline->other.functions[i];
	}
	qsort(order, count, sizeof *order, compare_rows);
	for (size_t i = 0; i < baseline->own.function_count; i++) {
		const struct hst_function_row *row = &baseline->own.functions[i];
		const struct hst_function_row **found =
			bsearch(&row, order, count, sizeof *order, compare_rows);

		scales[i] = found == NULL ? 1 : scale_of(baseline, row, *found);
	}
	free(order);
	return HST_OK;
}

static enum hst_status compare_runs(struct hst_cache_baseline *baseline)
{
	size_t count = baseline->own.function_count;
	double *scales = calloc(count + 1, sizeof *scales);
	double *owed = calloc(2 * (count + 1), sizeof *owed);
	enum hst_status status = scales == NULL || owed == NULL ? HST_E_MEMORY : HST_OK;
	double less = 0;

	baseline->correction =
		(struct hst_cache_correction){ .scales = scales, .owed = owed, .rows = count };
	for (size_t i = 0; i < count && status == HST_OK; i++) {
		scales[i] = 1;
	}
	if (status == HST_OK && baseline->calls) {
		status = find_scales(baseline, scales);
	}
	if (!baseline->calls) {
		baseline->hooked_ns = time_of(&baseline->own);
		baseline->hooked_calls = baseline->own.calls;
	}
	if (baseline->plain_ns != 0 && baseline->hooked_calls != 0) {
		less = (baseline->hooked_ns - (double)baseline->plain_ns) /
		       (double)baseline->hooked_calls;
		baseline->slower = less < 0;
	} else {
		less = baseline->own.cost_empty_ns;
	}
	baseline->per_call_ns = less > 0 ? less : 0;
	baseline->correction.per_call_ns = baseline->per_call_ns;
	return status;
}

int hst_cache_baseline_read(struct hst_reading *reading, struct hst_cache_baseline *baseline)
{
	struct hst_profile_options asked = { 0 };
	struct program program = { 0 };
	struct hst_diag diag = { "" };
	enum hst_status status =
		hst_processes_read(reading->session.dir, NULL, &program.processes, &diag);
	int result;

	if (status != HST_OK) {
		return fail(reading, status, &diag);
	}
	if (count_hooked(&program.processes, &program.image) != 1) {
		result = hst_reading_fail(reading,
			"--baseline: not one program with hooks ran in this recording, but none or several; record one run of it alone");
	} else {
		result = add_all(reading, baseline, &program);
	}
	if (result == HST_EXIT_OK) {
		result = hst_reading_profile(reading, &asked, &baseline->own);
	}
	hst_processes_finish(&program.processes);
	if (result != HST_EXIT_OK) {
		return result;
	}
	status = compare_runs(baseline);
	baseline->used = status == HST_OK;
	return status == HST_OK ? HST_EXIT_OK : fail(reading, status, &diag);
}

int hst_cache_baseline_check(struct hst_reading *reading, const struct hst_cache_baseline *baseline,
	const struct hst_profile *profile)
{
	bool same = profile->function_count == baseline->own.function_count;

	for (size_t i = 0; i < profile->function_count && same; i++) {
		same = profile->functions[i].calls == baseline->own.functions[i].calls &&
		       strcmp(profile->functions[i].linkage, baseline->own.functions[i].linkage) ==
			       0;
	}
	return same ? HST_EXIT_OK
		    : hst_reading_fail(reading,
			      "--baseline: the recording changes while it is read; wait for the end of the program");
}

void hst_cache_baseline_finish(struct hst_cache_baseline *baseline)
{
	free(baseline->correction.scales);
	free(baseline->correction.owed);
	hst_profile_finish(&baseline->own);
	hst_profile_finish(&baseline->other);
	*baseline = (struct hst_cache_baseline){ 0 };
}
