/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the functions behind our hooks. */
#include "core/real.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/poison.h"

static const char *const names[HST_REALS] = {
#define HST_HOOK(symbol, file, why) [HST_REAL_##symbol] = #symbol,
#include "hasten/hooks.def"
#undef HST_HOOK
};

static const char *const files[HST_REALS] = {
#define HST_HOOK(symbol, file, why) [HST_REAL_##symbol] = #file,
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

/* A plug-in's own copy: linked statically into it, it is behind us in no list. */
static void *look_in_caller(enum hst_real which, const void *caller)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL) {
		return NULL;
	}
	return dlsym(map, names[which]);
}

/* Of libc, so always there: looking for one in vain would allocate the text of an error. */
static bool is_libc(enum hst_real which)
{
	return strcmp(files[which], "process") == 0 || strcmp(files[which], "module") == 0 ||
	       strcmp(files[which], "context") == 0;
}

void *hst_real_syscall;
void *hst_real_clone;

void hst_reals_start(void)
{
	for (unsigned which = 0; which < HST_REALS; which++) {
		if (is_libc(which)) {
			__atomic_store_n(
				&found[which], dlsym(RTLD_NEXT, names[which]), __ATOMIC_RELAXED);
		}
	}
	hst_real_syscall = found[HST_REAL_syscall];
	hst_real_clone = found[HST_REAL_clone];
}

void *hst_real(enum hst_real which, const void *caller)
{
	void *symbol = __atomic_load_n(&found[which], __ATOMIC_RELAXED);

	if (symbol == NULL) {
		symbol = dlsym(RTLD_NEXT, names[which]);
		__atomic_store_n(&found[which], symbol, __ATOMIC_RELAXED);
	}
	if (symbol == NULL) {
		symbol = look_in_caller(which, caller);
	}
	return symbol != NULL ? symbol : look_elsewhere(which);
}
