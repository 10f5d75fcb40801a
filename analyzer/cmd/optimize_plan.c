/* SPDX-License-Identifier: Apache-2.0 */
/* From a recording with arguments to a plan: candidates, evidence, gain, sections, file. */
#include "cmd/optimize_plan.h"

#include "cmd/cache.h"
#include "cmd/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool hst_optimize_is_plan(const char *path)
{
	uint8_t magic[8] = { 0 };
	struct stat info;
	int fd = path == NULL || stat(path, &info) != 0 || !S_ISREG(info.st_mode)
			 ? -1
			 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd < 0 ? 0 : read(fd, magic, sizeof magic);

	if (fd >= 0) {
		close(fd);
	}
	return got == (ssize_t)sizeof magic && memcmp(magic, HST_PLAN_MAGIC, sizeof magic) == 0;
}

int hst_optimize_plan_place(const struct hst_reading *reading)
{
	const char *path = reading->options.output;
	struct stat info;

	if (path == NULL) {
		return HST_EXIT_OK;
	}
	if (path[0] == '\0' || strcmp(path, "-") == 0) {
		return hst_reading_fail(reading, "--output needs the name of a file for the plan");
	}
	if (lstat(path, &info) != 0 || reading->options.force) {
		return HST_EXIT_OK;
	}
	return S_ISREG(info.st_mode) && (info.st_size == 0 || hst_optimize_is_plan(path))
		       ? HST_EXIT_OK
		       : hst_reading_fail(reading,
				 "'%s' is there and is no plan: name another file, or say --force",
				 path);
}

/* Logs of functions that can be answered come first; returns how many. */
static size_t put_first(struct hst_optimize_plan *plan, size_t count)
{
	struct hst_cache_log *logs = plan->gather.logs.items;
	size_t first = 0;

	for (size_t i = 0; i < count; i++) {
		bool can = false;

		for (size_t k = 0; k < plan->candidates.count; k++) {
			const struct hst_optimize_candidate *candidate = &plan->candidates.items[k];

			can |= candidate->row == logs[i].row && hst_optimize_can(candidate);
		}
		if (can) {
			struct hst_cache_log other = logs[first];

			logs[first] = logs[i];
			logs[i] = other;
			/* Its result is all that counts, by proof or by word. */
			logs[first++].declared = true;
		}
	}
	return first;
}

static enum hst_status reckon(struct hst_optimize_plan *plan, size_t count)
{
	struct hst_cache_options how = { .costs = &hst_memo_costs,
		.process_of = plan->gather.process_of.items,
		.thread_count = plan->gather.process_of.count,
		.seed = 1 };
	size_t first = put_first(plan, count);

	HST_TRY(hst_cache_analyse(plan->gather.logs.items, first, &how, &plan->worth));
	how.alone = true;
	return hst_cache_analyse(
		plan->gather.logs.items + first, count - first, &how, &plan->others);
}

static const struct hst_cache_function *find(const struct hst_cache *cache, uint32_t row)
{
	for (size_t i = 0; i < cache->count; i++) {
		if (cache->functions[i].row == row) {
			return &cache->functions[i];
		}
	}
	return NULL;
}

/* So many times the keys of a recording may a recursion have at another size of its problem; and the most that is made ready. */
#define RECURSION_ROOM 4u
#define RECURSION_MOST 32768u

/* Where calls overlap, one that was forgotten is computed with all that is below it: there is room for every key, and more. */
static uint32_t entries_for(const struct hst_cache_function *function)
{
	uint64_t capacity = hst_memo_plan_of(function)->capacity;
	uint64_t keys = RECURSION_ROOM * function->distinct;

	if (function->kind == HST_CACHE_KIND_RECURSION && keys > capacity) {
		capacity = keys < RECURSION_MOST ? keys : RECURSION_MOST;
	}
	return hst_memo_entries(capacity);
}

static void decide(struct hst_optimize_plan *plan)
{
	for (size_t i = 0; i < plan->candidates.count; i++) {
		struct hst_optimize_candidate *candidate = &plan->candidates.items[i];

		candidate->function = find(&plan->worth, candidate->row);
		if (candidate->function == NULL) {
			candidate->function = find(&plan->others, candidate->row);
		}
		if (hst_optimize_can(candidate)) {
			candidate->choice = hst_memo_choose(candidate->function);
		}
		candidate->wish.entries = entries_for(candidate->function);
		candidate->wish.shadow = hst_memo_shadow(candidate->evidence);
	}
}

static double gain_of(const struct hst_optimize_candidate *candidate)
{
	const struct hst_cache_function *function = candidate->function;

	/* Without a result nothing is known of a gain. */
	return hst_cache_is_seen(function) ? hst_memo_plan_of(function)->gain_ns : 0;
}

/* What is planned first, then by gain. */
static int by_gain(const void *a, const void *b)
{
	const struct hst_optimize_candidate *x = a;
	const struct hst_optimize_candidate *y = b;
	double gain[2] = { gain_of(x), gain_of(y) };

	if (hst_optimize_can(x) != hst_optimize_can(y)) {
		return hst_optimize_can(x) ? -1 : 1;
	}
	if (gain[0] < gain[1] || gain[0] > gain[1]) {
		return gain[0] > gain[1] ? -1 : 1;
	}
	if (x->row != y->row) {
		return x->row < y->row ? -1 : 1;
	}
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Adds the functions of one file. HST_E_MEMORY, or a sentence. */
static enum hst_status add_image(struct hst_optimize_plan *plan, uint32_t number,
	struct hst_plan_file *file, struct hst_diag *diag)
{
	const struct hst_optimize_image *image = &plan->images.items[number];
	size_t room = plan->candidates.count + 1;
	struct hst_memo_wish *wishes = calloc(room, sizeof *wishes);
	struct hst_memo_outcome *outcomes = calloc(room, sizeof *outcomes);
	enum hst_status status = wishes == NULL || outcomes == NULL ? HST_E_MEMORY : HST_OK;
	size_t count = 0;

	for (size_t i = 0; i < plan->candidates.count && status == HST_OK; i++) {
		const struct hst_optimize_candidate *candidate = &plan->candidates.items[i];

		if (candidate->image == number && hst_optimize_can(candidate)) {
			wishes[count++] = candidate->wish;
		}
	}
	if (status == HST_OK && count > 0) {
		const struct hst_memo_image of = { image->image, &image->recipes, image->path };

		status = hst_memo_plan_add(file, &of, wishes, count, outcomes, diag);
	}
	count = 0;
	for (size_t i = 0; i < plan->candidates.count && status == HST_OK; i++) {
		struct hst_optimize_candidate *candidate = &plan->candidates.items[i];

		if (candidate->image == number && hst_optimize_can(candidate)) {
			candidate->outcome = outcomes[count++];
			if (candidate->outcome.reason != HST_MEMO_PLANNED) {
				candidate->choice = HST_MEMO_CHOICE_CANNOT;
				(void)snprintf(candidate->why, sizeof candidate->why, "%s",
					hst_memo_reason_text(candidate->outcome.reason));
			}
		}
	}
	free(wishes);
	free(outcomes);
	return status;
}

static void sum_up(struct hst_optimize_plan *plan)
{
	double low = 0;
	double high = 0;

	for (size_t i = 0; i < plan->candidates.count; i++) {
		const struct hst_optimize_candidate *candidate = &plan->candidates.items[i];
		const struct hst_cache_plan *cache = hst_memo_plan_of(candidate->function);

		if (!hst_optimize_can(candidate)) {
			continue;
		}
		plan->planned++;
		/* Copies of one function share a row, and its gain. */
		if (i > 0 && hst_optimize_can(candidate - 1) &&
			candidate[-1].row == candidate->row) {
			continue;
		}
		plan->gain_ns += cache->gain_ns;
		low += (cache->gain_ns - cache->low_ns) * (cache->gain_ns - cache->low_ns);
		high += (cache->high_ns - cache->gain_ns) * (cache->high_ns - cache->gain_ns);
	}
	/* The rows' intervals are of different calls. */
	plan->low_ns = plan->gain_ns - sqrt(low);
	plan->high_ns = plan->gain_ns + sqrt(high);
}

/* Writes the plan, if there is anything in it and a file to write it to. */
static enum hst_status write_plan(struct hst_optimize_plan *plan, struct hst_diag *diag)
{
	struct hst_plan_file file = { 0 };
	enum hst_status status = HST_OK;

	for (uint32_t i = 0; i < plan->images.count && status == HST_OK; i++) {
		status = add_image(plan, i, &file, diag);
	}
	qsort(plan->candidates.items, plan->candidates.count, sizeof *plan->candidates.items,
		by_gain);
	sum_up(plan);
	if (status == HST_OK && plan->planned > 0 && plan->reading->options.output != NULL) {
		status = hst_plan_file_write(&file, plan->reading->options.output, diag);
	}
	hst_plan_file_finish(&file);
	return status;
}

static int fail_with(
	const struct hst_optimize_plan *plan, enum hst_status status, const struct hst_diag *diag)
{
	return hst_reading_fail(
		plan->reading, "%s", diag->text[0] != '\0' ? diag->text : hst_status_text(status));
}

/* Reads the recording into logs. */
static int gather(struct hst_optimize_plan *plan, size_t *ret_count)
{
	struct hst_profile_options asked = { .gather = &plan->gather, .modules = true };
	struct hst_cache_pure pure = { .reading = plan->reading };
	int result = hst_reading_profile(plan->reading, &asked, &plan->profile);

	if (result != HST_EXIT_OK) {
		return result;
	}
	*ret_count = hst_cache_gather_settle(&plan->gather);
	if (*ret_count == 0) {
		return hst_reading_fail(plan->reading,
			"this recording has no arguments and results of calls, of which plans are made: record again with hasten run --args -- "
			"PROGRAM (hasten optimize --instrumentation works without)");
	}
	pure.rows = plan->profile.functions;
	pure.logs = plan->gather.logs.items;
	pure.count = *ret_count;
	return plan->reading->options.pure == NULL
		       ? HST_EXIT_OK
		       : hst_cache_read_pure(&pure, plan->reading->options.pure);
}

static enum hst_status parse_filters(struct hst_optimize_plan *plan, struct hst_diag *diag)
{
	const struct hst_options *asked = &plan->reading->options;

	if (asked->only != NULL) {
		HST_TRY(hst_filter_parse(asked->only, &plan->only, diag));
	}
	return asked->without == NULL ? HST_OK
				      : hst_filter_parse(asked->without, &plan->without, diag);
}

/* Names that nobody has are a mistake of the user's. */
static int check_filters(const struct hst_optimize_plan *plan)
{
	const char *only = plan->only == NULL ? NULL : hst_filter_unmatched(plan->only, 0);
	const char *without = plan->without == NULL ? NULL : hst_filter_unmatched(plan->without, 0);

	return only == NULL && without == NULL
		       ? HST_EXIT_OK
		       : hst_reading_fail(plan->reading,
				 "%s: no function with recorded arguments matches '%s'; hasten cache -n 0 lists them",
				 only != NULL ? "--only" : "--without",
				 only != NULL ? only : without);
}

static int make(struct hst_optimize_plan *plan)
{
	struct hst_diag diag = { "" };
	enum hst_status status = parse_filters(plan, &diag);
	size_t count = 0;
	int result = status == HST_OK ? gather(plan, &count) : fail_with(plan, status, &diag);

	if (result != HST_EXIT_OK) {
		return result;
	}
	if (hst_optimize_is_plan(plan->reading->options.output)) {
		/* Only for what was revoked; one that cannot be read is replaced. */
		(void)!hst_plan_content_read(plan->reading->options.output, &plan->before, &diag);
		diag.text[0] = '\0';
	}
	status = hst_optimize_list(plan, count, &diag);
	if (status != HST_OK) {
		return fail_with(plan, status, &diag);
	}
	result = check_filters(plan);
	if (result != HST_EXIT_OK) {
		return result;
	}
	status = reckon(plan, count);
	if (status == HST_OK) {
		decide(plan);
		status = write_plan(plan, &diag);
	}
	if (status == HST_OK && plan->planned > 0) {
		status = hst_optimize_production(plan, &diag);
	}
	if (status == HST_OK && plan->reading->options.json) {
		hst_optimize_plan_json(plan);
	} else if (status == HST_OK) {
		status = hst_optimize_plan_text(plan);
	}
	if (status != HST_OK) {
		return fail_with(plan, status, &diag);
	}
	return plan->planned == 0 && plan->reading->options.output != NULL ? HST_EXIT_CHECK_FAILED
									   : HST_EXIT_OK;
}

static void finish(struct hst_optimize_plan *plan)
{
	hst_optimize_finish(&plan->production);
	hst_optimize_images_finish(plan);
	hst_vec_finish(&plan->candidates);
	hst_plan_content_finish(&plan->before);
	hst_filter_destroy(plan->only);
	hst_filter_destroy(plan->without);
	hst_cache_finish(&plan->worth);
	hst_cache_finish(&plan->others);
	hst_cache_gather_finish(&plan->gather);
	hst_profile_finish(&plan->profile);
}

int hst_optimize_make_plan(struct hst_reading *reading)
{
	struct hst_optimize_plan plan = { .reading = reading };
	const char *trust = reading->options.trust;
	int status = hst_optimize_plan_place(reading);

	if (status == HST_EXIT_OK && trust != NULL && strcmp(trust, "observed") != 0) {
		status = hst_reading_fail(reading, "--trust takes observed, not '%s'", trust);
	}
	if (status == HST_EXIT_OK && reading->options.csv) {
		status = hst_reading_fail(reading, "plans have --json, not --csv");
	}
	if (status == HST_EXIT_OK) {
		status = make(&plan);
	}
	finish(&plan);
	return status;
}
