/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes it hard to know how long a thread was off the CPU. Each measures itself: `cpuodd foreign` uses restartable
 * sequences itself, `restored` hides from others that it slept, `uncleared` acts like a kernel that does not tell, `stormed` has signals whose
 * handlers sleep, `forked` forks in them, `migrating` goes from CPU to CPU, `vforked` waits for children that share its memory,
 * `own_area` registers an area of restartable sequences of its own (GLIBC_TUNABLES=glibc.pthread.rseq=0).
 */
#include "cputime.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#define EARLY    100
#define CHILDREN 6

/* The loader's, where it registers an area of restartable sequences. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

NOHOOK static volatile uint64_t *rseq_field(void)
{
	if (&__rseq_offset == NULL || &__rseq_size == NULL || __rseq_size == 0) {
		skip("no restartable sequences here");
	}
	return (volatile uint64_t *)((char *)__builtin_thread_pointer() + __rseq_offset + 8);
}

struct descriptor {
	uint32_t version, flags;
	uint64_t start, bytes, leave;
} __attribute__((aligned(32)));

/* A section that is never run. */
__asm__(".text\n\tud2\n\t.p2align 2\n\t.long 0x53053053\nleave_section:\n\tud2\nnever_run:\n\tud2\n");
extern const char leave_section[] __attribute__((visibility("hidden")));
extern const char never_run[] __attribute__((visibility("hidden")));
static struct descriptor own_section;

/* As an allocator that enters its sections all the time: the field is its own, and stays so but for switches. */
NOINLINE static void foreign(void)
{
	volatile uint64_t *field = rseq_field();
	unsigned long long until;
	struct measure from;
	long rounds = 0;
	long taken = 0;

	own_section = (struct descriptor){
		.start = (uint64_t)never_run, .bytes = 2, .leave = (uint64_t)leave_section
	};
	from = begin();
	until = from.cpu + 8 * BURN_NS;
	while (now_of(CLOCK_THREAD_CPUTIME_ID) < until) {
		for (int i = 0; i < 500; i++) {
			for (int k = 0; k < 100; k++) {
				sink++;
			}
			*field = (uint64_t)&own_section;
			leaf();
			/* Later nobody may want it any more. */
			taken += rounds < EARLY && *field != (uint64_t)&own_section;
			rounds++;
		}
		if (rounds % 50000 == 0) {
			nap(2000000);
		}
	}
	end(FOREIGN, from);
	*field = 0;
	if (taken > EARLY / 2) {
		fprintf(stderr, "the field was taken away %ld of %d times\n", taken, EARLY);
		exit(97);
	}
}

/* As on a kernel that leaves the field alone when a thread sleeps. */
NOINLINE static void restored(void)
{
	volatile uint64_t *field = rseq_field();
	struct measure from = begin();

	for (int i = 0; i < 8; i++) {
		uint64_t value;

		spin(BURN_NS / 2);
		value = *field;
		nap(4 * SLEEP_NS);
		*field = value;
		leaf();
	}
	end(RESTORED, from);
}

/* What is to be there again after the next sleep of somebody else. */
static uint64_t kept;
static int feigned;

/* The system call was not made: the thread "slept", and the field is as it was. */
NOHOOK static void on_sleep(int number, siginfo_t *info, void *data)
{
	ucontext_t *context = data;

	(void)number;
	(void)info;
	context->uc_mcontext.gregs[REG_RAX] = 0;
	feigned++;
	*rseq_field() = kept;
}

/* nanosleep only: ours is clock_nanosleep. */
NOHOOK static void feign_sleeps(void)
{
	struct sigaction action = { .sa_sigaction = on_sleep, .sa_flags = SA_SIGINFO };
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_nanosleep, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

	sigaction(SIGSYS, &action, NULL);
	/* By the instruction, since a call of prctl would be seen. */
	if (raw_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0) != 0 ||
		raw_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&program) != 0) {
		skip("no seccomp");
	}
}

/* As on a kernel that never clears the field: the long sleep at the beginning makes others doubt, and their own sleep tells. */
NOINLINE static void uncleared(void)
{
	volatile uint64_t *field = rseq_field();
	struct measure from;

	feign_sleeps();
	from = begin();
	for (int i = 0; i < 24; i++) {
		spin(BURN_NS / 4);
		leaf();
		kept = *field;
		nap(i == 0 ? 4 * SLEEP_NS : SLEEP_NS / 3);
		*field = kept;
		leaf();
	}
	end(UNCLEARED, from);
	*field = 0;
	fprintf(stderr, "%d sleeps of others\n", feigned);
}

static volatile sig_atomic_t signals;
static volatile int forking;

NOINLINE static void forked(void)
{
	struct measure from = begin();

	spin(BURN_NS / 2);
	nap(SLEEP_NS);
	spin(BURN_NS / 2);
	end(FORKED, from);
}

NOHOOK static void fork_here(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < NAMES; i++) {
			cpu_sum[i] = 0;
			wall_sum[i] = 0;
		}
		forked();
		tell();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid) {
		die("fork");
	}
}

NOINLINE static void handled(void)
{
	struct measure from = begin();

	nap(300000);
	if (forking && signals <= CHILDREN) {
		fork_here();
	}
	if (!forking) {
		end(HANDLED, from);
	}
}

NOHOOK static void on_alarm(int number)
{
	(void)number;
	signals++;
	handled();
}

/* Hooks all the time, so that most signals come in the middle of one. */
NOINLINE static void stormed(void)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	long every = forking ? 5000 : 1000;
	struct itimerval timer = { { 0, every }, { 0, every } };
	struct measure from = begin();
	unsigned long long until = from.cpu + 8 * BURN_NS;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (now_of(CLOCK_THREAD_CPUTIME_ID) < until || signals <= CHILDREN) {
		if (forking) {
			/* Calls of a child that was born within a hook are lost, and counted. */
			spin_quietly(BURN_NS / 4);
			leaf();
		}
		for (int i = 0; i < 1000 && !forking; i++) {
			leaf();
		}
	}
	timer = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &timer, NULL);
	/* Of a fork's children, too, this one has the time until they end. */
	if (!forking) {
		end(STORMED, from);
	}
}

NOINLINE static void migrating(void)
{
	struct measure from = begin();
	cpu_set_t all;
	int cpu = -1;

	sched_getaffinity(0, sizeof all, &all);
	if (CPU_COUNT(&all) < 2) {
		skip("one CPU only");
	}
	for (int i = 0; i < 200; i++) {
		cpu_set_t one;

		do {
			cpu = (cpu + 1) % CPU_SETSIZE;
		} while (!CPU_ISSET(cpu, &all));
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof one, &one);
		leaf();
		spin(100000);
	}
	sched_setaffinity(0, sizeof all, &all);
	end(MIGRATING, from);
}

/* What the child does is time off the CPU of this thread. */
NOINLINE static void vforked(void)
{
	struct measure from = begin();

	for (volatile int i = 0; i < 8; i++) {
		pid_t pid;

		spin(BURN_NS / 4);
		pid = vfork();
		if (pid == 0) {
			leaf();
			nap(SLEEP_NS / 2);
			leaf();
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid) {
			die("vfork");
		}
	}
	end(VFORKED, from);
}

struct area {
	uint32_t cpu_start, cpu;
	uint64_t section;
	uint32_t flags, more[3];
} __attribute__((aligned(32)));

static struct area own;

NOINLINE static void own_area(void)
{
	struct measure from;

	if (syscall(SYS_rseq, &own, sizeof own, 0, 0x53053053) != 0) {
		skip("the area of restartable sequences is registered already, or there is none");
	}
	own_section = (struct descriptor){
		.start = (uint64_t)never_run, .bytes = 2, .leave = (uint64_t)leave_section
	};
	from = begin();
	for (int i = 0; i < 8; i++) {
		spin(BURN_NS / 2);
		for (int k = 0; k < 100; k++) {
			*(volatile uint64_t *)&own.section = (uint64_t)&own_section;
			leaf();
		}
		nap(SLEEP_NS / 2);
		leaf();
	}
	end(OWN_AREA, from);
}

NOHOOK int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} modes[] = { { "foreign", foreign }, { "restored", restored }, { "uncleared", uncleared },
		{ "stormed", stormed }, { "forked", stormed }, { "migrating", migrating },
		{ "vforked", vforked }, { "own_area", own_area } };
	const char *mode = argc > 1 ? argv[1] : "";

	forking = strcmp(mode, "forked") == 0;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		if (strcmp(mode, modes[i].name) == 0) {
			modes[i].function();
			tell();
			return 0;
		}
	}
	return 1;
}
