/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass behind report, tree and export: reads all files of a session once, chunk by chunk, and
 * fills struct hst_profile. Its memory depends on the number of functions, threads and processes,
 * not on the length of the recording.
 */
#ifndef HST_PASSES_PROFILE_H
#define HST_PASSES_PROFILE_H

#include "model/profile.h"
#include "passes/timeline.h"
#include "reader/session.h"

struct hst_profile_options {
	bool contexts;         /* fill hst_profile.contexts */
	bool fold_recursion;   /* in contexts: one node per function on a path */
	bool edges;            /* fill hst_profile.edges */
	bool thread_functions; /* fill hst_profile.thread_functions */
	bool blocked;          /* fill hst_profile.blocked; needs `contexts` */
	uint64_t blocked_ns;   /* stretches of at least this */
	struct hst_cache_gather *
		gather; /* calls with arguments go there; NULL: none. Not with contexts, edges or timeline */
	bool modules; /* hst_profile_images also has those of which nothing was called */
	uint32_t pid; /* this process only, 0: all */
	uint32_t tid; /* this thread only, 0: all */
	const struct hst_timeline *timeline; /* NULL: none */
	/* Called now and then with the bytes of events done so far and the bytes of all files. */
	void (*progress)(void *context, uint64_t done, uint64_t total);
	void *progress_context;
};

/*
 * Fills *ret_profile (hst_profile_finish frees it). What is damaged or missing is left out and has
 * a note. HST_E_EMPTY with a sentence if no file could be read, or none is left by pid and tid;
 * HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_profile_read(const struct hst_session *session,
	const struct hst_profile_options *options, struct hst_profile *ret_profile,
	struct hst_diag *diag);

/* The images of a profile that hst_profile_read filled; they live as long as it. Returns how many. */
struct hst_module_image;
size_t hst_profile_images(
	const struct hst_profile *profile, const struct hst_module_image **ret_images);

#endif
