/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memowork SCENARIO: calls functions again and again, in ways that are hard for somebody who answers them from a cache. What it
 * prints is the same without one, byte for byte. Functions whose names begin with m_ are to be in the plan; x_ is one that is not
 * pure and says so in its results.
 */
#include <errno.h>
#include <fenv.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define NOHOOK   __attribute__((no_instrument_function))
#define NOINLINE __attribute__((noinline))
#define ROUNDS   40
/* Known before the exit hook is called. */
#define DONE(value) __asm__ volatile("" : "+r"(value))

enum colour {
	RED = -2,
	GREEN = 5,
	BLUE = 0x7fffffff
};

/* --- every kind of argument and result --- */

NOINLINE int m_int(int a, int b)
{
	int v = (int)((unsigned)a * 31u) ^ b;
	DONE(v);
	return v;
}

NOINLINE unsigned m_unsigned(unsigned a)
{
	unsigned v = ~a;
	DONE(v);
	return v;
}

NOINLINE signed char m_char(signed char a, signed char b)
{
	signed char v = (signed char)(a - b);
	DONE(v);
	return v;
}

NOINLINE bool m_bool(bool a, bool b, int c)
{
	bool v = (a ^ b) ? c > 3 : c < 3;
	DONE(v);
	return v;
}

NOINLINE short m_short(short a, unsigned short b)
{
	short v = (short)(a * 3 - b);
	DONE(v);
	return v;
}

NOINLINE unsigned char m_uchar(unsigned char a)
{
	unsigned char v = (unsigned char)(a * 7);
	DONE(v);
	return v;
}

NOINLINE enum colour m_enum(enum colour a)
{
	enum colour v = a == RED ? BLUE : a == BLUE ? GREEN : RED;
	DONE(v);
	return v;
}

NOINLINE long m_long(long a, unsigned long b)
{
	long v = a * 3 + (long)(b >> 7);
	DONE(v);
	return v;
}

NOINLINE float m_float(float a, float b)
{
	volatile float v = a * b + 0.1f;
	return v;
}

NOINLINE double m_double(double a, float b, int c)
{
	volatile double v = a / 3.0 + (double)b * c;
	return v;
}

/* The argument itself, so that its bits are seen. */
NOINLINE double m_same(double a)
{
	volatile double v = a;
	return v;
}

NOINLINE long m_many(int a, long b, short c, unsigned char d, int e, long f, int g, signed char h)
{
	long v = a + b * 2 + c * 3 + d * 5 + e * 7 + f * 11 + g * 13 + h * 17l;
	DONE(v);
	return v;
}

NOINLINE double m_mixed(double a, int b, float c, long d, double e)
{
	volatile double v = a + b * 2 + (double)c * 3 + (double)d * 5 + e * 7;
	return v;
}

static const char *const words[] = { "zero", "one", "two", "three" };

NOINLINE const char *m_pointer(unsigned a)
{
	const char *v = words[a % 4];
	DONE(v);
	return v;
}

NOINLINE long m_none(void)
{
	long v = 4711;
	DONE(v);
	return v;
}

NOHOOK static void print_bits(const char *name, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	printf("%s %016llx\n", name, (unsigned long long)bits);
}

NOHOOK static void types_round(int k)
{
	int s = k % 2 ? -1 : 1;

	printf("int %d %d\n", m_int(s * k, k * 3), m_int(INT32_MIN + k, -1));
	printf("unsigned %u\n", m_unsigned((unsigned)-k));
	printf("char %d\n", m_char((signed char)(s * k * 13), (signed char)(k * 29)));
	printf("bool %d%d\n", m_bool(k & 1, k & 2, k), m_bool(k & 2, k & 1, k - 1));
	printf("short %d\n", m_short((short)(s * k * 3000), (unsigned short)(k * 999)));
	printf("uchar %d\n", m_uchar((unsigned char)(k * 77)));
	printf("enum %d\n", m_enum(k % 3 == 0 ? RED : k % 3 == 1 ? GREEN : BLUE));
	printf("long %ld\n", m_long(s * (1l << (k % 60)), (unsigned long)s << 3));
	print_bits("float", (double)m_float((float)s * 1.7f, (float)k));
	print_bits("double", m_double(s * 1e300, (float)k, k));
	printf("many %ld\n", m_many(s * k, s * 2l * k, (short)(s * 3), (unsigned char)k, s,
				     -(1l << k), k, (signed char)-k));
	print_bits("mixed", m_mixed(s, k, (float)s, k * 1000000l, -0.0));
	printf("pointer %s\n", m_pointer((unsigned)k));
	printf("none %ld\n", m_none());
}

NOHOOK static void types(void)
{
	for (int r = 0; r < ROUNDS; r++) {
		for (int k = 0; k < 8; k++) {
			types_round(k);
		}
	}
}

/* --- floating point: bits that compare equal, or never, and modes --- */

NOHOOK static double from_bits(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

NOHOOK static void floats(void)
{
	static const uint64_t bits[] = { 0, 1ull << 63, 0x7ff8000000000001, 0x7ff8000000000002,
		0xfff8000000000001, 0x7ff0000000000001, 0x7ff0000000000000, 0xfff0000000000000, 1,
		2, 0x8000000000000001, 0x000fffffffffffff };
	static const int modes[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };

	for (int r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
			print_bits("same", m_same(from_bits(bits[i])));
			print_bits("double", m_double(from_bits(bits[i]), 1.0f, 1));
		}
		for (int m = 0; m < 4; m++) {
			fesetround(modes[m]);
			for (int k = 1; k < 6; k++) {
				print_bits("round", m_double(k, 0.1f, k));
				print_bits("roundf", (double)m_float((float)k, 0.3f));
			}
			fesetround(FE_TONEAREST);
		}
		/* Flush to zero, denormals are zero. */
		__builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
		print_bits("flushed", m_double(1e-308, 0.0f, 1));
		__builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() & ~0x8040u);
		print_bits("not flushed", m_double(1e-308, 0.0f, 1));
	}
}

static sigjmp_buf trapped;

NOHOOK static void on_fpe(int number)
{
	(void)number;
	siglongjmp(trapped, 1);
}

NOINLINE double m_divide(double a, double b)
{
	volatile double v = a / b;
	return v;
}

/* An exception that is unmasked must trap each time. */
NOHOOK static void traps(void)
{
	volatile int count = 0;

	signal(SIGFPE, on_fpe);
	for (int r = 0; r < ROUNDS; r++) {
		print_bits("divide", m_divide(1.0, 0.0));
	}
	for (int r = 0; r < ROUNDS; r++) {
		feclearexcept(FE_ALL_EXCEPT);
		feenableexcept(FE_DIVBYZERO);
		if (sigsetjmp(trapped, 1) == 0) {
			print_bits("not trapped", m_divide(1.0, 0.0));
		} else {
			count++;
		}
		feclearexcept(FE_ALL_EXCEPT);
		fedisableexcept(FE_ALL_EXCEPT);
	}
	printf("trapped %d\n", count);
}

/* --- recursion --- */

NOINLINE long m_depth(long n)
{
	long v = n == 0 ? 0 : m_depth(n - 1) + n;
	DONE(v);
	return v;
}

/* May be inlined into itself. */
long m_fib(int n)
{
	long v = n < 2 ? n : m_fib(n - 1) + m_fib(n - 2);
	return v;
}

unsigned m_ackermann(unsigned m, unsigned n)
{
	if (m == 0) {
		return n + 1;
	}
	if (n == 0) {
		return m_ackermann(m - 1, 1);
	}
	return m_ackermann(m - 1, m_ackermann(m, n - 1));
}

static const char left[] = "answered from a cache", right[] = "unanswered, from caches";

int m_distance(int i, int j)
{
	int a, b, c;

	if (i == 0 || j == 0) {
		return i + j;
	}
	a = m_distance(i - 1, j) + 1;
	b = m_distance(i, j - 1) + 1;
	c = m_distance(i - 1, j - 1) + (left[i - 1] != right[j - 1]);
	a = a < b ? a : b;
	return a < c ? a : c;
}

NOHOOK static void recursion(void)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_STACK, &limit);
	for (int r = 0; r < 3; r++) {
		printf("depth %ld\n", m_depth(limit.rlim_cur >= (8u << 20) ? 30000 : 3000));
	}
	for (int r = 0; r < 3; r++) {
		for (int k = 0; k < 25; k++) {
			printf("fib %ld\n", m_fib(k));
		}
		printf("ackermann %u\n", m_ackermann(2, 30));
		printf("distance %d\n", m_distance(7, 7));
	}
}

NOHOOK static void *on_thread(void *data)
{
	(void)data;
	for (int r = 0; r < 2; r++) {
		printf("deep %ld\n", m_depth(100000));
		printf("deeper %ld\n", m_depth(100001));
	}
	return NULL;
}

NOHOOK static void deep(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64ul << 20);
	pthread_create(&thread, &attributes, on_thread, NULL);
	pthread_join(thread, NULL);
}

/* --- frames --- */

__attribute__((force_align_arg_pointer)) NOINLINE long m_realigned(long a)
{
	long v = a * 5;
	DONE(v);
	return v;
}

NOINLINE long m_overaligned(long a)
{
	volatile long room[8] __attribute__((aligned(64)));

	room[a & 7] = a;
	return room[a & 7] * 3;
}

NOINLINE long m_alloca(long n)
{
	volatile char *room = __builtin_alloca((size_t)n + 1);
	long v;

	room[n] = (char)n;
	v = room[n] + n;
	DONE(v);
	return v;
}

NOINLINE long m_large(long a)
{
	volatile char room[70 << 10];
	long v;

	room[a] = (char)a;
	room[sizeof room - 1] = 1;
	v = room[a] + room[sizeof room - 1];
	DONE(v);
	return v;
}

/* Its caller keeps values in its red zone between calls, and so does nobody below a hook. */
NOHOOK static void frames(void)
{
	for (int r = 0; r < ROUNDS; r++) {
		for (long k = 0; k < 9; k++) {
			printf("%ld %ld %ld %ld\n", m_realigned(k), m_overaligned(k),
				m_alloca(k * 100), m_large(k));
		}
	}
}

/* --- what an ABI keeps --- */

struct registers {
	uint64_t before[6], after[6];
	uint64_t sp_before, sp_after, flags;
	long result;
};

long check_call(long (*function)(long), long argument, struct registers *registers);
__asm__(".text\n"
	".globl check_call\n"
	".type check_call, @function\n"
	"check_call:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"sub $8, %rsp\n"
	"push %rdx; push %rdx\n"
	"mov 0(%rdx), %rbx; mov 8(%rdx), %rbp; mov 16(%rdx), %r12\n"
	"mov 24(%rdx), %r13; mov 32(%rdx), %r14; mov 40(%rdx), %r15\n"
	"mov %rsp, 96(%rdx)\n"
	"mov %rdi, %rax; mov %rsi, %rdi\n"
	"call *%rax\n"
	"mov (%rsp), %rdx\n"
	"mov %rsp, 104(%rdx)\n"
	"mov %rbx, 48(%rdx); mov %rbp, 56(%rdx); mov %r12, 64(%rdx)\n"
	"mov %r13, 72(%rdx); mov %r14, 80(%rdx); mov %r15, 88(%rdx)\n"
	"pushfq; pop %rcx; mov %rcx, 112(%rdx)\n"
	"mov %rax, 120(%rdx)\n"
	"add $24, %rsp\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n"
	".size check_call, .-check_call\n");

/* Uses all of the registers that a callee restores. */
NOINLINE long m_pressure(long a)
{
	long b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13, g = a ^ 77, h = a + 99;

	DONE(b);
	DONE(c);
	DONE(d);
	DONE(e);
	DONE(f);
	DONE(g);
	DONE(h);
	b += m_long(a, 1) ^ c;
	b += m_long(d, 2) ^ e;
	b += m_long(f, 3) ^ g ^ h;
	DONE(b);
	return b;
}

NOHOOK static void registers(void)
{
	long (*const functions[])(
		long) = { m_pressure, m_realigned, m_overaligned, m_alloca, m_large, m_depth };

	for (int r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
			struct registers seen = {
				.before = { 0x1111111111111111u * (uint64_t)(r + 1),
					0x2222222222222222, 0x3333, 0x4444444444444444, ~5ull,
					0x6666666600000000 + i }
			};

			errno = 4000 + r;
			check_call(functions[i], (long)(i + 3 + (size_t)r % 3), &seen);
			printf("%zu: %ld %s %s %s errno %d\n", i, seen.result,
				memcmp(seen.before, seen.after, sizeof seen.before) == 0 ? "kept"
											 : "LOST",
				seen.sp_before == seen.sp_after ? "level" : "OFF",
				(seen.flags & 0x400) == 0 ? "up" : "DOWN", errno);
		}
	}
}

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
			k < 100 ? 0 : m_double(3.0, 1.0f, (int)(k % 5)) > 2.0);
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
