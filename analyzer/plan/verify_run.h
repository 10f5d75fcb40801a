/* SPDX-License-Identifier: Apache-2.0 */
/* One run of one arm: started, watched, measured, its output caught. */
#ifndef HST_PLAN_VERIFY_RUN_H
#define HST_PLAN_VERIFY_RUN_H

#include "plan/verify.h"

#include <signal.h>

/* What a run wrote: descriptors of memory files; -1 a file that is not there. */
struct hst_verify_output {
	int fds[HST_VERIFY_STREAMS_MAX];
	size_t count;
};

struct hst_verify_run {
	struct hst_verify_sample sample;
	uint64_t peak_bytes,
		floor_bytes; /* the floor: what the child had of us when it called exec */
	int wait_status;
	bool timed_out;
	bool too_large; /* it wrote more than HST_VERIFY_OUTPUT_MAX into one stream */
	int interrupted;
};

/* What a comparison changes of this process, to be put back. */
struct hst_verify_signals {
	sigset_t mask;
	struct sigaction child;
};
void hst_verify_signals_take(struct hst_verify_signals *ret_signals);
void hst_verify_signals_give(const struct hst_verify_signals *signals);

struct hst_verify_start {
	const struct hst_verify_task *task;
	const struct hst_verify_signals *signals; /* taken */
	size_t arm;
	uint64_t timeout_ns;
};

/*
 * Runs an arm to its end, but not longer than the timeout. *ret_output is the caller's until hst_verify_output_finish, also
 * when this fails. HST_E_NOT_FOUND, HST_E_IO, HST_E_USAGE with a sentence.
 */
HST_NODISCARD enum hst_status hst_verify_run(const struct hst_verify_start *begin,
	struct hst_verify_output *ret_output, struct hst_verify_run *ret_run,
	struct hst_diag *diag);
void hst_verify_output_finish(struct hst_verify_output *output);

/* Length and hash of each stream. HST_E_IO. */
HST_NODISCARD enum hst_status hst_verify_output_describe(const struct hst_verify_output *output,
	struct hst_verify_stream *ret_streams, struct hst_diag *diag);
/* Compares with the reference; ret_difference->found, and where. HST_E_IO. */
HST_NODISCARD enum hst_status hst_verify_output_compare(const struct hst_verify_output *reference,
	const struct hst_verify_output *output, struct hst_verify_difference *ret_difference,
	struct hst_diag *diag);

/* Monotonic. */
uint64_t hst_verify_now_ns(void);

#endif
