/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A first look at the data, cheap enough for the end of every run: headers and ledgers. Only
 * profile blocks are counted, since their sums are there to be added up.
 */
#include "cmd/run_close.h"

#include "hasten/trace.h"
#include "reader/journal.h"
#include "reader/memo_block.h"
#include "reader/session.h"
#include "reader/trace_file.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Beyond these, looking into the files would be felt. */
#define FILES_MAX  256
#define BYTES_MAX  (UINT64_C(4) << 30)
#define NODES_MAX  (1u << 17)
#define NODE_BATCH 128u

struct sums {
	uint64_t file_bytes;
	uint64_t event_bytes;
	uint64_t calls; /* of profile blocks */
	uint64_t lost;
	uint64_t threads;
	uint64_t processes;
	size_t files;
	uint64_t foreign;                  /* processes in which another malloc took the calls */
	bool looked_inside;                /* all but file_bytes, files, processes is known */
	bool counted;                      /* calls is the whole truth */
	uint32_t flags;                    /* of all file headers */
	uint64_t lookups, answered, wrong; /* of functions that a plan had answered */
	uint64_t memos, off; /* such functions, of all processes; those that are answered no more */
	const char *why;     /* of the first of these; NULL none */
};

static void add_nodes(
	const struct hst_trace_file *file, uint64_t offset, uint32_t nodes, struct sums *sums)
{
	struct hst_profile_node batch[NODE_BATCH];

	if (nodes > NODES_MAX) {
		sums->counted = false;
		return;
	}
	while (nodes > 0) {
		uint32_t count = nodes < NODE_BATCH ? nodes : NODE_BATCH;
		size_t got = 0;

		if (hst_trace_file_read(file, offset, batch, count * sizeof *batch, &got) !=
				HST_OK ||
			got != count * sizeof *batch) {
			sums->counted = false;
			return;
		}
		for (uint32_t i = 0; i < count; i++) {
			sums->calls += batch[i].calls + batch[i].active;
		}
		offset += got;
		nodes -= count;
	}
}

static void add_profile(const struct hst_trace_file *file, uint64_t offset, struct sums *sums)
{
	struct hst_profile_block block;
	size_t got = 0;

	if (hst_trace_file_read(file, offset, &block, sizeof block, &got) != HST_OK ||
		got != sizeof block) {
		sums->counted = false;
		return;
	}
	/* One thread is counted by the stream itself. */
	sums->threads += block.threads > 1 ? block.threads - 1 : 0;
	offset += sizeof block + HST_PROFILE_OPEN_MAX * sizeof(struct hst_profile_open) +
		  sizeof(struct hst_profile_node);
	/* Node 0 is the thread and no call. */
	add_nodes(file, offset, block.nodes > 0 ? block.nodes - 1 : 0, sums);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static const char *plural_es(uint64_t count)
{
	return count == 1 ? "" : "es";
}

static void add_memos(const struct hst_trace_file *file, struct sums *sums)
{
	struct hst_memo_list list;

	if (hst_memo_read(file, &list) != HST_OK) {
		return;
	}
	for (size_t i = 0; i < list.rows.count; i++) {
		const struct hst_memoed *memoed = &list.rows.items[i];
		bool off = memoed->row.state == HST_MEMO_OFF;

		sums->memos++;
		sums->off += off;
		sums->lookups += memoed->lookups;
		sums->answered += memoed->hits;
		sums->wrong += memoed->mismatched;
		if (off && sums->why == NULL) {
			sums->why = hst_memo_why_text(memoed->row.why);
		}
	}
	hst_memo_list_finish(&list);
}

static void add_file(const char *path, struct sums *sums)
{
	struct hst_trace_file file;

	if (hst_trace_file_open(path, &file, NULL) != HST_OK) {
		sums->counted = false;
		return;
	}
	sums->flags |= file.header.flags;
	sums->lost += file.header.ledger.lost_calls + file.header.ledger.memory_lost;
	sums->foreign += file.header.memory == HST_MEMORY_FOREIGN;
	for (size_t i = 0; i < file.stream_count; i++) {
		const struct hst_stream_ref *stream = &file.streams[i];

		sums->threads += stream->lane == HST_LANE_MAIN;
		sums->lost += (uint64_t)stream->ledger.lost_calls + stream->ledger.memory_lost;
		sums->counted = sums->counted && stream->chunk_count == 0;
		if (stream->profile_offset != 0) {
			add_profile(&file, stream->profile_offset, sums);
		}
	}
	sums->event_bytes += file.chunk_bytes;
	add_memos(&file, sums);
	hst_trace_file_close(&file);
}

static void add_up(const struct hst_session *session, struct sums *sums)
{
	uint32_t pid = 0;

	for (size_t i = 0; i < session->file_count; i++) {
		struct stat stat_of;

		/* Files are sorted by pid; images of one pid are one process. */
		sums->processes += i == 0 || session->files[i].pid != pid;
		pid = session->files[i].pid;
		if (stat(session->files[i].path, &stat_of) == 0) {
			/* On the disk: profile blocks have room that is not used yet. */
			sums->file_bytes += (uint64_t)stat_of.st_blocks * 512u;
		}
	}
	sums->files = session->file_count;
	sums->looked_inside = sums->files <= FILES_MAX && sums->file_bytes <= BYTES_MAX;
	sums->counted = sums->looked_inside;
	for (size_t i = 0; i < session->file_count && sums->looked_inside; i++) {
		add_file(session->files[i].path, sums);
	}
}

/* What came of a plan. A wrong result is an error, which --quiet does not silence. */
static void say_memos(const struct hst_say *say, const struct sums *sums, const char *shown)
{
	char lookups[32];
	char answered[32];

	if (sums->wrong != 0) {
		hst_say_error(say,
			"WRONG RESULT: a function of the plan gave another result than the one that was kept for the same key, %" PRIu64
			" time%s; it is answered no more (hasten report %s says which)",
			sums->wrong, plural(sums->wrong), shown);
	}
	if (sums->memos == 0) {
		return;
	}
	hst_say_count(sums->lookups, lookups, sizeof lookups);
	hst_say_count(sums->answered, answered, sizeof answered);
	hst_say_note(say, "plan: %s of %s calls answered from caches (%.1f %%), %" PRIu64 " wrong",
		answered, lookups,
		sums->lookups == 0 ? 0 : 100 * (double)sums->answered / (double)sums->lookups,
		sums->wrong);
	if (sums->off != 0) {
		hst_say_note(say,
			"plan: %" PRIu64 " of %" PRIu64 " functions %s not answered at the end: %s",
			sums->off, sums->memos, sums->off == 1 ? "was" : "were", sums->why);
	}
}

static void say_sums(const struct hst_say *say, const struct sums *sums, const char *shown)
{
	char amount[32];
	char lost[32];
	char bytes[32];

	hst_say_bytes(sums->file_bytes, bytes, sizeof bytes);
	if (!sums->looked_inside) {
		hst_say_note(say, "%llu process%s -> %s (%s)", (unsigned long long)sums->processes,
			plural_es(sums->processes), shown, bytes);
		return;
	}
	say_memos(say, sums, shown);
	if ((sums->flags & HST_FLAG_PLAN_ONLY) != 0 && sums->threads == 0) {
		hst_say_note(say, "nothing else was recorded -> %s (%s)", shown, bytes);
		return;
	}
	if (sums->threads == 0 && sums->lost == 0) {
		hst_say_note(say, "no call was recorded: nothing that ran has hooks -> %s (%s)",
			shown, bytes);
		return;
	}
	hst_say_count(sums->lost, lost, sizeof lost);
	if (sums->counted) {
		hst_say_count(sums->calls, amount, sizeof amount);
	} else {
		hst_say_bytes(sums->event_bytes, amount, sizeof amount);
	}
	hst_say_note(say, "%s %s%s, %llu thread%s, %llu process%s, %s lost -> %s (%s)", amount,
		sums->counted ? "call" : "of events", sums->counted ? plural(sums->calls) : "",
		(unsigned long long)sums->threads, plural(sums->threads),
		(unsigned long long)sums->processes, plural_es(sums->processes), lost, shown,
		bytes);
}

static void say_losses(const struct hst_say *say, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} reasons[] = {
		{ HST_FLAG_DISK_FULL,
			"the disk or a file size limit was full: not everything was kept" },
		{ HST_FLAG_NO_MEMORY,
			"a memory mapping was refused (a limit on memory?): not everything was recorded" },
		{ HST_FLAG_LIMIT_REACHED,
			"the limit of events was reached: from there on sums only, "
			"without the order of calls (--limit SIZE for more)" },
		{ HST_FLAG_ARGUMENTS_REFUSED,
			"a part of the plan for arguments was not used: some calls have no keys" },
		{ HST_FLAG_MEMO_REFUSED,
			"the plan, or a part of it, was refused: those functions ran as usual" },
		{ HST_FLAG_PLAN_REFUSED, "the filter was not used: its plan was refused" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if ((flags & reasons[i].flag) != 0) {
			hst_say_note(say, "%s", reasons[i].text);
		}
	}
}

/* Did the program start others? Looks no further than to the second one. */
static bool has_others(const char *directory)
{
	struct hst_journal_entry entry;
	struct hst_journal journal;
	struct hst_diag diag;
	char path[PATH_MAX];
	uint32_t first = 0;
	bool others = false;

	if (snprintf(path, sizeof path, "%s/" HST_JOURNAL_NAME, directory) >= (int)sizeof path ||
		hst_journal_open(path, &journal, &diag) != HST_OK) {
		return false;
	}
	while (!others && hst_journal_next(&journal, &entry, &diag) == HST_OK) {
		uint32_t pid = entry.fields.record.pid;

		if (entry.fields.record.type == HST_JOURNAL_START ||
			entry.fields.record.type == HST_JOURNAL_FORK) {
			first = first == 0 ? pid : first;
			others = pid != first;
		}
	}
	hst_journal_close(&journal);
	return others;
}

void hst_run_close(const struct hst_say *say, const char *directory, const char *shown,
	bool hookless, bool planned)
{
	struct sums sums = { 0 };
	struct hst_session session;
	struct hst_diag diag = { "" };
	const char *next = "report";

	if (say->quiet && !planned) {
		return;
	}
	if (hst_session_open(directory, &session, &diag) != HST_OK) {
		hst_say_note(say, "the recording cannot be read: %s", diag.text);
		return;
	}
	add_up(&session, &sums);
	hst_session_close(&session);
	if (sums.files == 0) {
		hst_say_note(
			say, "nothing was recorded: no process of the program loaded libhasten.so");
		return;
	}
	say_sums(say, &sums, shown);
	say_losses(say, sums.flags);
	if (sums.foreign != 0) {
		hst_say_note(say,
			"memory of %" PRIu64
			" process%s is not recorded: a malloc of their own, of a sanitizer or of a "
			"library loaded earlier takes the calls (hasten info names it)",
			sums.foreign, plural_es(sums.foreign));
	}
	if (hookless) {
		next = has_others(directory) ? "processes" : sums.foreign == 0 ? "memory" : next;
	}
	if (strcmp(shown, "hasten.data") == 0) {
		shown = "";
	}
	hst_say_note(say, "next: hasten %s%s%s", next, shown[0] == '\0' ? "" : " ", shown);
}
