/* SPDX-License-Identifier: Apache-2.0 */
/* One byte of the program's code at a time. */
#include "apply/patch.h"

#include "core/attr.h"
#include "core/procfs.h"
#include "core/sys.h"

#include <errno.h>
#include <string.h>

#include "core/poison.h"

#define HST_LINK_BYTES   5u /* e8 rel32 */
#define HST_SLOT_BYTES   6u /* ff 15 disp32 */
#define HST_PLT_BYTES    16u
#define HST_TEST         0xa9 /* test $imm32, %eax */
#define HST_NOP          0x0f /* 0f 1f 44 00 00: nopl 0(%rax,%rax,1) */
#define HST_NOP_OPERAND  0x0000441fu
#define HST_FAILURES_MAX 16u /* for want of memory, until it is taken for a refusal */

/* linux/membarrier.h, which not every libc's headers come with. */
#define HST_MEMBARRIER_SYNC_CORE          (1 << 5)
#define HST_MEMBARRIER_REGISTER_SYNC_CORE (1 << 6)

static struct {
	bool barrier; /* the kernel has it */
	bool refused;
	uint32_t failures;
	/* Made writable at this moment: */
	uint64_t lo;
	uint64_t bytes; /* 0 nothing */
	int protection; /* as it was */
} patch;

static struct hst_mapping mappings[HST_PATCH_BATCH] HST_LARGE;
static uint64_t addresses[HST_PATCH_BATCH] HST_LARGE;

void hst_patch_start(void)
{
	patch.barrier =
		hst_sys6(SYS_membarrier, HST_MEMBARRIER_REGISTER_SYNC_CORE, 0, 0, 0, 0, 0) == 0;
}

bool hst_patch_is_refused(void)
{
	return patch.refused || hst_sys_closed != 0;
}

/*
 * Private, and executed: what is written there reaches nobody else. And of a file: code that the program made by itself it may
 * look at, write anew, or take the rights of, at any moment.
 */
static bool is_code(const struct hst_mapping *mapping)
{
	return mapping->file && !mapping->shared &&
	       (mapping->protection & (PROT_READ | PROT_EXEC)) == (PROT_READ | PROT_EXEC);
}

static uint32_t load32(uint64_t address)
{
	uint32_t value;

	memcpy(&value, (const void *)address, sizeof value);
	return value;
}

/* The address that an instruction's last four bytes name, relative to its end. */
static uint64_t relative(uint64_t end)
{
	return end + (uint64_t)(int64_t)(int32_t)load32(end - 4);
}

/* An entry of the procedure linkage table: [endbr64] [bnd] jmp *slot(%rip). 0: it is none. */
static uint64_t linkage_slot(const struct hst_mapping *text, uint64_t entry)
{
	static const uint8_t endbr[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint8_t *at = (const uint8_t *)entry;

	if (entry == 0 || !is_code(text) || !hst_mapping_has(text, entry, HST_PLT_BYTES)) {
		return 0;
	}
	at += memcmp(at, endbr, sizeof endbr) == 0 ? sizeof endbr : 0;
	at += *at == 0xf2 ? 1 : 0;
	return at[0] == 0xff && at[1] == 0x25 ? relative((uint64_t)at + 6) : 0;
}

/* The instructions that lead to a hook. */
static const struct form {
	uint8_t bytes, armed, second, disarmed;
	bool jump;
	bool slot; /* its operand names the place that holds the hook's address */
} forms[] = {
	{ HST_SLOT_BYTES, 0xff, 0x15, 0x85, false, true },
	{ HST_LINK_BYTES, 0xe8, 0, HST_TEST, false, false },
	{ HST_SLOT_BYTES, 0xff, 0x25, 0xc3, true, true },
	{ HST_LINK_BYTES, 0xe9, 0, 0xc3, true, false },
};

/* The form of the instruction that may end here, NULL none. */
static const struct form *form_at(const struct hst_mapping *text, uint64_t end, bool jump)
{
	if (!is_code(text) ||
		!hst_mapping_has(text, end - HST_PATCH_SITE_MAX, HST_PATCH_SITE_MAX)) {
		return NULL;
	}
	for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		const struct form *form = &forms[i];
		const uint8_t *at = (const uint8_t *)end - form->bytes;

		if (form->jump == jump && at[0] == form->armed &&
			(form->second == 0 || at[1] == form->second)) {
			return form;
		}
	}
	return NULL;
}

/*
 * Which instruction ends at `ret`? Sets the bytes of the site; the result is the address that it names, 0 none. An e8 that belongs to
 * something else names no entry that leads to the hook.
 */
static uint64_t site_decode(
	struct hst_patch_site *site, const struct hst_mapping *text, uint64_t hook)
{
	const struct form *form = form_at(text, site->ret, site->jump);

	if (form == NULL || (!form->slot && relative(site->ret) == hook)) {
		return 0; /* in our own code nothing is changed */
	}
	site->operand = load32(site->ret - 4);
	site->at = site->ret - form->bytes;
	site->armed = form->armed;
	site->second = form->second;
	site->disarmed = form->disarmed;
	site->slot = form->slot;
	return relative(site->ret);
}

uint64_t hst_patch_jump_slot(const struct hst_mapping *text, uint64_t end)
{
	const struct form *form = form_at(text, end, true);

	if (form == NULL) {
		return 0;
	}
	return form->slot ? relative(end) : linkage_slot(text, relative(end));
}

/* Does this place hold the hook's address? */
static bool leads_to(const struct hst_mapping *mapping, uint64_t slot, uint64_t hook)
{
	return slot != 0 && slot % 8 == 0 && hst_mapping_has(mapping, slot, sizeof(uint64_t)) &&
	       (mapping->protection & PROT_READ) != 0 && *(const uint64_t *)slot == hook;
}

void hst_patch_find(struct hst_patch_site *sites, uint32_t count, uint64_t hook)
{
	for (uint32_t i = 0; i < count; i++) {
		sites[i] = (struct hst_patch_site){ .ret = sites[i].ret, .jump = sites[i].jump };
		addresses[i] = sites[i].ret - 1;
	}
	if (!hst_procfs_mappings(addresses, count, mappings)) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		addresses[i] = site_decode(&sites[i], &mappings[i], hook);
	}
	(void)hst_procfs_mappings(addresses, count, mappings);
	for (uint32_t i = 0; i < count; i++) {
		if (sites[i].at != 0 && !sites[i].slot) {
			addresses[i] = linkage_slot(&mappings[i], addresses[i]);
		}
	}
	(void)hst_procfs_mappings(addresses, count, mappings);
	for (uint32_t i = 0; i < count; i++) {
		sites[i].at = leads_to(&mappings[i], addresses[i], hook) ? sites[i].at : 0;
	}
}

static bool site_is_as_expected(const struct hst_patch_site *site)
{
	const uint8_t *at = (const uint8_t *)site->at;
	uint8_t first = site->armed;

	if (site->off) {
		first = site->quiet == HST_QUIET_NOP ? HST_NOP : site->disarmed;
	}
	return *at == first &&
	       load32(site->ret - 4) ==
		       (site->quiet != HST_QUIET_NOT ? HST_NOP_OPERAND : site->operand) &&
	       (site->second == 0 || at[1] == site->second);
}

/* Notes why it did not work. */
static void note_failure(long error)
{
	patch.failures++;
	patch.refused |=
		(error != -ENOMEM && error != -EAGAIN) || patch.failures >= HST_FAILURES_MAX;
}

/* All of the mapping: the kernel would never join again what a part makes of it. */
static bool open_code(const struct hst_mapping *text)
{
	long result;

	patch.lo = text->range.lo;
	patch.protection = text->protection;
	hst_barrier();
	patch.bytes = text->range.hi - text->range.lo;
	result = hst_sys6(SYS_mprotect, (long)patch.lo, (long)patch.bytes,
		text->protection | PROT_WRITE, 0, 0, 0);
	if (result != 0) {
		patch.bytes = 0;
		note_failure(result);
	}
	return result == 0;
}

static void close_code(void)
{
	long result = hst_sys6(
		SYS_mprotect, (long)patch.lo, (long)patch.bytes, patch.protection, 0, 0, 0);

	patch.bytes = 0;
	if (result != 0) {
		note_failure(result);
	}
}

/* All cores see what was written; false: that cannot be had. */
static bool spread(void)
{
	return patch.barrier &&
	       hst_sys6(SYS_membarrier, HST_MEMBARRIER_SYNC_CORE, 0, 0, 0, 0, 0) == 0;
}

static void set_first(const struct hst_patch_site *site, uint8_t byte)
{
	__atomic_store_n((uint8_t *)site->at, byte, __ATOMIC_RELEASE);
}

/* Only while the instruction is a test: it does the same with any operand, also with half of one. */
static void set_operand(const struct hst_patch_site *site, uint32_t operand)
{
	memcpy((void *)(site->ret - 4), &operand, sizeof operand);
	hst_barrier();
}

/* The sites of one call that lie in the mapping that is open. */
struct opened {
	struct hst_patch_site *const *sites;
	uint32_t count;
	const struct hst_mapping *text;
};

typedef void patch_step(struct hst_patch_site *site);

static void each(const struct opened *opened, patch_step *step)
{
	for (uint32_t i = 0; i < opened->count; i++) {
		struct hst_patch_site *site = opened->sites[i];

		if (hst_mapping_has(opened->text, site->at, HST_PATCH_SITE_MAX) &&
			site_is_as_expected(site)) {
			step(site);
		}
	}
}

static void step_disarm(struct hst_patch_site *site)
{
	if (!site->off) {
		set_first(site, site->disarmed);
		site->off = true;
	}
}

static void step_empty(struct hst_patch_site *site)
{
	if (site->off && site->quiet == HST_QUIET_NOT && site->disarmed == HST_TEST) {
		set_operand(site, HST_NOP_OPERAND);
		site->quiet = HST_QUIET_READY;
	}
}

static void step_nop(struct hst_patch_site *site)
{
	if (site->off && site->quiet == HST_QUIET_READY) {
		set_first(site, HST_NOP);
		site->quiet = HST_QUIET_NOP;
	}
}

static void step_wake(struct hst_patch_site *site)
{
	if (site->quiet == HST_QUIET_NOP) {
		set_first(site, site->disarmed);
		site->quiet = HST_QUIET_READY;
	}
}

static void step_fill(struct hst_patch_site *site)
{
	if (site->quiet == HST_QUIET_READY) {
		set_operand(site, site->operand);
		site->quiet = HST_QUIET_NOT;
	}
}

static void step_arm(struct hst_patch_site *site)
{
	if (site->off && site->quiet == HST_QUIET_NOT) {
		set_first(site, site->armed);
		site->off = false;
	}
}

/* No byte of an instruction is written while a core may execute it as part of another one. */
static void change(const struct opened *opened, bool off)
{
	if (off) {
		each(opened, step_disarm);
		if (spread()) {
			each(opened, step_empty);
			if (spread()) {
				each(opened, step_nop);
			}
		}
		return;
	}
	if (patch.barrier) {
		each(opened, step_wake);
		if (!spread()) {
			return;
		}
		each(opened, step_fill);
		(void)spread();
	}
	each(opened, step_arm);
}

/* All of the sites from the first one on that lie in the same mapping. false: the first one could not be changed. */
static bool set_in_mapping(struct hst_patch_site *const *sites, uint32_t count, bool off)
{
	struct hst_mapping text;

	if (!hst_procfs_mappings(&sites[0]->at, 1, &text) || !is_code(&text) ||
		!hst_mapping_has(&text, sites[0]->at, HST_PATCH_SITE_MAX) || !open_code(&text)) {
		return false;
	}
	change(&(struct opened){ sites, count, &text }, off);
	close_code();
	return sites[0]->off == off;
}

bool hst_patch_set(struct hst_patch_site *const *sites, uint32_t count, bool off)
{
	bool all = true;

	for (uint32_t i = 0; i < count; i++) {
		if (sites[i]->off == off) {
			continue;
		}
		if (sites[i]->at == 0 || hst_patch_is_refused() ||
			!set_in_mapping(sites + i, count - i, off)) {
			all = false;
		}
	}
	(void)spread();
	return all;
}

void hst_patch_forked(void)
{
	if (patch.bytes != 0) {
		close_code();
	}
}
