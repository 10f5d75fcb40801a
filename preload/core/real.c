/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the functions behind our hooks. */
#include "core/real.h"

#include "core/symbol.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>

#include "core/poison.h"

static const char *const names[HST_REALS] = {
#define HST_HOOK(symbol, file, why) [HST_REAL_##symbol] = #symbol,
#include "hasten/hooks.def"
#undef HST_HOOK
};

/* Those of the program's own libraries. What came with plug-ins may go with them and is looked for each time. */
static void *found[HST_REALS];

void *hst_real_syscall;
void *hst_real_clone;

/* As RTLD_NEXT has it: of the modules behind ours, in the order of the list, the first that has the name. */
static int visit_start(struct dl_phdr_info *module, size_t size, void *data)
{
	bool *behind = data;

	(void)size;
	if (!*behind) {
		*behind = hst_symbol_within(module, found);
		return 0;
	}
	for (unsigned which = 0; which < HST_REALS; which++) {
		if (found[which] == NULL) {
			found[which] = hst_symbol_find(module, names[which]);
		}
	}
	return 0;
}

void hst_reals_start(void)
{
	bool behind = false;

	(void)dl_iterate_phdr(visit_start, &behind);
	hst_real_syscall = found[HST_REAL_syscall];
	hst_real_clone = found[HST_REAL_clone];
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
	if (hst_symbol_within(module, found) ||
		!(search->any || (search->user != NULL && hst_symbol_needs(search->user, file)))) {
		return 0;
	}
	search->symbol = hst_symbol_find(module, search->name);
	return search->symbol != NULL;
}

void *hst_real(enum hst_real which, const void *caller)
{
	struct search search = { .name = names[which], .caller = caller };

	if (found[which] != NULL) {
		return found[which];
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
