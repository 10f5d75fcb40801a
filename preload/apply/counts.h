/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are counted and not recorded: one block of the file per stream, with one place for each counted function.
 *
 * A library may go, and another one come to its addresses. So a block holds for the functions that were listed until its
 * generation: when another one is listed in a later one, each stream begins another block before anything is counted in it.
 */
#ifndef HST_APPLY_COUNTS_H
#define HST_APPLY_COUNTS_H

#include "core/stream.h"
#include "core/suppressed.h"

#include <stdbool.h>

/*
 * Functions that are to be counted stand in the file; they are not counted yet. true: blocks of streams are too old for
 * them, so every stream must be made to look before they are.
 */
bool hst_counts_listed(void);

/* Lets go of a block that is too old. Signals are held back. */
void hst_counts_drop(struct hst_stream *stream);

/* One call. */
void hst_counts_add(struct hst_stream *stream, const struct hst_suppressed *entry);

#endif
