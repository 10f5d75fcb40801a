/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions so small that their hooks cost more than they do, and how often each was called. Whatever is done to their call sites
 * while they run, the sums must come out the same.
 *
 *   throttled steady ITEMS            one thread
 *   throttled threads COUNT ITEMS     so many at once, with a storm of signals
 *   throttled reload ONE TWO ITEMS    two libraries with hooks, which take each other's place, come and go all the time
 *   throttled replace ONE TWO ITEMS   the same, six times, with so many calls each
 *   throttled jit ITEMS               two threads make code that calls the hooks, look at it, and make it anew
 *   throttled fork ITEMS              children go on with the same work
 *   throttled refused ITEMS           mprotect is forbidden from the start of main on
 *   throttled outer ITEMS             all that is done is done in a function that calls itself
 *   throttled left ITEMS              the same function, and then another one, called by a function without hooks
 *   throttled jumps ITEMS             the exit hook is jumped to, and the code there looked at when all is done
 */
#include "workload.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TINY     400u /* calls per item */
#define SIGNALS  200u
#define REPLACED 6u

static uint64_t items;
static _Thread_local volatile uint64_t dust;

__attribute__((noinline)) static uint64_t tiny(uint64_t a, uint64_t b)
{
	return (a ^ (b << 7)) * 0x9e3779b97f4a7c15ull + b;
}

/* Its exit hook is jumped to. */
__attribute__((noinline)) static void sweep(uint64_t value)
{
	dust = value;
}

static inline uint64_t inlined(uint64_t value)
{
	return value ^ (value >> 29);
}

__attribute__((noinline)) static uint64_t item(uint64_t state)
{
	for (unsigned i = 0; i < TINY; i++) {
		state = inlined(tiny(state, i));
	}
	sweep(state);
	return state;
}

static void *work(void *data)
{
	uint64_t state = (uint64_t)(uintptr_t)data;

	for (uint64_t i = 0; i < items; i++) {
		state = item(state);
	}
	return (void *)(uintptr_t)state;
}

static void handle(int number)
{
	(void)number;
	(void)tiny(1, 2);
}

static int threads(unsigned count)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
	pthread_t all[64];
	uint64_t sum = 0;

	(void)sigaction(SIGUSR1, &action, NULL);
	for (unsigned i = 0; i < count; i++) {
		(void)pthread_create(&all[i], NULL, work, (void *)(uintptr_t)(i + 1));
	}
	for (unsigned i = 0; i < SIGNALS; i++) {
		(void)pthread_kill(all[i % count], SIGUSR1);
		(void)usleep(100);
	}
	for (unsigned i = 0; i < count; i++) {
		void *result;

		(void)pthread_join(all[i], &result);
		sum += (uint64_t)(uintptr_t)result;
	}
	printf("%016lx\n", (unsigned long)sum);
	return 0;
}

static uint64_t in_turn(char **libraries, uint64_t rounds, uint64_t calls)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		void *library = dlopen(libraries[i % 2], RTLD_NOW | RTLD_LOCAL);
		unsigned long (*call)(unsigned long) = NULL;

		if (library != NULL) {
			*(void **)&call = dlsym(library, i % 2 == 0 ? "alpha" : "omega");
		}
		for (uint64_t k = 0; call != NULL && k < calls; k++) {
			sum += call(k);
		}
		sum += call == NULL;
		if (library != NULL) {
			(void)dlclose(library);
		}
	}
	return sum;
}

static void *reloading(void *data)
{
	return (void *)(uintptr_t)in_turn(data, items / 100, 300);
}

static int reload(char **libraries)
{
	pthread_t thread;
	void *result;
	void *other;

	(void)pthread_create(&thread, NULL, reloading, libraries);
	result = work((void *)7);
	(void)pthread_join(thread, &other);
	printf("%016lx %016lx\n", (unsigned long)(uintptr_t)result,
		(unsigned long)(uintptr_t)other);
	return 0;
}

void __cyg_profile_func_enter(void *fn, void *site);
void __cyg_profile_func_exit(void *fn, void *site);

/* enter and exit by `call *slot(%rip)`, as a compiler calls them without a linkage table. Its number comes back. */
static const uint8_t code_model[] = {
	0x48, 0x83, 0xec, 0x08,                   /*  0 sub $8, %rsp */
	0x48, 0x8d, 0x3d, 0xf5, 0xff, 0xff, 0xff, /*  4 lea 0(%rip), %rdi */
	0x48, 0x8b, 0x74, 0x24, 0x08,             /* 11 mov 8(%rsp), %rsi */
	0xff, 0x15, 0x2a, 0x00, 0x00, 0x00,       /* 16 call *64(%rip) */
	0x48, 0x8d, 0x3d, 0xe3, 0xff, 0xff, 0xff, /* 22 lea 0(%rip), %rdi */
	0x48, 0x8b, 0x74, 0x24, 0x08,             /* 29 mov 8(%rsp), %rsi */
	0xff, 0x15, 0x20, 0x00, 0x00, 0x00,       /* 34 call *72(%rip) */
	0xb8, 0x00, 0x00, 0x00, 0x00,             /* 40 mov $number, %eax */
	0x48, 0x83, 0xc4, 0x08, 0xc3,             /* 45 add $8, %rsp; ret */
};
#define CODE_NUMBER 41u
#define CODE_SLOTS  64u
#define PAGE        4096u

NOHOOK static void make_code(uint8_t *page, uint32_t number)
{
	void *slots[2] = { (void *)__cyg_profile_func_enter, (void *)__cyg_profile_func_exit };

	if (mprotect(page, PAGE, PROT_READ | PROT_WRITE) != 0) {
		abort();
	}
	memcpy(page, code_model, sizeof code_model);
	memcpy(page + CODE_NUMBER, &number, sizeof number);
	memcpy(page + CODE_SLOTS, slots, sizeof slots);
	if (mprotect(page, PAGE, PROT_READ | PROT_EXEC) != 0) {
		abort();
	}
}

/* How often the code was not what had been written. */
NOHOOK static void *making(void *data)
{
	uint8_t *page = data;
	uint64_t wrong = 0;
	uint32_t (*call)(void);

	memcpy(&call, &data, sizeof call);
	for (uint32_t i = 0; i < items / 100; i++) {
		make_code(page, i);
		for (unsigned k = 0; k < 10000; k++) {
			wrong += call() != i;
		}
		wrong += memcmp(page, code_model, CODE_NUMBER) != 0;
		wrong += memcmp(page + CODE_NUMBER + 4, code_model + CODE_NUMBER + 4,
				 sizeof code_model - CODE_NUMBER - 4) != 0;
	}
	return (void *)(uintptr_t)wrong;
}

static int jit(void)
{
	uint8_t *pages = mmap(
		NULL, (size_t)2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;
	void *one;
	void *two;

	if (pages == MAP_FAILED || pthread_create(&thread, NULL, making, pages) != 0) {
		return 1;
	}
	two = making(pages + PAGE);
	(void)pthread_join(thread, &one);
	printf("%lu %lu times other code\n", (unsigned long)(uintptr_t)one,
		(unsigned long)(uintptr_t)two);
	return 0;
}

static int forks(void)
{
	uint64_t all = items;
	int wrong = 0;

	items = all / 8;
	for (unsigned i = 0; i < 8; i++) {
		uint64_t expected = (uint64_t)(uintptr_t)work((void *)3);
		pid_t pid = fork();
		int status = 0;

		if (pid == 0) {
			_exit((uint64_t)(uintptr_t)work((void *)3) == expected ? 0 : 1);
		}
		(void)waitpid(pid, &status, 0);
		wrong += status != 0;
	}
	printf("%d wrong\n", wrong);
	return 0;
}

/* By the instruction, since a call of prctl would be seen. */
NOHOOK static void forbid(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

	(void)raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0);
	if (raw_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&program) != 0) {
		puts("no seccomp");
	}
}

/* Slow enough that its hooks cost little. */
__attribute__((noinline)) static uint64_t heavy(uint64_t state)
{
	for (unsigned i = 0; i < 4000; i++) {
		state = state * 31 + i;
	}
	return state;
}

/* Its innermost calls do nearly nothing, and once in a while something: a hook comes from deep within. */
__attribute__((noinline)) static uint64_t nest(unsigned depth, uint64_t state, uint64_t rounds)
{
	if (depth == 0) {
		return state % 16384 == 0 ? heavy(state) : tiny(state, rounds);
	}
	for (uint64_t i = 0; i < rounds; i++) {
		state = nest(depth - 1, state + i, 2);
	}
	return state;
}

/* Whoever called `nest` before is the caller of this one, too. */
NOHOOK __attribute__((noinline)) static uint64_t without_hooks(uint64_t state, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		state = heavy(state);
	}
	return state;
}

#define CODE_LOOKED 64u

/* In how many places `sweep` returns now where it jumped. */
NOHOOK static unsigned returns_now(const uint8_t *before)
{
	const uint8_t *now = (const uint8_t *)(uintptr_t)sweep;
	unsigned count = 0;

	for (unsigned i = 0; i < CODE_LOOKED; i++) {
		count += now[i] != before[i] && now[i] == 0xc3;
	}
	return count;
}

/* What the code looks like goes to stderr, as it is to be another one where we are. In a window it is as it was. */
static int jumps(void)
{
	uint8_t before[CODE_LOOKED];
	unsigned count = 0;

	memcpy(before, (const void *)(uintptr_t)sweep, sizeof before);
	for (unsigned round = 0; round < 8 && count == 0; round++) {
		for (uint64_t i = 0; i < items * TINY / 8; i++) {
			sweep(i);
		}
		(void)heavy(items);
		count = returns_now(before);
	}
	printf("%016lx\n", (unsigned long)dust);
	fprintf(stderr, "%s\n", count != 0 ? "returns" : "jumps");
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";

	items = strtoull(argv[argc - 1], NULL, 10);
	if (strcmp(mode, "threads") == 0) {
		return threads((unsigned)atoi(argv[2]));
	}
	if (strcmp(mode, "reload") == 0) {
		return reload(argv + 2);
	}
	if (strcmp(mode, "replace") == 0) {
		printf("%016lx\n", (unsigned long)in_turn(argv + 2, REPLACED, items));
		return 0;
	}
	if (strcmp(mode, "jit") == 0) {
		return jit();
	}
	if (strcmp(mode, "fork") == 0) {
		return forks();
	}
	if (strcmp(mode, "outer") == 0) {
		printf("%016lx\n", (unsigned long)nest(12, 1, items));
		return 0;
	}
	if (strcmp(mode, "left") == 0) {
		printf("%016lx\n", (unsigned long)without_hooks(nest(12, 1, items / 50), items));
		return 0;
	}
	if (strcmp(mode, "jumps") == 0) {
		return jumps();
	}
	if (strcmp(mode, "refused") == 0) {
		forbid();
	}
	printf("%016lx\n", (unsigned long)(uintptr_t)work((void *)1));
	return 0;
}
