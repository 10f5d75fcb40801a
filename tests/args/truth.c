/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of many signatures, called with known values. */
#include <stdbool.h>
#include <stdint.h>

#include "truth.h"

enum color {
	RED,
	GREEN = 5,
	BLUE = -7
};
struct pair {
	int a, b;
};
struct mixed {
	double x;
	int n;
};
struct small {
	char c;
	short s;
};
struct wide {
	long x, y;
};
struct large {
	long v[5];
};
union both {
	int i;
	unsigned u;
};
struct node {
	struct node *next;
	int value;
};

int sink;

#define FUNCTION __attribute__((noinline))

FUNCTION int f_int(int a, int b)
{
	USE(a);
	USE(b);
	return a - b;
}
FUNCTION unsigned f_unsigned(unsigned a)
{
	USE(a);
	return a;
}
FUNCTION long f_long(long a, unsigned char b, signed char c)
{
	USE(a);
	sink += b;
	return a + c;
}
FUNCTION short f_short(short a, unsigned short b)
{
	short r = (short)(a + 1);
	USE(b);
	USE(r);
	return r;
}
FUNCTION bool f_bool(bool a, int b)
{
	USE(b);
	return a && b > 3;
}
FUNCTION bool f_isneg(long x)
{
	return x < 0;
}
FUNCTION enum color f_enum(enum color a)
{
	USE(a);
	return a;
}
FUNCTION const char *f_pointer(const char *text, struct node *node)
{
	USE(node);
	return text + 1;
}
FUNCTION double f_double(double x, double y)
{
	USE(y);
	sink += (int)y;
	return x;
}
FUNCTION double f_twice(double x)
{
	return x * 2;
}
FUNCTION float f_float(float x, int n)
{
	volatile float y = x;
	sink += n;
	return y;
}
FUNCTION long f_many(int a, int b, int c, int d, int e, int f, long g, short h, char i)
{
	sink += a + b + c + d;
	USE(i);
	return e + f + g + h;
}
FUNCTION double f_floats(double a, double b, double c, double d, double e, double f, double g,
	double h, double i, int n)
{
	sink += n;
	return a + b + c + d + e + f + g + h + i;
}
FUNCTION int f_pair(struct pair p, int n)
{
	USE(n);
	return p.a * n + p.b;
}
FUNCTION int f_mixed(struct mixed m, int n)
{
	sink += (int)m.x;
	return m.n + n;
}
FUNCTION int f_small(struct small s)
{
	sink += s.c;
	return s.s;
}
FUNCTION long f_wide(int n, struct wide w, int m)
{
	sink += n;
	return w.x * m + w.y;
}
FUNCTION long f_large(int n, struct large l, int m)
{
	sink += m;
	return l.v[n];
}
FUNCTION struct large f_sret(int n, int m)
{
	struct large l = { { n, m, n, m, n } };
	return l;
}
FUNCTION struct pair f_retpair(int n)
{
	struct pair p = { n, n + 1 };
	return p;
}
FUNCTION int f_union(union both u, int n)
{
	USE(n);
	return u.i + n;
}
FUNCTION void f_void(int a)
{
	USE(a);
	sink += a;
}
FUNCTION int f_none(void)
{
	return sink;
}
FUNCTION int f_zero(int a)
{
	USE(a);
	return 0;
}
FUNCTION long double f_longdouble(long double a, int n)
{
	sink += n;
	return a;
}
FUNCTION int f_address(int a, int b)
{
	int *p = &a;
	USE(p);
	*p += b;
	USE(p);
	return a;
}
FUNCTION int f_branch(int a, int b)
{
	if (a > 10) {
		sink += b;
		return a;
	}
	if (a < 0) {
		return -1;
	}
	return b;
}
FUNCTION int f_recursive(int n, int acc)
{
	return n <= 1 ? acc : f_recursive(n - 1, acc * n) + 1;
}
FUNCTION int f_buffer(int n, int m)
{
	char buffer[64];

	memset(buffer, n, sizeof buffer);
	{
		char *p = buffer;
		USE(p);
	}
	return buffer[m];
}
FUNCTION int f_alloca(int n, int m)
{
	char *p = (char *)__builtin_alloca(n);

	memset(p, m, n);
	USE(p);
	return p[n - 1];
}
FUNCTION __attribute__((optimize("O0"))) int f_plain(int a, long b)
{
	return (int)(a + b);
}
/* Signatures that optimizers change: an argument that is not used, one that is always the same, one that is only looked through. */
FUNCTION static int s_unused(int unused, int a, int b)
{
	(void)unused;
	USE(a);
	return a - b;
}
FUNCTION static int s_same(int a, int same, int b)
{
	USE(b);
	return a * same - b;
}
FUNCTION static int s_through(const struct pair *p, int n)
{
	return p->a + n;
}
static inline int i_square(int x)
{
	USE(x);
	return x * x;
}
static int i_sum(int a, int b)
{
	return a + b;
}
static int i_clamp(int value, int low, int high)
{
	USE(value);
	return value < low ? low : value > high ? high : value;
}
static long i_nested(const struct pair *p, long n)
{
	USE(p);
	return i_clamp(p->a, 2, (int)n) + p->b;
}
static double i_half(double x, struct pair p)
{
	USE(x);
	return x / 2 + p.a;
}
FUNCTION int f_variadic(int n, ...)
{
	USE(n);
	return n;
}

#define CALL(name, fn, say, call, value)           \
 do {                                              \
  truth_begin(name);                               \
  say;                                             \
  truth_end();                                     \
  call;                                            \
  truth_result(name, (unsigned long long)(value)); \
 } while (0)
#define SIGNED(x) (long long)(x)

/* A way that begins with a call of a cold function is put into a part apart. */
__attribute__((cold, noinline)) int c_seldom(int code, int where)
{
	USE(where);
	return code - where;
}
static inline __attribute__((always_inline)) int i_seldom(int a, long b)
{
	USE(b);
	return a + (int)b;
}
FUNCTION int f_cold(int a, int b)
{
	if (a < 0) {
		int r = c_seldom(a - 1, b);
		long most = b + 70l;

		CALL("i_seldom", i_seldom, ARG(r); ARG(most), r = i_seldom(r, most), SIGNED(r));
		return r;
	}
	return a + b;
}
/* gcc inlines it into itself. */
static inline int i_power(int base, int n)
{
	int r = 1;

	if (n > 0) {
		int less = n - 1, next = base + n;

		CALL("i_power", i_power, ARG(next); ARG(less), r = i_power(next, less), SIGNED(r));
		r += base;
	}
	return r;
}

static void integers(int i)
{
	int a = i * 7 - 3, b = -i, r;
	unsigned u = 0x80000000u + i;
	long l = 0x123456789abcl * (i - 1);
	unsigned char uc = 200 + i;
	signed char sc = -5 - i;
	short s = -300 - i;
	unsigned short us = 60000 + i;
	bool t = i & 1;
	enum color e = i == 0 ? BLUE : GREEN;

	USE(a);
	CALL("f_int", f_int, ARG(a); ARG(b), r = f_int(a, b), SIGNED(r));
	CALL("f_unsigned", f_unsigned, ARG(u), unsigned v = f_unsigned(u), v);
	CALL("f_long", f_long, ARG(l); ARG(uc); ARG(sc), long w = f_long(l, uc, sc), SIGNED(w));
	CALL("f_short", f_short, ARG(s); ARG(us), short x = f_short(s, us), SIGNED(x));
	CALL("f_bool", f_bool, ARG(t); ARG(a), bool y = f_bool(t, a), y);
	CALL("f_isneg", f_isneg, ARG(l), bool z = f_isneg(l), z);
	CALL("f_enum", f_enum, ARG(e), enum color c = f_enum(e), SIGNED(c));
	CALL("f_void", f_void, ARG(a), f_void(a), 0);
	CALL("f_none", f_none, , r = f_none(), SIGNED(r));
	CALL("f_zero", f_zero, ARG(a), r = f_zero(a), SIGNED(r));
	CALL("f_address", f_address, ARG(a); ARG(b), r = f_address(a, b), SIGNED(r));
	CALL("f_branch", f_branch, ARG(a); ARG(b), r = f_branch(a, b), SIGNED(r));
	CALL("f_plain", f_plain, ARG(a); ARG(l), r = f_plain(a, l), SIGNED(r));
	CALL("f_variadic", f_variadic, ARG(a), r = f_variadic(a, 1, 2), SIGNED(r));
}

static void others(int i)
{
	char text[8] = "text";
	struct node node = { NULL, i };
	const char *p = text + i;
	struct node *n = &node;
	double x = 1.5 * i - 4, y = 1e10 + i;
	float f = 0.25f * i;

	CALL("f_pointer", f_pointer, ARG(p); ARG(n), const char *q = f_pointer(p, n), (uintptr_t)q);
	CALL("f_double", f_double, ARG(x); ARG(y), double d = f_double(x, y), truth_double(d));
	CALL("f_twice", f_twice, ARG(x), double d = f_twice(x), truth_double(d));
	CALL("f_float", f_float, ARG(f); ARG(i), float g = f_float(f, i), truth_float(g));
	{
		int a = i + 1, b = i + 2, c = i + 3, d = i + 4, e = i + 5, m = i + 6;
		long g = i + 7;
		short h = -i - 8;
		char k = 'k';

		CALL("f_many", f_many, ARG(a); ARG(b); ARG(c); ARG(d); ARG(e); ARG(m); ARG(g);
			ARG(h); ARG(k), long r = f_many(a, b, c, d, e, m, g, h, k), SIGNED(r));
	}
	{
		double v[9];

		for (int j = 0; j < 9; j++) {
			v[j] = j + 0.5 * i;
		}
		CALL("f_floats", f_floats, ARG(v); ARG(i),
			double r =
				f_floats(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], i),
			truth_double(r));
	}
}

static void structures(int i)
{
	struct pair p = { i + 1, -i };
	struct mixed m = { 0.5 * i, i };
	struct small s = { 'a', (short)(-i) };
	struct wide w = { i * 1000l, -i };
	struct large l = { { i, 2, 3, 4, 5 } };
	union both u = { i * 3 };
	long double d = 1.25L * i;
	int n = i + 2, k = i + 40, one = 1;
	int r;

	CALL("f_pair", f_pair, ARG(p); ARG(n), r = f_pair(p, n), SIGNED(r));
	CALL("f_mixed", f_mixed, ARG(m.x); ARG(m.n); ARG(n), r = f_mixed(m, n), SIGNED(r));
	CALL("f_small", f_small, ARG(s.c); ARG(s.s), r = f_small(s), SIGNED(r));
	CALL("f_wide", f_wide, ARG(n); ARG(w); ARG(k), long q = f_wide(n, w, k), SIGNED(q));
	CALL("f_large", f_large, ARG(one); ARG(l); ARG(k), long q = f_large(1, l, k), SIGNED(q));
	CALL("f_sret", f_sret, ARG(n); ARG(k), l = f_sret(n, k), 0);
	CALL("f_retpair", f_retpair, ARG(n), p = f_retpair(n), 0);
	CALL("f_union", f_union, ARG(u); ARG(n), r = f_union(u, n), SIGNED(r));
	CALL("f_longdouble", f_longdouble, truth_bytes(&d, 10); ARG(n), d = f_longdouble(d, n), 0);
	CALL("f_buffer", f_buffer, ARG(n); ARG(i), r = f_buffer(n, i), SIGNED(r));
	CALL("f_alloca", f_alloca, ARG(k); ARG(n), r = f_alloca(k, n), SIGNED(r));
	sink += p.b + (int)l.v[0] + (int)d;
}

static void changed(int i)
{
	struct pair p = { i + 5, i };
	const struct pair *to = &p;
	int zero = 0, three = 3, five = 5, acc = i + 2;
	int r;

	USE(to);
	CALL("f_recursive", f_recursive, ARG(five);
		ARG(acc), r = f_recursive(five, acc), SIGNED(r));
	CALL("s_unused", s_unused, ARG(zero); ARG(i); ARG(acc), r = s_unused(0, i, acc), SIGNED(r));
	CALL("s_same", s_same, ARG(i); ARG(three); ARG(acc), r = s_same(i, 3, acc), SIGNED(r));
	CALL("s_through", s_through, ARG(to); ARG(acc), r = s_through(to, acc), SIGNED(r));
	CALL("i_square", i_square, ARG(acc), r = i_square(acc), SIGNED(r));
	CALL("i_sum", i_sum, ARG(acc); ARG(i), r = i_sum(acc, i), SIGNED(r));
	for (int j = 0; j < 2; j++) {
		int low = j * 2, high = 9;
		long n = 70 + j;
		double x = j - 0.5;
		struct pair q = { j, i };

		CALL("i_clamp", i_clamp, ARG(acc); ARG(low);
			ARG(high), r = i_clamp(acc, low, high), SIGNED(r));
		CALL("i_nested", i_nested, ARG(to); ARG(n), long k = i_nested(to, n), SIGNED(k));
		CALL("i_half", i_half, ARG(x); ARG(q), double d = i_half(x, q), truth_double(d));
		acc += r;
	}
	CALL("i_clamp", i_clamp, ARG(i); ARG(three); ARG(five), r = i_clamp(i, 3, 5), SIGNED(r));
	sink += r;
	five += acc + 10;
	CALL("i_power", i_power, ARG(acc); ARG(five), r = i_power(acc, five), SIGNED(r));
	for (int j = -1; j < 2; j++) {
		CALL("f_cold", f_cold, ARG(j); ARG(acc), r = f_cold(j, acc), SIGNED(r));
		sink += r;
	}
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		int n = i;

		USE(n);
		integers(n);
		others(n);
		structures(n);
		changed(n);
	}
	return 0;
}
