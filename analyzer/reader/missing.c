/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sentence on what a trace file lacks, from what the index pass saw. Clauses come in the order
 * of how much they explain; one that does not fit in the room of the sentence is left out whole.
 */
#include "reader/index.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(struct hst_trace_file *file, const char *fmt, ...) HST_PRINTF(2, 3);

static void add(struct hst_trace_file *file, const char *fmt, ...)
{
	char clause[sizeof file->missing];
	size_t have = strlen(file->missing);
	const char *joint = have == 0 ? "" : "; ";
	va_list args;
	int wrote;

	va_start(args, fmt);
	wrote = vsnprintf(clause, sizeof clause, fmt, args);
	va_end(args);
	if (wrote < 0 || have + strlen(joint) + (size_t)wrote >= sizeof file->missing) {
		return;
	}
	(void)snprintf(file->missing + have, sizeof file->missing - have, "%s%s", joint, clause);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/*
 * The header's file_end is ahead of the file when the end was cut off. A process that was killed, or whose other
 * thread ended it, between taking room and writing it leaves one chunk at most, whose events its tail still has; one
 * that could not write says so by a flag and counts its losses.
 */
static bool end_is_missing(const struct hst_trace_file *file, const struct hst_index_facts *facts)
{
	const uint32_t could_not_write =
		HST_FLAG_DISK_FULL | HST_FLAG_PATH_LOST | HST_FLAG_SANDBOXED | HST_FLAG_NO_MEMORY;
	uint64_t end = file->header.file_end;

	if (end <= file->bytes || (file->header.flags & could_not_write) != 0) {
		return false;
	}
	return (file->header.end_kind != HST_END_NONE && !facts->unfinished) || file->gaps != 0 ||
	       end - file->bytes > HST_CHUNK_BYTES_MAX;
}

static void describe_cut(struct hst_trace_file *file, const struct hst_index_facts *facts)
{
	bool missing = end_is_missing(file, facts);
	char of[32] = "";

	if (missing) {
		(void)snprintf(of, sizeof of, " of %" PRIu64, file->header.file_end);
	}
	if (facts->cut_at != 0 && facts->cut_seq != 0) {
		add(file,
			"the file is cut at byte %" PRIu64 "%s, in chunk %" PRIu64
			" of thread %" PRIu32,
			file->bytes, of, facts->cut_seq, facts->cut_tid);
	} else if (facts->cut_at != 0 || missing) {
		add(file, "the file is cut at byte %" PRIu64 "%s", file->bytes, of);
	}
	if (missing && file->header.streams > file->stream_count) {
		uint64_t lacking = file->header.streams - file->stream_count;

		add(file, "nothing is left of %" PRIu64 " stream%s", lacking, plural(lacking));
	}
}

static void describe_gaps(struct hst_trace_file *file, const struct hst_index_facts *facts)
{
	uint64_t here = facts->gap_last - facts->gap_first + 1;

	if (file->gaps == 0) {
		return;
	}
	if (here == 1) {
		add(file, "chunk %" PRIu64 " of thread %" PRIu32 " is missing", facts->gap_first,
			facts->gap_tid);
	} else {
		add(file, "chunks %" PRIu64 " to %" PRIu64 " of thread %" PRIu32 " are missing",
			facts->gap_first, facts->gap_last, facts->gap_tid);
	}
	if (file->gaps > here) {
		add(file, "%" PRIu64 " chunks of %zu thread%s are missing in all", file->gaps,
			facts->gap_streams, plural(facts->gap_streams));
	}
}

void hst_index_describe(struct hst_trace_file *file, const struct hst_index_facts *facts)
{
	if (facts->unreadable) {
		add(file, "the file cannot be read at byte %" PRIu64 " and behind",
			facts->unreadable_at);
	}
	if (facts->newer_type != 0) {
		add(file,
			"a newer hasten is needed: the block of type %" PRIu32 " at byte %" PRIu64
			" is unknown, and nothing behind it was read",
			facts->newer_type, facts->newer_at);
	}
	describe_cut(file, facts);
	describe_gaps(file, facts);
	if (facts->partial != 0) {
		add(file, "the end of chunk %" PRIu64 " of thread %" PRIu32 " is missing%s",
			facts->partial_seq, facts->partial_tid,
			facts->partial > 1 ? " (and of others)" : "");
	}
	if (facts->bad_headers != 0) {
		add(file, "%" PRIu64 " block%s with a damaged header %s left out",
			facts->bad_headers, plural(facts->bad_headers),
			facts->bad_headers == 1 ? "was" : "were");
	}
	if (file->skipped_bytes != 0) {
		add(file, "%" PRIu64 " damaged bytes were stepped over", file->skipped_bytes);
	}
}
