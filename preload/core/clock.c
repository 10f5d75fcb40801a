/* SPDX-License-Identifier: Apache-2.0 */
/* Which clock ticks, and pairs of it with CLOCK_MONOTONIC. */
#include "core/clock.h"

#include "core/sys.h"
#include "core/text.h"

#include <cpuid.h>

#if defined __has_include
# if __has_include(<sys/platform/x86.h>)
#  include <sys/platform/x86.h>
#  define HST_LOADER_KNOWS_CPU 1
# endif
#endif

#include "core/poison.h"

#define HST_BOOT_TICK_NS 10000000ull

bool hst_clock_tsc = true;

#ifdef HST_LOADER_KNOWS_CPU
/* Not in every libc that we may be run with. */
# pragma weak __x86_get_cpuid_feature_leaf

/* What the loader has asked the CPU anyway: the instruction leaves a virtual machine, which is slow. */
static bool clock_loader_says_constant(void)
{
	return __x86_get_cpuid_feature_leaf != NULL && x86_cpu_present(x86_cpu_INVARIANT_TSC);
}
#else
static bool clock_loader_says_constant(void)
{
	return false;
}
#endif

/* CPUID 0x80000007 EDX bit 8: the TSC runs at one rate in all power states. */
static bool clock_cpu_says_constant(void)
{
	unsigned eax = 0;
	unsigned ebx = 0;
	unsigned ecx = 0;
	unsigned edx = 0;

	if (!__get_cpuid(0x80000007u, &eax, &ebx, &ecx, &edx)) {
		return false;
	}
	return (edx & (1u << 8)) != 0;
}

void hst_clock_start(void)
{
	char name[16] = { 0 };
	long fd;
	long got;

	/* kvm-clock and hyperv reference time are made from a constant TSC, but the guest cannot tell
	 * whether it keeps its rate over a migration: the CPU's word decides there. */
	if (clock_loader_says_constant()) {
		return;
	}
	fd = hst_sys_open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0) {
		hst_clock_tsc = clock_cpu_says_constant();
		return;
	}
	got = hst_sys_read((int)fd, name, sizeof name - 1);
	(void)hst_sys_close((int)fd);
	hst_clock_tsc = got > 0 && (hst_text_starts(name, "tsc") || clock_cpu_says_constant());
}

uint64_t hst_clock_boot_ticks(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * (1000000000ull / HST_BOOT_TICK_NS) +
	       (uint64_t)now.tv_nsec / HST_BOOT_TICK_NS;
}

struct hst_clock_pair hst_clock_pair_now(void)
{
	struct hst_clock_pair best = { 0, 0 };
	uint64_t best_width = UINT64_MAX;

	if (!hst_clock_tsc) {
		best.mono_ns = hst_clock_mono_ns();
		best.ticks = best.mono_ns;
		return best;
	}
	for (int i = 0; i < 3; i++) {
		uint64_t before = __builtin_ia32_rdtsc();
		uint64_t mono = hst_clock_mono_ns();
		uint64_t after = __builtin_ia32_rdtsc();

		if (after - before < best_width) {
			best_width = after - before;
			best.ticks = before + (after - before) / 2;
			best.mono_ns = mono;
		}
	}
	return best;
}
