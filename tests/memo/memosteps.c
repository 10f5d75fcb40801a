/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memosteps ACTION hit|miss [STRIDE]: a call of a function that is answered from a cache is interrupted at each single instruction of it,
 * hooks included, by the processor's trap flag (or at one of STRIDE); a handler then does what makes it hard:
 *
 *   calls   runs the same function itself, for the same argument and for others
 *   alt     the same on an alternate stack, which lies above the interrupted one
 *   jump    leaves by siglongjmp; the function is then called from the same place with another argument
 *   fork    forks: both processes go on where they were
 *   begin   switches to another stack on which a call begins, and back in the middle of that
 *   end     switches to another stack on which a call was in the middle, and goes on until it ended
 *   begin-above, end-above: the other stack lies above
 *
 * Every result is compared with that of a copy without hooks, then and when it comes from the cache. No clock, no timer: the steps
 * are counted. Prints how many there were and how many results were wrong; ends with 1 if any was.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define NOHOOK   __attribute__((no_instrument_function))
#define NOINLINE __attribute__((noinline))

#define TRAP_FLAG   0x100
#define STACK_BYTES (256ul << 10)
#define STEPS_MAX   20000
#define NOBODY      (-1l)

static volatile long countdown;
static volatile bool acted;
static volatile long yields = NOBODY;
static volatile long other_key;
static volatile unsigned long wrong;
static long stride = 1;
static sigjmp_buf before;
static ucontext_t main_context, mine, other;
static const char *action;
static long next_key = 1000;
static volatile long interrupted_key;

/* --- what is computed, with hooks and without --- */

NOHOOK NOINLINE static long plain(long a)
{
	return (a * 2862933555777941757l + 3037000493l) ^ (a >> 3);
}

NOHOOK static void yield(void)
{
	yields = NOBODY;
	swapcontext(&other, &mine);
}

NOINLINE long m_inner(long a)
{
	long value = a * 2862933555777941757l + 3037000493l;

	__asm__ volatile("" : "+r"(value));
	return value;
}

NOINLINE long m_value(long a)
{
	long value;

	if (yields == a) {
		yield();
	}
	value = m_inner(a) ^ (a >> 3);
	__asm__ volatile("" : "+r"(value));
	return value;
}

/* The one place from which it is called. */
NOHOOK NOINLINE static void probe(long a)
{
	long value = m_value(a);

	if (value != plain(a)) {
		wrong++;
		fprintf(stderr, "%s: m_value(%ld) is %ld, not %ld\n", action, a, value, plain(a));
	}
}

/* --- the other stack --- */

NOHOOK static void other_loop(void)
{
	for (;;) {
		yields = other_key;
		probe(other_key); /* comes back in the middle */
		swapcontext(&other, &mine);
	}
}

/* --- steps --- */

NOHOOK static void on_step(int number, siginfo_t *info, void *data)
{
	ucontext_t *context = data;
	int status = 0;
	pid_t child;

	(void)number;
	(void)info;
	if (--countdown > 0) {
		return;
	}
	context->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	if (acted) {
		return;
	}
	acted = true;
	if (strcmp(action, "calls") == 0 || strcmp(action, "alt") == 0) {
		probe(next_key + 1);
		probe(interrupted_key);
		probe(next_key + 1);
		probe(7);
	} else if (strcmp(action, "jump") == 0) {
		siglongjmp(before, 1);
	} else if (strcmp(action, "fork") == 0) {
		child = fork();
		if (child > 0 && (waitpid(child, &status, 0) != child || status != 0)) {
			wrong++;
			fprintf(stderr, "fork: the child ended with %x\n", (unsigned)status);
		}
	} else {
		swapcontext(&mine, &other);
	}
}

NOHOOK NOINLINE static void steps_begin(long count)
{
	acted = false;
	countdown = count;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
}

NOHOOK NOINLINE static void steps_end(void)
{
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

/* One call that is interrupted at its step `count`. */
NOHOOK NOINLINE static void one(long key, long count)
{
	interrupted_key = key;
	steps_begin(count);
	probe(key);
	steps_end();
}

/* Whatever was stored is looked at. */
NOHOOK NOINLINE static void sweep(long key)
{
	for (int i = 0; i < 2; i++) {
		probe(key);
		probe(key + 1);
		probe(7);
		probe(8);
	}
}

NOHOOK static bool starts(const char *text)
{
	return strncmp(action, text, strlen(text)) == 0;
}

NOHOOK static long all_steps(bool hit)
{
	volatile long count;
	pid_t self = getpid();

	for (count = 1; count < STEPS_MAX; count += stride) {
		long key = hit ? 7 : next_key;
		bool switches = starts("begin") || starts("end");

		other_key = next_key + 1;
		if (starts("end")) {
			swapcontext(&mine, &other); /* it is in the middle of its call now */
		}
		if (sigsetjmp(before, 1) == 0) {
			one(key, count);
		} else {
			probe(key + 1); /* in the frame of before, with another key */
		}
		if (getpid() != self) {
			sweep(key);
			_exit(wrong != 0);
		}
		if (switches && !acted) {
			acted = false;
			swapcontext(&mine, &other);
			if (starts("begin")) {
				swapcontext(&mine, &other);
			}
			sweep(key);
			break;
		}
		if (starts("begin")) {
			swapcontext(&mine, &other); /* it ends */
		}
		sweep(key);
		sweep(other_key);
		if (!acted) {
			break;
		}
		next_key += 4; /* none that was seen already */
	}
	return count;
}

static bool hits;
static long steps;

NOHOOK static void whole(void)
{
	steps = all_steps(hits);
	swapcontext(&mine, &main_context);
}

NOHOOK static void prepare(ucontext_t *context, void *stack, void (*body)(void))
{
	getcontext(context);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = STACK_BYTES;
	context->uc_link = NULL;
	makecontext(context, body, 0);
}

int main(int argc, char **argv)
{
	char *stacks = mmap(
		NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char high[64 << 10]; /* the first thread's stack is above all that is mapped */
	stack_t stack = { .ss_size = sizeof high, .ss_sp = high };
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_NODEFER };

	if (argc < 3 || stacks == MAP_FAILED) {
		return 2;
	}
	action = argv[1];
	hits = strcmp(argv[2], "hit") == 0;
	stride = argc > 3 ? atol(argv[3]) : 1;
	if (strcmp(action, "alt") == 0) {
		sigaltstack(&stack, NULL);
		step.sa_flags |= SA_ONSTACK;
	}
	sigaction(SIGTRAP, &step, NULL);
	for (int i = 0; i < 40; i++) {
		probe(7);
		probe(8);
	}
	prepare(&other, strstr(action, "above") != NULL ? stacks + STACK_BYTES : stacks,
		other_loop);
	prepare(&mine, strstr(action, "above") != NULL ? stacks : stacks + STACK_BYTES, whole);
	swapcontext(&main_context, &mine);
	printf("%s %s: %lu wrong\n", action, argv[2], wrong);
	fprintf(stderr, "%ld steps\n", steps);
	return wrong != 0 || steps < 2 || steps >= STEPS_MAX;
}
