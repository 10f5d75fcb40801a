/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that could not be written: a process says so in a later record, or in the header of its trace file while none
 * could be written.
 */
#include "passes/processes_pass.h"
#include "reader/session.h"
#include "reader/trace_header.h"

static void add(struct hst_processes *result, uint64_t count, int32_t error)
{
	if (count != 0) {
		result->records_lost = hst_proc_add(result->records_lost, count);
		result->records_lost_error = error;
	}
}

bool hst_proc_take_lost(struct hst_proc_pass *pass, const struct hst_proc_event *event)
{
	const struct hst_journal_lost *lost = &event->fields->lost;

	add(pass->result, lost->count, lost->error);
	return true;
}

enum hst_status hst_proc_lost_files(
	struct hst_proc_pass *pass, const char *dir, struct hst_diag *diag)
{
	struct hst_session session = { 0 };
	struct hst_file_header header;
	enum hst_status status = hst_session_open(dir, &session, NULL);

	if (status == HST_E_MEMORY) {
		return hst_diag_set(diag, status, "out of memory");
	}
	/* A directory without its mark has no files that count. */
	if (status != HST_OK) {
		return HST_OK;
	}
	for (size_t i = 0; i < session.file_count; i++) {
		if (hst_trace_header_read(session.files[i].path, &header)) {
			add(pass->result, header.journal_lost, header.journal_error);
		}
	}
	hst_session_close(&session);
	return HST_OK;
}
