/* SPDX-License-Identifier: Apache-2.0 */
/* From the plan to functions that can be answered: what has to hold for it is looked at when their module comes. */
#include "apply/memo.h"

#include "apply/memo_revoked.h"
#include "core/process.h"
#include "core/readable.h"
#include "core/sys.h"
#include "hasten/hash.h"
#include "sink/file.h"
#include "sink/filter.h"
#include "sink/plan.h"

#include <string.h>

#include "core/poison.h"

#define ENTERS (1u << HST_MEMO_ENTER_BITS)
#define EXITS  (1u << HST_MEMO_EXIT_BITS)
/* A function that waits is looked at again after so many calls, then after twice as many, ... */
#define WAIT_FIRST 2u

static_assert(ENTERS >= 4 * HST_MEMOS_MAX, "at most a quarter of them is used");

struct hst_memo_site *hst_memo_enters;
struct hst_memo_site *hst_memo_exits;
uint8_t hst_memo_only;

static HST_LARGE struct hst_memo memos[HST_MEMOS_MAX];
static HST_LARGE struct hst_memo_site enters[ENTERS];
static HST_LARGE struct hst_memo_site exits[EXITS];
static HST_LARGE struct hst_memo_way_out ways_out[EXITS / 2];

static struct {
	uint32_t count; /* of memos, ever */
	uint32_t ways_out;
	uint64_t bytes;               /* of all caches */
	bool guarded;                 /* by a shadow stack of the processor */
	bool wanted;                  /* the plan has such functions */
	uint32_t live;                /* of memos: not off */
	struct hst_memo_block *block; /* NULL: there is none in the file */
} work;

/* The processor's own stack of return addresses, 0 if there is none: an instruction that older ones take for none. */
static uint64_t shadow_stack_pointer(void)
{
	uint64_t pointer = 0;

	__asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0x1e, 0xc8" : "+a"(pointer)); /* rdsspq %rax */
	return pointer;
}

static void fill_row(const struct hst_memo *memo)
{
	struct hst_memo_row *row;

	if (work.block == NULL) {
		return;
	}
	row = &work.block->rows[memo->index];
	row->state = (uint8_t)memo->state;
	row->why = (uint8_t)memo->why;
	row->evidence = memo->plan->evidence;
	row->entries = memo->plan->entries;
	row->entry_bytes = memo->table.entry_bytes;
	row->ttl_ns = memo->plan->ttl_ns;
	row->generation = hst_modules_generation() + 1; /* the list is being made */
	hst_barrier();
	row->fn = memo->fn;
	if (work.block->count <= memo->index) {
		work.block->count = memo->index + 1;
	}
}

/* The child of a raw fork still has its parent's block: it says nothing there. */
static struct hst_memo_row *row_of(const struct hst_memo *memo)
{
	return work.block == NULL || hst_process.alive->seen == 0 ? NULL
								  : &work.block->rows[memo->index];
}

static void note_state(const struct hst_memo *memo)
{
	struct hst_memo_row *row = row_of(memo);

	if (row != NULL) {
		row->why = (uint8_t)memo->why;
		row->state = (uint8_t)__atomic_load_n(&memo->state, __ATOMIC_RELAXED);
	}
}

static uint32_t slot_of(uint64_t ret, uint32_t bits)
{
	return (uint32_t)(ret * HST_EXCLUDED_FACTOR >> (64 - bits));
}

static void take_out(struct hst_memo_site *sites, uint32_t bits, uint64_t ret)
{
	uint32_t mask = (1u << bits) - 1;

	for (uint32_t slot = slot_of(ret, bits); sites[slot].ret != 0; slot = (slot + 1) & mask) {
		if (sites[slot].ret == ret) {
			__atomic_store_n(&sites[slot].ret, HST_MEMO_GONE, __ATOMIC_RELEASE);
			return;
		}
	}
}

/* Each place is its function's own until its module goes, so that any thread may do this. */
static void drop_sites(const struct hst_memo *memo)
{
	take_out(enters, HST_MEMO_ENTER_BITS, memo->bias + memo->plan->ret);
	for (uint32_t i = 0; i < memo->plan->exits; i++) {
		take_out(exits, HST_MEMO_EXIT_BITS,
			memo->bias + memo->of.exits[memo->plan->first_exit + i].ret);
	}
}

static void look_up(void)
{
	hst_filter_open(HST_FILTER_MEMO);
	hst_memo_exits = exits;
	__atomic_store_n(&hst_memo_enters, enters, __ATOMIC_RELEASE);
}

/* No function is left. While modules come nobody may do this: one of theirs may be new. */
static void look_up_no_more(void)
{
	struct hst_held signals = hst_sys_hold_signals();

	if (hst_modules_try_hold()) {
		if (__atomic_load_n(&work.live, __ATOMIC_ACQUIRE) == 0) {
			hst_memo_enters = NULL;
			hst_memo_exits = NULL;
			hst_filter_close(HST_FILTER_MEMO);
		}
		hst_modules_let_go();
	}
	hst_sys_release_signals(signals);
}

void hst_memo_stop(struct hst_memo *memo, uint32_t why)
{
	if (__atomic_exchange_n(&memo->state, HST_MEMO_OFF, __ATOMIC_RELAXED) != HST_MEMO_OFF) {
		memo->why = why;
		note_state(memo);
		drop_sites(memo); /* its hooks are as quick as those of others again */
		if (__atomic_sub_fetch(&work.live, 1, __ATOMIC_ACQ_REL) == 0) {
			look_up_no_more();
		}
	}
}

static const struct hst_loaded *module_of(const struct hst_memo *memo)
{
	return hst_modules_find(memo->fn);
}

void hst_memo_revoke(struct hst_memo *memo)
{
	const struct hst_loaded *module = module_of(memo);
	struct hst_memo_row *row = row_of(memo);
	bool told;

	if (__atomic_load_n(&memo->state, __ATOMIC_RELAXED) == HST_MEMO_OFF) {
		return;
	}
	hst_memo_stop(memo, HST_MEMO_WHY_MISMATCH);
	told = module != NULL && hst_revoked_add(module, memo->plan->fn);
	if (row != NULL) {
		row->revoked = told ? 1 : 2;
	}
}

bool hst_memo_has(uint64_t fn)
{
	uint32_t count = __atomic_load_n(&work.count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++) {
		if (memos[i].fn == fn &&
			__atomic_load_n(&memos[i].state, __ATOMIC_RELAXED) != HST_MEMO_OFF) {
			return true;
		}
	}
	return false;
}

static bool is_readable(uint64_t address, uint64_t bytes)
{
	struct hst_readable known = { 0 };

	return hst_readable_range(&known, address, bytes);
}

/* Is the code in memory that for which the plan was made? */
static bool code_is_same(const struct hst_memo *memo, const struct hst_loaded *module)
{
	for (uint32_t i = 0; i < memo->plan->codes; i++) {
		const struct hst_plan_code *code = &memo->of.codes[memo->plan->first_code + i];
		uint64_t start = module->bias + code->start;
		uint64_t bytes = code->end - code->start;

		if (start < module->lo || start + bytes > module->hi ||
			!is_readable(start, bytes) ||
			hst_hash_bytes((const uint8_t *)start, bytes) != code->hash) {
			return false;
		}
	}
	return true;
}

/* Are the fixed addresses that its key has in the module, and readable? */
static bool key_is_there(const struct hst_memo *memo, const struct hst_loaded *module)
{
	for (uint32_t i = 0; i < memo->plan->pieces; i++) {
		const struct hst_plan_piece *piece = &memo->pieces[i];
		uint64_t at = module->bias + (uint32_t)piece->offset;

		if (piece->kind == HST_PLAN_PLACE_FIXED &&
			(at < module->lo || at + piece->width > module->hi ||
				!is_readable(at, piece->width))) {
			return false;
		}
	}
	return true;
}

enum slots {
	SLOTS_GOOD,
	SLOTS_OPEN, /* the loader has not looked it up yet: it leads back into the module */
	SLOTS_BAD,
};

/* All that the proof calls through the linker's tables: does it lead there? */
static enum slots look_at_slots(const struct hst_memo *memo, uint64_t lo, uint64_t hi)
{
	enum slots found = SLOTS_GOOD;

	for (uint32_t i = 0; i < memo->plan->slots; i++) {
		const struct hst_plan_slot *slot = &memo->of.slots[memo->plan->first_slot + i];
		uint64_t at = memo->bias + slot->slot;
		uint64_t target;

		if (at < lo || at + sizeof target > hi || !is_readable(at, sizeof target)) {
			return SLOTS_BAD;
		}
		target = __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED);
		if (target == memo->bias + slot->target) {
			continue;
		}
		if (target < lo || target >= hi) {
			return SLOTS_BAD;
		}
		found = SLOTS_OPEN;
	}
	return found;
}

bool hst_memo_wait(struct hst_memo *memo)
{
	uint32_t asked = __atomic_add_fetch(&memo->asked, 1, __ATOMIC_RELAXED);
	const struct hst_loaded *module;
	enum slots slots;

	if (asked < WAIT_FIRST || (asked & (asked - 1)) != 0) {
		return false;
	}
	module = module_of(memo);
	slots = module == NULL ? SLOTS_BAD : look_at_slots(memo, module->lo, module->hi);
	if (slots == SLOTS_BAD) {
		hst_memo_stop(memo, HST_MEMO_WHY_SLOT);
	} else if (slots == SLOTS_GOOD) {
		uint32_t state = HST_MEMO_WAITING;

		(void)__atomic_compare_exchange_n(&memo->state, &state, HST_MEMO_ON, false,
			__ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
		note_state(memo);
	}
	return __atomic_load_n(&memo->state, __ATOMIC_RELAXED) == HST_MEMO_ON;
}

static bool make_table(struct hst_memo *memo)
{
	uint32_t words = memo->plan->pieces + ((memo->plan->flags & HST_PLAN_MEMO_MXCSR) != 0);
	uint64_t bytes = hst_memo_table_bytes(memo->plan->entries, words);

	if (memo->table.entries != NULL) {
		hst_memo_table_clear(&memo->table); /* the module was here before */
		return true;
	}
	if (bytes > HST_PLAN_MEMO_BYTES_MAX - work.bytes ||
		!hst_memo_table_make(&memo->table, memo->plan->entries, words)) {
		return false;
	}
	work.bytes += bytes;
	return true;
}

/* 0: nothing speaks against it. */
static uint32_t judge(struct hst_memo *memo, const struct hst_loaded *module)
{
	if (work.guarded) {
		return HST_MEMO_WHY_SHADOW_STACK;
	}
	if (!hst_revoked_known()) {
		return HST_MEMO_WHY_REVOCATIONS;
	}
	if (hst_revoked_has(module, memo->plan->fn)) {
		return HST_MEMO_WHY_REVOKED;
	}
	if (!code_is_same(memo, module) || !key_is_there(memo, module)) {
		return HST_MEMO_WHY_CODE;
	}
	return make_table(memo) ? 0 : HST_MEMO_WHY_MEMORY;
}

static void insert(struct hst_memo_site *sites, uint32_t bits, uint64_t ret, const void *what)
{
	uint32_t mask = (1u << bits) - 1;
	uint32_t slot = slot_of(ret, bits);

	/* A place that was used stays one for the same address: it is of the same module, back again. */
	while (sites[slot].ret > HST_MEMO_GONE && sites[slot].ret != ret) {
		slot = (slot + 1) & mask;
	}
	sites[slot].what = what;
	__atomic_store_n(&sites[slot].ret, ret, __ATOMIC_RELEASE);
}

/* They stay with it. false: there are too many. */
static bool take_ways_out(struct hst_memo *memo)
{
	if (memo->ways == NULL && memo->plan->exits <= EXITS / 2 - work.ways_out) {
		memo->ways = &ways_out[work.ways_out];
		work.ways_out += memo->plan->exits;
	}
	return memo->ways != NULL;
}

/* Ways out are added first: no call is looked up before its end is known. */
static void add_sites(struct hst_memo *memo)
{
	const struct hst_plan_memo *plan = memo->plan;

	for (uint32_t i = 0; i < plan->exits; i++) {
		struct hst_memo_way_out *way = &memo->ways[i];

		way->memo = memo;
		way->plan = &memo->of.exits[plan->first_exit + i];
		insert(exits, HST_MEMO_EXIT_BITS, memo->bias + way->plan->ret, way);
	}
	insert(enters, HST_MEMO_ENTER_BITS, memo->bias + plan->ret, memo);
}

/* That of a module which was here before, at the same addresses, or a new one. NULL: there are too many. */
static struct hst_memo *memo_for(const struct hst_plan_memo *plan, uint64_t bias)
{
	for (uint32_t i = 0; i < work.count; i++) {
		if (memos[i].plan == plan && memos[i].bias == bias) {
			return &memos[i];
		}
	}
	return work.count < HST_MEMOS_MAX ? &memos[work.count] : NULL;
}

static bool is_live(const struct hst_memo *memo)
{
	uint32_t state = __atomic_load_n(&memo->state, __ATOMIC_RELAXED);

	return state == HST_MEMO_ON || state == HST_MEMO_WAITING;
}

static void begin(struct hst_memo *memo, const struct hst_loaded *module)
{
	const struct hst_plan_memo *plan = memo->plan;
	uint32_t state = HST_MEMO_ON;
	uint32_t why = judge(memo, module);

	for (uint32_t i = 0; i < HST_MEMO_SIZES; i++) {
		memo->quota[i] = plan->shadow;
	}
	if (why == 0) {
		enum slots slots = look_at_slots(memo, module->lo, module->hi);

		why = slots == SLOTS_BAD ? HST_MEMO_WHY_SLOT : 0;
		state = slots == SLOTS_OPEN ? HST_MEMO_WAITING : HST_MEMO_ON;
	}
	if (why == 0 && !take_ways_out(memo)) {
		why = HST_MEMO_WHY_MEMORY;
	}
	memo->asked = 0;
	memo->why = why;
	/* One of a module that was here before, and went, may be live still. */
	__atomic_add_fetch(
		&work.live, (uint32_t)(why == 0) - (uint32_t)is_live(memo), __ATOMIC_ACQ_REL);
	__atomic_store_n(&memo->state, why != 0 ? HST_MEMO_OFF : state, __ATOMIC_RELEASE);
	fill_row(memo);
	if (why == 0) {
		add_sites(memo);
		look_up();
	}
}

static void came(const struct hst_loaded *module)
{
	struct hst_plan_memos of;

	if (!hst_plan_memos(&hst_plan, module->build_id, module->build_id_bytes, &of)) {
		return;
	}
	for (uint64_t i = 0; i < of.memo_count; i++) {
		const struct hst_plan_memo *plan = &of.memos[i];
		struct hst_memo *memo = memo_for(plan, module->bias);

		if (memo == NULL) {
			hst_sink_flag(HST_FLAG_MEMO_REFUSED);
			return;
		}
		memo->fn = module->bias + plan->fn;
		memo->bias = module->bias;
		memo->plan = plan;
		memo->of = of;
		memo->pieces = of.pieces + plan->first_piece;
		memo->ttl_ns = plan->ttl_ns;
		memo->index = (uint32_t)(memo - memos);
		if (memo->index == work.count) {
			__atomic_store_n(&work.count, work.count + 1, __ATOMIC_RELEASE);
		}
		begin(memo, module);
	}
}

static void went(const struct hst_loaded *module)
{
	for (uint32_t i = 0; i < work.count; i++) {
		struct hst_memo *memo = &memos[i];

		if (memo->fn >= module->lo && memo->fn < module->hi) {
			drop_sites(memo);
		}
	}
}

uint32_t hst_memo_start(const struct hst_options *options)
{
	hst_memo_only = !options->record;
	if (hst_memo_only != 0) {
		hst_filter_open(HST_FILTER_ONLY);
	}
	if (options->disabled == HST_DISABLED_MEMO || hst_plan.memos == 0) {
		return 0;
	}
	if (!hst_revoked_start(options)) {
		return HST_FLAG_MEMO_REFUSED;
	}
	work.wanted = true;
	work.guarded = shadow_stack_pointer() != 0;
	hst_modules_came = came;
	hst_modules_went = went;
	return 0;
}

bool hst_memo_wanted(void)
{
	return work.wanted;
}

void hst_memo_file(void)
{
	uint64_t offset;

	if (!work.wanted) {
		return;
	}
	work.block = hst_sink_map(sizeof *work.block, sizeof *work.block, &offset);
	if (work.block == NULL) {
		return;
	}
	work.block->block = (struct hst_block){
		.magic = HST_BLOCK_MAGIC, .type = HST_BLOCK_MEMO, .bytes = sizeof *work.block
	};
	/* A forked child has what its parent had. */
	for (uint32_t i = 0; i < work.count; i++) {
		fill_row(&memos[i]);
	}
}
