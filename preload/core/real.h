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
 * The next definition behind our library, looked up at the first use. NULL: there is none (then nobody but us could have
 * been called). Any thread; not on a hot path.
 */
void *hst_real(enum hst_real which);

#endif
