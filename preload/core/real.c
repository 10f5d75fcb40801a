/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the functions behind our hooks. */
#include "core/real.h"

#include <dlfcn.h>
#include <stddef.h>

#include "core/poison.h"

static const char *const names[HST_REALS] = {
#define HST_HOOK(symbol, file, why) [HST_REAL_##symbol] = #symbol,
#include "hasten/hooks.def"
#undef HST_HOOK
};

static void *found[HST_REALS];

/* libgcc_s that came in with a plug-in is not in the global scope, where RTLD_NEXT looks. */
static void *look_elsewhere(enum hst_real which)
{
	static const char *const libraries[] = { "libgcc_s.so.1", "libstdc++.so.6" };
	void *symbol = NULL;

	for (unsigned i = 0; symbol == NULL && i < sizeof libraries / sizeof libraries[0]; i++) {
		void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);

		if (library != NULL) {
			symbol = dlsym(library, names[which]);
		}
	}
	return symbol;
}

void *hst_real(enum hst_real which)
{
	void *symbol = __atomic_load_n(&found[which], __ATOMIC_RELAXED);

	if (symbol == NULL) {
		symbol = dlsym(RTLD_NEXT, names[which]);
		if (symbol == NULL) {
			symbol = look_elsewhere(which);
		}
		__atomic_store_n(&found[which], symbol, __ATOMIC_RELAXED);
	}
	return symbol;
}
