/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that talks to the kernel. Raw system calls: no errno of the program is touched, no
 * libc wrapper of the program's can be met, nothing is interposable. Each returns the kernel's
 * result, negative errno on failure. All are async-signal-safe.
 */
#ifndef HST_CORE_SYS_H
#define HST_CORE_SYS_H

#include "core/attr.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define HST_PAGE 4096ul

/*
 * Set for good when the program may have put itself into a sandbox: from then on every call below
 * fails with -EPERM without entering the kernel, since a filter may kill the process for it.
 */
extern HST_HIDDEN volatile uint32_t hst_sys_closed;

/* NOLINTNEXTLINE(readability-function-size): the kernel takes six arguments */
static inline long hst_sys_raw6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* NOLINTNEXTLINE(readability-function-size): the same */
static inline long hst_sys6(long n, long a, long b, long c, long d, long e, long f)
{
	if (hst_sys_closed) {
		return -1; /* -EPERM */
	}
	return hst_sys_raw6(n, a, b, c, d, e, f);
}

static inline long hst_sys_open(const char *path, int flags, int mode)
{
	return hst_sys6(SYS_openat, AT_FDCWD, (long)path, flags, mode, 0, 0);
}

static inline long hst_sys_openat(int dir, const char *path, int flags, int mode)
{
	return hst_sys6(SYS_openat, dir, (long)path, flags, mode, 0, 0);
}

static inline long hst_sys_close(int fd)
{
	return hst_sys6(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline long hst_sys_read(int fd, void *buffer, size_t bytes)
{
	return hst_sys6(SYS_read, fd, (long)buffer, (long)bytes, 0, 0, 0);
}

static inline long hst_sys_pwrite(int fd, const void *buffer, size_t bytes, uint64_t offset)
{
	return hst_sys6(SYS_pwrite64, fd, (long)buffer, (long)bytes, (long)offset, 0, 0);
}

static inline long hst_sys_fstat(int fd, struct stat *ret_stat)
{
	return hst_sys6(SYS_fstat, fd, (long)ret_stat, 0, 0, 0, 0);
}

static inline long hst_sys_fallocate(int fd, uint64_t offset, uint64_t bytes)
{
	return hst_sys6(SYS_fallocate, fd, 0, (long)offset, (long)bytes, 0, 0);
}

static inline long hst_sys_mkdir(const char *path, int mode)
{
	return hst_sys6(SYS_mkdirat, AT_FDCWD, (long)path, mode, 0, 0, 0);
}

static inline long hst_sys_rename(const char *from, const char *to)
{
	return hst_sys6(SYS_renameat, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0, 0);
}

static inline long hst_sys_unlinkat(int dir, const char *path, int flags)
{
	return hst_sys6(SYS_unlinkat, dir, (long)path, flags, 0, 0, 0);
}

static inline long hst_sys_readlink(const char *path, char *buffer, size_t bytes)
{
	return hst_sys6(SYS_readlinkat, AT_FDCWD, (long)path, (long)buffer, (long)bytes, 0, 0);
}

static inline long hst_sys_getcwd(char *buffer, size_t bytes)
{
	return hst_sys6(SYS_getcwd, (long)buffer, (long)bytes, 0, 0, 0, 0);
}

static inline long hst_sys_getdents(int fd, void *buffer, size_t bytes)
{
	return hst_sys6(SYS_getdents64, fd, (long)buffer, (long)bytes, 0, 0, 0);
}

/* NULL on failure. */
static inline void *hst_sys_mmap(
	void *at, size_t bytes, int prot, int flags, int fd, uint64_t offset)
{
	long got = hst_sys6(SYS_mmap, (long)at, (long)bytes, prot, flags, fd, (long)offset);

	return got < 0 && got > -4096 ? NULL : (void *)got;
}

/* NULL on failure; the old mapping then stays. */
static inline void *hst_sys_mremap(void *at, size_t old_bytes, size_t new_bytes)
{
	long got = hst_sys6(
		SYS_mremap, (long)at, (long)old_bytes, (long)new_bytes, MREMAP_MAYMOVE, 0, 0);

	return got < 0 && got > -4096 ? NULL : (void *)got;
}

static inline long hst_sys_munmap(void *at, size_t bytes)
{
	return hst_sys6(SYS_munmap, (long)at, (long)bytes, 0, 0, 0, 0);
}

static inline long hst_sys_madvise(void *at, size_t bytes, int advice)
{
	return hst_sys6(SYS_madvise, (long)at, (long)bytes, advice, 0, 0, 0);
}

static inline uint64_t hst_sys_whole_pages(uint64_t bytes)
{
	return (bytes + HST_PAGE - 1) & ~(HST_PAGE - 1);
}

/* End of the heap of brk; 0 unknown. */
static inline uint64_t hst_sys_brk(void)
{
	long end = hst_sys6(SYS_brk, 0, 0, 0, 0, 0, 0);

	return end > 0 ? (uint64_t)end : 0;
}

static inline uint32_t hst_sys_getpid(void)
{
	return (uint32_t)hst_sys6(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t hst_sys_getppid(void)
{
	return (uint32_t)hst_sys6(SYS_getppid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t hst_sys_gettid(void)
{
	return (uint32_t)hst_sys6(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t hst_sys_geteuid(void)
{
	return (uint32_t)hst_sys6(SYS_geteuid, 0, 0, 0, 0, 0, 0);
}

/* The soft limit of a resource, UINT64_MAX when unlimited or unknown. */
static inline uint64_t hst_sys_limit(int resource)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (hst_sys6(SYS_prlimit64, 0, resource, 0, (long)&limit, 0, 0) != 0) {
		return UINT64_MAX;
	}
	return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
}

/*
 * Holds back all signals of the thread while its state is rebuilt. `held` says whether it was done, so that a sandbox that
 * comes between hold and release changes nothing: what was held is released.
 */
struct hst_held {
	uint64_t mask; /* the kernel's 8-byte set as it was */
	bool held;
};

static inline struct hst_held hst_sys_hold_signals(void)
{
	struct hst_held held = { 0 };
	uint64_t all = ~0ull;

	held.held = hst_sys6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&held.mask,
			    sizeof all, 0, 0) == 0;
	return held;
}

static inline void hst_sys_nap(long ns)
{
	struct timespec time = { 0, ns };

	(void)hst_sys6(SYS_nanosleep, (long)&time, 0, 0, 0, 0, 0);
}

/* Takes one that a system call of ours has raised and that waits, since signals are held back. */
static inline void hst_sys_take_signal(int number)
{
	uint64_t set = 1ull << (number - 1);
	struct timespec none = { 0 };

	(void)hst_sys6(SYS_rt_sigtimedwait, (long)&set, 0, (long)&none, sizeof set, 0, 0);
}

static inline void hst_sys_release_signals(struct hst_held held)
{
	if (held.held) {
		(void)hst_sys_raw6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&held.mask, 0,
			sizeof held.mask, 0, 0);
	}
}

/* Is the thread on its alternate signal stack? */
static inline bool hst_sys_on_altstack(void)
{
	stack_t stack = { 0 };

	if (hst_sys6(SYS_sigaltstack, 0, (long)&stack, 0, 0, 0, 0) != 0) {
		return false;
	}
	return (stack.ss_flags & SS_ONSTACK) != 0;
}

#endif
