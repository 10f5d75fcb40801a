/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is fixed: the recording begins at 5 s of the clock, the first process is 4711. No file that is named exists. */
#include "golden_journals.h"

#include "journalgen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define MS(value) (UINT64_C(5000000000) + UINT64_C(1000000) * (value))
#define MIB       (UINT64_C(1) << 20)
#define ROOT      4711u
#define LAUNCHER  4700u
#define EXITED(n) ((n) << 8)

static void save(struct journalgen *gen, const char *directory)
{
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/%s", directory, HST_JOURNAL_NAME);
	if (!journalgen_save(gen, path)) {
		perror(path);
		exit(1);
	}
	journalgen_finish(gen);
}

/* What the next record says was used. */
static void used(struct journalgen *gen, uint64_t user_ms, uint64_t system_ms, uint64_t hwm_mib)
{
	gen->next.usage.user_ns = user_ms * 1000000;
	gen->next.usage.system_ns = system_ms * 1000000;
	gen->next.usage.hwm_bytes = hwm_mib == 0 ? HST_JOURNAL_UNKNOWN : hwm_mib * MIB;
	gen->next.usage.minor_faults = 10 * user_ms;
	gen->next.usage.major_faults = 0;
	gen->next.usage.voluntary = 3;
	gen->next.usage.involuntary = 1;
	gen->next.usage.blocks_in = 0;
	gen->next.usage.blocks_out = 8;
}

/* vfork and exec by `parent`; begins at `ms`. */
static void start(struct journalgen *gen, uint64_t ms, uint32_t pid, uint32_t parent,
	const char *exe, const char *command)
{
	gen->next.flags = HST_JOURNAL_VFORKED;
	journalgen_exec(gen, MS(ms), pid, parent, exe, command);
	gen->next.cwd = "/build/app";
	journalgen_start(gen, MS(ms) + 500000, pid, parent, exe, command);
}

/* Its own end, and that of its parent's wait. */
static void end(struct journalgen *gen, uint64_t ms, uint32_t pid, uint32_t parent, int32_t status)
{
	struct hst_journal_usage usage = gen->next.usage;

	journalgen_end(gen, MS(ms), pid, status);
	gen->next.usage = usage;
	gen->next.usage.hwm_bytes = HST_JOURNAL_UNKNOWN;
	journalgen_wait(gen, MS(ms) + 100000, parent, pid, EXITED(status));
}

/* gcc with its cc1 and as; 100 ms for each unit of `work`. */
static void compile(struct journalgen *gen, uint64_t ms, uint32_t pid, uint64_t work,
	const char *gcc, const char *cc1, int32_t status)
{
	start(gen, ms, pid, ROOT, "/opt/gcc/bin/gcc", gcc);
	start(gen, ms + 10, pid + 1, pid, "/opt/gcc/lib/cc1", cc1);
	used(gen, 80 * work, 10 * work, 20 + 10 * work);
	end(gen, ms + 10 + 100 * work, pid + 1, pid, status);
	if (status == 0) {
		start(gen, ms + 12 + 100 * work, pid + 2, pid, "/opt/gcc/bin/as",
			"as -o a.o /tmp/ccAb12Xy.s");
		used(gen, 4, 2, 5);
		end(gen, ms + 22 + 100 * work, pid + 2, pid, 0);
	}
	/* What gcc waited for is not its own. */
	used(gen, 2, 3, 3);
	end(gen, ms + 25 + 100 * work, pid, ROOT, status);
}

static void others(struct journalgen *gen)
{
	/* A fork that looks through PATH for python3; twice the same. */
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t ms = 700 + 100 * i;

		journalgen_fork(gen, MS(ms), 4760 + i, ROOT);
		gen->next.path = "/opt/none:/usr/games:/opt/python/bin:/bin";
		gen->next.call = HST_CALL_EXECVP;
		journalgen_exec(gen, MS(ms) + 200000, 4760 + i, ROOT, "python3", "python3 gen.py");
		gen->next.cwd = "/build/app";
		gen->next.limits.cpu_seconds = 10;
		journalgen_start(gen, MS(ms + 2), 4760 + i, ROOT, "/opt/python/bin/python3",
			"python3 gen.py");
		used(gen, 50, 10, 9);
		end(gen, ms + 90, 4760 + i, ROOT, 0);
	}
	/* Known from its parent only. */
	journalgen_spawn(
		gen, MS(900), MS(902), ROOT, 4770, 0, "/no/such/static-tool", "static-tool --all");
	used(gen, 6, 1, 0);
	gen->next.usage.maxrss_bytes = 2 * MIB;
	journalgen_wait(gen, MS(915), ROOT, 4770, EXITED(0));
	/* The program that was built dies. */
	start(gen, 920, 4780, ROOT, "/build/app/app", "./app --self-test");
	used(gen, 15, 1, 0);
	gen->next.usage.maxrss_bytes = 7 * MIB;
	journalgen_wait(gen, MS(940), ROOT, 4780, SIGSEGV | 0x80);
	/* And one that is not there. */
	journalgen_spawn(gen, MS(950), MS(951), ROOT, 0, ENOENT, "no-such-tool", "no-such-tool -x");
}

static void samples(struct journalgen *gen)
{
	for (uint64_t i = 0; i < 5; i++) {
		struct hst_journal_system system = { .record.mono_ns = MS(2 + 249 * i),
			.cpu_user_ns = 300000000 * i,
			.cpu_system_ns = 50000000 * i,
			.cpu_idle_ns = 150000000 * i,
			.cpu_iowait_ns = 0,
			.cpu_steal_ns = 0,
			.context_switches = 500 * i,
			.forks = 4 * i,
			.memory_total = 2048 * MIB,
			.memory_available = (1500 - 20 * i) * MIB,
			.read_bytes = i * i * MIB,
			.written_bytes = HST_JOURNAL_UNKNOWN,
			.pressure_cpu_us = 10000 * i * i,
			.pressure_memory_us = 0,
			.pressure_io_us = HST_JOURNAL_UNKNOWN,
			.load_1m_1000 = 500 + 100 * i,
			.processors = 2,
			.running = 1 + (uint32_t)i % 3 };
		struct hst_journal_sample sample = { .record = { .mono_ns = MS(2 + 249 * i),
							     .pid = ROOT },
			.ppid = LAUNCHER,
			.threads = 1,
			.state = 'S',
			.user_ns = 2000000 * i,
			.system_ns = 1000000 * i,
			.rss_bytes = (2 + i) * MIB,
			.hwm_bytes = (2 + i) * MIB,
			.virtual_bytes = 20 * MIB };

		journalgen_system(gen, &system);
		journalgen_sample(gen, &sample, "make");
	}
}

void golden_build(const char *directory)
{
	struct journalgen gen;

	journalgen_init(&gen);
	journalgen_run(&gen, MS(0), ROOT, LAUNCHER, true);
	gen.next.cwd = "/build/app";
	journalgen_start(&gen, MS(1), ROOT, LAUNCHER, "/opt/make", "make -j2 check");
	compile(&gen, 10, 4720, 1, "gcc -c a.c", "cc1 -quiet /build/app/a.c -o /tmp/ccAb12Xy.s", 0);
	compile(&gen, 12, 4730, 3, "gcc -c b.c", "cc1 -quiet b.c -o /tmp/cczZ9qW1.s", 0);
	compile(&gen, 150, 4740, 2, "gcc -c c.c", "cc1 -quiet c.c -o /tmp/ccPq77Rs.s", 0);
	compile(&gen, 400, 4750, 2, "gcc -c bad.c", "cc1 -quiet bad.c -o /tmp/ccK1k2k3.s", 1);
	others(&gen);
	samples(&gen);
	used(&gen, 20, 12, 4);
	journalgen_end(&gen, MS(1000), ROOT, 2);
	gen.next.flags = HST_JOURNAL_LAUNCHER;
	used(&gen, 20, 12, 0);
	journalgen_wait(&gen, MS(1001), LAUNCHER, ROOT, EXITED(2));
	journalgen_run(&gen, MS(1002), ROOT, LAUNCHER, false);
	save(&gen, directory);
}

void golden_many(const char *directory)
{
	struct journalgen gen;

	journalgen_init(&gen);
	journalgen_run(&gen, MS(0), ROOT, LAUNCHER, true);
	gen.next.cwd = "/build/app";
	journalgen_start(&gen, MS(1), ROOT, LAUNCHER, "/opt/driver", "driver");
	for (uint32_t i = 0; i < 40; i++) {
		start(&gen, 10 + 20 * i, 5000 + i, ROOT, i == 20 ? "/opt/ld" : "/opt/tool",
			i == 20 ? "ld -o app" : "tool input");
		used(&gen, 10 + i, 1, 3);
		end(&gen, 25 + 20 * i, 5000 + i, ROOT, i == 7 ? 3 : 0);
	}
	used(&gen, 5, 5, 2);
	journalgen_end(&gen, MS(900), ROOT, 0);
	journalgen_run(&gen, MS(901), ROOT, LAUNCHER, false);
	save(&gen, directory);
}

void golden_hostile(const char *directory)
{
	static const char noise[24] = "not a record at all....";
	struct journalgen gen;

	journalgen_init(&gen);
	journalgen_run(&gen, MS(0), ROOT, LAUNCHER, true);
	gen.next.cwd = "/tmp/\x1b]0;title\a";
	journalgen_start(&gen, MS(1), ROOT, LAUNCHER, "/opt/\x1b[31mred",
		"\x1b[31mred \xff\xfe --\xe2\x80\xae=\xc2\x9b"
		"2J it's a\nb");
	journalgen_raw(&gen, noise, sizeof noise);
	start(&gen, 10, 4720, ROOT, "/opt/x,y\"z", "=cmd|'/c calc' \"quoted\"");
	used(&gen, 5, 5, 3);
	end(&gen, 20, 4720, ROOT, 1);
	journalgen_raw(&gen, gen.bytes, 20); /* a record that was cut */
	save(&gen, directory);
}
