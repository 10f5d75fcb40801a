/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan (include/hasten/plan.h): read once, at process start, into private memory, and checked there. What is wrong with
 * filters refuses the whole plan; of the sections about arguments each is refused by itself.
 */
#ifndef HST_SINK_PLAN_H
#define HST_SINK_PLAN_H

#include "core/attr.h"
#include "hasten/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct hst_plan {
	const uint8_t *bytes; /* read only, checked; NULL: there is none */
	uint64_t recipes;     /* in sections that were not refused */
	bool filters;         /* it leaves functions out, or could */
	bool arguments;       /* it has sections about arguments */
	bool contents;        /* strings and blocks are to be read */
	bool refused_part;
	uint64_t memos; /* sections of functions that are answered from caches, not refused */
	bool answers;   /* it has such sections */
	bool memos_refused;
	uint8_t refused[HST_PLAN_SECTIONS_MAX / 8]; /* one bit each */
};

extern HST_HIDDEN struct hst_plan hst_plan;

/* Is the open file a regular one that nobody but us, or root, may write? With its size. */
bool hst_plan_trusts(int fd, uint64_t *ret_bytes);

/* Reads the plan from its file. false: there is none, nobody else may have written it, or it makes no sense. */
bool hst_plan_read(const char *path);

/* Checks a plan in memory, aligned to 8 bytes, and fills *ret_plan. false: nothing of it can be used. */
bool hst_plan_check(const uint8_t *bytes, uint64_t size, struct hst_plan *ret_plan);

HST_INLINE uint32_t hst_plan_sections(const struct hst_plan *plan)
{
	return ((const struct hst_plan_header *)(const void *)plan->bytes)->sections;
}

HST_INLINE const struct hst_plan_section *hst_plan_section(
	const struct hst_plan *plan, uint32_t index)
{
	return (const struct hst_plan_section *)(const void *)(plan->bytes +
							       sizeof(struct hst_plan_header)) +
	       index;
}

void hst_plan_refuse(struct hst_plan *plan, uint32_t index);

HST_INLINE bool hst_plan_is_refused(const struct hst_plan *plan, uint32_t index)
{
	return (plan->refused[index / 8] & (1u << (index % 8))) != 0;
}

bool hst_plan_is_for(
	const struct hst_plan_section *section, const uint8_t *build_id, uint32_t build_id_bytes);

/* The pieces of a build id, NULL none. */
const struct hst_plan_section *hst_plan_pieces(
	const struct hst_plan *plan, const uint8_t *build_id, uint32_t build_id_bytes);

#endif
