/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a filter to the plan that the preload reads: for each module a table of entry points, either
 * of the functions that stay (when something is included by name) or of those that go.
 */
#include "plan/plan_file.h"

#include <string.h>

#include "plan/filter_terms.h"
#include "symbols/symbols.h"
#include "util/vec.h"

struct table {
	struct hst_plan_section section;
	HST_VEC(uint64_t) addresses;
};

/* Lists the functions of one module that are wanted, or (`only` is false) that are not. */
static bool list_functions(struct hst_filter *filter, struct hst_image *image, const char *path,
	bool only, struct table *table, struct hst_filter_plan *done)
{
	const struct hst_function *functions = NULL;
	size_t count = hst_image_functions(image, &functions);

	for (size_t i = 0; i < count; i++) {
		const struct hst_function *function = &functions[i];
		bool wanted = hst_filter_matches(filter, function->name, function->full,
			function->linkage, path, function->file);

		done->functions += wanted;
		done->excluded += !wanted;
		if (wanted == only && !hst_vec_push(&table->addresses, function->address)) {
			return false;
		}
	}
	return true;
}

static enum hst_status add_module(struct hst_filter *filter, struct hst_image *image,
	const char *path, struct hst_plan_file *plan, struct hst_filter_plan *done,
	struct hst_diag *diag)
{
	struct hst_filter_verdict verdict = hst_filter_module_verdict(filter, path);
	/* Functions without a symbol are judged by the module alone: by which list they are not in. */
	bool only = verdict.excluded || (filter->has_include && !verdict.included);
	struct table table = { .section = { .kind = HST_PLAN_FILTER } };
	const uint8_t *build_id = NULL;
	size_t bytes = hst_image_build_id(image, &build_id);

	if (bytes == 0 || bytes > sizeof table.section.build_id) {
		if (done->no_build_id++ == 0) {
			done->no_build_id_path = path;
		}
		return HST_OK;
	}
	table.section.flags = only ? HST_PLAN_FILTER_ONLY_LISTED : 0;
	table.section.build_id_bytes = (uint32_t)bytes;
	memcpy(table.section.build_id, build_id, bytes);
	if (!list_functions(filter, image, path, only, &table, done)) {
		hst_vec_finish(&table.addresses);
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory while filtering %s", path);
	}
	if (hst_plan_file_add(plan, &table.section, table.addresses.items, table.addresses.count,
		    sizeof(uint64_t)) != HST_OK) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory while filtering %s", path);
	}
	done->modules++;
	return HST_OK;
}

static enum hst_status add_modules(struct hst_filter *filter, const char *const *paths,
	size_t path_count, struct hst_plan_file *plan, struct hst_filter_plan *done,
	struct hst_diag *diag)
{
	for (size_t i = 0; i < path_count; i++) {
		struct hst_image *image = NULL;
		enum hst_status status = HST_OK;

		/* What cannot be read is the linker's business; it is recorded whole. */
		if (hst_image_open(paths[i], NULL, 0, &image, NULL) != HST_OK) {
			continue;
		}
		if ((hst_image_flags(image) & HST_IMAGE_HAS_HOOKS) != 0) {
			status = add_module(filter, image, paths[i], plan, done, diag);
		}
		hst_image_close(image);
		HST_TRY(status);
	}
	if (!hst_plan_file_fits(plan)) {
		return hst_diag_set(diag, HST_E_LIMIT,
			"the filter needs a plan larger than %u MiB; filter by module or file instead",
			HST_PLAN_BYTES_MAX >> 20);
	}
	return HST_OK;
}

enum hst_status hst_filter_add_plan(struct hst_filter *filter, const char *const *paths,
	size_t path_count, struct hst_plan_file *plan, struct hst_filter_plan *ret_plan,
	struct hst_diag *diag)
{
	struct hst_filter_plan done = { 0 };

	HST_TRY(add_modules(filter, paths, path_count, plan, &done, diag));
	if (ret_plan != NULL) {
		*ret_plan = done;
	}
	return HST_OK;
}

enum hst_status hst_filter_write_plan(struct hst_filter *filter, const char *const *paths,
	size_t path_count, const char *plan_path, struct hst_filter_plan *ret_plan,
	struct hst_diag *diag)
{
	struct hst_plan_file plan = { 0 };
	struct hst_filter_plan done = { 0 };
	enum hst_status status = hst_filter_add_plan(filter, paths, path_count, &plan, &done, diag);

	if (status == HST_OK) {
		status = hst_plan_file_write(&plan, plan_path, diag);
	}
	hst_plan_file_finish(&plan);
	if (status == HST_OK && ret_plan != NULL) {
		*ret_plan = done;
	}
	return status;
}
