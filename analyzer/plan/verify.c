/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the runs. The first ones are not measured: they warm caches, show whether the outputs are the same and always
 * the same, and how long a pair takes. How many pairs there will be is settled before the first one, by the time alone, not by what
 * they turn out to be: looking again after each pair would make chance look like a gain more often than p says.
 */
#include "plan/verify.h"

#include "plan/verify_run.h"

#include <assert.h>
#include <string.h>
#include <sys/wait.h>

/* With so few there are as many of each order, three runs of the baseline for each side of its own comparison. */
#define PAIRS_FEWEST 6u
#define PAIRS_MOST   50u
/* How often the baseline is run again to see whether it differs from itself. */
#define SUSPECT_RUNS 3
/* More time than that, and the plan is not worth to wait for. */
#define PATIENCE    10u
#define PATIENCE_NS UINT64_C(5000000000)

struct verifying {
	const struct hst_verify_task *task;
	struct hst_verify_result *result;
	struct hst_diag *diag;
	struct hst_verify_signals signals;
	struct hst_verify_output reference;
	int reference_status;
	uint64_t began_ns;
	uint64_t slowest_ns;               /* of the baseline */
	uint64_t cost_ns[HST_VERIFY_ARMS]; /* of a run with all that belongs to it */
	bool decided;                      /* there is nothing left to run */
};

static void decide(struct verifying *now, enum hst_verify_reason reason)
{
	now->decided = true;
	now->result->reason = reason;
	now->result->verdict = hst_verify_verdict_of(reason);
}

static uint64_t timeout_of(const struct verifying *now, size_t arm)
{
	uint64_t patience = now->slowest_ns < UINT64_MAX / PATIENCE / 2
				    ? now->slowest_ns * PATIENCE + PATIENCE_NS
				    : UINT64_MAX;

	return arm == HST_VERIFY_PLAN && patience < now->task->timeout_ns ? patience
									  : now->task->timeout_ns;
}

/* Runs once; the output is the caller's. */
static enum hst_status run_once(struct verifying *now, size_t arm,
	struct hst_verify_output *ret_output, struct hst_verify_run *ret_run)
{
	struct hst_verify_result *result = now->result;
	const struct hst_verify_start begin = { .task = now->task,
		.signals = &now->signals,
		.arm = arm,
		.timeout_ns = timeout_of(now, arm) };
	uint64_t began_ns = hst_verify_now_ns();

	HST_TRY(hst_verify_run(&begin, ret_output, ret_run, now->diag));
	result->runs++;
	result->arms[arm].wait_status = ret_run->wait_status;
	if (ret_run->peak_bytes > result->arms[arm].peak_bytes) {
		result->arms[arm].peak_bytes = ret_run->peak_bytes;
	}
	if (ret_run->floor_bytes > result->peak_floor_bytes) {
		result->peak_floor_bytes = ret_run->floor_bytes;
	}
	if (arm == HST_VERIFY_BASE && ret_run->sample.wall_ns > (double)now->slowest_ns) {
		now->slowest_ns = (uint64_t)ret_run->sample.wall_ns;
	}
	now->cost_ns[arm] = hst_verify_now_ns() - began_ns;
	return HST_OK;
}

/* Ends that need no comparison. */
static void judge_end(struct verifying *now, size_t arm, const struct hst_verify_run *run)
{
	struct hst_verify_result *result = now->result;
	bool base = arm == HST_VERIFY_BASE;

	if (run->interrupted != 0) {
		result->interrupted = run->interrupted;
		decide(now, HST_VERIFY_BECAUSE_INTERRUPTED);
	} else if (run->too_large) {
		decide(now, base ? HST_VERIFY_BECAUSE_OUTPUT_LIMIT : HST_VERIFY_BECAUSE_PLAN_LIMIT);
	} else if (run->timed_out) {
		result->timeout_ns = timeout_of(now, arm);
		decide(now, base ? HST_VERIFY_BECAUSE_BASE_TIMEOUT : HST_VERIFY_BECAUSE_TIMEOUT);
	} else if (WIFSIGNALED(run->wait_status)) {
		decide(now, base ? HST_VERIFY_BECAUSE_BASE_SIGNAL : HST_VERIFY_BECAUSE_SIGNAL);
	} else {
		return;
	}
	result->arm = arm;
}

/* The end was an ordinary one: was it that of the reference, and the output the same? */
static enum hst_status judge_output(struct verifying *now, size_t arm,
	const struct hst_verify_run *run, const struct hst_verify_output *output)
{
	struct hst_verify_difference *difference = &now->result->difference;
	bool base = arm == HST_VERIFY_BASE;

	HST_TRY(hst_verify_output_compare(&now->reference, output, difference, now->diag));
	difference->between_equal = base;
	if (run->wait_status != now->reference_status) {
		decide(now, base ? HST_VERIFY_BECAUSE_STATUS_VARIES : HST_VERIFY_BECAUSE_STATUS);
	} else if (difference->found) {
		decide(now, base ? HST_VERIFY_BECAUSE_VARIES : HST_VERIFY_BECAUSE_OUTPUT);
	} else {
		return HST_OK;
	}
	return hst_verify_output_describe(output, now->result->streams[HST_VERIFY_PLAN], now->diag);
}

/* A run whose output is compared and forgotten. */
static enum hst_status run_compared(
	struct verifying *now, size_t arm, struct hst_verify_sample *ret_sample)
{
	struct hst_verify_output output = { .count = 0 };
	struct hst_verify_run run;
	enum hst_status status = run_once(now, arm, &output, &run);

	if (status == HST_OK) {
		*ret_sample = run.sample;
		judge_end(now, arm, &run);
		status = now->decided ? HST_OK : judge_output(now, arm, &run, &output);
	}
	hst_verify_output_finish(&output);
	return status;
}

/*
 * A run with the plan was not as the reference. That says something only if the baseline always is: it is run again,
 * now, since the time may have been what changed.
 */
static enum hst_status suspect(struct verifying *now)
{
	struct hst_verify_result *result = now->result;
	struct hst_verify_result kept = *result;
	struct hst_verify_sample ignored;

	for (int i = 0; i < SUSPECT_RUNS; i++) {
		now->decided = false;
		HST_TRY(run_compared(now, HST_VERIFY_BASE, &ignored));
		if (now->decided) {
			return HST_OK;
		}
	}
	kept.runs = result->runs;
	*result = kept;
	now->decided = true;
	return HST_OK;
}

static enum hst_status run_arm(
	struct verifying *now, size_t arm, struct hst_verify_sample *ret_sample)
{
	HST_TRY(run_compared(now, arm, ret_sample));
	return now->decided && arm == HST_VERIFY_PLAN && now->result->interrupted == 0
		       ? suspect(now)
		       : HST_OK;
}

/* The first run of the baseline: what all others are compared with. */
static enum hst_status run_reference(struct verifying *now)
{
	struct hst_verify_run run;

	HST_TRY(run_once(now, HST_VERIFY_BASE, &now->reference, &run));
	now->reference_status = run.wait_status;
	judge_end(now, HST_VERIFY_BASE, &run);
	if (now->decided) {
		return HST_OK;
	}
	for (size_t i = HST_VERIFY_FILE; i < now->reference.count; i++) {
		if (now->reference.fds[i] < 0) {
			return hst_diag_set(now->diag, HST_E_USAGE,
				"verify: %s is not written by the program, so there is nothing to compare; name a file "
				"that each run writes, as seen from the working directory",
				now->task->files[i - HST_VERIFY_FILE]);
		}
	}
	HST_TRY(hst_verify_output_describe(
		&now->reference, now->result->streams[HST_VERIFY_BASE], now->diag));
	memcpy(now->result->streams[HST_VERIFY_PLAN], now->result->streams[HST_VERIFY_BASE],
		sizeof now->result->streams[HST_VERIFY_PLAN]);
	return HST_OK;
}

static uint32_t pairs_that_fit(const struct verifying *now)
{
	uint64_t spent_ns = hst_verify_now_ns() - now->began_ns;
	uint64_t left_ns = now->task->time_ns > spent_ns ? now->task->time_ns - spent_ns : 0;
	uint64_t pair_ns = now->cost_ns[HST_VERIFY_BASE] + now->cost_ns[HST_VERIFY_PLAN];
	uint64_t pairs = left_ns / (pair_ns != 0 ? pair_ns : 1);

	if (now->task->pairs != 0) {
		return now->task->pairs;
	}
	pairs = pairs < PAIRS_FEWEST ? PAIRS_FEWEST : pairs > PAIRS_MOST ? PAIRS_MOST : pairs;
	return (uint32_t)(pairs - pairs % 2);
}

/* A, B, B, A, and so on. */
static enum hst_status run_pair(struct verifying *now, uint32_t pair)
{
	struct hst_verify_sample samples[HST_VERIFY_ARMS];

	for (size_t i = 0; i < HST_VERIFY_ARMS; i++) {
		size_t arm = (pair % 2 == 0) == (i == 0) ? HST_VERIFY_BASE : HST_VERIFY_PLAN;

		HST_TRY(run_arm(now, arm, &samples[arm]));
		if (now->decided) {
			return HST_OK;
		}
	}
	for (size_t arm = 0; arm < HST_VERIFY_ARMS; arm++) {
		struct hst_verify_samples *kept = &now->result->arms[arm];

		kept->items[kept->count++] = samples[arm];
	}
	now->result->pairs = pair + 1;
	return HST_OK;
}

static enum hst_status run_all(struct verifying *now)
{
	static const size_t first[] = { HST_VERIFY_PLAN, HST_VERIFY_BASE };
	const struct hst_verify_task *task = now->task;
	struct hst_verify_sample ignored;
	uint32_t pairs;

	HST_TRY(run_reference(now));
	for (size_t i = 0; i < sizeof first / sizeof first[0] && !now->decided; i++) {
		HST_TRY(run_arm(now, first[i], &ignored));
	}
	pairs = pairs_that_fit(now);
	for (uint32_t pair = 0; pair < pairs && !now->decided; pair++) {
		if (task->progress != NULL) {
			task->progress(task->progress_context, pair, pairs);
		}
		HST_TRY(run_pair(now, pair));
	}
	return now->decided ? HST_OK : hst_verify_decide(task->seed, now->result);
}

enum hst_status hst_verify(const struct hst_verify_task *task, struct hst_verify_result *ret_result,
	struct hst_diag *diag)
{
	struct verifying now = { .task = task, .result = ret_result, .diag = diag };
	enum hst_status status;

	*ret_result = (struct hst_verify_result){ .runs = 0 };
	assert(task->file_count <= HST_VERIFY_FILES_MAX && task->pairs <= HST_VERIFY_PAIRS_MAX);
	assert(task->pairs == 0 || task->pairs >= HST_VERIFY_PAIRS_MIN);
	hst_verify_signals_take(&now.signals);
	now.began_ns = hst_verify_now_ns();
	status = run_all(&now);
	hst_verify_signals_give(&now.signals);
	hst_verify_output_finish(&now.reference);
	return status == HST_E_MEMORY ? hst_diag_set(diag, status, "verify: out of memory")
				      : status;
}
