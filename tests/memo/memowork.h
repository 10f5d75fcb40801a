/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of memowork share. */
#ifndef MEMOWORK_H
#define MEMOWORK_H

#define NOHOOK   __attribute__((no_instrument_function))
#define NOINLINE __attribute__((noinline))
#define ROUNDS   40
/* Known before the exit hook is called. */
#define DONE(value) __asm__ volatile("" : "+r"(value))

int m_int(int a, int b);
long m_long(long a, unsigned long b);
double m_double(double a, float b, int c);
long m_depth(long n);

/* Scenarios: memowork_values.c */
void types(void);
void floats(void);
void traps(void);
void recursion(void);
void deep(void);
void frames(void);
void registers(void);

#endif
