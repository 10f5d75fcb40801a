/* SPDX-License-Identifier: Apache-2.0 */
/* How the recording of a process begins, begins anew in a forked child, and ends. */
#include "hooks/start.h"

#include "apply/memo.h"
#include "apply/memo_thread.h"
#include "apply/throttle.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/procfs.h"
#include "core/real.h"
#include "core/sys.h"
#include "core/text.h"
#include "hooks/build.h"
#include "hooks/calibrate_keys.h"
#include "hooks/journal.h"
#include "hooks/memory.h"
#include "hooks/sample.h"
#include "hooks/stream.h"
#include "sink/directory.h"
#include "sink/file.h"
#include "sink/filter.h"
#include "sink/journal.h"
#include "sink/modules.h"
#include "sink/names.h"
#include "sink/ring.h"
#include "stacks/absence.h"
#include "stacks/live.h"
#include "stacks/tree.h"

#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "core/poison.h"

static enum hst_directory_role start_role;

/* The loader's: what the kernel laid at the end of the main thread's stack begins here, with the number of arguments. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): its name */
extern void *__libc_stack_end __attribute__((weak));

/*
 * The first hook may run before any constructor, libc's too (.preinit_array): it does not know the environment yet, nor has our
 * own constructor said where the stack ends.
 */
static char **find_environment(void)
{
	char **stack = &__libc_stack_end != NULL ? __libc_stack_end : NULL;

	if (stack == NULL) {
		return environ;
	}
	if (hst_process.stack_end == 0) {
		hst_process.stack_end = (uint64_t)(stack + 1);
	}
	return environ != NULL ? environ : stack + 1 + (size_t)stack[0] + 1;
}

static bool step_options(void)
{
	hst_options_read(find_environment(), &hst_process.options);
	/* With elevated rights the loader keeps us out; what comes in all the same stands back. */
	return hst_process.options.disabled != HST_DISABLED_ALL && getauxval(AT_SECURE) == 0;
}

static bool step_reals(void)
{
	hst_reals_start();
	return true;
}

/*
 * A process that was started inside a sandbox stricter than its parent's may be killed for a call that we
 * make. Reading a file in /proc is what the loader itself does, so that much is safe.
 */
static bool step_sandbox(void)
{
	uint32_t own = hst_procfs_seccomp(0);

	if (own == 0) {
		return true;
	}
	if (hst_process.options.seccomp_known) {
		return own <= hst_process.options.seccomp;
	}
	return own <= hst_procfs_seccomp(hst_sys_getppid());
}

static bool step_clock(void)
{
	hst_clock_start();
	return true;
}

static bool step_directory(void)
{
	hst_process.pid = hst_sys_getpid();
	hst_sink.pid = hst_process.pid;
	return hst_directory_find(&hst_process.options, hst_process.pid, &start_role) &&
	       (hst_process.options.children || start_role != HST_DIRECTORY_JOINS);
}

static bool step_fork_memory(void)
{
	hst_process.alive = hst_window_new();
	hst_process.tracked = hst_window_new();
	return hst_process.alive != NULL && hst_process.tracked != NULL;
}

/* What the kernel laid at the end of the stack, with the number of arguments before them; NULL not known. */
static char **find_arguments(void)
{
	char **stack = &__libc_stack_end != NULL ? __libc_stack_end : NULL;

	return stack == NULL ? NULL : stack + 1;
}

/* true: it is a program of the system. */
static bool announce_image(void)
{
	hst_journal_start();
	hst_process.announced = true;
	return hst_journal_image(find_arguments(), start_role == HST_DIRECTORY_JOINS);
}

static void fill_times(struct hst_file_header *header)
{
	struct timespec now = { 0 };

	header->start = hst_clock_pair_now();
	header->sync[0] = header->start;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	header->start_real_ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static bool step_file(void)
{
	uint32_t flags = hst_filter_start(&hst_process.options);
	struct hst_file_header *header;

	flags |= hst_memo_start(&hst_process.options);
	flags |= hst_process.options.record ? 0 : HST_FLAG_PLAN_ONLY;
	flags |= hst_process.options.launcher ? 0 : HST_FLAG_BARE;
	flags |= hst_process.options.paused ? HST_FLAG_STARTED_PAUSED : 0;
	if (!hst_sink_create(&hst_process.options, flags, start_role == HST_DIRECTORY_MADE)) {
		return false;
	}
	header = hst_sink.header;
	fill_times(header);
	(void)hst_sys_readlink("/proc/self/exe", (char *)header->exe, sizeof header->exe - 1);
	/* 16: PR_GET_NAME. */
	(void)hst_sys6(SYS_prctl, 16, (long)header->comm, 0, 0, 0, 0);
	return true;
}

static bool step_memory(void)
{
	hst_memory_start();
	return true;
}

static bool step_modules(void)
{
	hst_memo_file();
	(void)hst_modules_update();
	hst_calibrate_keys_start();
	return true;
}

void __cyg_profile_func_enter(void *fn, void *call_site);
void __cyg_profile_func_exit(void *fn, void *call_site);

static bool step_throttle(void)
{
	hst_throttle_start((uint64_t)__cyg_profile_func_enter, (uint64_t)__cyg_profile_func_exit);
	return true;
}

static bool step_threads(void)
{
	hst_threads_start();
	hst_memo_threads_start();
	hst_process.alive->seen = 1;
	return true;
}

static bool (*const announce_steps[])(void) = {
	step_options,
	step_reals,
	step_sandbox,
	step_directory,
	step_fork_memory,
};

static bool (*const record_steps[])(void) = {
	step_clock,
	step_file,
	step_memory,
	step_modules,
	step_throttle,
	step_threads,
};

static bool take_steps(bool (*const *steps)(void), size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!steps[i]()) {
			return false;
		}
	}
	return true;
}

static bool begin_start(void)
{
	uint32_t state = HST_PROCESS_NEW;

	return __atomic_compare_exchange_n(&hst_process.state, &state, HST_PROCESS_STARTING, false,
		__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void end_start(bool on)
{
	if (start_role == HST_DIRECTORY_MADE && !hst_sink.ready) {
		hst_directory_remove(); /* it has no mark, so nobody could use it */
	}
	__atomic_store_n(
		&hst_process.state, on ? HST_PROCESS_ON : HST_PROCESS_OFF, __ATOMIC_RELEASE);
	if (!on) {
		hst_memory_start();
	}
}

static bool record(void)
{
	return take_steps(record_steps, sizeof record_steps / sizeof record_steps[0]);
}

/*
 * Most processes of a build have nothing to tell but that they were there. One that another process started makes its file when
 * there is something to put into it. What makes the directory marks it, with its file, at once.
 */
void hst_process_announce(void)
{
	bool on;

	if (hst_process.announced || !begin_start()) {
		return;
	}
	on = take_steps(announce_steps, sizeof announce_steps / sizeof announce_steps[0]);
	if (on && hst_process.options.build && start_role != HST_DIRECTORY_MADE) {
		/* Nothing but who ran is asked for. */
		(void)announce_image();
		hst_build_start();
		end_start(false);
		return;
	}
	if (on && start_role == HST_DIRECTORY_JOINS) {
		hst_process.quiet = announce_image() && !hst_process.options.memory_all;
		if (hst_process.quiet) {
			hst_memory_mode = HST_MEMORY_SILENT;
		}
		__atomic_store_n(&hst_process.state, HST_PROCESS_NEW, __ATOMIC_RELEASE);
		return;
	}
	on = on && record();
	if (on) {
		(void)announce_image();
	}
	hst_process.announced = true;
	end_start(on);
}

/*
 * It may have been forked since it was announced, by a process that had nothing to record either: its file is its own. A child of vfork
 * begins the file of its parent, whose memory it is in.
 */
static void follow_fork(void)
{
	(void)hst_journal_who();
	if (hst_process.tracked_pid != 0) {
		hst_process.pid = hst_process.tracked_pid;
		hst_sink.pid = hst_process.pid;
	}
}

void hst_process_start(void)
{
	hst_process_announce();
	if (begin_start()) {
		follow_fork();
		end_start(record());
	}
}

/* The child keeps options, filter and what its parent knew of the machine; the rest is its own. */
static bool fork_file(void)
{
	const struct hst_file_header *parent = hst_sink.header;
	uint32_t flags =
		HST_FLAG_FORKED |
		(parent->flags &
			(HST_FLAG_FILTERED | HST_FLAG_FILTER_NAMES_IGNORED | HST_FLAG_BARE |
				HST_FLAG_ARGUMENTS | HST_FLAG_ARGUMENTS_REFUSED | HST_FLAG_VALUES |
				HST_FLAG_MEMO | HST_FLAG_MEMO_REFUSED | HST_FLAG_PLAN_ONLY));
	struct hst_file_header *header;

	hst_process.pid = hst_sys_getpid();
	hst_sink.pid = hst_process.pid;
	hst_process.options.paused = parent->control == HST_CONTROL_PAUSE;
	if (!hst_sink_create(&hst_process.options, flags, false)) {
		return false;
	}
	header = hst_sink.header;
	fill_times(header);
	memcpy(header->boot_id, parent->boot_id, sizeof header->boot_id);
	memcpy(header->exe, parent->exe, sizeof header->exe);
	memcpy(header->comm, parent->comm, sizeof header->comm);
	header->cost_inside_256 = parent->cost_inside_256;
	header->cost_outside_256 = parent->cost_outside_256;
	header->cost_key_256 = parent->cost_key_256;
	header->cost_key_inside_256 = parent->cost_key_inside_256;
	header->cost_key_new_256 = parent->cost_key_new_256;
	header->cost_key_new_inside_256 = parent->cost_key_new_inside_256;
	header->cost_result_256 = parent->cost_result_256;
	header->cost_result_new_256 = parent->cost_result_new_256;
	header->fork_ticks = hst_fork_ticks;
	hst_fork_ticks = 0;
	header->memory = parent->memory;
	header->cost_memory_256 = parent->cost_memory_256;
	header->cost_timer_256 = parent->cost_timer_256;
	header->page_bytes = parent->page_bytes;
	header->budget_ppm = parent->budget_ppm;
	header->budget_state = parent->budget_state;
	header->brk_start = parent->brk_start;
	memcpy(header->allocator, parent->allocator, sizeof header->allocator);
	return true;
}

bool hst_process_forked(void)
{
	struct hst_file_header *parent = hst_sink.header; /* its page is still mapped, and shared */
	uint32_t state = HST_PROCESS_ON;
	bool on = hst_process.options.children;

	if (!__atomic_compare_exchange_n(&hst_process.state, &state, HST_PROCESS_STARTING, false,
		    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		return false;
	}
	if (on) {
		hst_process.epoch++;
		hst_process.alive = hst_window_new();
		hst_ring_reset();
		hst_names_reset();
		hst_live_reset();
		hst_sample_reset();
		on = hst_process.alive != NULL && fork_file();
	}
	if (on) {
		hst_memo_file();
		hst_modules_inherit();
		hst_throttle_forked();
		hst_process.alive->seen = 1;
	}
	if (!on && hst_process.options.children) {
		__atomic_fetch_or(&parent->flags, HST_FLAG_CHILD_LOST, __ATOMIC_RELAXED);
	}
	__atomic_store_n(
		&hst_process.state, on ? HST_PROCESS_ON : HST_PROCESS_OFF, __ATOMIC_RELEASE);
	return on;
}

/* The calls that the thread has open have run, or waited, until now: nobody else says which. */
static void end_open_calls(void)
{
	struct hst_stream *stream = hst_self;

	if (stream == NULL || !hst_guard_take(stream, (uint64_t)__builtin_dwarf_cfa())) {
		return;
	}
	if (!stream->held && !hst_stream_must_look(stream, hst_sink_watch()) &&
		hst_depth(stream) != 0) {
		hst_absence_look(stream);
	}
	hst_barrier();
	stream->guard = 0;
}

void hst_process_end(uint32_t kind, int status)
{
	struct hst_file_header *header = hst_sink.header;

	hst_journal_ends(kind, status);
	/* A child of vfork shares our memory, a child of fork that recorded nothing our file. */
	if (hst_process.state != HST_PROCESS_ON || hst_process.alive->seen == 0 ||
		(hst_self != NULL && hst_self->guard == HST_GUARD_DEAF) ||
		(hst_sys_closed == 0 && hst_sys_getpid() != hst_process.pid)) {
		return;
	}
	end_open_calls();
	hst_modules_settle();
	header->end = hst_clock_pair_now();
	header->end_status = status;
	hst_barrier();
	header->end_kind = kind;
}

/* glibc hands constructors the program's arguments; the pointer lies at the very end of the stack. */
static __attribute__((constructor(101))) void library_start(
	int argc, char **argv, char **environment)
{
	(void)argc;
	(void)environment;
	hst_process.stack_end = (uint64_t)argv;
	hst_process_announce();
}

static __attribute__((destructor(101))) void library_end(void)
{
	hst_process_end(HST_END_EXIT, hst_exit_status);
}
