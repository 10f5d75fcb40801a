/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the profile pass share; for the files of this folder only. */
#ifndef HST_PASSES_PASS_H
#define HST_PASSES_PASS_H

#include "passes/calltree.h"
#include "passes/profile.h"
#include "passes/replay.h"
#include "passes/rows.h"
#include "reader/throttle_block.h"

/* A stream whose frames were still open when its last chunk was done. */
struct hst_pending {
	struct hst_replay replay;
	size_t thread; /* its row in the profile */
};

/* Windows that are taken together, as a function's suppressed time sees them; in ticks. */
struct hst_throttle_span {
	double length;
	double stands_for;
	double calls;
};

/* What one thread recorded in them. */
struct hst_throttle_cell {
	uint32_t group;
	uint64_t all;    /* calls */
	uint64_t steady; /* of functions that are always recorded */
	size_t first;    /* of `calls` */
};

struct hst_throttle_calls {
	uint32_t function;
	uint64_t calls;
};

/* What was not recorded of a row, in all files so far. */
struct hst_throttled_row {
	uint32_t row;
	bool unbounded;
	uint64_t counted;
	double missing;
	double square; /* of how far that may be off */
};

struct hst_pass_throttle {
	/* of the present file: */
	struct hst_throttle_list list;
	uint64_t *watched; /* [functions + 1], as in hst_tallies */
	HST_VEC(struct hst_throttle_cell) cells;
	HST_VEC(struct hst_throttle_calls) calls;
	bool fresh_stream;
	uint64_t begin; /* ticks: the first function was suppressed */
	uint64_t
		steady; /* calls of the functions that are always recorded, since then and outside of windows */
	double cost;            /* ticks by which a recorded call made the windows longer */
	double off;             /* relative, of all that rests on it */
	uint64_t windows, late; /* of all files: how many there were, and came too late */
	bool cut; /* a file has more functions that were left out than are looked after */
	struct hst_throttle_span *spans; /* [groups] */
	size_t together, groups;
	/* of all files: */
	struct hst_throttled_row *rows;
	size_t row_count, row_capacity;
};

struct hst_pass {
	const struct hst_session *session;
	const struct hst_profile_options *options;
	struct hst_profile *profile;
	struct hst_diag *diag;

	struct hst_rows *rows; /* the profile's owner */
	struct hst_calltree calltree;
	struct hst_timeline timeline;
	struct hst_blocked_list blocked;
	struct hst_error_codes codes;
	HST_VEC(struct hst_tally) tallies;     /* of the present file (or thread), by row */
	HST_VEC(struct hst_function_row) sums; /* of all files, by row: times and counts only */
	HST_VEC(struct hst_site_row) sites;    /* of the present file */
	HST_VEC(struct hst_thread_row) threads;
	HST_VEC(struct hst_thread_function) thread_functions;
	HST_VEC(struct hst_pending) pending; /* of the present file */

	struct hst_pass_throttle throttle;
	struct hst_trace_file file;
	struct hst_sites interned;
	struct hst_tallies shared;
	struct hst_event *events;
	uint8_t *chunk;
	size_t file_threads;     /* first row of the present file in `threads` */
	size_t file_threads_end; /* behind the rows of its streams with events, ascending stream */
	uint64_t last;           /* ticks of the last event of the file */
	uint64_t origin_ns;      /* CLOCK_MONOTONIC when the recording began */
	uint64_t first_ns, last_ns; /* of all events, since origin_ns */
	uint64_t done, total;       /* bytes of events */
	uint64_t unfinished;        /* files that do not say how they ended */
	double compensated;
};

/* Makes the rows of the sites that came since the last call. */
HST_NODISCARD enum hst_status hst_pass_sites(struct hst_pass *pass);

/* Replays one stream; adds its row to `threads`, and itself to `pending` if frames are open. */
HST_NODISCARD enum hst_status hst_pass_stream(
	struct hst_pass *pass, const struct hst_stream_ref *stream);

/* Joins the calling-context tree at `offset` of the file. */
HST_NODISCARD enum hst_status hst_pass_tree(struct hst_pass *pass, uint64_t offset);

/* Adds the tallies, as nanoseconds without our cost, to the sums and begins them anew. */
HST_NODISCARD enum hst_status hst_pass_flush(struct hst_pass *pass);
/* The same for one thread: its functions are listed, too. */
HST_NODISCARD enum hst_status hst_pass_flush_thread(struct hst_pass *pass, size_t thread);

/* A thread that was flushed more than once gets one entry per function; ascending (thread, function). */
void hst_pass_merge_threads(struct hst_pass *pass);

/* Sentences about one file, and about the whole. */
void hst_pass_note_file(struct hst_pass *pass);
void hst_pass_note_all(struct hst_pass *pass);

/* Flags of the file header that the user hears of. */
struct hst_flag_note {
	uint32_t flag;
	bool loss;
	const char *text;
};
const struct hst_flag_note *hst_flag_notes(size_t *ret_count);

/* The ticks of the file at which the process ended, as far as known. */
uint64_t hst_pass_end(const struct hst_pass *pass);

/* A new row in `threads` for a stream of the present file. SIZE_MAX: out of memory. */
size_t hst_pass_thread(struct hst_pass *pass, uint32_t stream, uint32_t tid, uint32_t lane);
/* The row of a stream of the present file that had events; SIZE_MAX: none. */
size_t hst_pass_find_thread(const struct hst_pass *pass, uint32_t stream);

/*
 * Functions that were not recorded all the time (throttle.c): with the file opened and its tallies set up; is a site to be watched; a
 * stream begins; its chunk of so many calls was replayed; the streams are done; the file is; the rows are there.
 */
HST_NODISCARD enum hst_status hst_pass_throttle_begin(struct hst_pass *pass);
uint32_t hst_pass_throttle_watch(const struct hst_pass *pass, const struct hst_site *site);
void hst_pass_throttle_stream(struct hst_pass *pass);
HST_NODISCARD enum hst_status hst_pass_throttle_chunk(
	struct hst_pass *pass, uint64_t begin, uint64_t all);
HST_NODISCARD enum hst_status hst_pass_throttle_sum(struct hst_pass *pass, uint64_t end);
void hst_pass_throttle_end(struct hst_pass *pass);
void hst_pass_throttle_take(struct hst_pass *pass);

/* Functions that were answered from caches (memo.c): of the opened file; of all of them. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_pass_memo_file(struct hst_pass *pass);
void hst_pass_memo_take(struct hst_pass *pass);

/* Adds a stream's ledger to the sum of the profile. */
void hst_pass_ledger(struct hst_pass *pass, const struct hst_ledger *ledger);
/* Time inside the functions of one stream, without our cost. */
uint64_t hst_pass_self(const struct hst_pass *pass, const struct hst_replay *replay);
/* The recording reaches from `first` to `last` ticks at least. */
void hst_pass_span(struct hst_pass *pass, uint64_t first, uint64_t last);

#endif
