/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten info` says of the cost of hooks where a limit to it was set: asked for, and kept. */
#include "cmd/info.h"
#include "writers/json.h"
#include "writers/units.h"

#define STATES (HST_BUDGET_REFUSED + 1u)

static const char *const state_names[STATES] = {
	[HST_BUDGET_OFF] = "off",
	[HST_BUDGET_PATCH] = "patch",
	[HST_BUDGET_COUNT] = "count",
	[HST_BUDGET_REFUSED] = "refused",
};

static const char *const state_texts[STATES] = {
	[HST_BUDGET_OFF] = "",
	[HST_BUDGET_PATCH] = "by changing their call sites in the running program",
	[HST_BUDGET_COUNT] = "by counting their calls only",
	[HST_BUDGET_REFUSED] =
		"by counting their calls only, since the system refused to let code be changed",
};

static const struct hst_file_header *first_with_limit(const struct hst_info *info)
{
	for (size_t i = 0; i < info->processes.count; i++) {
		const struct hst_file_header *header = &info->processes.items[i].header;

		if (header->budget_state != HST_BUDGET_OFF && header->budget_state < STATES) {
			return header;
		}
	}
	return NULL;
}

/* Nothing is left out any more once the limit of events is reached. */
static bool ended_early(const struct hst_info *info)
{
	for (size_t i = 0; i < info->processes.count; i++) {
		const struct hst_file_header *header = &info->processes.items[i].header;

		if (header->budget_state != HST_BUDGET_OFF &&
			(header->flags & HST_FLAG_LIMIT_REACHED) != 0) {
			return true;
		}
	}
	return false;
}

/* Nanoseconds that the hooks of recorded calls took, as calibrated; *ret_time: that the threads were there. */
static double cost_of_hooks(const struct hst_profile *profile, double *ret_time)
{
	double time = 0;

	for (size_t i = 0; i < profile->thread_count; i++) {
		const struct hst_thread_row *thread = &profile->threads[i];

		if (thread->lane == HST_LANE_MAIN && thread->end_ns > thread->start_ns) {
			time += (double)(thread->end_ns - thread->start_ns);
		}
	}
	*ret_time = time;
	return (double)profile->calls * (profile->cost_inside_ns + profile->cost_outside_ns);
}

/* Of the time that the threads would have taken without them. */
static double share_of_hooks(const struct hst_profile *profile)
{
	double time;
	double cost = cost_of_hooks(profile, &time);

	return time > cost ? cost / (time - cost) : 0;
}

void hst_info_overhead_text(const struct hst_info *info)
{
	const struct hst_file_header *header = first_with_limit(info);
	const struct hst_profile *profile = &info->profile;
	char cost[HST_UNITS_BYTES];
	double time;

	if (header == NULL) {
		return;
	}
	hst_units_ns(cost, cost_of_hooks(profile, &time));
	hst_print_line("overhead   %.4g %% allowed: %llu functions were left out %s",
		header->budget_ppm / 1e4, (unsigned long long)profile->throttled,
		state_texts[header->budget_state]);
	hst_print_line(
		"           recorded calls took %s, %.2g %% of the time beside them (%.1f ns per "
		"call, as measured)%s",
		cost, share_of_hooks(profile) * 100,
		profile->cost_inside_ns + profile->cost_outside_ns,
		share_of_hooks(profile) * 1e6 <= header->budget_ppm ? ""
								    : ": the limit was not kept");
	if (ended_early(info)) {
		hst_print_line(
			"           only until the limit of events was reached: afterwards nothing more was left out");
	}
	if (profile->throttle_windows != 0) {
		hst_print_line(
			"           %llu times all were recorded for a moment, %llu of them too late",
			(unsigned long long)profile->throttle_windows,
			(unsigned long long)profile->throttle_late);
	}
}

void hst_info_overhead_json(struct hst_json *json, const struct hst_info *info)
{
	const struct hst_file_header *header = first_with_limit(info);

	if (header == NULL) {
		hst_json_null(json, "overhead");
		return;
	}
	hst_json_row(json, "overhead");
	hst_json_double(json, "allowed", header->budget_ppm / 1e6, 6);
	hst_json_double(json, "kept", share_of_hooks(&info->profile), 6);
	hst_json_string(json, "way", state_names[header->budget_state]);
	hst_json_bool(json, "until_limit", ended_early(info));
	hst_json_u64(json, "throttled_functions", info->profile.throttled);
	hst_json_u64(json, "windows", info->profile.throttle_windows);
	hst_json_u64(json, "windows_late", info->profile.throttle_late);
	hst_json_end(json);
}
