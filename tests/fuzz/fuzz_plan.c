/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a plan, as the preload reads it into its memory. Whatever is not refused must be what the hooks take for granted:
 * each recipe's pieces are there, of known kinds, registers and widths, in the order that is searched.
 */
#include "fuzz.h"

#include "sink/plan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void use_piece(const struct hst_plan_piece *piece)
{
	if (piece->kind == HST_PLAN_PLACE_NONE) {
		return; /* of a result: nothing is read */
	}
	demand(piece->kind <= HST_PLAN_PLACE_CONSTANT);
	demand(piece->width == 1 || piece->width == 2 || piece->width == 4 || piece->width == 8);
	demand(piece->kind != HST_PLAN_PLACE_REGISTER || piece->reg == 3 || piece->reg == 6 ||
		(piece->reg >= 12 && piece->reg <= 15));
	demand((piece->content & HST_PLAN_CONTENT_MASK) <= HST_PLAN_CONTENT_BYTES);
}

static void use_enters(const struct hst_plan *plan, const struct hst_plan_section *section)
{
	const struct hst_plan_enter *enters = (const void *)(plan->bytes + section->offset);
	const struct hst_plan_section *pieces =
		hst_plan_pieces(plan, section->build_id, section->build_id_bytes);

	for (uint64_t i = 0; i < section->count; i++) {
		const struct hst_plan_piece *piece;

		demand(i == 0 || enters[i - 1].ret < enters[i].ret);
		demand(enters[i].pieces <= HST_PLAN_CALL_PIECES_MAX);
		if (enters[i].pieces == 0) {
			continue;
		}
		demand(pieces != NULL &&
			enters[i].first + (uint64_t)enters[i].pieces <= pieces->count);
		piece = (const void *)(plan->bytes + pieces->offset);
		for (uint32_t k = 0; k < enters[i].pieces; k++) {
			const struct hst_plan_piece *one = &piece[enters[i].first + k];

			demand(one->kind != HST_PLAN_PLACE_NONE);
			use_piece(one);
			/* The length of a block is the next one. */
			demand((one->content & HST_PLAN_CONTENT_MASK) != HST_PLAN_CONTENT_BYTES ||
				k + 1u < enters[i].pieces);
		}
	}
}

static void use_exits(const struct hst_plan *plan, const struct hst_plan_section *section)
{
	const struct hst_plan_exit *exits = (const void *)(plan->bytes + section->offset);

	for (uint64_t i = 0; i < section->count; i++) {
		demand(i == 0 || exits[i - 1].ret < exits[i].ret);
		use_piece(&exits[i].piece);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct hst_plan plan;
	uint8_t *copy = malloc(bytes + 8);

	demand(copy != NULL);
	memcpy(copy, data, bytes);
	memset(&plan, 0, sizeof plan);
	if (hst_plan_check(copy, bytes, &plan)) {
		for (uint32_t i = 0; i < hst_plan_sections(&plan); i++) {
			const struct hst_plan_section *section = hst_plan_section(&plan, i);

			if (hst_plan_is_refused(&plan, i)) {
				continue;
			}
			if (section->kind == HST_PLAN_ENTER) {
				use_enters(&plan, section);
			} else if (section->kind == HST_PLAN_EXIT) {
				use_exits(&plan, section);
			}
		}
	}
	free(copy);
	return 0;
}
