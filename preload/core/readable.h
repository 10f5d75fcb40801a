/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that the program hands to a system call. The kernel refuses an address that is none (EFAULT), so a hook may not read there
 * before the call: it asks the kernel, by a call that can only fail, once for each page that texts and lists lie in.
 *
 *	struct hst_readable known = { 0 };
 *	if (hst_readable_list(&known, argv)) ...
 *
 * Async-signal-safe. In a sandbox (hst_sys_closed) nobody is asked, and all counts as readable.
 */
#ifndef HST_CORE_READABLE_H
#define HST_CORE_READABLE_H

#include <stdbool.h>
#include <stdint.h>

#define HST_READABLE_PAGES 16u

/* Pages that are there, so that nobody asks for each string. */
struct hst_readable {
	uint64_t pages[HST_READABLE_PAGES]; /* number + 1, each in the slot of its lowest bits */
};

/* Up to its NUL. NULL: there is nothing to read. */
bool hst_readable_text(struct hst_readable *known, const char *text);

/* A list that ends with NULL, and all its texts. NULL: the same. */
bool hst_readable_list(struct hst_readable *known, char *const *list);

/* All of these bytes. */
bool hst_readable_range(struct hst_readable *known, uint64_t address, uint64_t bytes);

#endif
