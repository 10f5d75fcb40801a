/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions whose arguments and results lie at known places when their hooks run: written by hand, as compilers write them.
 * Behind each call of a hook is a label, NAME_enter or NAME_exit, whose address is what the hook returns to. Calls are
 * told on stdout: function, arguments, result.
 *
 *   two(int a, long b)        a in ebx, b in r12; result in r12
 *   slots(a, b, c, d, e, f, g)  a at rbp-92, b (short) at rsp+8, g (on the caller's stack) at CFA+0; result at rsp+12
 *   text(const char *)        in rbx; no result
 *   block(const void *, size_t)  in r13 and r14; result is the constant -3
 *   deep(int n)               n in ebx; calls itself n times; result n in ebx
 *   jumper(int v)             v in r15; calls leave(v); result in r15
 */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAIN __attribute__((no_instrument_function))

long two(int a, long b);
int slots(int a, short b, long c, long d, long e, long f, long g);
void text(const char *string);
int block(const void *bytes, size_t count);
int deep(int n);
long jumper(long v);
void leave(long v);

/* clang-format off */
#define BEGIN(name) ".protected " #name "\n.globl " #name ", " #name "_enter, " #name "_exit\n.type " #name ", @function\n" #name ":\n" \
	"push %rbp\nmov %rsp, %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\nsub $40, %rsp\n"
#define HOOK(name, what) "lea " #name "(%rip), %rdi\nmov 8(%rbp), %rsi\ncall __cyg_profile_func_" #what "@PLT\n" #name "_" #what ":\n"
#define END(name) "add $40, %rsp\npop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n.size " #name ", .-" #name "\n"

__asm__(".text\n"
	BEGIN(two) "mov %edi, %ebx\nmov %rsi, %r12\n" HOOK(two, enter)
	"movslq %ebx, %rax\nadd %rax, %r12\n" HOOK(two, exit) "mov %r12, %rax\n" END(two)

#ifndef WORKLOAD_LIBRARY
	BEGIN(slots) "sub $32, %rsp\nmov %edi, 20(%rsp)\nmov %si, 8(%rsp)\n"
	"mov $-1, %rbx\nmov $-1, %r12\n" HOOK(slots, enter)
	"mov 20(%rsp), %eax\nmovswl 8(%rsp), %ecx\nsub %ecx, %eax\nadd 16(%rbp), %eax\nmov %eax, 12(%rsp)\n"
	HOOK(slots, exit) "mov 12(%rsp), %eax\nadd $32, %rsp\n" END(slots)

	BEGIN(text) "mov %rdi, %rbx\n" HOOK(text, enter) HOOK(text, exit) END(text)

	BEGIN(block) "mov %rdi, %r13\nmov %rsi, %r14\n" HOOK(block, enter) HOOK(block, exit) "mov $-3, %eax\n" END(block)

	BEGIN(deep) "mov %edi, %ebx\n" HOOK(deep, enter)
	"test %ebx, %ebx\nje 1f\nlea -1(%rbx), %edi\ncall deep\n1:\n" HOOK(deep, exit) "mov %ebx, %eax\n" END(deep)

	BEGIN(jumper) "mov %rdi, %r15\n" HOOK(jumper, enter) "mov %r15, %rdi\ncall leave\n" HOOK(jumper, exit)
	"mov %r15, %rax\n" END(jumper)
#endif
);
/* clang-format on */

#ifndef WORKLOAD_LIBRARY

static jmp_buf back;

PLAIN void leave(long v)
{
	if (v % 3 == 0) {
		longjmp(back, 1);
	}
}

PLAIN static void say_two(int a, long b)
{
	long result = two(a, b);

	printf("two %d %ld %ld\n", a, b, result);
}

PLAIN static void run_plain(int calls)
{
	static char longest[4097];
	static const char bytes[] = "\1\2\3\4\5\6\7\10\11\12\13";
	char *string = strdup("seven.");

	for (int i = 0; i < calls; i++) {
		int a = i % 7 - 3;
		short b = (short)(i % 5 - 2);

		say_two(a, i % 11 * 1000000007l - 5);
		printf("slots %d %d %d %d\n", a, b, i % 3, slots(a, b, 9, 9, 9, 9, i % 3));
	}
	memset(longest, 'x', 4096);
	text("");
	text(string);
	text("eight...");
	text("a longer one, of more than one word");
	text(longest); /* the longest that is read */
	puts("text \ntext seven.\ntext eight...\ntext a longer one, of more than one word");
	printf("text %s\n", longest);
	text(NULL);
	puts("null");
	for (size_t i = 0; i < sizeof bytes; i += 5) {
		(void)block(bytes, i);
		printf("block %zu\n", i);
	}
	free(string);
}

/* Strings that are not there, or too long, or end at the end of a page behind which is nothing. */
PLAIN static void run_content(void)
{
	static char longer[4098];
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(longer, 'y', 4097);
	memset(pages, 'p', 4096);
	munmap(pages + 4096, 4096);
	text((char *)8);
	text(pages + 4000); /* no NUL before the end */
	text(longer);
	(void)block(pages + 4090, 7);
	(void)block(longer, 4097);
	puts("lost 5");
	pages[4095] = '\0';
	text(pages + 4086);
	puts("text ppppppppp");
	(void)two(1, 2);
	puts("two 1 2 3");
}

PLAIN static void *worker(void *number)
{
	for (long i = 0; i < 3000; i++) {
		(void)two((int)(long)number, i % 100);
	}
	return NULL;
}

PLAIN static void run_threads(void)
{
	pthread_t threads[8];

	for (long i = 0; i < 8; i++) {
		pthread_create(&threads[i], NULL, worker, (void *)i);
	}
	for (long i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		for (long k = 0; k < 3000; k++) {
			printf("two %ld %ld %ld\n", i, k % 100, i + k % 100);
		}
	}
}

PLAIN static void *diver(void *unused)
{
	printf("deep %d\n", deep(100000));
	return unused;
}

PLAIN static void run_fork(void)
{
	say_two(1, 1);
	fflush(stdout);
	if (fork() == 0) {
		say_two(2, 1);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	say_two(3, 1);
}

static volatile sig_atomic_t came;

PLAIN static void handler(int number)
{
	(void)number;
	(void)slots(came++ % 4, 7, 1, 2, 3, 4, 5);
}

/* Until a thousand have come, which needs no time of its own to be right. */
PLAIN static void run_signals(void)
{
	struct itimerval timer = { { 0, 50 }, { 0, 50 } };
	long calls = 0;

	signal(SIGALRM, handler);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (came < 1000) {
		(void)two((int)(calls % 50), 3);
		calls++;
	}
	timer = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &timer, NULL);
	fprintf(stderr, "%ld\n", calls);
}

PLAIN static void run_longjmp(void)
{
	for (volatile long i = 0; i < 300; i++) {
		if (setjmp(back) == 0) {
			(void)jumper(i);
			printf("jumper %ld %ld\n", i, i);
		} else {
			printf("left %ld\n", i);
		}
	}
}

/* Loads, calls, closes, each in turn: both lie at the same addresses. */
PLAIN static void run_dlopen(int count, char **paths)
{
	for (int round = 0; round < 6; round++) {
		void *handle = dlopen(paths[round % count], RTLD_NOW);
		long (*function)(int, long) = NULL;

		if (handle == NULL) {
			fputs(dlerror(), stderr);
			exit(1);
		}
		*(void **)&function = dlsym(handle, "two");
		for (long i = 0; i < 20; i++) {
			printf("%s %d %ld %ld\n", round % count == 0 ? "first" : "second", round, i,
				function(round, i));
		}
		dlclose(handle);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "plain";

	if (strcmp(what, "plain") == 0) {
		run_plain(argc > 2 ? atoi(argv[2]) : 500);
	} else if (strcmp(what, "content") == 0) {
		run_content();
	} else if (strcmp(what, "threads") == 0) {
		run_threads();
	} else if (strcmp(what, "fork") == 0) {
		run_fork();
	} else if (strcmp(what, "signals") == 0) {
		run_signals();
	} else if (strcmp(what, "longjmp") == 0) {
		run_longjmp();
	} else if (strcmp(what, "deep") == 0) {
		pthread_attr_t attributes;
		pthread_t thread;

		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, 64 << 20);
		pthread_create(&thread, &attributes, diver, NULL);
		pthread_join(thread, NULL);
	} else if (strcmp(what, "many") == 0) {
		for (long i = 0; i < 60000; i++) {
			say_two(1, i % 6000);
		}
	} else if (strcmp(what, "dlopen") == 0) {
		run_dlopen(argc - 2, argv + 2);
	}
	return 0;
}
#endif
