/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Against the proof of purity, as compilers make it: n_* may never be proven. k_* may be, but with a key that decides the
 * result: keys.c calls them with everything else changed.
 */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#define OUT __attribute__((noinline, noclone, used))

typedef int (*function)(int);

static int counter;

/* ---- calls by what is no entry of the linker's table, though the loader puts an address there ---- */

OUT int p_twice(int n)
{
	return 2 * n;
}

OUT int n_counts(int n)
{
	return n + counter++;
}

function chosen = p_twice;
static function hidden = p_twice;
void (*handler)(void) = abort;
static struct {
	long number;
	function call;
} record = { 3, p_twice };

OUT int n_by_pointer(int n)
{
	return chosen(n) + 1;
}

OUT int n_tail_by_pointer(int n)
{
	return chosen(n);
}

OUT int n_by_hidden_pointer(int n)
{
	return hidden(n) + 1;
}

OUT int n_by_member(int n)
{
	return record.call(n) + 1;
}

static void quiet(void)
{
	counter++;
}

OUT int n_by_handler(int n)
{
	if (n < 0) {
		counter++;
		handler();
		return counter;
	}
	return n;
}

OUT void choose(int other)
{
	chosen = other ? n_counts : p_twice;
	hidden = chosen;
	record.call = chosen;
	handler = quiet;
}

/* ---- small arrays that change, indexed from a displaced address ---- */

int four[4];
static char flags[16];
static short pair[2];

OUT int n_displaced_far(unsigned long i)
{
	return four[i - 2000];
}

OUT int n_displaced_letters(unsigned char c)
{
	return flags[c - 'a'];
}

OUT int n_displaced_back(unsigned long i)
{
	return flags[i - 6000];
}

OUT int n_displaced_pair(unsigned long i)
{
	return pair[i - 3000];
}

OUT void change(int i)
{
	four[i & 3]++;
	flags[i & 15]++;
	pair[i & 1]++;
}

/* ---- keys: arguments in memory that are overwritten on some ways ---- */

OUT int k_replaced_stack(int a, int b, int c, int d, int e, int f, int g)
{
	(void)c, (void)d, (void)e, (void)f;
	if (a) {
		g = b;
	}
	return g;
}

OUT long k_replaced_long(long a, long b, long c, long d, long e, long f, long g, long h)
{
	if (a > c) {
		g = b;
	} else if (d > e) {
		h = f;
	}
	return g - h;
}

OUT int k_loop_stack(int a, int b, int c, int d, int e, int f, int g)
{
	(void)d, (void)e, (void)f;
	for (int i = 0; i < (a & 7); i++) {
		int next = g + b;

		g = (i & 1) ? c : next;
	}
	return g;
}

struct wide {
	long a, b, c;
	char d[7];
};

OUT long k_wide_argument(struct wide w)
{
	return w.a + w.b * 3 + w.c * 5 + w.d[6];
}

OUT long k_passes_wide(int i, struct wide w)
{
	w.a = i;
	w.b = i + 1;
	return k_wide_argument(w);
}

OUT long k_tail_wide(long a, long b, long c, long d, long e, long f, struct wide w)
{
	(void)b, (void)c, (void)d, (void)e, (void)f;
	w.a = a;
	return k_wide_argument(w);
}

/* ---- keys: parts of registers ---- */

OUT int k_bytes(char a, char b)
{
	return a | b;
}

OUT _Bool k_bools(_Bool a, _Bool b, _Bool c)
{
	return (a & b) | c;
}

OUT unsigned char k_or_byte(unsigned char a, unsigned b)
{
	return (unsigned char)(a | b);
}

OUT unsigned char k_xor_byte(unsigned b, unsigned char a)
{
	return (unsigned char)(a ^ (b >> 3));
}

OUT unsigned short k_short(unsigned short a, long b)
{
	return (unsigned short)(b > 5 ? a ^ b : a + 1);
}

OUT int k_high(unsigned a)
{
	return (int)((a >> 8 & 0xff) + (a & 0xff));
}

struct halves {
	int lo, hi;
};

OUT int k_struct(struct halves h, struct halves i)
{
	return i.lo > 3 ? h.hi : h.lo + i.hi;
}

OUT struct halves k_swap(struct halves h)
{
	return (struct halves){ h.hi, h.lo };
}

struct flagged {
	char flag;
	int number;
};

OUT int k_padding(struct flagged f)
{
	return f.flag ? f.number : -1;
}

OUT struct flagged k_makes_padding(int a, struct flagged f)
{
	struct flagged made = f;

	made.flag = (char)a;
	return made;
}

OUT long k_cold(long a, long b, long c)
{
	if (__builtin_expect(a == 12345, 0)) {
		return b * c;
	}
	return a;
}

OUT long k_cold_key(long a, long b)
{
	return a > 0 ? a : b;
}

OUT unsigned long k_shift(unsigned long a, int by)
{
	return a << (by & 63) | a >> (-by & 63);
}

OUT __int128 k_wide_sum(__int128 a, __int128 b)
{
	return a + b * 3;
}

OUT double k_blend(double a, double b, int which)
{
	return which ? a : b * 2;
}

OUT float k_float(float a, double b, float c)
{
	return a < c ? (float)b : a;
}

struct floats {
	float a, b;
};

OUT float k_floats(struct floats f, struct floats g)
{
	return f.b > 1 ? g.a : f.a + g.b;
}

struct mixed {
	double d;
	long n;
};

OUT struct mixed k_mixed(struct mixed m, int i)
{
	return (struct mixed){ m.d * i, m.n + i };
}

OUT int k_int_of_double(double a, unsigned b)
{
	return (int)(a + b);
}

OUT unsigned long k_vector(unsigned long a, unsigned long b, unsigned long c)
{
	unsigned long v[4] = { a, b, c, a ^ b };
	unsigned long sum = 0;

	for (int i = 0; i < 4; i++) {
		sum = sum * 31 + v[i];
	}
	return sum;
}

OUT int k_recursive(int n, int a, int b)
{
	return n <= 0 ? a : k_recursive(n - 1, b, a + 1);
}

static OUT int helper(int n, int unused, int used)
{
	(void)unused;
	return n & 1 ? used : n;
}

OUT int k_through_helper(int n, int a, int b)
{
	return helper(n, a, b) + helper(n + 1, b, a);
}

OUT long k_passes_on(long a)
{
	return a;
}

OUT long k_passes_passed(long a, long b, long c)
{
	return a ? k_passes_on(b) : c;
}

OUT int k_switch(int what, int a, int b, int c)
{
	switch (what) {
	case 1:
		return a;
	case 2:
		return b;
	case 3:
		return c;
	case 4:
		return a + b;
	case 5:
		return b + c;
	case 6:
		return a + c;
	case 9:
		return a * b * c;
	default:
		return what;
	}
}

static const int squares[] = { 0, 1, 4, 9, 16, 25, 36, 49 };

OUT int k_table(unsigned i, int other)
{
	return i < 8 ? squares[i] : other;
}

OUT int k_table_signed(int i, int other)
{
	return i >= 0 && i <= 7 ? squares[i] : other;
}

OUT int k_highest(unsigned a, int b)
{
	return a != 0 ? b - __builtin_clz(a) : b;
}

OUT int k_highest_of_odd(unsigned long a)
{
	return 63 - __builtin_clzl(a | 1);
}

static const function always[2] = { p_twice, p_twice };

OUT int k_tail_by_constant(int n)
{
	return always[1](n + 1);
}

/* ---- what a call does not come back from as it seems ---- */

static jmp_buf place;

OUT int n_jumps_back(int n)
{
	if (setjmp(place) != 0) {
		return counter++;
	}
	if (n < 0) {
		longjmp(place, 1);
	}
	return n;
}

OUT int n_built_in_jump(int n)
{
	static void *buffer[5];

	if (n < 0) {
		counter++;
		return n;
	}
	return n + (buffer[0] != NULL);
}

int main(void)
{
	choose(0);
	change(1);
	return 0;
}
