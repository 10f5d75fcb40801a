/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of the records that hooks write to the journal of processes. */
#ifndef HST_HOOKS_PIECE_H
#define HST_HOOKS_PIECE_H

#include "core/text.h"
#include "sink/journal.h"

/* NULL: the record goes without it. */
static inline struct hst_journal_piece hst_piece_text(
	enum hst_journal_text_kind kind, const char *text)
{
	return (struct hst_journal_piece){ kind, text, text != NULL ? hst_text_length(text) : 0,
		NULL };
}

static inline struct hst_journal_piece hst_piece_list(
	enum hst_journal_text_kind kind, char *const *list)
{
	return (struct hst_journal_piece){ kind, NULL, 0, list };
}

#endif
