/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call costs that is answered from a cache, and one that is looked up in vain: memocalls hit|miss CALLS DEPTH [THREADS].
 * Under DEPTH callers, so that the processor's predictor of returns has as many. Prints nanoseconds per call: the best of 20 rounds.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))
#define UNSEEN   __attribute__((no_instrument_function))

static UNSEEN uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* Two scalars, and a body of a few nanoseconds. */
NOINLINE uint64_t work(uint64_t a, uint32_t b)
{
	uint64_t sum = a;

	for (uint32_t i = 0; i < 4; i++) {
		sum = sum * 6364136223846793005ull + b;
	}
	__asm__("" : "+r"(sum)); /* known before the exit hook is called */
	return sum;
}

/* The same, which no plan names. */
NOINLINE uint64_t plain(uint64_t a, uint32_t b)
{
	uint64_t sum = a;

	for (uint32_t i = 0; i < 4; i++) {
		sum = sum * 6364136223846793005ull + b;
	}
	__asm__("" : "+r"(sum)); /* known before the exit hook is called */
	return sum;
}

typedef uint64_t worker(uint64_t a, uint32_t b);

static UNSEEN NOINLINE uint64_t calls(worker *of, uint64_t count, uint64_t keys, uint64_t from)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count; i++) {
		sum += of(from + i % keys, 7);
	}
	return sum;
}

/* Frames between the measurement and the calls; each has work behind the call, so that none is a jump. */
static UNSEEN NOINLINE uint64_t under(
	unsigned depth, worker *of, uint64_t count, uint64_t keys, uint64_t from)
{
	uint64_t sum;

	if (depth == 0) {
		return calls(of, count, keys, from);
	}
	sum = under(depth - 1, of, count, keys, from);
	__asm__ volatile("" : "+r"(sum));
	return sum + depth;
}

/* Each call returns through all of its callers: DEPTH returns per call. */
static UNSEEN NOINLINE uint64_t through(unsigned depth, worker *of, uint64_t a)
{
	uint64_t sum;

	if (depth <= 1) {
		sum = of(a, 7);
	} else {
		sum = through(depth - 1, of, a);
	}
	__asm__ volatile("" : "+r"(sum));
	return sum + 1;
}

static UNSEEN NOINLINE uint64_t chains(
	unsigned depth, worker *of, uint64_t count, uint64_t keys, uint64_t from)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count; i++) {
		sum += through(depth, of, from + i % keys);
	}
	return sum;
}

struct job {
	worker *of;
	uint64_t count, keys, sum;
	unsigned depth;
};

static UNSEEN void *thread_main(void *data)
{
	struct job *job = data;

	job->sum = under(job->depth, job->of, job->count, job->keys, 0);
	return NULL;
}

static UNSEEN double threads_ns(struct job *job, unsigned count)
{
	pthread_t threads[16];
	struct job jobs[16];
	uint64_t start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		jobs[i] = *job;
		pthread_create(&threads[i], NULL, thread_main, &jobs[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
	}
	return (double)(now_ns() - start) / (double)(job->count * count);
}

UNSEEN int main(int argc, char **argv)
{
	int miss = argc > 1 && strcmp(argv[1], "miss") == 0;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	unsigned depth = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	unsigned threads = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
	double best[2] = { 1e9, 1e9 };
	volatile uint64_t sum = 0;

	if (threads != 0) {
		struct job job = { work, count, 64, 0, depth };

		(void)under(depth, work, 100000, 64, 0); /* until hits are served */
		printf("%u threads: %.2f ns per call\n", threads, threads_ns(&job, threads));
		return 0;
	}
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned which = 0; which < 2; which++) {
			worker *of = which == 0 ? work : plain;
			uint64_t keys = miss ? UINT64_MAX : 64;
			uint64_t from = miss ? (uint64_t)(round + 1) << 40 : 0;
			uint64_t start = now_ns();
			double ns;

			sum += chains(depth, of, count, keys, from);
			ns = (double)(now_ns() - start) / (double)count;
			best[which] = ns < best[which] ? ns : best[which];
		}
	}
	printf("planned %.2f ns, not planned %.2f ns per call\n", best[0], best[1]);
	return 0;
}
