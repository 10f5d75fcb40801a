/* SPDX-License-Identifier: Apache-2.0 */
/* Of memowork: every kind of argument and result, modes of floating point, recursion, frames, and the registers that a callee keeps. */
#include "memowork.h"

#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

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

NOHOOK void types(void)
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

NOHOOK static void x87_modes(void);

NOHOOK void floats(void)
{
	static const uint64_t bits[] = { 0, 1ull << 63, 0x7ff8000000000001, 0x7ff8000000000002,
		0xfff8000000000001, 0x7ff0000000000001, 0x7ff0000000000000, 0xfff0000000000000, 1,
		2, 0x8000000000000001, 0x000fffffffffffff };
	static const int modes[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };

	x87_modes();
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

/* In long double, whose unit has a mode of its own. */
NOINLINE double m_third(double a)
{
	volatile long double v = a;
	volatile double result;

	v = v / 3.0L;
	result = (double)v;
	return result;
}

NOHOOK static void x87_modes(void)
{
	unsigned short plain, upward;

	__asm__ volatile("fnstcw %0" : "=m"(plain));
	upward = (unsigned short)((plain & ~0x0c00) | 0x0800);
	for (int r = 0; r < ROUNDS; r++) {
		print_bits("third", m_third(1.0));
		__asm__ volatile("fldcw %0" : : "m"(upward));
		print_bits("third upward", m_third(1.0));
		__asm__ volatile("fldcw %0" : : "m"(plain));
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
NOHOOK void traps(void)
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

NOHOOK void recursion(void)
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

NOHOOK void deep(void)
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
NOHOOK void frames(void)
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

NOHOOK void registers(void)
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
