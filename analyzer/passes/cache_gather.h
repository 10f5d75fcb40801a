/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with their keys and results, as the replay meets them, into a log per row. */
#ifndef HST_PASSES_CACHE_GATHER_H
#define HST_PASSES_CACHE_GATHER_H

#include "passes/cache.h"
#include "passes/cache_noted.h"
#include "passes/replay.h"

/* A call whose end has not come yet. */
struct hst_cache_open {
	uint64_t key, result, parent;
	uint16_t depth;
	uint8_t has_result;
	uint32_t next; /* free places: number of the next one + 1 */
};

/*
 * One event of a call, as it comes. KEY and RESULT of each call; VALUES and RESULT_VALUE behind them once per chunk and key, or
 * new result. Valid during the call.
 */
struct hst_cache_seen {
	uint16_t event; /* enum hst_event_kind */
	uint32_t row;
	const struct hst_function_row *function; /* names; NULL: not known here */
	uint32_t thread;
	uint64_t key;
	const struct hst_value *values; /* [count]; of a result NULL */
	size_t count;
	uint64_t result; /* hash */
	uint64_t value;  /* of that result */
};

/* How calls without hooks differ from those that were recorded. */
struct hst_cache_correction {
	double per_call_ns; /* less for each call, in place of what it takes to call hooks */
	double *scales;     /* by row: what it takes without arguments, as a share */
	/* Below 0: taken from the next calls, since none takes less than 0. By row, of outermost calls [2 * row] and of those
	 * within another call of their function: what these owe is in the time of the outer one already. */
	double *owed;
	size_t rows;
};

struct hst_cache_gather {
	HST_VEC(struct hst_cache_log) logs; /* by row; those without calls are empty */
	HST_VEC(uint32_t) process_of;       /* by number of a thread */
	HST_VEC(struct hst_cache_open) open;
	uint32_t free;                 /* number of the first free place + 1 */
	uint64_t kept;                 /* calls in all logs */
	uint64_t most;                 /* 0: HST_CACHE_CALLS_MAX */
	uint64_t unended;              /* calls with a key whose end was not seen: in no log */
	uint64_t unmatched;            /* keys and results without a call that is followed */
	struct hst_cache_noted values; /* where the recording has them */
	bool out_of_memory;
	const struct hst_cache_correction *correction;              /* NULL: nothing is known */
	void (*see)(void *seer, const struct hst_cache_seen *seen); /* NULL: nobody asks */
	void *seer;
};

/* The calls that come belong to another thread, of this process. Its number is for hst_replay.gather_thread. */
uint32_t hst_cache_gather_stream(struct hst_cache_gather *gather, uint32_t process);
/* KEY, RESULT, VALUES or RESULT_VALUE. */
void hst_cache_gather_event(struct hst_replay *replay, const struct hst_event *event);
/* The frame is about to be popped. */
void hst_cache_gather_close(struct hst_replay *replay, const struct hst_replay_frame *frame,
	uint64_t duration, enum hst_replay_close how);
/* Puts the logs with calls side by side, in front; returns how many there are. */
size_t hst_cache_gather_settle(struct hst_cache_gather *gather);
void hst_cache_gather_finish(struct hst_cache_gather *gather);

#endif
