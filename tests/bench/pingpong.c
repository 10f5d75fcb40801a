/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pingpong TURNS SPINS`: two threads on one CPU that give each other the turn through pipes, SPINS rounds of work and a few calls
 * per turn. Prints the CPU time of the process in ns, the wall time in ns, the context switches, and of all pieces of 200 turns
 * the CPU time of the one that took least, in ns per turn: nothing disturbed it.
 */
#include "times.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static volatile unsigned sink;
static int turns;
static int spins;

#define PIECE 200

struct side {
	int in, out;
	uint64_t least; /* ns of a piece, of the thread that looks; else UINT64_MAX stays */
	int looks;
};

NOHOOK static uint64_t spent(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

__attribute__((noinline)) static void work(int count)
{
	for (int i = 0; i < count; i++) {
		sink++;
	}
}

__attribute__((noinline)) static void turn(void)
{
	for (int i = 0; i < 8; i++) {
		work(spins / 8);
	}
}

NOHOOK static void *play(void *data)
{
	struct side *side = data;
	uint64_t begin = 0;
	char byte = 0;

	for (int i = 0; i < turns; i++) {
		if (side->looks && i % PIECE == 0) {
			uint64_t at = spent();

			if (i > 0 && at - begin < side->least) {
				side->least = at - begin;
			}
			begin = at;
		}
		if (read(side->in, &byte, 1) != 1) {
			exit(1);
		}
		turn();
		if (write(side->out, &byte, 1) != 1) {
			exit(1);
		}
	}
	return NULL;
}

NOHOOK int main(int argc, char **argv)
{
	struct side sides[2];
	struct rusage usage;
	pthread_t thread;
	cpu_set_t set;
	uint64_t start;
	int there[2];
	int back[2];

	turns = argc > 1 ? atoi(argv[1]) : 10000;
	spins = argc > 2 ? atoi(argv[2]) : 10000;
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0 || pipe(there) != 0 || pipe(back) != 0) {
		return 1;
	}
	sides[0] = (struct side){ back[0], there[1], UINT64_MAX, 1 };
	sides[1] = (struct side){ there[0], back[1], UINT64_MAX, 0 };
	start = now();
	pthread_create(&thread, NULL, play, &sides[1]);
	if (write(back[1], "", 1) != 1) {
		return 1;
	}
	play(&sides[0]);
	pthread_join(thread, NULL);
	getrusage(RUSAGE_SELF, &usage);
	printf("%llu %llu %ld %llu\n",
		(unsigned long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
				1000000000ull +
			(unsigned long long)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) *
				1000ull,
		(unsigned long long)(now() - start), usage.ru_nvcsw + usage.ru_nivcsw,
		(unsigned long long)(sides[0].least / PIECE));
	return 0;
}
