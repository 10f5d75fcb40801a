/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory in signal handlers: `mem_signals timer | raised | jump | calls`. With the timer the program itself takes no memory while a
 * signal can come, or the handler would not be allowed to: what it interrupts are the hooks of functions.
 */
#include "mem.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

#define SIGNALS 300

static volatile sig_atomic_t ticks;
static void *held[SIGNALS];
static sigjmp_buf back;

/* Every third block stays until the end. */
NOINLINE static void in_handler(void)
{
	char *block = kept(malloc(100));
	char *other = kept(calloc(1, 50));

	fill(block, 100, 1);
	block = kept(realloc(block, 150));
	free(other);
	if (ticks % 3 == 0) {
		held[ticks] = block;
	} else {
		free(block);
	}
	sink++;
}

/* Signals that come later than the last one that counts do nothing. */
NOHOOK static void on_tick(int number)
{
	int error = errno;

	(void)number;
	if (ticks < SIGNALS) {
		in_handler();
		ticks++;
	}
	errno = error;
}

NOINLINE static void leaf(void)
{
	sink++;
}

NOINLINE static void work(void)
{
	leaf();
	leaf();
}

NOINLINE static void give_back(void)
{
	for (int i = 0; i < SIGNALS; i++) {
		free(held[i]);
	}
	sink++;
}

NOHOOK static void catch_it(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { 0 };

	action.sa_handler = handler;
	action.sa_flags = flags;
	CHECK(sigaction(number, &action, NULL) == 0);
}

NOHOOK static void timer(void)
{
	struct itimerval often = { { 0, 200 }, { 0, 200 } };
	struct itimerval never = { 0 };

	catch_it(SIGALRM, on_tick, SA_RESTART);
	setitimer(ITIMER_REAL, &often, NULL);
	while (ticks < SIGNALS) {
		work();
	}
	setitimer(ITIMER_REAL, &never, NULL);
}

/* The other way round: the handler only calls functions, so that it may come in the middle of malloc. */
NOHOOK static void on_call(int number)
{
	int error = errno;

	(void)number;
	work();
	ticks++;
	errno = error;
}

NOINLINE static void churn(int i)
{
	char *block = kept(malloc(60));
	char *other = kept(calloc(1, 70));

	fill(block, 60, i);
	block = kept(realloc(block, 80));
	check_filled(block, 60, i);
	free(other);
	free(block);
	sink++;
}

NOHOOK static void calls(void)
{
	struct itimerval often = { { 0, 200 }, { 0, 200 } };
	struct itimerval never = { 0 };
	unsigned long rounds = 0;

	catch_it(SIGALRM, on_call, SA_RESTART);
	setitimer(ITIMER_REAL, &often, NULL);
	while (ticks < SIGNALS) {
		churn((int)(rounds++ % 100));
	}
	setitimer(ITIMER_REAL, &never, NULL);
	truth("churn.allocs", 3 * rounds);
	truth("churn.frees", 3 * rounds);
	truth("churn.bytes", 210 * rounds);
	ticks = SIGNALS;
}

/* Between two allocations, on the program's stack and on another one. */
NOINLINE static void between(void)
{
	void *first = kept(malloc(1000));
	void *second;

	raise(SIGUSR1);
	second = kept(malloc(1001));
	raise(SIGUSR2);
	free(first);
	raise(SIGUSR1);
	free(second);
	sink++;
}

NOHOOK static void raised(void)
{
	static char stack[65536];
	stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };

	CHECK(sigaltstack(&other, NULL) == 0);
	catch_it(SIGUSR1, on_tick, 0);
	catch_it(SIGUSR2, on_tick, SA_ONSTACK);
	while (ticks < SIGNALS) {
		between();
	}
}

/* Out of a handler that has blocks, into the middle of a function that then takes some. */
NOINLINE static void leaving_handler(void)
{
	held[ticks] = kept(malloc(120));
	siglongjmp(back, 1);
}

NOHOOK static void on_jump(int number)
{
	(void)number;
	leaving_handler();
}

NOINLINE static void raises(void)
{
	raise(SIGUSR1);
	sink++;
}

NOINLINE static void lands(void)
{
	if (sigsetjmp(back, 1) == 0) {
		raises();
	}
	free(held[ticks]);
	held[ticks] = kept(malloc(121));
}

NOHOOK static void jump(void)
{
	catch_it(SIGUSR1, on_jump, 0);
	for (; ticks < SIGNALS; ticks++) {
		lands();
	}
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "timer") == 0) {
		timer();
	} else if (strcmp(mode, "raised") == 0) {
		raised();
	} else if (strcmp(mode, "jump") == 0) {
		jump();
	} else if (strcmp(mode, "calls") == 0) {
		calls();
	} else {
		return 2;
	}
	give_back();
	say("%s done: %d signals", mode, (int)ticks);
	return 0;
}
