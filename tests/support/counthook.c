/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An independent counter of calls, to compare hasten with: slow, simple, and built on another idea.
 * Where hasten searches the stack for the frame address, this library asks the unwinder of the
 * compiler (.eh_frame) for it at every hook, and checks the answer against call_site.
 *
 *   LD_PRELOAD="counthook.so libhasten.so" COUNTHOOK_OUT=counts.txt ./program
 *
 * Each hook counts and then jumps, with registers and stack as they were, to the next library's
 * hook: both see the same run. The counts are written when the process exits or calls _exit; a
 * fork's child begins at zero and writes to COUNTHOOK_OUT.PID. The lines are those of
 * `decode.py --pairs`:
 *
 *   p TID CALLER CALLEE CALLS       caller = innermost open function, 0 none
 *   # WHAT NUMBER                   events that make the comparison doubtful
 *
 * Stacks of the same thread other than its own (coroutines) are not told apart.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#define HST_VISIBLE __attribute__((visibility("default")))

/* An open call. */
struct entry {
	uintptr_t fn;
	uintptr_t cfa;  /* of the machine frame that the hook ran in */
	uintptr_t site; /* return address of that frame */
	uintptr_t ret;  /* return address of the enter hook */
};

struct pair {
	uintptr_t caller;
	uintptr_t callee; /* 0: the slot is free */
	uint64_t calls;
};

struct thread {
	struct thread *next;
	pid_t tid;
	bool busy; /* a hook runs: one in a signal handler that interrupts it is not counted */
	struct entry *stack;
	size_t depth;
	size_t room;
	struct pair *pairs; /* open addressing, a power of two */
	size_t pair_count;
	size_t pair_room;
};

static struct thread *threads;
static pthread_mutex_t threads_mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread struct thread *self __attribute__((tls_model("initial-exec")));
static _Atomic uint64_t nested;
static _Atomic uint64_t unmatched_exits;
static _Atomic uint64_t wrong_frames;
static bool dumped;
static pid_t first_pid;

void counthook_enter(uintptr_t fn, uintptr_t site, uintptr_t ret, uintptr_t sp);
void counthook_exit(uintptr_t fn, uintptr_t site, uintptr_t ret, uintptr_t sp);
void counthook_resolve(void);
void (*counthook_next_enter)(void *, void *);
void (*counthook_next_exit)(void *, void *);

/*
 * The hook is an ordinary call, so only its two arguments live in registers that a call may change.
 * The frame information lets the unwinder pass through.
 */
#define HOOK(name, count, next)                                                       \
 __asm__(".text\n.p2align 4\n.globl " name "\n.type " name ", @function\n" name ":\n" \
	 ".cfi_startproc\n"                                                           \
	 "endbr64\n"                                                                  \
	 "pushq %rdi\n.cfi_adjust_cfa_offset 8\n"                                     \
	 "pushq %rsi\n.cfi_adjust_cfa_offset 8\n"                                     \
	 "subq $8, %rsp\n.cfi_adjust_cfa_offset 8\n"                                  \
	 "movq 24(%rsp), %rdx\n"                                                      \
	 "leaq 32(%rsp), %rcx\n"                                                      \
	 "call " count "\n"                                                           \
	 "addq $8, %rsp\n.cfi_adjust_cfa_offset -8\n"                                 \
	 "popq %rsi\n.cfi_adjust_cfa_offset -8\n"                                     \
	 "popq %rdi\n.cfi_adjust_cfa_offset -8\n"                                     \
	 "movq " next "(%rip), %rax\n"                                                \
	 "testq %rax, %rax\n"                                                         \
	 "jz 1f\n"                                                                    \
	 "jmp *%rax\n"                                                                \
	 "1: ret\n"                                                                   \
	 ".cfi_endproc\n.size " name ", . - " name "\n")

HOOK("__cyg_profile_func_enter", "counthook_enter", "counthook_next_enter");
HOOK("__cyg_profile_func_exit", "counthook_exit", "counthook_next_exit");

static void give_up(const char *what)
{
	static const char prefix[] = "counthook: ";

	(void)!write(2, prefix, sizeof(prefix) - 1);
	(void)!write(2, what, strlen(what));
	(void)!write(2, "\n", 1);
	abort();
}

/* Own memory: the target's allocator may be instrumented. Zeroed. */
static void *pages(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		give_up("out of memory");
	}
	return memory;
}

static void at_fork_child(void)
{
	pthread_mutex_init(&threads_mutex, NULL);
	threads = self;
	if (self != NULL) {
		self->next = NULL;
		self->tid = (pid_t)syscall(SYS_gettid);
		memset(self->pairs, 0, self->pair_room * sizeof(*self->pairs));
		self->pair_count = 0;
	}
	nested = 0;
	unmatched_exits = 0;
	wrong_frames = 0;
}

static void resolve_once(void)
{
	/* POSIX: the only way from an object pointer to a function pointer. */
	*(void **)&counthook_next_enter = dlsym(RTLD_NEXT, "__cyg_profile_func_enter");
	*(void **)&counthook_next_exit = dlsym(RTLD_NEXT, "__cyg_profile_func_exit");
	first_pid = getpid();
	pthread_atfork(NULL, NULL, at_fork_child);
}

void counthook_resolve(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, resolve_once);
}

static struct thread *this_thread(void)
{
	struct thread *thread = self;

	if (thread != NULL) {
		return thread;
	}
	counthook_resolve();
	thread = pages(sizeof(*thread));
	thread->tid = (pid_t)syscall(SYS_gettid);
	thread->room = 4096;
	thread->stack = pages(thread->room * sizeof(*thread->stack));
	thread->pair_room = 4096;
	thread->pairs = pages(thread->pair_room * sizeof(*thread->pairs));
	pthread_mutex_lock(&threads_mutex);
	thread->next = threads;
	threads = thread;
	pthread_mutex_unlock(&threads_mutex);
	self = thread;
	return thread;
}

static struct pair *pair_slot(struct pair *pairs, size_t room, uintptr_t caller, uintptr_t callee)
{
	uint64_t hash = (caller * 0x9e3779b97f4a7c15u) ^ (callee * 0xc2b2ae3d27d4eb4fu);
	size_t at = (size_t)(hash >> 20) & (room - 1);

	while (pairs[at].callee != 0 &&
		(pairs[at].caller != caller || pairs[at].callee != callee)) {
		at = (at + 1) & (room - 1);
	}
	return &pairs[at];
}

static void count_pair(struct thread *thread, uintptr_t caller, uintptr_t callee)
{
	struct pair *pair = pair_slot(thread->pairs, thread->pair_room, caller, callee);

	if (pair->callee == 0) {
		*pair = (struct pair){ .caller = caller, .callee = callee };
		thread->pair_count++;
	}
	pair->calls++;
	if (thread->pair_count * 2 < thread->pair_room) {
		return;
	}
	struct pair *larger = pages(thread->pair_room * 2 * sizeof(*larger));

	for (size_t i = 0; i < thread->pair_room; i++) {
		const struct pair *old = &thread->pairs[i];

		if (old->callee != 0) {
			*pair_slot(larger, thread->pair_room * 2, old->caller, old->callee) = *old;
		}
	}
	munmap(thread->pairs, thread->pair_room * sizeof(*larger));
	thread->pairs = larger;
	thread->pair_room *= 2;
}

/* What the walk over the frames looks for, and what it finds. */
struct walk {
	uintptr_t ret;
	bool reached; /* the frame of the instrumented function was the one before */
	uintptr_t cfa;
	uintptr_t site;
};

static _Unwind_Reason_Code walk_step(struct _Unwind_Context *context, void *argument)
{
	struct walk *walk = argument;

	if (walk->reached) {
		/* The stack pointer of the caller at its call is the CFA of the function itself. */
		walk->cfa = (uintptr_t)_Unwind_GetCFA(context);
		walk->site = (uintptr_t)_Unwind_GetIP(context);
		return _URC_END_OF_STACK;
	}
	walk->reached = (uintptr_t)_Unwind_GetIP(context) == walk->ret;
	return _URC_NO_REASON;
}

/* The CFA of the frame that called the hook. */
static uintptr_t frame_address(uintptr_t site, uintptr_t ret, uintptr_t sp)
{
	struct walk walk = { .ret = ret };

	if (ret == site) {
		/* The hook was reached by a jump: the frame is gone, its return address is the hook's. */
		return sp;
	}
	_Unwind_Backtrace(walk_step, &walk);
	if (walk.cfa == 0 || walk.site != site) {
		wrong_frames++;
		return sp;
	}
	return walk.cfa;
}

static void push(struct thread *thread, struct entry entry)
{
	if (thread->depth == thread->room) {
		size_t bytes = thread->room * sizeof(entry);
		void *moved = mremap(thread->stack, bytes, bytes * 2, MREMAP_MAYMOVE);

		if (moved == MAP_FAILED) {
			give_up("out of memory");
		}
		thread->stack = moved;
		thread->room *= 2;
	}
	thread->stack[thread->depth++] = entry;
}

/*
 * Removes what cannot be open any more when `entry` begins. Frames below its own are dead. In the
 * same machine frame, a call with another return address was of an earlier activation, and so was
 * everything since the last time that this very hook ran there; what is left encloses the new one.
 */
static void pop_dead(struct thread *thread, const struct entry *entry)
{
	size_t keep;

	while (thread->depth > 0 && thread->stack[thread->depth - 1].cfa < entry->cfa) {
		thread->depth--;
	}
	keep = thread->depth;
	for (size_t i = thread->depth; i > 0 && thread->stack[i - 1].cfa == entry->cfa; i--) {
		const struct entry *open = &thread->stack[i - 1];

		if (open->site != entry->site || open->ret == entry->ret) {
			keep = i - 1;
		}
	}
	thread->depth = keep;
}

void counthook_enter(uintptr_t fn, uintptr_t site, uintptr_t ret, uintptr_t sp)
{
	int saved_errno = errno;
	struct thread *thread = this_thread();
	struct entry entry = { .fn = fn, .site = site, .ret = ret };

	if (thread->busy) {
		nested++;
		return;
	}
	thread->busy = true;
	entry.cfa = frame_address(site, ret, sp);
	pop_dead(thread, &entry);
	count_pair(thread, thread->depth > 0 ? thread->stack[thread->depth - 1].fn : 0, fn);
	push(thread, entry);
	thread->busy = false;
	errno = saved_errno;
}

/*
 * Closes the innermost open call of `fn`. The exit hook may stand in a part that the compiler split
 * off: then its frame is below the one of the enter hook.
 */
void counthook_exit(uintptr_t fn, uintptr_t site, uintptr_t ret, uintptr_t sp)
{
	int saved_errno = errno;
	struct thread *thread = this_thread();
	uintptr_t cfa;

	if (thread->busy) {
		nested++;
		return;
	}
	thread->busy = true;
	cfa = frame_address(site, ret, sp);
	while (thread->depth > 0 && thread->stack[thread->depth - 1].cfa < cfa) {
		thread->depth--;
	}
	if (thread->depth > 0 && thread->stack[thread->depth - 1].fn == fn) {
		thread->depth--;
	} else {
		size_t i = thread->depth;

		while (i > 0 && thread->stack[i - 1].cfa == cfa && thread->stack[i - 1].fn != fn) {
			i--;
		}
		if (i > 0 && thread->stack[i - 1].cfa == cfa) {
			thread->depth = i - 1;
		} else {
			unmatched_exits++;
		}
	}
	thread->busy = false;
	errno = saved_errno;
}

/* A tool may call the hooks itself, to measure them: COUNTHOOK_NOT is the path of its library. */
static bool left_out(uintptr_t callee)
{
	const char *not_this = getenv("COUNTHOOK_NOT");
	Dl_info info;

	return not_this != NULL && dladdr((const void *)callee, &info) != 0 &&
	       strcmp(info.dli_fname, not_this) == 0;
}

static void dump_counts(FILE *out)
{
	for (const struct thread *thread = threads; thread != NULL; thread = thread->next) {
		for (size_t i = 0; i < thread->pair_room; i++) {
			const struct pair *pair = &thread->pairs[i];

			if (pair->callee != 0 && !left_out(pair->callee)) {
				fprintf(out, "p %d %lx %lx %lu\n", thread->tid,
					(unsigned long)pair->caller, (unsigned long)pair->callee,
					(unsigned long)pair->calls);
			}
		}
	}
	fprintf(out, "# nested %lu\n", (unsigned long)nested);
	fprintf(out, "# unmatched_exits %lu\n", (unsigned long)unmatched_exits);
	fprintf(out, "# wrong_frames %lu\n", (unsigned long)wrong_frames);
}

static void dump(void)
{
	const char *name = getenv("COUNTHOOK_OUT");
	char path[4096];
	FILE *out;

	if (dumped || name == NULL || self == NULL) {
		return;
	}
	dumped = true;
	snprintf(path, sizeof(path), "%s", name);
	if (getpid() != first_pid) {
		snprintf(path, sizeof(path), "%s.%d", name, getpid());
	}
	out = fopen(path, "we");
	if (out == NULL) {
		give_up("COUNTHOOK_OUT cannot be written");
	}
	pthread_mutex_lock(&threads_mutex);
	dump_counts(out);
	pthread_mutex_unlock(&threads_mutex);
	fclose(out);
}

__attribute__((destructor)) static void dump_at_exit(void)
{
	dump();
}

HST_VISIBLE _Noreturn void _exit(int status)
{
	void (*next)(int);

	dump();
	*(void **)&next = dlsym(RTLD_NEXT, "_exit");
	if (next != NULL) {
		next(status);
	}
	for (;;) {
		syscall(SYS_exit_group, status);
	}
}
