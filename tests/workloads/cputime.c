/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that use the CPU, and functions that do not: `cputime THREADS`; `cputime exit` and `cputime _exit` end the process with a
 * call open. Each measures itself.
 */
#include "cputime.h"

#include <sched.h>

#define ROUNDS 4

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int over;

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
