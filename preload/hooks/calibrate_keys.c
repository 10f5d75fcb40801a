/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three functions that are alike (calibrate_x86_64.S): one without recipes, one with a key of two values, one with a key and
 * a result. What one of them takes more than the one before is what that costs. Twice: with keys that the chunk knows, and with
 * keys that are all new.
 */
#include "hooks/calibrate_keys.h"

#include "core/attr.h"
#include "core/clock.h"
#include "hasten/plan.h"
#include "sink/file.h"
#include "sink/recipes.h"

#include "core/poison.h"

#define HST_KEY_BATCHES 6u
#define HST_KEY_CALLS   32u
#define HST_KEY_BYTES   72u /* of the records of a call, at most */
#define HST_KEY_CELLS   64u
#define HST_KEY_KNOWN   3u /* so many keys and one come in turn */
#define HST_KEY_GROUPS  2u /* known keys; new ones */

/* As the assembly has it. */
struct hst_probe {
	void (*enter)(void *fn, void *call_site);
	void (*leave)(void *fn, void *call_site);
	uint64_t key;
	uint64_t mask; /* of the key */
	uint64_t value;
	uint64_t cells[HST_KEY_CELLS];
};
static_assert(offsetof(struct hst_probe, leave) == 8 && offsetof(struct hst_probe, key) == 16,
	"as in the assembly");

#define PROBE(name)                              \
 HST_HIDDEN void name(struct hst_probe *probe);  \
 extern HST_HIDDEN const uint8_t name##_enter[]; \
 extern HST_HIDDEN const uint8_t name##_exit[]
PROBE(hst_probe_none);
PROBE(hst_probe_key);
PROBE(hst_probe_both);
#undef PROBE

void __cyg_profile_func_enter(void *fn, void *call_site);
void __cyg_profile_func_exit(void *fn, void *call_site);
HST_HIDDEN void hst_probe_work(struct hst_probe *probe);

/* As much as a small function of a program does, beside which the processor works on the hooks. */
HST_NOINLINE void hst_probe_work(struct hst_probe *probe)
{
	uint64_t cell = probe->cells[probe->value % HST_KEY_CELLS];

	cell = probe->cells[(cell + probe->value) % HST_KEY_CELLS];
	probe->cells[cell * 7 % HST_KEY_CELLS] += probe->value;
	probe->value += cell * 5 + 1;
	probe->key = (probe->key + 1) & probe->mask;
}

void hst_calibrate_keys_start(void)
{
	static const struct hst_plan_piece pieces[2] = {
		{ .kind = HST_PLAN_PLACE_REGISTER, .reg = 3, .width = 8 },
		{ .kind = HST_PLAN_PLACE_REGISTER, .reg = 12, .width = 8 },
	};

	hst_recipes_own((uint64_t)hst_probe_key_enter, (uint64_t)hst_probe_key, pieces, 2, false);
	hst_recipes_own((uint64_t)hst_probe_both_enter, (uint64_t)hst_probe_both, pieces, 2, false);
	hst_recipes_own((uint64_t)hst_probe_both_exit, (uint64_t)hst_probe_both, pieces, 1, true);
}

/* Ticks of the middle one of some batches, and the shortest time between the stamps of an enter and its exit; 256 times per call. */
struct took {
	uint64_t all;
	uint64_t inside;
};

/* Records of the present batch: the sum of the times of exits. */
static uint64_t inside_of(const struct hst_stream *stream, const uint16_t *record)
{
	uint64_t sum = 0;

	for (; record < stream->window->cur; record++) {
		uint32_t kind = *record >> HST_KIND_SHIFT;

		if (kind == HST_KIND_EXIT) {
			sum += *record & HST_TIME_MASK;
		} else if (kind == HST_KIND_EXTENDED) {
			record += hst_record_payload(hst_sink.header->op_words,
				*record >> 8 & (HST_OPS - 1), record + 1);
		}
	}
	return sum << HST_TIME_SHIFT;
}

static struct took batches(
	struct hst_stream *stream, struct hst_probe *probe, void (*call)(struct hst_probe *probe))
{
	uint64_t all[HST_KEY_BATCHES] = { 0 };
	struct took took = { .inside = UINT64_MAX };

	for (uint32_t batch = 0; batch < HST_KEY_BATCHES; batch++) {
		uint16_t *begin = stream->window->cur;
		uint64_t start = hst_ticks();
		uint32_t place = batch;
		uint64_t elapsed;
		uint64_t inside;

		for (uint32_t i = 0; i < HST_KEY_CALLS; i++) {
			call(probe);
		}
		elapsed = hst_ticks() - start;
		inside = inside_of(stream, begin);
		took.inside = inside < took.inside ? inside : took.inside;
		for (; place > 0 && all[place - 1] > elapsed; place--) {
			all[place] = all[place - 1];
		}
		all[place] = elapsed;
		/* What was written is forgotten: the next batch has its room. */
		begin[0] = 0;
		hst_barrier();
		stream->window->cur = begin;
	}
	took.all = all[(HST_KEY_BATCHES - 1) / 2] * 256 / HST_KEY_CALLS;
	took.inside = took.inside * 256 / HST_KEY_CALLS;
	return took;
}

static uint32_t more(uint64_t more, uint64_t less)
{
	uint64_t value = more > less ? more - less : 0;

	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

void hst_calibrate_keys(struct hst_stream *stream)
{
	static const uint64_t masks[HST_KEY_GROUPS] = { HST_KEY_KNOWN, UINT64_MAX };
	struct hst_file_header *header = hst_sink.header;
	struct took none[HST_KEY_GROUPS];
	struct took key[HST_KEY_GROUPS];
	struct took both[HST_KEY_GROUPS];
	uint64_t guard = stream->guard;

	if (hst_recipes == NULL || stream->mode != HST_STREAM_TRACE ||
		(uint64_t)((uint8_t *)stream->room - (uint8_t *)stream->window->cur) <
			HST_KEY_CALLS * HST_KEY_BYTES) {
		return;
	}
	stream->guard = 0;
	for (uint32_t group = 0; group < HST_KEY_GROUPS; group++) {
		struct hst_probe probe = { .enter = __cyg_profile_func_enter,
			.leave = __cyg_profile_func_exit,
			.key = (uint64_t)group << 20, /* not one of the other group */
			.mask = masks[group],
			.value = 1 };

		none[group] = batches(stream, &probe, hst_probe_none);
		key[group] = batches(stream, &probe, hst_probe_key);
		both[group] = batches(stream, &probe, hst_probe_both);
	}
	stream->guard = guard;
	header->cost_key_256 = more(key[0].all, none[0].all);
	header->cost_key_inside_256 = more(key[0].inside, none[0].inside);
	header->cost_result_256 = more(both[0].all, key[0].all);
	header->cost_key_new_256 = more(key[1].all, none[1].all);
	header->cost_key_new_inside_256 = more(key[1].inside, none[1].inside);
	header->cost_result_new_256 = more(both[1].all, key[1].all);
}
