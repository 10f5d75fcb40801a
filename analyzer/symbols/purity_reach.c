/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which code can lead to a return: what cannot needs no proof, for only what returns is kept. And where exceptions land,
 * for from there a function may return too.
 */
#include "symbols/purity_flow.h"

#include <string.h>

#define REACH_MAX       20000u
#define REACH_DEPTH_MAX 200u
#define PADS_MAX        4096u

enum {
	NEVER,
	MAY,
	AT_WORK
};

struct reach {
	struct hst_purity *purity;
	struct hst_pfunction *function;
	HST_VEC(uint64_t) todo;
	struct hst_map seen;
};

void hst_preach_rest(struct hst_purity *purity, struct hst_pfunction *function, uint64_t address)
{
	const struct hst_frame_entry *entry = hst_frames_entry(&purity->module.frames, address);
	struct hst_span span = { address, address + 16 };

	if (entry != NULL) {
		span = (struct hst_span){ entry->lo, entry->hi };
	}
	for (size_t i = function->rests.count; i > 0; i--) {
		const struct hst_span *known = &function->rests.items[i - 1];

		if (span.lo >= known->lo && span.hi <= known->hi) {
			return;
		}
	}
	if (!hst_vec_push(&function->rests, span)) {
		purity->no_memory = true;
	}
}

/* Follows a function that is called on such a way; what it does not return by, the answer rests on. */
static bool look_at(struct hst_purity *purity, uint64_t entry)
{
	struct hst_pfunction called = { .entry = entry };
	uint64_t pad;
	bool may = hst_preach_returns(purity, &called, entry) ||
		   hst_preach_lands(purity, &called, &pad);

	for (size_t i = 0; !may && i < called.rests.count; i++) {
		if (!hst_vec_push(&purity->never_rests, called.rests.items[i])) {
			purity->no_memory = true;
		}
	}
	hst_vec_finish(&called.rests);
	return may;
}

static bool function_returns(struct reach *reach, uint64_t entry)
{
	struct hst_purity *purity = reach->purity;
	uint32_t known = AT_WORK;

	if (!hst_map_get(&purity->returns, entry, &known)) {
		if (purity->reach_depth >= REACH_DEPTH_MAX ||
			hst_map_put(&purity->returns, entry, AT_WORK) != HST_OK) {
			return true;
		}
		purity->reach_depth++;
		known = look_at(purity, entry) ? MAY : NEVER;
		purity->reach_depth--;
		if (hst_map_put(&purity->returns, entry, known) != HST_OK) {
			purity->no_memory = true;
		}
	}
	reach->function->rests_on_never |= known == NEVER;
	return known != NEVER;
}

/* Does the call at hand come back? */
static bool call_returns(struct reach *reach, const struct hst_insn *insn)
{
	const struct hst_code *code = &reach->purity->module.code;
	const struct hst_code_slot *slot = NULL;
	const struct hst_known_function *known;
	uint64_t target = 0;
	uint64_t address;

	if (hst_code_relative(insn, 0, &target)) {
		slot = hst_code_stub(code, target);
	} else if (hst_code_fixed(insn, 0, &address)) {
		slot = hst_code_slot(code, address);
		target = slot == NULL ? 0 : slot->address;
	}
	if (slot != NULL && slot->address == 0 && slot->name != NULL) {
		known = hst_module_known(slot->name);
		if (known != NULL && known->kind == HST_KNOWN_NEVER) {
			return false;
		}
		return true;
	}
	return target == 0 || slot != NULL || function_returns(reach, target);
}

static void add(struct reach *reach, uint64_t address)
{
	uint32_t known;

	if (hst_map_get(&reach->seen, address, &known)) {
		return;
	}
	if (hst_map_put(&reach->seen, address, 1) != HST_OK ||
		!hst_vec_push(&reach->todo, address)) {
		reach->purity->no_memory = true;
	}
}

/* true: a return, or something that may be one */
static bool follow(struct reach *reach, uint64_t address)
{
	struct hst_insn insn;
	const struct hst_frame_entry *entry =
		hst_frames_entry(&reach->purity->module.frames, address);
	uint64_t next;
	uint64_t target;

	if (!hst_code_decode(&reach->purity->module.code, address, UINT64_MAX, &insn)) {
		return false;
	}
	hst_preach_rest(reach->purity, reach->function, address);
	next = hst_insn_end(&insn);
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the others go on */
	switch ((int)insn.info.meta.category) {
	case ZYDIS_CATEGORY_RET:
		return true;
	case ZYDIS_CATEGORY_UNCOND_BR:
		if (!hst_code_relative(&insn, 0, &target)) {
			return true;
		}
		add(reach, target);
		return false;
	case ZYDIS_CATEGORY_COND_BR:
		if (!hst_code_relative(&insn, 0, &target)) {
			return true;
		}
		add(reach, target);
		break;
	case ZYDIS_CATEGORY_CALL:
		if (!call_returns(reach, &insn)) {
			return false;
		}
		/* No compiler lets what returns run on into the next function. */
		if (entry != NULL && next == entry->hi) {
			return false;
		}
		break;
	default:
		if (insn.info.mnemonic == ZYDIS_MNEMONIC_UD2 ||
			insn.info.mnemonic == ZYDIS_MNEMONIC_HLT) {
			return false;
		}
		break;
	}
	add(reach, next);
	return false;
}

bool hst_preach_returns(struct hst_purity *purity, struct hst_pfunction *function, uint64_t address)
{
	struct reach reach = { .purity = purity, .function = function };
	bool returns = false;
	uint32_t count = 0;

	add(&reach, address);
	while (reach.todo.count > 0 && !returns && !purity->no_memory) {
		address = reach.todo.items[--reach.todo.count];
		returns = ++count > REACH_MAX || follow(&reach, address);
	}
	hst_vec_finish(&reach.todo);
	hst_map_finish(&reach.seen);
	return returns || purity->no_memory;
}

/* The table of landing pads, byte by byte. */
struct lands {
	const struct hst_module *module;
	uint64_t at;
	bool bad;
};

static uint64_t number(struct lands *lands, unsigned bytes)
{
	uint64_t value = 0;

	if (!hst_module_read(lands->module, lands->at, &value, bytes)) {
		lands->bad = true;
	}
	lands->at += bytes;
	return value;
}

static uint64_t leb(struct lands *lands)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)number(lands, 1);
		if (shift < 64) {
			value |= (uint64_t)(byte & 0x7f) << shift;
		}
		shift += 7;
	} while ((byte & 0x80) != 0 && !lands->bad);
	return value;
}

static uint64_t encoded(struct lands *lands, unsigned encoding)
{
	uint64_t place = lands->at;
	uint64_t value;

	switch (encoding & 0xfu) {
	case 0x1:
		value = leb(lands);
		break;
	case 0x2:
		value = number(lands, 2);
		break;
	case 0x3:
		value = number(lands, 4);
		break;
	case 0xb:
		value = (uint64_t)(int64_t)(int32_t)number(lands, 4);
		break;
	case 0x0:
	case 0x4:
	case 0xc:
		value = number(lands, 8);
		break;
	default:
		lands->bad = true;
		return 0;
	}
	lands->bad |= (encoding & 0xe0u) != 0;
	return (encoding & 0x70u) == 0x10 ? value + place : value;
}

/* true: a landing pad leads to a return, or it cannot be told */
static bool entry_lands(struct hst_purity *purity, struct hst_pfunction *function,
	const struct hst_frame_entry *entry, uint64_t *ret_pad)
{
	struct lands lands = { .module = &purity->module };
	uint64_t base = entry->lo;
	unsigned encoding;
	uint64_t end;

	*ret_pad = entry->lo;
	if (!hst_frames_lands(&purity->module.frames, entry, &lands.at)) {
		return true;
	}
	if (lands.at == 0) {
		return false;
	}
	encoding = (unsigned)number(&lands, 1);
	if (encoding != 0xff) {
		base = encoded(&lands, encoding);
	}
	encoding = (unsigned)number(&lands, 1);
	if (encoding != 0xff) {
		(void)leb(&lands);
	}
	encoding = (unsigned)number(&lands, 1);
	end = leb(&lands);
	end += lands.at;
	for (unsigned i = 0; i < PADS_MAX && lands.at < end && !lands.bad; i++) {
		uint64_t pad;

		(void)encoded(&lands, encoding);
		(void)encoded(&lands, encoding);
		pad = encoded(&lands, encoding);
		(void)leb(&lands);
		if (!lands.bad && pad != 0 && hst_preach_returns(purity, function, base + pad)) {
			*ret_pad = base + pad;
			return true;
		}
	}
	return lands.bad || lands.at != end;
}

bool hst_preach_lands(struct hst_purity *purity, struct hst_pfunction *function, uint64_t *ret_pad)
{
	/* The vector grows while landing pads are followed; what is added then is theirs. */
	for (size_t i = 0; i < function->rests.count; i++) {
		uint64_t lo = function->rests.items[i].lo;
		const struct hst_frame_entry *entry = hst_frames_entry(&purity->module.frames, lo);

		if (entry != NULL && entry_lands(purity, function, entry, ret_pad)) {
			return true;
		}
	}
	return false;
}
