/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for children. libc's wait, waitpid and wait3 are wait4 with less said, so that is called in their place: it tells what
 * the child has used. A child that only stopped or went on, or that is left to be waited for again, has not ended and is not
 * written down. Nothing here touches errno, and every call of libc is one at which a thread may be cancelled, as the program's was.
 */
#include "core/attr.h"
#include "core/real.h"
#include "core/sys.h"
#include "hooks/journal.h"
#include "sink/journal.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "core/poison.h"

typedef pid_t (*wait4_function)(pid_t pid, int *status, int options, struct rusage *usage);
typedef int (*waitid_function)(idtype_t type, id_t id, siginfo_t *info, int options);

static HST_NOINLINE void record_wait(
	enum hst_journal_call call, pid_t child, int status, const struct rusage *usage)
{
	struct hst_journal_wait record = {
		.call = call,
		.child = (uint32_t)child,
		.status = status,
	};

	if (hst_journal_who() == HST_WHO_NOBODY) {
		return;
	}
	if (usage != NULL) {
		hst_journal_from_rusage(&record.usage, usage);
	} else {
		memset(&record.usage, 0xff, sizeof record.usage);
	}
	hst_journal_append(&record.record, sizeof record, HST_JOURNAL_WAIT, NULL, 0);
}

/* What the program wants to have is written by the kernel to where it wants it: an address that is none is refused as ever. */
static pid_t wait_for(enum hst_journal_call call, wait4_function real, pid_t pid, int *status,
	int options, struct rusage *usage)
{
	struct rusage own_usage;
	int own_status = 0;
	pid_t child;

	usage = usage != NULL ? usage : &own_usage;
	status = status != NULL ? status : &own_status;
	child = real(pid, status, options, usage);
	if (child > 0 && (WIFEXITED(*status) || WIFSIGNALED(*status))) {
		record_wait(call, child, *status, usage);
	}
	return child;
}

/* NULL: nothing is to be recorded, or libc has none; the function that the program called is. */
static wait4_function recording_wait4(const void *caller)
{
	return hst_journal_on() ? (wait4_function)hst_real(HST_REAL_wait4, caller) : NULL;
}

static pid_t refuse(void)
{
	errno = ENOSYS;
	return -1;
}

pid_t hst_hook_wait(int *status) __asm__("wait");
HST_EXPORT pid_t hst_hook_wait(int *status)
{
	wait4_function wait4 = recording_wait4(__builtin_return_address(0));
	pid_t (*real)(int *);

	if (wait4 != NULL) {
		return wait_for(HST_CALL_WAIT, wait4, -1, status, 0, NULL);
	}
	real = (pid_t(*)(int *))hst_real(HST_REAL_wait, __builtin_return_address(0));
	return real != NULL ? real(status) : refuse();
}

pid_t hst_hook_waitpid(pid_t pid, int *status, int options) __asm__("waitpid");
HST_EXPORT pid_t hst_hook_waitpid(pid_t pid, int *status, int options)
{
	wait4_function wait4 = recording_wait4(__builtin_return_address(0));
	pid_t (*real)(pid_t, int *, int);

	if (wait4 != NULL) {
		return wait_for(HST_CALL_WAITPID, wait4, pid, status, options, NULL);
	}
	real = (pid_t(*)(pid_t, int *, int))hst_real(HST_REAL_waitpid, __builtin_return_address(0));
	return real != NULL ? real(pid, status, options) : refuse();
}

pid_t hst_hook_wait3(int *status, int options, struct rusage *usage) __asm__("wait3");
HST_EXPORT pid_t hst_hook_wait3(int *status, int options, struct rusage *usage)
{
	wait4_function wait4 = recording_wait4(__builtin_return_address(0));
	pid_t (*real)(int *, int, struct rusage *);

	if (wait4 != NULL) {
		return wait_for(HST_CALL_WAIT3, wait4, -1, status, options, usage);
	}
	real = (pid_t(*)(int *, int, struct rusage *))hst_real(
		HST_REAL_wait3, __builtin_return_address(0));
	return real != NULL ? real(status, options, usage) : refuse();
}

pid_t hst_hook_wait4(pid_t pid, int *status, int options, struct rusage *usage) __asm__("wait4");
HST_EXPORT pid_t hst_hook_wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	wait4_function real = (wait4_function)hst_real(HST_REAL_wait4, __builtin_return_address(0));

	if (real == NULL) {
		return refuse();
	}
	if (!hst_journal_on()) {
		return real(pid, status, options, usage);
	}
	return wait_for(HST_CALL_WAIT4, real, pid, status, options, usage);
}

/* As waitpid has it; -1: not an end. */
static int status_of(const siginfo_t *info)
{
	switch (info->si_code) {
	case CLD_EXITED:
		return (info->si_status & 0xff) << 8;
	case CLD_KILLED:
		return info->si_status & 0x7f;
	case CLD_DUMPED:
		return (info->si_status & 0x7f) | 0x80;
	default:
		return -1;
	}
}

/* Whom the program would get now, and what it has used. It stays. false: nobody. */
static bool peek(idtype_t type, id_t id, int options, siginfo_t *ret_info, struct rusage *ret_usage)
{
	ret_info->si_pid = 0;
	return hst_sys6(SYS_waitid, type, id, (long)ret_info, options | WNOWAIT | WNOHANG,
		       (long)ret_usage, 0) == 0 &&
	       ret_info->si_pid != 0;
}

/*
 * The kernel's waitid tells what a child has used, libc's does not hand that on, and only libc's can be cancelled. So libc's
 * waits first, with the child left to be waited for; the kernel is asked about it; then comes the call as the program made it. If
 * another thread was faster with that child, it waits on for the next one, as it would have done anyway.
 */
static int waitid_recorded(
	waitid_function real, idtype_t type, id_t id, siginfo_t *info, int options)
{
	struct rusage usage;
	siginfo_t own;
	siginfo_t seen;
	bool known;
	int result;

	info = info != NULL ? info : &own;
	if ((options & WNOHANG) == 0) {
		result = real(type, id, info, options | WNOWAIT);
		if (result != 0) {
			return result;
		}
	}
	known = peek(type, id, options, &seen, &usage);
	result = real(type, id, info, options);
	if (result == 0 && info->si_pid > 0 && status_of(info) >= 0) {
		known = known && seen.si_pid == info->si_pid && status_of(&seen) >= 0;
		record_wait(HST_CALL_WAITID, info->si_pid, status_of(info), known ? &usage : NULL);
	}
	return result;
}

int hst_hook_waitid(idtype_t type, id_t id, siginfo_t *info, int options) __asm__("waitid");
HST_EXPORT int hst_hook_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	waitid_function real =
		(waitid_function)hst_real(HST_REAL_waitid, __builtin_return_address(0));

	if (real == NULL) {
		return refuse();
	}
	if (!hst_journal_on() || (options & WEXITED) == 0 || (options & WNOWAIT) != 0) {
		return real(type, id, info, options);
	}
	return waitid_recorded(real, type, id, info, options);
}
