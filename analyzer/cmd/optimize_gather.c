/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All functions that have hooks: those that were called, with what their hooks cost, and all others of the same modules, which an
 * entry of a list must not hit.
 */
#include "cmd/optimize.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "passes/heap.h"
#include "passes/rows.h"
#include "util/strtab.h"

/* Of a record of memory in the trace, on average: see docs/trace-format.md. */
#define MEMORY_RECORD_BYTES 8.0

struct gather {
	struct hst_optimize *optimize;
	struct hst_strtab seen; /* module, symbol and place of functions of the set */
};

/* Linked to each program by the compiler, without hooks. */
static bool is_startup(const struct hst_function *function)
{
	static const char *const names[] = { "_init", "_fini", "_start", "frame_dummy",
		"register_tm_clones", "deregister_tm_clones", "__do_global_dtors_aux",
		"_dl_relocate_static_pie", "__libc_csu_init", "__libc_csu_fini", "atexit",
		"at_quick_exit", "__cyg_profile_func_enter", "__cyg_profile_func_exit" };

	for (size_t i = 0; !function->from_dwarf && i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(function->linkage, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* Thunks jump on to a function and have no hooks of their own. */
static bool is_thunk(const char *linkage)
{
	return strncmp(linkage, "_ZT", 3) == 0 &&
	       (linkage[3] == 'h' || linkage[3] == 'v' || linkage[3] == 'c');
}

static enum hst_status is_new(
	struct gather *gather, const struct hst_instrument_function *function, bool *ret_new)
{
	size_t count = gather->seen.count;
	char *key = NULL;
	uint32_t id;
	enum hst_status status;

	if (asprintf(&key, "%s\n%s\n%s:%" PRIu32, function->module == NULL ? "" : function->module,
		    function->linkage, function->file == NULL ? "" : function->file,
		    function->line) < 0) {
		return HST_E_MEMORY;
	}
	status = hst_strtab_add(&gather->seen, key, &id);
	free(key);
	*ret_new = gather->seen.count != count;
	return status;
}

static enum hst_status add_row(struct gather *gather, uint32_t number)
{
	struct hst_optimize *optimize = gather->optimize;
	const struct hst_function_row *row = &optimize->profile->functions[number];
	struct hst_instrument_function function = { .linkage = row->linkage,
		.name = row->name,
		.full = row->full,
		.module = row->module,
		.file = row->file,
		.line = row->line,
		.row = number,
		.calls = row->calls,
		.self_ns = optimize->cpu ? row->self_ns - row->self_off_ns : row->self_ns,
		.cost_ns = (double)row->calls * (optimize->call_ns + optimize->empty_ns) };
	bool is_fresh;

	/* "app+0x1234": its module says nothing of it. */
	function.nameless = row->module == NULL || strstr(row->linkage, "+0x") != NULL;
	HST_TRY(is_new(gather, &function, &is_fresh));
	return hst_instrument_add(&optimize->set, &function);
}

static enum hst_status add_rows(struct gather *gather)
{
	const struct hst_profile *profile = gather->optimize->profile;
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < profile->function_count && status == HST_OK; i++) {
		if (i != HST_ROW_UNKNOWN && profile->functions[i].calls != 0 &&
			(profile->functions[i].flags & HST_ROW_REGION) == 0) {
			status = add_row(gather, (uint32_t)i);
		}
	}
	return status;
}

static enum hst_status add_image(struct gather *gather, const struct hst_module_image *image)
{
	const struct hst_function *functions = NULL;
	size_t count = hst_image_functions(image->image, &functions);
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < count && status == HST_OK; i++) {
		struct hst_instrument_function function = { .linkage = functions[i].linkage,
			.name = functions[i].name,
			.full = functions[i].full,
			.module = image->path,
			.file = functions[i].file,
			.line = functions[i].line,
			.row = HST_INSTRUMENT_NONE };
		bool is_fresh = false;

		if (strncmp(function.linkage, "0x", 2) == 0 || is_startup(&functions[i]) ||
			is_thunk(function.linkage)) {
			continue;
		}
		status = is_new(gather, &function, &is_fresh);
		if (status == HST_OK && is_fresh) {
			status = hst_instrument_add(&gather->optimize->set, &function);
		}
	}
	return status;
}

static enum hst_status add_images(struct gather *gather)
{
	const struct hst_module_image *images = NULL;
	size_t count = hst_profile_images(gather->optimize->profile, &images);
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < count && status == HST_OK; i++) {
		const struct hst_module_image *image = &images[i];

		if (image->image != NULL && (image->flags & HST_IMAGE_HAS_HOOKS) != 0) {
			status = add_image(gather, image);
		} else if (image->used && image->image == NULL) {
			hst_profile_note(gather->optimize->profile, false,
				"%s cannot be read: entries of the lists were not held against its functions",
				image->path);
		}
	}
	return status;
}

static enum hst_status read_memory(struct hst_optimize *optimize, struct hst_diag *diag)
{
	struct hst_heap_options asked = { .profile = optimize->profile };
	size_t count = optimize->profile->function_count;

	if (!optimize->profile->memory) {
		return HST_OK;
	}
	optimize->heap = calloc(1, sizeof *optimize->heap);
	optimize->heap_of = calloc(count + 1, sizeof *optimize->heap_of);
	if (optimize->heap == NULL || optimize->heap_of == NULL) {
		return HST_E_MEMORY;
	}
	HST_TRY(hst_heap_read(&optimize->reading->session, &asked, optimize->heap, diag));
	for (size_t i = 0; i < optimize->heap->function_count; i++) {
		const struct hst_heap_function *function = &optimize->heap->functions[i];

		if (function->row < count) {
			optimize->heap_of[function->row] = &function->self;
		}
	}
	return HST_OK;
}

/* What the trace is made of: calls, and records of memory beside them. */
static void measure_trace(struct hst_optimize *optimize)
{
	const struct hst_profile *profile = optimize->profile;
	double records = 0;
	double bytes = 0;
	double memory = 0;

	for (size_t i = 0; i < profile->thread_count; i++) {
		bytes += (double)profile->threads[i].bytes;
		records += (double)profile->threads[i].events;
	}
	for (size_t i = 0; optimize->heap != NULL && i < optimize->heap->function_count; i++) {
		const struct hst_heap_sum *sum = &optimize->heap->functions[i].self;

		memory += (double)sum->allocs + (double)sum->frees;
	}
	memory = memory < records ? memory : records;
	optimize->before.bytes = records > 0 ? bytes : -1;
	optimize->call_bytes = -1;
	if (records > memory && profile->calls != 0) {
		double of_calls = bytes - memory * MEMORY_RECORD_BYTES;

		/* Over all calls: those that were only counted have no bytes. */
		optimize->call_bytes = of_calls > 0 ? of_calls / (double)profile->calls : -1;
	}
}

/* CPU time, where it is known of all: threads that wait would make any cost look small. */
static void measure_program(struct hst_optimize *optimize)
{
	const struct hst_profile *profile = optimize->profile;

	optimize->cpu = hst_profile_has_cpu(profile);
	for (size_t i = 0; i < profile->function_count && optimize->cpu; i++) {
		optimize->cpu = (profile->functions[i].flags & HST_ROW_CPU_UNKNOWN) == 0;
	}
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct hst_function_row *row = &profile->functions[i];

		optimize->program_ns +=
			(double)(optimize->cpu ? row->self_ns - row->self_off_ns : row->self_ns);
	}
}

/* A call that the recorder's predictor did not foretell costs more: on average, since a prediction cannot say which those will be. */
static void measure_cost(struct hst_optimize *optimize)
{
	struct hst_profile *profile = optimize->profile;
	struct hst_instrument_bare bare;

	optimize->call_ns = profile->cost_inside_ns + profile->cost_outside_ns;
	if (optimize->call_ns > 0 && profile->calls != 0) {
		optimize->call_ns += profile->cost_miss_ns * (double)profile->missed_calls /
				     (double)profile->calls;
		optimize->empty_ns = profile->cost_empty_ns;
	}
	bare = hst_instrument_bare(optimize->program_ns, profile->calls, optimize->empty_ns);
	optimize->empty_ns = bare.empty_ns;
	optimize->bare_ns = bare.program_ns;
	optimize->floored = bare.floored;
	optimize->before.calls = profile->calls;
	optimize->before.hooks_ns =
		(double)profile->calls * (optimize->call_ns + optimize->empty_ns);
	if (optimize->call_ns > 0 && optimize->empty_ns <= 0 && profile->calls != 0) {
		hst_profile_note(profile, false,
			"this recording does not say what calling hooks that do nothing costs: percentages are of the "
			"program's time with that, and too low where functions are small; record again with this hasten");
	}
	if (bare.floored) {
		hst_profile_note(profile, false,
			"calling the hooks (%.1f ns per call, measured in a loop) would be more than %.0f %% of the recorded "
			"time: it is taken as that, so %.1f ns per call; the true percentages may be higher or lower",
			profile->cost_empty_ns, 100 * (1 - HST_INSTRUMENT_BARE_LEAST),
			bare.empty_ns);
	}
}

/* What was left out while the program ran, is what a build should leave out first, and seems to cost nothing. */
static void note_throttled(struct hst_profile *profile)
{
	if (profile->throttled != 0) {
		hst_profile_note(profile, true,
			"this recording had a limit of its own (--overhead): what the hooks of %llu function%s cost "
			"is not all here, so too few are proposed; record without --overhead, then ask again",
			(unsigned long long)profile->throttled, profile->throttled == 1 ? "" : "s");
	}
}

enum hst_status hst_optimize_gather(struct hst_optimize *optimize, struct hst_diag *diag)
{
	struct hst_profile *profile = optimize->profile;
	struct gather gather = { .optimize = optimize };
	enum hst_status status = optimize->no_heap ? HST_OK : read_memory(optimize, diag);

	measure_program(optimize);
	measure_cost(optimize);
	note_throttled(profile);
	measure_trace(optimize);
	if (status == HST_OK) {
		status = add_rows(&gather);
	}
	if (status == HST_OK) {
		status = add_images(&gather);
	}
	if (status == HST_OK) {
		status = hst_instrument_prepare(&optimize->set);
	}
	hst_strtab_finish(&gather.seen);
	return status;
}

bool hst_optimize_allocs(const struct hst_optimize *optimize,
	const struct hst_instrument_function *function, uint64_t *ret_allocs)
{
	const struct hst_heap_sum *sum;

	if (optimize->heap == NULL) {
		return false;
	}
	sum = function->row < optimize->profile->function_count ? optimize->heap_of[function->row]
								: NULL;
	*ret_allocs = sum == NULL ? 0 : sum->allocs;
	return true;
}

void hst_optimize_finish(struct hst_optimize *optimize)
{
	hst_instrument_finish(&optimize->set);
	hst_filter_destroy(optimize->keep);
	hst_heap_finish(optimize->heap);
	free(optimize->heap);
	free(optimize->heap_of);
	free(optimize->order);
	free(optimize->clang_file);
}

/* Is it what a compiler is called with? */
static bool is_source(const char *file)
{
	static const char *const suffixes[] = { ".c", ".cc", ".cpp", ".cxx", ".c++", ".C", ".cp" };
	const char *dot = strrchr(file, '.');

	for (size_t i = 0; dot != NULL && i < sizeof suffixes / sizeof suffixes[0]; i++) {
		if (strcmp(dot, suffixes[i]) == 0) {
			return true;
		}
	}
	return false;
}

enum hst_status hst_optimize_find_files(struct hst_optimize *optimize)
{
	const struct hst_instrument *set = &optimize->set;
	struct hst_strtab files = { 0 };
	enum hst_status status = HST_OK;
	uint32_t *file_of = calloc(set->functions.count + 1, sizeof *file_of);
	bool *stays = calloc(set->functions.count + 1, sizeof *stays);

	optimize->clang_file = calloc(set->functions.count + 1, sizeof *optimize->clang_file);
	if (file_of == NULL || stays == NULL || optimize->clang_file == NULL) {
		status = HST_E_MEMORY;
	}
	for (size_t i = 0; status == HST_OK && i < set->functions.count; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];

		status = hst_strtab_add(&files, function->file, &file_of[i]);
		if (status == HST_OK && function->means == HST_MEANS_STAYS) {
			stays[file_of[i]] = true;
		}
	}
	for (size_t i = 0; status == HST_OK && i < set->functions.count; i++) {
		const char *file = set->functions.items[i].file;

		optimize->clang_file[i] = file != NULL && is_source(file) && !stays[file_of[i]] &&
					  set->functions.items[i].means != HST_MEANS_STAYS;
	}
	hst_strtab_finish(&files);
	free(file_of);
	free(stays);
	return status;
}

bool hst_optimize_clang_file(
	const struct hst_optimize *optimize, const struct hst_instrument_function *function)
{
	return optimize->clang_file[function - optimize->set.functions.items];
}

bool hst_optimize_wants_attribute(const struct hst_optimize *optimize,
	const struct hst_instrument_function *function, enum hst_optimize_compiler compiler)
{
	if (compiler == HST_OPTIMIZE_GCC) {
		return function->means == HST_MEANS_ATTRIBUTE;
	}
	/* With a budget, who was not called is no matter. Headers of the system are nobody's to change. */
	return hst_instrument_system_part(function->file) == NULL &&
	       function->means != HST_MEANS_STAYS &&
	       (function->calls != 0 || optimize->keep != NULL) &&
	       !hst_optimize_clang_file(optimize, function);
}

const char *hst_optimize_means(const struct hst_optimize *optimize,
	const struct hst_instrument_function *function, enum hst_optimize_compiler compiler)
{
	if (compiler == HST_OPTIMIZE_CLANG) {
		return hst_optimize_clang_file(optimize, function)                  ? "file"
		       : hst_optimize_wants_attribute(optimize, function, compiler) ? "source"
										    : NULL;
	}
	switch (function->means) {
	case HST_MEANS_LIST:
		return "list";
	case HST_MEANS_FILE:
		return "file";
	case HST_MEANS_ATTRIBUTE:
		return "source";
	case HST_MEANS_STAYS:
	default:
		return optimize->keep != NULL && function->system ? "file" : NULL;
	}
}

const char *const *hst_optimize_flags(
	const struct hst_optimize *optimize, enum hst_optimize_compiler compiler)
{
	return compiler == HST_OPTIMIZE_GCC ? optimize->gcc_flags : hst_optimize_clang_flags;
}
