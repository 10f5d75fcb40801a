/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the functions behind our hooks. */
#include "core/real.h"

#include "core/symbol.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Before the names below become forbidden. */
static const char *const names[HST_REALS] = {
#define HST_HOOK(symbol, file, why) [HST_REAL_##symbol] = #symbol,
#include "hasten/hooks.def"
#undef HST_HOOK
};

#include "core/poison.h"

/* What came with plug-ins may go with them, is not among these and is looked for each time. */
void *hst_reals[HST_REALS];

struct hst_real_allocator hst_real_allocator;

void *hst_real_syscall;
void *hst_real_clone;

/* By the names that gcc and clang give their libraries. */
static bool is_sanitizer(const char *file)
{
	static const char *const starts[] = { "libasan", "libhwasan", "liblsan", "libtsan",
		"libclang_rt." };

	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		if (hst_text_starts(file, starts[i])) {
			return true;
		}
	}
	return false;
}

static void note_allocator(struct dl_phdr_info *module, bool foreign)
{
	const char *file = hst_text_base(module->dlpi_name);
	struct hst_real_allocator *allocator = &hst_real_allocator;

	allocator->module = module->dlpi_name;
	allocator->foreign = foreign;
	allocator->sanitizer = is_sanitizer(file);
	allocator->release =
		(void (*)(void *))(uintptr_t)hst_symbol_find(module, names[HST_REAL_free]);
	allocator->usable_size =
		(size_t(*)(void *))(uintptr_t)hst_symbol_find(module, "malloc_usable_size");
	if (!hst_text_starts(file, "libc.") && !hst_text_starts(file, "libc-")) {
		hst_symbol_range(module, &allocator->lo, &allocator->bytes);
	}
}

/* As RTLD_NEXT has it: of the modules behind ours, in the order of the list, the first that has the name. */
static int visit_start(struct dl_phdr_info *module, size_t size, void *data)
{
	bool *behind = data;
	const char *wanted = names[HST_REAL_malloc];
	struct hst_symbols symbols;

	(void)size;
	if (!*behind) {
		*behind = hst_symbol_within(module, hst_reals);
		if (!*behind && hst_real_allocator.module == NULL &&
			hst_symbol_find(module, wanted) != NULL) {
			note_allocator(module, true);
		}
		return 0;
	}
	if (hst_text_starts(hst_text_base(module->dlpi_name), "libc.")) {
		hst_symbol_range(
			module, &hst_real_allocator.libc_lo, &hst_real_allocator.libc_bytes);
	}
	symbols = hst_symbols_of(module);
	for (unsigned which = 0; which < HST_REALS; which++) {
		if (hst_reals[which] == NULL) {
			hst_reals[which] = hst_symbols_find(&symbols, names[which]);
		}
	}
	if (hst_real_allocator.module == NULL && hst_reals[HST_REAL_malloc] != NULL) {
		note_allocator(module, false);
	}
	return 0;
}

void hst_reals_start(void)
{
	bool behind = false;

	if (hst_real_syscall == NULL) {
		(void)dl_iterate_phdr(visit_start, &behind);
		hst_real_clone = hst_reals[HST_REAL_clone];
		hst_real_syscall = hst_reals[HST_REAL_syscall];
	}
}

struct search {
	const char *name;
	const void *caller;
	const struct dl_phdr_info *user; /* the module of the caller */
	struct dl_phdr_info copy;
	void *symbol;
	bool any; /* of all modules, not only those that the user names as needed */
};

/* A plug-in's own copy: linked statically into it, it is behind us in no list. */
static int visit_user(struct dl_phdr_info *module, size_t size, void *data)
{
	struct search *search = data;

	(void)size;
	if (!hst_symbol_within(module, search->caller)) {
		return 0;
	}
	search->copy = *module;
	search->user = &search->copy;
	search->symbol = hst_symbol_find(module, search->name);
	return 1;
}

/* A library that came in with a plug-in. */
static int visit_needed(struct dl_phdr_info *module, size_t size, void *data)
{
	struct search *search = data;
	const char *file = hst_text_base(module->dlpi_name);

	(void)size;
	if (hst_symbol_within(module, hst_reals) ||
		!(search->any || (search->user != NULL && hst_symbol_needs(search->user, file)))) {
		return 0;
	}
	search->symbol = hst_symbol_find(module, search->name);
	return search->symbol != NULL;
}

void *hst_real(enum hst_real which, const void *caller)
{
	struct search search = { .name = names[which], .caller = caller };

	hst_reals_start();
	if (hst_reals[which] != NULL) {
		return hst_reals[which];
	}
	(void)dl_iterate_phdr(visit_user, &search);
	if (search.symbol == NULL) {
		(void)dl_iterate_phdr(visit_needed, &search);
	}
	if (search.symbol == NULL) {
		search.any = true;
		(void)dl_iterate_phdr(visit_needed, &search);
	}
	return search.symbol;
}
