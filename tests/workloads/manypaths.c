/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fourteen functions that call each other at random: `manypaths full` makes more calling contexts,
 * and more ways between them, than the tree of profile mode has room for; `manypaths timer` is
 * shallow, while a timer's signals, whose handler does nothing, interrupt whatever runs. Calls are
 * counted by the functions themselves.
 */
#include "workload.h"

#include <signal.h>
#include <sys/time.h>

#define FUNCTIONS 14

typedef void (*function)(int depth);

static uint32_t state = 1;
static unsigned long calls[FUNCTIONS];
static function const functions[FUNCTIONS];

#define DEFINE(n)                                         \
 NOINLINE static void f##n(int depth)                     \
 {                                                        \
  calls[n]++;                                             \
  if (depth > 0) {                                        \
   functions[next_random(&state) % FUNCTIONS](depth - 1); \
   sink++;                                                \
  }                                                       \
 }

DEFINE(0)
DEFINE(1)
DEFINE(2)
DEFINE(3)
DEFINE(4)
DEFINE(5)
DEFINE(6)
DEFINE(7)
DEFINE(8)
DEFINE(9)
DEFINE(10)
DEFINE(11)
DEFINE(12)
DEFINE(13)

static function const functions[FUNCTIONS] = { f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11,
	f12, f13 };

NOHOOK static void on_timer(int number)
{
	(void)number;
}

NOHOOK static void set_timer(long every_us)
{
	struct itimerval timer = { { 0, every_us }, { 0, every_us } };

	signal(SIGALRM, on_timer);
	setitimer(ITIMER_REAL, &timer, NULL);
}

int main(int argc, char **argv)
{
	int timer = argc > 1 && strcmp(argv[1], "timer") == 0;
	int rounds = timer ? 20000 : 200000;
	char name[8];

	set_timer(timer ? 100 : 0);
	for (int i = 0; i < rounds; i++) {
		functions[next_random(&state) % FUNCTIONS](timer ? 5 : 20);
	}
	set_timer(0);
	for (int i = 0; i < FUNCTIONS; i++) {
		snprintf(name, sizeof name, "f%d", i);
		truth(name, calls[i]);
	}
	truth("main", 1);
	printf("done\n");
	return 0;
}
