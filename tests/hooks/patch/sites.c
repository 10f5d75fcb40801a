/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of call sites (apply/sites.c) with libraries that come and go, in a program whose hooks do nothing but note them.
 *
 *   patch-sites CASE FIRST SECOND      CASE: shared gone closers many forked
 *
 * FIRST and SECOND have one function inlined, the first's; FIRST in more places than there is room for with `many`.
 */
#include "apply/sites.h"
#include "core/process.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLOSERS 4u
#define CLOSES  2000u
#define CHILD_S 20u /* a child that waits so long waits for ever */

typedef uint64_t run(uint64_t x);

static struct hst_suppressed table[HST_SUPPRESSED_SLOTS];
static struct hst_suppressed *entry;
static uint32_t calls;
static uint32_t refusals;

void __cyg_profile_func_enter(void *fn, void *call_site);
void __cyg_profile_func_exit(void *fn, void *call_site);

static void fail(const char *what)
{
	fprintf(stderr, "patch-sites: %s\n", what);
	exit(1);
}

static void refused(struct hst_suppressed *of, bool is_exit)
{
	(void)of;
	(void)is_exit;
	refusals++;
}

static void note(void *fn, void *ret, bool is_exit)
{
	if (entry == NULL || (uint64_t)fn != entry->fn) {
		return;
	}
	calls++;
	if (entry->state == HST_FN_SUPPRESSED && hst_sites_try_lock()) {
		hst_sites_note(entry, (uint64_t)ret, is_exit, 0);
		hst_sites_work(0, false, refused);
		hst_sites_unlock();
	}
}

void __cyg_profile_func_enter(void *fn, void *call_site)
{
	(void)call_site;
	note(fn, __builtin_return_address(0), false);
}

void __cyg_profile_func_exit(void *fn, void *call_site)
{
	if (__builtin_return_address(0) != call_site) {
		note(fn, __builtin_return_address(0), true);
	}
}

static run *load(const char *library, const char *name, void **ret_handle)
{
	run *result;

	*ret_handle = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
	if (*ret_handle == NULL) {
		fail(dlerror());
	}
	*(void **)&result = dlsym(*ret_handle, name);
	return result;
}

static void close_library(void *handle)
{
	hst_sites_hold();
	if (dlclose(handle) != 0) {
		fail(dlerror());
	}
	hst_sites_release();
}

static uint32_t calls_of(run *function)
{
	calls = 0;
	(void)function(1);
	return calls;
}

static void work_now(void)
{
	if (!hst_sites_try_lock()) {
		fail("the lock was not to be had");
	}
	hst_sites_work(0, true, refused);
	hst_sites_unlock();
}

static void set_all(bool off)
{
	if (!hst_sites_try_lock() || !hst_sites_set_all(off)) {
		fail("not all sites could be changed");
	}
	hst_sites_unlock();
}

/* Suppresses the function and makes its sites known. */
static void suppress(void *handle)
{
	uint64_t fn = (uint64_t)dlsym(handle, "patch_inlined");

	hst_process.pid = (uint32_t)getpid();
	hst_sites_start(
		(uint64_t)__cyg_profile_func_enter, (uint64_t)__cyg_profile_func_exit, true);
	entry = &table[hst_suppressed_slot(fn)];
	*entry = (struct hst_suppressed){ .fn = fn, .state = HST_FN_SUPPRESSED };
	hst_suppressed = table;
}

static void disarm(run *function)
{
	if (calls_of(function) == 0) {
		fail("no hook came");
	}
	work_now();
}

/* The other library with the same function goes: the sites that are left are known. */
static void test_shared(run *first, run *second, void *second_handle)
{
	disarm(first);
	disarm(second);
	if (calls_of(first) != 0 || calls_of(second) != 0) {
		fail("a disarmed site called its hook");
	}
	close_library(second_handle);
	set_all(false);
	if (entry->state != HST_FN_SUPPRESSED || calls_of(first) != 2) {
		fail("the sites of a library that is there were forgotten");
	}
}

/* Both go: whatever comes to the address is recorded, also if it was only to be counted and no site of it is known. */
static void test_gone(void *first_handle, void *second_handle)
{
	entry->state = HST_FN_COUNTED;
	close_library(second_handle);
	if (entry->state != HST_FN_COUNTED) {
		fail("a function that is there was forgotten");
	}
	close_library(first_handle);
	if (entry->state != HST_FN_RECORDED) {
		fail("a function that is gone was not forgotten");
	}
}

static void *close_often(void *data)
{
	for (uint32_t i = 0; i < CLOSES; i++) {
		void *handle = dlopen(data, RTLD_NOW);

		if (handle == NULL) {
			fail(dlerror());
		}
		close_library(handle);
	}
	return NULL;
}

/* Several threads close libraries: each looks what is gone, and the first one is there all the time. */
static void test_closers(run *first, char *second)
{
	pthread_t threads[CLOSERS];

	disarm(first);
	for (uint32_t i = 0; i < CLOSERS; i++) {
		if (pthread_create(&threads[i], NULL, close_often, second) != 0) {
			fail("no thread");
		}
	}
	for (uint32_t i = 0; i < CLOSERS; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	set_all(false);
	if (entry->state != HST_FN_SUPPRESSED || calls_of(first) != 2) {
		fail("the sites of a library that is there were forgotten");
	}
}

/* What there is no room for is not disarmed: it could never be armed again. */
static void test_many(run *first)
{
	uint32_t all = calls_of(first);

	if (all <= HST_SITES_MAX) {
		fail("too few call sites: this tests nothing");
	}
	work_now();
	if (calls_of(first) > all - HST_SITES_MAX) {
		fail("sites that there is room for were not disarmed");
	}
	if (refusals == 0) {
		fail("the others were not refused");
	}
	set_all(false);
	if (calls_of(first) != all) {
		fail("not all sites were armed again");
	}
}

/* A child is begun while another thread has the lock: it does not wait for that thread, which it does not have. */
static void test_forked(void *second_handle)
{
	int status = 0;
	pid_t pid;

	if (!hst_sites_try_lock()) {
		fail("the lock was not to be had");
	}
	pid = fork();
	if (pid == 0) {
		(void)alarm(CHILD_S);
		close_library(second_handle);
		hst_process.pid = (uint32_t)getpid();
		hst_sites_forked();
		_exit(hst_sites_try_lock() ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		fail("the child waited for a thread that it does not have");
	}
	hst_sites_unlock();
}

int main(int argc, char **argv)
{
	void *handles[2];
	run *first;
	run *second;

	if (argc != 4) {
		fail("CASE FIRST SECOND");
	}
	first = load(argv[2], "patch_first", &handles[0]);
	second = load(argv[3], "patch_second", &handles[1]);
	suppress(handles[0]);
	if (strcmp(argv[1], "shared") == 0) {
		test_shared(first, second, handles[1]);
	} else if (strcmp(argv[1], "gone") == 0) {
		test_gone(handles[0], handles[1]);
	} else if (strcmp(argv[1], "closers") == 0) {
		(void)dlclose(handles[1]);
		test_closers(first, argv[3]);
	} else if (strcmp(argv[1], "many") == 0) {
		test_many(first);
	} else if (strcmp(argv[1], "forked") == 0) {
		test_forked(handles[1]);
	} else {
		fail("no such case");
	}
	return 0;
}
