/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind our hooks: the next definition of a symbol. */
#ifndef HST_CORE_REAL_H
#define HST_CORE_REAL_H

#include "core/attr.h"

#include <stdint.h>

enum hst_real {
#define HST_HOOK(symbol, file, why) HST_REAL_##symbol,
#include "hasten/hooks.def"
#undef HST_HOOK
	HST_REALS,
};

/* Looks all of them up in the program's own libraries, at process start. */
void hst_reals_start(void);

/* For the hooks in assembly; NULL until then. */
extern HST_HIDDEN void *hst_real_syscall;
extern HST_HIDDEN void *hst_real_clone;

/*
 * The next definition behind our library. If there was none at process start: that in the module that holds `caller`, or in
 * what it needs, or in any other. NULL: nowhere. Any thread; not on a hot path.
 */
void *hst_real(enum hst_real which, const void *caller);

#endif
