/* SPDX-License-Identifier: Apache-2.0 */
/* What the user must know about the figures: one sentence each, losses first. */
#include "passes/pass.h"

#define COUNT(value) ((unsigned long long)(value))
/* Two arguments: the number, and what makes its noun plural. */
#define COUNTED(value)    COUNT(value), (value) == 1 ? "" : "s"
#define UNKNOWN_END_LEAST 1000000u /* ns */
#define WAS(value)        ((value) == 1 ? "was" : "were")

static const struct hst_flag_note flag_notes[] = {
	{ HST_FLAG_DISK_FULL, true,
		"the disk was full or the file size limit was reached: what came after it is "
		"missing" },
	{ HST_FLAG_NO_MEMORY, true,
		"memory for recording was refused (address space limit): some calls are missing" },
	{ HST_FLAG_CHECK_FAILED, true,
		"the recorder, checking itself, found a chunk of its own wrong: figures cannot be trusted" },
	{ HST_FLAG_CHILD_LOST, true,
		"a forked child could not make a file of its own: its calls are missing" },
	{ HST_FLAG_RING, true,
		"flight recorder: only the newest part was kept, older calls were overwritten" },
	{ HST_FLAG_LIMIT_REACHED, false,
		"the limit was reached: later calls are counted per calling context, their "
		"percentiles are coarse (record with a larger --limit to keep every call)" },
	{ HST_FLAG_FILTERED, false,
		"a filter was in force: time of functions left out counts for their callers" },
	{ HST_FLAG_FILTER_NAMES_IGNORED, false,
		"the filter's names were ignored: without `hasten run` only modules can be "
		"filtered" },
	{ HST_FLAG_ARGUMENTS_REFUSED, false,
		"a part of the plan for arguments was not used (damaged, made for other code, or too much): some "
		"calls have no keys" },
	{ HST_FLAG_MEMO_REFUSED, false,
		"what the plan has of functions to be answered from caches, or a part of it, was refused (damaged, or open to others): they ran as "
		"usual" },
	{ HST_FLAG_PLAN_ONLY, false,
		"run with --no-record: nothing but what came of the plan is here" },
	{ HST_FLAG_PLAN_REFUSED, false, "the plan was refused: everything was recorded" },
	{ HST_FLAG_SANDBOXED, false,
		"the program entered a seccomp sandbox: recording went on without system calls" },
	{ HST_FLAG_PATH_LOST, false,
		"the program lost sight of its data file (chroot, other user, or deleted)" },
	{ HST_FLAG_STARTED_PAUSED, false, "the recording was started paused" },
};

const struct hst_flag_note *hst_flag_notes(size_t *ret_count)
{
	*ret_count = sizeof flag_notes / sizeof flag_notes[0];
	return flag_notes;
}

static void loss(struct hst_pass *pass)
{
	pass->profile->complete = false;
}

void hst_pass_note_file(struct hst_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;

	if (pass->file.missing[0] != '\0') {
		loss(pass);
		hst_profile_note(
			pass->profile, true, "%s: %s", pass->file.path, pass->file.missing);
	}
	for (size_t i = 0; i < sizeof flag_notes / sizeof flag_notes[0]; i++) {
		if ((header->flags & flag_notes[i].flag) != 0) {
			hst_profile_note(
				pass->profile, flag_notes[i].loss, "%s", flag_notes[i].text);
			pass->profile->complete &= !flag_notes[i].loss;
		}
	}
	if ((header->flags & HST_FLAG_LIMIT_REACHED) != 0 &&
		header->budget_state != HST_BUDGET_OFF) {
		hst_profile_note(pass->profile, false,
			"after the limit of events --overhead left out no more functions: all hooks that were in "
			"place then went on costing (record with a larger --limit to keep within --overhead)");
	}
	if ((header->flags & HST_FLAG_ARGUMENTS) != 0) {
		pass->profile->keys_lost += header->keys_lost;
	}
	pass->unfinished += header->end_kind == HST_END_NONE;
	hst_pass_ledger(pass, &header->ledger);
}

/* Counts of the ledger that mean that something is missing. */
static void note_losses(struct hst_pass *pass)
{
	struct hst_profile *profile = pass->profile;
	const struct hst_ledger *ledger = &profile->ledger;

	if (ledger->lost_calls != 0) {
		hst_profile_note(profile, true, "%llu call%s %s not recorded",
			COUNTED(ledger->lost_calls), WAS(ledger->lost_calls));
	}
	/* One file has said it in its own sentence. */
	if (profile->gaps != 0 && profile->processes > 1) {
		hst_profile_note(profile, true, "%llu chunk%s of events %s missing in all",
			COUNTED(profile->gaps), profile->gaps == 1 ? "is" : "are");
	}
	if (profile->damaged_chunks != 0) {
		hst_profile_note(profile, true,
			"%llu chunk%s of events %s damaged: what stands behind the damage is "
			"missing",
			COUNTED(profile->damaged_chunks),
			profile->damaged_chunks == 1 ? "is" : "are");
	}
	if (ledger->nested_lost != 0) {
		hst_profile_note(profile, true,
			"%llu call%s of signal handlers that interrupted the recording %s not "
			"recorded",
			COUNTED(ledger->nested_lost), WAS(ledger->nested_lost));
	}
	if (ledger->missed_exits != 0) {
		hst_profile_note(profile, true,
			"%llu call%s had no exit and %s closed at a later event (too much time "
			"was counted)",
			COUNTED(ledger->missed_exits), WAS(ledger->missed_exits));
	}
	if (ledger->unmatched != 0) {
		hst_profile_note(profile, true,
			"%llu exit%s belonged to no open call and %s dropped",
			COUNTED(ledger->unmatched), WAS(ledger->unmatched));
	}
	if (ledger->resyncs != 0) {
		hst_profile_note(profile, true,
			"%llu time%s the recording of a thread began anew: a signal handler jumped out of "
			"it, or two stacks were told apart",
			COUNTED(ledger->resyncs));
	}
	if (ledger->lost_calls + profile->gaps + profile->damaged_chunks + ledger->nested_lost +
			ledger->missed_exits + ledger->unmatched + ledger->resyncs !=
		0) {
		loss(pass);
	}
}

/* How well CPU time is known. Where it is nowhere, no figure of it is shown. */
static void note_clock(struct hst_profile *profile)
{
	const uint64_t *chunks = profile->clock_chunks;
	uint64_t known = chunks[HST_CLOCK_MODE_RSEQ] + chunks[HST_CLOCK_MODE_GAP];

	if (known != 0 && chunks[HST_CLOCK_MODE_NONE] != 0) {
		hst_profile_note(profile, false,
			"CPU time is not known in %llu of %llu chunks of events (no system calls were possible): "
			"functions that ran there show none",
			COUNT(chunks[HST_CLOCK_MODE_NONE]),
			COUNT(known + chunks[HST_CLOCK_MODE_NONE]));
	}
	if (chunks[HST_CLOCK_MODE_GAP] != 0) {
		hst_profile_note(profile, false,
			"CPU time is coarse in %llu of %llu chunks of events (no restartable sequences, or too "
			"many switches): absences in gaps of less than 65536 clock ticks count as CPU time",
			COUNT(chunks[HST_CLOCK_MODE_GAP]),
			COUNT(known + chunks[HST_CLOCK_MODE_NONE]));
	}
	if (profile->unknown_end_ns >= UNKNOWN_END_LEAST) {
		hst_profile_note(profile, false,
			"what threads did behind their last event, with calls open, is not known: %.3g s "
			"count as off-CPU",
			(double)profile->unknown_end_ns / 1e9);
	}
}

/* Calls that no figure about arguments speaks of. */
static void note_keys(const struct hst_pass *pass)
{
	struct hst_profile *profile = pass->profile;
	uint64_t without = profile->argument_calls - profile->keyed_calls;

	if (pass->options->gather == NULL) {
		return;
	}
	if (profile->keys_lost != 0) {
		hst_profile_note(profile, false,
			"%llu key%s or results of calls could not be read (memory that is not there, a string or block "
			"that is too long, or a sandbox): those calls have none",
			COUNTED(profile->keys_lost));
	}
	if (without != 0) {
		hst_profile_note(profile, false,
			"%llu of %llu calls of processes whose arguments were asked for have no key: not every argument "
			"of their function can be read (hasten info --args PROGRAM says why), it was not named in --args, or "
			"reading failed",
			COUNT(without), COUNT(profile->argument_calls));
	}
}

static void note_doubts(struct hst_pass *pass)
{
	struct hst_profile *profile = pass->profile;
	const struct hst_ledger *ledger = &profile->ledger;

	if (ledger->overflow_calls != 0) {
		hst_profile_note(profile, false,
			"%llu call%s got no calling context of their own (too many contexts); the "
			"counts per function are right",
			COUNTED(ledger->overflow_calls));
	}
	if (ledger->switches != 0) {
		hst_profile_note(profile, false,
			"%llu switch%s between stacks within a thread: a function's total counts "
			"the time while its stack waited",
			COUNT(ledger->switches), ledger->switches == 1 ? "" : "es");
	}
	note_clock(profile);
	note_keys(pass);
	if (pass->calltree.folded != 0) {
		hst_profile_note(profile, false,
			"%llu call%s %s folded into the caller: too many or too deep calling "
			"contexts",
			COUNTED(pass->calltree.folded), WAS(pass->calltree.folded));
	}
	if (profile->clock_estimated) {
		hst_profile_note(profile, false,
			"the clock's rate is an estimate: times may be wrong by some percent");
	}
	if (pass->rows->full) {
		hst_profile_note(profile, false,
			"more than %u functions: the rest is in the row [unknown]", HST_ROWS_MAX);
	}
	if (pass->unfinished != 0) {
		hst_profile_note(profile, false,
			"%llu of %llu processes did not say how they ended (killed, replaced by "
			"exec, or still running): open calls count up to the last event",
			COUNT(pass->unfinished), COUNT(profile->processes));
	}
}

static void note_modules(struct hst_pass *pass)
{
	char text[1024];

	for (size_t i = 0; i < pass->rows->images.count; i++) {
		if (pass->rows->images.items[i].used &&
			hst_rows_image_note(&pass->rows->images.items[i], text, sizeof text)) {
			hst_profile_note(pass->profile, false, "%s", text);
		}
	}
}

void hst_pass_note_all(struct hst_pass *pass)
{
	if (pass->session->files_left_out != 0) {
		loss(pass);
		hst_profile_note(pass->profile, true,
			"%llu file%s %s left out: more than this reader takes",
			COUNTED(pass->session->files_left_out), WAS(pass->session->files_left_out));
	}
	note_losses(pass);
	note_modules(pass);
	note_doubts(pass);
	if (pass->profile->calls == 0 && !pass->profile->plan_only) {
		hst_profile_note(pass->profile, false,
			"no call was recorded: compile the program with -finstrument-functions -g");
	}
}
