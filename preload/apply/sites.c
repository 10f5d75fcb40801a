/* SPDX-License-Identifier: Apache-2.0 */
/* Which call sites belong to suppressed functions, and what has become of them. */
#include "apply/sites.h"

#include "apply/jumps.h"
#include "apply/patch.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/process.h"
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
	uint32_t seen; /* by the latest dlclose that found its code there */
	bool is_exit;
};

/* One that was noted and not looked at yet. */
struct noted {
	uint64_t fn;
	uint64_t ret;
	bool is_exit;
	bool is_jump;
};

static struct {
	uint32_t lock;
	uint32_t closing; /* dlcloses under way */
	uint32_t closes;  /* so many have looked what is gone */
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
static HST_LARGE uint32_t functions_seen[HST_SUPPRESSED_SLOTS]; /* as site.seen */

/* Of `closing` those of this thread: a forked child has no others. */
static __thread uint32_t closing_here __attribute__((tls_model("initial-exec")));

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

bool hst_sites_are_busy(void)
{
	return __atomic_load_n(&sites.lock, __ATOMIC_RELAXED) != 0 ||
	       __atomic_load_n(&sites.closing, __ATOMIC_RELAXED) != 0;
}

/*
 * Waits for whoever has the lock: signals are held back and a few system calls made, it is done in some microseconds. In a
 * forked child that records nothing yet nobody has it, whatever the parent's threads were about to do.
 */
static bool wait_for_lock(void)
{
	if (hst_sys_closed != 0 || hst_sys_getpid() != hst_process.pid) {
		return false;
	}
	hst_sys_nap(HST_NAP_NS);
	return true;
}

void hst_sites_hold(void)
{
	closing_here++;
	__atomic_fetch_add(&sites.closing, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&sites.lock, __ATOMIC_SEQ_CST) != 0 && wait_for_lock()) {
	}
}

static void note_seen(uint32_t *seen, uint32_t look)
{
	uint32_t latest = __atomic_load_n(seen, __ATOMIC_RELAXED);

	while ((int32_t)(look - latest) > 0 && !__atomic_compare_exchange_n(seen, &latest, look,
						       false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
	}
}

/* Marks what lies in one of the modules that are there. Several threads may be at it; nobody adds anything meanwhile. */
static int see_module(struct dl_phdr_info *info, size_t size, void *data)
{
	uint32_t look = *(const uint32_t *)data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uint64_t lo = info->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0) {
			continue;
		}
		for (uint32_t k = 0; k < sites.count; k++) {
			if (list[k].patch.ret - lo < header->p_memsz) {
				note_seen(&list[k].seen, look);
			}
		}
		for (uint32_t k = 0; k < HST_SUPPRESSED_SLOTS; k++) {
			if (hst_suppressed[k].fn - lo < header->p_memsz) {
				note_seen(&functions_seen[k], look);
			}
		}
	}
	return 0;
}

static bool is_gone(uint32_t seen, uint32_t look)
{
	return (int32_t)(seen - look) < 0;
}

/*
 * Sites whose code is gone are never written to again. A function that is gone is like any other that comes to its address; one
 * that was inlined in what went, and is there itself, stays suppressed with the sites that are left.
 */
static void forget_gone(uint32_t look)
{
	for (uint32_t i = 0; i < HST_SUPPRESSED_SLOTS; i++) {
		struct hst_suppressed *entry = &hst_suppressed[i];

		entry->sites = 0;
		entry->jumps = HST_JUMPS_UNKNOWN;
		if (entry->fn != 0 && is_gone(functions_seen[i], look)) {
			entry->tail = false;
			entry->stuck = false;
			entry->late = 0;
			__atomic_store_n(&entry->state, HST_FN_RECORDED, __ATOMIC_RELEASE);
		}
	}
	for (uint32_t i = 0; i < sites.count; i++) {
		struct hst_suppressed *entry = hst_suppressed_find(list[i].fn);

		if (list[i].fn == 0 || entry == NULL || is_gone(list[i].seen, look)) {
			list[i] = (struct site){ .seen = list[i].seen };
			continue;
		}
		list[i].next = entry->sites;
		entry->sites = i + 1;
		if (list[i].patch.jump) {
			entry->jumps = HST_JUMPS_LISTED; /* disarmed ones cannot be found again */
		}
	}
	sites.noted = 0;
}

/* What is there is looked up without the lock, since the loader has locks of its own. */
static void look_what_is_gone(void)
{
	uint32_t look = __atomic_add_fetch(&sites.closes, 1, __ATOMIC_RELAXED);
	struct hst_held signals;

	(void)dl_iterate_phdr(see_module, &look);
	signals = hst_sys_hold_signals();
	while (__atomic_exchange_n(&sites.lock, 1, __ATOMIC_SEQ_CST) != 0 && wait_for_lock()) {
	}
	forget_gone(look);
	hst_sites_unlock();
	hst_sys_release_signals(signals);
}

void hst_sites_release(void)
{
	uint32_t closing = __atomic_load_n(&sites.closing, __ATOMIC_RELAXED);

	if (hst_suppressed != NULL) {
		look_what_is_gone();
	}
	closing_here--;
	/* None is left of those that a child began before it was known to be one, if another thread of it found out. */
	while (closing != 0 && !__atomic_compare_exchange_n(&sites.closing, &closing, closing - 1,
				       false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
	}
}

/* What was noted and is forgotten will come again. */
static void drop_noted(void)
{
	for (uint32_t i = 0; i < sites.noted; i++) {
		struct hst_suppressed *entry = hst_suppressed_find(noted[i].fn);

		if (entry != NULL && noted[i].is_jump) {
			entry->jumps = HST_JUMPS_UNKNOWN;
		}
	}
	sites.noted = 0;
}

void hst_sites_forked(void)
{
	hst_patch_forked();
	sites.closing = closing_here;
	drop_noted();
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

static void note(struct noted site, uint64_t ticks)
{
	for (uint32_t i = 0; i < sites.noted; i++) {
		if (noted[i].ret == site.ret) {
			return;
		}
	}
	if (sites.noted < HST_PATCH_BATCH) {
		sites.noted_since = sites.noted == 0 ? ticks : sites.noted_since;
		noted[sites.noted++] = site;
	}
}

void hst_sites_note(struct hst_suppressed *entry, uint64_t ret, bool is_exit, uint64_t ticks)
{
	const struct site *site = known(entry, ret);

	if (site != NULL && site->patch.off) {
		return; /* the hook was under way when it was disarmed */
	}
	note((struct noted){ entry->fn, ret, is_exit, false }, ticks);
}

bool hst_sites_note_jumps(
	struct hst_suppressed *entry, const struct hst_loaded *module, uint64_t ticks)
{
	static HST_LARGE uint64_t ends[HST_PATCH_BATCH];
	uint32_t count = hst_jumps_find(module, entry->fn, ends, HST_PATCH_BATCH);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		found[i] = (struct hst_patch_site){ .ret = ends[i], .jump = true };
	}
	hst_patch_find(found, count, sites.leave);
	for (uint32_t i = 0; i < count; i++) {
		if (found[i].at != 0) {
			ends[kept++] = found[i].ret;
		}
	}
	/* All of them or none: with the next exit there will be room. */
	if (kept != 0 && kept <= HST_PATCH_BATCH - sites.noted) {
		for (uint32_t i = 0; i < kept; i++) {
			note((struct noted){ entry->fn, ends[i], true, true }, ticks);
		}
		entry->jumps = HST_JUMPS_NOTED;
	}
	return kept != 0;
}

static struct site *free_place(void)
{
	if (sites.count < HST_SITES_MAX) {
		return &list[sites.count++];
	}
	for (uint32_t i = 0; i < HST_SITES_MAX; i++) {
		if (list[i].fn == 0) {
			return &list[i];
		}
	}
	return NULL;
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
	site = free_place();
	if (site != NULL) {
		*site = (struct site){ *patch, entry->fn, entry->sites, 0, is_exit };
		entry->sites = (uint32_t)(site - list) + 1;
	}
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
			found[count++] = (struct hst_patch_site){ .ret = noted[i].ret,
				.jump = noted[i].is_jump };
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

			if (site == NULL) {
				found[count].at = 0; /* it would never be armed again */
			}
			if (entry != NULL && noted[i].is_jump) {
				/* In a window one that has no place is to be tried again. */
				entry->jumps = site != NULL ? HST_JUMPS_LISTED : HST_JUMPS_UNKNOWN;
			}
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
