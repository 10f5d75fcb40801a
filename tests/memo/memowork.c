/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memowork SCENARIO: calls functions again and again, in ways that are hard for somebody who answers them from a cache. What it
 * prints is the same without one, byte for byte. Functions whose names begin with m_ are to be in the plan; x_ is one that is not
 * pure and says so in its results.
 */
#include "memowork.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* --- calls that do not end --- */

static jmp_buf out;
static volatile int leave;

NOINLINE long m_leaving(long a)
{
	long v;

	if (leave > 0 && --leave == 0) {
		longjmp(out, 1);
	}
	v = a * 1000003;
	DONE(v);
	return v;
}

NOINLINE long m_through(long a)
{
	long v = m_leaving(a + 1) + m_leaving(a + 2);
	DONE(v);
	return v;
}

/* One place of calls, one depth. */
NOHOOK NOINLINE static long from_here(long (*function)(long), long a)
{
	return function(a);
}

NOHOOK static void jumps(void)
{
	for (volatile long k = 0; k < 200; k++) {
		long fresh =
			10000 + 16 * k; /* whether it leaves must not depend on what is answered */

		leave = 1 + (int)(k % 3);
		if (setjmp(out) == 0) {
			printf("stayed %ld\n", from_here(k % 2 ? m_through : m_leaving, fresh));
		}
		leave = 0;
		/* The same function, place and depth, and another argument. */
		printf("%ld\n", from_here(k % 2 ? m_through : m_leaving, k % 25 + 5000));
		printf("%ld\n", from_here(m_leaving, k % 25 + 5000));
		printf("%ld %ld %ld\n", from_here(m_leaving, fresh), from_here(m_through, fresh),
			from_here(m_leaving, fresh + 1));
	}
}

static sigjmp_buf back;
static volatile sig_atomic_t mode;

NOHOOK static void on_signal(int number)
{
	static volatile long seed;
	long k = seed++ % 50;

	(void)number;
	if (from_here(m_leaving, k) != k * 1000003 || m_depth(k % 7) != (k % 7) * (k % 7 + 1) / 2) {
		printf("WRONG in a handler\n");
	}
	if (mode == 1) {
		siglongjmp(back, 1);
	}
}

NOINLINE long m_raising(long a)
{
	long v;

	raise(SIGUSR1);
	v = a * 7 + m_leaving(a);
	DONE(v);
	return v;
}

NOHOOK static void handlers_on(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
	for (volatile long k = 0; k < 300; k++) {
		mode = k % 2 == 0;
		if (sigsetjmp(back, 1) == 0) {
			printf("%ld\n", from_here(m_raising, mode ? 20000 + k : k / 4));
		}
		mode = 0;
		printf("%ld\n", from_here(m_raising, k / 4 + 1000));
		printf("%ld\n", from_here(m_leaving, k / 4));
	}
}

NOHOOK static void handlers(void)
{
	handlers_on(0);
}

NOHOOK static void alternate(void)
{
	stack_t stack = { .ss_size = 256 << 10, .ss_sp = malloc(256 << 10) };

	sigaltstack(&stack, NULL);
	handlers_on(SA_ONSTACK);
}

/* --- stacks of one's own --- */

static ucontext_t main_context, one, two;
static ucontext_t *volatile here, *volatile there;

NOINLINE long m_switching(long a)
{
	ucontext_t *from = here, *to = there;
	long v;

	here = to;
	there = from;
	swapcontext(from, to);
	v = a * 31 + m_leaving(a);
	DONE(v);
	return v;
}

NOHOOK static void coroutine(int which)
{
	for (long k = 0; k < 120; k++) {
		long argument = k % 30 + which * 1000;
		long value = from_here(m_switching, argument);

		if (value != argument * 31 + argument * 1000003) {
			printf("WRONG on stack %d: %ld is %ld\n", which, argument, value);
		}
		/* Answered ones do not switch. */
		if (k % 8 == 0) {
			ucontext_t *from = here, *to = there;

			here = to;
			there = from;
			swapcontext(from, to);
		}
	}
	if (which == 0) {
		here = &two;
		there = &one;
		swapcontext(&one, &two);
	}
	swapcontext(here, &main_context);
}

NOHOOK static void coroutines(void)
{
	char *stacks =
		mmap(NULL, 128 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int r = 0; r < 3; r++) {
		getcontext(&one);
		one.uc_stack.ss_sp = stacks + (r % 2 ? 64 << 10 : 0);
		one.uc_stack.ss_size = 64 << 10;
		makecontext(&one, (void (*)(void))coroutine, 1, 0);
		getcontext(&two);
		two.uc_stack.ss_sp = stacks + (r % 2 ? 0 : 64 << 10);
		two.uc_stack.ss_size = 64 << 10;
		makecontext(&two, (void (*)(void))coroutine, 1, 1);
		here = &one;
		there = &two;
		swapcontext(&main_context, &one);
		for (int k = 0; k < 30; k++) {
			leave = 0;
			printf("%ld %ld\n", m_leaving(k), m_leaving(k + 1000));
		}
	}
	/* How often they switched depends on what was answered: their values do not. */
	for (long k = 0; k < 30; k++) {
		here = there = &one;
		printf("%ld\n", m_long(k, 5));
	}
}

/* --- threads --- */

static uint64_t sums[4];

NOHOOK static void *hammer(void *data)
{
	uint64_t *sum = data;
	uint64_t state = 88172645463325252ull;

	for (int i = 0; i < 60000; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		*sum = *sum * 31 + (uint64_t)m_leaving((long)(state % 3000)) +
		       (uint64_t)m_int((int)(state % 50), 3);
	}
	return NULL;
}

NOHOOK static void threads(void)
{
	pthread_t ids[4];

	for (int i = 0; i < 4; i++) {
		pthread_create(&ids[i], NULL, hammer, &sums[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(ids[i], NULL);
		printf("%016llx\n", (unsigned long long)sums[i]);
	}
}

static pthread_key_t key;

NOHOOK static void at_thread_end(void *data)
{
	long left_over = (long)data;

	printf("thread end %ld %ld\n", m_leaving(left_over), m_depth(9));
	fflush(stdout);
	if (left_over > 1) {
		pthread_setspecific(key, (void *)(left_over - 1));
	}
}

NOHOOK static void *short_thread(void *data)
{
	pthread_setspecific(key, (void *)3);
	for (int i = 0; i < 10; i++) {
		m_leaving((long)data);
	}
	return NULL;
}

NOHOOK static void ends(void)
{
	pthread_t id;

	pthread_key_create(&key, at_thread_end);
	for (long i = 0; i < 100; i++) {
		pthread_create(&id, NULL, short_thread, (void *)i);
		pthread_join(id, NULL);
	}
}

/* --- processes --- */

NOHOOK static void some_calls(const char *who)
{
	for (int r = 0; r < 10; r++) {
		for (long k = 0; k < 5; k++) {
			printf("%s %ld %ld %d\n", who, m_leaving(k), m_depth(k + 20),
				m_int((int)k, 1));
		}
	}
	fflush(stdout);
}

NOINLINE long m_forking(long a)
{
	long v;

	if (leave > 0) {
		pid_t child;

		leave = 0;
		fflush(stdout);
		child = fork();
		if (child == 0) {
			some_calls("child in the middle");
		} else {
			waitpid(child, NULL, 0);
			some_calls("parent in the middle");
		}
	}
	v = a * 77;
	DONE(v);
	return v;
}

extern pid_t _Fork(void) __attribute__((weak));

NOHOOK static void processes(void)
{
	pid_t main_process = getpid();
	pid_t child;

	some_calls("before");
	for (int way = 0; way < 3; way++) {
		fflush(stdout);
		child = way == 0                    ? fork()
			: way == 1 && _Fork != NULL ? _Fork()
						    : (pid_t)syscall(SYS_fork);
		if (child == 0) {
			some_calls("child");
			_exit(0);
		}
		waitpid(child, NULL, 0);
		some_calls("parent");
	}
	child = vfork();
	if (child == 0) {
		m_leaving(3);
		m_depth(40);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	some_calls("behind vfork");
	leave = 1;
	printf("%ld\n", m_forking(5));
	printf("%ld %ld\n", m_forking(5), m_forking(6));
	fflush(stdout);
	if (getpid() != main_process) {
		_exit(0);
	}
}

static char *self;

NOHOOK static void executed(void)
{
	some_calls("first");
	execl(self, self, "types", NULL);
}

/* --- where calls come from --- */

NOINLINE long m_tail_target(long a, long b)
{
	long v = a * 1009 + b;
	DONE(v);
	return v;
}

NOINLINE long m_tail(long a)
{
	return m_tail_target(a, a + 1);
}

NOHOOK NOINLINE static long into_tail(long a)
{
	return m_tail(a + 1);
}

NOHOOK static void tails(void)
{
	for (int r = 0; r < ROUNDS; r++) {
		for (long k = 0; k < 10; k++) {
			printf("%ld %ld %ld %ld\n", m_tail(k), into_tail(k), m_tail_target(k, k),
				from_here(m_tail, k));
		}
	}
}

NOHOOK __attribute__((constructor)) static void early(void)
{
	for (int i = 0; i < 6; i++) {
		if (m_int(i % 2, 7) != (i % 2 * 31 ^ 7)) {
			printf("WRONG in a constructor\n");
		}
	}
}

NOHOOK __attribute__((destructor)) static void late(void)
{
	for (int i = 0; i < 6; i++) {
		printf("late %d\n", m_int(i % 2, 7));
	}
}

NOHOOK static void at_end(void)
{
	printf("at exit %d %ld\n", m_int(3, 4), m_leaving(4));
}

/* --- one that is not pure --- */

static volatile long state;

NOINLINE long x_impure(long a)
{
	long v = a + state;
	DONE(v);
	return v;
}

/* Within the first comparisons it shows; before, no call may be answered. */
NOHOOK static void impure(void)
{
	for (long k = 0; k < 60; k++) {
		state = k / 2;
		printf("%ld\n", x_impure(k % 2));
	}
	if (getenv("MEMOWORK_CHDIR") != NULL && chdir("/") != 0) {
		printf("chdir\n");
	}
	for (long k = 0; k < 60; k++) {
		state = k / 2;
		printf("%ld %ld\n", x_impure(k % 2), m_long(k % 3, 9));
	}
}

/* --- a sandbox, entered after the start --- */

static struct sock_filter rules[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* Nothing but writing is allowed, and reading the time stamp counter is not: finding a wrong result must not end the program. */
NOHOOK static void sandboxed(int how)
{
	struct sock_fprog program = { sizeof rules / sizeof rules[0], rules };
	char text[64];

	for (long k = 0; k < 30; k++) {
		x_impure(k % 2);
		m_leaving(k % 4);
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (how == 0       ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0
		: how == 1 ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0
			   : prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0) {
		printf("no such sandbox here\n");
		fflush(stdout);
		syscall(SYS_exit, 0);
	}
	for (long k = 0; k < 200; k++) {
		long length;

		state = k / 50;
		length = snprintf(text, sizeof text, "%ld %ld\n", m_leaving(k % 9),
			k < 100 ? 0L : (long)(m_double(3.0, 1.0f, (int)(k % 5)) > 2.0));
		if (write(1, text, (size_t)length) != length) {
			syscall(SYS_exit, 1);
		}
		if (getenv("MEMOWORK_IMPURE") != NULL) {
			x_impure(k % 2);
		}
	}
	syscall(SYS_exit, 0);
}

NOHOOK static void sandbox_filter(void)
{
	sandboxed(0);
}

NOHOOK static void sandbox_strict(void)
{
	sandboxed(1);
}

NOHOOK static void sandbox_tsc(void)
{
	sandboxed(2);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = { { "types", types }, { "floats", floats }, { "traps", traps },
	{ "recursion", recursion }, { "deep", deep }, { "frames", frames },
	{ "registers", registers }, { "jumps", jumps }, { "handlers", handlers },
	{ "alternate", alternate }, { "coroutines", coroutines }, { "threads", threads },
	{ "ends", ends }, { "processes", processes }, { "executed", executed }, { "tails", tails },
	{ "impure", impure }, { "sandbox-filter", sandbox_filter },
	{ "sandbox-strict", sandbox_strict }, { "sandbox-tsc", sandbox_tsc } };

NOHOOK int main(int argc, char **argv)
{
	self = argv[0];
	atexit(at_end);
	for (size_t i = 0; argc > 1 && i < sizeof scenarios / sizeof scenarios[0]; i++) {
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
		printf("%s\n", scenarios[i].name);
	}
	return 2;
}
