/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the data directories that the golden tests read: golden_traces SCENARIO DIRECTORY.
 * Functions are regions, because regions bring their names with them, or lie in a module that does
 * not exist. Everything is fixed: the clock has 2 GHz, the pid is 4711.
 */
#include "golden_journals.h"
#include "tracegen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REGION(number) (HST_REGION_BASE + 16ull * (number))
#define CODE           0x555500000000ull
#define US             2000ull /* ticks */
#define START          1000000ull

struct scenario {
	const char *name;
	void (*make)(const char *directory);
};

static void name_regions(struct tracegen *gen, const char *const *names)
{
	for (uint32_t i = 0; names[i] != NULL; i++) {
		tracegen_region(gen, i, names[i]);
	}
}

static void enter(struct tracegen_stream *stream, uint64_t us, uint32_t region)
{
	tracegen_enter(stream, START + us * US, REGION(region), REGION(region));
}

static void leave(struct tracegen_stream *stream, uint64_t us)
{
	tracegen_exit(stream, START + us * US);
}

static struct tracegen *begin(uint32_t pid)
{
	struct tracegen_options options = { .start_ticks = START, .pid = pid };
	struct tracegen *gen = tracegen_create(&options);

	tracegen_module(gen, "/no/such/app", CODE, CODE, CODE + 0x10000, "\x12\x34", 2);
	return gen;
}

static void save(struct tracegen *gen, const char *directory, const char *name)
{
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	if (!tracegen_save(gen, path)) {
		perror(path);
		exit(1);
	}
	tracegen_destroy(gen);
}

/* main calls parse three times, eval recurs, fail throws; a second thread works beside it. */
static void make_basic(const char *directory)
{
	static const char *const names[] = { "main", "parse", "eval", "fail", "worker", NULL };
	struct tracegen *gen = begin(4711);
	struct tracegen_stream *first;
	struct tracegen_stream *second;

	name_regions(gen, names);
	tracegen_header(gen)->cost_inside_256 = 10 * 256;
	tracegen_header(gen)->cost_outside_256 = 20 * 256;
	first = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	enter(first, 0, 0);
	for (uint64_t i = 0; i < 3; i++) {
		enter(first, 100 + 100 * i, 1);
		enter(first, 110 + 100 * i, 2);
		enter(first, 120 + 100 * i, 2);
		leave(first, 130 + 100 * i + 5 * i);
		leave(first, 160 + 100 * i);
		leave(first, 180 + 100 * i);
	}
	enter(first, 500, 3);
	tracegen_exit_error(first, START + 510 * US);
	enter(first, 520, 3);
	tracegen_enter(first, START + 521 * US, CODE + 0x1234, CODE + 0x1200);
	tracegen_unwind(first, START + 530 * US, 1, 2);
	leave(first, 1000);
	tracegen_thread_end(first, START + 1000 * US);
	second = tracegen_thread(gen, 4712, HST_LANE_MAIN, NULL);
	enter(second, 200, 4);
	enter(second, 300, 2);
	leave(second, 400);
	leave(second, 700);
	tracegen_thread_end(second, START + 700 * US);
	tracegen_end(gen, START + 1000 * US, HST_END_EXIT, 0);
	save(gen, directory, "4711.1.hst");
}

/* The hooks' own cost is measured, and what calling them costs if they do nothing: `empty_ns` per call. */
static void make_calls(const char *directory, uint32_t calls, uint32_t empty_ns)
{
	static const char *const names[] = { "main", "step", NULL };
	struct tracegen *gen = begin(4711);
	struct hst_file_header *header = tracegen_header(gen);
	struct tracegen_stream *stream;

	name_regions(gen, names);
	header->cost_inside_256 = 40 * 256;
	header->cost_outside_256 = 40 * 256;
	header->cost_count = 1;
	/* The analyzer takes it twice (HST_EMPTY_SHARE); two ticks are a nanosecond. */
	header->cost_empty_256[0] = empty_ns * 256;
	stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	enter(stream, 0, 0);
	for (uint64_t i = 0; i < calls; i++) {
		enter(stream, 1 + i, 1);
		tracegen_exit(stream, START + (1 + i) * US + US / 2);
	}
	leave(stream, 100);
	tracegen_end(gen, START + 100 * US, HST_END_EXIT, 0);
	save(gen, directory, "4711.1.hst");
}

static void make_empty(const char *directory)
{
	make_calls(directory, 49, 1000);
}

/* Calling the hooks would take more than the program did. */
static void make_floor(const char *directory)
{
	make_calls(directory, 49, 2500);
}

/* Names that must not reach a terminal, a table, JSON or CSV as they are. */
static void make_nasty(const char *directory)
{
	static const char *const names[] = { "ma\x1b[31min", "a;b c\td\ne",
		"quote\"back\\slash,comma", "broken\xff\xc3(", "\xe2\x80\xaeright to left",
		"=cmd()",
		"a::very<long, template<name>>::that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on::"
		"and_on_for_more_than_a_line_has_room_for",
		NULL };
	struct tracegen *gen = begin(4711);
	struct tracegen_stream *stream;

	name_regions(gen, names);
	stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	for (uint32_t i = 0; i < 7; i++) {
		enter(stream, 10ull * i, i);
	}
	for (uint32_t i = 0; i < 7; i++) {
		leave(stream, 100 + 10ull * i);
	}
	tracegen_thread_end(stream, START + 200 * US);
	tracegen_end(gen, START + 200 * US, HST_END_EXIT, 0);
	save(gen, directory, "4711.1.hst");
}

/* A parent, its fork that goes on below the parent's frames, and a process that was killed. */
static void make_fork(const char *directory)
{
	static const char *const names[] = { "main", "child_work", "loop", NULL };
	struct tracegen *gen = begin(100);
	struct tracegen_stream *stream;

	name_regions(gen, names);
	stream = tracegen_thread(gen, 100, HST_LANE_MAIN, NULL);
	enter(stream, 0, 0);
	leave(stream, 500);
	tracegen_end(gen, START + 500 * US, HST_END_EXIT, 0);
	save(gen, directory, "100.1.hst");
	gen = begin(101);
	name_regions(gen, names);
	tracegen_header(gen)->flags |= HST_FLAG_FORKED;
	stream = tracegen_thread(gen, 101, HST_LANE_MAIN, NULL);
	tracegen_inherit(stream, REGION(0), REGION(0));
	enter(stream, 110, 1);
	leave(stream, 210);
	tracegen_end(gen, START + 300 * US, HST_END__EXIT, 7);
	save(gen, directory, "101.1.hst");
	gen = begin(102);
	name_regions(gen, names);
	stream = tracegen_thread(gen, 102, HST_LANE_MAIN, NULL);
	enter(stream, 20, 2);
	enter(stream, 30, 1);
	leave(stream, 90);
	save(gen, directory, "102.1.hst");
}

/* Events, then the limit, then a calling-context tree. */
static void make_limit(const char *directory)
{
	static const char *const names[] = { "main", "step", NULL };
	struct hst_profile_node nodes[3] = { 0 };
	struct hst_profile_open open = { .start = START + 100 * US, .node = 1, .carried = 1 };
	struct tracegen *gen = begin(4711);
	struct tracegen_stream *stream;

	name_regions(gen, names);
	tracegen_header(gen)->flags |= HST_FLAG_LIMIT_REACHED;
	stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	enter(stream, 0, 0);
	enter(stream, 50, 1);
	leave(stream, 60);
	tracegen_limit(stream, START + 100 * US);
	nodes[1] = (struct hst_profile_node){ .ret = REGION(0), .fn = REGION(0), .active = 1 };
	nodes[1].min = UINT64_MAX;
	nodes[2] = (struct hst_profile_node){ .ret = REGION(1),
		.fn = REGION(1),
		.parent = 1,
		.calls = 6,
		.total = 60 * US,
		.self = 60 * US,
		.min = 8 * US,
		.max = 12 * US };
	nodes[2].histogram[hst_histogram_bucket(10 * US)] = 6;
	(void)tracegen_profile(gen, stream, nodes, 3, 8, &open, 1);
	tracegen_end(gen, START + 200 * US, HST_END_EXIT, 0);
	save(gen, directory, "4711.1.hst");
}

/* A chunk is missing, calls were lost, the clock went on. */
static void make_gap(const char *directory)
{
	static const char *const names[] = { "main", "step", NULL };
	struct tracegen *gen = begin(4711);
	struct tracegen_stream *stream;

	name_regions(gen, names);
	stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	tracegen_ledger(stream)->lost_calls = 3;
	enter(stream, 0, 0);
	enter(stream, 10, 1);
	leave(stream, 20);
	tracegen_lost(stream, START + 25 * US, 3);
	tracegen_gap(stream);
	enter(stream, 100, 1);
	leave(stream, 110);
	leave(stream, 120);
	tracegen_end(gen, START + 120 * US, HST_END_EXIT, 0);
	save(gen, directory, "4711.1.hst");
}

/* A gap below more frames than a chunk lists; those at the bottom are listed by a later one. */
static void make_deep_gap(const char *directory)
{
	static const char *const names[] = { "main", "descend", "leaf", NULL };
	struct tracegen *gen = begin(4711);
	struct tracegen_stream *stream;

	name_regions(gen, names);
	stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	enter(stream, 0, 0);
	for (uint64_t i = 0; i < 80; i++) {
		enter(stream, 10 + 10 * i, 1);
	}
	tracegen_gap(stream);
	enter(stream, 1000, 2);
	for (uint64_t i = 0; i < 61; i++) {
		leave(stream, 1010 + 10 * i);
	}
	tracegen_rollover(stream);
	enter(stream, 2000, 2);
	leave(stream, 2010);
	for (uint64_t i = 0; i < 21; i++) {
		leave(stream, 2020 + 10 * i);
	}
	tracegen_end(gen, START + 2300 * US, HST_END_EXIT, 0);
	save(gen, directory, "4711.1.hst");
}

static void block(struct tracegen_stream *stream, uint64_t us, uint64_t place, uint64_t address,
	uint64_t bytes)
{
	tracegen_alloc(stream, START + us * US, CODE + place, HST_ALLOCATOR_MALLOC, address, bytes,
		(24 - bytes % 16) % 16);
	tracegen_allocator(stream, START + us * US, US / 10, 64);
}

/* Blocks that are freed at once, by another thread, never; a realloc that moves; a mapping. */
static void make_blocks(struct tracegen *gen)
{
	struct tracegen_stream *first = tracegen_thread(gen, 100, HST_LANE_MAIN, NULL);
	struct tracegen_stream *second = tracegen_thread(gen, 101, HST_LANE_MAIN, NULL);

	enter(first, 0, 0);
	tracegen_memory(first, START + 1 * US, 300, 33, 5000);
	block(first, 10, 0x10, 0x7f0000000010, 1000);
	enter(first, 20, 1);
	for (uint64_t i = 0; i < 10; i++) {
		block(first, 30 + 10 * i, 0x20, 0x7f0000001010, 100 + i);
		tracegen_free(first, START + (35 + 10 * i) * US, 0x7f0000001010);
	}
	block(first, 150, 0x30, 0x7f0000002010, 64);
	leave(first, 160);
	tracegen_release(first, START + 170 * US, 0x7f0000000010);
	tracegen_alloc(first, START + 180 * US, CODE + 0x40, HST_ALLOCATOR_REALLOC, 0x7f0000003010,
		4000, 8);
	tracegen_map(first, START + 190 * US, CODE + 0x50, HST_ALLOCATOR_MMAP, 0x7e0000000000,
		1u << 20, 0);
	tracegen_stack(first, START + 195 * US, CODE + 0x60, 8u << 20);
	tracegen_alloc(first, START + 196 * US, CODE + 0x70, HST_ALLOCATOR_CALLOC, 0, 1ull << 40,
		UINT64_MAX);
	enter(second, 200, 2);
	tracegen_free(second, START + 210 * US, 0x7f0000002010);
	leave(second, 220);
	tracegen_thread_end(second, START + 230 * US);
	tracegen_unmap(first, START + 300 * US, 0x7e0000000000, 1u << 20);
	tracegen_memory(first, START + 400 * US, 280, 40, 5200);
	leave(first, 500);
}

/* Memory recorded; malloc of another module before ours; not asked for. */
static void make_memory(const char *directory)
{
	static const char *const names[] = { "main", "churn", "worker", NULL };
	struct tracegen *gen = begin(100);
	struct tracegen_stream *stream;

	name_regions(gen, names);
	make_blocks(gen);
	tracegen_header(gen)->memory = HST_MEMORY_ON;
	tracegen_header(gen)->cost_memory_256 = 30 * 256;
	tracegen_header(gen)->cost_timer_256 = 24 * 256;
	tracegen_header(gen)->page_bytes = 4096;
	memcpy(tracegen_header(gen)->allocator, "/lib/libc.so.6", 15);
	tracegen_end(gen, START + 500 * US, HST_END_EXIT, 0);
	save(gen, directory, "100.1.hst");
	for (uint32_t pid = 102; pid < 105; pid++) {
		gen = begin(pid);
		name_regions(gen, names);
		stream = tracegen_thread(gen, pid, HST_LANE_MAIN, NULL);
		enter(stream, 300, 2);
		leave(stream, 400);
		if (pid != 104) {
			tracegen_header(gen)->memory = HST_MEMORY_FOREIGN;
			memcpy(tracegen_header(gen)->allocator, "/usr/lib/lib\x1b[31mmalloc.so",
				27);
		}
		tracegen_end(gen, START + 500 * US, HST_END_EXIT, 0);
		save(gen, directory,
			pid == 102   ? "102.1.hst"
			: pid == 103 ? "103.1.hst"
				     : "104.1.hst");
	}
}

static void off(struct tracegen_stream *stream, uint64_t us, uint64_t off_us)
{
	tracegen_off_cpu(stream, START + us * 2000, off_us * 2000, 0);
}

/* Waits of known length, in two threads; the second one's last chunk is coarse, and it waits to the end. */
static void make_waits(const char *directory)
{
	static const char *const names[] = { "main", "read_input", "compute", "worker", "await",
		NULL };
	struct tracegen *gen = begin(4711);
	struct tracegen_stream *first;
	struct tracegen_stream *second;

	name_regions(gen, names);
	first = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	second = tracegen_thread(gen, 4712, HST_LANE_MAIN, NULL);
	tracegen_clock(first, HST_CLOCK_MODE_RSEQ);
	tracegen_clock(second, HST_CLOCK_MODE_RSEQ);
	enter(first, 0, 0);
	enter(first, 10, 1);
	off(first, 5010, 4900);
	leave(first, 5010);
	enter(first, 5020, 2);
	off(first, 9000, 300);
	leave(first, 9020);
	enter(second, 100, 3);
	for (uint64_t i = 0; i < 3; i++) {
		enter(second, 1000 + 4000 * i, 4);
		off(second, 3000 + 4000 * i, 1500 + 100 * i);
		leave(second, 3000 + 4000 * i);
	}
	tracegen_clock(second, HST_CLOCK_MODE_GAP);
	tracegen_rollover(second);
	enter(second, 13000, 4);
	enter(first, 15000, 1);
	off(first, 19000, 3999);
	leave(first, 19000);
	leave(first, 20000);
	save(gen, directory, "4711.0.hst");
}

/* A wait at the end of a hundred calls of functions with names that do not all fit into a cell. */
static void make_deep_wait(const char *directory)
{
	struct tracegen *gen = begin(4711);
	struct tracegen_stream *stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	char name[40];

	for (uint32_t i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "call_with_the_number_%u", i);
		tracegen_region(gen, i, name);
	}
	tracegen_clock(stream, HST_CLOCK_MODE_RSEQ);
	for (uint32_t i = 0; i < 100; i++) {
		enter(stream, 10 * i, i);
	}
	off(stream, 9000, 5000);
	for (uint32_t i = 0; i < 100; i++) {
		leave(stream, 9000 + 10 * i);
	}
	save(gen, directory, "4711.0.hst");
}

static const struct scenario scenarios[] = {
	{ "basic", make_basic },
	{ "empty", make_empty },
	{ "floor", make_floor },
	{ "nasty", make_nasty },
	{ "fork", make_fork },
	{ "limit", make_limit },
	{ "gap", make_gap },
	{ "deepgap", make_deep_gap },
	{ "memory", make_memory },
	{ "waits", make_waits },
	{ "deepwait", make_deep_wait },
	{ "build", golden_build },
	{ "many", golden_many },
	{ "hostile", golden_hostile },
};

static void write_session(const char *directory)
{
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/session", directory);
	file = fopen(path, "w");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	fputs("hasten-data 1\nroot 4711\ncommand ./app --fast\ncwd /home/someone\n"
	      "started 1700000000\nstatus 0\nfinished 1\n",
		file);
	if (fclose(file) != 0) {
		exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3 || mkdir(argv[2], 0700) != 0) {
		fprintf(stderr, "usage: golden_traces SCENARIO NEW-DIRECTORY\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
		if (strcmp(scenarios[i].name, argv[1]) == 0) {
			write_session(argv[2]);
			scenarios[i].make(argv[2]);
			return 0;
		}
	}
	fprintf(stderr, "golden_traces: no scenario %s\n", argv[1]);
	return 2;
}
