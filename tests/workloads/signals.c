/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal handlers that call instrumented functions. `signals storm`: a timer fires while the
 * program does nothing but call functions, so that most signals arrive inside a hook; `jump`: the
 * handler leaves by siglongjmp, and what is called later must be counted again; `altstack`:
 * handlers on their own stack; `overflow`: an endless recursion is left that way.
 */
#include "workload.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#define SIGNALS 1500

static volatile sig_atomic_t seen;
static volatile unsigned long busy_calls;
static volatile int jumping;
static sigjmp_buf home;
static char other_stack[65536];

NOINLINE static void handler_leaf(void)
{
	sink++;
}

NOINLINE static void handler_work(void)
{
	handler_leaf();
	handler_leaf();
}

static void on_signal(int number)
{
	(void)number;
	seen++;
	handler_work();
	if (jumping) {
		siglongjmp(home, 1);
	}
}

NOINLINE static void busy_leaf(void)
{
	busy_calls++;
}

NOINLINE static void busy(void)
{
	busy_leaf();
	busy_leaf();
}

NOINLINE static void after(void)
{
	sink++;
}

NOINLINE static unsigned long endless(unsigned long n)
{
	volatile char room[512];

	room[n % 512] = 1;
	if (n == 0) {
		return 0;
	}
	n = endless(n + 1) + (unsigned long)room[n % 512];
	return n;
}

NOHOOK static void arm(int number, int flags, long every_us)
{
	struct sigaction action = { 0 };
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof other_stack };
	struct itimerval timer = { { 0, every_us }, { 0, every_us } };

	action.sa_handler = on_signal;
	action.sa_flags = flags;
	sigaltstack(&stack, NULL);
	sigaction(number, &action, NULL);
	if (every_us != 0) {
		setitimer(ITIMER_REAL, &timer, NULL);
	}
}

NOHOOK static void disarm(void)
{
	struct itimerval timer = { { 0, 0 }, { 0, 0 } };

	setitimer(ITIMER_REAL, &timer, NULL);
	signal(SIGALRM, SIG_IGN);
	jumping = 0;
}

NOHOOK static void handler_truth(void)
{
	truth("on_signal", (unsigned long)seen);
	truth("handler_work", (unsigned long)seen);
	truth("handler_leaf", 2 * (unsigned long)seen);
}

static void storm(void)
{
	unsigned long rounds = 0;

	arm(SIGALRM, SA_RESTART, 150);
	while (seen < SIGNALS) {
		busy();
		rounds++;
	}
	disarm();
	handler_truth();
	truth("busy", rounds);
	truth("busy_leaf", 2 * rounds);
}

/* A call that a signal cut off may have been counted by one side only, on either side of the
 * hook. */
static void jump(void)
{
	static volatile unsigned long rounds;
	unsigned long cut;

	jumping = 1;
	if (sigsetjmp(home, 1) == 0) {
		arm(SIGALRM, 0, 150);
	}
	while (seen < SIGNALS) {
		rounds++;
		busy();
	}
	disarm();
	for (int i = 0; i < 100000; i++) {
		after();
	}
	cut = (unsigned long)seen;
	handler_truth();
	/* A few may be needed to find out that the hook which was left is not coming back. */
	truth_range("after", 100000 - 8, 100000);
	truth_range("busy", rounds < cut ? 0 : rounds - cut, rounds + cut);
	truth_range("busy_leaf", busy_calls < cut ? 0 : busy_calls - cut, busy_calls + 2 * cut);
}

static void altstack(void)
{
	arm(SIGUSR1, SA_ONSTACK, 0);
	for (int i = 0; i < 1000; i++) {
		busy();
		raise(SIGUSR1);
	}
	handler_truth();
	truth("busy", 1000);
	truth("busy_leaf", 2000);
}

static void overflow(void)
{
	struct rlimit small = { 1 << 20, 1 << 20 };

	setrlimit(RLIMIT_STACK, &small);
	jumping = 1;
	arm(SIGSEGV, SA_ONSTACK | SA_NODEFER, 0);
	if (sigsetjmp(home, 1) == 0) {
		printf("%lu\n", endless(1));
	}
	jumping = 0;
	for (int i = 0; i < 1000; i++) {
		after();
	}
	handler_truth();
	truth("after", 1000);
	truth_range("endless", 500, 2000000);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "storm";

	if (strcmp(mode, "storm") == 0) {
		storm();
	} else if (strcmp(mode, "jump") == 0) {
		jump();
	} else if (strcmp(mode, "altstack") == 0) {
		altstack();
	} else {
		overflow();
	}
	truth("main", 1);
	truth(strcmp(mode, "storm") == 0 ? "storm" : mode, 1);
	printf("done\n");
	return 0;
}
