/* SPDX-License-Identifier: Apache-2.0 */
/* What the user must know about the figures of memory: one sentence each, losses first. */
#include "passes/heap_pass.h"
#include "passes/pass.h"

#define COUNT(value) ((unsigned long long)(value))
/* Two arguments: the number, and what makes its noun plural. */
#define COUNTED(value) COUNT(value), (value) == 1 ? "" : "s"

static void lose(struct hst_heap_pass *pass)
{
	pass->heap->complete = false;
}

void hst_heap_note_file(struct hst_heap_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;
	size_t count;
	const struct hst_flag_note *notes = hst_flag_notes(&count);

	if (pass->file.missing[0] != '\0') {
		lose(pass);
		hst_heap_note(pass->heap, true, "%s: %s", pass->file.path, pass->file.missing);
	}
	for (size_t i = 0; i < count; i++) {
		/* What the others say is of times and of filters, which blocks do not know. */
		if ((header->flags & notes[i].flag) != 0 && notes[i].loss) {
			lose(pass);
			hst_heap_note(pass->heap, true, "%s", notes[i].text);
		}
	}
	if ((header->flags & HST_FLAG_STARTED_PAUSED) != 0) {
		pass->paused = true;
	}
	for (size_t i = 0; i < pass->file.stream_count; i++) {
		pass->heap->lost += pass->file.streams[i].ledger.memory_lost;
	}
	pass->heap->lost += header->ledger.memory_lost;
}

static void note_losses(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;

	if (heap->lost != 0) {
		hst_heap_note(heap, true,
			"%llu event%s of allocation or free not recorded: live and leaked bytes are in doubt",
			COUNTED(heap->lost));
	}
	if (pass->gaps + pass->damaged_chunks != 0) {
		hst_heap_note(heap, true,
			"%llu chunk%s of events %s missing or damaged: blocks that came or went there are not "
			"counted",
			COUNTED(pass->gaps + pass->damaged_chunks),
			pass->gaps + pass->damaged_chunks == 1 ? "is" : "are");
	}
	if (pass->paused) {
		hst_heap_note(heap, true,
			"recording was paused: blocks that went meanwhile count as live");
	}
	if (pass->overlapped != 0) {
		hst_heap_note(heap, true,
			"%llu block%s went unseen: the address was given anew without a free",
			COUNTED(pass->overlapped));
	}
	if (pass->late_frees != 0) {
		hst_heap_note(heap, true,
			"%llu block%s that came before counting began went after it: some of what is shown as "
			"leaked is not",
			COUNTED(pass->late_frees));
	}
	if (heap->lost + pass->gaps + pass->damaged_chunks + pass->overlapped + pass->late_frees !=
			0 ||
		pass->paused) {
		lose(pass);
	}
}

static void note_doubts(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;

	if (pass->unmatched != 0) {
		hst_heap_note(heap, false,
			"%llu free%s of blocks that were not seen to come (from before the recording, or "
			"from another allocator)",
			COUNTED(pass->unmatched));
	}
	if (pass->counted) {
		hst_heap_note(heap, false,
			"some blocks were only counted per calling context: their peaks are upper bounds, and who "
			"held what at the peak, sizes and lifetimes are not known of them");
	}
	if (pass->untracked != 0) {
		hst_heap_note(heap, false,
			"%llu block%s could not be followed to the end: not counted as leaked",
			COUNTED(pass->untracked));
	}
	if (pass->calltree.folded != 0) {
		hst_heap_note(heap, false,
			"too many or too deep calling contexts: some are folded into their callers");
	}
	if (pass->crowded) {
		lose(pass);
		hst_heap_note(heap, true,
			"more than %u threads at a time: the order of their blocks is not exact",
			HST_HEAP_STREAMS_MAX);
	}
	if (pass->kept_too_many) {
		lose(pass);
		hst_heap_note(heap, true,
			"too many forked processes with too many blocks: some begin without those of their "
			"parents");
	}
	if (pass->clock_estimated) {
		hst_heap_note(heap, false,
			"the clock's rate is an estimate: times may be wrong by some percent");
	}
	if (pass->rows->full) {
		hst_heap_note(heap, false,
			"more than %u functions: the rest is in the row [unknown]", HST_ROWS_MAX);
	}
}

static void note_ends(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;

	if (pass->execs != 0) {
		hst_heap_note(heap, false,
			"%llu process%s became another program (exec) with %llu blocks of %llu bytes: they are not "
			"leaks",
			COUNT(pass->execs), pass->execs == 1 ? "" : "es", COUNT(pass->exec_blocks),
			COUNT(pass->exec_bytes));
	}
	if (pass->killed != 0) {
		hst_heap_note(heap, false,
			"%llu process%s did not say how %s ended (killed, or still running): blocks that were "
			"there count as leaked",
			COUNT(pass->killed), pass->killed == 1 ? "" : "es",
			pass->killed == 1 ? "it" : "they");
	}
}

static void note_state(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;

	if (pass->foreign != NULL) {
		lose(pass);
		hst_heap_note(heap, true,
			"malloc of %s takes the calls before they reach the recorder: allocations are not known",
			pass->foreign);
	}
	if (pass->off != 0 && heap->recorded) {
		hst_heap_note(heap, false, "memory of %llu process%s was not recorded",
			COUNT(pass->off), pass->off == 1 ? "" : "es");
	} else if (pass->off != 0) {
		hst_heap_note(heap, false,
			"memory was not recorded: record again with hasten run, without --no-memory");
	}
}

static void note_modules(struct hst_heap_pass *pass)
{
	char text[1024];

	for (size_t i = 0; i < pass->rows->images.count; i++) {
		if (hst_rows_image_note(&pass->rows->images.items[i], text, sizeof text)) {
			hst_heap_note(pass->heap, false, "%s", text);
		}
	}
}

void hst_heap_note_all(struct hst_heap_pass *pass)
{
	if (pass->session->files_left_out != 0) {
		lose(pass);
		hst_heap_note(pass->heap, true, "%llu file%s left out: more than this reader takes",
			COUNTED(pass->session->files_left_out));
	}
	note_state(pass);
	note_losses(pass);
	note_modules(pass);
	note_doubts(pass);
	note_ends(pass);
	hst_heap_note_quiet(pass);
}
