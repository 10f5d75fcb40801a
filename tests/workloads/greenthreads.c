/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of one's own making. `greenthreads mapping` two stacks in one mapping, switched by the program's own
 * instructions, one function deep and three; `heap` the same on stacks from malloc; `generators` ten that are read in
 * turn by swapcontext; `timer` three that a timer's handler switches by swapcontext in the middle of anything; `timer-own` the
 * same by own instructions, in one mapping; `timer-return` the same by a handler that returns to another one's registers;
 * `first` two contexts on which the first instrumented function of the process runs.
 */
#include "switch.h"
#include "workload.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#define STACK_BYTES 65536
#define ROUNDS      500
#define GENERATORS  10
#define THREADS     3
#define SWITCHES    2000
#define DEPTH       50

static void *main_stack;
static void *stacks[2];
static ucontext_t main_context;
static ucontext_t contexts[GENERATORS];
static volatile int current;
static volatile unsigned long switches;
static volatile unsigned long calls[THREADS];
static long produced;

/* What switch_to finds on a stack on which nothing ran yet. */
NOHOOK static void *prepare(char *stack, void (*body)(void))
{
	void **top = (void **)(stack + STACK_BYTES - 64);

	*--top = NULL;
	*--top = (void *)(size_t)body;
	return top - 6;
}

NOINLINE static void work_low(void)
{
	sink++;
}

NOINLINE static void work_high(void)
{
	sink++;
}

NOINLINE static void pass_low(void)
{
	work_low();
	switch_to(&stacks[0], stacks[1]);
	work_low();
}

NOINLINE static void pass_high(void)
{
	work_high();
	switch_to(&stacks[1], stacks[0]);
	work_high();
}

NOINLINE static void high_inner(void)
{
	pass_high();
	work_high();
}

NOINLINE static void high_outer(void)
{
	high_inner();
	work_high();
}

NOHOOK static void body_low(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pass_low();
	}
	switch_to(&stacks[0], main_stack);
}

NOHOOK static void body_high(void)
{
	for (;;) {
		high_outer();
	}
}

NOHOOK static void ping_pong(char *low, char *high)
{
	stacks[0] = prepare(low < high ? low : high, body_low);
	stacks[1] = prepare(low < high ? high : low, body_high);
	switch_to(&main_stack, stacks[0]);
}

NOHOOK static char *map_stacks(unsigned long count)
{
	char *map = mmap(NULL, count * STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED) {
		die("mmap");
	}
	return map;
}

NOHOOK static void make(int i, char *stack, void (*body)(void))
{
	getcontext(&contexts[i]);
	contexts[i].uc_stack.ss_sp = stack;
	contexts[i].uc_stack.ss_size = STACK_BYTES;
	contexts[i].uc_link = &main_context;
	makecontext(&contexts[i], body, 0);
}

NOINLINE static void yield(long value)
{
	produced = value;
	swapcontext(&contexts[current], &main_context);
}

NOINLINE static void produce(void)
{
	for (long i = 0;; i++) {
		work_low();
		yield(i);
	}
}

NOINLINE static long pull(int i)
{
	current = i;
	swapcontext(&main_context, &contexts[i]);
	work_high();
	return produced;
}

NOHOOK static void generators(void)
{
	char *map = map_stacks(GENERATORS);
	long sum = 0;

	for (int i = 0; i < GENERATORS; i++) {
		make(i, map + i * STACK_BYTES, produce);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < GENERATORS; i++) {
			sum += pull(i);
		}
	}
	printf("%ld\n", sum);
}

NOINLINE static int deep(int n)
{
	calls[current]++;
	return n > 0 ? deep(n - 1) + 1 : 0;
}

NOHOOK static void block(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(how, &set, NULL);
}

/* All switches happen with the signal blocked, so that none is cut off by the next. */
NOHOOK static void by_swapcontext(int number)
{
	int from = current;

	(void)number;
	current = (current + 1) % THREADS;
	switches++;
	swapcontext(&contexts[from], &contexts[current]);
}

static void *own_stacks[THREADS];
static void thread_body(void);

NOHOOK static void by_own(int number)
{
	int from = current;

	(void)number;
	current = (current + 1) % THREADS;
	switches++;
	switch_to(&own_stacks[from], own_stacks[current]);
}

struct interrupted {
	gregset_t registers;
	char fp[4096];
	int started;
};

static struct interrupted saved[THREADS];

/* Bytes of the floating point state in a signal frame: the kernel says so within it. */
NOHOOK static size_t fp_bytes(const void *fp)
{
	const uint32_t *words = fp;
	size_t bytes = words[464 / 4] == 0x46505853u ? words[468 / 4] : 512;

	return bytes < sizeof saved[0].fp ? bytes : sizeof saved[0].fp;
}

/* The kernel's frame is filled with what another thread was interrupted with. */
NOHOOK static void by_return(int number, siginfo_t *info, void *data)
{
	mcontext_t *now = &((ucontext_t *)data)->uc_mcontext;
	struct interrupted *from = &saved[current];
	struct interrupted *to;

	(void)number;
	(void)info;
	current = (current + 1) % THREADS;
	switches++;
	to = &saved[current];
	memcpy(from->registers, now->gregs, sizeof from->registers);
	memcpy(from->fp, now->fpregs, fp_bytes(now->fpregs));
	from->started = 1;
	if (to->started) {
		memcpy(now->gregs, to->registers, sizeof to->registers);
		memcpy(now->fpregs, to->fp, fp_bytes(to->fp));
	} else {
		now->gregs[REG_RSP] = (greg_t)(size_t)((void **)own_stacks[current] + 7);
		now->gregs[REG_RIP] = (greg_t)(size_t)thread_body;
	}
}

static void (*leave_threads)(void);

NOHOOK static void leave_by_context(void)
{
	setcontext(&main_context);
}

NOHOOK static void leave_by_own(void)
{
	void *ignored;

	switch_to(&ignored, main_stack);
}

NOHOOK static void thread_body(void)
{
	block(SIG_UNBLOCK);
	while (switches < SWITCHES) {
		sink += (unsigned long)deep(DEPTH);
	}
	block(SIG_BLOCK);
	leave_threads();
}

NOHOOK static void arm(
	void (*handler)(int), void (*handler_with)(int, siginfo_t *, void *), long us)
{
	struct sigaction action = { 0 };
	struct itimerval timer = { { 0, us }, { 0, us } };

	if (handler != NULL) {
		action.sa_handler = handler;
	} else {
		action.sa_sigaction = handler_with;
		action.sa_flags = SA_SIGINFO;
	}
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

NOHOOK static void tell(void)
{
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	unsigned long sum = 0;

	setitimer(ITIMER_REAL, &never, NULL);
	for (int i = 0; i < THREADS; i++) {
		sum += calls[i];
	}
	/* A thread that was cut off between a hook and its count, or in the middle of counting. */
	truth_range("deep", 1, sum + 2 * SWITCHES);
	printf("%d\n", switches >= SWITCHES);
}

NOHOOK static void timer_contexts(void)
{
	volatile int back = 0;
	char *map = map_stacks(THREADS);

	leave_threads = leave_by_context;
	block(SIG_BLOCK);
	for (int i = 0; i < THREADS; i++) {
		make(i, map + i * STACK_BYTES, thread_body);
	}
	getcontext(&main_context);
	if (back++ == 0) {
		arm(by_swapcontext, NULL, 200);
		setcontext(&contexts[0]);
	}
}

NOHOOK static void timer_own(int by_frame)
{
	char *map = map_stacks(THREADS);

	leave_threads = leave_by_own;
	block(SIG_BLOCK);
	for (int i = 0; i < THREADS; i++) {
		own_stacks[i] = prepare(map + i * STACK_BYTES, thread_body);
	}
	arm(by_frame ? NULL : by_own, by_return, 200);
	switch_to(&main_stack, own_stacks[0]);
}

NOINLINE static void step(int from, int to)
{
	work_low();
	swapcontext(&contexts[from], &contexts[to]);
	work_low();
}

static void first_low(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		step(0, 1);
	}
}

static void first_high(void)
{
	for (;;) {
		step(1, 0);
	}
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "mapping";
	char *map;

	if (strcmp(mode, "mapping") == 0) {
		map = map_stacks(2);
		ping_pong(map, map + STACK_BYTES);
	} else if (strcmp(mode, "heap") == 0) {
		map = malloc(STACK_BYTES);
		ping_pong(map, malloc(STACK_BYTES));
	} else if (strcmp(mode, "generators") == 0) {
		generators();
	} else if (strcmp(mode, "timer") == 0) {
		timer_contexts();
		tell();
	} else if (strcmp(mode, "timer-own") == 0 || strcmp(mode, "timer-return") == 0) {
		timer_own(strcmp(mode, "timer-return") == 0);
		tell();
	} else {
		map = map_stacks(2);
		make(0, map, first_low);
		make(1, map + STACK_BYTES, first_high);
		swapcontext(&main_context, &contexts[0]);
	}
	printf("done\n");
	return 0;
}
