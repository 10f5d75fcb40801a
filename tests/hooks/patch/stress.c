/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads run code with hooks while its call sites are disarmed and armed at random: the results must be those of before, the code in
 * the end byte for byte the same, and its rights too.
 *
 *   patch-stress CASE LIBRARY      CASE: threads2 threads16 fork close refused breakpoint
 */
#include "apply/jumps.h"
#include "apply/patch.h"
#include "hooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DECISIONS 10000u
#define SEEDS     64u
#define SITES     (3 * PATCH_PLACES)
#define THREADS   16u
#define FORKS     40u

static struct {
	void *library;
	uint64_t (*work)(uint64_t seed);
	uint64_t expected[SEEDS];
	struct hst_patch_site sites[SITES];
	struct hst_patch_site *good[SITES];
	uint32_t count; /* of those */
	uint32_t jumps; /* functions that end in one */
	char *before;   /* the process's mappings with the library's code */
	uint8_t *code;  /* a copy of it */
	uint64_t lo, hi;
} test;

static atomic_bool stop;
static atomic_uint wrong;
static _Atomic uint64_t rounds;
static _Atomic uint64_t handled;

static void fail(const char *what)
{
	fprintf(stderr, "patch-stress: %s\n", what);
	exit(1);
}

static uint64_t random_next(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Lines of the maps that are of the library. */
static char *mappings_of(const char *name, uint64_t *ret_lo, uint64_t *ret_hi)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *all = calloc(1, 1 << 16);
	char line[4096];

	while (maps != NULL && all != NULL && fgets(line, sizeof line, maps) != NULL) {
		uint64_t lo;
		uint64_t hi;
		char rights[5];

		if (strstr(line, name) == NULL ||
			sscanf(line, "%lx-%lx %4s", &lo, &hi, rights) != 3) {
			continue;
		}
		strncat(all, line, (1 << 16) - strlen(all) - 1);
		if (rights[2] == 'x') {
			*ret_lo = *ret_lo == 0 ? lo : *ret_lo;
			*ret_hi = hi;
		}
	}
	if (maps != NULL) {
		(void)fclose(maps);
	}
	return all;
}

static void load(const char *library)
{
	test.library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (test.library == NULL) {
		fail(dlerror());
	}
	*(void **)&test.work = dlsym(test.library, "patch_work");
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		test.expected[seed] = test.work(seed);
	}
	test.lo = 0;
	test.before = mappings_of(library, &test.lo, &test.hi);
	test.code = malloc(test.hi - test.lo);
	memcpy(test.code, (void *)test.lo, test.hi - test.lo);
}

static void find(uint64_t hook, unsigned which)
{
	uint64_t places[PATCH_PLACES];
	unsigned count = patch_places(which, places);
	struct hst_patch_site *sites = test.sites + which * PATCH_PLACES;

	for (unsigned i = 0; i < count; i++) {
		sites[i].ret = places[i];
	}
	for (unsigned i = 0; i < count; i += HST_PATCH_BATCH) {
		hst_patch_find(
			sites + i, count - i < HST_PATCH_BATCH ? count - i : HST_PATCH_BATCH, hook);
	}
	for (unsigned i = 0; i < count; i++) {
		if (sites[i].at == 0) {
			fail("a call site was not understood");
		}
		test.good[test.count++] = &sites[i];
	}
}

/* Code behind the function may be of another one, of which no table knows. */
static void check_extent(const struct hst_loaded *module)
{
	void *fn = dlsym(test.library, "patch_stir");
	const ElfW(Sym) * symbol;
	void *found = NULL;
	Dl_info info;

	if (fn == NULL || dladdr1(fn, &info, &found, RTLD_DL_SYMENT) == 0 || found == NULL) {
		fail("no patch_stir");
	}
	symbol = found;
	if (hst_jumps_extent(module, (uint64_t)fn) != (uint64_t)fn + symbol->st_size) {
		fail("the extent of patch_stir is not its size");
	}
}

/* Jumps to the exit hook, in each function that was seen to have one. */
static void find_jumps(uint64_t hook)
{
	uint64_t functions[PATCH_PLACES];
	unsigned count = patch_places(2, functions);
	struct hst_patch_site *sites = test.sites + 2 * (size_t)PATCH_PLACES;
	struct link_map *map;
	struct hst_loaded module;

	if (dlinfo(test.library, RTLD_DI_LINKMAP, &map) != 0) {
		fail(dlerror());
	}
	module = (struct hst_loaded){ .bias = map->l_addr, .lo = map->l_addr, .hi = UINT64_MAX };
	check_extent(&module);
	for (unsigned i = 0; i < count; i++) {
		uint64_t ends[HST_PATCH_BATCH];
		uint32_t found = hst_jumps_find(&module, functions[i], ends, HST_PATCH_BATCH);
		uint32_t good = 0;

		for (uint32_t k = 0; k < found; k++) {
			sites[k] = (struct hst_patch_site){ .ret = ends[k], .jump = true };
		}
		hst_patch_find(sites, found, hook);
		for (uint32_t k = 0; k < found; k++) {
			if (sites[k].at != 0) {
				test.good[test.count++] = &sites[k];
				good++;
			}
		}
		if (good == 0) {
			fail("a jump to the exit hook was not found");
		}
		sites += found;
	}
	test.jumps = count;
}

static void find_all(void)
{
	test.count = 0;
	find((uint64_t)__cyg_profile_func_enter, 0);
	find((uint64_t)__cyg_profile_func_exit, 1);
	find_jumps((uint64_t)__cyg_profile_func_exit);
	if (test.count < 8) {
		fail("too few call sites");
	}
	hst_patch_start();
}

static void *run(void *data)
{
	uint64_t seed = (uint64_t)(uintptr_t)data;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		seed = (seed + 1) % SEEDS;
		atomic_fetch_add(&wrong, test.work(seed) != test.expected[seed]);
		atomic_fetch_add_explicit(&rounds, 1, memory_order_relaxed);
	}
	return NULL;
}

static void handle(int number)
{
	(void)number;
	atomic_fetch_add(&wrong, test.work(3) != test.expected[3]);
	atomic_fetch_add(&handled, 1);
}

/* A random set of sites, disarmed or armed. */
static void decide(void)
{
	struct hst_patch_site *chosen[8];
	uint32_t count = 1 + (uint32_t)(random_next() % 8);
	bool off = (random_next() & 1024) != 0;

	for (uint32_t i = 0; i < count; i++) {
		chosen[i] = test.good[random_next() % test.count];
	}
	if (!hst_patch_set(chosen, count, off)) {
		fail("a site could not be changed");
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t nop[] = { 0x0f, 0x1f, 0x44, 0, 0 };
		const volatile uint8_t *at = (volatile uint8_t *)chosen[i]->at;
		bool quiet = off && chosen[i]->disarmed == 0xa9;

		for (unsigned k = 0; quiet && k < sizeof nop; k++) {
			if (at[k] != nop[k]) {
				fail("a call did not become a NOP");
			}
		}
		if (!quiet && *at != (off ? chosen[i]->disarmed : chosen[i]->armed)) {
			fail("a site is not what it was made");
		}
	}
}

static void compare(const char *library)
{
	uint64_t lo = 0;
	uint64_t hi = 0;
	char *after = mappings_of(library, &lo, &hi);

	if (strcmp(after, test.before) != 0) {
		fail("the mappings are not what they were");
	}
	if (memcmp(test.code, (void *)test.lo, test.hi - test.lo) != 0) {
		fail("the code is not what it was");
	}
	free(after);
}

static uint64_t all_calls(void)
{
	return patch_calls(0) + patch_calls(1) + patch_calls(2);
}

/* With all off no hook comes; with all on they come again. */
static void count_calls(void)
{
	uint64_t before;

	if (!hst_patch_set(test.good, test.count, true)) {
		fail("not all sites could be disarmed");
	}
	before = all_calls();
	(void)test.work(1);
	if (all_calls() != before) {
		fail("a disarmed site called its hook");
	}
	if (!hst_patch_set(test.good, test.count, false)) {
		fail("not all sites could be armed");
	}
	(void)test.work(1);
	if (all_calls() == before) {
		fail("an armed site did not call its hook");
	}
}

static void start(pthread_t *threads, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i) != 0) {
			fail("no thread");
		}
	}
}

static void finish(const pthread_t *threads, unsigned count)
{
	atomic_store(&stop, true);
	for (unsigned i = 0; i < count; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	if (atomic_load(&wrong) != 0) {
		fail("a result was wrong");
	}
}

static void test_threads(const char *library, unsigned count)
{
	pthread_t threads[THREADS];
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };

	(void)sigaction(SIGUSR1, &action, NULL);
	count_calls();
	start(threads, count);
	for (unsigned i = 0; i < DECISIONS || atomic_load(&rounds) < 100 * count; i++) {
		decide();
		if (i % 4 == 0) {
			(void)pthread_kill(threads[random_next() % count], SIGUSR1);
		}
	}
	finish(threads, count);
	if (atomic_load(&handled) == 0) {
		fail("no signal came");
	}
	(void)hst_patch_set(test.good, test.count, false);
	compare(library);
	printf("%u sites, %u functions that jump, %lu rounds, %lu signals\n", test.count,
		test.jumps, (unsigned long)rounds, (unsigned long)handled);
}

static void child(const char *library)
{
	uint64_t lo = 0;
	uint64_t hi = 0;

	hst_patch_forked();
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		if (test.work(seed) != test.expected[seed]) {
			_exit(1);
		}
	}
	_exit(strcmp(mappings_of(library, &lo, &hi), test.before) == 0 ? 0 : 2);
}

static void *fork_often(void *data)
{
	for (unsigned i = 0; i < FORKS; i++) {
		pid_t pid = fork();
		int status = 0;

		if (pid == 0) {
			child(data);
		}
		if (waitpid(pid, &status, 0) != pid || status != 0) {
			fprintf(stderr, "patch-stress: child ended with %#x\n", (unsigned)status);
			atomic_fetch_add(&wrong, 1);
		}
	}
	atomic_store(&stop, true);
	return NULL;
}

static void test_fork(char *library)
{
	pthread_t threads[2];

	start(threads, 1);
	if (pthread_create(&threads[1], NULL, fork_often, library) != 0) {
		fail("no thread");
	}
	while (!atomic_load(&stop)) {
		decide();
	}
	finish(threads, 2);
	(void)hst_patch_set(test.good, test.count, false);
	compare(library);
}

/* A library that went: its sites are refused, not written to, whatever is there now. */
static void test_close(const char *library)
{
	uint8_t *page;
	struct hst_patch_site *first = test.good[0];

	count_calls();
	(void)dlclose(test.library);
	if (hst_patch_set(&first, 1, true)) {
		fail("a site that is gone was changed");
	}
	page = mmap((void *)test.lo, test.hi - test.lo, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (page != (void *)test.lo) {
		fail("the library was not unloaded");
	}
	if (hst_patch_set(&first, 1, true) || *(uint8_t *)first->at != 0) {
		fail("other code in its place was changed");
	}
	(void)munmap(page, test.hi - test.lo);
	load(library);
}

/* mprotect fails with EPERM from here on. */
static void forbid(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		fail("no seccomp");
	}
}

static void test_refused(const char *library)
{
	forbid();
	if (hst_patch_set(test.good, test.count, true) || !hst_patch_is_refused()) {
		fail("a refusal was not noticed");
	}
	compare(library);
}

/* A debugger's breakpoint at a site stays. */
static void test_breakpoint(void)
{
	struct hst_patch_site *site = test.good[0];
	void *page = (void *)(site->at & ~4095ull);

	if (mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
		fail("mprotect");
	}
	*(uint8_t *)site->at = 0xcc;
	if (hst_patch_set(&site, 1, true) || *(uint8_t *)site->at != 0xcc || site->off) {
		fail("a breakpoint was overwritten");
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fail("usage: patch-stress CASE LIBRARY");
	}
	load(argv[2]);
	find_all();
	if (strcmp(argv[1], "threads2") == 0) {
		test_threads(argv[2], 2);
	} else if (strcmp(argv[1], "threads16") == 0) {
		test_threads(argv[2], THREADS);
	} else if (strcmp(argv[1], "fork") == 0) {
		test_fork(argv[2]);
	} else if (strcmp(argv[1], "close") == 0) {
		test_close(argv[2]);
	} else if (strcmp(argv[1], "refused") == 0) {
		test_refused(argv[2]);
	} else if (strcmp(argv[1], "breakpoint") == 0) {
		test_breakpoint();
	} else {
		fail("no such case");
	}
	return 0;
}
