/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/args_store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/args_plan.h"
#include "symbols/recipes.h"
#include "symbols/symbols.h"
#include "util/hex.h"

/* Raised when what is stored changes its meaning: what was stored before is not looked at. */
#define STORE_FORMAT "2"

static const struct {
	enum hst_plan_kind kind;
	size_t item_bytes;
} kinds[] = {
	{ HST_PLAN_ENTER, sizeof(struct hst_plan_enter) },
	{ HST_PLAN_EXIT, sizeof(struct hst_plan_exit) },
	{ HST_PLAN_PIECES, sizeof(struct hst_plan_piece) },
};

/* The whole file, malloc'd; NULL: not there, or nothing to be trusted. */
static uint8_t *load(const char *path, size_t *ret_bytes)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	uint8_t *bytes = NULL;
	struct stat info;
	size_t have = 0;
	ssize_t got = 1;

	if (fd < 0) {
		return NULL;
	}
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
		(info.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
		info.st_size >= (off_t)sizeof(struct hst_plan_header) &&
		info.st_size <= (off_t)HST_PLAN_BYTES_MAX) {
		bytes = malloc((size_t)info.st_size);
	}
	while (bytes != NULL && have < (size_t)info.st_size && got > 0) {
		got = read(fd, bytes + have, (size_t)info.st_size - have);
		have += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	if (bytes != NULL && have < (size_t)info.st_size) {
		free(bytes);
		bytes = NULL;
	}
	*ret_bytes = have;
	return bytes;
}

static bool is_sound(const uint8_t *bytes, size_t size, struct hst_plan_header *ret_header)
{
	memcpy(ret_header, bytes, sizeof *ret_header);
	return memcmp(ret_header->magic, HST_PLAN_MAGIC, sizeof ret_header->magic) == 0 &&
	       ret_header->major == HST_PLAN_MAJOR && ret_header->bytes == size &&
	       ret_header->sections <= HST_PLAN_SECTIONS_MAX &&
	       sizeof *ret_header + ret_header->sections * sizeof(struct hst_plan_section) <= size;
}

static bool copy_section(struct hst_plan_file *plan, const uint8_t *bytes, size_t size,
	const struct hst_plan_section *section, size_t item_bytes)
{
	uint64_t length;
	void *items;

	if (section->offset > size || section->offset % 8 != 0 ||
		section->count > (size - section->offset) / item_bytes) {
		return false;
	}
	length = section->count * item_bytes;
	items = malloc(length + 1);
	if (items == NULL) {
		return false;
	}
	memcpy(items, bytes + section->offset, length);
	return hst_plan_file_add(plan, section, items, section->count, item_bytes) == HST_OK;
}

/* The plan's parts from `first` on are taken out again. */
static void drop_from(struct hst_plan_file *plan, size_t first)
{
	while (plan->parts.count > first) {
		struct hst_plan_part *part = &plan->parts.items[--plan->parts.count];

		plan->bytes -= part->bytes;
		free(part->items);
	}
}

bool hst_args_store_read(struct hst_plan_file *plan, const char *stored, const uint8_t *build_id,
	size_t build_id_bytes)
{
	size_t before = plan->parts.count;
	struct hst_plan_header header;
	size_t size = 0;
	uint8_t *bytes = load(stored, &size);
	bool good = bytes != NULL && is_sound(bytes, size, &header);

	for (size_t k = 0; good && k < sizeof kinds / sizeof kinds[0]; k++) {
		bool found = false;

		for (uint32_t i = 0; good && !found && i < header.sections; i++) {
			struct hst_plan_section section;

			memcpy(&section, bytes + sizeof header + i * sizeof section,
				sizeof section);
			found = section.kind == kinds[k].kind &&
				section.build_id_bytes == build_id_bytes &&
				build_id_bytes <= sizeof section.build_id &&
				memcmp(section.build_id, build_id, build_id_bytes) == 0;
			good = !found ||
			       copy_section(plan, bytes, size, &section, kinds[k].item_bytes);
		}
		good = good && found;
	}
	free(bytes);
	if (!good) {
		drop_from(plan, before);
	}
	return good;
}

/* The stored file of a build-id and what the user says of its functions, malloc'd; NULL: no store. */
static char *name_of(const struct hst_args_wish *wish, const uint8_t *build_id, size_t bytes)
{
	const char *store = wish->store;
	uint64_t digest = hst_function_rules_digest(wish->rules);
	size_t room = store == NULL ? 0 : strlen(store) + 2 * bytes + 64;
	char *name = room == 0 ? NULL : malloc(room);
	size_t at;

	if (name == NULL) {
		return NULL;
	}
	at = (size_t)snprintf(name, room, "%s/", store);
	at = (size_t)(hst_hex(name + at, room - at, build_id, bytes) - name);
	at += (size_t)snprintf(name + at, room - at, "-%s", STORE_FORMAT);
	if (digest != 0) {
		at += (size_t)snprintf(name + at, room - at, "-%016" PRIx64, digest);
	}
	(void)snprintf(name + at, room - at, ".args");
	return name;
}

static enum hst_status read_image(struct hst_plan_file *plan, struct hst_image *image,
	const char *path, const struct hst_function_rules *rules, struct hst_diag *diag)
{
	struct hst_recipes recipes = { 0 };
	struct hst_args_plan done;
	enum hst_status status = hst_recipes_read(image, &recipes, diag);

	if (status == HST_OK) {
		hst_recipes_contents(&recipes, image, rules);
		status = hst_args_plan_add(plan, image, &recipes, path, &done, diag);
	}
	hst_recipes_finish(&recipes);
	return status;
}

static bool wants(struct hst_filter *filter, struct hst_image *image, const char *path, uint64_t fn)
{
	const struct hst_function *function = hst_image_function(image, fn);

	return function != NULL && hst_filter_matches(filter, function->name, function->full,
					   function->linkage, path, function->file);
}

/* Keeps the sites of the functions that are wanted; a site begins with ret, and fn lies at `fn_at`. */
static void choose(struct hst_plan_part *part, size_t item_bytes, size_t fn_at,
	struct hst_filter *filter, struct hst_image *image, const char *path)
{
	uint8_t *items = part->items;
	uint64_t kept = 0;

	for (uint64_t i = 0; i < part->count; i++) {
		uint64_t fn;

		memcpy(&fn, items + i * item_bytes + fn_at, sizeof fn);
		if (wants(filter, image, path, fn)) {
			memmove(items + kept * item_bytes, items + i * item_bytes, item_bytes);
			kept++;
		}
	}
	part->count = kept;
	part->bytes = kept * item_bytes;
}

static void choose_all(struct hst_plan_file *plan, struct hst_filter *filter,
	struct hst_image *image, const char *path)
{
	plan->bytes = 0;
	for (size_t i = 0; i < plan->parts.count; i++) {
		struct hst_plan_part *part = &plan->parts.items[i];

		if (filter != NULL && part->section.kind == HST_PLAN_ENTER) {
			choose(part, sizeof(struct hst_plan_enter),
				offsetof(struct hst_plan_enter, fn), filter, image, path);
		} else if (filter != NULL && part->section.kind == HST_PLAN_EXIT) {
			choose(part, sizeof(struct hst_plan_exit),
				offsetof(struct hst_plan_exit, fn), filter, image, path);
		}
		plan->bytes += part->bytes;
	}
}

/* All parts of `from`, which is empty then. */
static enum hst_status move_parts(
	struct hst_plan_file *to, struct hst_plan_file *from, struct hst_args_taken *taken)
{
	for (size_t i = 0; i < from->parts.count; i++) {
		struct hst_plan_part *part = &from->parts.items[i];
		void *items = part->items;

		taken->enters += part->section.kind == HST_PLAN_ENTER ? part->count : 0;
		taken->exits += part->section.kind == HST_PLAN_EXIT ? part->count : 0;
		part->items = NULL;
		HST_TRY(hst_plan_file_add(to, &part->section, items, part->count,
			part->count == 0 ? 1 : part->bytes / part->count));
	}
	return HST_OK;
}

static enum hst_status fresh_or_stored(struct hst_plan_file *plan, struct hst_image *image,
	const char *path, const struct hst_args_wish *wish, bool *ret_stored, struct hst_diag *diag)
{
	const uint8_t *build_id = NULL;
	size_t bytes = hst_image_build_id(image, &build_id);
	char *name = name_of(wish, build_id, bytes);
	enum hst_status status = HST_OK;

	*ret_stored =
		bytes != 0 && name != NULL && hst_args_store_read(plan, name, build_id, bytes);
	if (!*ret_stored) {
		status = read_image(plan, image, path, wish->rules, diag);
		if (status == HST_OK && name != NULL) {
			/* A store that cannot be written costs time on the next run, and nothing else. */
			(void)mkdir(wish->store, 0700);
			(void)!hst_plan_file_write(plan, name, NULL);
		}
	}
	free(name);
	return status;
}

enum hst_status hst_args_store_add(struct hst_plan_file *plan, const char *path,
	const struct hst_args_wish *wish, struct hst_args_taken *ret_taken, struct hst_diag *diag)
{
	struct hst_plan_file own = { 0 };
	struct hst_image *image = NULL;
	enum hst_status status;

	*ret_taken = (struct hst_args_taken){ 0 };
	HST_TRY(hst_image_open(path, NULL, 0, &image, diag));
	if ((hst_image_flags(image) & HST_IMAGE_HAS_HOOKS) == 0) {
		hst_image_close(image);
		return hst_diag_set(diag, HST_E_NOT_OURS, "%s calls no hooks", path);
	}
	status = fresh_or_stored(&own, image, path, wish, &ret_taken->stored, diag);
	if (status == HST_OK) {
		choose_all(&own, wish->filter, image, path);
		status = move_parts(plan, &own, ret_taken);
		if (status != HST_OK) {
			status = hst_diag_set(
				diag, HST_E_MEMORY, "out of memory while planning for %s", path);
		}
	}
	if (status == HST_OK && !hst_plan_file_fits(plan)) {
		status = hst_diag_set(diag, HST_E_LIMIT,
			"the arguments need a plan larger than %u MiB; choose functions by --args=NAMES",
			HST_PLAN_BYTES_MAX >> 20);
	}
	hst_plan_file_finish(&own);
	hst_image_close(image);
	return status;
}
