/* SPDX-License-Identifier: Apache-2.0 */
/* Which call sites belong to suppressed functions, and what has become of them. */
#include "apply/sites.h"

#include "apply/patch.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/sys.h"

#include <link.h>
#include <stddef.h>

#include "core/poison.h"

#define HST_WORK_TICKS (1ull << 21) /* a millisecond, more or less */
#define HST_NAP_NS     50000

struct hst_suppressed *hst_suppressed;
uint32_t hst_suppressed_window;

/* One site that is known. */
struct site {
	struct hst_patch_site patch;
	uint64_t fn;   /* 0: it is gone */
	uint32_t next; /* of the same function: index + 1 */
	bool is_exit;
};

/* One that was noted and not looked at yet. */
struct noted {
	uint64_t fn;
	uint64_t ret;
	bool is_exit;
};

static struct {
	uint32_t lock;
	uint32_t closing; /* dlcloses under way */
	bool allowed;
	uint64_t enter, leave; /* the hooks */
	uint32_t count;
	uint32_t noted;
	uint64_t noted_since;
} sites;

static HST_LARGE struct site list[HST_SITES_MAX];
static HST_LARGE struct noted noted[HST_PATCH_BATCH];
static HST_LARGE struct hst_patch_site found[HST_PATCH_BATCH];
static HST_LARGE struct hst_patch_site *chosen[HST_SITES_MAX];

void hst_sites_start(uint64_t enter, uint64_t leave, bool allowed)
{
	sites.enter = enter;
	sites.leave = leave;
	sites.allowed = allowed;
	if (allowed) {
		hst_patch_start();
	}
}

bool hst_sites_may_patch(void)
{
	return sites.allowed && !hst_patch_is_refused();
}

bool hst_sites_try_lock(void)
{
	if (__atomic_exchange_n(&sites.lock, 1, __ATOMIC_SEQ_CST) != 0) {
		return false;
	}
	if (__atomic_load_n(&sites.closing, __ATOMIC_SEQ_CST) != 0) {
		hst_sites_unlock();
		return false;
	}
	return true;
}

void hst_sites_unlock(void)
{
	__atomic_store_n(&sites.lock, 0, __ATOMIC_SEQ_CST);
}

/* Whoever has the lock holds back signals and makes a few system calls: it is done in some microseconds. */
void hst_sites_hold(void)
{
	__atomic_fetch_add(&sites.closing, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&sites.lock, __ATOMIC_SEQ_CST) != 0 && hst_sys_closed == 0) {
		hst_sys_nap(HST_NAP_NS);
	}
}

/* Marks what lies in one of the modules that are there. */
static int see_module(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uint64_t lo = info->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0) {
			continue;
		}
		for (uint32_t k = 0; k < sites.count; k++) {
			if (list[k].patch.ret - lo < header->p_memsz) {
				list[k].next |= 1u << 31;
			}
		}
	}
	return 0;
}

/* Sites whose code is gone are never written to again. Their functions are like any other that comes to this address. */
static void forget_gone(void)
{
	(void)dl_iterate_phdr(see_module, NULL);
	for (uint32_t i = 0; i < sites.count; i++) {
		struct hst_suppressed *entry = hst_suppressed_find(list[i].fn);
		bool there = (list[i].next >> 31) != 0;

		list[i].next &= ~(1u << 31);
		if (there || list[i].fn == 0) {
			continue;
		}
		list[i].fn = 0;
		list[i].patch.at = 0;
		list[i].patch.ret = 0;
		if (entry != NULL) {
			entry->sites = 0;
			__atomic_store_n(&entry->state, HST_FN_RECORDED, __ATOMIC_RELEASE);
		}
	}
	sites.noted = 0;
}

void hst_sites_release(void)
{
	/* Of two that are under way at once each looks. */
	if (sites.count != 0 || sites.noted != 0) {
		forget_gone();
	}
	__atomic_fetch_sub(&sites.closing, 1, __ATOMIC_SEQ_CST);
}

void hst_sites_forked(void)
{
	hst_patch_forked();
	sites.closing = 0;
	sites.noted = 0;
	hst_sites_unlock();
}

static struct site *known(const struct hst_suppressed *entry, uint64_t ret)
{
	for (uint32_t at = entry->sites; at != 0; at = list[at - 1].next) {
		if (list[at - 1].patch.ret == ret) {
			return &list[at - 1];
		}
	}
	return NULL;
}

void hst_sites_note(struct hst_suppressed *entry, uint64_t ret, bool is_exit, uint64_t ticks)
{
	const struct site *site = known(entry, ret);

	if (site != NULL && site->patch.off) {
		return; /* the hook was under way when it was disarmed */
	}
	for (uint32_t i = 0; i < sites.noted; i++) {
		if (noted[i].ret == ret) {
			return;
		}
	}
	if (sites.noted < HST_PATCH_BATCH) {
		sites.noted_since = sites.noted == 0 ? ticks : sites.noted_since;
		noted[sites.noted++] = (struct noted){ entry->fn, ret, is_exit };
	}
}

/* A place in the list; NULL: there is none left. */
static struct site *add(
	struct hst_suppressed *entry, const struct hst_patch_site *patch, bool is_exit)
{
	struct site *site = known(entry, patch->ret);

	if (site != NULL) {
		site->patch = *patch;
		return site;
	}
	if (sites.count == HST_SITES_MAX) {
		return NULL;
	}
	site = &list[sites.count++];
	*site = (struct site){ *patch, entry->fn, entry->sites, is_exit };
	entry->sites = sites.count;
	return site;
}

/* Arms or disarms the sites of one kind of a function, NULL: of all that are suppressed. */
static bool set(const struct hst_suppressed *one, bool is_exit, bool off)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sites.count; i++) {
		const struct hst_suppressed *entry = hst_suppressed_find(list[i].fn);

		if (list[i].patch.at != 0 && list[i].is_exit == is_exit && entry != NULL &&
			(one == NULL ? entry->state == HST_FN_SUPPRESSED : one == entry)) {
			chosen[count++] = &list[i].patch;
		}
	}
	return count == 0 || hst_patch_set(chosen, count, off);
}

bool hst_sites_set_all(bool off)
{
	bool done = set(NULL, true, off);

	return set(NULL, false, off) && done;
}

bool hst_sites_arm_enters(const struct hst_suppressed *entry)
{
	return set(entry, false, false);
}

/* What is noted of one kind, as sites in `chosen` (NULL: one that cannot be disarmed), in the order of `noted`. */
static uint32_t learn(bool is_exit)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sites.noted; i++) {
		if (noted[i].is_exit == is_exit) {
			found[count++].ret = noted[i].ret;
		}
	}
	if (count == 0) {
		return 0;
	}
	hst_patch_find(found, count, is_exit ? sites.leave : sites.enter);
	count = 0;
	for (uint32_t i = 0; i < sites.noted; i++) {
		if (noted[i].is_exit == is_exit) {
			struct hst_suppressed *entry = hst_suppressed_find(noted[i].fn);
			struct site *site = entry != NULL && found[count].at != 0
						    ? add(entry, &found[count], is_exit)
						    : NULL;

			chosen[count] = site != NULL ? &site->patch : &found[count];
			count++;
		}
	}
	return count;
}

static void work_on(bool is_exit, hst_sites_refused *refused)
{
	uint32_t count = learn(is_exit);

	if (count == 0 || hst_suppressed_window != 0) {
		return;
	}
	(void)hst_patch_set(chosen, count, true);
	count = 0;
	for (uint32_t i = 0; i < sites.noted; i++) {
		if (noted[i].is_exit == is_exit) {
			noted[i].fn = chosen[count++]->off ? 0 : noted[i].fn;
		}
	}
	for (uint32_t i = 0; i < sites.noted; i++) {
		struct hst_suppressed *entry = hst_suppressed_find(noted[i].fn);

		if (noted[i].is_exit == is_exit && entry != NULL &&
			entry->state == HST_FN_SUPPRESSED) {
			refused(entry, is_exit);
		}
	}
}

void hst_sites_work(uint64_t ticks, bool now, hst_sites_refused *refused)
{
	if (sites.noted == 0 || (!now && sites.noted < HST_PATCH_BATCH &&
					ticks - sites.noted_since < HST_WORK_TICKS)) {
		return;
	}
	work_on(false, refused);
	work_on(true, refused);
	sites.noted = 0;
}
