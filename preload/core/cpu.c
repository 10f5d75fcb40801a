/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the thread's CPU clock; arms the canary, and finds out when it is not worth the trouble, or not to be trusted. */
#include "core/cpu.h"

#include "core/clock.h"
#include "core/sys.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "core/poison.h"

/* The loader's, since 2.35: where the area lies from the thread pointer; how much of it is registered, 0 none. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): their names */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#define HST_RSEQ_CS_AT    8u /* of rseq_cs in the area */
#define HST_RSEQ_CS_BYTES 16u

struct hst_canary {
	uint32_t version, flags;
	uint64_t start, bytes, leave;
};

/* One for each lane: what one of them arms, the other takes for gone, and looks for itself. */
extern HST_HIDDEN const struct hst_canary hst_canaries[2];

/* The word that is compared where there is no canary. */
static __thread uint64_t no_canary __attribute__((tls_model("initial-exec")));

/* Process-wide: 0 nobody has doubted the canary, 1 it stood the test, 2 it did not. */
static uint32_t tested;

#define TEST_PASSED 1u
#define TEST_FAILED 2u

#define LOOKS_JUDGED    256u  /* at once */
#define FOREIGN_MOST    1000u /* per second */
#define COST_SHARE      50u   /* 2 % */
#define LOOK_MOST       8192u /* ticks */
#define AGAIN_NS        4000000000ull
#define SUSPECT_NS      50000u
#define DEFICIT_MOST    10000
#define NS_PER_SECOND   1000000000ull
#define CLOCK_OF_TID    6u /* of the kernel: the scheduler's clock of a thread */
#define CLOCK_TID_SHIFT 3u

static uint64_t thread_pointer(void)
{
	uint64_t pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

static bool has_area(void)
{
	return &__rseq_offset != NULL && &__rseq_size != NULL && __rseq_size >= HST_RSEQ_CS_BYTES &&
	       __atomic_load_n(&tested, __ATOMIC_RELAXED) != TEST_FAILED;
}

/* A chunk or a tree says the coarsest mode that was used in it. */
static void note_mode(const struct hst_cpu *cpu)
{
	if (cpu->noted != NULL && *cpu->noted != HST_CLOCK_MODE_NONE &&
		(cpu->mode == HST_CLOCK_MODE_NONE || cpu->mode > *cpu->noted)) {
		*cpu->noted = cpu->mode;
	}
}

void hst_cpu_note(struct hst_stream *stream, uint32_t *place, bool fresh)
{
	if (fresh) {
		*place = stream->cpu.mode;
	}
	stream->cpu.noted = place;
	note_mode(&stream->cpu);
}

static void set_mode(struct hst_stream *stream, enum hst_clock_mode mode)
{
	stream->cpu.mode = mode;
	if (mode == HST_CLOCK_MODE_RSEQ) {
		stream->canary_at = (uint64_t)__rseq_offset + HST_RSEQ_CS_AT;
		stream->canary = (uint64_t)&hst_canaries[stream->lane != HST_LANE_MAIN];
	} else {
		stream->canary_at = (uint64_t)&no_canary - thread_pointer();
		stream->canary = 0;
	}
	note_mode(&stream->cpu);
}

void hst_cpu_begin(struct hst_stream *stream, bool wanted)
{
	stream->cpu = (struct hst_cpu){ 0 };
	set_mode(stream, !wanted      ? HST_CLOCK_MODE_NONE
			 : has_area() ? HST_CLOCK_MODE_RSEQ
				      : HST_CLOCK_MODE_GAP);
}

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
}

/* By number: in a child of vfork, which has another one, the kernel refuses. */
static long read_thread(const struct hst_stream *stream, uint64_t *ret_ns)
{
	struct timespec now = { 0 };
	uint32_t clock = ~stream->tid << CLOCK_TID_SHIFT | CLOCK_OF_TID;
	long got = hst_sys6(SYS_clock_gettime, (int32_t)clock, (long)&now, 0, 0, 0, 0);

	*ret_ns = nanoseconds(&now);
	return got;
}

/* Runs at the rate of the scheduler's clock: nobody adjusts either. */
static uint64_t read_wall(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return nanoseconds(&now);
}

static void arm(const struct hst_stream *stream)
{
	__asm__ volatile("movq %1, %%fs:(%0)"
			 :
			 : "r"(stream->canary_at), "r"(stream->canary)
			 : "memory");
}

/* Zero or one of ours: then it may be set. */
static bool is_free(uint64_t value)
{
	return value == 0 || value - (uint64_t)hst_canaries < sizeof hst_canaries;
}

/* Too many looks, or another library has the canary: gap mode, for some seconds. */
static void judge(struct hst_stream *stream, const struct hst_look *look, uint64_t wall)
{
	struct hst_cpu *cpu = &stream->cpu;
	uint64_t ticks = look->ticks - cpu->since;
	uint64_t ns = wall - cpu->since_ns;

	if (cpu->mode == HST_CLOCK_MODE_GAP) {
		if (ns >= AGAIN_NS && has_area()) {
			set_mode(stream, HST_CLOCK_MODE_RSEQ);
			cpu->looks = 0;
		}
		return;
	}
	if (cpu->looks == 0) {
		cpu->since = look->ticks;
		cpu->since_ns = wall;
		cpu->spent = 0;
		cpu->foreign = 0;
	}
	cpu->spent += look->cost;
	if (++cpu->looks < LOOKS_JUDGED) {
		return;
	}
	cpu->looks = 0;
	if (cpu->spent > ticks / COST_SHARE ||
		(uint64_t)cpu->foreign * NS_PER_SECOND > ns * FOREIGN_MOST) {
		set_mode(stream, HST_CLOCK_MODE_GAP);
		cpu->since_ns = wall;
	}
}

/* What the clocks say at one moment. */
struct moment {
	uint64_t ticks;
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

static void set_base(struct hst_cpu *cpu, const struct moment *now)
{
	cpu->ticks = now->ticks;
	cpu->wall_ns = now->wall_ns;
	cpu->cpu_ns = now->cpu_ns;
}

/*
 * Off the CPU since the look before, in ns and ticks. Where the two clocks seem to say that the thread ran for longer than time
 * passed, which is how precisely they can be read, the next look has as much less.
 */
static uint64_t off_since(struct hst_cpu *cpu, const struct moment *now, uint64_t *ret_ticks)
{
	uint64_t passed = now->wall_ns - cpu->wall_ns;
	int64_t off = (int64_t)(passed - (now->cpu_ns - cpu->cpu_ns));
	uint64_t span = now->ticks - cpu->ticks;

	set_base(cpu, now);
	*ret_ticks = 0;
	if (off < 0) {
		cpu->wall_ns += (uint64_t)(off < -DEFICIT_MOST ? DEFICIT_MOST : -off);
		return 0;
	}
	if ((int64_t)passed <= 0 || (int64_t)span <= 0) {
		return 0;
	}
	if ((uint64_t)off > passed) {
		off = (int64_t)passed;
	}
	*ret_ticks = (uint64_t)((double)off * ((double)span / (double)passed));
	*ret_ticks = *ret_ticks < span ? *ret_ticks : span;
	return (uint64_t)off;
}

static long read_moment(const struct hst_stream *stream, struct moment *ret_now)
{
	long got = read_thread(stream, &ret_now->cpu_ns);

	if (got == 0) {
		ret_now->wall_ns = read_wall();
		ret_now->ticks = hst_ticks();
	}
	return got;
}

/*
 * The thread was away and the canary lives. Either a hypervisor took the time, or this kernel does not clear it: a sleep of one
 * nanosecond tells, once in a process. The next look finds it, like any other absence.
 */
static void doubt_canary(struct hst_stream *stream)
{
	if (__atomic_load_n(&tested, __ATOMIC_RELAXED) == 0) {
		arm(stream);
		hst_sys_nap(1);
		__atomic_store_n(&tested, hst_canary_alive(stream) ? TEST_FAILED : TEST_PASSED,
			__ATOMIC_RELAXED);
	}
	if (!has_area()) {
		set_mode(stream, HST_CLOCK_MODE_GAP);
		stream->cpu.since_ns = stream->cpu.wall_ns;
	}
}

bool hst_cpu_look(struct hst_stream *stream, struct hst_look *ret_look)
{
	struct hst_cpu *cpu = &stream->cpu;
	struct hst_look look = { 0 };
	uint64_t began = hst_ticks();
	uint64_t canary = hst_canary_now(stream);
	bool rseq = cpu->mode == HST_CLOCK_MODE_RSEQ;
	bool alive = rseq && canary == stream->canary;
	struct moment now;
	long got;

	if (cpu->mode == HST_CLOCK_MODE_NONE) {
		return false;
	}
	/* Before the clock is read: a switch in between is then found at the next hook, as one without time. */
	if (rseq && is_free(canary)) {
		arm(stream);
	} else if (rseq) {
		cpu->foreign++;
	}
	got = read_moment(stream, &now);
	if (got != 0) {
		if (got != -EINVAL) {
			set_mode(stream, HST_CLOCK_MODE_NONE);
		}
		return false;
	}
	if (cpu->ticks == 0) {
		set_base(cpu, &now);
	} else if (off_since(cpu, &now, &look.off) > SUSPECT_NS && alive) {
		doubt_canary(stream);
	}
	look.ticks = cpu->ticks;
	/* Reading the clock is when the scheduler sees that another thread is due: it is often switched out here. */
	look.cost = now.ticks - began < LOOK_MOST ? now.ticks - began : LOOK_MOST;
	judge(stream, &look, cpu->wall_ns);
	*ret_look = look;
	return true;
}
