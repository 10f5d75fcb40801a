/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are counted and not recorded. */
#include "apply/counts.h"

#include "core/sys.h"
#include "sink/file.h"
#include "sink/modules.h"

#include "core/poison.h"

static uint32_t listed_in; /* generation in which functions were listed last */

bool hst_counts_listed(void)
{
	uint32_t now = hst_modules_generation();

	return __atomic_exchange_n(&listed_in, now, __ATOMIC_SEQ_CST) != now;
}

void hst_counts_drop(struct hst_stream *stream)
{
	struct hst_counts_block *counts = stream->counts;

	if (counts != NULL && counts->generation < __atomic_load_n(&listed_in, __ATOMIC_ACQUIRE)) {
		stream->counts = NULL;
		if (hst_sys_closed == 0) {
			(void)hst_sys_munmap(counts, sizeof *counts);
		}
	}
}

static void make_counts(struct hst_stream *stream)
{
	uint32_t now = hst_modules_generation();
	uint32_t listed = __atomic_load_n(&listed_in, __ATOMIC_ACQUIRE);
	uint64_t offset;
	struct hst_counts_block *counts = hst_sink_map(sizeof *counts, sizeof *counts, &offset);

	if (counts == NULL) {
		return;
	}
	counts->stream = stream->number;
	counts->generation = now > listed ? now : listed;
	counts->block = (struct hst_block){
		.magic = HST_BLOCK_MAGIC, .type = HST_BLOCK_COUNTS, .bytes = sizeof *counts
	};
	stream->counts = counts;
}

void hst_counts_add(struct hst_stream *stream, const struct hst_suppressed *entry)
{
	struct hst_held signals;

	if (stream->counts == NULL ||
		stream->counts->generation < __atomic_load_n(&listed_in, __ATOMIC_ACQUIRE)) {
		signals = hst_sys_hold_signals();
		hst_counts_drop(stream);
		if (stream->counts == NULL) {
			make_counts(stream);
		}
		hst_sys_release_signals(signals);
	}
	if (stream->counts == NULL || entry->counter >= HST_COUNTS_MAX) {
		stream->ledger->lost_calls++;
		return;
	}
	stream->counts->counts[entry->counter].fn = entry->fn;
	__asm__ volatile("incq %0" : "+m"(stream->counts->counts[entry->counter].calls));
}
