/* SPDX-License-Identifier: Apache-2.0 */
/* What the user must know about the figures of processes: one sentence each, losses first. */
#include "passes/processes_pass.h"

#include <inttypes.h>
#include <string.h>

#define PLURAL(count) ((count) == 1 ? "" : "s")

static void note_journal(struct hst_processes *result)
{
	if (result->damaged != 0) {
		hst_processes_note(result, true,
			"the journal is damaged in %" PRIu64 " place%s (%" PRIu64
			" bytes were stepped over): processes, or their ends, are missing",
			result->damaged, PLURAL(result->damaged), result->damaged_bytes);
	}
	if (result->cut) {
		hst_processes_note(result, true,
			"the last record of the journal is not whole: the disk was full, or the "
			"machine stopped");
	}
	if (result->unknown_records != 0) {
		hst_processes_note(result, true,
			"%" PRIu64 " record%s of a newer hasten %s left out: update hasten",
			result->unknown_records, PLURAL(result->unknown_records),
			result->unknown_records == 1 ? "was" : "were");
	}
	if (result->records_lost != 0) {
		const char *name = strerrorname_np(result->records_lost_error);

		hst_processes_note(result, true,
			"%" PRIu64
			" record%s could not be written to the journal (%s): processes, or their "
			"ends, are missing or in doubt",
			result->records_lost, PLURAL(result->records_lost),
			name != NULL ? name : "unknown error");
	}
	if (result->launcher_pid != 0 && !result->finished) {
		hst_processes_note(result, true,
			"the launcher did not write its end (it was killed, or still runs): what "
			"came later is missing");
	}
}

static void note_lives(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;

	if (result->parents_lost != 0) {
		hst_processes_note(result, true,
			"the parent of %" PRIu64 " process%s is in no record: %s at the top of the "
			"tree",
			result->parents_lost, result->parents_lost == 1 ? "" : "es",
			result->parents_lost == 1 ? "it stands" : "they stand");
	}
	if (result->ends_lost != 0) {
		hst_processes_note(result, true,
			"the end of %" PRIu64 " process%s was not seen: times end when last seen",
			result->ends_lost, result->ends_lost == 1 ? "" : "es");
	}
	if (pass->starts_lost != 0) {
		hst_processes_note(result, true,
			"of %u process%s nothing but the end or a sample was seen: no command, no "
			"wall time",
			pass->starts_lost, pass->starts_lost == 1 ? "" : "es");
	}
	if (result->cpu_unknown != 0) {
		hst_processes_note(result, true,
			"the CPU time of %" PRIu64 " image%s is not known: sums are lower bounds",
			result->cpu_unknown, PLURAL(result->cpu_unknown));
	}
}

/* Blind spots by their reason. */
static void note_blind(struct hst_processes *result)
{
	uint64_t counts[HST_PROCESS_BLINDS] = { 0 };
	uint64_t estimated = 0;
	uint64_t bounds = 0;
	uint64_t cut = 0;

	for (size_t i = 0; i < result->image_count; i++) {
		counts[result->images[i].blind]++;
		estimated += (result->images[i].flags & HST_PROCESS_USAGE_ESTIMATED) != 0;
		cut += (result->images[i].flags & HST_PROCESS_CUT) != 0;
		bounds += result->images[i].hwm_source == HST_PROCESS_HWM_UPPER ||
			  result->images[i].hwm_source == HST_PROCESS_HWM_LOWER;
	}
	for (unsigned i = HST_PROCESS_BLIND_STATIC; i < HST_PROCESS_BLINDS; i++) {
		if (counts[i] != 0) {
			hst_processes_note(result, false,
				"%" PRIu64
				" image%s could not be watched from within (%s): what is "
				"known of %s comes from other processes, what %s started itself may "
				"be missing",
				counts[i], PLURAL(counts[i]),
				hst_process_blind_text((enum hst_process_blind)i),
				counts[i] == 1 ? "it" : "them", counts[i] == 1 ? "it" : "they");
		}
	}
	if (estimated != 0) {
		hst_processes_note(result, false,
			"CPU time of %" PRIu64
			" image%s was concluded from what the parent got, or from samples",
			estimated, PLURAL(estimated));
	}
	if (bounds != 0) {
		hst_processes_note(result, false,
			"peak memory of %" PRIu64 " image%s is a bound, not the peak itself",
			bounds, PLURAL(bounds));
	}
	if (cut != 0) {
		hst_processes_note(result, false,
			"arguments or paths of %" PRIu64 " image%s were too long and left out", cut,
			PLURAL(cut));
	}
}

void hst_proc_notes(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;

	note_journal(result);
	note_lives(pass);
	note_blind(result);
	result->complete = result->damaged == 0 && !result->cut && result->unknown_records == 0 &&
			   result->records_lost == 0 && result->parents_lost == 0 &&
			   result->ends_lost == 0 && pass->starts_lost == 0 &&
			   result->cpu_unknown == 0 &&
			   (result->launcher_pid == 0 || result->finished);
	if (result->launcher_pid == 0) {
		hst_processes_note(result, false,
			"recorded without the launcher: no samples, and ends that no parent waited "
			"for are not known");
	}
}
