/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a filter to the plan that the preload reads: for each module a table of entry points, either
 * of the functions that stay (when something is included by name) or of those that go.
 */
#include "hasten/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/filter_terms.h"
#include "symbols/symbols.h"
#include "util/vec.h"

struct table {
	struct hst_plan_section section;
	HST_VEC(uint64_t) addresses;
};

struct plan {
	HST_VEC(struct table) tables;
	uint64_t address_count;
};

static void finish_plan(struct plan *plan)
{
	for (size_t i = 0; i < plan->tables.count; i++) {
		hst_vec_finish(&plan->tables.items[i].addresses);
	}
	hst_vec_finish(&plan->tables);
}

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
	const char *path, struct plan *plan, struct hst_filter_plan *done, struct hst_diag *diag)
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
	if (!list_functions(filter, image, path, only, &table, done) ||
		!hst_vec_push(&plan->tables, table)) {
		hst_vec_finish(&table.addresses);
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory while filtering %s", path);
	}
	plan->address_count += table.addresses.count;
	done->modules++;
	return HST_OK;
}

static enum hst_status add_modules(struct hst_filter *filter, const char *const *paths,
	size_t path_count, struct plan *plan, struct hst_filter_plan *done, struct hst_diag *diag)
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
	if (plan->tables.count > HST_PLAN_SECTIONS_MAX ||
		plan->address_count > (HST_PLAN_BYTES_MAX / 2) / sizeof(uint64_t)) {
		return hst_diag_set(diag, HST_E_LIMIT,
			"the filter needs a plan larger than %u MiB; filter by module or file instead",
			HST_PLAN_BYTES_MAX >> 20);
	}
	return HST_OK;
}

/* Writes header, sections and tables. false with errno. */
static bool write_all(FILE *out, struct plan *plan)
{
	struct hst_plan_header header = { .magic = HST_PLAN_MAGIC,
		.major = HST_PLAN_MAJOR,
		.minor = HST_PLAN_MINOR,
		.sections = (uint32_t)plan->tables.count };
	uint64_t at = sizeof header + plan->tables.count * sizeof(struct hst_plan_section);

	header.bytes = at + plan->address_count * sizeof(uint64_t);
	if (fwrite(&header, sizeof header, 1, out) != 1) {
		return false;
	}
	for (size_t i = 0; i < plan->tables.count; i++) {
		struct table *table = &plan->tables.items[i];

		table->section.offset = at;
		table->section.count = table->addresses.count;
		at += table->addresses.count * sizeof(uint64_t);
		if (fwrite(&table->section, sizeof table->section, 1, out) != 1) {
			return false;
		}
	}
	for (size_t i = 0; i < plan->tables.count; i++) {
		struct table *table = &plan->tables.items[i];

		if (table->addresses.count > 0 &&
			fwrite(table->addresses.items, sizeof(uint64_t), table->addresses.count,
				out) != table->addresses.count) {
			return false;
		}
	}
	return fflush(out) == 0;
}

/* Opens a new file beside `path`; its name, malloc'd, in *ret_name. NULL with errno. */
static FILE *create_beside(const char *path, char **ret_name)
{
	size_t bytes = strlen(path) + 32;
	char *name = malloc(bytes);
	FILE *out;
	int fd;

	if (name == NULL) {
		return NULL;
	}
	snprintf(name, bytes, "%s.new.%ld", path, (long)getpid());
	/* A stale file of a process that had our number: O_EXCL would fail on it for ever. */
	(void)unlink(name);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out == NULL) {
		if (fd >= 0) {
			close(fd);
			(void)unlink(name);
		}
		free(name);
		return NULL;
	}
	*ret_name = name;
	return out;
}

static enum hst_status write_file(const char *path, struct plan *plan, struct hst_diag *diag)
{
	char *name = NULL;
	FILE *out = create_beside(path, &name);
	bool good;

	if (out == NULL) {
		return hst_diag_set(
			diag, HST_E_IO, "the plan %s cannot be created: %s", path, strerror(errno));
	}
	/* The umask of the user may be strange; the preload refuses what others can write. */
	good = fchmod(fileno(out), 0600) == 0 && write_all(out, plan);
	if (fclose(out) != 0) {
		good = false;
	}
	if (good && rename(name, path) != 0) {
		good = false;
	}
	if (!good) {
		enum hst_status status = hst_diag_set(
			diag, HST_E_IO, "the plan %s cannot be written: %s", path, strerror(errno));

		(void)unlink(name);
		free(name);
		return status;
	}
	free(name);
	return HST_OK;
}

enum hst_status hst_filter_write_plan(struct hst_filter *filter, const char *const *paths,
	size_t path_count, const char *plan_path, struct hst_filter_plan *ret_plan,
	struct hst_diag *diag)
{
	struct plan plan = { 0 };
	struct hst_filter_plan done = { 0 };
	enum hst_status status = add_modules(filter, paths, path_count, &plan, &done, diag);

	if (status == HST_OK) {
		status = write_file(plan_path, &plan, diag);
	}
	finish_plan(&plan);
	if (status == HST_OK && ret_plan != NULL) {
		*ret_plan = done;
	}
	return status;
}
