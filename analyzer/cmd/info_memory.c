/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten info` says of memory: recorded at which cost, or not and why. */
#include "cmd/info.h"
#include "writers/json.h"

#include <inttypes.h>

/* States of a later version count as one. */
#define STATES (HST_MEMORY_FOREIGN + 2u)

static const char *const state_names[STATES] = {
	[HST_MEMORY_OFF] = "off",
	[HST_MEMORY_ON] = "recorded",
	[HST_MEMORY_FOREIGN] = "foreign",
	[HST_MEMORY_FOREIGN + 1] = "unknown",
};

static uint32_t state_of(const struct hst_info_process *process)
{
	uint32_t state = process->header.memory;

	return state < STATES ? state : STATES - 1;
}

static double ns(const struct hst_info_process *process, uint32_t ticks_256)
{
	return ticks_256 / 256.0 * process->rate.ns_per_tick;
}

/* The answer of the processes of one state, of which `process` is the first. */
static void say(const struct hst_info_process *process, const char *which)
{
	const char *allocator = (const char *)process->header.allocator;

	switch (state_of(process)) {
	case HST_MEMORY_ON:
		hst_print_line("memory     recorded%s: own cost %.1f ns per allocation or free",
			which, ns(process, process->header.cost_memory_256));
		break;
	case HST_MEMORY_OFF:
		hst_print_line("memory     not recorded%s: it was not asked for%s", which,
			process->header.budget_state != 0
				? " (with --overhead only --memory records it)"
				: "");
		break;
	case HST_MEMORY_FOREIGN:
		hst_print_line(
			"memory     not recorded%s: malloc of %s stands before ours and takes "
			"the calls",
			which, allocator[0] == '\0' ? "another module" : allocator);
		break;
	default:
		hst_print_line("memory     not known%s: a newer version recorded it", which);
		break;
	}
}

void hst_info_memory_text(const struct hst_info *info)
{
	for (uint32_t state = 0; state < STATES; state++) {
		const struct hst_info_process *first = NULL;
		char which[64] = "";
		size_t count = 0;

		for (size_t i = 0; i < info->processes.count; i++) {
			if (state_of(&info->processes.items[i]) == state) {
				first = first == NULL ? &info->processes.items[i] : first;
				count++;
			}
		}
		if (first != NULL) {
			if (count != info->processes.count) {
				(void)snprintf(which, sizeof which, " in %zu of %zu processes",
					count, info->processes.count);
			}
			say(first, which);
		}
	}
}

void hst_info_memory_json(struct hst_json *json, const struct hst_info_process *process)
{
	const struct hst_file_header *header = &process->header;
	const char *allocator = (const char *)header->allocator;

	hst_json_row(json, "memory");
	hst_json_string(json, "state", state_names[state_of(process)]);
	hst_json_string(json, "allocator", allocator[0] == '\0' ? NULL : allocator);
	hst_json_double(json, "own_cost_ns", ns(process, header->cost_memory_256), 3);
	hst_json_double(json, "own_cost_timer_ns", ns(process, header->cost_timer_256), 3);
	hst_json_u64(json, "page_bytes", header->page_bytes);
	hst_json_end(json);
}
