/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compare-and-swap of a word that only its own thread writes. One instruction, without the bus lock that other threads would need:
 * no signal handler comes into the middle of it.
 */
#ifndef HST_CORE_SWAP_H
#define HST_CORE_SWAP_H

#include "core/attr.h"

#include <stdbool.h>
#include <stdint.h>

/* true: the word was `from`, and now is `to`. */
HST_INLINE bool hst_swap_own(uint64_t *word, uint64_t from, uint64_t to)
{
	bool swapped;

	__asm__ volatile("cmpxchgq %3, %1"
			 : "=@cce"(swapped), "+m"(*word), "+a"(from)
			 : "r"(to)
			 : "memory");
	return swapped;
}

#endif
