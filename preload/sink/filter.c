/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: the plan's tables, the patterns of bare mode, and the set that the hot path asks. */
#include "sink/filter.h"

#include "core/attr.h"
#include "core/sys.h"
#include "core/text.h"
#include "hasten/plan.h"
#include "hasten/trace.h"

#include <string.h>

#include "core/poison.h"

#define HST_FILTER_TEXT 4096u

uint64_t *hst_excluded;

static struct {
	const uint8_t *plan; /* private copy, read only, checked */
	uint64_t *set;
	uint32_t set_count;
	bool has_patterns;
	bool has_include;
} filter;

static HST_LARGE char filter_patterns[HST_FILTER_TEXT]; /* bare mode */

static const struct hst_plan_section *plan_sections(void)
{
	return (const void *)(filter.plan + sizeof(struct hst_plan_header));
}

static bool plan_is_sound(const uint8_t *bytes, uint64_t size)
{
	const struct hst_plan_header *header = (const void *)bytes;
	const struct hst_plan_section *sections = (const void *)(bytes + sizeof *header);

	if (size < sizeof *header || memcmp(header->magic, HST_PLAN_MAGIC, 8) != 0 ||
		header->major != HST_PLAN_MAJOR || header->bytes != size ||
		header->sections > HST_PLAN_SECTIONS_MAX ||
		header->sections > (size - sizeof *header) / sizeof *sections) {
		return false;
	}
	for (uint32_t i = 0; i < header->sections; i++) {
		const struct hst_plan_section *section = &sections[i];
		const uint64_t *listed = (const void *)(bytes + section->offset);

		if (section->build_id_bytes > 32 || section->offset % 8 != 0 ||
			section->offset > size ||
			section->count > (size - section->offset) / sizeof(uint64_t)) {
			return false;
		}
		for (uint64_t k = 1; section->kind == HST_PLAN_FILTER && k < section->count; k++) {
			if (listed[k - 1] >= listed[k]) {
				return false;
			}
		}
	}
	return true;
}

/* Read into private memory, so that what was checked cannot change. */
static bool plan_read(const char *path)
{
	struct stat status = { 0 };
	uint8_t *bytes = NULL;
	long fd = hst_sys_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	uint64_t done = 0;
	uint64_t size = 0;

	if (fd < 0) {
		return false;
	}
	if (hst_sys_fstat((int)fd, &status) == 0 && S_ISREG(status.st_mode) &&
		(status.st_uid == 0 || status.st_uid == hst_sys_geteuid()) &&
		(status.st_mode & 022) == 0 && status.st_size > 0 &&
		(uint64_t)status.st_size <= HST_PLAN_BYTES_MAX) {
		size = (uint64_t)status.st_size;
		bytes = hst_sys_mmap(
			NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	while (bytes != NULL && done < size) {
		long got = hst_sys_read((int)fd, bytes + done, size - done);

		if (got <= 0) {
			break;
		}
		done += (uint64_t)got;
	}
	(void)hst_sys_close((int)fd);
	if (bytes == NULL) {
		return false;
	}
	if (done != size || !plan_is_sound(bytes, size)) {
		(void)hst_sys_munmap(bytes, size);
		return false;
	}
	(void)hst_sys6(SYS_mprotect, (long)bytes, (long)size, PROT_READ, 0, 0, 0);
	filter.plan = bytes;
	return true;
}

/* Calls `visit` for each term that bare mode can obey; says whether there were others. */
static bool each_module_term(const char *text,
	void (*visit)(void *data, const char *glob, size_t length, bool exclude), void *data)
{
	bool others = false;

	while (*text != '\0') {
		size_t length = 0;
		bool exclude = *text == '!';
		const char *term = exclude ? text + 1 : text;

		while (term[length] != '\0' && term[length] != ',') {
			length++;
		}
		if (length > 7 && hst_text_starts(term, "module:")) {
			visit(data, term + 7, length - 7, exclude);
		} else if (length > 0) {
			others = true;
		}
		text = term + length;
		text += *text == ',' ? 1 : 0;
	}
	return others;
}

static void note_term(void *data, const char *glob, size_t length, bool exclude)
{
	bool *any = data;
	(void)glob;
	(void)length;

	*any = true;
	if (!exclude) {
		filter.has_include = true;
	}
}

void hst_filter_open(void)
{
	const size_t bytes = HST_EXCLUDED_SLOTS * sizeof *filter.set;
	uint64_t *none = NULL;
	uint64_t *set;

	if (__atomic_load_n(&filter.set, __ATOMIC_ACQUIRE) != NULL) {
		return;
	}
	set = hst_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (set != NULL && !__atomic_compare_exchange_n(&filter.set, &none, set, false,
				   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		(void)hst_sys_munmap(set, bytes);
		set = none;
	}
	__atomic_store_n(&hst_excluded, set, __ATOMIC_RELEASE);
}

uint32_t hst_filter_start(const struct hst_options *options)
{
	uint32_t flags = 0;
	bool any = false;

	if (options->plan != NULL) {
		any = plan_read(options->plan);
		flags |= any ? HST_FLAG_FILTERED : HST_FLAG_PLAN_REFUSED;
	} else if (options->filter != NULL && !options->launcher) {
		struct hst_text text = hst_text_begin(filter_patterns, sizeof filter_patterns);

		hst_text_add(&text, options->filter);
		filter.has_patterns = text.length != 0;
		if (each_module_term(filter_patterns, note_term, &any)) {
			flags |= HST_FLAG_FILTER_NAMES_IGNORED;
		}
		flags |= any ? HST_FLAG_FILTERED : 0;
	}
	if (any) {
		hst_filter_open();
	}
	return flags;
}

struct pattern_match {
	const char *path;
	bool included, excluded;
};

static void match_term(void *data, const char *glob, size_t length, bool exclude)
{
	struct pattern_match *match = data;

	if (hst_text_glob(glob, length, match->path) ||
		hst_text_glob(glob, length, hst_text_base(match->path))) {
		match->included |= !exclude;
		match->excluded |= exclude;
	}
}

void hst_filter_module(struct hst_loaded *module, const char *path, const uint8_t *build_id,
	uint8_t build_id_bytes)
{
	if (filter.plan != NULL) {
		const struct hst_plan_header *header = (const void *)filter.plan;
		const struct hst_plan_section *rule = NULL;

		for (uint32_t i = 0; i < header->sections; i++) {
			const struct hst_plan_section *section = &plan_sections()[i];
			bool same = section->build_id_bytes == build_id_bytes &&
				    build_id_bytes != 0 &&
				    memcmp(section->build_id, build_id, build_id_bytes) == 0;

			if (section->kind == HST_PLAN_FILTER &&
				(same || (rule == NULL &&
						 (section->flags & HST_PLAN_ANY_MODULE) != 0))) {
				rule = section;
			}
			if (same) {
				break;
			}
		}
		if (rule != NULL) {
			module->listed = (const void *)(filter.plan + rule->offset);
			module->listed_count = rule->count;
			module->only_listed = (rule->flags & HST_PLAN_FILTER_ONLY_LISTED) != 0;
		}
	} else if (filter.has_patterns) {
		struct pattern_match match = { .path = path };

		(void)each_module_term(filter_patterns, match_term, &match);
		module->excluded = match.excluded || (filter.has_include && !match.included);
	}
}

static bool is_listed(const struct hst_loaded *module, uint64_t address)
{
	uint64_t lo = 0;
	uint64_t hi = module->listed_count;

	while (lo < hi) {
		uint64_t middle = lo + (hi - lo) / 2;

		if (module->listed[middle] == address) {
			return true;
		}
		if (module->listed[middle] < address) {
			lo = middle + 1;
		} else {
			hi = middle;
		}
	}
	return false;
}

/* Several threads may add at once; a slot is taken by compare-and-swap and never given back. */
static void remember(uint64_t fn)
{
	uint32_t slot = hst_excluded_slot(fn);

	if (__atomic_load_n(&filter.set_count, __ATOMIC_RELAXED) >= HST_EXCLUDED_SLOTS / 2) {
		return;
	}
	for (;; slot = (slot + 1) % HST_EXCLUDED_SLOTS) {
		uint64_t empty = 0;

		if (__atomic_compare_exchange_n(&filter.set[slot], &empty, fn, false,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			__atomic_fetch_add(&filter.set_count, 1, __ATOMIC_RELAXED);
			return;
		}
		if (empty == fn) {
			return;
		}
	}
}

bool hst_filter_judge(uint64_t fn)
{
	const struct hst_loaded *module;
	bool out;

	if (hst_excluded == NULL) {
		return false;
	}
	module = hst_modules_find(fn);
	if (module == NULL) {
		return false;
	}
	out = module->excluded;
	if (module->listed_count != 0 || module->only_listed) {
		out = is_listed(module, fn - module->bias) != module->only_listed;
	}
	if (out) {
		remember(fn);
	}
	return out;
}

void hst_filter_forget(void)
{
	if (filter.set != NULL) {
		/* A reader that looks meanwhile asks the slow path once more. */
		for (uint32_t i = 0; i < HST_EXCLUDED_SLOTS; i++) {
			if (filter.set[i] != 0) {
				__atomic_store_n(&filter.set[i], 0, __ATOMIC_RELAXED);
			}
		}
		__atomic_store_n(&filter.set_count, 0, __ATOMIC_RELAXED);
	}
}
