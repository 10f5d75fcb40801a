/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with an allocator of its own that counts its calls and prints the counts: with
 * threads, forks, libraries that come and go, signals, stacks and regions, they must be the same
 * whoever watches. Memory comes from one array and is never used again.
 */
#include "workload.h"

#include <dlfcn.h>
#include <errno.h>
#include <hasten/region.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <ucontext.h>

#define POOL_BYTES (64u << 20)
#define UNIT       16u

static _Alignas(64) unsigned char pool[POOL_BYTES];
static atomic_size_t used;
static atomic_ulong allocations;
static atomic_ulong releases;

NOHOOK static void *take(size_t align, size_t bytes)
{
	size_t whole = (bytes + align + 2 * UNIT - 1) / UNIT * UNIT;
	size_t at = atomic_fetch_add(&used, whole);
	size_t start;

	if (whole < bytes || at + whole > POOL_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	start = ((size_t)pool + at + UNIT + align - 1) / align * align;
	memcpy((void *)(start - sizeof bytes), &bytes, sizeof bytes);
	return (void *)start;
}

NOHOOK void *malloc(size_t bytes)
{
	atomic_fetch_add(&allocations, 1);
	return take(UNIT, bytes);
}

NOHOOK void *calloc(size_t count, size_t bytes)
{
	atomic_fetch_add(&allocations, 1);
	return take(UNIT, count * bytes); /* the pool is zero, and given out once */
}

NOHOOK void free(void *memory)
{
	atomic_fetch_add(&releases, memory != NULL);
}

NOHOOK void *realloc(void *memory, size_t bytes)
{
	void *moved;
	size_t before = 0;

	atomic_fetch_add(&allocations, 1);
	moved = take(UNIT, bytes);
	if (memory != NULL && moved != NULL) {
		memcpy(&before, (char *)memory - sizeof before, sizeof before);
		memcpy(moved, memory, before < bytes ? before : bytes);
	}
	return moved;
}

NOHOOK void *memalign(size_t align, size_t bytes)
{
	atomic_fetch_add(&allocations, 1);
	return take(align < UNIT ? UNIT : align, bytes);
}

NOHOOK void *aligned_alloc(size_t align, size_t bytes)
{
	return memalign(align, bytes);
}

NOHOOK int posix_memalign(void **ret_memory, size_t align, size_t bytes)
{
	*ret_memory = memalign(align, bytes);
	return *ret_memory == NULL ? ENOMEM : 0;
}

NOHOOK size_t malloc_usable_size(void *memory)
{
	size_t bytes = 0;

	if (memory != NULL) {
		memcpy(&bytes, (char *)memory - sizeof bytes, sizeof bytes);
	}
	return bytes;
}

/* printf would allocate. */
NOHOOK static void tell(const char *where)
{
	char line[128];
	int length = snprintf(line, sizeof line, "%s: %lu taken, %lu given back\n", where,
		atomic_load(&allocations), atomic_load(&releases));

	if (write(1, line, (size_t)length) != length) {
		_exit(99);
	}
}

NOINLINE static void leaf(void)
{
	sink++;
}

NOINLINE static void work(int n)
{
	for (int i = 0; i < n; i++) {
		leaf();
	}
}

NOINLINE static int deep(int n)
{
	sink++;
	return n == 0 ? 0 : deep(n - 1) + 1;
}

static void *body(void *arg)
{
	work(20000);
	return arg;
}

NOHOOK static void threads(void)
{
	pthread_t thread;

	for (int i = 0; i < 10; i++) {
		if (pthread_create(&thread, NULL, body, NULL) != 0) {
			_exit(98);
		}
		pthread_join(thread, NULL);
	}
}

NOHOOK static void children(void)
{
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work(20000);
			tell("child");
			threads();
			tell("child's threads");
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid) {
			_exit(98);
		}
	}
}

NOHOOK static void libraries(const char *path)
{
	for (int i = 0; i < 5; i++) {
		void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		void *found = library != NULL ? dlsym(library, "alpha") : NULL;
		unsigned long (*alpha)(unsigned long);

		if (found == NULL) {
			_exit(98);
		}
		memcpy(&alpha, &found, sizeof alpha);
		sink += alpha(1);
		dlclose(library);
	}
}

NOHOOK static void on_signal(int number)
{
	(void)number;
	work(10);
}

NOHOOK static void signals(void)
{
	signal(SIGUSR1, on_signal);
	for (int i = 0; i < 10; i++) {
		raise(SIGUSR1);
	}
}

NOINLINE static void regions(void)
{
	char name[32];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "part %d", i % 10);
		hasten_begin(name);
		leaf();
		hasten_end();
	}
}

static ucontext_t main_context;
static ucontext_t other_context;
static char other_stack[65536];

NOHOOK static void other_body(void)
{
	work(10);
}

NOHOOK static void stacks(void)
{
	for (int i = 0; i < 10; i++) {
		getcontext(&other_context);
		other_context.uc_stack.ss_sp = other_stack;
		other_context.uc_stack.ss_size = sizeof other_stack;
		other_context.uc_link = &main_context;
		makecontext(&other_context, other_body, 0);
		swapcontext(&main_context, &other_context);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		return 2;
	}
	tell("start");
	work(100000);
	tell("calls");
	deep(5000);
	tell("depth");
	threads();
	tell("threads");
	children();
	tell("children");
	libraries(argv[1]);
	tell("libraries");
	signals();
	tell("signals");
	regions();
	tell("regions");
	stacks();
	tell("stacks");
	return 0;
}
