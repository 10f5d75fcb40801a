/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of a stream: what the predictor of the format needs of them, and their depth. */
#include "reader/fibers.h"

#include <stdlib.h>
#include <string.h>

#define FIBERS_MAX 65536u

enum hst_status hst_fibers_init(struct hst_fibers *fibers)
{
	*fibers = (struct hst_fibers){ .chunk = 1 };
	return hst_fibers_switch(fibers, 0);
}

void hst_fibers_finish(struct hst_fibers *fibers)
{
	size_t i;

	for (i = 0; i < fibers->list.count; i++) {
		free(fibers->list.items[i].frames);
	}
	hst_vec_finish(&fibers->list);
	hst_vec_finish(&fibers->touched);
	hst_map_finish(&fibers->by_number);
}

struct hst_fiber *hst_fibers_present(struct hst_fibers *fibers)
{
	return &fibers->list.items[fibers->present];
}

/* Its frames have no identity from here on: they become a count. */
static void fold(struct hst_fiber *fiber)
{
	fiber->below += fiber->count;
	fiber->count = 0;
	if (fiber->frames != NULL) {
		fiber->frames[0] = (struct hst_fiber_frame){ 0 };
	}
}

void hst_fibers_next_chunk(struct hst_fibers *fibers)
{
	size_t i;

	fibers->chunk++;
	for (i = 0; i < fibers->touched.count; i++) {
		struct hst_fiber *fiber = &fibers->list.items[fibers->touched.items[i]];

		fold(fiber);
		if (fibers->touched.items[i] != fibers->present) {
			free(fiber->frames);
			fiber->frames = NULL;
			fiber->capacity = 0;
		}
	}
	fibers->touched.count = 1; /* the present one stays in the list, see hst_fibers_switch */
	fibers->touched.items[0] = fibers->present;
	hst_fibers_present(fibers)->chunk = fibers->chunk;
}

/* Forgets all stacks but the present one. */
static void forget_parked(struct hst_fibers *fibers)
{
	struct hst_fiber present = *hst_fibers_present(fibers);
	size_t i;

	for (i = 0; i < fibers->list.count; i++) {
		if (i != fibers->present) {
			free(fibers->list.items[i].frames);
		}
	}
	fibers->list.items[0] = present;
	fibers->list.count = 1;
	fibers->present = 0;
	fibers->touched.items[0] = 0;
	fibers->touched.count = 1;
	hst_map_clear(&fibers->by_number);
	/* Cannot fail: the map has held more keys than this one. */
	(void)!hst_map_put(&fibers->by_number, present.number, 0);
	fibers->doubtful = true;
}

void hst_fibers_doubt(struct hst_fibers *fibers)
{
	struct hst_fiber *present;

	forget_parked(fibers);
	present = hst_fibers_present(fibers);
	fold(present);
	present->below = 0;
	present->nameless = 0;
	present->bottomless = true;
}

static enum hst_status add_fiber(struct hst_fibers *fibers, uint32_t number, uint32_t *ret_index)
{
	struct hst_fiber fiber = { .number = number, .bottomless = fibers->doubtful };

	if (fibers->list.count >= FIBERS_MAX) {
		forget_parked(fibers);
		fiber.bottomless = true;
	}
	if (!hst_vec_push(&fibers->list, fiber)) {
		return HST_E_MEMORY;
	}
	*ret_index = (uint32_t)fibers->list.count - 1;
	return hst_map_put(&fibers->by_number, number, *ret_index);
}

enum hst_status hst_fibers_switch(struct hst_fibers *fibers, uint32_t number)
{
	struct hst_fiber *fiber;
	uint32_t index;

	if (!hst_map_get(&fibers->by_number, number, &index)) {
		HST_TRY(add_fiber(fibers, number, &index));
	}
	fiber = &fibers->list.items[index];
	if (fiber->chunk != fibers->chunk) {
		if (!hst_vec_push(&fibers->touched, index)) {
			return HST_E_MEMORY;
		}
		fold(fiber);
		fiber->chunk = fibers->chunk;
	}
	fibers->present = index;
	return hst_fibers_reserve(fibers, 0);
}

enum hst_status hst_fibers_reserve(struct hst_fibers *fibers, size_t extra)
{
	struct hst_fiber *fiber = hst_fibers_present(fibers);
	bool fresh = fiber->frames == NULL;

	if (!hst_vec_room(&fiber->frames, &fiber->capacity, fiber->count + extra + 1,
		    sizeof *fiber->frames)) {
		return HST_E_MEMORY;
	}
	if (fresh) {
		fiber->frames[0] = (struct hst_fiber_frame){ 0 };
	}
	return HST_OK;
}

bool hst_fibers_pop(struct hst_fibers *fibers, uint64_t count)
{
	struct hst_fiber *fiber = hst_fibers_present(fibers);

	if (count <= fiber->count) {
		fiber->count -= (uint32_t)count;
		return true;
	}
	count -= fiber->count;
	fiber->count = 0;
	/*
	 * frames[0] stood for a frame that is closed now: the one below it has no history, either.
	 */
	fiber->frames[0] = (struct hst_fiber_frame){ 0 };
	if (count <= fiber->below) {
		fiber->below -= count;
		if (fiber->nameless > fiber->below) {
			fiber->nameless = fiber->below;
		}
		return true;
	}
	fiber->below = 0;
	fiber->nameless = 0;
	return fiber->bottomless;
}
