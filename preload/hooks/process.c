/* SPDX-License-Identifier: Apache-2.0 */
/* The ways out of a process, and into a sandbox. */
#include "core/process.h"

#include "apply/memo_thread.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/real.h"
#include "core/sys.h"
#include "hooks/journal.h"
#include "hooks/stream.h"
#include "sink/file.h"
#include "sink/journal.h"
#include "stacks/tree.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/poison.h"

typedef void (*exit_function)(int status) __attribute__((noreturn));
typedef long (*call_function)(long, long, long, long, long, long, long);

/* If the real function is not to be had, the kernel does the same. */
static void __attribute__((noreturn)) leave(enum hst_real which, int status)
{
	exit_function real = (exit_function)hst_real(which, __builtin_return_address(0));

	if (real != NULL) {
		real(status);
	}
	for (;;) {
		(void)hst_sys_raw6(SYS_exit_group, status, 0, 0, 0, 0, 0);
	}
}

HST_EXPORT void _exit(int status)
{
	hst_process_end(HST_END__EXIT, status);
	leave(HST_REAL__exit, status);
}

HST_EXPORT void _Exit(int status)
{
	hst_process_end(HST_END__EXIT, status);
	leave(HST_REAL__Exit, status);
}

HST_EXPORT void quick_exit(int status)
{
	hst_process_end(HST_END__EXIT, status);
	leave(HST_REAL_quick_exit, status);
}

static HST_NOINLINE void record_no_fork(void)
{
	struct hst_journal_spawn record = { .call = HST_CALL_FORK, .error = errno };
	struct hst_journal_usage usage;

	if (hst_journal_who() == HST_WHO_NOBODY) {
		return;
	}
	hst_journal_usage(&usage, false);
	record.rss_bytes = usage.maxrss_bytes == HST_JOURNAL_UNKNOWN ? 0 : usage.maxrss_bytes;
	record.began_ns = hst_journal_now();
	hst_journal_append(&record.record, sizeof record, HST_JOURNAL_SPAWN, NULL, 0);
}

/* A child keeps the moment until it makes its file: what its parent frees later is still there for it. */
HST_EXPORT pid_t fork(void)
{
	pid_t (*real)(void) = (pid_t(*)(void))hst_real(HST_REAL_fork, __builtin_return_address(0));
	pid_t child;

	hst_fork_ticks = hst_ticks();
	child = real();
	if (child != 0) {
		hst_fork_ticks = 0;
	} else {
		(void)hst_journal_who();
	}
	if (child < 0) {
		record_no_fork();
	}
	return child;
}

/* Handlers run before the destructor that ends the record, and may leave in another way: until then it is only kept. */
HST_EXPORT void hst_hook_exit(int status) __asm__("exit") __attribute__((noreturn));
HST_EXPORT void hst_hook_exit(int status)
{
	hst_exit_status = status;
	leave(HST_REAL_exit, status);
}

/* A handler of SIGABRT may still jump out of it. */
HST_EXPORT void hst_hook_abort(void) __asm__("abort") __attribute__((noreturn));
HST_EXPORT void hst_hook_abort(void)
{
	void (*real)(void) = (void (*)(void))hst_real(HST_REAL_abort, __builtin_return_address(0));

	hst_journal_ends(HST_END_ABORT, -1);
	if (real != NULL) {
		real();
	}
	leave(HST_REAL__exit, 127);
}

/* From here on the kernel may kill the process for a call of ours. What counts need is made ready. */
static void sandbox_begins(void)
{
	if (hst_process.state == HST_PROCESS_ON && hst_sys_closed == 0) {
		struct hst_held held = hst_sys_hold_signals();

		hst_tree_reserve_more();
		hst_sys_release_signals(held);
		hst_sink_flag(HST_FLAG_SANDBOXED);
	}
	hst_sys_closed = 1;
}

/* Strict mode takes the time stamp counter away too, from this thread: reading it, or the vdso's clocks, would end the process. */
static uint64_t clock_ends(void)
{
	uint64_t guard = hst_self != NULL ? hst_self->guard : 0;

	hst_memo_thread_pause();
	if (hst_self != NULL) {
		hst_self->guard = HST_GUARD_DEAF;
	}
	return guard;
}

static void clock_stays(uint64_t guard)
{
	hst_memo_thread_resume();
	if (hst_self != NULL) {
		hst_self->guard = guard;
	}
}

/* It did not come to it: a missing privilege, say, or an operation that only asks. */
static void sandbox_failed(uint32_t was_closed)
{
	hst_sys_closed = was_closed;
	if (was_closed == 0 && hst_process.state == HST_PROCESS_ON) {
		__atomic_fetch_and(
			&hst_sink.header->flags, ~(uint32_t)HST_FLAG_SANDBOXED, __ATOMIC_RELAXED);
	}
}

/* The kernel's five arguments come in registers, so all of them are passed on whatever the caller gave. */
int hst_hook_prctl(int option, long a, long b, long c, long d) __asm__("prctl");
HST_EXPORT int hst_hook_prctl(int option, long a, long b, long c, long d)
{
	int (*real)(int, long, long, long, long) = (int (*)(int, long, long, long, long))hst_real(
		HST_REAL_prctl, __builtin_return_address(0));
	uint32_t was_closed = hst_sys_closed;
	uint64_t guard;
	bool closes; /* without a filter it is a probe, which cannot succeed */
	bool clock;
	int result;

	clock = (option == PR_SET_SECCOMP && a == SECCOMP_MODE_STRICT) ||
		(option == PR_SET_TSC && a == PR_TSC_SIGSEGV);
	closes = option == PR_SET_SECCOMP && (a == SECCOMP_MODE_STRICT || b != 0);
	if (closes) {
		sandbox_begins();
	}
	guard = clock ? clock_ends() : 0;
	result = real(option, a, b, c, d);
	if (result != 0 && clock) {
		clock_stays(guard);
	}
	if (result != 0 && closes) {
		sandbox_failed(was_closed);
	}
	return result;
}

long hst_syscall_noted(long number, long a, long b, long c, long d, long e, long f);
/* syscall_x86_64.S sends the calls of interest here, and all of them before the real function is known. */
/* NOLINTNEXTLINE(readability-function-size): syscall(2) takes as many */
long hst_syscall_noted(long number, long a, long b, long c, long d, long e, long f)
{
	call_function real = (call_function)hst_real(HST_REAL_syscall, __builtin_return_address(0));
	uint32_t was_closed = hst_sys_closed;
	bool closes = number == SYS_seccomp && c != 0 &&
		      (a == SECCOMP_SET_MODE_STRICT || a == SECCOMP_SET_MODE_FILTER);
	uint64_t guard = hst_self != NULL ? hst_self->guard : 0;
	long result;

	closes |= number == SYS_seccomp && a == SECCOMP_SET_MODE_STRICT;
	if (number == SYS_exit_group) {
		hst_process_end(HST_END__EXIT, (int)a);
	}
	if (closes) {
		sandbox_begins();
	}
	if (closes && a == SECCOMP_SET_MODE_STRICT) {
		guard = clock_ends();
	}
	result = real(number, a, b, c, d, e, f);
	if (closes && result != 0) {
		clock_stays(guard);
		sandbox_failed(was_closed);
	}
	return result;
}

void *hst_clone_noted(int flags);

/* From syscall_x86_64.S. Returns the real clone. */
void *hst_clone_noted(int flags)
{
	bool shares = (flags & (CLONE_VM | CLONE_VFORK | CLONE_SETTLS)) == CLONE_VM;

	if (shares && hst_process.state == HST_PROCESS_ON) {
		struct hst_stream *stream =
			hst_self != NULL ? hst_self
					 : hst_stream_attach((uint64_t)__builtin_frame_address(0));

		hst_memo_thread_pause();
		/* Two tasks, one stream: from here on both only count what is lost. */
		if (stream != NULL) {
			stream->guard = HST_GUARD_DEAF;
		}
	}
	return hst_real(HST_REAL_clone, __builtin_return_address(0));
}
