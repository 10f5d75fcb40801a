/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions for the proof of purity that are pure: p_*. test_corpus.py compiles them in many ways; those of impure.c are not.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define OUT __attribute__((noinline, noclone, used))

OUT int p_fib(int n)
{
	return n < 2 ? n : p_fib(n - 1) + p_fib(n - 2);
}

OUT unsigned p_ackermann(unsigned m, unsigned n)
{
	if (m == 0) {
		return n + 1;
	}
	return n == 0 ? p_ackermann(m - 1, 1) : p_ackermann(m - 1, p_ackermann(m, n - 1));
}

OUT unsigned long p_binomial(unsigned n, unsigned k)
{
	return k == 0 || k >= n ? 1 : p_binomial(n - 1, k - 1) + p_binomial(n - 1, k);
}

OUT unsigned p_gcd(unsigned a, unsigned b)
{
	while (b != 0) {
		unsigned rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

OUT int p_collatz(unsigned long n)
{
	int steps = 0;

	while (n > 1) {
		n = n % 2 == 0 ? n / 2 : 3 * n + 1;
		steps++;
	}
	return steps;
}

OUT unsigned p_isqrt(unsigned n)
{
	unsigned root = 0;

	for (unsigned bit = 1u << 15; bit != 0; bit >>= 1) {
		unsigned next = root | bit;

		if (next * next <= n) {
			root = next;
		}
	}
	return root;
}

OUT _Bool p_is_prime(unsigned n)
{
	if (n < 2) {
		return 0;
	}
	for (unsigned i = 2; i * i <= n; i++) {
		if (n % i == 0) {
			return 0;
		}
	}
	return 1;
}

OUT int p_popcount(unsigned long value)
{
	int count = 0;

	for (; value != 0; value &= value - 1) {
		count++;
	}
	return count;
}

OUT int p_switch(int what, int a, int b)
{
	switch (what) {
	case 0:
		return a + b;
	case 1:
		return a - b;
	case 2:
		return a * b;
	case 3:
		return a & b;
	case 4:
		return a | b;
	case 5:
		return a ^ b;
	case 6:
		return a << (b & 31);
	case 7:
		return b == 0 ? 0 : a / b;
	default:
		return -1;
	}
}

static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

OUT int p_days(int month)
{
	return month < 0 || month > 11 ? -1 : days[month];
}

OUT int p_day_of_year(int month, int day)
{
	int sum = day;

	for (int i = 0; i < month; i++) {
		sum += days[i];
	}
	return sum;
}

OUT double p_horner(double x)
{
	return ((2.0 * x - 3.5) * x + 0.25) * x - 7.0;
}

OUT double p_newton(double x)
{
	double guess = x;

	for (int i = 0; i < 20; i++) {
		guess = 0.5 * (guess + x / guess);
	}
	return guess;
}

OUT float p_mix(float a, float b, float t)
{
	return a + (b - a) * t;
}

OUT double p_abs_sum(double a, double b)
{
	return fabs(a) + fabs(b);
}

struct point {
	double x, y;
};

OUT double p_distance2(struct point a, struct point b)
{
	return (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y);
}

struct pair {
	int first, second;
};

OUT struct pair p_swap(struct pair pair)
{
	return (struct pair){ pair.second, pair.first };
}

enum color {
	RED,
	GREEN,
	BLUE
};

OUT enum color p_next_color(enum color color)
{
	return color == BLUE ? RED : (enum color)(color + 1);
}

OUT _Bool p_is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

OUT long p_nine(int a, long b, short c, char d, int e, unsigned f, long g, int h, long i)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * (long)f + 7 * g + 8 * h + 9 * i;
}

OUT int p_local_array(int seed)
{
	int values[4] = { seed, seed * 3, seed * 5, seed * 7 };

	return values[0] * values[3] - values[1] * values[2];
}

OUT int p_local_index(int seed, unsigned at)
{
	int values[8] = { seed, 1, 2, 3, 4, 5, 6, 7 };

	return values[at & 7];
}

static int helper(int a, int b)
{
	return a * 31 + b;
}

static OUT int p_helper_kept(int a, int b)
{
	return helper(a, b) ^ (helper(b, a) >> 3);
}

OUT int p_calls(int a, int b)
{
	return p_helper_kept(a, b) + p_helper_kept(b, a);
}

static const char from[] = "intention";
static const char to[] = "execution";

OUT int p_edit_distance(int i, int j)
{
	int best;
	int other;

	if (i == 0 || j == 0) {
		return i + j;
	}
	if (from[i - 1] == to[j - 1]) {
		return p_edit_distance(i - 1, j - 1);
	}
	best = p_edit_distance(i - 1, j);
	other = p_edit_distance(i, j - 1);
	best = other < best ? other : best;
	other = p_edit_distance(i - 1, j - 1);
	return 1 + (other < best ? other : best);
}

static const int weights[8] = { 3, 4, 5, 9, 4, 7, 2, 6 };
static const int values[8] = { 3, 4, 4, 10, 4, 8, 1, 7 };

OUT int p_knapsack(int item, int room)
{
	int without;
	int with;

	if (item >= 8) {
		return 0;
	}
	without = p_knapsack(item + 1, room);
	if (weights[item] > room) {
		return without;
	}
	with = values[item] + p_knapsack(item + 1, room - weights[item]);
	return with > without ? with : without;
}

OUT unsigned __int128 p_wide(unsigned long a, unsigned long b)
{
	return (unsigned __int128)a * b + 1;
}

OUT int p_even(unsigned n);
OUT int p_odd(unsigned n)
{
	return n == 0 ? 0 : p_even(n - 1) + 1;
}

OUT int p_even(unsigned n)
{
	return n == 0 ? 1 : 2 * p_odd(n - 1);
}

OUT uint32_t p_hash(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

OUT int p_clamp(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

OUT unsigned char p_upper(unsigned char c)
{
	return c >= 'a' && c <= 'z' ? (unsigned char)(c - 32) : c;
}

OUT double p_mean(int a, int b, int c)
{
	return (a + b + c) / 3.0;
}

OUT long p_power_mod(long base, long exponent, long modulus)
{
	long result = 1;

	for (base %= modulus; exponent > 0; exponent >>= 1) {
		if (exponent & 1) {
			result = result * base % modulus;
		}
		base = base * base % modulus;
	}
	return result;
}

OUT int p_checked(int a, int b)
{
	if (b == 0) {
		fprintf(stderr, "division by zero\n");
		abort();
	}
	return a / b;
}

int main(int argc, char **argv)
{
	double sum = 0;

	(void)argv;
	sum += p_fib(5) + p_ackermann(1, 2) + (double)p_binomial(4, 2) + p_gcd(12, 8) +
	       p_collatz(7);
	sum += p_isqrt(99) + p_is_prime(7) + p_popcount(5) + p_switch(argc, 1, 2) + p_days(argc);
	sum += p_calls(argc, 2) + p_edit_distance(3, 3) + p_knapsack(0, 10) + p_hash(3);
	printf("%g\n", sum);
	return 0;
}
