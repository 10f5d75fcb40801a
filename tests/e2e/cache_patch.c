/* SPDX-License-Identifier: Apache-2.0 */
/* Functions whose results a cache keeps; each counts how often it is really called. Output on standard output, counts on standard error. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define OWN     __attribute__((noinline))
#define QUIET   __attribute__((no_instrument_function, noinline))
#define EACH    20000
#define THREADS 3
#define MADE(name)                               \
 OWN int name(int x)                             \
 {                                               \
  int result = (int)work((unsigned long)x, 500); \
  count(C_MADE);                                 \
  return result;                                 \
 }

enum counter {
	C_PRIME,
	C_SCALE,
	C_AREA,
	C_MIXED,
	C_TEXT,
	C_BLOCK,
	C_FIB,
	C_SHARED,
	C_ONCE,
	C_LAST,
	C_MADE,
	C_OLD,
	COUNTERS
};
enum color {
	RED,
	GREEN = 7,
	BLUE
};
struct box {
	int width, height;
};

static unsigned long counts[COUNTERS];
static int state;

QUIET static void count(enum counter which)
{
	__atomic_fetch_add(&counts[which], 1, __ATOMIC_RELAXED);
}

/* Something that takes time and hangs on what it gets. */
QUIET static unsigned long work(unsigned long from, int rounds)
{
	unsigned long state = from + 1;

	for (int i = 0; i < rounds; i++) {
		state = state * 6364136223846793005ul + 1442695040888963407ul;
		state ^= state >> 29;
	}
	return state;
}

OWN unsigned int prime(unsigned int n)
{
	unsigned int result = 1;

	count(C_PRIME);
	for (unsigned int i = 2; i < 400; i++) {
		result += n % i == 0 && n != i;
	}
	return result;
}

OWN double scale(double x, /* { */
	unsigned char steps)
{
	double result = x;

	count(C_SCALE);
	for (int i = 0; i < 300 + steps; i++) {
		result = result * 0.999 + 0.5; /* } */
	}
	return result;
}

OWN long area(struct box box)
{
	long result =
		(long)(work((unsigned long)box.width * 31 + (unsigned long)box.height, 400) >> 8);

	count(C_AREA);
	return result;
}

OWN bool mixed(enum color key, bool value, long long set)
{
	bool result = work((unsigned long)key * 2 + value + (unsigned long)set * 5, 400) % 3 == 0;

	count(C_MIXED);
	return result;
}

OWN int text(const char *word)
{
	int result = (int)strlen(word);

	count(C_TEXT);
	for (int i = 0; i < 400; i++) {
		result = (int)((unsigned int)result * 33u) + word[i % (int)strlen(word)];
	}
	return result;
}

OWN int block(const unsigned char *data, unsigned int length)
{
	int result = 0;

	count(C_BLOCK);
	for (unsigned int i = 0; i < 400; i++) {
		result = (int)((unsigned int)result * 33u) + data[i % length];
	}
	return result;
}

static long fib(int n)
{
	long result = n;

	count(C_FIB);
	if (n >= 2) {
		result = fib(n - 1) + fib(n - 2);
	}
	return result;
}

OWN unsigned long together(unsigned long key)
{
	unsigned long result = work(key, 2000);

	count(C_SHARED);
	return result;
}

OWN int once(void)
{
	int result = (int)work(3, 50000);

	count(C_ONCE);
	return result;
}

OWN int last(int x)
{
	int result = (int)work((unsigned long)x, 500);

	count(C_LAST);
	return result;
}

/* clang-format off */
MADE(made)

OWN int old(x)
	int x;
{
	int result = (int)work((unsigned long)x, 500);

	count(C_OLD);
	return result;
}
/* clang-format on */

OWN void nothing(int x)
{
	state += x - x;
}

OWN int changing(int x)
{
	int result = (int)(work((unsigned long)x, 300) & 0xffff) + state;

	return result;
}

static unsigned long sums[THREADS];

static void *helper(void *number)
{
	unsigned long *sum = number;

	for (unsigned long i = 0; i < EACH; i++) {
		unsigned long key = (i * 7 + (unsigned long)(sum - sums)) % 100;

		*sum += together(key) != work(key, 2000) ? 1000000000 : key;
	}
	return NULL;
}

static void with_threads(bool at_once)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		(void)pthread_create(&threads[i], NULL, helper, &sums[i]);
		if (!at_once) {
			(void)pthread_join(threads[i], NULL);
		}
	}
	for (size_t i = 0; i < THREADS; i++) {
		if (at_once) {
			(void)pthread_join(threads[i], NULL);
		}
		printf("%lu\n", sums[i]);
	}
}

int main(int argc, char **argv)
{
	static const char *const words[] = { "apple", "pear", "plum", "cherry" };
	char copy[16];
	char lengthy[200];
	double real = 0;
	unsigned long sum = 0;

	(void)memset(lengthy, 'x', sizeof lengthy - 1);
	lengthy[sizeof lengthy - 1] = '\0';
	for (unsigned int i = 0; i < EACH; i++) {
		struct box box = { (int)(i % 11) - 5, (int)(i % 7) };

		sum += prime(i * 7919 % 300);
		real += scale((double)(i % 40) * 0.25 - 2, (unsigned char)(i % 3));
		sum += (unsigned long)area(box);
		sum += mixed(i % 2 ? RED : BLUE, i % 3 == 0, -(long long)(i % 5));
		/* All texts at one address, and some too long to be kept. */
		(void)strcpy(copy, words[i % 4]);
		sum += (unsigned long)text(i % 100 == 0 ? lengthy : copy);
		sum += (unsigned long)block((const unsigned char *)&words[i % 4][i % 2], i % 3 + 1);
		sum += (unsigned long)last((int)(i / 1000));
		sum += (unsigned long)made((int)(i % 20));
		sum += (unsigned long)old((int)(i % 20));
		state = i > 3000;
		sum += (unsigned long)changing((int)i % 4);
		nothing((int)i % 3);
		if (i % 100 == 0) {
			sum += (unsigned long)once();
		}
	}
	sum += (unsigned long)fib(20);
	printf("%lu %.17g %s\n", sum, real, copy);
	with_threads(argc > 1 && argv[1] != NULL);
	for (int i = 0; i < COUNTERS; i++) {
		fprintf(stderr, "%lu\n", counts[i]);
	}
	return 0;
}
