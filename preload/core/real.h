/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind our hooks: the next definition of a symbol. The only user of dlsym. */
#ifndef HST_CORE_REAL_H
#define HST_CORE_REAL_H

#include <stdint.h>

enum hst_real {
#define HST_HOOK(symbol, file, why) HST_REAL_##symbol,
#include "hasten/hooks.def"
#undef HST_HOOK
	HST_REALS,
};

/*
 * Looks those of libc up, at process start. A later look-up would take the loader's lock in the middle of, say, _exit, and
 * would eat the program's pending dlerror.
 */
void hst_reals_start(void);

/* For the hooks in assembly; NULL until then. */
extern void *hst_real_syscall;
extern void *hst_real_clone;

/*
 * The next definition behind our library. NULL: there was none at process start, and there is none now in the module that
 * holds `caller` or in what came with plug-ins. Any thread; not on a hot path.
 */
void *hst_real(enum hst_real which, const void *caller);

#endif
