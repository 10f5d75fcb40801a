/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a function jumps to the exit hook at its end. The hook is not called from there, so its return address says nothing: the jumps
 * are looked for in the function's code, whose extent the module's own tables for unwinding tell
 * (.eh_frame_hdr, .eh_frame). A jump counts if its four bytes lead to an entry of the linkage table that leads to the hook; that
 * the middle of another instruction does so by chance, in a function of which it is known that it has such a jump, may happen
 * once in some thousand million.
 *
 * A function without an entry in that table, or with its end in another part (.cold), keeps these jumps armed.
 */
#ifndef HST_APPLY_JUMPS_H
#define HST_APPLY_JUMPS_H

#include "sink/modules.h"

#include <stdint.h>

/* Where the code of the function that begins at `fn` ends; 0: unknown. The module must stay. */
uint64_t hst_jumps_extent(const struct hst_loaded *module, uint64_t fn);

/*
 * The ends of jumps within a function that lead anywhere by way of the linkage table, the hooks among them; at most `room`.
 * With what hst_sites_try_lock locks.
 */
uint32_t hst_jumps_find(
	const struct hst_loaded *module, uint64_t fn, uint64_t *ret_ends, uint32_t room);

#endif
