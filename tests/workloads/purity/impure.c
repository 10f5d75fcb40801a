/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions for the proof of purity. n_*: not pure, or not so that it could be known; a_*: whether they are depends on what the
 * compiler makes of them. test_corpus.py compiles them in many ways.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OUT __attribute__((noinline, noclone, used))

int global = 3;
static int counter;
static int table[26];
static _Thread_local int per_thread;
int *pointer = &global;
volatile int port;

OUT int n_reads_global(int a)
{
	return a + global;
}

OUT int n_counts(int a)
{
	counter++;
	return a * 2;
}

OUT int n_static_counter(void)
{
	static int calls;

	return ++calls;
}

OUT long n_time(int a)
{
	return (long)time(NULL) + a;
}

OUT int n_rand(int a)
{
	return rand() % (a + 1);
}

OUT int n_errno(int a)
{
	errno = a;
	return a;
}

OUT int n_reads_errno(int a)
{
	return a + errno;
}

OUT int n_writes_pointer(int *p, int a)
{
	*p = a;
	return a;
}

OUT int n_reads_pointer(const int *p)
{
	return *p * 2;
}

OUT size_t n_length(const char *text)
{
	size_t length = 0;

	while (text[length] != 0) {
		length++;
	}
	return length;
}

OUT int n_volatile(int a)
{
	return a + port;
}

OUT double n_rounding(double x)
{
	fesetround(FE_UPWARD);
	x = x / 3;
	fesetround(FE_TONEAREST);
	return x;
}

OUT int n_get_round(void)
{
	return fegetround();
}

OUT int n_thread_local(int a)
{
	return a + per_thread;
}

OUT int n_call_pointer(int (*f)(int), int a)
{
	return f(a);
}

OUT int n_prints(int a)
{
	printf("%d\n", a);
	return a;
}

OUT void *n_allocates(size_t size)
{
	return malloc(size);
}

OUT char *n_allocates_text(int a)
{
	char *text = malloc(16);

	if (text != NULL) {
		text[0] = (char)a;
	}
	return text;
}

static jmp_buf back;

OUT int n_setjmp(int a)
{
	return setjmp(back) == 0 ? a : -a;
}

OUT int n_varargs(int count, ...)
{
	va_list list;
	int sum = 0;

	va_start(list, count);
	for (int i = 0; i < count; i++) {
		sum += *va_arg(list, int *);
	}
	va_end(list);
	return sum;
}

OUT unsigned n_cpuid(unsigned leaf)
{
	unsigned a = leaf;
	unsigned b;
	unsigned c = 0;
	unsigned d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return a ^ b ^ c ^ d;
}

OUT unsigned long n_rdtsc(unsigned long a)
{
	unsigned low;
	unsigned high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return a + low + ((unsigned long)high << 32);
}

OUT int n_asm_reads(int a)
{
	int value;

	__asm__("movl %1, %0" : "=r"(value) : "m"(global));
	return value + a;
}

static int hidden_count;

OUT int n_recursive_counter(int n)
{
	hidden_count++;
	return n < 2 ? n : n_recursive_counter(n - 1) + n_recursive_counter(n - 2);
}

OUT int n_other_module(const char *text)
{
	return atoi(text);
}

OUT void *n_frame_address(int a)
{
	return (char *)__builtin_frame_address(0) + a;
}

OUT unsigned long n_frame_parity(unsigned long a)
{
	return a + ((unsigned long)__builtin_frame_address(0) & 0xff0);
}

OUT void *n_return_address(int a)
{
	return (char *)__builtin_return_address(0) + a;
}

OUT int n_unwritten(int a)
{
	volatile int slots[4];

	slots[0] = a;
	return slots[2] + slots[0];
}

OUT int n_alloca(unsigned n, unsigned at)
{
	volatile char *bytes = __builtin_alloca(n + 16);

	bytes[n & 7] = 1;
	return bytes[at];
}

OUT int n_initialised_once(int a)
{
	static int ready;
	static int kept;

	if (!ready) {
		ready = 1;
		kept = a;
	}
	return kept + a;
}

OUT int n_environment(int a)
{
	return getenv("HOME") != NULL ? a : -a;
}

OUT int n_locale(int a)
{
	return localeconv()->decimal_point[0] + a;
}

OUT unsigned long n_memoizes(unsigned n)
{
	static unsigned long memo[64];

	if (n < 2 || n >= 64) {
		return n;
	}
	if (memo[n] == 0) {
		memo[n] = n_memoizes(n - 1) + n_memoizes(n - 2);
	}
	return memo[n];
}

OUT int n_displaced(int letter)
{
	return table[letter - 'a'];
}

static const int lookup[8] = { 1, 2, 3, 5, 8, 13, 21, 34 };

OUT int n_two_tables(unsigned i, unsigned n)
{
	int sum = 0;

	for (; i < n; i++) {
		sum += lookup[i & 7] * table[i % 26];
	}
	return sum;
}

OUT int n_pid(int a)
{
	return getpid() + a;
}

OUT long n_syscall(long a)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(39L) : "rcx", "r11", "memory");
	return result + a;
}

OUT int n_atomic(int a)
{
	return __atomic_add_fetch(&counter, a, __ATOMIC_SEQ_CST);
}

OUT double n_log(double x)
{
	return log(x);
}

OUT int n_through_global(int a)
{
	return *pointer + a;
}

OUT int n_calls_impure(int a)
{
	return n_counts(a) + a % 7;
}

OUT int n_deep(int a)
{
	return a > 100 ? n_calls_impure(a) : a;
}

OUT int n_logs_then_returns(int a)
{
	if (a < 0) {
		counter = a;
		return 0;
	}
	return a;
}

OUT unsigned n_uninitialised_register(unsigned a)
{
	unsigned value;

	__asm__("movl %%r11d, %0" : "=r"(value));
	return value + a;
}

OUT int a_reads_caller(int a)
{
	int value;

	__asm__("movl 64(%%rsp), %0" : "=r"(value));
	return value + a;
}

OUT long double n_long_double_to(long double *out, long double x)
{
	*out = x;
	return x;
}

OUT int n_stack_text(int a)
{
	char text[16];

	memset(text, a, (size_t)(a & 7));
	return text[9];
}

struct wide_row {
	char bytes[64];
};

static struct wide_row rows[100];

OUT int n_displaced_rows(int letter)
{
	return rows[letter - 'a'].bytes[0];
}

OUT int n_offset_read(long at)
{
	return (&table[4])[at - 1000];
}

static OUT void n_fill(int *to, int value)
{
	to[0] = value;
	to[1] = counter;
}

OUT int n_out_parameter(int a)
{
	int got[2];

	n_fill(got, a);
	return got[0] + got[1];
}

OUT int n_trap(int a)
{
	__asm__ volatile("int3");
	return a;
}

OUT unsigned n_loop_count(unsigned a)
{
	__asm__ volatile("1: cmpl $7, %0\n\tloope 1b" : "+r"(a)::"rcx", "cc");
	return a;
}

OUT unsigned a_flags(unsigned a)
{
	unsigned char carry;

	__asm__ volatile("setc %0" : "=q"(carry));
	return a + carry;
}

OUT unsigned n_push_flags(unsigned a)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	return a + (unsigned)flags;
}

static int by_signal;

OUT int n_waits(int a)
{
	while (__atomic_load_n(&by_signal, __ATOMIC_RELAXED) == a) {
	}
	return a;
}

static int at_most_one(int a)
{
	return a > 1 ? 1 : a;
}

static int (*chosen)(int) = n_counts;

OUT int n_chosen(int a)
{
	return chosen(a);
}

static int impure_even(unsigned n);

OUT int n_mutual(unsigned n)
{
	return n == 0 ? 0 : impure_even(n - 1) + 1;
}

static OUT int impure_even(unsigned n)
{
	counter += (int)n;
	return n == 0 ? 1 : n_mutual(n - 1);
}

OUT int n_pointer_difference(const int *a, const int *b)
{
	return a > b ? a[0] : b[0];
}

OUT int n_local_pointer(int a, unsigned at)
{
	int got[4];
	int *volatile where = &got[at & 3];

	*where = a;
	return got[0];
}

OUT unsigned n_scratch_register(unsigned a)
{
	unsigned upper;

	__asm__("movl %%r10d, %0" : "=r"(upper));
	return a + upper;
}

OUT int n_prints_then_returns(int a)
{
	if (a < 0) {
		fprintf(stderr, "negative\n");
		return 0;
	}
	return a;
}

int main(int argc, char **argv)
{
	(void)argv;
	table[argc % 26] = argc;
	rows[argc & 3].bytes[0] = 1;
	by_signal = argc;
	chosen = argc > 9 ? at_most_one : n_counts;
	port = argc;
	per_thread = argc;
	pointer = argc > 3 ? &counter : &global;
	global = argc + 3;
	return n_counts(argc) & 1;
}
