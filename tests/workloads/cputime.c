/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that use the CPU, and functions that do not: `cputime THREADS`; `cputime exit` and `cputime _exit` end the process with a
 * call open; `cputime foreign` uses restartable sequences itself, `cputime restored` hides from others that it slept. Each measures itself, by the clock of its thread and by
 * CLOCK_MONOTONIC, and the program tells the sums: lines "NAME cpu_ns wall_ns" in the file that WORKLOAD_TIMES names. What is to
 * be compared is this with what hasten says of the same run, so nothing here depends on how long anything takes.
 */
#include "workload.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#define ROUNDS   4
#define BURN_NS  8000000ull
#define SLEEP_NS 6000000
#define EARLY    100

enum {
	BURN,
	DOZE,
	AWAIT_LOCK,
	AWAIT_PIPE,
	CONTEND,
	DENSE,
	PING,
	MIXED,
	FINISH,
	FOREIGN,
	RESTORED,
	NAMES
};

static const char *const names[NAMES] = { "burn", "doze", "await_lock", "await_pipe", "contend",
	"dense", "ping", "mixed", "finish", "foreign", "restored" };

static atomic_ullong cpu_sum[NAMES];
static atomic_ullong wall_sum[NAMES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int over;

struct measure {
	unsigned long long cpu, wall;
};

NOHOOK static unsigned long long now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (unsigned long long)now.tv_sec * 1000000000ull + (unsigned long long)now.tv_nsec;
}

NOHOOK static struct measure begin(void)
{
	return (struct measure){ now_of(CLOCK_THREAD_CPUTIME_ID), now_of(CLOCK_MONOTONIC) };
}

NOHOOK static void end(int name, struct measure from)
{
	atomic_fetch_add(&wall_sum[name], now_of(CLOCK_MONOTONIC) - from.wall);
	atomic_fetch_add(&cpu_sum[name], now_of(CLOCK_THREAD_CPUTIME_ID) - from.cpu);
}

NOHOOK static void nap(long ns)
{
	struct timespec time = { 0, ns };

	nanosleep(&time, NULL);
}

NOINLINE static void leaf(void)
{
	sink++;
}

/* Until the thread has used so much more; `leaf` is called now and then. */
NOHOOK static void spin(unsigned long long ns)
{
	unsigned long long until = now_of(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now_of(CLOCK_THREAD_CPUTIME_ID) < until) {
		for (int i = 0; i < 300000; i++) {
			sink++;
		}
		leaf();
	}
}

/* The same without a hook. */
NOHOOK static void spin_quietly(unsigned long long ns)
{
	unsigned long long until = now_of(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now_of(CLOCK_THREAD_CPUTIME_ID) < until) {
		sink++;
	}
}

NOINLINE static void burn(void)
{
	struct measure from = begin();

	spin(BURN_NS);
	end(BURN, from);
}

NOINLINE static void doze(void)
{
	struct measure from = begin();

	nap(SLEEP_NS);
	end(DOZE, from);
}

NOINLINE static void await_lock(void)
{
	struct measure from = begin();

	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	end(AWAIT_LOCK, from);
}

NOINLINE static void await_pipe(int fd)
{
	struct measure from = begin();
	char byte;

	if (read(fd, &byte, 1) != 1) {
		die("read");
	}
	end(AWAIT_PIPE, from);
}

/* Beside the hog on the same CPU. */
NOINLINE static void contend(void)
{
	struct measure from = begin();

	spin(BURN_NS);
	end(CONTEND, from);
}

/* The same, with hooks all the time: most switches come in the middle of one. */
NOINLINE static void dense(void)
{
	struct measure from = begin();
	unsigned long long until = from.cpu + BURN_NS;

	while (now_of(CLOCK_THREAD_CPUTIME_ID) < until) {
		for (int i = 0; i < 10000; i++) {
			leaf();
		}
	}
	end(DENSE, from);
}

/* Many short absences with hooks between them. */
NOINLINE static void ping(int out, int in)
{
	struct measure from = begin();
	char byte = 0;

	for (int i = 0; i < 50; i++) {
		leaf();
		if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1) {
			die("ping");
		}
		leaf();
		spin(100000);
	}
	end(PING, from);
}

/* Its own time has both parts, and so have its callees'. */
NOINLINE static void mixed(void)
{
	struct measure from = begin();

	spin(BURN_NS / 4);
	nap(SLEEP_NS / 2);
	doze();
	spin(BURN_NS / 4);
	burn();
	nap(SLEEP_NS / 2);
	end(MIXED, from);
}

/* The other side, without hooks. */
struct other {
	int wake_out, ping_in, pong_out;
	atomic_int holds, wanted;
};

NOHOOK static void *other_side(void *data)
{
	struct other *other = data;
	char byte = 0;

	for (int round = 0; round < ROUNDS; round++) {
		while (atomic_load(&other->wanted) <= 2 * round) {
			nap(200000);
		}
		pthread_mutex_lock(&lock);
		atomic_store(&other->holds, 1);
		nap(SLEEP_NS);
		pthread_mutex_unlock(&lock);
		while (atomic_load(&other->wanted) <= 2 * round + 1) {
			nap(200000);
		}
		nap(SLEEP_NS);
		if (write(other->wake_out, &byte, 1) != 1) {
			die("write");
		}
		for (int i = 0; i < 50; i++) {
			if (read(other->ping_in, &byte, 1) != 1) {
				die("read");
			}
			nap(100000);
			if (write(other->pong_out, &byte, 1) != 1) {
				die("write");
			}
		}
	}
	return NULL;
}

NOHOOK static void *hog(void *data)
{
	while (!atomic_load(&over)) {
		sink++;
	}
	return data;
}

NOHOOK static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof set, &set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set)) {
			CPU_ZERO(&set);
			CPU_SET(cpu, &set);
			sched_setaffinity(0, sizeof set, &set);
			return;
		}
	}
}

NOHOOK static void *pinned_hog(void *data)
{
	pin();
	return hog(data);
}

NOHOOK static void *work(void *data)
{
	struct other other = { 0 };
	int wake[2];
	int ping_pipe[2];
	int pong[2];
	pthread_t thread;

	(void)data;
	if (pipe(wake) != 0 || pipe(ping_pipe) != 0 || pipe(pong) != 0) {
		die("pipe");
	}
	other.wake_out = wake[1];
	other.ping_in = ping_pipe[0];
	other.pong_out = pong[1];
	pthread_create(&thread, NULL, other_side, &other);
	for (int round = 0; round < ROUNDS; round++) {
		burn();
		doze();
		atomic_store(&other.holds, 0);
		atomic_fetch_add(&other.wanted, 1);
		while (!atomic_load(&other.holds)) {
			nap(200000);
		}
		await_lock();
		atomic_fetch_add(&other.wanted, 1);
		await_pipe(wake[0]);
		ping(ping_pipe[1], pong[0]);
		mixed();
	}
	pthread_join(thread, NULL);
	pin();
	for (int round = 0; round < ROUNDS; round++) {
		contend();
		dense();
	}
	return NULL;
}

NOHOOK static void tell(void)
{
	const char *path = getenv("WORKLOAD_TIMES");
	FILE *out = path == NULL ? NULL : fopen(path, "w");

	for (int i = 0; out != NULL && i < NAMES; i++) {
		if (wall_sum[i] == 0) {
			continue;
		}
		fprintf(out, "%s %llu %llu\n", names[i], cpu_sum[i], wall_sum[i]);
	}
	if (out != NULL) {
		fclose(out);
	}
}

/* The loader's, where it registers an area of restartable sequences. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

struct descriptor {
	uint32_t version, flags;
	uint64_t start, bytes, leave;
} __attribute__((aligned(32)));

/* A section that is never run. */
__asm__(".text\n\tud2\n\t.p2align 2\n\t.long 0x53053053\nleave_section:\n\tud2\nnever_run:\n\tud2\n");
extern const char leave_section[] __attribute__((visibility("hidden")));
extern const char never_run[] __attribute__((visibility("hidden")));
static struct descriptor own_section;

NOHOOK static volatile uint64_t *rseq_field(void)
{
	if (&__rseq_offset == NULL || &__rseq_size == NULL || __rseq_size == 0) {
		skip("no restartable sequences here");
	}
	return (volatile uint64_t *)((char *)__builtin_thread_pointer() + __rseq_offset + 8);
}

/* As an allocator that enters its sections all the time: the field is its own, and stays so but for switches. */
NOINLINE static void foreign(void)
{
	volatile uint64_t *field = rseq_field();
	unsigned long long until;
	struct measure from;
	long rounds = 0;
	long taken = 0;

	own_section = (struct descriptor){
		.start = (uint64_t)never_run, .bytes = 2, .leave = (uint64_t)leave_section
	};
	from = begin();
	until = from.cpu + 8 * BURN_NS;
	while (now_of(CLOCK_THREAD_CPUTIME_ID) < until) {
		for (int i = 0; i < 500; i++) {
			for (int k = 0; k < 100; k++) {
				sink++;
			}
			*field = (uint64_t)&own_section;
			leaf();
			/* Later nobody may want it any more. */
			taken += rounds < EARLY && *field != (uint64_t)&own_section;
			rounds++;
		}
		if (rounds % 50000 == 0) {
			nap(2000000);
		}
	}
	end(FOREIGN, from);
	*field = 0;
	if (taken > EARLY / 2) {
		fprintf(stderr, "the field was taken away %ld of %d times\n", taken, EARLY);
		exit(97);
	}
}

/* As on a kernel that leaves the field alone when a thread sleeps. */
NOINLINE static void restored(void)
{
	volatile uint64_t *field = rseq_field();
	struct measure from = begin();

	for (int i = 0; i < 8; i++) {
		uint64_t value;

		spin(BURN_NS / 2);
		value = *field;
		nap(4 * SLEEP_NS);
		*field = value;
		leaf();
	}
	end(RESTORED, from);
}

/* Does not return. */
NOINLINE static void finish(const char *how)
{
	struct measure from = begin();

	spin(3 * BURN_NS);
	leaf();
	nap(SLEEP_NS);
	spin_quietly(3 * BURN_NS);
	end(FINISH, from);
	tell();
	if (how[0] == '_') {
		_exit(0);
	}
	exit(0);
}

NOHOOK int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t threads[16];
	pthread_t beast;

	if (argc > 1 && strcmp(argv[1], "foreign") == 0) {
		foreign();
		tell();
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "restored") == 0) {
		restored();
		tell();
		return 0;
	}
	if (argc > 1 && count == 0) {
		finish(argv[1]);
	}
	pthread_create(&beast, NULL, pinned_hog, NULL);
	for (int i = 1; i < count && i < 16; i++) {
		pthread_create(&threads[i], NULL, work, NULL);
	}
	work(NULL);
	for (int i = 1; i < count && i < 16; i++) {
		pthread_join(threads[i], NULL);
	}
	atomic_store(&over, 1);
	pthread_join(beast, NULL);
	tell();
	return 0;
}
