/* SPDX-License-Identifier: Apache-2.0 */
/* Critical path, concurrency, serial stretches, samples. */
#include "read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void begin(struct journalgen *gen)
{
	journalgen_init(gen);
	journalgen_run(gen, MS(0), 100, 90, true);
	journalgen_start(gen, MS(0), 100, 90, "/bin/root", "root");
}

static void run(struct journalgen *gen, uint64_t from_ms, uint64_t to_ms, uint32_t pid,
	uint32_t ppid, const char *command, bool waited)
{
	char exe[32];

	(void)snprintf(exe, sizeof exe, "/bin/%s", command);
	journalgen_spawn(gen, MS(from_ms), MS(from_ms), ppid, pid, 0, exe, command);
	journalgen_start(gen, MS(from_ms), pid, ppid, exe, command);
	journalgen_end(gen, MS(to_ms), pid, 0);
	if (waited) {
		journalgen_wait(gen, MS(to_ms), ppid, pid, 0);
	}
}

static struct hst_processes end(struct journalgen *gen, uint64_t at_ms)
{
	journalgen_end(gen, MS(at_ms), 100, 0);
	journalgen_run(gen, MS(at_ms), 100, 90, false);
	return read_gen(gen, HST_PROGRAM_UNKNOWN);
}

struct step {
	const char *command;
	uint64_t start_ms, end_ms;
};

static void check_steps(const struct hst_processes *result, const struct step *steps, size_t count)
{
	assert_int_equal(result->step_count, count);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(
			result->images[result->steps[i].image].command, steps[i].command);
		assert_int_equal(result->steps[i].start_ns, MS(steps[i].start_ms));
		assert_int_equal(result->steps[i].end_ns, MS(steps[i].end_ms));
	}
}

/*
 *   root ──────────────────────────────── 0-100
 *     a ───────── 10-40                       (ends before c begins: on the path)
 *     b ────── 10-30                          (side by side with a: not)
 *     c            ─────────── 45-90
 *       d            ──── 50-60
 *       e               ────── 55-85          (ended last within c)
 *     f                      ─── 80-95, not waited for
 */
static void test_time_critical_path(void **state)
{
	static const struct step steps[] = { { "root", 0, 10 }, { "a", 10, 40 }, { "root", 40, 45 },
		{ "c", 45, 55 }, { "e", 55, 85 }, { "c", 85, 90 }, { "root", 90, 100 } };
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	run(&gen, 10, 40, 101, 100, "a", true);
	run(&gen, 10, 30, 102, 100, "b", true);
	journalgen_spawn(&gen, MS(45), MS(45), 100, 103, 0, "/bin/c", "c");
	journalgen_start(&gen, MS(46), 103, 100, "/bin/c", "c");
	run(&gen, 50, 60, 104, 103, "d", true);
	run(&gen, 55, 85, 105, 103, "e", true);
	journalgen_end(&gen, MS(90), 103, 0);
	journalgen_wait(&gen, MS(91), 100, 103, 0);
	run(&gen, 80, 95, 106, 100, "f", false);
	result = end(&gen, 100);
	check_steps(&result, steps, sizeof steps / sizeof steps[0]);
	assert_int_equal(image_of(&result, "root", 0)->critical_ns, MS(10 + 5 + 10));
	assert_int_equal(image_of(&result, "c", 0)->critical_ns, MS(15));
	assert_int_equal(image_of(&result, "b", 0)->critical_ns, 0);
	for (size_t i = 0; i < result.command_count; i++) {
		if (strcmp(result.commands[i].command, "e") == 0) {
			assert_int_equal(result.commands[i].critical_ns, MS(30));
		}
	}
	hst_processes_finish(&result);
}

/* A process that execs is on the path with each of its images. */
static void test_time_critical_path_through_exec(void **state)
{
	static const struct step steps[] = { { "root", 0, 10 }, { "sh", 10, 20 }, { "b", 20, 30 },
		{ "root", 30, 50 } };
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_spawn(&gen, MS(10), MS(10), 100, 101, 0, "/bin/sh", "sh -c b");
	journalgen_start(&gen, MS(11), 101, 100, "/bin/sh", "sh -c b");
	journalgen_exec(&gen, MS(20), 101, 100, "/bin/b", "b");
	journalgen_start(&gen, MS(21), 101, 100, "/bin/b", "b");
	journalgen_end(&gen, MS(30), 101, 0);
	journalgen_wait(&gen, MS(30), 100, 101, 0);
	result = end(&gen, 50);
	check_steps(&result, steps, sizeof steps / sizeof steps[0]);
	hst_processes_finish(&result);
}

/*
 *   root ────────────────────────── 0-100, leaf 0-10, 60-100
 *     a ────────── 10-60
 *       b  ──── 20-50
 *     c      ───── 30-60
 */
static void test_time_leaves_and_stretches(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_spawn(&gen, MS(10), MS(10), 100, 101, 0, "/bin/a", "a");
	journalgen_start(&gen, MS(10), 101, 100, "/bin/a", "a");
	run(&gen, 20, 50, 102, 101, "b", true);
	run(&gen, 30, 60, 103, 100, "c", true);
	journalgen_end(&gen, MS(60), 101, 0);
	journalgen_wait(&gen, MS(60), 100, 101, 0);
	result = end(&gen, 100);
	/* One leaf 0-30 and 60-100, two 30-60 (b and c, then a and c). */
	assert_true(result.concurrency > 1.2999 && result.concurrency < 1.3001);
	assert_int_equal(result.concurrency_max, 2);
	assert_int_equal(result.serial_ns, MS(70));
	assert_int_equal(result.stretch_count, 2);
	assert_int_equal(result.stretches[0].start_ns, MS(60));
	assert_int_equal(result.stretches[0].end_ns, MS(100));
	assert_string_equal(result.images[result.stretches[0].image].command, "root");
	assert_int_equal(result.stretches[1].start_ns, 0);
	assert_int_equal(result.stretches[1].end_ns, MS(30));
	/* root, a and b had 10 ms each: the first to have them. */
	assert_string_equal(result.images[result.stretches[1].image].command, "root");
	hst_processes_finish(&result);
}

/* One after the other is not side by side, also without a gap. */
static void test_time_sequence_is_serial(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	run(&gen, 10, 20, 101, 100, "a", true);
	run(&gen, 20, 90, 102, 100, "b", true);
	result = end(&gen, 100);
	assert_int_equal(result.concurrency_max, 1);
	assert_int_equal(result.serial_ns, MS(100));
	assert_true(result.concurrency > 0.9999 && result.concurrency < 1.0001);
	assert_int_equal(result.stretch_count, 1);
	assert_string_equal(result.images[result.stretches[0].image].command, "b");
	hst_processes_finish(&result);
}

/* Half a second of a machine with two processors. */
static struct hst_processes read_machine(void)
{
	struct hst_journal_system machine = { .record.mono_ns = MS(100),
		.cpu_user_ns = MS(1000),
		.cpu_system_ns = MS(500),
		.cpu_idle_ns = MS(3000),
		.cpu_iowait_ns = MS(40),
		.cpu_steal_ns = HST_JOURNAL_UNKNOWN,
		.context_switches = 1000,
		.forks = 50,
		.memory_total = 8000,
		.memory_available = 3000,
		.swap_total = 100,
		.swap_free = 90,
		.read_bytes = 4096,
		.written_bytes = 900,
		.pressure_cpu_us = 1000,
		.pressure_memory_us = HST_JOURNAL_UNKNOWN,
		.pressure_io_us = 0,
		.load_1m_1000 = 1500,
		.processors = 2,
		.running = 3 };
	struct journalgen gen;

	begin(&gen);
	journalgen_system(&gen, &machine);
	machine.record.mono_ns = MS(600);
	machine.cpu_user_ns += MS(600);
	machine.cpu_system_ns += MS(100);
	machine.cpu_idle_ns += MS(200);
	machine.cpu_iowait_ns += MS(100);
	machine.context_switches += 50;
	machine.forks += 1;
	machine.read_bytes += 1000;
	machine.written_bytes = 100; /* a disk is gone */
	machine.pressure_cpu_us += 250000;
	machine.pressure_io_us += 5000;
	machine.memory_available = 2000;
	journalgen_system(&gen, &machine);
	return end(&gen, 700);
}

static void test_time_samples_of_the_machine_become_rates(void **state)
{
	struct hst_processes result = read_machine();
	const struct hst_system_sample *sample;

	(void)state;
	assert_int_equal(result.system.sample_count, 2);
	sample = &result.system.samples[0];
	assert_int_equal(sample->span_ns, 0);
	assert_int_equal(sample->user, HST_SYSTEM_UNKNOWN32);
	assert_int_equal(sample->read_bytes_s, HST_SYSTEM_UNKNOWN);
	assert_int_equal(sample->memory_used, 5000);
	assert_int_equal(sample->swap_used, 10);
	sample = &result.system.samples[1];
	assert_int_equal(sample->at_ns, MS(600));
	assert_int_equal(sample->span_ns, MS(500));
	assert_int_equal(sample->user, 600);
	assert_int_equal(sample->system, 100);
	assert_int_equal(sample->iowait, 100);
	assert_int_equal(sample->steal, HST_SYSTEM_UNKNOWN32);
	assert_int_equal(sample->context_switches_s, 100);
	assert_int_equal(sample->forks_s, 2);
	assert_int_equal(sample->read_bytes_s, 2000);
	assert_int_equal(sample->written_bytes_s, HST_SYSTEM_UNKNOWN);
	assert_int_equal(sample->pressure_cpu, 500);
	assert_int_equal(sample->pressure_memory, HST_SYSTEM_UNKNOWN32);
	assert_int_equal(sample->pressure_io, 10);
	assert_int_equal(sample->memory_used, 6000);
	assert_int_equal(sample->load_1000, 1500);
	assert_int_equal(sample->processors, 2);
	assert_int_equal(result.system.interval_ns, 100000000);
	assert_int_equal(result.system.sampling_ns, 7000);
	hst_processes_finish(&result);
}

/* Samples go to the image that ran then; a process that no hook saw is known by them alone. */
static void test_time_samples_of_processes(void **state)
{
	struct hst_journal_sample sample = { .record = { .mono_ns = MS(20), .pid = 101 },
		.ppid = 100,
		.threads = 2,
		.state = 'R',
		.user_ns = MS(10),
		.system_ns = 0,
		.rss_bytes = 5000,
		.hwm_bytes = 6000,
		.start_ns = 77 };
	const struct hst_process_image *unseen;
	const struct hst_process_image *image;
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_spawn(&gen, MS(10), MS(10), 100, 101, 0, "/bin/sh", "sh -c b");
	journalgen_start(&gen, MS(11), 101, 100, "/bin/sh", "sh -c b");
	journalgen_sample(&gen, &sample, "sh");
	journalgen_exec(&gen, MS(25), 101, 100, "/bin/b", "b");
	journalgen_start(&gen, MS(26), 101, 100, "/bin/b", "b");
	sample.record.mono_ns = MS(40);
	sample.user_ns = MS(20);
	sample.system_ns = MS(5);
	sample.hwm_bytes = 9000;
	journalgen_sample(&gen, &sample, "b");
	journalgen_wait(&gen, MS(50), 100, 101, 9);
	/* A little late: the process is gone. */
	sample.record.mono_ns = MS(51);
	journalgen_sample(&gen, &sample, "b");
	sample.record = (struct hst_journal_record){ .mono_ns = MS(60), .pid = 300 };
	sample.start_ns = 99;
	journalgen_sample(&gen, &sample, "static");
	sample.record.mono_ns = MS(80);
	journalgen_sample(&gen, &sample, "static");
	result = end(&gen, 100);
	assert_int_equal(result.processes, 3);
	assert_int_equal(result.system.process_count, 5);
	image = image_of(&result, "sh", 0);
	assert_int_equal(image->sample_count, 1);
	assert_string_equal(result.system.processes[image->first_sample].name, "sh");
	assert_int_equal(result.system.processes[image->first_sample].cpu, HST_SYSTEM_UNKNOWN32);
	image = image_of(&result, "b", 0);
	assert_int_equal(image->sample_count, 2);
	assert_int_equal(result.system.processes[image->first_sample].cpu, 750);
	assert_int_equal(result.system.processes[image->first_sample].state, 'R');
	/* Killed, and its maxrss is not told: a lower bound. */
	assert_int_equal(image->hwm_bytes, 9000);
	assert_int_equal(image->hwm_source, HST_PROCESS_HWM_LOWER);
	unseen = image_of(&result, "static", 0);
	assert_int_equal(unseen->blind, HST_PROCESS_BLIND_NOT_SEEN);
	assert_int_equal(unseen->parent, 0);
	assert_int_equal(unseen->cpu_ns, MS(25));
	assert_true((unseen->flags & HST_PROCESS_USAGE_ESTIMATED) != 0);
	assert_true((unseen->flags & HST_PROCESS_START_UNKNOWN) != 0);
	assert_int_equal(unseen->end_ns, MS(80));
	assert_int_equal(unseen->class, HST_PROCESS_CLASS_LOST);
	hst_processes_finish(&result);
}

/* A sample between a fork and the child's first record is no process of its own. */
static void test_time_samples_before_the_first_record(void **state)
{
	struct hst_journal_sample sample = {
		.record = { .mono_ns = MS(20), .pid = 101 }, .ppid = 100, .start_ns = 5
	};
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_sample(&gen, &sample, "root");
	journalgen_fork(&gen, MS(21), 101, 100);
	journalgen_wait(&gen, MS(25), 100, 101, 0);
	sample.record = (struct hst_journal_record){ .mono_ns = MS(30), .pid = 102 };
	journalgen_sample(&gen, &sample, "root");
	journalgen_start(&gen, MS(31), 102, 100, "/bin/sh", "sh -c x");
	journalgen_wait(&gen, MS(35), 100, 102, 0);
	sample.record = (struct hst_journal_record){ .mono_ns = MS(40), .pid = 103 };
	journalgen_sample(&gen, &sample, "root");
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_exec(&gen, MS(41), 103, 100, "/bin/b", "b");
	journalgen_start(&gen, MS(42), 103, 100, "/bin/b", "b");
	journalgen_wait(&gen, MS(45), 100, 103, 0);
	/* A static program, its dynamic child, and later another process with its pid. */
	sample.record = (struct hst_journal_record){ .mono_ns = MS(50), .pid = 104 };
	journalgen_sample(&gen, &sample, "static");
	journalgen_start(&gen, MS(51), 105, 104, "/bin/c", "c");
	journalgen_end(&gen, MS(52), 105, 0);
	sample.record = (struct hst_journal_record){ .mono_ns = MS(60), .pid = 106 };
	journalgen_sample(&gen, &sample, "other");
	journalgen_fork(&gen, MS(5000), 106, 100);
	journalgen_wait(&gen, MS(5001), 100, 106, 0);
	result = end(&gen, 6000);
	assert_int_equal(result.processes, 8);
	assert_int_equal(result.image_count, 8);
	assert_int_equal(image_of(&result, "sh", 0)->parent, 0);
	assert_int_equal(image_of(&result, "sh", 0)->sample_count, 1);
	assert_int_equal(image_of(&result, "b", 0)->began, HST_PROCESS_BEGAN_SPAWN);
	assert_int_equal(image_of(&result, "c", 0)->parent, index_of(&result, "static", 0));
	assert_int_equal(image_of(&result, "other", 0)->sample_count, 1);
	assert_true(has_note(&result, "of 2 processes nothing but the end or a sample"));
	hst_processes_finish(&result);
}

/* The peak of a static program, which a fork execs, is not that of the copy before. */
static void test_time_samples_of_a_blind_image(void **state)
{
	struct hst_journal_sample sample = { .record = { .mono_ns = MS(20), .pid = 101 },
		.ppid = 100,
		.hwm_bytes = 100,
		.start_ns = 5 };
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_fork(&gen, MS(15), 101, 100);
	journalgen_sample(&gen, &sample, "root");
	journalgen_exec(&gen, MS(25), 101, 100, "/bin/static", "static");
	sample.record.mono_ns = MS(30);
	sample.hwm_bytes = 7000;
	journalgen_sample(&gen, &sample, "static");
	journalgen_wait(&gen, MS(50), 100, 101, 0);
	result = end(&gen, 100);
	assert_int_equal(result.image_count, 3);
	assert_string_equal(result.images[2].command, "static");
	assert_int_equal(result.images[2].hwm_bytes, 7000);
	assert_int_equal(result.images[2].hwm_source, HST_PROCESS_HWM_LOWER);
	assert_int_equal(result.images[2].sample_count, 1);
	assert_int_equal(result.images[1].hwm_bytes, 100);
	assert_int_equal(result.images[1].sample_count, 1);
	hst_processes_finish(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_critical_path),
		cmocka_unit_test(test_time_critical_path_through_exec),
		cmocka_unit_test(test_time_leaves_and_stretches),
		cmocka_unit_test(test_time_sequence_is_serial),
		cmocka_unit_test(test_time_samples_of_the_machine_become_rates),
		cmocka_unit_test(test_time_samples_of_processes),
		cmocka_unit_test(test_time_samples_before_the_first_record),
		cmocka_unit_test(test_time_samples_of_a_blind_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
