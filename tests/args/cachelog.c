/* SPDX-License-Identifier: Apache-2.0 */
/* cachelog LOG: functions that repeat in all the ways that a cache may meet, in several threads; they log themselves. */
#include "calllog.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>

#define FUNCTION __attribute__((noinline))
#define THREADS  4
#define ROUNDS   12
#define CALLS    40

struct pair {
	int a, b;
};
struct node {
	struct node *left, *right;
	int value;
};

static volatile int sink;
static __thread jmp_buf place;
static int flips;
static struct node nodes[31];
static struct pair pairs[2];
static char texts[2][8] = { "   x", "   y" };

/* Some microseconds: worth a cache. */
FUNCTION long slow(long n, unsigned char kind)
{
	long result = n;

	LOG_CALL("slow", LOG_INT(n), LOG_INT(kind));
	for (int i = 0; i < 3000; i++) {
		result = result * 31 + kind;
		__asm__ volatile("" : "+r"(result));
	}
	LOG_RESULT(LOG_INT(result));
	return result;
}

FUNCTION int quick(int a, short b)
{
	int result = a / 3 - b;

	LOG_CALL("quick", LOG_INT(a), LOG_INT(b));
	LOG_RESULT(LOG_INT(result));
	return result;
}

/* Its result hangs on more than its argument for some keys. */
FUNCTION int flipping(int key)
{
	int result = key % 3 == 0 && ++flips % 5 == 0 ? -key - 1 : key;

	LOG_CALL("flipping", LOG_INT(key));
	LOG_RESULT(LOG_INT(result));
	return result;
}

FUNCTION double scaled(double x, float y, unsigned n)
{
	double result = x * (double)y + n;

	LOG_CALL("scaled", LOG_DOUBLE(x), LOG_FLOAT(y), LOG_INT(n));
	LOG_RESULT(LOG_DOUBLE(result));
	return result;
}

FUNCTION bool is_odd(unsigned long n)
{
	bool result = n & 1;

	LOG_CALL("is_odd", LOG_INT(n));
	LOG_RESULT(LOG_INT(result));
	return result;
}

FUNCTION void effect(int n)
{
	LOG_CALL("effect", LOG_INT(n));
	sink += n;
	LOG_END();
}

FUNCTION int constant(void)
{
	LOG_CALL_NONE("constant");
	LOG_RESULT(LOG_INT(7));
	return 7;
}

FUNCTION int paired(struct pair p, int n)
{
	int result = p.a * n - p.b;

	LOG_CALL("paired", LOG_INT(p.a), LOG_INT(p.b), LOG_INT(n));
	LOG_RESULT(LOG_INT(result));
	return result;
}

FUNCTION long many(int a, long b, short c, char d, int e, unsigned f, long g, int h, double x)
{
	long result = a + b + c + d + e + f + g + h + (long)x;

	LOG_CALL("many", LOG_INT(a), LOG_INT(b), LOG_INT(c), LOG_INT(d), LOG_INT(e), LOG_INT(f),
		LOG_INT(g), LOG_INT(h), LOG_DOUBLE(x));
	LOG_RESULT(LOG_INT(result));
	return result;
}

/* Calls of itself with the same keys again and again. */
FUNCTION int fib(int n)
{
	int result;

	LOG_CALL("fib", LOG_INT(n));
	result = n < 2 ? n : fib(n - 1) + fib(n - 2);
	LOG_RESULT(LOG_INT(result));
	return result;
}

/* Calls of itself with other keys; as a whole it comes again. */
FUNCTION int sum(const struct node *node, int factor)
{
	int result = 0;

	LOG_CALL("sum", LOG_POINTER(node), LOG_INT(factor));
	if (node != NULL) {
		result = node->value * factor + sum(node->left, factor) + sum(node->right, factor);
	}
	LOG_RESULT(LOG_INT(result));
	return result;
}

/* A way through two functions and back. */
FUNCTION int ping(int n);
FUNCTION int pong(int n, int rest)
{
	int result;

	LOG_CALL("pong", LOG_INT(n), LOG_INT(rest));
	result = rest == 0 ? n : ping(n - 1) + rest;
	LOG_RESULT(LOG_INT(result));
	return result;
}
FUNCTION int ping(int n)
{
	int result;

	LOG_CALL("ping", LOG_INT(n));
	result = n <= 0 ? 0 : pong(n, n % 3);
	LOG_RESULT(LOG_INT(result));
	return result;
}

/* What it does is behind its pointer; its result says nothing. */
FUNCTION int bumped(struct pair *pair, int n)
{
	LOG_CALL("bumped", LOG_POINTER(pair), LOG_INT(n));
	for (int i = 0; i < 3000; i++) {
		pair->a = pair->a * 31 + n;
		__asm__ volatile("" : : : "memory");
	}
	LOG_RESULT(LOG_INT(0));
	return 0;
}

/* What it returns may be changed. */
FUNCTION struct node *found(int n)
{
	struct node *result = &nodes[n % 5];

	LOG_CALL("found", LOG_INT(n));
	LOG_RESULT(LOG_POINTER(result));
	return result;
}

/* Its result leads into its argument, of which the text counts. */
FUNCTION const char *behind(const char *text)
{
	const char *result = text;

	LOG_CALL("behind", LOG_TEXT(text));
	while (*result == ' ') {
		result++;
	}
	LOG_RESULT(LOG_POINTER(result));
	return result;
}

/* Of its argument the text counts, wherever it is. */
FUNCTION int longer(const char *text)
{
	int result = 0;

	LOG_CALL("longer", LOG_TEXT(text));
	for (int i = 0; i < 2000; i++) {
		result += text[i % 2] + i;
		__asm__ volatile("" : "+r"(result));
	}
	LOG_RESULT(LOG_INT(result));
	return result;
}

static inline __attribute__((always_inline)) int inlined(int a, int b)
{
	int result = a * b;

	LOG_CALL("inlined", LOG_INT(a), LOG_INT(b));
	__asm__ volatile("" : "+r"(result));
	LOG_RESULT(LOG_INT(result));
	return result;
}

static int maybe_inlined(int a, long b)
{
	int result = a + (int)b;

	LOG_CALL("maybe_inlined", LOG_INT(a), LOG_INT(b));
	sink += inlined(a & 3, result & 7);
	LOG_RESULT(LOG_INT(result));
	return result;
}

/* Slow, with something slow in it that comes from elsewhere, too. */
FUNCTION long outer(int n)
{
	long result;

	LOG_CALL("outer", LOG_INT(n));
	result = slow(n % 5, 1) + slow(n % 3, 2);
	LOG_RESULT(LOG_INT(result));
	return result;
}

FUNCTION int leaving(int n)
{
	LOG_CALL("leaving", LOG_INT(n));
	if (n % 4 == 0) {
		longjmp(place, 1);
	}
	LOG_RESULT(LOG_INT(-n));
	return -n;
}

static int guarded(int n)
{
	long before = log_open;

	if (setjmp(place) != 0) {
		log_open = before;
		return 0;
	}
	return leaving(n);
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16 & 0x7fff;
}

/* Few keys often, many seldom. */
static int some_key(unsigned *seed, int keys)
{
	int first = (int)next_random(seed) % keys;
	int second = (int)next_random(seed) % keys;

	return first * second / keys;
}

static void call_all(unsigned *seed)
{
	int k = some_key(seed, 200);
	struct pair p = { k % 9, -k % 4 };

	sink += (int)slow(some_key(seed, 90), (unsigned char)(k % 2));
	sink += quick(some_key(seed, 60) - 20, (short)(k % 5 - 2));
	sink += flipping(some_key(seed, 40));
	sink += (int)scaled(k % 11 * 0.5 - 1, (float)(k % 3) - 0.5f, (unsigned)k % 2 + 0xfffffff0u);
	sink += is_odd((unsigned long)some_key(seed, 70));
	effect(k % 13);
	sink += constant();
	sink += paired(p, k % 3);
	sink += (int)many(k % 5, -1, (short)(k % 2), 'c', 4, 5u, k % 3, 7, 0.25);
	sink += maybe_inlined(k % 6, k % 4);
	sink += inlined(k % 7, 3);
	sink += ping(k % 8);
	texts[0][k % 3] = (char)('a' + k % 5);
	texts[1][k % 3] = (char)('a' + k % 2);
	sink += *behind(texts[k % 2]);
	sink += longer(texts[k % 2]);
	sink += bumped(&pairs[k % 2], k % 3);
	sink += found(k)->value;
	sink += guarded(some_key(seed, 30));
}

static void call_seldom(unsigned *seed)
{
	sink += fib((int)next_random(seed) % 7 + 6);
	sink += sum(&nodes[next_random(seed) % 7], (int)next_random(seed) % 2);
	sink += (int)outer((int)next_random(seed) % 20);
}

/* One thread at a time, so that the order of all calls is known. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static int turn;

static void *run(void *number)
{
	int own = (int)(intptr_t)number;
	unsigned seed = (unsigned)own * 77 + 1;

	for (int round = 0; round < ROUNDS; round++) {
		pthread_mutex_lock(&lock);
		while (turn % THREADS != own) {
			pthread_cond_wait(&turned, &lock);
		}
		for (int i = 0; i < CALLS; i++) {
			call_all(&seed);
		}
		call_seldom(&seed);
		turn++;
		pthread_cond_broadcast(&turned);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < 15; i++) {
		nodes[i] = (struct node){ &nodes[2 * i + 1], &nodes[2 * i + 2], i };
	}
	for (int i = 0; i < THREADS && argc == 2; i++) {
		if (pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i) != 0) {
			return 1;
		}
	}
	for (int i = 0; i < THREADS && argc == 2; i++) {
		pthread_join(threads[i], NULL);
	}
	log_write(argc == 2 ? argv[1] : "/dev/stdout");
	return 0;
}
