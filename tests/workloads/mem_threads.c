/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks and threads: `mem_threads ring | exchange | short | tsd | stacks | left`.
 */
#include "mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define THREADS 16
#define ROUNDS  4000
#define SLOTS   8

NOHOOK static void start(pthread_t *thread, pthread_attr_t *attr, void *(*body)(void *), void *arg)
{
	int error = pthread_create(thread, attr, body, arg);

	CHECK(error == 0);
}

/* ring: thread i gives each of its blocks to thread i + 1, which frees it; at most one is under way. */
struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void *block;
};

static struct mailbox boxes[THREADS];

NOHOOK static void put(struct mailbox *box, void *block)
{
	pthread_mutex_lock(&box->lock);
	while (box->block != NULL) {
		pthread_cond_wait(&box->changed, &box->lock);
	}
	box->block = block;
	pthread_cond_broadcast(&box->changed);
	pthread_mutex_unlock(&box->lock);
}

NOHOOK static void *take(struct mailbox *box)
{
	void *block;

	pthread_mutex_lock(&box->lock);
	while (box->block == NULL) {
		pthread_cond_wait(&box->changed, &box->lock);
	}
	block = box->block;
	box->block = NULL;
	pthread_cond_broadcast(&box->changed);
	pthread_mutex_unlock(&box->lock);
	return block;
}

NOINLINE static void send(size_t i, int n)
{
	void *block = kept(malloc(64));

	fill(block, 64, n);
	put(&boxes[i], block);
}

NOINLINE static void receive(size_t i, int n)
{
	void *block = take(&boxes[(i + THREADS - 1) % THREADS]);

	check_filled(block, 64, n);
	free(block);
	sink++;
}

NOHOOK static void *ring_body(void *arg)
{
	size_t i = (size_t)arg;

	for (int n = 0; n < ROUNDS; n++) {
		send(i, n);
		receive(i, n);
	}
	return NULL;
}

/* exchange: each thread puts its block into a slot and frees what was there, whoever's it was. */
struct owned {
	size_t thread;
	size_t filler[5];
};

static _Atomic(struct owned *) slots[SLOTS];
static atomic_ulong foreign;
static pthread_barrier_t barrier;

NOINLINE static struct owned *make(size_t i)
{
	struct owned *block = kept(malloc(sizeof *block));

	block->thread = i;
	return block;
}

NOINLINE static void drop(struct owned *block, size_t i)
{
	if (block != NULL) {
		atomic_fetch_add(&foreign, block->thread != i);
		block->thread = ~(size_t)0;
		free(block);
	}
	sink++;
}

NOHOOK static void *exchange_body(void *arg)
{
	size_t i = (size_t)arg;
	uint32_t random = (uint32_t)i;

	for (int n = 0; n < ROUNDS; n++) {
		struct owned *mine;

		/* Or one would be done before the next begins. */
		if (n % 50 == 0) {
			pthread_barrier_wait(&barrier);
		}
		mine = make(i);
		mine = atomic_exchange(&slots[next_random(&random) % SLOTS], mine);
		/* A processor reads its clock as soon as it can: the free's before it has the block, were it not for this. */
		__builtin_ia32_lfence();
		drop(mine, i);
	}
	return NULL;
}

NOHOOK static void all_at_once(void *(*body)(void *))
{
	pthread_t threads[THREADS];

	CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
	for (size_t i = 0; i < THREADS; i++) {
		boxes[i] = (struct mailbox){ PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
			NULL };
	}
	for (size_t i = 0; i < THREADS; i++) {
		start(&threads[i], NULL, body, (void *)i);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* short: 1000 threads, one after another; each keeps one of its three blocks, which its joiner frees. */
NOINLINE static void *brief(void *arg)
{
	void *first = kept(malloc(200));
	void *second = kept(malloc(201));

	(void)arg;
	free(first);
	first = kept(malloc(202));
	free(second);
	return first;
}

NOHOOK static void short_ones(void)
{
	for (int i = 0; i < 1000; i++) {
		pthread_t thread;
		void *left = NULL;

		start(&thread, NULL, brief, NULL);
		pthread_join(thread, &left);
		free(left);
	}
}

/* tsd: destructors of thread-specific data that take and give back memory, and ask to be called again. */
static pthread_key_t keys[2];

NOINLINE static void farewell_work(void)
{
	void *block = kept(malloc(300));

	free(block);
	block = kept(calloc(3, 100));
	free(block);
	sink++;
}

NOINLINE static void *farewell_again(void)
{
	return kept(malloc(301));
}

NOHOOK static void farewell(void *value)
{
	farewell_work();
	free(value);
}

/* The first time it leaves another block for a second round of the destructors. */
NOHOOK static void farewell_twice(void *value)
{
	int again = *(char *)value == 1;

	free(value);
	farewell_work();
	if (again) {
		value = farewell_again();
		*(char *)value = 0;
		pthread_setspecific(keys[1], value);
	}
}

NOINLINE static void settle(void)
{
	char *first = kept(malloc(302));
	char *second = kept(malloc(303));

	*second = 1;
	pthread_setspecific(keys[0], first);
	pthread_setspecific(keys[1], second);
}

NOHOOK static void *keeper(void *arg)
{
	settle();
	return arg;
}

NOHOOK static void tsd(void)
{
	pthread_t thread;

	CHECK(pthread_key_create(&keys[0], farewell) == 0);
	CHECK(pthread_key_create(&keys[1], farewell_twice) == 0);
	for (int i = 0; i < 50; i++) {
		start(&thread, NULL, keeper, NULL);
		pthread_join(thread, NULL);
	}
}

/* stacks: of a size that was asked for, and one that the program brought. */
NOINLINE static void *on_stack(void *arg)
{
	char room[20000];

	fill(room, sizeof room, 1);
	check_filled(kept(room), sizeof room, 1);
	free(kept(malloc(400)));
	return arg;
}

NOHOOK static void stacks(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *own = mmap(NULL, 131072, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(own != MAP_FAILED && pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstacksize(&attr, 512 << 10) == 0);
	start(&thread, &attr, on_stack, NULL);
	pthread_join(thread, NULL);
	CHECK(pthread_attr_setstack(&attr, own, 131072) == 0);
	start(&thread, &attr, on_stack, NULL);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	munmap(own, 131072);
}

/* left: the program ends while threads are there that have blocks. */
NOINLINE static void *waits(void *arg)
{
	void *block = kept(malloc(500));

	free(kept(malloc(501)));
	pthread_barrier_wait(&barrier);
	for (;;) {
		pause();
		fill(block, 500, 1);
	}
	return arg;
}

NOHOOK static void left(void)
{
	pthread_t thread;

	CHECK(pthread_barrier_init(&barrier, NULL, 9) == 0);
	for (int i = 0; i < 8; i++) {
		start(&thread, NULL, waits, NULL);
	}
	pthread_barrier_wait(&barrier);
}

NOHOOK int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	unsigned long few;

	if (strcmp(mode, "ring") == 0) {
		all_at_once(ring_body);
	} else if (strcmp(mode, "exchange") == 0) {
		all_at_once(exchange_body);
		for (int i = 0; i < SLOTS; i++) {
			drop(atomic_load(&slots[i]), THREADS);
		}
		/*
		 * Two blocks of one address that come and go within the time by which a processor may read its clock early
		 * cannot be told apart: so who freed which is known but for a few.
		 */
		few = atomic_load(&foreign) / 100 + 2;
		truth_range(
			"make.foreign", atomic_load(&foreign) - few, atomic_load(&foreign) + few);
	} else if (strcmp(mode, "short") == 0) {
		short_ones();
	} else if (strcmp(mode, "tsd") == 0) {
		tsd();
	} else if (strcmp(mode, "stacks") == 0) {
		stacks();
	} else if (strcmp(mode, "left") == 0) {
		left();
	} else {
		return 2;
	}
	say("%s done", mode);
	return 0;
}
