/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the times of runs to a verdict. Assumes that all runs were complete and wrote the same. Wall time decides; CPU
 * time only where wall time is noise and CPU time is what the program would take on a quiet machine.
 */
#include "plan/verify.h"

#include <math.h>
#include <string.h>

/* CPU time of the first thread to all: less, and other threads or processes had a part. */
#define SINGLE 0.97
/* CPU time to the time that was not spent waiting for a CPU: less, and the program waited for something else. */
#define BUSY 0.90

static const struct {
	enum hst_verify_verdict verdict;
	const char *word;
} reasons[] = {
#define HST_VERIFY_REASON(NAME, VERDICT, word) { HST_VERIFY_##VERDICT, word },
#include "plan/verify_reasons.def"
#undef HST_VERIFY_REASON
};

enum hst_verify_verdict hst_verify_verdict_of(enum hst_verify_reason reason)
{
	return reasons[reason].verdict;
}

const char *hst_verify_reason_word(enum hst_verify_reason reason)
{
	return reasons[reason].word;
}

const char *hst_verify_verdict_word(enum hst_verify_verdict verdict)
{
	static const char *const words[] = { [HST_VERIFY_ACCEPTED] = "accepted",
		[HST_VERIFY_REJECTED] = "rejected",
		[HST_VERIFY_INCONCLUSIVE] = "inconclusive" };

	return words[verdict];
}

/* One kind of time of one arm. */
static size_t collect(const struct hst_verify_samples *samples, bool cpu, double *ret_values)
{
	for (size_t i = 0; i < samples->count; i++) {
		double value = cpu ? samples->items[i].cpu_ns : samples->items[i].wall_ns;

		/* A logarithm must exist; the clock of CPU time counts microseconds. */
		ret_values[i] = fmax(value, 1);
	}
	return samples->count;
}

/*
 * The baseline against itself: runs of even pairs, which came before the run with the plan, against those of odd ones, which
 * came after it. The same estimate as for the arms, so what it is away from 1 is noise, or the order.
 */
static enum hst_status compare_same(
	const double *values, size_t count, uint64_t seed, double *ret_same)
{
	double even[HST_STATS_COUNT_MAX];
	double odd[HST_STATS_COUNT_MAX];
	struct hst_ratio ratio;

	for (size_t i = 0; i < count; i++) {
		(i % 2 == 0 ? even : odd)[i / 2] = values[i];
	}
	HST_TRY(hst_stats_ratio(even, (count + 1) / 2, odd, count / 2, seed, &ratio));
	*ret_same = fmax(ratio.ratio, 1 / ratio.ratio) - 1;
	return HST_OK;
}

static enum hst_status compare(const struct hst_verify_result *result, bool cpu, uint64_t seed,
	struct hst_verify_comparison *ret_comparison)
{
	struct hst_verify_comparison made;
	double values[HST_VERIFY_ARMS][HST_STATS_COUNT_MAX];
	size_t count = result->arms[HST_VERIFY_BASE].count;
	const double *base = values[HST_VERIFY_BASE];
	const double *plan = values[HST_VERIFY_PLAN];

	for (size_t arm = 0; arm < HST_VERIFY_ARMS; arm++) {
		count = collect(&result->arms[arm], cpu, values[arm]);
		made.minimum[arm] = hst_stats_minimum(values[arm], count);
		made.median[arm] = hst_stats_median(values[arm], count);
		made.mad[arm] = hst_stats_mad(values[arm], count);
	}
	HST_TRY(hst_stats_ratio(base, count, plan, count, seed, &made.ratio));
	HST_TRY(hst_stats_ratio_paired(base, plan, count, seed, &made.paired));
	HST_TRY(hst_stats_mann_whitney(base, count, plan, count, &made.test));
	HST_TRY(compare_same(base, count, seed, &made.same));
	made.floor = fmax(HST_VERIFY_FLOOR_MIN, made.same);
	*ret_comparison = made;
	return HST_OK;
}

/*
 * The pairs must agree: bursts of other work on the machine last longer than a run, and both of a pair have them. By the bootstrap
 * alone: ranks of five pairs have no interval of 95 %.
 */
static bool is_faster(const struct hst_verify_comparison *time)
{
	double high = fmax(time->ratio.high, time->paired.boot_high);

	return time->test.p <= HST_VERIFY_P_MAX && high < 1 - time->floor;
}

static bool is_slower(const struct hst_verify_comparison *time)
{
	double low = fmin(time->ratio.low, time->paired.boot_low);

	return time->test.p <= HST_VERIFY_P_MAX && low > 1 + time->floor;
}

/* Medians over the runs of an arm of two shares, NaN where they are not known. */
static void shares_of(
	const struct hst_verify_samples *samples, double *ret_single, double *ret_busy)
{
	double single[HST_STATS_COUNT_MAX];
	double busy[HST_STATS_COUNT_MAX];

	for (size_t i = 0; i < samples->count; i++) {
		const struct hst_verify_sample *run = &samples->items[i];

		/* NaN would not sort, and fmax() passes it over. */
		if (isnan(run->thread_cpu_ns) || isnan(run->queued_ns)) {
			*ret_single = *ret_busy = NAN;
			return;
		}
		single[i] = run->thread_cpu_ns / fmax(run->cpu_ns, 1);
		busy[i] = run->cpu_ns / fmax(run->wall_ns - run->queued_ns, 1);
	}
	*ret_single = hst_stats_median(single, samples->count);
	*ret_busy = hst_stats_median(busy, samples->count);
}

static void look_at_cpu(struct hst_verify_result *result)
{
	result->single = result->busy = true;
	for (size_t arm = 0; arm < HST_VERIFY_ARMS; arm++) {
		double single;
		double busy;

		shares_of(&result->arms[arm], &single, &busy);
		/* Not so with NaN either. */
		result->single &= single >= SINGLE;
		result->busy &= busy >= BUSY;
	}
}

/* By CPU time, since wall time says little here, and on a quiet machine the one would be the other? */
static bool cpu_decides(const struct hst_verify_result *result)
{
	return result->wall.same > HST_VERIFY_NOISY && result->cpu.same <= HST_VERIFY_NOISY &&
	       result->single && result->busy;
}

static enum hst_verify_reason reason_of(const struct hst_verify_result *result)
{
	const struct hst_verify_comparison *time = result->by_cpu ? &result->cpu : &result->wall;

	if (result->arms[HST_VERIFY_PLAN].peak_bytes > result->peak_limit_bytes) {
		return HST_VERIFY_BECAUSE_MEMORY;
	}
	if (is_faster(time)) {
		return result->by_cpu ? HST_VERIFY_BECAUSE_FASTER_CPU : HST_VERIFY_BECAUSE_FASTER;
	}
	if (is_slower(time)) {
		return HST_VERIFY_BECAUSE_SLOWER;
	}
	if (time->same > HST_VERIFY_NOISY) {
		return HST_VERIFY_BECAUSE_NOISE;
	}
	return time->ratio.low >= 1 - time->floor ? HST_VERIFY_BECAUSE_NOT_FASTER
						  : HST_VERIFY_BECAUSE_UNCERTAIN;
}

enum hst_status hst_verify_decide(uint64_t seed, struct hst_verify_result *result)
{
	uint64_t base = result->arms[HST_VERIFY_BASE].peak_bytes;

	HST_TRY(compare(result, false, seed, &result->wall));
	HST_TRY(compare(result, true, seed, &result->cpu));
	result->compared = true;
	look_at_cpu(result);
	result->by_cpu = cpu_decides(result);
	result->peak_limit_bytes =
		base + (uint64_t)((double)base * HST_VERIFY_MEMORY_SHARE) + HST_VERIFY_MEMORY_BYTES;
	result->reason = reason_of(result);
	result->verdict = hst_verify_verdict_of(result->reason);
	return HST_OK;
}
