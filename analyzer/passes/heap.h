/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass behind `hasten memory` and the memory columns of `report`: reads all streams of a process in the order of time, so
 * that a block that one thread allocates and another one frees is found, and fills struct hst_heap. Its memory depends on the
 * blocks that are live at the same time, the functions, places and contexts; not on the length of the recording.
 */
#ifndef HST_PASSES_HEAP_H
#define HST_PASSES_HEAP_H

#include "model/heap.h"
#include "reader/session.h"

struct hst_heap_options {
	bool contexts; /* fill hst_heap.contexts */
	uint32_t pid;  /* this process only, 0: all */
	/*
	 * NULL, or what hst_profile_read gave for the same session: rows are its rows then (there may be
	 * more of them), no image is opened twice, and it must live longer than the heap.
	 */
	const struct hst_profile *profile;
	/* Called now and then with the bytes of events done so far and the bytes of all files. */
	void (*progress)(void *context, uint64_t done, uint64_t total);
	void *progress_context;
};

/*
 * Fills *ret_heap (hst_heap_finish frees it). What is damaged or missing is left out and has a note.
 * HST_E_EMPTY with a sentence if no file could be read; HST_E_MEMORY. Memory not recorded at all is no error: `recorded` is
 * false and a note says why.
 */
HST_NODISCARD enum hst_status hst_heap_read(const struct hst_session *session,
	const struct hst_heap_options *options, struct hst_heap *ret_heap, struct hst_diag *diag);

#endif
