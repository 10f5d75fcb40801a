/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind our hooks: the next definition of a symbol. */
#ifndef HST_CORE_REAL_H
#define HST_CORE_REAL_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hst_real {
#define HST_HOOK(symbol, file, why) HST_REAL_##symbol,
#include "hasten/hooks.def"
#undef HST_HOOK
	HST_REALS,
};

/* Those of the program's own libraries, by enum hst_real; NULL: not among them, or not looked for yet. For hooks that must be fast. */
extern HST_HIDDEN void *hst_reals[HST_REALS];

/* What stands behind our malloc, and whether something stands before it. */
struct hst_real_allocator {
	void (*release)(void *block); /* free of the module that has malloc; NULL: it has none */
	size_t (*usable_size)(void *block); /* NULL: unknown */
	const char *
		module; /* path of the module that has malloc, "" the program itself, NULL none; lives as long as it */
	bool foreign;   /* that module stands before us */
	bool sanitizer; /* it is the run time of one, which has reasons to see every call as it is */
	/* Its addresses, if it is not libc: what it asks of itself is no business of the program's. */
	uint64_t lo, bytes;
	uint64_t libc_lo, libc_bytes;
};

extern HST_HIDDEN struct hst_real_allocator hst_real_allocator;

/*
 * Looks all of them up in the program's own libraries: at process start, or when a constructor that runs before ours
 * allocates. In a process that is not recorded, when the first is asked for; pthread_create asks, so that a child of a process with
 * threads never has to wait for the loader's lock. No memory is needed for it.
 */
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
